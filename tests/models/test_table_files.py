"""Tables from disk batch by batch: the line of each row, whatever the size of a batch, and folders of Parquet files."""

from pathlib import Path

import pyarrow as arrow
import pytest
from pyarrow import parquet

from models import table_files
from models.errors import UnreadableDataError
from models.table_files import RawTable, open_table

# Line:   1     2     3-4      5       6     7-8           9       10    11
LINES = 'a,b\n' '1,x\n' '2,"y\ny"\n' 'short\n' '3,x\n' '4,"z\nz"\n' 'short\n' '5,x\n' 'short\n'  # fmt: skip


def read(table: RawTable, rows: int) -> tuple[list[str], list[int], list[tuple[int, str]]]:
    batches = list(table.batches(rows))
    values = [value for batch in batches for value in batch.table["a"].to_pylist()]
    return values, [n for batch in batches for n in batch.lines.tolist()], [m for b in batches for m in b.misfits]


@pytest.mark.parametrize("rows", [1, 2, 3, 1000])
@pytest.mark.parametrize("block", [24, 1 << 20])
def test_lines_are_right_in_batches_of_any_size(
    rows: int, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_files, "_BLOCK_BYTES", block)
    (tmp_path / "t.csv").write_text(LINES)
    values, lines, misfits = read(open_table(tmp_path / "t.csv"), rows)
    assert values == ["1", "2", "3", "4", "5"]
    assert lines == [2, 3, 6, 7, 10]
    assert misfits == [(line, "has 1 fields where the header has 2") for line in (5, 9, 11)]


def test_some_columns_are_read_without_the_others(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(LINES)
    parquet.write_table(arrow.table({"a": ["1"], "b": ["x"]}), tmp_path / "t.parquet")
    for name, expected in (("t.csv", ["1", "2", "3", "4", "5"]), ("t.parquet", ["1"])):
        (part,) = open_table(tmp_path / name).read_columns(["a", "none"], 100)
        assert part.to_pydict() == {"a": expected}


def make_folder(folder: Path) -> Path:
    for place, values in {"customer_id=007": ["1", "2"], "customer_id=a%20b": ["3"]}.items():
        (folder / place).mkdir(parents=True)
        parquet.write_table(arrow.table({"a": values}), folder / place / "part.parquet")
    return folder


def test_folders_of_parquet_tell_their_partitions_as_text(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "bank")
    (folder / "_SUCCESS").write_text("")
    (folder / ".half.parquet").write_text("not whole yet")
    table = open_table(folder, partitions=["customer_id"])
    assert table.columns == ["a", "customer_id"]
    told = [(b.source, b.table["customer_id"].to_pylist(), b.lines.tolist()) for b in table.batches(100)]
    assert told == [
        ("bank/customer_id=007/part.parquet", ["007", "007"], [1, 2]),
        ("bank/customer_id=a%20b/part.parquet", ["a b"], [1]),
    ]


def test_a_part_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "bank")
    whole = (folder / "customer_id=a%20b" / "part.parquet").read_bytes()
    (folder / "customer_id=a%20b" / "part.parquet").write_bytes(whole[:-20])
    with pytest.raises(UnreadableDataError, match=r"^bank/customer_id=a%20b/part\.parquet cannot be read as Parquet"):
        list(open_table(folder).batches(100))


def test_a_folder_without_tables_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDataError, match="holds no Parquet file"):
        open_table(tmp_path)
