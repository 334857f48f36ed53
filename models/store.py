"""The one database of Levensloop: permission ledger, trail, detections, offers and what customers told us.

They share one database because an answer may only leave when the permission was read and the trail row written in
the same transaction. Ledger and trail only grow: triggers refuse to change, remove or replace a row. SQLite is written
with synchronous=FULL, so that what was acknowledged survives a kill and a power cut.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from models.canonical import moment_text, parse_moment
from models.errors import LevensloopError, StoreUnavailableError, UsageError

SCHEMA_VERSION = 2
# How long a writer waits for another one, in milliseconds; longer waits answer "unavailable".
BUSY_TIMEOUT_MS = 5_000
OPENING_TRIES = 50


class Moment(sa.types.TypeDecorator[datetime]):
    """An aware moment, kept as UTC text of fixed width, so that SQLite sorts it as time."""

    impl = sa.String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> str | None:
        """To the database: the moment as text."""
        return None if value is None else moment_text(value)

    def process_result_value(self, value: Any | None, dialect: sa.Dialect) -> datetime | None:
        """From the database: an aware moment in UTC."""
        return None if value is None else parse_moment(value)


METADATA = sa.MetaData()

schema_version = sa.Table("schema_version", METADATA, sa.Column("version", sa.Integer, primary_key=True))

permission_events = sa.Table(
    "permission_events",
    METADATA,
    # The place in the ledger; it is the permission version that answers carry.
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("customer_id", sa.String, nullable=False),
    sa.Column("purpose", sa.String, nullable=False),
    sa.Column("action", sa.String, nullable=False),
    sa.Column("regime", sa.String),
    sa.Column("notice_version", sa.String, nullable=False),
    sa.Column("notice_sha256", sa.String, nullable=False),
    sa.Column("language", sa.String, nullable=False),
    sa.Column("channel", sa.String, nullable=False),
    sa.Column("actor", sa.String, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("evidence", sa.String, nullable=False),
    sa.Column("idempotency_key", sa.String),
    sa.UniqueConstraint("customer_id", "idempotency_key"),
    # Everything that a decision needs stands in the index: one look-up per answer.
    sa.Index(
        "permission_state", "customer_id", "purpose", "version", "action", "notice_version", "notice_sha256", "at"
    ),
    sa.Index("permission_purpose", "purpose", "customer_id", "version", "action", "notice_version"),
    sqlite_autoincrement=True,
)

trail = sa.Table(
    "trail",
    METADATA,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("prev", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)

trail_commitments = sa.Table(
    "trail_commitments",
    METADATA,
    sa.Column("seq", sa.Integer, sa.ForeignKey("trail.seq"), primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
    sa.Column("salt", sa.String, nullable=False),
    sa.Index("commitment_value", "name", "value"),
)

detections = sa.Table(
    "detections",
    METADATA,
    sa.Column("customer_id", sa.String, primary_key=True),
    sa.Column("as_of", sa.Date, primary_key=True),
    sa.Column("event", sa.String, primary_key=True),
    sa.Column("onset_date", sa.Date, primary_key=True),
    sa.Column("detected_on", sa.Date, nullable=False),
    sa.Column("probability", sa.Float, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("offer_class", sa.String, nullable=False),
    sa.Column("evidence", sa.Text, nullable=False),  # booking ids, space separated
    sa.Column("release_id", sa.String, nullable=False),
)

offers = sa.Table(
    "offers",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("customer_id", sa.String, nullable=False),
    sa.Column("event", sa.String, nullable=False),
    sa.Column("product", sa.String, nullable=False),
    sa.Column("state", sa.String, sa.CheckConstraint("state IN ('sent', 'answered', 'recalled')"), nullable=False),
    sa.Column("answer", sa.String),
    sa.Column("at", Moment, nullable=False),
    sa.Index("offers_customer", "customer_id", "at"),
)

corrections = sa.Table(
    "corrections",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("customer_id", sa.String, nullable=False),
    sa.Column("event", sa.String, nullable=False),
    sa.Column("onset_date", sa.Date),
    sa.Column("correction", sa.String, nullable=False),  # what the customer says instead, one of serving's codes
    sa.Column("remark", sa.Text),
    sa.Column("at", Moment, nullable=False),
    sa.Index("corrections_customer", "customer_id", "event"),
)

complaints = sa.Table(
    "complaints",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("customer_id", sa.String, nullable=False),
    sa.Column("subject", sa.String, nullable=False),
    sa.Column("remark", sa.Text),
    sa.Column("at", Moment, nullable=False),
    sa.Column("call_back_by", Moment, nullable=False),
    sa.Column("called_back_at", Moment),
    sa.Column("closed_at", Moment),
    sa.Index("complaints_customer", "customer_id", "closed_at"),
)

questions = sa.Table(
    "questions",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("customer_id", sa.String, nullable=False),
    sa.Column("question", sa.String, nullable=False),
    sa.Column("answer", sa.Text),
    sa.Column("channel", sa.String, nullable=False),
    sa.Column("asked_by", sa.String, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Index("questions_customer", "customer_id", "question"),
)

outbox = sa.Table(
    "outbox",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("topic", sa.String, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("delivered_at", Moment),
    sa.Index("outbox_waiting", "delivered_at", "id"),
)

idempotency = sa.Table(
    "idempotency",
    METADATA,
    sa.Column("client", sa.String, primary_key=True),
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("request_sha256", sa.String(64), nullable=False),
    sa.Column("status", sa.Integer),  # HTTP status; null while the first request still runs
    sa.Column("answer", sa.Text),
    sa.Column("at", Moment, nullable=False),
)

kill_switches = sa.Table(
    "kill_switches",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("event", sa.String, nullable=False),
    sa.Column("state", sa.String, sa.CheckConstraint("state IN ('on', 'off')"), nullable=False),
    sa.Column("role", sa.String, nullable=False),
    sa.Column("person", sa.String, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("key_id", sa.String(64), nullable=False),
    sa.Column("signature", sa.String, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Index("kill_switches_state", "event", "id", "state"),
    sqlite_autoincrement=True,
)

# One row per promotion and release that serving fell back to, so that many workers record a fallback once.
release_fallbacks = sa.Table(
    "release_fallbacks",
    METADATA,
    sa.Column("release_id", sa.String(64), primary_key=True),
    sa.Column("promoted_at", sa.String(27), primary_key=True),
    sa.Column("fallen_to", sa.String(64), primary_key=True),  # empty: no earlier release could answer either
    sa.Column("trail_seq", sa.Integer, nullable=False),
)

# What came with each version of the schema after the first.
_ADDED: dict[int, tuple[sa.Table, ...]] = {2: (kill_switches, release_fallbacks)}

# What makes an INSERT OR REPLACE throw away a row of history: its place, and in the ledger the key of a request.
_TAKEN = {
    permission_events: "EXISTS (SELECT 1 FROM permission_events WHERE version = NEW.version "
    "OR (customer_id = NEW.customer_id AND idempotency_key = NEW.idempotency_key))",
    trail: "EXISTS (SELECT 1 FROM trail WHERE seq = NEW.seq)",
    kill_switches: "EXISTS (SELECT 1 FROM kill_switches WHERE id = NEW.id)",
}
# A table, the verb it refuses, and when (always, unless told); PostgreSQL gets rights instead, when it comes.
_REFUSED: tuple[tuple[sa.Table, str, str], ...] = (
    *((table, verb, "") for table in _TAKEN for verb in ("UPDATE", "DELETE")),
    # SQLite runs delete triggers on a replacement only where recursive_triggers is on, which a foreign client need not
    # do; a BEFORE INSERT trigger runs always.
    *((table, "INSERT", taken) for table, taken in _TAKEN.items()),
    (trail_commitments, "UPDATE", ""),  # a commitment may be erased, never changed
)


def _make_triggers(connection: sa.Connection) -> None:
    """Let the database itself refuse what would change history; also in a store that an older version made."""
    present = set(sa.inspect(connection).get_table_names())
    for table, verb, when in _REFUSED:
        if table.name not in present:
            continue  # `verify_trail` names a table that was taken away
        name, condition = (
            (f"{table.name}_no_replace", f"WHEN {when}") if when else (f"{table.name}_no_{verb.lower()}", "")
        )
        connection.exec_driver_sql(
            f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {verb} ON {table.name} {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{name}'); END"
        )


class Store:
    """The database, with one way to write and one way to read. Open it with `open_store`."""

    def __init__(self, writer: sa.Engine, reader: sa.Engine) -> None:
        self._writer = writer
        self._reader = reader
        # SQLite lets waiting writers poll; a queue inside the process cuts the longest wait of 12 threads to a quarter.
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
            "Look whether its disk is there, has room and is not locked, then try again."
        ) from error


def open_store(url: str) -> Store:
    """Open the database at a SQLAlchemy URL such as `sqlite:////var/lib/levensloop/levensloop.db`; make it if needed.

    Raises
    ------
    UsageError
        The URL is not one of a SQLite file.
    StoreUnavailableError
        The database cannot be opened, or a newer Levensloop wrote it.
    """
    path = _sqlite_path(url)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # personal data: for this user alone
    except OSError as error:
        raise StoreUnavailableError(
            f"The store cannot be opened: {error.strerror}. Check $LEVENSLOOP_HOME and its rights."
        ) from error
    store = Store(_engine(url, "BEGIN IMMEDIATE", query_only=False), _engine(url, "BEGIN", query_only=True))
    _make_tables(store)
    return store


def _sqlite_path(url: str) -> Path:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise UsageError(
            "The store's address is not a database URL. Give one such as sqlite:///levensloop.db."
        ) from error
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise UsageError(
            "The store must be a SQLite file in this version: what is acknowledged has to survive the process. "
            "Give a URL such as sqlite:///levensloop.db."
        )
    return Path(str(parsed.database))


def _engine(url: str, begin: str, *, query_only: bool) -> sa.Engine:
    engine = sa.create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver opens no transaction of its own; `begin` below does
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {BUSY_TIMEOUT_MS}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",  # what is erased is gone from the file too
            "recursive_triggers = ON",  # so that INSERT OR REPLACE meets the no-delete trigger too
            f"query_only = {int(query_only)}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def start(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _make_tables(store: Store) -> None:
    """Make what is missing. Turning a new file to WAL does not wait for a rival that does the same, so try again."""
    for attempt in range(OPENING_TRIES):
        try:
            with store.write() as connection:
                _check_version(connection)
            return
        except StoreUnavailableError as error:
            locked = "locked" in str(getattr(error.__cause__, "orig", ""))
            if not locked or attempt == OPENING_TRIES - 1:
                raise
            time.sleep(0.02)


def _check_version(connection: sa.Connection) -> None:
    schema_version.create(connection, checkfirst=True)
    found = connection.execute(sa.select(schema_version.c.version)).scalar()
    if found is None:
        METADATA.create_all(connection)
        connection.execute(schema_version.insert().values(version=SCHEMA_VERSION))
    elif found in range(1, SCHEMA_VERSION):
        for version in range(found + 1, SCHEMA_VERSION + 1):
            METADATA.create_all(connection, tables=_ADDED[version])
        connection.execute(schema_version.update().values(version=SCHEMA_VERSION))
    elif found != SCHEMA_VERSION:
        raise StoreUnavailableError(
            f"The store has schema {found}, this Levensloop knows {SCHEMA_VERSION}. Use the version that wrote it."
        )
    _make_triggers(connection)
