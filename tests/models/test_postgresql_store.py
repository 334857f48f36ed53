"""PostgreSQL as the store: writers take turns, readers see one moment, guards hold, and who is away is unavailable."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from models.errors import StoreUnavailableError
from models.postgresql_store import WRITERS_TURN, grant_service_rights
from models.prepared import Prepared
from models.store import Store, open_store, outbox, trail
from models.trail import append_trail, verify_trail

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def database_url(postgresql: Any) -> str:
    """Only PostgreSQL here."""
    return str(postgresql.make_schema())


@pytest.fixture
def owner(database_url: str) -> Iterator[sa.Connection]:
    """A session of the owner of everything, beside the store."""
    engine = sa.create_engine(database_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def _note(store: Store, topic: str) -> None:
    with store.write() as connection:
        connection.execute(outbox.insert(), {"topic": topic, "body": "{}", "at": NOON})


def _topics(connection: sa.Connection) -> list[str]:
    return list(connection.execute(sa.select(outbox.c.topic).order_by(outbox.c.id)).scalars())


def test_writer_that_waits_too_long_for_its_turn_is_told_so(
    open_here: Callable[[], Store], owner: sa.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.store.BUSY_TIMEOUT_MS", 300)
    store = open_here()
    owner.exec_driver_sql(f"SELECT pg_advisory_lock({WRITERS_TURN})")
    with pytest.raises(StoreUnavailableError):
        _note(store, "too late")
    owner.exec_driver_sql(f"SELECT pg_advisory_unlock({WRITERS_TURN})")
    _note(store, "in time")
    with store.read() as connection:
        assert _topics(connection) == ["in time"]


def test_writer_sees_what_was_committed_while_it_waited(open_here: Callable[[], Store]) -> None:
    first, second, seen = open_here(), open_here(), []

    def write_second() -> None:
        with second.write() as connection:
            seen.extend(_topics(connection))

    waiting = threading.Thread(target=write_second)
    with first.write() as connection:
        waiting.start()
        while not _is_waiting(connection):
            pass
        connection.execute(outbox.insert(), {"topic": "withdrawn", "body": "{}", "at": NOON})
    waiting.join(10)
    assert seen == ["withdrawn"]


def _is_waiting(connection: sa.Connection) -> bool:
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    return bool(connection.exec_driver_sql(waiting).scalar_one())


def test_reader_sees_one_moment(any_store: Store) -> None:
    with any_store.read() as connection:
        assert _topics(connection) == []
        _note(any_store, "meanwhile")
        assert _topics(connection) == []


def test_database_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(StoreUnavailableError):
        open_store("postgresql://nobody@127.0.0.1:1/nothing")


def test_a_writer_sees_what_was_committed_before_its_turn_whatever_the_database_says(
    database_url: str, owner: sa.Connection
) -> None:
    name = owner.exec_driver_sql("SELECT current_database()").scalar_one()
    owner.exec_driver_sql(f"ALTER DATABASE \"{name}\" SET default_transaction_isolation = 'repeatable read'")
    try:
        store = open_store(database_url)
        with store.write() as connection:
            assert connection.exec_driver_sql("SHOW transaction_isolation").scalar_one() == "read committed"
        store.close()
    finally:
        owner.exec_driver_sql(f'ALTER DATABASE "{name}" RESET default_transaction_isolation')


def test_lost_connection_is_unavailable_once_and_loses_nothing(any_store: Store, owner: sa.Connection) -> None:
    _note(any_store, "before")

    def write_and_lose() -> None:
        with any_store.write() as connection:
            connection.execute(outbox.insert(), {"topic": "lost", "body": "{}", "at": NOON})
            own = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            owner.exec_driver_sql(f"SELECT pg_terminate_backend({own})")
            connection.execute(outbox.insert(), {"topic": "lost too", "body": "{}", "at": NOON})

    with pytest.raises(StoreUnavailableError):
        write_and_lose()
    _note(any_store, "after")
    with any_store.read() as connection:
        assert _topics(connection) == ["before", "after"]


@pytest.mark.parametrize("prepared", [True, False])
def test_a_database_that_left_and_came_back_is_unavailable_once(
    any_store: Store, owner: sa.Connection, prepared: bool
) -> None:
    topics = sa.select(outbox.c.topic)
    pid = sa.text("SELECT pg_backend_pid()")

    def ask() -> None:
        with any_store.read() as connection:
            _ = Prepared(topics).rows(connection) if prepared else connection.execute(topics).all()

    with any_store.read() as one, any_store.read() as two, any_store.read() as three:
        pooled = [connection.execute(pid).scalar_one() for connection in (one, two, three)]
    for backend in pooled:
        owner.exec_driver_sql(f"SELECT pg_terminate_backend({backend})")
    with pytest.raises(StoreUnavailableError):
        ask()
    for _ in range(4):
        ask()


@pytest.mark.parametrize(
    "change",
    [
        "TRUNCATE trail CASCADE",
        "DELETE FROM trail",
        "SET session_replication_role = replica; UPDATE trail SET kind = 'x'",
        "INSERT INTO trail SELECT * FROM trail ON CONFLICT (seq) DO UPDATE SET kind = 'x'",
    ],
)
def test_guards_hold_against_the_owner_of_the_tables(any_store: Store, owner: sa.Connection, change: str) -> None:
    with any_store.write() as connection:
        append_trail(connection, "answer", {}, at=NOON)
    with pytest.raises(sa.exc.IntegrityError, match="trail_no_"):
        owner.exec_driver_sql(change)
    assert verify_trail(any_store, None, None).rows == 1


def test_guard_that_was_switched_off_is_back_when_the_store_is_opened(
    open_here: Callable[[], Store], owner: sa.Connection
) -> None:
    _note(open_here(), "x")
    owner.exec_driver_sql("ALTER TABLE kill_switches DISABLE TRIGGER kill_switches_no_delete")
    open_here()
    with pytest.raises(sa.exc.IntegrityError, match="kill_switches_no_delete"):
        owner.exec_driver_sql("DELETE FROM kill_switches")


def test_service_works_as_a_role_that_owns_nothing(
    open_here: Callable[[], Store], database_url: str, owner: sa.Connection
) -> None:
    open_here()
    role = database_url.rsplit("%3D", 1)[1].replace("test", "service")
    owner.exec_driver_sql(f"CREATE ROLE {role} LOGIN")
    grant_service_rights(owner, role)
    store = open_store(sa.make_url(database_url).set(username=role).render_as_string(hide_password=False))
    with store.write() as connection:
        append_trail(connection, "answer", {}, personal={"customer_id": "c"}, at=NOON)
        connection.exec_driver_sql("DELETE FROM trail_commitments")
    for change in (
        "UPDATE trail SET kind = 'x'",
        "DROP TRIGGER trail_no_update ON trail",
        "DELETE FROM permission_events",
    ):
        with pytest.raises(StoreUnavailableError, match="InsufficientPrivilege"), store.write() as connection:
            connection.exec_driver_sql(change)
    with store.read() as connection:
        assert connection.execute(sa.select(trail.c.kind)).scalars().all() == ["answer"]
    store.close()
    owner.exec_driver_sql(f"DROP OWNED BY {role}; DROP ROLE {role}")
