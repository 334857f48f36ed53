"""Answers in chunks: the same file as in one piece, or none."""

from pathlib import Path

import pandas as pd
import pytest

from models.errors import UsageError
from models.writing import open_answer

EMPTY = pd.DataFrame({"id": pd.Series([], dtype="str"), "share": pd.Series([], dtype="float64")})
TABLE = pd.DataFrame({"id": ["a", 'b "quoted",\nline', "ç"], "share": [0.1, 1 / 3, 1.0]})


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_chunks_make_the_same_file_as_one_piece(tmp_path: Path, rows: int) -> None:
    for name in ("q.csv", "q.parquet"):
        with open_answer(tmp_path / name, EMPTY) as add:
            for at in range(0, 3, rows):
                add(TABLE[at : at + rows])
    TABLE.to_csv(tmp_path / "whole.csv", index=False)
    assert (tmp_path / "q.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "q.parquet"), TABLE)


def test_no_rows_are_a_header_with_types(tmp_path: Path) -> None:
    for name in ("q.csv", "q.parquet"):
        with open_answer(tmp_path / name, EMPTY):
            pass
    assert (tmp_path / "q.csv").read_text() == "id,share\n"
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "q.parquet"), EMPTY)


def write_and_end(out: Path, end: type[BaseException]) -> None:
    with open_answer(out, EMPTY) as add:
        add(TABLE)
        raise end


@pytest.mark.parametrize("name", ["q.csv", "q.parquet"])
@pytest.mark.parametrize("end", [KeyboardInterrupt, UsageError, OSError])
def test_whatever_ends_the_work_the_answer_of_before_stays(tmp_path: Path, name: str, end: type[BaseException]) -> None:
    (tmp_path / name).write_text("of before")
    with pytest.raises(end):
        write_and_end(tmp_path / name, end)
    assert (tmp_path / name).read_text() == "of before"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_in_the_place_of_the_answer_is_told_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"), open_answer(tmp_path, EMPTY):
        pytest.fail("the work began")
