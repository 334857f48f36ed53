"""Whatever is done to the trail afterwards is found: an edit, a deletion, a cut tail, a full rewrite."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from models.canonical import framed_sha256
from models.errors import UsageError
from models.home import Home
from models.signing import KeyRegistry, PrivateKey, generate_key, load_private_key, load_registry
from models.store import Store, open_store, permission_events, trail, trail_commitments
from models.trail import BEFORE_FIRST, TrailRow, append_trail, erase_commitments, verify_trail, write_checkpoint

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
Tamper = Callable[..., None]  # the fixture that changes what only the owner of the database can


@pytest.fixture(scope="module")
def operations(tmp_path_factory: pytest.TempPathFactory) -> tuple[PrivateKey, KeyRegistry]:
    home = Home(tmp_path_factory.mktemp("keys"))
    generate_key(home, "operations", "Dana", "secret")
    return load_private_key(home.keys / "operations.pem", "secret"), load_registry(home)


@pytest.fixture
def store(any_store: Store) -> Store:
    return any_store


def _append(store: Store, number: int, customer: str = "c1") -> TrailRow:
    at = NOON + timedelta(seconds=number)
    with store.write() as connection:
        return append_trail(connection, "answer", {"n": number}, personal={"customer_id": customer}, at=at)


def _findings(store: Store, checkpoints: Path | None = None, registry: KeyRegistry | None = None) -> str:
    return "; ".join(verify_trail(store, checkpoints, registry).findings)


def test_rows_follow_each_other_and_the_hash_can_be_worked_out_by_hand(store: Store) -> None:
    first, second = (_append(store, n) for n in (1, 2))
    with store.read() as connection:
        rows = connection.execute(sa.select(trail).order_by(trail.c.seq)).all()
    assert [row.seq for row in rows] == [1, 2]
    assert [row.prev for row in rows] == [BEFORE_FIRST, first.hash]
    framed = ["levensloop-trail-1", "2", "2026-11-23T12:00:02.000000Z", "answer", rows[1].body, first.hash]
    assert second.hash == framed_sha256(*framed)
    assert verify_trail(store, None, None).ok


def test_fields_cannot_be_shifted_into_each_other() -> None:
    assert framed_sha256("ab", "c") != framed_sha256("a", "bc")


def test_person_stands_in_the_chain_as_a_commitment_only(store: Store) -> None:
    _append(store, 1, customer="NL-secret-customer")
    with store.read() as connection:
        row = connection.execute(sa.select(trail)).one()
    assert "NL-secret-customer" not in json.dumps(list(map(str, row)))


def test_erasure_unlinks_the_person_and_the_chain_still_verifies(store: Store) -> None:
    for number, customer in enumerate(["erased-one", "bob", "erased-one"]):
        _append(store, number, customer)
    with store.write() as connection:
        assert erase_commitments(connection, "customer_id", "erased-one") == 2
    report = verify_trail(store, None, None)
    assert (report.ok, report.rows, report.commitments) == (True, 3, 1)
    with store.read() as connection:
        assert "erased-one" not in str(connection.execute(sa.select(trail_commitments)).all())


def test_two_rows_about_one_person_do_not_show_it(store: Store) -> None:
    for number in (1, 2):
        _append(store, number, "ann")
    with store.read() as connection:
        bodies = connection.execute(sa.select(trail.c.body)).scalars().all()
    assert len({json.loads(body)["personal"]["customer_id"] for body in bodies}) == 2


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE trail SET at = '2026-11-23T12:00:03.000001Z' WHERE seq = 3",
        "UPDATE trail SET kind = 'refusal' WHERE seq = 3",
        """UPDATE trail SET body = '{"body":{"n":9},"personal":{}}' WHERE seq = 3""",
    ],
)
def test_edit_is_found(tamper: Tamper, store: Store, edit: str) -> None:
    for number in range(5):
        _append(store, number)
    tamper(edit)
    assert "row 3 was changed" in _findings(store)


@pytest.mark.parametrize(
    "edit",
    ["UPDATE trail SET prev = hash WHERE seq = 3", "UPDATE trail SET hash = prev WHERE seq = 3"],
)
def test_edit_of_the_chain_itself_is_found(tamper: Tamper, store: Store, edit: str) -> None:
    for number in range(5):
        _append(store, number)
    tamper(edit)
    assert "row 3" in _findings(store)


def test_edit_with_a_right_hash_of_its_own_is_found_at_the_next_row(tamper: Tamper, store: Store) -> None:
    rows = [_append(store, number) for number in range(5)]
    body = '{"body":{"n":9},"personal":{}}'
    forged = framed_sha256("levensloop-trail-1", "3", "2026-11-23T12:00:02.000000Z", "answer", body, rows[1].hash)
    tamper()
    with store.write() as connection:
        connection.execute(trail.update().where(trail.c.seq == 3).values(body=body, hash=forged))
    assert "row 4 does not follow the row before it" in _findings(store)


@pytest.mark.parametrize(
    ("deletion", "found"),
    [
        ("DELETE FROM trail WHERE seq = 1", "rows 1 to 1 are missing"),
        ("DELETE FROM trail WHERE seq IN (3, 4)", "rows 3 to 4 are missing"),
    ],
)
def test_deletion_is_found(tamper: Tamper, store: Store, deletion: str, found: str) -> None:
    for number in range(5):
        _append(store, number)
    tamper("DELETE FROM trail_commitments", deletion)
    assert found in _findings(store)


def test_changed_person_is_found(tamper: Tamper, store: Store) -> None:
    _append(store, 1, "ann")
    tamper("UPDATE trail_commitments SET value = 'bob'")
    assert "customer_id of row 1" in _findings(store)


def _cut_tail(tamper: Tamper, store: Store) -> None:
    tamper("DELETE FROM trail_commitments", "DELETE FROM trail WHERE seq > 3")


def _rewrite(tamper: Tamper, store: Store) -> None:
    """A forger with all our code: another history of the same length, every hash right."""
    tamper("DELETE FROM trail_commitments", "DELETE FROM trail")
    for number in range(5):
        _append(store, 100 + number)


@pytest.mark.parametrize(
    ("attack", "found"), [(_cut_tail, "row 5 was signed but is not there"), (_rewrite, "row 5 is not the one")]
)
def test_checkpoint_finds_what_the_chain_alone_cannot(
    tmp_path: Path,
    tamper: Tamper,
    store: Store,
    operations: tuple[PrivateKey, KeyRegistry],
    attack: Callable[[Tamper, Store], None],
    found: str,
) -> None:
    key, registry = operations
    for number in range(5):
        _append(store, number)
    write_checkpoint(store, tmp_path / "checkpoints", key, at=NOON)
    attack(tamper, store)
    without = verify_trail(store, None, None)
    assert without.ok
    assert "would not show" in without.notes[0]
    assert found in _findings(store, tmp_path / "checkpoints", registry)


def test_checkpoints_of_an_honest_trail_verify(
    tmp_path: Path, store: Store, operations: tuple[PrivateKey, KeyRegistry]
) -> None:
    key, registry = operations
    assert write_checkpoint(store, tmp_path / "checkpoints", key, at=NOON) is None
    for number in range(6):
        _append(store, number)
        if number in (1, 3):
            write_checkpoint(store, tmp_path / "checkpoints", key, at=NOON)
    report = verify_trail(store, tmp_path / "checkpoints", registry)
    assert (report.ok, report.checkpoints, report.rows) == (True, 2, 6)
    assert report.notes == ("the last 2 rows stand behind the newest checkpoint and are vouched for by none",)


def test_report_of_a_ruined_trail_stays_short(tamper: Tamper, store: Store) -> None:
    with store.write() as connection:
        for number in range(300):
            append_trail(connection, "answer", {"n": number}, at=NOON)
    tamper("UPDATE trail SET kind = 'x'")
    assert len(verify_trail(store, None, None).findings) == 100


def test_empty_trail_is_whole(store: Store) -> None:
    report = verify_trail(store, None, None)
    assert (report.ok, report.rows, report.head, report.notes) == (True, 0, None, ())


@pytest.mark.parametrize("body", [{"x": float("nan")}, {"x": NOON}, {"x": {1, 2}}])
def test_body_that_json_cannot_say_is_refused(store: Store, body: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="JSON"), store.write() as connection:
        append_trail(connection, "answer", body, at=NOON)
    assert verify_trail(store, None, None).rows == 0


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def long_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return open_store(f"sqlite:///{tmp_path_factory.mktemp('long') / 'levensloop.db'}")


@given(
    body=st.dictionaries(st.text(), _JSON, max_size=4),
    personal=st.dictionaries(st.text(), st.text(), max_size=3),
    kind=st.text(min_size=1),
)
def test_any_body_verifies(long_store: Store, body: dict[str, object], personal: dict[str, str], kind: str) -> None:
    with long_store.write() as connection:
        append_trail(connection, kind, body, personal=personal, at=NOON)
    assert verify_trail(long_store, None, None).ok


def test_no_commitment_without_its_row(store: Store) -> None:
    with store.write() as connection:
        append_trail(connection, "answer", {}, at=NOON)
        connection.execute(trail_commitments.insert(), {"seq": 1, "name": "customer_id", "value": "x", "salt": "y"})
    assert "customer_id of row 1" in _findings(store)


# ---- the ledger -----------------------------------------------------------------------------------------------------


def _record(
    store: Store, *actions: str, customer: str = "ann", recorded: bool = True, versions: bool = True, **stated: str
) -> None:
    """Permission events, each with its trail row as the service writes it."""
    for action in actions:
        texts = {c.name: "x" for c in permission_events.columns if c.name not in ("version", "at", "idempotency_key")}
        event = {**texts, "customer_id": customer, "purpose": "own_product_offers", "action": action, "at": NOON}
        with store.write() as connection:
            version = connection.execute(permission_events.insert().returning(permission_events.c.version), event)
            body = {"purpose": "own_product_offers", "action": action, "permission_version": version.scalar_one()}
            if not versions:
                del body["permission_version"]
            if recorded:
                append_trail(
                    connection, "permission_recorded", {**body, **stated}, personal={"customer_id": customer}, at=NOON
                )


def test_ledger_as_it_was_recorded_verifies(store: Store) -> None:
    _record(store, "consented", "withdrawn")
    _append(store, 1)
    assert verify_trail(store, None, None).findings == ()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE permission_events SET action = 'consented' WHERE version = 2", "permission 2 .* row 2 .*: action"),
        ("UPDATE permission_events SET purpose = 'model_training' WHERE version = 2", "permission 2 .*: purpose"),
        ("UPDATE permission_events SET customer_id = 'bob' WHERE version = 2", "permission 2 .*: customer_id"),
        ("DELETE FROM permission_events WHERE version = 2", "permission 2 was recorded in row 2 but is not in"),
        ("UPDATE permission_events SET version = 9 WHERE version = 2", "permission 9 stands in the ledger, but no row"),
    ],
)
def test_changed_ledger_is_found(tamper: Tamper, store: Store, change: str, found: str) -> None:
    _record(store, "consented", "withdrawn", "shown")
    tamper(change)
    assert re.search(found, _findings(store))


def test_appended_row_cannot_cover_a_change(tamper: Tamper, store: Store) -> None:
    _record(store, "consented", "withdrawn")
    tamper("UPDATE permission_events SET action = 'consented' WHERE version = 2")
    body = {"purpose": "own_product_offers", "action": "consented", "permission_version": 2}
    with store.write() as connection:
        append_trail(connection, "permission_recorded", body, at=NOON)
    findings = _findings(store)
    assert "permission 2 is not as row 2 recorded it" in findings
    assert "row 3 records permission 2 a second time" in findings


def test_row_that_states_more_columns_is_held_against_all_of_them(store: Store) -> None:
    _record(store, "consented", notice_version="2026-1")
    assert _findings(store) == "permission 1 is not as row 1 recorded it: notice_version differs"


def test_event_that_no_row_recorded_is_found_unless_none_was_ever_recorded(store: Store) -> None:
    _record(store, "consented", recorded=False)
    assert verify_trail(store, None, None).ok
    _record(store, "consented")
    assert _findings(store) == "permission 1 stands in the ledger, but no row recorded it"


def test_rows_that_do_not_say_which_permission_they_mean_still_verify(store: Store) -> None:
    _record(store, "consented", "withdrawn", versions=False)
    _record(store, "consented")
    assert verify_trail(store, None, None).ok
    _record(store, "consented", recorded=False)
    assert "permission 4 stands in the ledger" in _findings(store)


def test_erased_person_leaves_the_ledger_verifiable(store: Store) -> None:
    _record(store, "consented", "withdrawn")
    with store.write() as connection:
        erase_commitments(connection, "customer_id", "ann")
    assert verify_trail(store, None, None).ok
