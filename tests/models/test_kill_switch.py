"""A kill switch is turned by a person with a key, counts with the acknowledgement, and stays on record."""

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from models.errors import StoreUnavailableError, UsageError
from models.home import Home
from models.kill_switch import KillSwitches, set_kill_switch
from models.signing import PrivateKey, Role, Signature, load_registry, verify_signature
from models.store import Store, kill_switches, open_store, trail
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


def stopped(store: Store, home: Home | None = None) -> set[str]:
    """What a process reads that has the keys of `home`, or none."""
    switches = KillSwitches() if home is None else KillSwitches(lambda: load_registry(home))
    with store.read() as connection:
        return set(switches.stopped(connection))


def test_the_last_switch_of_an_event_counts(home: Home, store: Store, keys: dict[Role, PrivateKey]) -> None:
    def turn(event: str, state: Any) -> None:
        set_kill_switch(home, event, state, role="operations", private_key=keys["operations"], reason="complaints")

    assert stopped(store, home) == set()
    turn("child_birth", "on")
    turn("job_loss", "on")
    assert stopped(store, home) == {"child_birth", "job_loss"}
    turn("child_birth", "off")
    assert stopped(store, home) == {"job_loss"}
    turn("child_birth", "on")
    assert stopped(store, home) == {"child_birth", "job_loss"}


def copy_of_off(store: Store, **changes: Any) -> None:
    """Write the last `off` once more, changed, as somebody could who has the database but no key."""
    with store.write() as connection:
        off = connection.execute(
            sa.select(kill_switches).where(kill_switches.c.state == "off").order_by(kill_switches.c.id.desc())
        ).mappings().first()  # fmt: skip
        assert off is not None
        row = {**off, **changes}
        row.pop("id")
        connection.execute(kill_switches.insert(), row)


@pytest.mark.parametrize(
    "changes",
    [
        {},  # an old signature, repeated after a later stop
        {"at": MONDAY.replace(year=2027)},
        {"at": MONDAY.replace(year=2027), "signature": "00" * 64},
        {"at": MONDAY.replace(year=2027), "signature": "no signature"},
        {"at": MONDAY.replace(year=2027), "key_id": "0" * 64},
        {"at": MONDAY.replace(year=2027), "person": "Dana"},
    ],
)
def test_nobody_opens_an_event_without_a_young_signature(
    home: Home, store: Store, keys: dict[Role, PrivateKey], changes: dict[str, Any]
) -> None:
    for day, state in enumerate(("on", "off", "on")):
        set_kill_switch(home, "child_birth", state, role="owner", private_key=keys["owner"], reason="x",
                        at=MONDAY.replace(hour=10 + day))  # type: ignore[arg-type]  # fmt: skip
    copy_of_off(store, **changes)
    assert stopped(store, home) == {"child_birth"}


def test_without_a_readable_key_registry_nothing_is_opened(
    home: Home, store: Store, keys: dict[Role, PrivateKey]
) -> None:
    for hour, state in ((10, "on"), (11, "off")):
        set_kill_switch(home, "child_birth", state, role="owner", private_key=keys["owner"], reason="x",
                        at=MONDAY.replace(hour=hour))  # type: ignore[arg-type]  # fmt: skip
    assert stopped(store, home) == set()
    assert stopped(store) == {"child_birth"}
    (home.keys / "registry.json").write_text("{}")
    assert stopped(store, home) == {"child_birth"}


def test_a_signature_is_verified_once_and_a_stop_counts_unsigned(
    home: Home, store: Store, keys: dict[Role, PrivateKey]
) -> None:
    for hour, state in ((10, "on"), (11, "off")):
        set_kill_switch(home, "child_birth", state, role="owner", private_key=keys["owner"], reason="x",
                        at=MONDAY.replace(hour=hour))  # type: ignore[arg-type]  # fmt: skip
    asked: list[int] = []

    def count_and_load() -> Any:
        asked.append(1)
        return load_registry(home)

    switches = KillSwitches(count_and_load)
    for _ in range(3):
        with store.read() as connection:
            assert switches.stopped(connection) == frozenset()
    assert len(asked) == 1
    copy_of_off(store, state="on", signature="nobody's")
    with store.read() as connection:
        assert switches.stopped(connection) == {"child_birth"}


def test_an_off_from_a_clock_that_is_behind_is_refused(home: Home, store: Store, keys: dict[Role, PrivateKey]) -> None:
    given: dict[str, Any] = {"role": "owner", "private_key": keys["owner"], "reason": "x"}
    set_kill_switch(home, "child_birth", "on", at=MONDAY, **given)
    with pytest.raises(UsageError, match="clocks"):
        set_kill_switch(home, "child_birth", "off", at=MONDAY.replace(hour=8), **given)
    with store.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(kill_switches)).scalar() == 1


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


def test_switches_that_were_taken_away_make_the_store_unavailable(home: Home, store: Store) -> None:
    store.close()
    rival = sqlite3.connect(home.path / "levensloop.db")
    rival.execute("DROP TABLE kill_switches")
    rival.close()
    again = open_store(home.database_url)
    with pytest.raises(StoreUnavailableError):
        stopped(again)
    again.close()
