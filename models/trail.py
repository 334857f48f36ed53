"""The audit trail: a chain of hashes over everything that was answered or decided, which anybody can check.

A chain alone notices neither a cut tail nor a full rewrite, so signed checkpoints are kept where another role owns the
folder. Personal fields stand in the chain as salted commitments only: erasing value and salt erases the person, and
the chain still verifies.
"""

import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from models.canonical import canonical_json, framed_sha256, moment_text, parse_json, read_json
from models.durable import write_durably
from models.errors import IntegrityError, StoreUnavailableError, UsageError
from models.signing import KeyRegistry, PrivateKey, Signature, sign_statement, verify_signature
from models.store import Store, permission_events, trail, trail_commitments

BEFORE_FIRST = "0" * 64
# The kind of row that says a permission was appended to the ledger: body {purpose, action, permission_version, ...}.
PERMISSION_RECORDED = "permission_recorded"
NOTHING_PERSONAL: Mapping[str, str] = MappingProxyType({})
# A report names this many faults at most; a rewritten trail would name every row.
FINDINGS_SHOWN = 100
_ROWS_AT_ONCE = 10_000

_HEAD = sa.select(trail.c.seq, trail.c.hash).order_by(trail.c.seq.desc()).limit(1)
# The texts as they stand, not as moments: the hash is over the text.
_ROWS = sa.select(
    trail.c.seq, sa.type_coerce(trail.c.at, sa.String), trail.c.kind, trail.c.body, trail.c.prev, trail.c.hash
).order_by(trail.c.seq)
_COMMITMENTS = (
    sa.select(
        trail_commitments.c.seq, trail_commitments.c.name, trail_commitments.c.value, trail_commitments.c.salt,
        trail.c.body,
    )
    .select_from(trail_commitments.outerjoin(trail, trail.c.seq == trail_commitments.c.seq))
    .order_by(trail_commitments.c.seq)
)  # fmt: skip


_LEDGER = sa.select(
    *(
        sa.type_coerce(column, sa.String).label(column.name)
        for column in permission_events.columns
        if column.name != "version"
    ),
    permission_events.c.version,
).order_by(permission_events.c.version)


@dataclass(frozen=True, slots=True)
class TrailRow:
    """Where a row stands in the trail and the hash that a receipt carries."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class TrailReport:
    """What a check of the trail found; `findings` is empty when all is well.

    `commitments` counts personal fields that are still linked; `notes` are no faults but worth knowing.
    """

    rows: int
    head: TrailRow | None
    checkpoints: int
    commitments: int
    findings: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Nothing was found."""
        return not self.findings


@dataclass(slots=True)
class _Recorded:
    """What trail rows say about the ledger: by permission version the row's place and the columns it states.

    `without_version` counts rows that do not say which permission they mean; as many permissions may go unnamed.
    """

    events: dict[int, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    versions: dict[int, int] = field(default_factory=dict)
    without_version: int = 0

    def add(self, seq: int, body: Any, findings: list[str]) -> None:
        """Take in the body of a row."""
        version = body.get("permission_version") if isinstance(body, dict) else None
        if not isinstance(version, int):
            self.without_version += 1
        elif version in self.events:
            # An honest ledger gives every event a place of its own; a forger appends a row to cover a change.
            findings.append(f"row {seq} records permission {version} a second time")
        else:
            columns = permission_events.columns.keys()
            self.events[version] = (seq, {name: body[name] for name in columns if name in body})
            self.versions[seq] = version

    def link(self, seq: int, customer_id: str) -> None:
        """Take in whom a row is about, where that was not erased."""
        if seq in self.versions:
            self.events[self.versions[seq]][1]["customer_id"] = customer_id


def append_trail(
    connection: sa.Connection,
    kind: str,
    body: Mapping[str, Any],
    *,
    personal: Mapping[str, str] = NOTHING_PERSONAL,
    at: datetime,
) -> TrailRow:
    """Append a row inside `store.write()`, whose transaction alone may write, so that the chain never forks.

    `body` holds codes, numbers and hashes, never booking content and nothing about a customer; what identifies one
    (customer_id) goes into `personal`, of which the chain keeps only salted commitments.
    """
    if not kind:
        raise UsageError("A trail row needs a kind. Give a word such as answer or promotion.")
    salts = {name: secrets.token_hex(16) for name in personal}
    commitments = {name: framed_sha256(salts[name], name, value) for name, value in personal.items()}
    text = canonical_json({"body": dict(body), "personal": commitments})
    head = connection.execute(_HEAD).one_or_none()
    seq, prev = (head.seq + 1, head.hash) if head else (1, BEFORE_FIRST)
    row = TrailRow(seq, _row_hash(seq, moment_text(at), kind, text, prev))
    connection.execute(
        trail.insert(), {"seq": seq, "at": at, "kind": kind, "body": text, "prev": prev, "hash": row.hash}
    )
    if personal:
        links = [{"seq": seq, "name": n, "value": v, "salt": salts[n]} for n, v in personal.items()]
        connection.execute(trail_commitments.insert(), links)
    return row


def erase_commitments(connection: sa.Connection, name: str, value: str) -> int:
    """Erase what links trail rows to a person, inside `store.write()`; returns how many rows were unlinked."""
    found = (trail_commitments.c.name == name) & (trail_commitments.c.value == value)
    return connection.execute(trail_commitments.delete().where(found)).rowcount


def verify_trail(store: Store, checkpoints: Path | None, registry: KeyRegistry | None) -> TrailReport:
    """Check every row, every personal field that was not erased, every checkpoint in a folder, and the ledger.

    Ledger rows must be there and be as the trail recorded them. Damage of any row is a finding, and the check goes on.
    Without checkpoints only edits and gaps are found, not a cut tail or a full rewrite; the report says so.
    """
    findings: list[str] = []
    signed = _load_checkpoints(checkpoints, registry, findings) if checkpoints is not None else {}
    rows, head, commitments, recorded = 0, None, 0, _Recorded()
    with _damage_as_finding(findings), store.read() as connection, _texts_as_they_stand(connection):
        present = _present_tables(connection, findings)
        if trail.name in present:
            rows, head = _verify_chain(connection, dict(signed), recorded, findings)
        if {trail.name, trail_commitments.name} <= present:
            commitments = _verify_commitments(connection, recorded, findings)
        if permission_events.name in present:
            _verify_ledger(connection, recorded, findings)
    return TrailReport(
        rows, head, len(signed), commitments, tuple(findings[:FINDINGS_SHOWN]), _notes(rows, head, signed)
    )


def write_checkpoint(store: Store, folder: Path, key: PrivateKey, *, at: datetime) -> Path | None:
    """Write the signed head of the trail to a folder that another role owns; None when the trail is empty."""
    with store.read() as connection:
        head = connection.execute(_HEAD).one_or_none()
    if head is None:
        return None
    statement = {"kind": "trail_checkpoint", "seq": head.seq, "hash": head.hash, "at": moment_text(at)}
    data = {"statement": statement, "signature": asdict(sign_statement(key, statement))}
    path = folder / f"{head.seq:012d}-{head.hash[:16]}.json"
    write_durably(path, canonical_json(data).encode())
    return path


def _row_hash(seq: int, at: str, kind: str, body: str, prev: str) -> str:
    return framed_sha256("levensloop-trail-1", str(seq), at, kind, body, prev)


@contextmanager
def _texts_as_they_stand(connection: sa.Connection) -> Iterator[None]:
    """Bytes that are no UTF-8 become lone surrogates instead of an error that ends the check; blobs stay bytes.

    PostgreSQL stores no such bytes and no other types than its columns'.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    usual, driver.text_factory = driver.text_factory, lambda raw: raw.decode("utf-8", "surrogateescape")
    try:
        yield
    finally:
        driver.text_factory = usual


@contextmanager
def _damage_as_finding(findings: list[str]) -> Iterator[None]:
    """A file whose pages are damaged is a finding; one that is locked or out of reach stays unavailable."""
    try:
        yield
    except StoreUnavailableError as error:
        if type(getattr(error.__cause__, "orig", None)) is not sqlite3.DatabaseError:  # its subclasses say other things
            raise
        findings.append("the store's file is damaged, so that not every row could be read")


def _present_tables(connection: sa.Connection, findings: list[str]) -> set[str]:
    """Those of the three tables that are there with all their columns; the others become findings."""
    inspector = sa.inspect(connection)
    names = set(inspector.get_table_names())
    present = set()
    for table in (trail, trail_commitments, permission_events):
        columns = {column["name"] for column in inspector.get_columns(table.name)} if table.name in names else set()
        if columns >= set(table.columns.keys()):
            present.add(table.name)
        else:
            findings.append(f"the table {table.name} is not there, or not with all its columns")
    return present


def _verify_chain(
    connection: sa.Connection, signed: dict[int, str], recorded: _Recorded, findings: list[str]
) -> tuple[int, TrailRow | None]:
    """Walk the chain; `signed` holds the hashes that checkpoints vouch for and is emptied on the way."""
    rows, seq, prev = 0, 0, BEFORE_FIRST
    result = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(_ROWS)
    for at_seq, at, kind, body, stated_prev, stated_hash in result:
        rows += 1
        if at_seq != seq + 1:
            findings.append(f"rows {seq + 1} to {at_seq - 1} are missing")
        elif stated_prev != prev:
            findings.append(f"row {at_seq} does not follow the row before it")
        if _hash_of_texts(at_seq, at, kind, body, stated_prev) != stated_hash:
            findings.append(f"row {at_seq} was changed: its hash is not that of its content")
        if signed.pop(at_seq, stated_hash) != stated_hash:
            findings.append(f"row {at_seq} is not the one that was signed: the trail was rewritten")
        if kind == PERMISSION_RECORDED:
            recorded.add(at_seq, _parse_body(body).get("body"), findings)
        seq, prev = at_seq, stated_hash
    findings.extend(f"row {missing} was signed but is not there: the trail was cut" for missing in sorted(signed))
    return rows, TrailRow(seq, str(prev)) if rows else None


def _hash_of_texts(seq: int, *fields: Any) -> str | None:
    """The hash of a row as it stands; None when a field is no text, for then nobody appended it."""
    try:
        return _row_hash(seq, *fields)
    except (AttributeError, UnicodeEncodeError):  # a blob or null; bytes that are no UTF-8
        return None


def _verify_commitments(connection: sa.Connection, recorded: _Recorded, findings: list[str]) -> int:
    count = 0
    for seq, name, value, salt, body in connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(_COMMITMENTS):
        count += 1
        try:
            own = framed_sha256(salt, name, value)
        except (AttributeError, UnicodeEncodeError):
            own = None
        stated = _parse_body(body).get("personal")
        if own is None or not isinstance(stated, dict) or stated.get(name) != own:
            shown = str(name).encode("ascii", "replace").decode()
            findings.append(f"personal field {shown} of row {seq} is not the one that was committed to")
        elif name == "customer_id":
            recorded.link(seq, value)
    return count


def _verify_ledger(connection: sa.Connection, recorded: _Recorded, findings: list[str]) -> None:
    """Hold the ledger against what the trail says was recorded in it."""
    events = dict(recorded.events)
    unnamed = []
    for row in connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(_LEDGER).mappings():
        version = row["version"]
        if version not in events:
            unnamed.append(version)
            continue
        seq, stated = events.pop(version)
        differing = [name for name, value in stated.items() if row[name] != value]
        if differing:
            findings.append(f"permission {version} is not as row {seq} recorded it: {', '.join(differing)} differs")
    findings.extend(
        f"permission {version} was recorded in row {seq} but is not in the ledger"
        for version, (seq, _) in events.items()
    )
    # A store whose permissions were never recorded in the trail has nothing to be held against.
    if recorded.events and len(unnamed) > recorded.without_version:
        findings.extend(f"permission {version} stands in the ledger, but no row recorded it" for version in unnamed)


def _parse_body(body: Any) -> dict[str, Any]:
    """The body of a row; empty when it is none, which its hash says already."""
    try:
        return parse_json(body, dict, source="body") if isinstance(body, str) else {}
    except IntegrityError:
        return {}


def _load_checkpoints(folder: Path, registry: KeyRegistry | None, findings: list[str]) -> dict[int, str]:
    """Hash by place of every checkpoint that verifies; the others become findings."""
    signed: dict[int, str] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            seq, stated = _open_checkpoint(path, registry)
        except IntegrityError as error:
            findings.append(f"checkpoint {path.name}: {error}")
            continue
        if signed.setdefault(seq, stated) != stated:
            findings.append(f"checkpoints contradict each other about row {seq}: the trail was rewritten in between")
    return signed


def _open_checkpoint(path: Path, registry: KeyRegistry | None) -> tuple[int, str]:
    try:
        data = read_json(path, dict)
        statement, signature = data["statement"], Signature(**data["signature"])
        key = registry.key(signature.key_id) if registry is not None else None
        if key is None:
            raise IntegrityError("its key is not in the key registry")
        verify_signature(key, statement, signature)
        if statement["kind"] != "trail_checkpoint":
            raise IntegrityError("it is a signature over something else")
        return int(statement["seq"]), str(statement["hash"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError("it is not a checkpoint") from error


def _notes(rows: int, head: TrailRow | None, signed: Mapping[int, str]) -> tuple[str, ...]:
    if not signed:
        return ("no checkpoint was checked, so a cut tail or a full rewrite would not show",) if rows else ()
    behind = (head.seq if head else 0) - max(signed)
    return (
        (f"the last {behind} rows stand behind the newest checkpoint and are vouched for by none",)
        if behind > 0
        else ()
    )
