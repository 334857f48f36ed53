"""The audit trail: a chain of hashes over everything that was answered or decided, which anybody can check.

A chain alone notices neither a cut tail nor a full rewrite, so signed checkpoints are kept where another role owns the
folder. Personal fields stand in the chain as salted commitments only: erasing value and salt erases the person, and
the chain still verifies.
"""

import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from models.canonical import canonical_json, framed_sha256, moment_text, parse_json, read_json
from models.durable import write_durably
from models.errors import IntegrityError, StoreUnavailableError, UsageError
from models.history_check import SIGNED_TABLES, SignedRows, check_signed
from models.ledger_check import CUSTOMER_ERASED, PERMISSION_RECORDED, RecordedPermissions, check_ledger
from models.prepared import Prepared
from models.signing import KeyRegistry, PrivateKey, Signature, sign_statement, verify_signature
from models.store import Store, permission_events, trail, trail_commitments

BEFORE_FIRST = "0" * 64
NOTHING_PERSONAL: Mapping[str, str] = MappingProxyType({})
# A report names this many faults at most; a rewritten trail would name every row.
FINDINGS_SHOWN = 100
_ROWS_AT_ONCE = 10_000
_ERASED_AT_ONCE = 500

_HEAD = Prepared(sa.select(trail.c.seq, trail.c.hash).order_by(trail.c.seq.desc()).limit(1))
_APPEND, _COMMIT_TO = Prepared(trail.insert()), Prepared(trail_commitments.insert())
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
    head = _HEAD.first(connection)
    seq, prev = (head.seq + 1, head.hash) if head else (1, BEFORE_FIRST)
    row = TrailRow(seq, _row_hash(seq, moment_text(at), kind, text, prev))
    _APPEND.run(connection, {"seq": seq, "at": at, "kind": kind, "body": text, "prev": prev, "hash": row.hash})
    for name, value in personal.items():
        _COMMIT_TO.run(connection, {"seq": seq, "name": name, "value": value, "salt": salts[name]})
    return row


def read_row_body(text: str) -> dict[str, Any]:
    """What a row says, from its column `body`.

    Raises
    ------
    IntegrityError
        It is not of the form that `append_trail` writes.
    """
    body = parse_json(text, dict, source="a row of the trail").get("body")
    if not isinstance(body, dict):
        raise IntegrityError("A row of the trail is not of its form. Run `levensloop trail verify`.")
    return body


def erase_commitments(connection: sa.Connection, name: str, value: str) -> int:
    """Erase what links trail rows to a person, inside `store.write()`; returns how many rows were unlinked.

    All personal fields of such a row go: each of them is about this person.
    """
    found = (trail_commitments.c.name == name) & (trail_commitments.c.value == value)
    rows = connection.execute(sa.select(trail_commitments.c.seq).where(found)).scalars().all()
    for start in range(0, len(rows), _ERASED_AT_ONCE):
        own = trail_commitments.c.seq.in_(rows[start : start + _ERASED_AT_ONCE])
        connection.execute(trail_commitments.delete().where(own))
    return len(rows)


def verify_trail(store: Store, checkpoints: Path | None, registry: KeyRegistry | None) -> TrailReport:
    """Check every row, every personal field that was not erased, every checkpoint in a folder, and the ledger.

    Ledger rows must be there and be as the trail recorded them. Damage of any row is a finding, and the check goes on.
    Without checkpoints only edits and gaps are found, not a cut tail or a full rewrite; the report says so.
    """
    findings: list[str] = []
    signed = _load_checkpoints(checkpoints, registry, findings) if checkpoints is not None else {}
    rows, head, commitments = 0, None, 0
    recorded, by_hand = RecordedPermissions(), SignedRows()
    with _damage_as_finding(findings), store.read() as connection, _texts_as_they_stand(connection):
        present = _present_tables(connection, findings)
        if trail.name in present:
            rows, head = _verify_chain(connection, dict(signed), recorded, by_hand, findings)
            check_signed(connection, by_hand, set(sa.inspect(connection).get_table_names()), findings)
        if {trail.name, trail_commitments.name} <= present:
            commitments = _verify_commitments(connection, recorded, findings)
        if permission_events.name in present:
            check_ledger(connection, recorded, findings)
    return TrailReport(
        rows, head, len(signed), commitments, tuple(findings[:FINDINGS_SHOWN]), _notes(rows, head, signed, recorded)
    )


def write_checkpoint(store: Store, folder: Path, key: PrivateKey, *, at: datetime) -> Path | None:
    """Write the signed head of the trail to a folder that another role owns; None when the trail is empty."""
    with store.read() as connection:
        head = _HEAD.first(connection)
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
    connection: sa.Connection,
    signed: dict[int, str],
    recorded: RecordedPermissions,
    by_hand: SignedRows,
    findings: list[str],
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
        elif kind == CUSTOMER_ERASED:
            recorded.erase(at_seq, _parse_body(body).get("body"))
        elif kind in SIGNED_TABLES:
            by_hand.add(at_seq, kind, _parse_body(body).get("body"))
        seq, prev = at_seq, stated_hash
    findings.extend(f"row {missing} was signed but is not there: the trail was cut" for missing in sorted(signed))
    return rows, TrailRow(seq, str(prev)) if rows else None


def _hash_of_texts(seq: int, *fields: Any) -> str | None:
    """The hash of a row as it stands; None when a field is no text, for then nobody appended it."""
    try:
        return _row_hash(seq, *fields)
    except (AttributeError, UnicodeEncodeError):  # a blob or null; bytes that are no UTF-8
        return None


def _verify_commitments(connection: sa.Connection, recorded: RecordedPermissions, findings: list[str]) -> int:
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
        else:
            recorded.link(seq, name, value)
    return count


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


def _notes(
    rows: int, head: TrailRow | None, signed: Mapping[int, str], recorded: RecordedPermissions
) -> tuple[str, ...]:
    told: tuple[str, ...] = ()
    if recorded.erased:
        times = len(set(recorded.erased.values()))
        told = (f"{len(recorded.erased)} permissions are gone because {times} erasures named them",)
    if not signed:
        unseen = "no checkpoint was checked, so a cut tail or a full rewrite would not show"
        return (*told, unseen) if rows else told
    behind = (head.seq if head else 0) - max(signed)
    if behind > 0:
        told = (*told, f"the last {behind} rows stand behind the newest checkpoint and are vouched for by none")
    return told
