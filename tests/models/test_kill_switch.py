"""A kill switch is turned by a person with a key, counts with the acknowledgement, and stays on record."""

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from models.errors import StoreUnavailableError, UsageError
from models.home import Home
from models.kill_switch import set_kill_switch, stopped_events
from models.signing import PrivateKey, Role, Signature, load_registry, verify_signature
from models.store import METADATA, Store, kill_switches, open_store, schema_version, trail
from models.trail import verify_trail

MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.fixture
def home(board: Any) -> Home:
    return board.home


@pytest.fixture
def keys(board: Any) -> dict[Role, PrivateKey]:
    return board.keys


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    opened = open_store(home.database_url)
    yield opened
    opened.close()


def stopped(store: Store) -> set[str]:
    with store.read() as connection:
        return set(stopped_events(connection))


def test_the_last_switch_of_an_event_counts(home: Home, store: Store, keys: dict[Role, PrivateKey]) -> None:
    def turn(event: str, state: Any) -> None:
        set_kill_switch(home, event, state, role="operations", private_key=keys["operations"], reason="complaints")

    assert stopped(store) == set()
    turn("child_birth", "on")
    turn("job_loss", "on")
    assert stopped(store) == {"child_birth", "job_loss"}
    turn("child_birth", "off")
    assert stopped(store) == {"job_loss"}
    turn("child_birth", "on")
    assert stopped(store) == {"child_birth", "job_loss"}


def test_switch_is_signed_and_in_the_trail_with_who_when_and_why(
    home: Home, store: Store, keys: dict[Role, PrivateKey]
) -> None:
    row = set_kill_switch(
        home, "child_birth", "on", role="owner", private_key=keys["owner"], reason=" nine complaints ", at=MONDAY
    )
    assert verify_trail(store, None, None).ok
    with store.read() as connection:
        told = connection.execute(sa.select(trail)).one()
        kept = connection.execute(sa.select(kill_switches)).one()
    body = json.loads(told.body)["body"]
    assert (told.seq, told.kind, told.at) == (row.seq, "kill_switch", MONDAY)
    signature = Signature(**body.pop("signature"))
    assert {name: body[name] for name in ("kind", "event", "state", "role", "person", "reason")} == {
        "kind": "kill_switch", "event": "child_birth", "state": "on", "role": "owner", "person": "Anna",
        "reason": "nine complaints",
    }  # fmt: skip
    key = load_registry(home).key_of("owner")
    assert key is not None
    verify_signature(key, body, signature)
    assert (kept.event, kept.state, kept.person, kept.at, kept.signature) == (
        "child_birth", "on", "Anna", MONDAY, signature.signature,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"event": "chidl_birth"}, "no life event"),
        ({"event": ""}, "no life event"),
        ({"state": "stop"}, "on or off"),
        ({"reason": " "}, "reason"),
        ({"role": "owner"}, "in force"),
        ({"role": "ethics_chair"}, "in force"),
    ],
)
def test_what_is_no_switch_is_refused_and_stops_nothing(
    home: Home, store: Store, keys: dict[Role, PrivateKey], changes: dict[str, Any], words: str
) -> None:
    given: dict[str, Any] = {"event": "child_birth", "state": "on", "role": "operations", "reason": "x", **changes}
    with pytest.raises(UsageError, match=words):
        set_kill_switch(home, given.pop("event"), given.pop("state"), private_key=keys["operations"], **given)
    assert stopped(store) == set()
    with store.read() as connection:
        assert connection.execute(sa.select(trail)).all() == []


@pytest.mark.parametrize("verb", ["UPDATE {} SET state = 'off'", "DELETE FROM {}", "REPLACE INTO {} SELECT * FROM {}"])
def test_a_switch_cannot_be_taken_back_but_by_another(
    home: Home, store: Store, keys: dict[Role, PrivateKey], verb: str
) -> None:
    set_kill_switch(home, "child_birth", "on", role="owner", private_key=keys["owner"], reason="x")
    with pytest.raises(StoreUnavailableError), store.write() as connection:
        connection.exec_driver_sql(verb.format("kill_switches", "kill_switches"))
    rival = sqlite3.connect(home.path / "levensloop.db")
    with pytest.raises(sqlite3.IntegrityError):
        rival.execute(verb.format("kill_switches", "kill_switches"))
    rival.close()
    assert stopped(store) == {"child_birth"}


NEW = ("kill_switches", "release_fallbacks")


def test_store_of_the_first_schema_gets_the_new_tables_and_keeps_its_rows(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'levensloop.db'}"
    old = sa.create_engine(url)
    with old.begin() as connection:
        METADATA.create_all(connection, tables=[t for name, t in METADATA.tables.items() if name not in NEW])
        connection.execute(schema_version.insert().values(version=1))
        connection.exec_driver_sql("INSERT INTO outbox (topic, body, at) VALUES ('x', '{}', '2026')")
    old.dispose()
    store = open_store(url)
    assert stopped(store) == set()
    with store.read() as connection:
        assert connection.execute(sa.select(schema_version.c.version)).scalars().all() == [2]
        assert connection.exec_driver_sql("SELECT topic FROM outbox").scalars().all() == ["x"]
        triggers = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all()
    assert {"kill_switches_no_delete", "kill_switches_no_update", "kill_switches_no_replace"} <= set(triggers)
    store.close()


def test_switches_that_were_taken_away_make_the_store_unavailable(home: Home, store: Store) -> None:
    store.close()
    rival = sqlite3.connect(home.path / "levensloop.db")
    rival.execute("DROP TABLE kill_switches")
    rival.close()
    again = open_store(home.database_url)
    with pytest.raises(StoreUnavailableError):
        stopped(again)
    again.close()
