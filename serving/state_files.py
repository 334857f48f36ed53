"""Where the state of a bank's customers stands between nights: Parquet files, each of some customers in order.

A state is made by a full run, under a name of its own, and becomes the one in force when it is whole. An update writes
one file at a time, whole or not at all, and the same update twice changes nothing, so that it may be killed anywhere.
"""

import io
import secrets
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pyarrow as arrow
import pyarrow.parquet as parquet

from models.canonical import canonical_json, read_json
from models.course_state import keep_customers, make_secret, merge, no_state, state_id
from models.durable import write_durably
from models.errors import IntegrityError, UsageError

_PRIVATE = 0o600
_PART_ROWS = 500_000  # bookings of a file: what an update has in memory
_MANIFEST = "state.json"


@dataclass(frozen=True)
class StateFiles:
    """A whole state: its folder, the key of its hashes, and the last customer of every file."""

    folder: Path
    secret: str
    lasts: tuple[str, ...]

    def read(self, part: int) -> tuple[arrow.Table, list[str]]:
        """The bookings of a file, and its customers, those without bookings too.

        Raises
        ------
        IntegrityError
            It cannot be read.
        """
        try:
            rows = parquet.read_table(_rows(self.folder, part), read_dictionary=["customer_id", "told"])
            known = parquet.read_table(_known(self.folder, part))
        except (OSError, arrow.ArrowException) as error:
            raise IntegrityError(
                "The state of earlier bookings is damaged. Make it anew with a full run: --keep-state."
            ) from error
        customers = known["customer_id"].to_pylist()
        # The list is written first: a process that was killed in between left rows of who is not in it any more.
        return keep_customers(rows, customers), customers

    def write(self, part: int, rows: arrow.Table, customers: Collection[str]) -> None:
        """Replace a file; the list of customers is only ever shortened."""
        _write(self.folder, part, rows, customers)


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
        self._lasts: list[str] = []

    def add(self, rows: arrow.Table, customers: Collection[str]) -> None:
        """The next customers in order, and their bookings."""
        self._waiting.append(rows)
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
        _write(self._home / self._name, len(self._lasts), rows, self._customers)
        self._lasts.append(self._customers[-1])
        self._waiting, self._customers = [], []


def _rows(folder: Path, part: int) -> Path:
    return folder / f"part-{part:06d}.parquet"


def _known(folder: Path, part: int) -> Path:
    return folder / f"customers-{part:06d}.parquet"


def _write(folder: Path, part: int, rows: arrow.Table, customers: Collection[str]) -> None:
    known = arrow.table({"customer_id": arrow.array(sorted(customers), arrow.string())})
    for path, table in ((_known(folder, part), known), (_rows(folder, part), rows)):
        buffer = io.BytesIO()
        parquet.write_table(table, buffer, compression="zstd")
        write_durably(path, buffer.getvalue(), mode=_PRIVATE)
