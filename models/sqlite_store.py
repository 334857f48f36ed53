"""The store as a SQLite file: every commit flushed, one writer, and triggers that refuse to change history."""

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from models.errors import StoreUnavailableError, UsageError
from models.prepared import Prepared
from models.tables import ERASABLE, HISTORY, LEAVING

# SQLite works inside this process, and Python hands its lock to another thread at every step of a statement: with eight
# threads an answer costs half as much again as with one (3.3 ms of CPU against 2.3).
THREADS_AT_ONCE = 1
_MAKING = threading.Lock()  # so that no other thread opens the file while the one who makes it closes it


def open_engines(url: sa.URL, *, busy_timeout_ms: int) -> tuple[sa.Engine, sa.Engine]:
    """The engine that writes and the one that only reads; the file is made if needed, for this user alone."""
    if url.database in (None, "", ":memory:"):
        raise UsageError(
            "The store must be a file: what is acknowledged has to survive the process. "
            "Give a URL such as sqlite:///levensloop.db."
        )
    path = Path(str(url.database))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _make_file(path.resolve())  # a link's target, not what SQLite would make of it with everybody's rights
    except OSError as error:
        raise StoreUnavailableError(
            f"The store cannot be opened: {error.strerror}. Check $LEVENSLOOP_HOME and its rights."
        ) from error
    return (
        _engine(url, "BEGIN IMMEDIATE", query_only=False, busy_timeout_ms=busy_timeout_ms),
        _engine(url, "BEGIN", query_only=True, busy_timeout_ms=busy_timeout_ms),
    )


def _make_file(path: Path) -> None:
    """An empty file for this user alone, unless one is there; a file that is there is never touched.

    Closing a file ends all locks that this process has on it (POSIX, sqlite.org/howtocorrupt.html section 2.2). Without
    its lock, the next process that leaves takes the write-ahead log away, and this one reads and writes the past.
    """
    with _MAKING, suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def guard_history(connection: sa.Connection) -> None:
    """Let the database itself refuse what would change history; also in a store that an older version made."""
    present = set(sa.inspect(connection).get_table_names())
    for table, verb, when in _refusals():
        if table.name not in present:
            continue  # `verify_trail` names a table that was taken away
        name = f"{table.name}_no_{'replace' if verb == 'INSERT' else verb.lower()}"
        connection.exec_driver_sql(
            f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {verb} ON {table.name} {when} "
            f"BEGIN SELECT RAISE(ABORT, '{name}'); END"
        )


def _refusals() -> list[tuple[sa.Table, str, str]]:
    """A table, the verb it refuses, and when; empty: always."""
    return [
        *((table, "UPDATE", "") for table in HISTORY),
        *((table, "DELETE", _unless_erased(table)) for table in HISTORY),
        # SQLite runs delete triggers on a replacement only where recursive_triggers is on, which a foreign client need
        # not do; a BEFORE INSERT trigger runs always.
        *((table, "INSERT", _when_taken(table)) for table in HISTORY),
        *((table, "UPDATE", "") for table in ERASABLE),
    ]


def _unless_erased(table: sa.Table) -> str:
    """Where rows may leave: whenever this one is not among those that were erased; elsewhere always."""
    if table not in LEAVING:
        return ""
    erased = LEAVING[table].name
    return f"WHEN NOT EXISTS (SELECT 1 FROM {erased} WHERE version = OLD.version)"  # noqa: S608 - our own names


def _when_taken(table: sa.Table) -> str:
    """What makes an INSERT OR REPLACE throw away a row: an equal primary key or other unique columns."""
    uniques = [c.columns for c in table.constraints if isinstance(c, sa.PrimaryKeyConstraint | sa.UniqueConstraint)]
    taken = [" AND ".join(f"{column.name} = NEW.{column.name}" for column in columns) for columns in uniques]
    return f"WHEN EXISTS (SELECT 1 FROM {table.name} WHERE ({') OR ('.join(taken)}))"  # noqa: S608 - our own names


def _engine(url: sa.URL, begin: str, *, query_only: bool, busy_timeout_ms: int) -> sa.Engine:
    engine = sa.create_engine(url, hide_parameters=True, connect_args={"timeout": busy_timeout_ms / 1000})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver opens no transaction of its own; `begin` below does
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {busy_timeout_ms}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",  # what is erased is gone from the file too
            "recursive_triggers = ON",  # so that INSERT OR REPLACE meets the no-delete trigger too
            f"query_only = {int(query_only)}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    begun = Prepared(sa.text(begin))

    @event.listens_for(engine, "begin")
    def start(connection: sa.Connection) -> None:
        begun.run(connection, {})

    return engine
