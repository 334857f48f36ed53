"""`levensloop classify`, `detect` and `explain`: files in, files out, on the champion or any release named.

Bookings pass in a stream, so that a table of any size takes the same memory.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pandas as pd
from rich.console import Console

from models.booking_stream import BookingStream, open_stream
from models.detection import classify_bookings, detect_events, no_classifications
from models.errors import PartlyReadError, UsageError
from models.events import no_detections
from models.home import find_home
from models.progress import track_total
from models.purposes import AMSTERDAM
from models.release import Release, load_release
from models.whole_customers import divide, in_order
from models.writing import open_answer


def classify_file(bookings: Path, *, out: Path, release_id: str | None) -> None:
    """Write booking_id, label, probability and abstained for every booking of a table, in its order.

    Raises
    ------
    UsageError
        `out` cannot be written.
    UnreadableDataError
        `bookings` is no bookings table, or a part of it cannot be read; nothing is written.
    PartlyReadError
        Some rows were left out; the answer for the others is written.
    """
    release = _open_release(release_id)
    with open_answer(out, no_classifications()) as add:
        reading = _open_bookings(bookings)
        reading.for_chunks("Classifying bookings", lambda frame: add(classify_bookings(frame, release=release)))
    reading.require_all_read(out)


def detect_file(bookings: Path, *, out: Path, as_of: date | None, release_id: str | None) -> None:
    """Write every detection of a table's customers as of a day (inclusive); errors as of `classify_file`."""
    as_of = _known_day(as_of)
    release = _open_release(release_id)
    with open_answer(out, _days_as_text(no_detections())) as add:

        def detect(frame: pd.DataFrame) -> None:
            add(_days_as_text(detect_events(frame, as_of=as_of, release=release)))

        reading = _open_bookings(bookings)
        reading.for_customers("Detecting life events", detect)
    reading.require_all_read(out)


def explain_file(bookings: Path, *, out: Path, as_of: date | None, release_id: str | None) -> None:
    """Write what carried each detection of a table's customers, per booking; errors as of `classify_file`."""
    from models.explaining import explain_detections, no_explanations

    as_of = _known_day(as_of)
    release = _open_release(release_id)
    with open_answer(out, _days_as_text(no_explanations())) as add:

        def explain(frame: pd.DataFrame) -> None:
            found = detect_events(frame, as_of=as_of, release=release)
            add(_days_as_text(explain_detections(frame, found, release=release)))

        reading = _open_bookings(bookings)
        reading.for_customers("Explaining life events", explain)
    reading.require_all_read(out)


def _known_day(as_of: date | None) -> date:
    today = datetime.now(AMSTERDAM).date()
    if as_of is not None and as_of > today:
        raise UsageError(f"{as_of} is in the future. Give today or an earlier day with --as-of.")
    return as_of or today


def _days_as_text(table: pd.DataFrame) -> pd.DataFrame:
    days = [name for name in ("onset_date", "detected_on") if name in table]
    text = {name: table[name].astype("datetime64[s]").dt.strftime("%Y-%m-%d").astype("str") for name in days}
    return table.assign(**text)


def _open_release(release_id: str | None) -> Release:
    release = load_release(find_home(), release_id, allow_demo=True)
    if release.warning:
        Console(stderr=True, highlight=False).print(release.warning, markup=False)
    return release


def _open_bookings(path: Path) -> "_Reading":
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with track_total("Looking for repeated bookings (rows)", total=None) as advance:
        stream = open_stream(path, advance=advance)
    for note in stream.notes:
        console.print(note, markup=False)
    return _Reading(stream, console)


@dataclass
class _Reading:
    """A bookings table on its way: rows that are left out go to stderr as they are met, and are counted."""

    stream: BookingStream
    console: Console
    rows: int = 0
    left_out: int = 0

    def for_chunks(self, work: str, act: Callable[[pd.DataFrame], None]) -> None:
        """Do the work on all bookings, in the order of the table."""
        self._work(self._frames(), work, act)

    def for_customers(self, work: str, act: Callable[[pd.DataFrame], None]) -> None:
        """Do the work on all bookings, whole customers at a time, in order of customer."""
        stream = self.stream
        with ExitStack() as stack:
            if stream.in_order:
                frames = in_order(self._frames())
            else:
                with track_total("Sorting bookings by customer", total=stream.rows) as advance:
                    chunks = self._frames(advance)
                    frames = stack.enter_context(divide(chunks, stream.sample, bookings=stream.rows))
            self._work(frames, work, act)

    def _work(self, frames: Iterator[pd.DataFrame], work: str, act: Callable[[pd.DataFrame], None]) -> None:
        with track_total(work, total=self.stream.rows) as advance:
            for frame in frames:
                act(frame)
                advance(len(frame))
        self.console.print(f"{self.stream.name}: {self.rows} rows read, {self.left_out} left out.")

    def _frames(self, advance: Callable[[int], None] = lambda _rows: None) -> Iterator[pd.DataFrame]:
        for read in self.stream.chunks():
            for problem in read.problems:
                self.console.print(str(problem), markup=False)
            self.rows += read.rows_read
            self.left_out += len(read.problems)
            yield read.frame
            advance(read.rows_read)

    def require_all_read(self, out: Path) -> None:
        """PartlyReadError when rows were left out."""
        if self.left_out:
            raise PartlyReadError(
                f"{self.left_out} rows of {self.stream.name} were left out, for the reasons above. "
                f"The answer for the others is in {out.name}."
            )
