"""`levensloop classify`, `detect` and `explain`: files in, files out, on the champion or any release named.

Bookings pass in a stream, so that a table of any size takes the same memory.
"""

from datetime import date, datetime
from pathlib import Path

import pandas as pd
from rich.console import Console

from models.booking_reading import BookingReading, open_reading
from models.detection import classify_bookings, detect_events, no_classifications
from models.errors import PartlyReadError, UsageError
from models.events import no_detections
from models.home import find_home
from models.purposes import AMSTERDAM
from models.release import Release, load_release
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
        reading = open_reading(bookings)
        reading.for_chunks("Classifying bookings", lambda frame: add(classify_bookings(frame, release=release)))
    _require_all_read(reading, out)


def detect_file(bookings: Path, *, out: Path, as_of: date | None, release_id: str | None) -> None:
    """Write every detection of a table's customers as of a day (inclusive); errors as of `classify_file`."""
    as_of = known_day(as_of)
    release = _open_release(release_id)
    with open_answer(out, _days_as_text(no_detections())) as add:

        def detect(frame: pd.DataFrame) -> None:
            add(_days_as_text(detect_events(frame, as_of=as_of, release=release)))

        reading = open_reading(bookings)
        reading.for_customers("Detecting life events", detect)
    _require_all_read(reading, out)


def explain_file(bookings: Path, *, out: Path, as_of: date | None, release_id: str | None) -> None:
    """Write what carried each detection of a table's customers, per booking; errors as of `classify_file`."""
    from models.explaining import explain_detections, no_explanations

    as_of = known_day(as_of)
    release = _open_release(release_id)
    with open_answer(out, _days_as_text(no_explanations())) as add:

        def explain(frame: pd.DataFrame) -> None:
            found = detect_events(frame, as_of=as_of, release=release)
            add(_days_as_text(explain_detections(frame, found, release=release)))

        reading = open_reading(bookings)
        reading.for_customers("Explaining life events", explain)
    _require_all_read(reading, out)


def known_day(as_of: date | None) -> date:
    """The day to judge, today in Europe/Amsterdam when none is given; UsageError for a day to come."""
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


def _require_all_read(reading: BookingReading, out: Path) -> None:
    """PartlyReadError when rows were left out."""
    if reading.left_out:
        raise PartlyReadError(
            f"{reading.left_out} rows of {reading.stream.name} were left out, for the reasons above. "
            f"The answer for the others is in {out.name}."
        )
