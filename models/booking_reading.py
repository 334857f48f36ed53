"""A bookings table on its way through a command: progress, rows left out with their reasons, whole customers in order.

Bookings pass in a stream, so that a table of any size takes the same memory.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from rich.console import Console

from models.booking_stream import CHUNK_ROWS, BookingStream, open_stream
from models.progress import track_total
from models.whole_customers import divide, in_order

Door = Callable[[pd.DataFrame], pd.DataFrame]  # the bookings that may go on


def open_reading(path: Path) -> "BookingReading":
    """Look at the keys of a bookings table, a file or a folder of Parquet files; errors as of `open_stream`."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with track_total("Looking for repeated bookings (rows)", total=None) as advance:
        stream = open_stream(path, advance=advance)
    for note in stream.notes:
        console.print(note, markup=False)
    return BookingReading(stream, console)


@dataclass
class BookingReading:
    """What was read so far; rows that are left out go to stderr as they are met, and are counted by reason."""

    stream: BookingStream
    console: Console
    rows: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def left_out(self) -> int:
        """Rows left out so far."""
        return self.reasons.total()

    def for_chunks(self, work: str, act: Callable[[pd.DataFrame], None]) -> None:
        """Do the work on all bookings, in the order of the table."""
        with track_total(work, total=self.stream.rows) as advance:
            for frame in self._frames(advance):
                act(frame)
        self._say_rows()

    def for_customers(
        self,
        work: str,
        act: Callable[[pd.DataFrame], None],
        *,
        door: Door = lambda frame: frame,
        rows: int = CHUNK_ROWS,
    ) -> None:
        """Do the work on whole customers, about `rows` bookings at a time, in order of customer.

        What the door does not let through is neither sorted nor kept in a scratch file.
        """
        with track_total(work, total=self.stream.rows) as advance, self._whole(door, advance, rows) as frames:
            for frame in frames:
                act(frame)
        self._say_rows()

    @contextmanager
    def _whole(self, door: Door, advance: Callable[[int], None], rows: int) -> Iterator[Iterator[pd.DataFrame]]:
        stream = self.stream
        if stream.in_order:
            yield in_order((door(frame) for frame in self._frames(advance, rows)), rows=rows)
            return
        with track_total("Sorting bookings by customer", total=stream.rows) as sorting:
            chunks = (door(frame) for frame in self._frames(sorting, rows))
            with divide(chunks, stream.sample, bookings=stream.rows, rows=rows) as frames:
                yield _counted(frames, advance)

    def _frames(
        self, advance: Callable[[int], None] = lambda _rows: None, rows: int = CHUNK_ROWS
    ) -> Iterator[pd.DataFrame]:
        for read in self.stream.chunks(rows):
            for problem in read.problems:
                self.console.print(str(problem), markup=False)
            self.rows += read.rows_read
            self.reasons.update(problem.reason for problem in read.problems)
            yield read.frame
            advance(read.rows_read)

    def _say_rows(self) -> None:
        self.console.print(f"{self.stream.name}: {self.rows} rows read, {self.left_out} left out.", markup=False)


def _counted(frames: Iterator[pd.DataFrame], advance: Callable[[int], None]) -> Iterator[pd.DataFrame]:
    for frame in frames:
        yield frame
        advance(len(frame))
