"""A bookings table of any size, checked chunk by chunk: memory does not grow with the number of bookings.

The table is read twice. The first reading looks at the keys alone: it finds the few bookings that may be repeated, and
whether the table is in order of customer. The second gives the bookings, by the same rules as `load_bookings`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.compute as compute

from models.bookings import COLUMN_NAMES, KEY, BookingsRead, RowProblem, as_text, check_columns, parse_bookings
from models.canonical import canonical_json, sha256_of
from models.errors import UnreadableDataError
from models.scratch import needs_room, open_scratch
from models.table_files import RawBatch, RawTable, open_table

CHUNK_ROWS = (
    200_000  # bookings in memory at a time (about 0.5 GB); half of it costs a tenth more CPU time, a tenth of it thrice
)
_SURVEY_ROWS = 65_536
_PARTS = 64  # scratch files for the hashes of keys: of a billion bookings each holds 125 MB
_SAMPLED = 20_000
_BETWEEN = "\x1f"  # between the parts of a key


@dataclass(frozen=True)
class BookingStream:
    """A bookings table whose keys were looked at.

    `rows` counts the rows that have all their fields; `in_order` says that they are in order of customer; `sample` is
    the customers of rows drawn at random, sorted; `notes` are facts about the table as a whole.
    """

    name: str
    rows: int
    in_order: bool
    sample: np.ndarray = field(repr=False)
    notes: list[str]
    _raw: RawTable = field(repr=False)
    _doubtful: np.ndarray = field(repr=False)  # sorted hashes of keys that stand there twice, or seem to
    _state: list[tuple[str, int, int]] = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the names, sizes and times of the table's files: another one is another table."""
        return _fingerprint(self._state)

    def chunks(self, rows: int = CHUNK_ROWS) -> Iterator[BookingsRead]:
        """The bookings and the rows left out, in the order of the table, at most so many rows at a time.

        Raises
        ------
        UnreadableDataError
            A part cannot be read, or the table changed since its keys were looked at.
        """
        seen: set[tuple[str, ...]] = set()
        for batch in self._raw.batches(rows):
            yield _parse(batch, lambda good: self._find_repeated(good, seen))
        if self._raw.state != self._state:
            raise UnreadableDataError(
                f"{self.name} changed while it was read. Wait until it is complete and run the command again."
            )

    def _find_repeated(self, good: pd.DataFrame, seen: set[tuple[str, ...]]) -> np.ndarray:
        """Which rows have a key that was seen; only doubtful keys are ever kept."""
        repeated = np.zeros(len(good), dtype=bool)
        if not len(self._doubtful):
            return repeated
        hashes = _hash_keys([arrow.array(good[name], arrow.string()) for name in KEY])
        place = np.searchsorted(self._doubtful, hashes)
        inside = np.flatnonzero(place < len(self._doubtful))
        doubtful = inside[self._doubtful[place[inside]] == hashes[inside]]
        for at, key in zip(doubtful, good[list(KEY)].iloc[doubtful].itertuples(index=False, name=None), strict=True):
            repeated[at] = key in seen
            seen.add(key)
        return repeated


def open_stream(path: Path, *, advance: Callable[[int], None] = lambda _rows: None) -> BookingStream:
    """Look at the columns and keys of a bookings table: a file, or a folder of Parquet files.

    Parameters
    ----------
    advance
        Told the number of rows whose keys were looked at since the last call.

    Raises
    ------
    UnreadableDataError
        It is not there, is not such a table, or misses a required column.
    UsageError
        There is no room for temporary files.
    """
    raw = open_table(path, partitions=COLUMN_NAMES)
    notes, state = check_columns(raw.columns, source=raw.name), raw.state
    sample, rows, last, in_order = _Sample(), 0, "", True
    with open_scratch(_PARTS) as files, needs_room():
        for table in raw.read_columns(KEY, _SURVEY_ROWS):
            keys = [_key_column(table, name) for name in KEY]
            customers = keys[KEY.index("customer_id")]
            _sort_into(files, _hash_keys(keys))
            sample.add(customers)
            if len(customers):
                in_order = in_order and customers[0].as_py() >= last and _is_sorted(customers)
                last = customers[-1].as_py()
            rows += table.num_rows
            advance(table.num_rows)
        doubtful = np.concatenate([_repeated_hashes(file) for file in files])
    return BookingStream(raw.name, rows, in_order, sample.sorted(), notes, raw, doubtful, state)


def fingerprint_of(path: Path) -> str:
    """The fingerprint of a table whose keys nobody looked at; errors as of `open_stream`."""
    raw = open_table(path, partitions=COLUMN_NAMES)
    check_columns(raw.columns, source=raw.name)
    return _fingerprint(raw.state)


def _fingerprint(state: list[tuple[str, int, int]]) -> str:
    return sha256_of(canonical_json(state).encode())


def _parse(batch: RawBatch, find_repeated: Callable[[pd.DataFrame], np.ndarray]) -> BookingsRead:
    read = parse_bookings(batch.table, source=batch.source, lines=batch.lines, find_repeated=find_repeated)
    misfits = [RowProblem(batch.source, line, reason) for line, reason in batch.misfits]
    problems = sorted(misfits + read.problems, key=lambda problem: problem.line)
    return BookingsRead(read.frame, problems, read.rows_read + len(misfits))


def _key_column(table: arrow.Table, name: str) -> arrow.Array:
    if name not in table.column_names:
        return arrow.repeat("", table.num_rows)
    return as_text(table[name]).combine_chunks()


def _is_sorted(customers: arrow.Array) -> bool:
    before, after = customers.slice(0, len(customers) - 1), customers.slice(1)
    return not compute.any(compute.less(after, before)).as_py()


def _hash_keys(keys: list[arrow.Array]) -> np.ndarray:
    """A 64-bit number per key; different keys share one so seldom that asking twice costs nothing."""
    joined = compute.binary_join_element_wise(*keys, _BETWEEN).to_numpy(zero_copy_only=False)
    return np.asarray(pd.util.hash_array(joined, categorize=False), dtype=np.uint64)


def _sort_into(files: list[BinaryIO], hashes: np.ndarray) -> None:
    """Append each hash to the file of its first bits."""
    bounds = np.arange(1, len(files), dtype=np.uint64) * np.uint64(2**64 // len(files))
    hashes = np.sort(hashes)
    for file, part in zip(files, np.split(hashes, np.searchsorted(hashes, bounds)), strict=True):
        file.write(part.tobytes())


def _repeated_hashes(file: BinaryIO) -> np.ndarray:
    file.seek(0)
    hashes = np.sort(np.fromfile(file, dtype=np.uint64))
    return np.unique(hashes[1:][hashes[1:] == hashes[:-1]])


@dataclass
class _Sample:
    """Customers of rows drawn at random, each row as likely as any other, with the same seed always the same rows."""

    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    drawn: np.ndarray = field(default_factory=lambda: np.empty(0))
    customers: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=object))
    share: float = 1.0

    def add(self, customers: arrow.Array) -> None:
        """Draw from these rows; when too many are kept, half of them go."""
        drawn = self.rng.random(len(customers))
        kept = np.flatnonzero(drawn < self.share)
        self.drawn = np.append(self.drawn, drawn[kept])
        told = customers.take(arrow.array(kept)).to_numpy(zero_copy_only=False)
        self.customers = np.append(self.customers, told)
        while len(self.drawn) > _SAMPLED:
            self.share /= 2
            keep = self.drawn < self.share
            self.drawn, self.customers = self.drawn[keep], self.customers[keep]

    def sorted(self) -> np.ndarray:
        """What was kept, in order."""
        return np.sort(self.customers)
