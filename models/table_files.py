"""Tables of others as they stand on disk, batch by batch, with the line of every row: memory does not grow with a file.

A table is a CSV file, a Parquet file, or a folder of Parquet files (its sub-folders may be partitions, `name=value`).
Nothing is judged here but whether it can be read at all.
"""

import csv
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as arrow
import pyarrow.compute as compute
import pyarrow.csv as arrow_csv
import pyarrow.dataset as dataset
import pyarrow.parquet as parquet

from models.errors import UnreadableDataError

PARQUET = (".parquet", ".pq")
_MOST_COLUMNS, _LONGEST_HEADER = 1_000, 100_000  # far above any real table; a hostile one is refused at once
_BLOCK_BYTES = 1 << 19  # of CSV; no record may be longer, and Arrow reads 32 blocks ahead
_BUFFER_BYTES = 1 << 18  # read at a time per column of Parquet


@dataclass(frozen=True)
class RawBatch:
    """Rows as they stand on disk, the line of each, and lines that are no rows with the reason why."""

    source: str
    table: arrow.Table
    lines: np.ndarray
    misfits: list[tuple[int, str]]


class RawTable(Protocol):
    """A table on disk that can be read again and again."""

    @property
    def name(self) -> str:
        """How messages call it."""
        ...

    @property
    def columns(self) -> list[str]:
        """Names of the columns, repeated ones too."""
        ...

    @property
    def state(self) -> list[tuple[str, int, int]]:
        """Names, sizes and times of its files: as long as it stays the same, so does the table."""
        ...

    def batches(self, rows: int) -> Iterator[RawBatch]:
        """The whole table in order, at most so many rows at a time."""
        ...

    def read_columns(self, names: Collection[str], rows: int) -> Iterator[arrow.Table]:
        """These columns of the readable rows in the same order; a column that is missing is left out."""
        ...


def open_table(path: Path, *, partitions: Sequence[str] = ()) -> RawTable:
    """A table by its extension, or a folder of Parquet files whose sub-folders may tell the columns `partitions`.

    Raises
    ------
    UnreadableDataError
        It is not there, has no table in it, or a header that no table has.
    """
    if path.is_dir():
        return _open_folder(path, partitions)
    if path.suffix.lower() in PARQUET:
        return _ParquetTable(path.name, [_Part(path, path.name)])
    return _open_csv(path)


def refuse_repeated(names: Sequence[str], *, source: str) -> None:
    """UnreadableDataError when a column stands twice: nobody knows which one is meant."""
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise UnreadableDataError(f"{source} has a column twice: {', '.join(twice[:5])}. Give every column once.")


@dataclass
class _Lines:
    """Where the records of a CSV file stand, batch after batch; line breaks inside quoted texts count."""

    record: int = 2
    breaks: int = 0
    skipped: list[tuple[int, str]] = field(default_factory=list)  # number among all records, and why

    def place(self, table: arrow.Table) -> tuple[np.ndarray, list[tuple[int, str]]]:
        """Line of each record of the next batch, and of the skipped ones before its last (all, behind an empty one)."""
        at = np.array([number for number, _ in self.skipped], dtype=np.int64)
        numbers = np.setdiff1d(np.arange(self.record, self.record + table.num_rows + len(at)), at)[: table.num_rows]
        breaks = self.breaks + np.concatenate([[0], np.cumsum(_count_breaks(table))])
        passed = int(np.searchsorted(at, numbers[-1])) if len(numbers) else len(at)
        moved = breaks[np.searchsorted(numbers, at[:passed])]
        misfits = [(n + int(by), why) for (n, why), by in zip(self.skipped[:passed], moved, strict=True)]
        del self.skipped[:passed]
        self.record = int(numbers[-1]) + 1 if len(numbers) else self.record
        self.breaks = int(breaks[-1])
        return numbers + breaks[:-1], misfits


def _count_breaks(table: arrow.Table) -> np.ndarray:
    breaks = np.zeros(table.num_rows, dtype=np.int64)
    for column in table.columns:
        if arrow.types.is_string(column.type):
            breaks += compute.count_substring(column, "\n").to_numpy()
    return breaks


@dataclass(frozen=True)
class _CsvTable:
    """Every column is text, whatever its values look like."""

    path: Path
    columns: list[str]

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def state(self) -> list[tuple[str, int, int]]:
        return [_state_of(self.path)]

    def batches(self, rows: int) -> Iterator[RawBatch]:
        lines = _Lines()
        with _told_of_csv(self.name), self._open(lines.skipped) as reader:
            for table in _cut(reader, rows):
                yield RawBatch(self.name, table, *lines.place(table))
            rest = reader.schema.empty_table()
            yield RawBatch(self.name, rest, *lines.place(rest))

    def read_columns(self, names: Collection[str], rows: int) -> Iterator[arrow.Table]:
        known = [name for name in self.columns if name in names]
        with _told_of_csv(self.name), self._open([], only=known) as reader:
            yield from _cut(reader, rows)

    def _open(self, skipped: list[tuple[int, str]], only: Sequence[str] = ()) -> arrow_csv.CSVStreamingReader:
        def report(row: arrow_csv.InvalidRow) -> str:
            reason = f"has {row.actual_columns} fields where the header has {row.expected_columns}"
            skipped.append((int(row.number), reason))
            return "skip"

        return arrow_csv.open_csv(
            self.path,
            # One thread: only then does the reader know the number of a row it cannot parse.
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=report),
            convert_options=arrow_csv.ConvertOptions(
                column_types={name: arrow.string() for name in self.columns},
                include_columns=list(only) or None,
                strings_can_be_null=False,
            ),
        )


def _open_csv(path: Path) -> _CsvTable:
    with _told_of_csv(path.name):
        with path.open("rb") as head:
            line = head.readline(_LONGEST_HEADER).decode("utf-8-sig").strip("\r\n")
        names = next(csv.reader([line]), [])
    if len(names) > _MOST_COLUMNS:
        raise UnreadableDataError(f"{path.name} has {len(names)} columns or more. Give a bookings table.")
    refuse_repeated(names, source=path.name)
    return _CsvTable(path, names)


def _cut(reader: arrow_csv.CSVStreamingReader, rows: int) -> Iterator[arrow.Table]:
    """All but the last table have exactly so many rows; nothing is copied."""
    waiting = reader.schema.empty_table()
    for batch in reader:
        waiting = arrow.concat_tables([waiting, arrow.Table.from_batches([batch])])
        while waiting.num_rows >= rows:
            yield waiting.slice(0, rows)
            waiting = waiting.slice(rows)
    if waiting.num_rows:
        yield waiting


@contextmanager
def _told_of_csv(name: str) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        raise UnreadableDataError(f"{name} is not UTF-8 text. Save it as UTF-8 and try again.") from error
    except (OSError, arrow.ArrowException, csv.Error) as error:
        raise UnreadableDataError(
            f"{name} cannot be read as a bookings table in CSV. Give comma-separated UTF-8 text with a header."
        ) from error


@dataclass(frozen=True)
class _Part:
    """A Parquet file of a table: how messages call it, and the columns that its folders tell."""

    path: Path
    source: str
    told: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def open(self) -> Iterator[parquet.ParquetFile]:
        """The file, read a little at a time: whole row groups may be as large as the file."""
        try:
            with parquet.ParquetFile(self.path, buffer_size=_BUFFER_BYTES) as file:
                yield file
        except (OSError, arrow.ArrowException) as error:
            raise UnreadableDataError(f"{self.source} cannot be read as Parquet. Give a bookings table.") from error

    def read(self, rows: int, names: Collection[str] | None = None) -> Iterator[arrow.Table]:
        """Its rows with the columns of the folders, at most so many at a time; `names` None: all columns."""
        with self.open() as file:
            known = file.schema_arrow.names
            told = {name: value for name, value in self.told.items() if name not in known}
            only = None if names is None else [name for name in known if name in names]
            if not file.metadata.num_rows:  # even then a batch tells the columns
                yield file.schema_arrow.empty_table().select(known if only is None else only)
            for batch in file.iter_batches(rows, columns=only, use_threads=False):
                table = arrow.Table.from_batches([batch])
                for name, value in told.items():
                    if names is None or name in names:
                        table = table.append_column(name, arrow.repeat(value, table.num_rows))
                yield table


@dataclass(frozen=True)
class _ParquetTable:
    """One file or many, one below the other."""

    name: str
    parts: list[_Part]

    @property
    def columns(self) -> list[str]:
        names: list[str] = []
        for part in self.parts:
            with part.open() as file:
                own = file.schema_arrow.names
            refuse_repeated(own, source=part.source)
            names += [name for name in (*own, *part.told) if name not in names]
        return names

    @property
    def state(self) -> list[tuple[str, int, int]]:
        return [_state_of(part.path) for part in self.parts]

    def batches(self, rows: int) -> Iterator[RawBatch]:
        for part in self.parts:
            line = 1
            for table in part.read(rows):
                yield RawBatch(part.source, table, np.arange(line, line + table.num_rows), [])
                line += table.num_rows

    def read_columns(self, names: Collection[str], rows: int) -> Iterator[arrow.Table]:
        for part in self.parts:
            yield from part.read(rows, names)


def _open_folder(folder: Path, partitions: Sequence[str]) -> _ParquetTable:
    """All Parquet files below a folder in the order of their names, but what begins with a dot or an underscore."""
    scheme = dataset.partitioning(arrow.schema([(name, arrow.string()) for name in partitions]), flavor="hive")
    parts = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if (
            path.suffix.lower() in PARQUET
            and path.is_file()
            and not any(p.startswith((".", "_")) for p in inside.parts)
        ):
            told = dataset.get_partition_keys(scheme.parse(inside.as_posix()))
            source = f"{folder.name}/{inside.as_posix()}"
            parts.append(_Part(path, source, {name: value or "" for name, value in told.items()}))
    if not parts:
        raise UnreadableDataError(f"{folder.name} holds no Parquet file. Give a bookings table or a folder of them.")
    return _ParquetTable(folder.name, parts)


def _state_of(path: Path) -> tuple[str, int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise UnreadableDataError(f"{path.name} cannot be opened. Look whether you may read it.") from error
    return str(path), found.st_size, found.st_mtime_ns
