"""The database keeps what was acknowledged, refuses to change history, and says so when it cannot be reached."""

import os
import signal
import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from models.errors import StoreUnavailableError, UsageError
from models.store import METADATA, Store, offers, open_store, outbox, permission_events, trail
from models.trail import append_trail, verify_trail

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def store(any_store: Store) -> Store:
    return any_store


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'levensloop.db'}")
    yield opened
    opened.close()


def _note(store: Store, topic: str) -> None:
    with store.write() as connection:
        connection.execute(outbox.insert(), {"topic": topic, "body": "{}", "at": NOON})


def _topics(store: Store) -> list[str]:
    with store.read() as connection:
        return list(connection.execute(sa.select(outbox.c.topic).order_by(outbox.c.id)).scalars())


def test_written_rows_are_there_after_reopening(open_here: Callable[[], Store]) -> None:
    first = open_here()
    _note(first, "one")
    first.close()
    assert _topics(open_here()) == ["one"]


def test_folder_of_the_file_is_made(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'new folder' / 'levensloop.db'}")
    _note(store, "one")
    store.close()


def test_database_is_readable_by_its_owner_alone(tmp_path: Path, sqlite_store: Store) -> None:
    _note(sqlite_store, "one")
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}


def test_a_link_to_a_file_that_is_not_there_yet_is_for_this_user_alone(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "disk.db")
    with open_store(f"sqlite:///{tmp_path / 'link.db'}").read():
        assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir() if not path.is_symlink()} == {0}


def test_sqlite_flushes_every_commit_and_uses_a_write_ahead_log(sqlite_store: Store) -> None:
    with sqlite_store.write() as connection:
        wanted = {
            "journal_mode": "wal",
            "synchronous": 2,
            "foreign_keys": 1,
            "secure_delete": 1,
            "recursive_triggers": 1,
        }
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted}
    assert found == wanted


def test_error_inside_a_block_undoes_the_whole_block(store: Store) -> None:
    def half() -> None:
        with store.write() as connection:
            connection.execute(outbox.insert(), {"topic": "half", "body": "{}", "at": NOON})
            raise KeyError

    with pytest.raises(KeyError):
        half()
    assert _topics(store) == []


def test_a_store_that_could_neither_commit_nor_undo_goes_on_afterwards(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialect = store._writer.dialect

    def fail(_connection: object) -> None:
        raise dialect.dbapi.OperationalError("disk I/O error")  # type: ignore[union-attr]

    with monkeypatch.context() as patched:
        patched.setattr(dialect, "do_commit", fail)
        patched.setattr(dialect, "do_rollback", fail)
        with pytest.raises(StoreUnavailableError):
            _note(store, "lost")
    _note(store, "kept")
    assert _topics(store) == ["kept"]


def test_reading_block_cannot_write(store: Store) -> None:
    with pytest.raises(StoreUnavailableError), store.read() as connection:
        connection.execute(outbox.insert(), {"topic": "x", "body": "{}", "at": NOON})
    assert _topics(store) == []


def _fill_history(store: Store) -> None:
    """One row in the ledger and one in the trail."""
    with store.write() as connection:
        append_trail(connection, "answer", {}, at=NOON)
        needed = {c.name: "x" for c in permission_events.columns if c.name not in ("version", "at")}
        connection.execute(permission_events.insert(), {**needed, "at": NOON})


@pytest.mark.parametrize("table", [permission_events, trail])
@pytest.mark.parametrize("verb", ["UPDATE {} SET at = 'x'", "DELETE FROM {}"])
def test_history_cannot_be_changed(store: Store, table: sa.Table, verb: str) -> None:
    _fill_history(store)
    with pytest.raises(StoreUnavailableError), store.write() as connection:
        connection.exec_driver_sql(verb.format(table.name))
    with store.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 1
        assert connection.execute(sa.select(table.c.at)).scalar() == NOON


@pytest.mark.parametrize("table", [permission_events, trail])
@pytest.mark.parametrize("verb", ["REPLACE INTO {0} SELECT * FROM {0}"])
def test_sqlite_replaces_no_row_of_history(sqlite_store: Store, table: sa.Table, verb: str) -> None:
    _fill_history(sqlite_store)
    with pytest.raises(StoreUnavailableError), sqlite_store.write() as connection:
        connection.exec_driver_sql(verb.format(table.name))


def _record(store: Store, action: str, key: str | None = None) -> None:
    needed = {c.name: "x" for c in permission_events.columns if c.name not in ("version", "at")}
    with store.write() as connection:
        row = {**needed, "action": action, "at": NOON, "idempotency_key": key}
        connection.execute(permission_events.insert(), row)


def _actions(store: Store) -> list[str]:
    with store.read() as connection:
        return list(connection.execute(sa.select(permission_events.c.action)).scalars())


@pytest.mark.parametrize("taken", ["version", "idempotency_key"])
def test_no_client_can_replace_a_withdrawal_by_a_consent(tmp_path: Path, sqlite_store: Store, taken: str) -> None:
    _record(sqlite_store, "consented", "key 1")
    _record(sqlite_store, "withdrawn", "key 2")
    columns = ", ".join(c.name for c in permission_events.columns if c.name not in ("version", "idempotency_key"))
    other = {"version": "2, NULL", "idempotency_key": "NULL, 'key 2'"}[taken]
    replace = "INSERT OR REPLACE INTO permission_events (version, idempotency_key, {0}) SELECT {1}, {0} FROM {2}"
    rival = sqlite3.connect(tmp_path / "levensloop.db")  # as any tool does: recursive_triggers is off
    with pytest.raises(sqlite3.IntegrityError, match="permission_events_no_replace"):
        rival.execute(replace.format(columns, other, "permission_events WHERE version = 1"))
    rival.close()
    assert _actions(sqlite_store) == ["consented", "withdrawn"]


def test_no_client_can_replace_a_trail_row(tmp_path: Path, sqlite_store: Store) -> None:
    with sqlite_store.write() as connection:
        append_trail(connection, "answer", {}, at=NOON)
    rival = sqlite3.connect(tmp_path / "levensloop.db")
    with pytest.raises(sqlite3.IntegrityError, match="trail_no_replace"):
        rival.execute("INSERT OR REPLACE INTO trail SELECT seq, at, 'refusal', body, prev, hash FROM trail")
    rival.close()


def test_store_of_an_older_version_gets_the_triggers_it_lacks(tmp_path: Path, sqlite_store: Store) -> None:
    _record(sqlite_store, "withdrawn")
    sqlite_store.close()
    rival = sqlite3.connect(tmp_path / "levensloop.db")
    rival.execute("DROP TRIGGER permission_events_no_replace")
    open_store(f"sqlite:///{tmp_path / 'levensloop.db'}").close()
    with pytest.raises(sqlite3.IntegrityError, match="permission_events_no_replace"):
        rival.execute("INSERT OR REPLACE INTO permission_events SELECT * FROM permission_events")
    rival.close()


def test_moments_keep_their_instant_and_order(store: Store) -> None:
    amsterdam = timezone(timedelta(hours=1))
    with store.write() as connection:
        for at in (NOON, NOON.astimezone(amsterdam) - timedelta(minutes=1)):
            connection.execute(outbox.insert(), {"topic": "x", "body": "", "at": at})
    with store.read() as connection:
        found = connection.execute(sa.select(outbox.c.at).order_by(outbox.c.at)).scalars().all()
    assert list(found) == [NOON - timedelta(minutes=1), NOON]


def test_moment_without_time_zone_is_refused(store: Store) -> None:
    bare = NOON.replace(tzinfo=None)
    with pytest.raises(UsageError, match="time zone"), store.write() as connection:
        connection.execute(outbox.insert(), {"topic": "x", "body": "", "at": bare})
    assert _topics(store) == []


def test_offer_state_is_one_of_three(store: Store) -> None:
    row = {"customer_id": "c1", "event": "move_home", "product": "p", "at": NOON, "state": "clicked"}
    with pytest.raises(StoreUnavailableError), store.write() as connection:
        connection.execute(offers.insert(), row)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/x", "nonsense"])
def test_only_what_keeps_its_word_is_accepted(url: str) -> None:
    with pytest.raises(UsageError):
        open_store(url)


def test_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "levensloop.db").write_bytes(b"x" * 5000)
    with pytest.raises(StoreUnavailableError):
        open_store(f"sqlite:///{tmp_path / 'levensloop.db'}")


def test_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailableError):
        open_store(f"sqlite:///{tmp_path / 'file' / 'levensloop.db'}")


def test_locked_database_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.store.BUSY_TIMEOUT_MS", 50)
    store = open_store(f"sqlite:///{tmp_path / 'levensloop.db'}")
    rival = sqlite3.connect(tmp_path / "levensloop.db", isolation_level=None)
    rival.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailableError):
        _note(store, "x")
    rival.close()


def test_error_tells_no_values(store: Store) -> None:
    secret = "secret".upper()
    with pytest.raises(StoreUnavailableError) as caught, store.write() as connection:
        connection.execute(offers.insert(), {"customer_id": secret, "event": None, "product": "p", "at": NOON})
    assert secret not in "".join(traceback.format_exception(caught.value))


def test_block_inside_a_block_and_other_long_waits_end_in_unavailable(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.store.BUSY_TIMEOUT_MS", 50)
    with store.write(), pytest.raises(StoreUnavailableError, match="busy"), store.write():
        pass
    _note(store, "after")
    assert _topics(store) == ["after"]


def test_threads_of_one_process_write_one_chain(store: Store) -> None:
    def write_ten(number: int) -> None:
        for _ in range(10):
            with store.write() as connection:
                append_trail(connection, "answer", {"n": number}, at=NOON)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write_ten, range(8)))
    report = verify_trail(store, None, None)
    assert (report.ok, report.rows) == (True, 80)


WRITER = """
import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from models.store import open_store
from models.trail import append_trail
store = open_store(sys.argv[1])
for number in range(int(sys.argv[2])):
    with store.write() as connection:
        row = append_trail(connection, "answer", {"n": number}, personal={"customer_id": "c"}, at=datetime.now(UTC))
    print(row.seq, row.hash, flush=True)
"""


def _own_rows(store: Store) -> set[str]:
    with store.read() as connection:
        rows = connection.execute(sa.select(trail.c.seq, trail.c.hash))
        return {f"{seq} {stated}\n" for seq, stated in rows}


def _start_writer(url: str, rows: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", WRITER, url, str(rows)], stdout=subprocess.PIPE, text=True)


def test_two_processes_write_one_chain(database_url: str, open_here: Callable[[], Store]) -> None:
    writers = [_start_writer(database_url, 150) for _ in range(2)]  # both also make the new database at the same moment
    places = [line.split()[0] for writer in writers for line in writer.communicate(timeout=60)[0].splitlines()]
    assert sorted(map(int, places)) == list(range(1, 301))
    report = verify_trail(open_here(), None, None)
    assert (report.ok, report.rows, report.commitments) == (True, 300, 300)


def test_a_long_lived_store_sees_other_processes_after_a_second_store_in_its_own(
    database_url: str, open_here: Callable[[], Store]
) -> None:
    """SQLite forgets the locks of a process that closes any handle on the file; others then remove its log."""
    serving = open_here()
    _start_writer(database_url, 2).communicate(timeout=60)
    assert len(_own_rows(serving)) == 2
    open_here().close()
    for rows in (4, 6):  # each writer leaves the store as if it were the last
        _start_writer(database_url, 2).communicate(timeout=60)
        assert len(_own_rows(serving)) == rows
    with serving.write() as connection:
        append_trail(connection, "answer", {}, personal={}, at=NOON)
    assert len(_own_rows(open_here())) == 7


def test_acknowledged_rows_survive_kill_9(database_url: str, open_here: Callable[[], Store]) -> None:
    acknowledged: list[str] = []
    for lines in (1, 20, 60):
        with _start_writer(database_url, 100_000) as writer:
            assert writer.stdout is not None
            acknowledged += [writer.stdout.readline() for _ in range(lines)]
            os.kill(writer.pid, signal.SIGKILL)
            acknowledged += [line for line in writer.stdout if line.endswith("\n")]
    store = open_here()
    assert len(acknowledged) >= 81
    assert set(acknowledged) <= _own_rows(store)
    assert verify_trail(store, None, None).ok


def test_every_table_of_the_contract_is_there() -> None:
    assert set(METADATA.tables) >= {
        "permission_events", "trail", "trail_commitments", "detections", "offers", "corrections", "complaints",
        "questions", "outbox", "idempotency", "schema_version",
    }  # fmt: skip
