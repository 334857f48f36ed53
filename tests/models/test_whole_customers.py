"""Whole customers out of a stream, and nothing of them left behind."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.bookings import bookings_from_records
from models.errors import UsageError
from models.whole_customers import divide, in_order


def bookings(customers: str) -> pd.DataFrame:
    """One booking per letter, of the customer of that letter; ids count."""
    return bookings_from_records(
        [
            {"customer_id": letter, "booking_id": str(n), "booking_date": "2026-07-01", "amount": f"{n + 1}.10",
             "value_date": "2026-07-02"[: n % 2 * 10], "credit_debit_indicator": "DBIT", "counterparty_name": "x"}
            for n, letter in enumerate(customers)
        ],
        source="test",
    ).frame  # fmt: skip


def pieces(frame: pd.DataFrame, rows: int) -> list[pd.DataFrame]:
    return [frame[at : at + rows].reset_index(drop=True) for at in range(0, len(frame), rows)]


@pytest.mark.parametrize("piece", [1, 2, 3, 100])
@pytest.mark.parametrize("rows", [1, 4, 100])
def test_customers_in_order_stay_whole_and_lose_nothing(piece: int, rows: int) -> None:
    frame = bookings("aabbbbbbbcd")
    told = list(in_order(pieces(frame, piece), rows=rows))
    pd.testing.assert_frame_equal(pd.concat(told, ignore_index=True), frame)
    assert sum(part["customer_id"].nunique() for part in told) == 4


def test_customers_in_order_are_given_as_soon_as_they_are_whole() -> None:
    told = [part["customer_id"].sum() for part in in_order(pieces(bookings("aabbbc"), 2), rows=4)]
    assert told == ["aa", "bbb", "c"]


@pytest.mark.parametrize("piece", [1, 4, 100])
@pytest.mark.parametrize("rows", [1, 3, 100])
def test_customers_in_any_order_come_out_whole_and_in_order(piece: int, rows: int) -> None:
    frame = bookings("dabacabbad")
    sample = np.sort(frame["customer_id"].to_numpy(dtype=object))
    with divide(pieces(frame, piece), sample, bookings=len(frame), rows=rows) as parts:
        told = list(parts)
    together = pd.concat(told, ignore_index=True)
    pd.testing.assert_frame_equal(together, frame.sort_values("customer_id", kind="stable", ignore_index=True))
    assert together["booking_id"].tolist() == ["1", "3", "5", "8", "2", "6", "7", "4", "0", "9"]
    assert sum(part["customer_id"].nunique() for part in told) == 4


def test_no_bookings_are_no_customers() -> None:
    assert list(in_order([bookings("")])) == []
    with divide([bookings("")], np.empty(0, dtype=object), bookings=0) as parts:
        assert list(parts) == []


def test_scratch_files_have_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    frame = bookings("ba" * 20)
    with divide([frame], np.array(["a", "b"], dtype=object), bookings=40, rows=20) as parts:
        assert list(tmp_path.iterdir()) == []
        assert len(list(parts)) == 2


def test_a_temporary_folder_that_is_gone_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(UsageError, match="set TMPDIR"), divide([], np.empty(0), bookings=0):
        pass
