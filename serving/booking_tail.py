"""The source that needs no broker: a file to which bookings are appended, one JSON object per line (NDJSON).

A line counts when its newline is there. Where the reading stands is kept in the state folder, with a fingerprint of
what came before it, so that a file that was cut or replaced is noticed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as arrow

from models.bookings import COLUMN_NAMES, RowProblem, parse_bookings
from models.canonical import canonical_json, framed_sha256, parse_json, read_json, sha256_of
from models.durable import write_durably
from models.errors import IntegrityError, UnreadableDataError
from serving.stream import Delivery

READ_BYTES = 8_000_000  # about 20,000 bookings; no line may be longer
_MARK_BYTES = 4_096  # of what comes before the position, to know the file again
_PRIVATE = 0o600


@dataclass(frozen=True)
class _Place:
    """Bytes and lines that were read, and the hash of the last bytes of them."""

    offset: int = 0
    line: int = 0
    mark: str = sha256_of(b"")

    def as_text(self) -> str:
        return canonical_json({"offset": self.offset, "line": self.line, "mark": self.mark})


class BookingTail:
    """A `BookingSource` over one file; `folder` is where it keeps its place, one for each `reader`."""

    def __init__(self, file: Path, folder: Path, *, reader: str) -> None:
        self._file = file.resolve()
        self._kept = folder / f"tail-{framed_sha256(str(self._file), reader)[:32]}.json"

    def read(self) -> Delivery | None:
        """The next whole lines.

        Raises
        ------
        UnreadableDataError
            The file is not there, is another one than before, or has a line that is far too long.
        IntegrityError
            The kept place is damaged.
        """
        place = self._load_place()
        data = self._read_behind(place)
        end = data.rfind(b"\n") + 1
        if not end:
            if len(data) < READ_BYTES:
                return None
            raise UnreadableDataError(
                f"{self._file.name}:{place.line + 1} is longer than {READ_BYTES} bytes. Give one booking per line."
            )
        lines = data[:end].split(b"\n")[:-1]
        bookings, problems = _parse_lines(lines, source=self._file.name, first=place.line + 1)
        before = self._bytes(max(0, place.offset + end - _MARK_BYTES), place.offset + end)
        behind = _Place(place.offset + end, place.line + len(lines), sha256_of(before))
        return Delivery(bookings, behind.as_text(), problems)

    def commit(self, position: str) -> None:
        """Keep the place, durably."""
        write_durably(self._kept, position.encode(), mode=_PRIVATE)

    def forget(self) -> None:
        """Begin at the start of the file again; bookings that are known already change nothing."""
        self._kept.unlink(missing_ok=True)

    def _load_place(self) -> _Place:
        try:
            return _Place(**read_json(self._kept, dict))
        except FileNotFoundError:
            return _Place()
        except TypeError as error:
            raise IntegrityError(f"{self._kept.name} is damaged. Follow with --from-start.") from error

    def _read_behind(self, place: _Place) -> bytes:
        before = self._bytes(max(0, place.offset - _MARK_BYTES), place.offset)
        if sha256_of(before) != place.mark:
            raise UnreadableDataError(
                f"{self._file.name} was cut or replaced: what was read before is not in it any more. Give the whole "
                "file, a new one under another name, or read this one from its start with --from-start."
            )
        return self._bytes(place.offset, place.offset + READ_BYTES)

    def _bytes(self, begin: int, end: int) -> bytes:
        try:
            with self._file.open("rb") as file:
                file.seek(begin)
                return file.read(end - begin)
        except OSError as error:
            raise UnreadableDataError(f"{self._file.name} cannot be read. Give a file of bookings, NDJSON.") from error


def _parse_lines(lines: Iterable[bytes], *, source: str, first: int) -> tuple[pd.DataFrame, list[RowProblem]]:
    """Bookings of the lines that keep the contract; a problem for every other one, in order of line."""
    records: list[dict[str, Any]] = []
    numbers: list[int] = []
    problems: list[RowProblem] = []
    for number, line in enumerate(lines, start=first):
        record = _parse_line(line)
        if isinstance(record, str):
            problems.append(RowProblem(source, number, record))
        else:
            records.append(record)
            numbers.append(number)
    columns = {name: [record.get(name) for record in records] for name in COLUMN_NAMES}
    table = arrow.table({name: arrow.array(values, arrow.string()) for name, values in columns.items()})
    # The same booking again is no problem here: the last one counts.
    read = parse_bookings(
        table,
        source=source,
        lines=np.array(numbers, dtype=np.int64),
        find_repeated=lambda good: np.zeros(len(good), bool),
    )
    return read.frame, sorted([*problems, *read.problems], key=lambda problem: problem.line)


def _parse_line(line: bytes) -> dict[str, Any] | str:
    """The fields of a booking, or why the line is none."""
    try:
        record = parse_json(line.decode(), dict, source="a line")
        text = "".join(value for value in record.values() if isinstance(value, str)).encode()
    except (IntegrityError, UnicodeError):
        return "is not a JSON object"
    if b"\0" in text:
        return "holds a character that no database keeps"
    given = {name: record[name] for name in COLUMN_NAMES if record.get(name) is not None}
    wrong = [name for name, value in given.items() if not isinstance(value, str)]
    if wrong:
        return f"{wrong[0]} is not a text; write every value as a text, amounts too"
    if not given.get("customer_id", "").strip():
        return "customer_id is empty, which detection needs"
    return given
