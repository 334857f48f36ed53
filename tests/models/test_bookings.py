"""The bookings table: what is accepted, what is reported, and that nothing gets lost in between."""

from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.bookings import (
    COLUMN_NAMES,
    amount_cents,
    bookings_from_records,
    bookings_schema,
    load_bookings,
    no_bookings,
    open_writer,
    signed_cents,
    write_bookings,
)
from models.errors import UnreadableDataError

HEADER = "booking_id,booking_date,amount,credit_debit_indicator,counterparty_name,remittance_information\n"


def read_text(tmp_path: Path, text: str, name: str = "b.csv"):
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return load_bookings(path)


def test_good_rows_become_bookings_that_keep_the_contract(tmp_path: Path) -> None:
    read = read_text(tmp_path, HEADER + "a1,2026-07-01,295.07,CRDT,SVB,KINDERBIJSLAG 2E KWARTAAL\n")
    bookings_schema().validate(read.frame)
    row = read.frame.iloc[0]
    assert (row["amount"], row["booking_date"]) == (Decimal("295.07"), pd.Timestamp("2026-07-01"))
    assert read.frame["counterparty_iban"].tolist() == [""]
    assert read.problems == []


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",2026-07-01,1.00,CRDT,SVB,x", "booking_id is empty"),
        ("a,01-07-2026,1.00,CRDT,SVB,x", "booking_date is not a date (YYYY-MM-DD) from 1970 to 2199"),
        ("a,0001-01-01,1.00,CRDT,SVB,x", "booking_date is not a date (YYYY-MM-DD) from 1970 to 2199"),
        ("a,2026-07-01,1.005,CRDT,SVB,x", "amount has more than two decimals"),
        ("a,2026-07-01,NaN,CRDT,SVB,x", "amount is not a decimal number"),
        ("a,2026-07-01,,CRDT,SVB,x", "amount is not a decimal number"),
        ("a,2026-07-01,0.00,CRDT,SVB,x", "amount is zero"),
        ("a,2026-07-01,-1.00,CRDT,SVB,x", "amount is below zero; the sign belongs in credit_debit_indicator"),
        ("a,2026-07-01,1.00,C,SVB,x", "credit_debit_indicator is neither CRDT nor DBIT"),
        ("a,2026-07-01,1.00,CRDT,,", "counterparty_name and remittance_information are both empty"),
        ("a,2026-07-01,1.00,CRDT,SVB", "has 5 fields where the header has 6"),
    ],
)
def test_a_bad_row_is_reported_with_its_line_and_reason_and_the_rest_goes_on(
    tmp_path: Path, row: str, reason: str
) -> None:
    good = "g,2026-07-01,1.00,CRDT,SVB,x\n"
    read = read_text(tmp_path, HEADER + good + row + "\n" + good.replace("g", "h", 1))
    assert [str(problem) for problem in read.problems] == [f"b.csv:3: {reason}"]
    assert read.frame["booking_id"].tolist() == ["g", "h"]
    assert read.rows_read == len(read.frame) + len(read.problems)


def test_lines_are_right_behind_texts_with_line_breaks_and_behind_short_rows(tmp_path: Path) -> None:
    text = HEADER + 'a,2026-07-01,1,CRDT,SVB,"two\nlines"\nshort\nb,2026-07-01,0,CRDT,SVB,x\n'
    read = read_text(tmp_path, text)
    assert sorted(problem.line for problem in read.problems) == [4, 5]


def test_a_booking_that_stands_twice_counts_once_and_is_reported(tmp_path: Path) -> None:
    row = "a,2026-07-01,1.00,CRDT,SVB,x\n"
    read = read_text(tmp_path, HEADER + row + row)
    assert len(read.frame) == 1
    assert "a second time" in read.problems[0].reason


def test_a_bad_first_row_does_not_make_its_repetition_a_duplicate(tmp_path: Path) -> None:
    read = read_text(tmp_path, HEADER + "a,2026-07-01,0,CRDT,SVB,x\na,2026-07-01,1.00,CRDT,SVB,x\n")
    assert read.frame["amount"].tolist() == [Decimal("1.00")]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("b.csv", b"", "cannot be read"),
        ("b.csv", b"naam,bedrag\nx,1\n", "has no column booking_id"),
        ("b.csv", "booking_id,n\u00e4me\n".encode("cp1252"), "not UTF-8"),
        ("b.parquet", b"PAR1 not really", "cannot be read as Parquet"),
    ],
)
def test_a_file_that_is_no_bookings_table_is_a_clear_error(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableDataError, match=said):
        load_bookings(tmp_path / name)


def test_a_file_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDataError):
        load_bookings(tmp_path / "none.csv")


def test_columns_of_others_are_left_out_and_said(tmp_path: Path) -> None:
    read = read_text(tmp_path, HEADER.replace("\n", ",religion\n") + "a,2026-07-01,1.00,CRDT,SVB,x,secret\n")
    assert list(read.frame.columns) == list(COLUMN_NAMES)
    assert read.notes == ["b.csv: column religion is not part of the bookings table and was left out"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_bookings_come_back_as_they_were_written(tmp_path: Path, suffix: str) -> None:
    record = dict.fromkeys(COLUMN_NAMES, "") | {
        "booking_id": "a", "booking_date": "2026-07-01", "value_date": "2026-07-02", "amount": "9999999999999999.99",
        "credit_debit_indicator": "DBIT", "remittance_information": 'comma, "quote"\nline', "balance_after": "-12.30",
    }  # fmt: skip
    frame = bookings_from_records([{name: value for name, value in record.items() if value}], source="r").frame
    write_bookings(frame, tmp_path / f"b.{suffix}")
    pd.testing.assert_frame_equal(load_bookings(tmp_path / f"b.{suffix}").frame, frame)


def test_an_interrupted_write_leaves_no_table_behind(tmp_path: Path) -> None:
    def write_and_fail() -> None:
        with open_writer(tmp_path / "b.csv") as add:
            add(no_bookings())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    assert list(tmp_path.iterdir()) == []


def test_amounts_of_any_kind_become_the_same_cents() -> None:
    exact = bookings_from_records(
        [{"booking_id": "1", "booking_date": "2026-01-01", "amount": "19.99", "credit_debit_indicator": "DBIT",
          "counterparty_name": "x"}], source="r",
    ).frame  # fmt: skip
    assert amount_cents(exact["amount"]).tolist() == [1999]
    assert signed_cents(exact).tolist() == [-1999]
    assert amount_cents(pd.Series([19.99, 1e15, float("nan")])).tolist() == [1999, 10**17, 0]
    assert amount_cents(pd.Series(["19.99", "0.10"])).tolist() == [1999, 10]


@given(st.lists(st.decimals(min_value="0.01", max_value="9999999999999999.99", places=2), max_size=5))
def test_cents_are_exact_for_every_amount_the_table_can_hold(amounts: list[Decimal]) -> None:
    records = [
        {"booking_id": str(n), "booking_date": "2026-01-01", "amount": str(amount), "credit_debit_indicator": "CRDT",
         "counterparty_name": "x"} for n, amount in enumerate(amounts)
    ]  # fmt: skip
    frame = bookings_from_records(records, source="r").frame
    assert amount_cents(frame["amount"]).tolist() == [int(amount * 100) for amount in amounts]


def test_a_problem_never_tells_what_the_row_said(tmp_path: Path) -> None:
    read = read_text(tmp_path, HEADER + "MARKER,MARKER,MARKER,MARKER,MARKER,MARKER\n")
    assert len(read.problems) == 1
    assert "MARKER" not in str(read.problems[0])


def test_two_writers_of_one_table_never_mix_their_rows(tmp_path: Path) -> None:
    one = bookings_from_records(
        [{"booking_id": "1", "booking_date": "2026-01-01", "amount": "1.00", "credit_debit_indicator": "DBIT",
          "counterparty_name": "x"}], source="r",
    ).frame  # fmt: skip
    with open_writer(tmp_path / "b.csv") as first, open_writer(tmp_path / "b.csv") as second:
        first(one)
        second(one)
        second(one.assign(booking_id="2"))
    assert load_bookings(tmp_path / "b.csv").rows_read == 1
    assert [path.name for path in tmp_path.iterdir()] == ["b.csv"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER.replace("counterparty_name", "booking_id") + "a,2026-01-01,1,DBIT,b,x\n", "a column twice: booking_id"),
        (",".join(f"c{n}" for n in range(2000)) + "\n", "columns or more"),
    ],
)
def test_odd_headers_are_refused_at_once(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UnreadableDataError, match=said):
        read_text(tmp_path, text)
