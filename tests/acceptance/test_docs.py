"""Pages and notebooks that cannot lie: what they name exists, they hold no results and tell nothing of a machine."""

import ast
import json
import re
from pathlib import Path

import pytest

from models.command_line import TELEMETRY_OFF
from models.errors import IntegrityError, NoReleaseError, UsageError

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
_LONGEST_CELL = 22
_VARIABLE = re.compile(r"\bLEVENSLOOP_[A-Z]+(?:_[A-Z]+)*\b")
_GUARD = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def functions_of(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)}


def missing_guards(text: str) -> list[str]:
    """Tests that a page names and that are not there."""
    named = _GUARD.findall(text)
    known = {file: functions_of(ROOT / file) if (ROOT / file).is_file() else set() for file, _ in named}
    return [f"{file}::{test}" for file, test in named if test not in known[file]]


def missing_links(page: Path) -> list[str]:
    """Relative links of a page that lead nowhere."""
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    return [link for link in links if ":" not in link and not (page.parent / link).exists()]


def test_every_guard_of_a_security_property_is_a_test() -> None:
    text = (ROOT / "docs" / "security.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "Guard |" not in line]
    assert len(rows) > 40
    assert [row for row in rows if not _GUARD.search(row)] == []
    assert missing_guards(text) == []


def test_a_guard_that_is_gone_is_named() -> None:
    gone = ["tests/test_layers.py::test_that_nobody_wrote", "tests/no_file.py::test_x"]
    assert missing_guards(" ".join(f"`{name}`" for name in gone)) == gone


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_and_files_of_a_page_are_there(page: Path) -> None:
    text = page.read_text("utf-8")
    assert missing_links(page) == []
    named = re.findall(r"`((?:models|training|serving|tests|docs)/[\w/.-]+\.\w+)`", text)
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", [*PAGES, *NOTEBOOKS], ids=lambda page: page.stem)
def test_no_page_tells_of_a_machine(page: Path) -> None:
    assert re.findall(r"/(?:work|tmp|home|Users)/\w+|pypi|--index-url", page.read_text("utf-8")) == []


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_a_notebook_is_kept_without_results_and_in_short_cells(notebook: Path) -> None:
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["id"] for cell in code if cell["outputs"] or cell["execution_count"]] == []
    assert [cell["id"] for cell in code if len(cell["source"]) > _LONGEST_CELL] == []


def test_every_variable_that_pages_and_units_name_is_read_somewhere() -> None:
    deployed = [path for path in (ROOT / "docs" / "deploy").iterdir() if path.is_file()]
    named = {name for page in [*PAGES, *deployed] for name in _VARIABLE.findall(page.read_text("utf-8"))}
    code = [path for package in ("models", "training", "serving") for path in (ROOT / package).rglob("*.py")]
    assert named - {name for path in code for name in _VARIABLE.findall(path.read_text("utf-8"))} == set()


def test_unit_does_not_start_again_where_a_person_must_look() -> None:
    unit = (ROOT / "docs" / "deploy" / "levensloop.service").read_text("utf-8")
    codes = {IntegrityError.exit_code, NoReleaseError.exit_code, UsageError.exit_code}
    assert f"RestartPreventExitStatus={' '.join(map(str, sorted(codes)))}\n" in unit


def test_container_has_no_telemetry_either() -> None:
    lines = (ROOT / "docs" / "deploy" / "Containerfile").read_text("utf-8")
    assert [name for name, value in TELEMETRY_OFF.items() if f"{name}={value}" not in lines] == []


def test_there_are_four_notebooks() -> None:
    assert [notebook.stem[:2] for notebook in NOTEBOOKS] == ["01", "02", "03", "04"]
