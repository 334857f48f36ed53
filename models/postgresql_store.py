"""The store as a PostgreSQL database: writers take turns by an advisory lock, and triggers refuse to change history.

A trail row follows the one before it, so writers take turns here as they do in SQLite: the lock is taken when a writing
transaction begins, and what such a transaction reads (READ COMMITTED) was committed before its turn came. Readers see
one consistent view (REPEATABLE READ, read only).
"""

import sqlalchemy as sa
from sqlalchemy import event

from models.errors import UsageError
from models.migrations import VERSION_TABLE
from models.tables import ERASABLE, HISTORY, LEAVING, METADATA

# "levensl" as a number: one lock for all that write this database.
WRITERS_TURN = int.from_bytes(b"levensl", "big")
# A statement that takes longer has lost its caller long ago (the service's own limits are in serving/policy.toml).
STATEMENT_TIMEOUT_MS = 60_000
THREADS_AT_ONCE = 15  # they wait for the network; as many as the pool has connections
_GUARD = "levensloop_keep_history"


def open_engines(url: sa.URL, *, busy_timeout_ms: int) -> tuple[sa.Engine, sa.Engine]:
    """The engine that writes and the one that only reads."""
    settings = {
        "lock_timeout": busy_timeout_ms,
        "statement_timeout": STATEMENT_TIMEOUT_MS,
        "idle_in_transaction_session_timeout": STATEMENT_TIMEOUT_MS,
        "synchronous_commit": "on",
    }
    reading = {"default_transaction_read_only": "on", "default_transaction_isolation": r"repeatable\ read"}
    # Whatever the database says: what a writer reads must be what was committed before its turn.
    writing = {"default_transaction_isolation": r"read\ committed"}
    writer = _engine(url, {**settings, **writing}, busy_timeout_ms=busy_timeout_ms)
    reader = _engine(url, {**settings, **reading}, busy_timeout_ms=busy_timeout_ms)

    @event.listens_for(writer, "begin")
    def wait_for_turn(connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS_TURN})")

    return writer, reader


def guard_history(connection: sa.Connection) -> None:
    """Let the database itself refuse what would change history, wherever a guard is missing or was switched off."""
    wanted = [
        *((t, verb) for t in HISTORY for verb in ("UPDATE", "DELETE", "TRUNCATE")),
        *((t, "UPDATE") for t in ERASABLE),
    ]
    present, guarded = set(sa.inspect(connection).get_table_names()), _find_guards(connection)
    missing = [(t.name, f"{t.name}_no_{verb.lower()}", verb) for t, verb in wanted if t.name in present]
    missing = [(table, name, verb) for table, name, verb in missing if name not in guarded]
    if missing:
        connection.exec_driver_sql(
            f"CREATE OR REPLACE FUNCTION {_GUARD}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "RAISE EXCEPTION USING MESSAGE = TG_NAME, ERRCODE = 'restrict_violation'; END $$"
        )
        for ledger, erased in LEAVING.items():
            listed = f"SELECT 1 FROM {erased.name} WHERE version = OLD.version"  # noqa: S608 - our own names
            connection.exec_driver_sql(
                f"CREATE OR REPLACE FUNCTION {_GUARD}_{ledger.name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                f"IF NOT EXISTS ({listed}) THEN "
                "RAISE EXCEPTION USING MESSAGE = TG_NAME, ERRCODE = 'restrict_violation'; END IF; RETURN OLD; END $$"
            )
    leaving = {table.name for table in LEAVING}
    for table, name, verb in missing:
        guard = f"EXECUTE FUNCTION {_GUARD}()"
        if verb == "DELETE" and table in leaving:
            guard = f"FOR EACH ROW EXECUTE FUNCTION {_GUARD}_{table}()"
        connection.exec_driver_sql(f"CREATE OR REPLACE TRIGGER {name} BEFORE {verb} ON {table} {guard}")
        connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def grant_service_rights(connection: sa.Connection, role: str) -> None:
    """Let a role answer and record, without owning anything: of history it may only read and append.

    Such a role cannot take the guards away either. The role must be there; run this as the owner of the tables.
    """
    quoted = connection.dialect.identifier_preparer.quote(role)
    schema = connection.exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {schema} TO {quoted}")
    connection.exec_driver_sql(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {quoted}")
    connection.exec_driver_sql(f"GRANT SELECT ON {VERSION_TABLE} TO {quoted}")
    for table in METADATA.sorted_tables:
        rights = "SELECT, INSERT"
        if table not in HISTORY:
            rights += ", DELETE" if table in ERASABLE else ", UPDATE, DELETE"
        connection.exec_driver_sql(f"GRANT {rights} ON {table.name} TO {quoted}")


def _find_guards(connection: sa.Connection) -> set[str]:
    """Guards that are there and always run, also in a session that calls itself a replica."""
    found = connection.exec_driver_sql(
        "SELECT t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
        "WHERE c.relnamespace = current_schema()::regnamespace AND t.tgenabled = 'A'"
    )
    return set(found.scalars())


def _engine(url: sa.URL, settings: dict[str, object], *, busy_timeout_ms: int) -> sa.Engine:
    given = url.query.get("options", "")
    options = " ".join([*([given] if isinstance(given, str) else given), *(f"-c {n}={v}" for n, v in settings.items())])
    try:
        return sa.create_engine(
            url.set(drivername="postgresql+psycopg").difference_update_query(["options"]),
            hide_parameters=True,
            pool_timeout=busy_timeout_ms / 1000,
            connect_args={
                "options": options.strip(),
                "connect_timeout": max(2, busy_timeout_ms // 1000),
                # A database that went away without a word is noticed within seconds, not hours.
                "tcp_user_timeout": 2 * busy_timeout_ms,
                "keepalives_idle": 5,
                "keepalives_interval": 2,
                "keepalives_count": 3,
            },
        )
    except ImportError as error:
        raise UsageError(
            "PostgreSQL's driver is not installed. Install Levensloop with its extra `postgresql`."
        ) from error
