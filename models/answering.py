"""`levensloop classify`, `detect` and `explain`: files in, files out, on the champion or any release named."""

from datetime import date, datetime
from pathlib import Path

import pandas as pd
from rich.console import Console

from models.bookings import BookingsRead, load_bookings
from models.detection import classify_bookings, detect_events
from models.errors import PartlyReadError, UsageError
from models.home import find_home
from models.purposes import AMSTERDAM
from models.release import Release, load_release


def classify_file(bookings: Path, *, out: Path, release_id: str | None) -> None:
    """Write booking_id, label, probability and abstained for every booking of a file.

    Raises
    ------
    UsageError
        `out` cannot be written.
    PartlyReadError
        Some rows were left out; the answer for the others is written.
    """
    release = _open_release(release_id)
    read = _load(bookings)
    _write(classify_bookings(read.frame, release=release), out)
    _require_all_read(read, bookings, out)


def detect_file(bookings: Path, *, out: Path, as_of: date | None, release_id: str | None) -> None:
    """Write every detection of a file's customers as of a day (inclusive); errors as of `classify_file`."""
    as_of = _known_day(as_of)
    release = _open_release(release_id)
    read = _load(bookings)
    _write(_days_as_text(detect_events(read.frame, as_of=as_of, release=release)), out)
    _require_all_read(read, bookings, out)


def explain_file(bookings: Path, *, out: Path, as_of: date | None, release_id: str | None) -> None:
    """Write what carried each detection of a file's customers, per booking; errors as of `classify_file`."""
    from models.explaining import explain_detections

    as_of = _known_day(as_of)
    release = _open_release(release_id)
    read = _load(bookings)
    found = detect_events(read.frame, as_of=as_of, release=release)
    _write(_days_as_text(explain_detections(read.frame, found, release=release)), out)
    _require_all_read(read, bookings, out)


def _known_day(as_of: date | None) -> date:
    today = datetime.now(AMSTERDAM).date()
    if as_of is not None and as_of > today:
        raise UsageError(f"{as_of} is in the future. Give today or an earlier day with --as-of.")
    return as_of or today


def _days_as_text(table: pd.DataFrame) -> pd.DataFrame:
    days = [name for name in ("onset_date", "detected_on") if name in table]
    return table.assign(**{name: table[name].astype("datetime64[s]").dt.strftime("%Y-%m-%d") for name in days})


def _open_release(release_id: str | None) -> Release:
    release = load_release(find_home(), release_id, allow_demo=True)
    if release.warning:
        Console(stderr=True, highlight=False).print(release.warning, markup=False)
    return release


def _load(path: Path) -> BookingsRead:
    read = load_bookings(path)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for line in (*read.notes, *map(str, read.problems)):
        console.print(line, markup=False)
    console.print(f"{path.name}: {read.rows_read} rows read, {len(read.problems)} left out.")
    return read


def _require_all_read(read: BookingsRead, bookings: Path, out: Path) -> None:
    if read.problems:
        raise PartlyReadError(
            f"{len(read.problems)} rows of {bookings.name} were left out, for the reasons above. "
            f"The answer for the others is in {out.name}."
        )


def _write(table: pd.DataFrame, out: Path) -> None:
    """Write under a temporary name first: whatever ends the work, nobody finds half a file under the asked name."""
    half = out.with_name(f".{out.name}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            if out.suffix.lower() in (".parquet", ".pq"):
                table.to_parquet(half, index=False)
            else:
                table.to_csv(half, index=False)
            half.replace(out)
        finally:
            half.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"{out} cannot be written. Give a file in a folder that you may write to with --out."
        ) from error
