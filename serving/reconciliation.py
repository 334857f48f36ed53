"""Every night: was anything sent after a customer said no? The trail tells what came first, so the count is not ours.

It also takes back what is still out there although its permission is gone, whatever way the permission went.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from math import inf
from typing import Any

import sqlalchemy as sa

from models.ledger_check import PERMISSION_RECORDED
from models.permission import PermissionRecord, current_permission, decide
from models.purposes import PurposeRegistry
from models.recalls import find_open_offers, recall_offers
from models.store import Store, offers, permission_events, trail, trail_commitments
from models.trail import append_trail, read_row_body

RECONCILED = "sent_reconciled"
_SENT = sa.select(offers).where(offers.c.state == "sent").order_by(offers.c.id)
_EVENTS = sa.select(permission_events).where(
    permission_events.c.customer_id == sa.bindparam("customer_id"),
    permission_events.c.purpose == sa.bindparam("purpose"),
)
_RECORDED = (
    sa.select(trail.c.seq, trail.c.at, trail.c.body)
    .join(trail_commitments, trail_commitments.c.seq == trail.c.seq)
    .where(
        trail_commitments.c.name == "customer_id",
        trail_commitments.c.value == sa.bindparam("customer_id"),
        trail.c.kind == PERMISSION_RECORDED,
    )
)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What the reports of sent offers show; `sent_after_objection` and `sent_without_permission` must be 0.

    An offer after an objection, a withdrawal or an expiry counts as the first, one without any permission as the
    second. `refused_reports` are reports of offers that were out already and that something held back;
    `recalled` are offers that were taken back by this run.
    """

    sent: int
    sent_after_objection: int
    sent_without_permission: int
    refused_reports: int
    recalled: int


def reconcile(store: Store, registry: PurposeRegistry, *, clock: Callable[[], datetime]) -> Reconciliation:
    """Count and take back; the result stands in the trail when this returns."""
    with store.read() as connection:
        reports = connection.execute(_SENT).mappings().all()
        found = [_judge(connection, row, registry) for row in reports]
    with store.write() as connection:
        at = clock()
        result = Reconciliation(
            sent=len(reports),
            sent_after_objection=found.count("objection"),
            sent_without_permission=found.count("no permission"),
            refused_reports=sum(row["refused"] is not None for row in reports),
            recalled=_sweep(connection, registry, at=at),
        )
        append_trail(connection, RECONCILED, asdict(result), at=at)
    return result


def last_reconciliation(connection: sa.Connection) -> dict[str, Any] | None:
    """The figures of the last one with its moment and its row in the trail; None before the first."""
    newest = sa.select(trail).where(trail.c.kind == RECONCILED).order_by(trail.c.seq.desc()).limit(1)
    row = connection.execute(newest).mappings().first()
    return None if row is None else {**read_row_body(row["body"]), "at": row["at"].isoformat(), "seq": row["seq"]}


def _judge(connection: sa.Connection, report: sa.RowMapping, registry: PurposeRegistry) -> str:
    """`ok`, `objection` or `no permission`, by what was acknowledged before the offer was sent."""
    purpose = report["purpose"]
    if purpose not in registry.ids:
        return "no permission"
    asked = {"customer_id": report["customer_id"], "purpose": purpose}
    recorded = _find_recorded(connection, report["customer_id"])
    known = [
        PermissionRecord(row["version"], row["action"], row["notice_version"], row["notice_sha256"], row["at"])
        for row in connection.execute(_EVENTS, asked).mappings()
        if _came_first(row, report, recorded)
    ]
    held = decide(known, registry.purpose(purpose), at=report["at"])
    if held.allowed:
        return "ok"
    return "objection" if held.because in ("objected", "withdrawn", "expired") else "no permission"


def _find_recorded(connection: sa.Connection, customer_id: str) -> dict[int, tuple[int, datetime]]:
    """Row and moment of the trail at which each permission version of a customer was acknowledged."""
    rows = connection.execute(_RECORDED, {"customer_id": customer_id})
    return {read_row_body(row.body).get("permission_version", 0): (row.seq, row.at) for row in rows}


def _came_first(event: sa.RowMapping, report: sa.RowMapping, recorded: dict[int, tuple[int, datetime]]) -> bool:
    """Whether an event was acknowledged before an offer was sent; one that the trail does not know counts by its date.

    Both row and moment must be earlier: a report may come some minutes after the sending.
    """
    seq, at = recorded.get(event["version"], (0, event["at"]))
    return bool(seq < (report["trail_seq"] or inf) and at <= report["at"])


def _sweep(connection: sa.Connection, registry: PurposeRegistry, *, at: datetime) -> int:
    """Take back sent offers that are open although their permission is gone: notices change, files are taken over."""
    waiting = sa.select(offers.c.customer_id, offers.c.purpose).where(offers.c.state == "sent").distinct()
    taken = 0
    for customer_id, purpose in connection.execute(waiting).all():
        if (
            purpose not in registry.ids
            or current_permission(connection, customer_id, purpose, registry=registry, at=at).allowed
        ):
            continue
        if any(offer.purpose == purpose for offer in find_open_offers(connection, customer_id, at=at)):
            taken += recall_offers(connection, customer_id, because="not_allowed", at=at, purpose=purpose)
    return taken
