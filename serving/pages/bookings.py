"""Where a customer's page looks up the bookings that a life event rests on: at the bank, at that moment, a few of them.

Levensloop keeps no bookings. A bank names its bookings table (`LEVENSLOOP_BOOKINGS`), or puts a source of its own here.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.compute as compute
import pyarrow.dataset as dataset

from models.bookings import load_bookings, no_bookings, parse_bookings
from models.errors import LevensloopError, UsageError


class BookingSource(Protocol):
    """Bookings of one customer by their ids."""

    def find(self, customer_id: str, booking_ids: Collection[str]) -> pd.DataFrame:
        """The bookings table of those that are there; never one of another customer."""


class NoBookings:
    """Nothing to look up: the page then says how many bookings there are."""

    def find(self, customer_id: str, booking_ids: Collection[str]) -> pd.DataFrame:
        """An empty table."""
        return no_bookings()


@dataclass(frozen=True, slots=True)
class TableBookings:
    """A bookings table; of Parquet only what is asked for is read, so give that where there is much."""

    path: Path

    def find(self, customer_id: str, booking_ids: Collection[str]) -> pd.DataFrame:
        """The asked rows; none when the table cannot be read now, for the page has more to say than these."""
        wanted = sorted(set(booking_ids))
        if not wanted:
            return no_bookings()
        try:
            if self.path.suffix == ".parquet":
                mine = (compute.field("customer_id") == customer_id) & compute.field("booking_id").isin(wanted)
                table = dataset.dataset(self.path, format="parquet").to_table(filter=mine)
                return parse_bookings(table, source=self.path.name, lines=np.arange(len(table))).frame
            frame = load_bookings(self.path).frame
        except (OSError, arrow.ArrowException, LevensloopError):
            return no_bookings()
        mine_too = (frame["customer_id"] == customer_id) & frame["booking_id"].isin(wanted)
        return frame[mine_too].reset_index(drop=True)


def open_bookings(path: Path | None) -> BookingSource:
    """The source of a configuration.

    Raises
    ------
    UsageError
        A table is named that is not there.
    """
    if path is None:
        return NoBookings()
    if not path.is_file():
        raise UsageError(f"LEVENSLOOP_BOOKINGS names {path.name}, which is not there. Name a bookings table or none.")
    return TableBookings(path)
