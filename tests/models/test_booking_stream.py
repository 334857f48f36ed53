"""Bookings in chunks: the same bookings, problems and lines as in one piece, and repeats found far apart."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models import booking_stream
from models.booking_stream import open_stream
from models.bookings import load_bookings, write_bookings
from models.errors import UnreadableDataError, UsageError
from models.scratch import needs_room

HEADER = "customer_id,booking_id,booking_date,amount,credit_debit_indicator,counterparty_name,remittance_information\n"


def row(customer: str, booking: str, amount: str = "1.00", text: str = "x") -> str:
    return f'{customer},{booking},2026-07-01,{amount},DBIT,Bakker,"{text}"\n'


# Lines 2 to 9. The key (anna, 1) stands well at 2, 6 and 9; at 4 it is broken; (bert, 1) is another customer's.
MANY = (
    row("anna", "1"), row("anna", "2", "0.00"), row("anna", "1", "no"), row("bert", "1"), row(" anna", "1 "),
    row("bert", "2", text="two\nlines"), "short\n", row("anna", "1"),
)  # fmt: skip


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "b.csv"
    path.write_text(HEADER + "".join(MANY), "utf-8")
    return path


def read_all(path: Path, rows: int) -> tuple[pd.DataFrame, list[str], int]:
    reads = list(open_stream(path).chunks(rows))
    frame = pd.concat([read.frame for read in reads], ignore_index=True)
    return frame, [str(p) for read in reads for p in read.problems], sum(read.rows_read for read in reads)


@pytest.mark.parametrize("rows", [1, 2, 3, 1000])
def test_chunks_of_any_size_hold_what_one_piece_holds(table: Path, rows: int) -> None:
    frame, problems, count = read_all(table, rows)
    again = "booking_id stands here a second time for this customer and account"
    assert problems == [
        "b.csv:3: amount is zero",
        "b.csv:4: amount is not a decimal number",
        f"b.csv:6: {again}",
        "b.csv:9: has 1 fields where the header has 7",
        f"b.csv:10: {again}",
    ]
    assert frame["booking_id"].tolist() == ["1", "1", "2"]
    whole = load_bookings(table)
    pd.testing.assert_frame_equal(frame, whole.frame)
    assert sorted(problems) == sorted(map(str, whole.problems))
    assert count == whole.rows_read == 8


def test_keys_that_share_a_hash_are_told_apart(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = read_all(table, 2)
    monkeypatch.setattr(booking_stream, "_hash_keys", lambda keys: np.full(len(keys[0]), 7, dtype=np.uint64))
    pd.testing.assert_frame_equal(read_all(table, 2)[0], expected[0])
    assert read_all(table, 2)[1] == expected[1]


def test_only_doubtful_keys_are_kept(table: Path) -> None:
    # Two rows of (anna, 1) alone share a hash, so of four different keys one is doubtful.
    assert len(open_stream(table)._doubtful) == 1


def test_a_table_that_changes_while_it_is_read_is_refused(table: Path) -> None:
    chunks = open_stream(table).chunks()
    next(chunks)
    with table.open("a") as file:
        file.write(row("carl", "1"))
    with pytest.raises(UnreadableDataError, match="changed while it was read"):
        list(chunks)


@pytest.mark.parametrize(
    ("customers", "in_order"),
    [(["a", "a", "b"], True), (["a", "b", "a"], False), (["b", "a"], False), ([], True), (["a", "B"], False)],
)
def test_order_of_customers_is_seen_across_pieces(
    customers: list[str], in_order: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(booking_stream, "_SURVEY_ROWS", 1)
    (tmp_path / "b.csv").write_text(HEADER + "".join(row(name, str(n)) for n, name in enumerate(customers)))
    stream = open_stream(tmp_path / "b.csv")
    assert (stream.rows, stream.in_order) == (len(customers), in_order)
    assert stream.sample.tolist() == sorted(customers)


def test_the_sample_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(booking_stream, "_SAMPLED", 64)
    (tmp_path / "b.csv").write_text(HEADER + "".join(row(f"c{n:03}", str(n)) for n in range(500)))
    sample = open_stream(tmp_path / "b.csv").sample
    assert 16 < len(sample) <= 64
    assert sample.tolist() == sorted(set(sample))


def test_a_table_without_customers_and_accounts_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text(
        "booking_id,booking_date,amount,credit_debit_indicator,counterparty_name\n"
        "1,2026-07-01,1.00,DBIT,x\n1,2026-07-01,1.00,DBIT,x\n"
    )
    frame, problems, _ = read_all(tmp_path / "b.csv", 1)
    assert (len(frame), len(problems)) == (1, 1)


def test_what_is_no_bookings_table_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("naam,bedrag\n")
    with pytest.raises(UnreadableDataError, match="has no column booking_id"):
        open_stream(tmp_path / "b.csv")


def test_a_folder_is_one_table_and_repeats_are_found_across_its_parts(table: Path, tmp_path: Path) -> None:
    frame = load_bookings(table).frame
    folder = tmp_path / "bank"
    write_bookings(frame, folder / "1.parquet")
    write_bookings(frame[:1], folder / "2.parquet")
    together, problems, _ = read_all(folder, 1000)
    pd.testing.assert_frame_equal(together, frame)
    assert problems == ["bank/2.parquet:1: booking_id stands here a second time for this customer and account"]


def test_a_full_disk_is_a_usage_error_that_says_where_to_make_room() -> None:
    with pytest.raises(UsageError, match="set TMPDIR"), needs_room():
        raise OSError(os.strerror(28))
