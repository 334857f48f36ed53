"""Whatever is done to the trail afterwards is found: an edit, a deletion, a cut tail, a full rewrite."""

import json
import re
import sqlite3
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from models.canonical import framed_sha256
from models.errors import UsageError
from models.home import Home
from models.signing import KeyRegistry, PrivateKey, generate_key, load_private_key, load_registry, sign_statement
from models.store import Store, open_store, permission_events, trail, trail_commitments
from models.trail import BEFORE_FIRST, TrailRow, append_trail, erase_commitments, verify_trail, write_checkpoint

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def operations(tmp_path_factory: pytest.TempPathFactory) -> tuple[PrivateKey, KeyRegistry]:
    home = Home(tmp_path_factory.mktemp("keys"))
    generate_key(home, "operations", "Dana", "secret")
    return load_private_key(home.keys / "operations.pem", "secret"), load_registry(home)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"sqlite:///{tmp_path / 'levensloop.db'}")


def _append(store: Store, number: int, customer: str = "c1") -> TrailRow:
    at = NOON + timedelta(seconds=number)
    with store.write() as connection:
        return append_trail(connection, "answer", {"n": number}, personal={"customer_id": customer}, at=at)


def _tamper(tmp_path: Path, *statements: str) -> None:
    """What somebody with the database file can do: the triggers do not stop the owner of the file."""
    with sqlite3.connect(tmp_path / "levensloop.db") as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
    connection.close()


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


def test_person_stands_in_the_chain_as_a_commitment_only(tmp_path: Path, store: Store) -> None:
    _append(store, 1, customer="NL-secret-customer")
    with store.read() as connection:
        row = connection.execute(sa.select(trail)).one()
    assert "NL-secret-customer" not in json.dumps(list(map(str, row)))


def test_erasure_unlinks_the_person_and_the_chain_still_verifies(tmp_path: Path, store: Store) -> None:
    for number, customer in enumerate(["erased-one", "bob", "erased-one"]):
        _append(store, number, customer)
    with store.write() as connection:
        assert erase_commitments(connection, "customer_id", "erased-one") == 2
    report = verify_trail(store, None, None)
    assert (report.ok, report.rows, report.commitments) == (True, 3, 1)
    store.close()  # folds the write-ahead log into the file
    assert b"erased-one" not in (tmp_path / "levensloop.db").read_bytes()


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
def test_edit_is_found(tmp_path: Path, store: Store, edit: str) -> None:
    for number in range(5):
        _append(store, number)
    _tamper(tmp_path, edit)
    assert "row 3 was changed" in _findings(store)


@pytest.mark.parametrize(
    "edit",
    ["UPDATE trail SET prev = hash WHERE seq = 3", "UPDATE trail SET hash = prev WHERE seq = 3"],
)
def test_edit_of_the_chain_itself_is_found(tmp_path: Path, store: Store, edit: str) -> None:
    for number in range(5):
        _append(store, number)
    _tamper(tmp_path, edit)
    assert "row 3" in _findings(store)


def test_edit_with_a_right_hash_of_its_own_is_found_at_the_next_row(tmp_path: Path, store: Store) -> None:
    rows = [_append(store, number) for number in range(5)]
    body = '{"body":{"n":9},"personal":{}}'
    forged = framed_sha256("levensloop-trail-1", "3", "2026-11-23T12:00:02.000000Z", "answer", body, rows[1].hash)
    _tamper(tmp_path)
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
def test_deletion_is_found(tmp_path: Path, store: Store, deletion: str, found: str) -> None:
    for number in range(5):
        _append(store, number)
    _tamper(tmp_path, "DELETE FROM trail_commitments", deletion)
    assert found in _findings(store)


def test_changed_person_is_found(tmp_path: Path, store: Store) -> None:
    _append(store, 1, "ann")
    _tamper(tmp_path, "UPDATE trail_commitments SET value = 'bob'")
    assert "customer_id of row 1" in _findings(store)


def _cut_tail(tmp_path: Path, store: Store) -> None:
    _tamper(tmp_path, "DELETE FROM trail_commitments", "DELETE FROM trail WHERE seq > 3")


def _rewrite(tmp_path: Path, store: Store) -> None:
    """A forger with all our code: another history of the same length, every hash right."""
    store.close()
    for path in tmp_path.glob("levensloop.db*"):
        path.unlink()
    forged = open_store(f"sqlite:///{tmp_path / 'levensloop.db'}")
    for number in range(5):
        _append(forged, 100 + number)
    forged.close()


@pytest.mark.parametrize(
    ("attack", "found"), [(_cut_tail, "row 5 was signed but is not there"), (_rewrite, "row 5 is not the one")]
)
def test_checkpoint_finds_what_the_chain_alone_cannot(
    tmp_path: Path,
    store: Store,
    operations: tuple[PrivateKey, KeyRegistry],
    attack: Callable[[Path, Store], None],
    found: str,
) -> None:
    key, registry = operations
    for number in range(5):
        _append(store, number)
    write_checkpoint(store, tmp_path / "checkpoints", key, at=NOON)
    attack(tmp_path, store)
    afterwards = open_store(f"sqlite:///{tmp_path / 'levensloop.db'}")
    without = verify_trail(afterwards, None, None)
    assert without.ok
    assert "would not show" in without.notes[0]
    assert found in _findings(afterwards, tmp_path / "checkpoints", registry)


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


@pytest.mark.parametrize("change", ['"seq":2', '"hash":"00', '"at":"2027', "unknown key", "no json"])
def test_forged_checkpoint_is_found(
    tmp_path: Path, store: Store, operations: tuple[PrivateKey, KeyRegistry], change: str
) -> None:
    key, registry = operations
    _append(store, 1)
    path = write_checkpoint(store, tmp_path / "checkpoints", key, at=NOON)
    assert path is not None
    text = path.read_text()
    if change == "unknown key":
        registry = KeyRegistry((), registry.sha256)
    elif change == "no json":
        path.write_text(text[:-5])
    else:
        name = change.split(":")[0]
        at = text.index(name)
        path.write_text(text[:at] + change + text[at + len(change) :])
    assert f"checkpoint {path.name}" in _findings(store, tmp_path / "checkpoints", registry)


def test_signature_over_something_else_is_no_checkpoint(
    tmp_path: Path, store: Store, operations: tuple[PrivateKey, KeyRegistry]
) -> None:
    key, registry = operations
    statement = {"kind": "release_decision", "seq": 1, "hash": "a"}
    (tmp_path / "checkpoints").mkdir()
    data = {"statement": statement, "signature": asdict(sign_statement(key, statement))}
    (tmp_path / "checkpoints" / "1.json").write_text(json.dumps(data))
    assert "something else" in _findings(store, tmp_path / "checkpoints", registry)


def test_report_of_a_ruined_trail_stays_short(tmp_path: Path, store: Store) -> None:
    with store.write() as connection:
        for number in range(300):
            append_trail(connection, "answer", {"n": number}, at=NOON)
    _tamper(tmp_path, "UPDATE trail SET kind = 'x'")
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


# ---- damage ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("UPDATE trail SET body = CAST(body AS BLOB) WHERE seq = 2", "row 2 was changed"),
        ("UPDATE trail SET body = replace(hex(zeroblob(50000)), '0', '[') WHERE seq = 2", "row 2 was changed"),
        ("UPDATE trail SET kind = CAST(X'FF' AS TEXT) WHERE seq = 2", "row 2 was changed"),
        ("UPDATE trail SET hash = X'FF' WHERE seq = 2", "row 2 was changed"),
        ("UPDATE trail SET at = CAST(X'C328' AS TEXT) WHERE seq = 2", "row 2 was changed"),
        ("UPDATE trail_commitments SET value = CAST(X'FF' AS TEXT) WHERE seq = 2", "customer_id of row 2"),
        ("UPDATE trail_commitments SET salt = X'FF' WHERE seq = 2", "customer_id of row 2"),
        ("UPDATE trail_commitments SET name = CAST(X'FF' AS TEXT) WHERE seq = 2", "of row 2 is not the one"),
    ],
)
def test_damaged_row_is_a_finding_and_the_check_goes_on(tmp_path: Path, store: Store, damage: str, found: str) -> None:
    for number in range(1, 6):
        _append(store, number)
    _tamper(tmp_path, damage, "UPDATE trail SET kind = 'x' WHERE seq = 5")
    findings = _findings(store)
    assert found in findings
    assert "row 5 was changed" in findings
    findings.encode()  # can be shown and stored


@pytest.mark.parametrize("table", ["trail", "trail_commitments", "permission_events"])
@pytest.mark.parametrize("damage", ["DROP TABLE {0}", "ALTER TABLE {0} RENAME TO {0}_gone"])
def test_missing_table_is_a_finding(tmp_path: Path, store: Store, table: str, damage: str) -> None:
    _append(store, 1)
    _tamper(tmp_path, damage.format(table))
    store.close()
    assert f"the table {table} is not there" in _findings(open_store(f"sqlite:///{tmp_path / 'levensloop.db'}"))


def test_table_without_a_column_is_a_finding(tmp_path: Path, store: Store) -> None:
    _tamper(tmp_path, "ALTER TABLE trail DROP COLUMN body")
    assert "the table trail is not there, or not with all its columns" in _findings(store)


def test_damaged_pages_are_a_finding(tmp_path: Path, store: Store) -> None:
    with store.write() as connection:
        for number in range(300):
            append_trail(connection, "answer", {"n": number}, at=NOON)
        pages = connection.exec_driver_sql(
            "SELECT rootpage FROM sqlite_master WHERE name = 'trail' AND type = 'table'"
        ).scalar_one()
        size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    store.close()
    with (tmp_path / "levensloop.db").open("r+b") as file:
        file.seek((pages - 1) * size)
        file.write(b"\xee" * size)
    assert "the store's file is damaged" in _findings(open_store(f"sqlite:///{tmp_path / 'levensloop.db'}"))


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "{}", '{"statement": NaN, "signature": {}}'])
def test_file_that_is_no_checkpoint_is_a_finding(
    tmp_path: Path, store: Store, operations: tuple[PrivateKey, KeyRegistry], text: str
) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "1.json").write_text(text)
    assert "checkpoint 1.json: " in _findings(store, tmp_path / "checkpoints", operations[1])


@pytest.mark.parametrize("part", ["statement", "signature"])
@pytest.mark.parametrize("value", [5, None, [], float("inf"), "\ud800"])
def test_checkpoint_with_other_types_is_a_finding(
    tmp_path: Path, store: Store, operations: tuple[PrivateKey, KeyRegistry], part: str, value: object
) -> None:
    key, registry = operations
    _append(store, 1)
    path = write_checkpoint(store, tmp_path / "checkpoints", key, at=NOON)
    assert path is not None
    data = json.loads(path.read_text())
    data[part] = {**data[part], "seq": value} if part == "statement" else {**data[part], "signature": value}
    path.write_text(json.dumps(data))
    assert f"checkpoint {path.name}" in _findings(store, tmp_path / "checkpoints", registry)


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
        ("UPDATE permission_events SET action = CAST(X'FF' AS TEXT) WHERE version = 2", "permission 2 .*: action"),
        ("UPDATE permission_events SET at = X'FF', action = 5 WHERE version = 2", "permission 2 .*: action"),
        ("DELETE FROM permission_events WHERE version = 2", "permission 2 was recorded in row 2 but is not in"),
        ("UPDATE permission_events SET version = 9 WHERE version = 2", "permission 9 stands in the ledger, but no row"),
    ],
)
def test_changed_ledger_is_found(tmp_path: Path, store: Store, change: str, found: str) -> None:
    _record(store, "consented", "withdrawn", "shown")
    _tamper(tmp_path, change)
    assert re.search(found, _findings(store))


def test_replaced_withdrawal_is_found(tmp_path: Path, store: Store) -> None:
    _record(store, "consented", "withdrawn")
    _tamper(
        tmp_path,
        "CREATE TEMP TABLE copy AS SELECT * FROM permission_events WHERE version = 1",
        "UPDATE copy SET version = 2",
        "INSERT OR REPLACE INTO permission_events SELECT * FROM copy",
    )
    assert _findings(store) == "permission 2 is not as row 2 recorded it: action differs"


def test_appended_row_cannot_cover_a_change(tmp_path: Path, store: Store) -> None:
    _record(store, "consented", "withdrawn")
    _tamper(tmp_path, "UPDATE permission_events SET action = 'consented' WHERE version = 2")
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
