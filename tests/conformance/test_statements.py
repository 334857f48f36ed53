"""Every real statement file is read with the right number of bookings and totals, or refused with the right reason."""

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from models.bookings import bookings_schema
from models.errors import UnreadableDataError
from models.statements import read_statements

STATEMENTS = Path(__file__).resolve().parents[3] / "shared" / "data" / "statements"
EXPECTED: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("statements.toml").read_text(encoding="utf-8"))[
    "file"
]


@pytest.fixture
def folder() -> Path:
    if not STATEMENTS.is_dir():
        pytest.skip("the real statement files are not beside this repository")
    return STATEMENTS


@pytest.mark.parametrize(
    "expected", [entry for entry in EXPECTED if "refused" not in entry], ids=lambda entry: entry["path"]
)
def test_file_is_read_completely(folder: Path, expected: dict[str, Any]) -> None:
    read = read_statements([folder / expected["path"]])
    (file,) = read.files
    assert file.format == expected["format"]
    assert (file.bookings + file.problems, file.problems) == (expected["rows"], expected["problems"])
    bookings_schema().validate(read.frame)
    stated = [totals.closing for totals in file.totals if totals.closing is not None]
    if "closing" in expected and stated:
        assert Decimal(expected["closing"]) in stated
    if "failing" in expected:
        assert sum(totals.checked and not totals.holds for totals in file.totals) == expected["failing"]


@pytest.mark.parametrize(
    "expected", [entry for entry in EXPECTED if "refused" in entry], ids=lambda entry: entry["path"]
)
def test_file_is_refused_with_its_reason(folder: Path, expected: dict[str, Any]) -> None:
    with pytest.raises(UnreadableDataError) as caught:
        read_statements([folder / expected["path"]])
    assert expected["refused"] in str(caught.value)


def test_no_file_is_forgotten(folder: Path) -> None:
    skipped = {".yml", ".license", ".md"}
    found = {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in skipped and not path.name.startswith("LICENSE")
    }
    assert found == {entry["path"] for entry in EXPECTED}
