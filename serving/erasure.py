"""Erasing a customer: every row in every table goes at once, and only an objection that is in force stays.

The trail keeps its rows, which name nobody any more, and says which permissions went, so that its chain and the ledger
still verify. Engines are told with a salted hash, which they compare with the customers they know.
"""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from models.canonical import canonical_json, framed_sha256
from models.errors import UsageError
from models.ledger_check import CUSTOMER_ERASED, PERMISSION_RECORDED
from models.permission import PermissionEvent, PermissionRecord, append_permission, decide
from models.purposes import Purpose, PurposeRegistry
from models.store import METADATA, Store, erased_permissions, outbox, permission_events
from models.trail import append_trail, erase_commitments
from serving.holdings import find_traces, holds_id, personal_holdings

ERASED_MESSAGE = "customer_erased"
CHANNEL = "erasure"


@dataclass(frozen=True, slots=True)
class Erasure:
    """What went: rows per table, the purposes whose objection was kept, and where the id still stands.

    `traces` counts by `table.column`; nothing but the kept objections may be there.
    """

    rows: dict[str, int]
    kept_objections: tuple[str, ...]
    traces: dict[str, int]
    trail_seq: int

    @property
    def is_whole(self) -> bool:
        """Whether the id stands nowhere but in the kept objections."""
        kept = {"permission_events.customer_id": len(self.kept_objections)} if self.kept_objections else {}
        return self.traces == kept


def erase_customer(
    store: Store,
    customer_id: str,
    *,
    who: str,
    why: str,
    registry: PurposeRegistry,
    clock: Callable[[], datetime],
) -> Erasure:
    """Erase everything about a customer, in one transaction.

    Raises
    ------
    UsageError
        Who or why is empty or names the customer: both stay in the trail.
    StoreUnavailableError
        Nothing was erased.
    """
    if not who.strip() or not why.strip() or customer_id in f"{who} {why}":
        raise UsageError("Say who erases and why, without the customer's id: both stay in the trail.")
    with store.write() as connection:
        at = clock()
        suppressed = _find_objections(connection, customer_id, registry, at=at)
        versions = _erase_permissions(connection, customer_id, at=at)
        rows = {"permission_events": len(versions), **_erase_rows(connection, customer_id)}
        rows["trail_commitments"] = erase_commitments(connection, "customer_id", customer_id)
        _keep_objections(connection, suppressed, registry, at=at)
        _tell_engines(connection, customer_id, at=at)
        counted = {table: count for table, count in rows.items() if count}
        body = {"who": who, "why": why, "permissions": versions, "rows": counted, "kept": len(suppressed)}
        row = append_trail(connection, CUSTOMER_ERASED, body, at=at)
        traces = list(find_traces(connection, customer_id))
    counts = {trace: traces.count(trace) for trace in sorted(set(traces))}
    return Erasure(rows, tuple(event.purpose for event in suppressed), counts, row.seq)


def was_erased(connection: sa.Connection, customer_id: str, *, since: datetime) -> bool:
    """Whether a customer was erased at that moment or later, by the messages to engines, which stay for a month."""
    told = sa.select(outbox.c.body).where(outbox.c.topic == ERASED_MESSAGE, outbox.c.at >= since)
    bodies = (json.loads(text) for text in connection.execute(told).scalars())
    return any(body["customer_sha256"] == _customer_sha256(body["salt"], customer_id) for body in bodies)


def _find_objections(
    connection: sa.Connection, customer_id: str, registry: PurposeRegistry, *, at: datetime
) -> list[PermissionEvent]:
    """One plain objection per purpose whose no would otherwise end with the erasure."""
    table = permission_events
    rows = connection.execute(sa.select(table).filter_by(customer_id=customer_id).order_by(table.c.version)).mappings()
    events: dict[str, list[PermissionRecord]] = {}
    for row in rows:
        record = PermissionRecord(row["version"], row["action"], row["notice_version"], row["notice_sha256"], row["at"])
        events.setdefault(row["purpose"], []).append(record)
    return [
        PermissionEvent(
            customer_id=customer_id, purpose=purpose, action="objected", channel=CHANNEL, actor="customer",
            at=max(record.at for record in mine if record.action in ("objected", "withdrawn")),
        )
        for purpose, mine in events.items()
        if purpose in registry.ids and _outlives(mine, registry.purpose(purpose), at=at)
    ]  # fmt: skip


def _outlives(events: list[PermissionRecord], purpose: Purpose, *, at: datetime) -> bool:
    """Whether a no must be remembered: an objection always, a withdrawal where a new notice would bring a yes."""
    because = decide(events, purpose, at=at).because
    return because == "objected" or (because == "withdrawn" and purpose.regime == "opt_out")


def _erase_permissions(connection: sa.Connection, customer_id: str, *, at: datetime) -> list[int]:
    """The ledger rows; the database lets a row go only when it stands among the erased ones first."""
    mine = permission_events.c.customer_id == customer_id
    found = sa.select(permission_events.c.version).where(mine).order_by(permission_events.c.version)
    versions = list(connection.execute(found).scalars())
    if versions:
        connection.execute(erased_permissions.insert(), [{"version": version, "at": at} for version in versions])
        connection.execute(permission_events.delete().where(mine))
    return versions


def _erase_rows(connection: sa.Connection, customer_id: str) -> dict[str, int]:
    """Every other row; of JSON only those that really hold the id."""
    erased = {}
    for holding in (*personal_holdings("parent"), *personal_holdings("column")):  # first what belongs to other rows
        if holding.table != permission_events.name:
            table = METADATA.tables[holding.table]
            erased[holding.table] = connection.execute(table.delete().where(holding.is_about(customer_id))).rowcount
    for holding in personal_holdings("json"):
        table = METADATA.tables[holding.table]
        keys = list(table.primary_key.columns)
        near = sa.select(*keys, table.c[holding.source]).where(holding.is_about(customer_id))
        held = [row for row in connection.execute(near) if holds_id(row[-1], customer_id)]
        for row in held:
            exact = sa.and_(*(key == value for key, value in zip(keys, row[:-1], strict=True)))
            connection.execute(table.delete().where(exact))
        erased[holding.table] = len(held)
    return erased


def _keep_objections(
    connection: sa.Connection, suppressed: list[PermissionEvent], registry: PurposeRegistry, *, at: datetime
) -> None:
    """The minimal record that an objection needs to survive; its trail row names nobody."""
    for event in suppressed:
        version = append_permission(connection, event, registry)
        body = {"purpose": event.purpose, "action": event.action, "permission_version": version}
        append_trail(connection, PERMISSION_RECORDED, body, at=at)


def _tell_engines(connection: sa.Connection, customer_id: str, *, at: datetime) -> None:
    """A message that only who knows the id can read: SHA-256 over salt and id, framed as in the trail."""
    salt = secrets.token_hex(16)
    told = {"salt": salt, "customer_sha256": _customer_sha256(salt, customer_id)}
    connection.execute(outbox.insert(), {"topic": ERASED_MESSAGE, "body": canonical_json(told), "at": at})


def _customer_sha256(salt: str, customer_id: str) -> str:
    return framed_sha256(salt, "customer_id", customer_id)
