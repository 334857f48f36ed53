"""Where the state of a bank's customers stands between nights: Parquet files, each of some customers in order.

A state is made by a full run, under a name of its own, and becomes the one in force when it is whole. An update writes
one file at a time, whole or not at all, and the same update twice changes nothing, so that it may be killed anywhere.
What is new waits in a small file beside the large one until it is worth writing both anew. A third file holds what was
told of each customer last, for those of whom nothing else can be told now.
"""

import io
import secrets
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet

from models.canonical import canonical_json, read_json
from models.course_state import SCHEMA, Digest, keep_customers, make_secret, merge, no_state, state_id
from models.detection import join_detections
from models.durable import sync_folder, write_durably
from models.errors import IntegrityError, UsageError
from models.events import DETECTION_COLUMNS, DETECTION_DTYPES

_PRIVATE = 0o600
_PART_ROWS = 500_000  # bookings of a file: what an update has in memory
_KEY = ("customer_id", "account", "booking_id")
_MANIFEST = "state.json"


@dataclass(frozen=True)
class Told:
    """What `detect_state` told as of a day of some customers, those without a detection too."""

    as_of: date
    customers: frozenset[str]
    detections: pd.DataFrame


@dataclass(frozen=True)
class Part:
    """The bookings of a file with what came since, its customers (also those without bookings), and what was told."""

    rows: arrow.Table
    newer: Digest
    customers: list[str]
    told: Told | None


@dataclass(frozen=True)
class StateFiles:
    """A whole state: its folder, the key of its hashes, and the last customer of every file."""

    folder: Path
    secret: str
    lasts: tuple[str, ...]

    def read(self, part: int) -> Part:
        """A file and what stands beside it.

        Raises
        ------
        IntegrityError
            It cannot be read.
        """
        try:
            rows = _read_rows(_rows(self.folder, part))
            customers = parquet.read_table(_known(self.folder, part))["customer_id"].to_pylist()
            newer = _read_newer(_newer(self.folder, part))
            told = _read_told(_told(self.folder, part))
        except (OSError, arrow.ArrowException, KeyError, ValueError) as error:
            raise IntegrityError(
                "The state of earlier bookings is damaged. Make it anew with a full run: --keep-state."
            ) from error
        # The list is written first: a process that was killed in between left rows of who is not in it any more.
        return Part(keep_customers(rows, customers), newer.of_customers(set(customers)), customers, told)

    def write(self, part: int, rows: arrow.Table, customers: Collection[str]) -> None:
        """Replace a file with what is newer in it; the list of customers is only ever shortened.

        What is newer must be written before: killed in between, it is added a second time, which changes nothing.
        """
        _write(self.folder, part, rows, customers)
        _newer(self.folder, part).unlink(missing_ok=True)

    def write_newer(self, part: int, newer: Digest) -> None:
        """Keep what came since a file was written."""
        rest = newer.keys - set(zip(*(newer.rows[name].to_pylist() for name in _KEY), strict=True))
        columns = zip(*rest, strict=True) if rest else ([], [], [])
        keys = dict(zip(_KEY, map(list, columns), strict=True))
        # A booking that is screened has its key alone, and no day.
        screened = arrow.table(
            {f.name: arrow.array(keys.get(f.name, [None] * len(rest)), _plain(f.type)) for f in SCHEMA}
        )
        table = arrow.concat_tables([newer.rows, screened.cast(SCHEMA)]).unify_dictionaries()
        _write_table(_newer(self.folder, part), table)

    def forget_told(self, part: int) -> None:
        """Let nobody trust what was told last."""
        _told(self.folder, part).unlink(missing_ok=True)
        sync_folder(self.folder)

    def write_told(self, part: int, told: Told) -> None:
        """Keep what was told."""
        _write_told(self.folder, part, told)


def open_state(home: Path, release_id: str) -> StateFiles:
    """The state in force.

    Raises
    ------
    UsageError
        There is none, or it was made with another release.
    IntegrityError
        It is damaged.
    """
    try:
        told = read_json(home / _MANIFEST, dict)
    except FileNotFoundError as error:
        raise UsageError("There is no state of earlier bookings yet. Make it with a full run: --keep-state.") from error
    if told.get("id") != state_id(release_id):
        raise UsageError("The state was made with another release or other rules. Make it anew: --keep-state.")
    try:
        return StateFiles(home / str(told["folder"]), str(told["secret"]), tuple(map(str, told["lasts"])))
    except (KeyError, TypeError) as error:
        raise IntegrityError("The state of earlier bookings is damaged. Make it anew: --keep-state.") from error


class StateMaker:
    """Takes whole customers in order and writes them file by file; `finish` puts the state in force."""

    def __init__(self, home: Path, release_id: str) -> None:
        self.secret = make_secret()
        self._home, self._id = home, state_id(release_id)
        self._name = f"state-{secrets.token_hex(8)}"
        self._waiting: list[arrow.Table] = []
        self._customers: list[str] = []
        self._detections: list[pd.DataFrame] = []
        self._lasts: list[str] = []

    def add(self, rows: arrow.Table, told: Told) -> None:
        """The next customers in order, their bookings, and what was told of them."""
        customers, self._as_of = told.customers, told.as_of
        self._waiting.append(rows)
        self._detections.append(told.detections)
        self._customers += sorted(customers)
        if sum(map(len, self._waiting)) >= _PART_ROWS:
            self._flush()

    def finish(self) -> None:
        """Put it in force, and delete every other one."""
        self._flush()
        made = {"id": self._id, "folder": self._name, "secret": self.secret, "lasts": self._lasts}
        write_durably(self._home / _MANIFEST, canonical_json(made).encode(), mode=_PRIVATE)
        for other in self._home.glob("state-*"):
            if other.name != self._name:
                shutil.rmtree(other)

    def _flush(self) -> None:
        if not self._customers:
            return
        rows = merge(no_state(), arrow.concat_tables(self._waiting))
        folder, part = self._home / self._name, len(self._lasts)
        _write(folder, part, rows, self._customers)
        told = Told(self._as_of, frozenset(self._customers), join_detections(self._detections))
        _write_told(folder, part, told)
        self._lasts.append(self._customers[-1])
        self._waiting, self._customers, self._detections = [], [], []


def _rows(folder: Path, part: int) -> Path:
    return folder / f"part-{part:06d}.parquet"


def _known(folder: Path, part: int) -> Path:
    return folder / f"customers-{part:06d}.parquet"


def _newer(folder: Path, part: int) -> Path:
    return folder / f"newer-{part:06d}.parquet"


def _told(folder: Path, part: int) -> Path:
    return folder / f"told-{part:06d}.parquet"


def _read_rows(path: Path) -> arrow.Table:
    return parquet.read_table(path, read_dictionary=["customer_id", "told"])


def _read_newer(path: Path) -> Digest:
    if not path.exists():
        return Digest(no_state(), frozenset())
    table = _read_rows(path)
    keys = frozenset(zip(*(table[name].to_pylist() for name in _KEY), strict=True))
    return Digest(table.filter(table["day"].is_valid()).cast(SCHEMA), keys)


def _read_told(path: Path) -> Told | None:
    if not path.exists():
        return None
    table = parquet.read_table(path)
    frame = table.to_pandas().astype(DETECTION_DTYPES)
    as_of = date.fromisoformat((table.schema.metadata or {})[b"as_of"].decode())
    is_detection = (frame["event"] != "").to_numpy()
    return Told(as_of, frozenset(frame["customer_id"]), frame[is_detection].reset_index(drop=True))


def _write_told(folder: Path, part: int, told: Told) -> None:
    silent = sorted(told.customers - set(told.detections["customer_id"]))
    nothing = dict.fromkeys(("event", "status", "offer_class", "evidence"), "")
    rest = pd.DataFrame({"customer_id": pd.Series(silent, dtype="str"), **nothing}).reindex(columns=DETECTION_COLUMNS)
    frame = pd.concat([told.detections, rest.astype(DETECTION_DTYPES)], ignore_index=True)
    table = arrow.Table.from_pandas(frame, preserve_index=False)
    _write_table(_told(folder, part), table.replace_schema_metadata({"as_of": str(told.as_of)}))


def _plain(kind: arrow.DataType) -> arrow.DataType:
    return kind.value_type if arrow.types.is_dictionary(kind) else kind


def _write(folder: Path, part: int, rows: arrow.Table, customers: Collection[str]) -> None:
    known = arrow.table({"customer_id": arrow.array(sorted(customers), arrow.string())})
    _write_table(_known(folder, part), known)
    _write_table(_rows(folder, part), rows)


def _write_table(path: Path, table: arrow.Table) -> None:
    buffer = io.BytesIO()
    parquet.write_table(table, buffer, compression="zstd")
    write_durably(path, buffer.getvalue(), mode=_PRIVATE)
