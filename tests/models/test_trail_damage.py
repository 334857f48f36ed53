"""A damaged SQLite file and forged checkpoint files are findings, and the check goes on to the next row."""

import json
import re
import sqlite3
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.home import Home
from models.signing import KeyRegistry, PrivateKey, generate_key, load_private_key, load_registry, sign_statement
from models.store import Store, open_store, permission_events
from models.trail import TrailRow, append_trail, erase_commitments, verify_trail, write_checkpoint

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


def test_erased_person_is_gone_from_the_file_too(tmp_path: Path, store: Store) -> None:
    _append(store, 1, "erased-one")
    with store.write() as connection:
        erase_commitments(connection, "customer_id", "erased-one")
    store.close()  # folds the write-ahead log into the file
    assert b"erased-one" not in (tmp_path / "levensloop.db").read_bytes()


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


# ---- checkpoint files -----------------------------------------------------------------------------------------------


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


def _record(store: Store, *actions: str) -> None:
    """Permission events of ann, each with its trail row as the service writes it."""
    for action in actions:
        texts = {c.name: "x" for c in permission_events.columns if c.name not in ("version", "at", "idempotency_key")}
        event = {**texts, "customer_id": "ann", "purpose": "own_product_offers", "action": action, "at": NOON}
        with store.write() as connection:
            version = connection.execute(permission_events.insert().returning(permission_events.c.version), event)
            body = {"purpose": "own_product_offers", "action": action, "permission_version": version.scalar_one()}
            append_trail(connection, "permission_recorded", body, personal={"customer_id": "ann"}, at=NOON)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE permission_events SET action = CAST(X'FF' AS TEXT) WHERE version = 2",
        "UPDATE permission_events SET at = X'FF', action = 5 WHERE version = 2",
    ],
)
def test_damaged_ledger_is_found(tmp_path: Path, store: Store, change: str) -> None:
    _record(store, "consented", "withdrawn", "shown")
    _tamper(tmp_path, change)
    assert re.search("permission 2 .* row 2 .*: action", _findings(store))


def test_replaced_withdrawal_is_found(tmp_path: Path, store: Store) -> None:
    _record(store, "consented", "withdrawn")
    _tamper(
        tmp_path,
        "CREATE TEMP TABLE copy AS SELECT * FROM permission_events WHERE version = 1",
        "UPDATE copy SET version = 2",
        "INSERT OR REPLACE INTO permission_events SELECT * FROM copy",
    )
    assert _findings(store) == "permission 2 is not as row 2 recorded it: action differs"
