"""The one database of Levensloop: permission ledger, trail, detections, offers and what customers told us.

They share one database because an answer may only leave when the permission was read and the trail row written in
the same transaction. History only grows: the database itself refuses to change, remove or replace a row. It is a
SQLite file or a PostgreSQL schema, by URL; both keep what was acknowledged through a kill and a power cut.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.exc import StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from models import postgresql_store, sqlite_store
from models.errors import LevensloopError, StoreUnavailableError, UsageError
from models.migrations import upgrade_schema
from models.tables import (
    METADATA,
    Moment,
    answers,
    batches,
    complaints,
    contact_attempts,
    corrections,
    customers,
    detections,
    erased_permissions,
    followed_customers,
    idempotency,
    kill_switches,
    letters,
    offers,
    outbox,
    page_sessions,
    peak_findings,
    permission_events,
    purpose_registries,
    questions,
    release_fallbacks,
    runs,
    schema_version,
    told_detections,
    trail,
    trail_commitments,
)

# Who opens the store finds its tables here too.
__all__ = [
    "METADATA",
    "Moment",
    "Store",
    "answers",
    "batches",
    "complaints",
    "contact_attempts",
    "corrections",
    "customers",
    "detections",
    "erased_permissions",
    "followed_customers",
    "idempotency",
    "kill_switches",
    "letters",
    "offers",
    "open_store",
    "outbox",
    "page_sessions",
    "peak_findings",
    "permission_events",
    "purpose_registries",
    "questions",
    "release_fallbacks",
    "runs",
    "schema_version",
    "told_detections",
    "trail",
    "trail_commitments",
]

# How long a writer waits for another one, in milliseconds; longer waits answer "unavailable".
BUSY_TIMEOUT_MS = 5_000
OPENING_TRIES = 50
_BACKENDS = {"sqlite": sqlite_store, "postgresql": postgresql_store}


class Store:
    """The database, with one way to write and one way to read. Open it with `open_store`."""

    def __init__(self, writer: sa.Engine, reader: sa.Engine, *, threads_at_once: int) -> None:
        self._writer = writer
        self._reader = reader
        self.threads_at_once = threads_at_once  # more threads of one process only get into each other's way
        # Databases let waiting writers poll or wait unordered; a queue inside the process cuts the longest wait of 12
        # threads (SQLite) to a quarter.
        self._turn = threading.Lock()

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction that alone may write; commits when the block ends, rolls back on any error.

        Raises
        ------
        StoreUnavailableError
            The database cannot be reached, is locked for too long, is full, or refuses the statement.
        """
        if not self._turn.acquire(timeout=BUSY_TIMEOUT_MS / 1000):
            raise StoreUnavailableError("The store is busy with other writers. Nothing was written; try again.")
        try:
            with _ours(), self._writer.begin() as connection:
                yield connection
        finally:
            self._turn.release()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """One transaction with one consistent view of everything; writing in it fails.

        Raises
        ------
        StoreUnavailableError
            The database cannot be reached.
        """
        with _ours(), self._reader.begin() as connection:
            yield connection

    def close(self) -> None:
        """Give back all connections."""
        self._writer.dispose()
        self._reader.dispose()


@contextmanager
def _ours() -> Iterator[None]:
    """Every failure of the driver as our own error; its text is left out, for it may hold a customer's values."""
    try:
        yield
    except (StatementError, PoolTimeoutError) as error:
        cause = getattr(error, "orig", None) or error
        if isinstance(cause, LevensloopError):
            raise cause from None  # a value that one of our own types refused
        raise StoreUnavailableError(
            f"The store did not do what it was asked ({type(cause).__name__}). Nothing was written. "
            "Look whether it runs, its disk has room and it is not locked, then try again."
        ) from (error if hasattr(cause, "sqlite_errorcode") else None)  # the texts of all others may quote the row


def open_store(url: str) -> Store:
    """Open the database at a SQLAlchemy URL; make its tables, or bring those of an earlier version up to this one.

    Such as `sqlite:////var/lib/levensloop/levensloop.db` or `postgresql://levensloop@db.bank.example/levensloop`.

    Raises
    ------
    UsageError
        The URL is not one of a SQLite file or a PostgreSQL database, or PostgreSQL's driver is not installed.
    StoreUnavailableError
        The database cannot be opened, or a newer Levensloop wrote it.
    """
    try:
        parsed = sa.make_url(url)
        backend = _BACKENDS[parsed.get_backend_name()]
    except (sa.exc.ArgumentError, KeyError) as error:
        raise UsageError(
            "The store's address is not a URL of SQLite or PostgreSQL. Give one such as sqlite:///levensloop.db or "
            "postgresql://user@host/database."
        ) from error
    with _ours():
        engines = backend.open_engines(parsed, busy_timeout_ms=BUSY_TIMEOUT_MS)
        store = Store(*engines, threads_at_once=backend.THREADS_AT_ONCE)
    try:
        _prepare(store, backend.guard_history)
    except BaseException:
        store.close()
        raise
    return store


def _prepare(store: Store, guard_history: Callable[[sa.Connection], None]) -> None:
    """Tables and guards. Turning a new SQLite file to WAL does not wait for a rival that does so too, so try again."""
    for attempt in range(OPENING_TRIES):
        try:
            with store.write() as connection:
                upgrade_schema(connection)
                guard_history(connection)
            return
        except StoreUnavailableError as error:
            locked = "database is locked" in str(getattr(error.__cause__, "orig", ""))
            if not locked or attempt == OPENING_TRIES - 1:
                raise
            time.sleep(0.02)
