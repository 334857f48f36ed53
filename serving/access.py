"""Everything that is held or inferred about one customer, with evidence, as JSON that the customer can read."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from models.canonical import moment_text
from models.permission import current_permission
from models.purposes import PurposeRegistry
from models.store import METADATA, Store, trail, trail_commitments
from models.taxonomy import Taxonomy
from models.trail import append_trail, read_row_body
from serving.answers import rfc3339
from serving.holdings import Holding, holds_id, load_holdings
from serving.policy import Policy, Retention

EXPORTED = "customer_exported"
# Said in the export, because a customer asks "is that all?".
NOT_HERE = {
    "nl": [
        "Uw boekingen zelf: die staan bij de bank en worden hier alleen gelezen, niet bewaard.",
        "Wat u ons vrijwillig over uw achtergrond vertelde voor de controle op gelijke behandeling: dat staat "
        "versleuteld apart en kan hier niet worden geopend.",
    ],
    "en": [
        "Your bookings themselves: they are at the bank and are only read here, not kept.",
        "What you told us about your background for the check on equal treatment: it is kept apart, encrypted, and "
        "cannot be opened here.",
    ],
}


def export_customer(
    store: Store,
    customer_id: str,
    *,
    registry: PurposeRegistry,
    taxonomy: Taxonomy,
    policy: Policy,
    clock: Callable[[], datetime],
) -> dict[str, Any]:
    """All of it as JSON data; that it was asked for stands in the trail when this returns."""
    at = clock()
    with store.read() as connection:
        export = {
            "customer_id": customer_id,
            "at": rfc3339(at),
            "permissions": [
                _tell_permission(connection, customer_id, purpose, registry, at=at) for purpose in registry.ids
            ],
            "held": [
                _tell_holding(connection, holding, customer_id, policy.retention.get(holding.table), taxonomy)
                for holding in load_holdings()
                if holding.link != "none"
            ],
            "not_here": NOT_HERE,
        }
    with store.write() as connection:
        append_trail(connection, EXPORTED, {}, personal={"customer_id": customer_id}, at=at)
    return export


def _tell_permission(
    connection: sa.Connection, customer_id: str, purpose_id: str, registry: PurposeRegistry, *, at: datetime
) -> dict[str, Any]:
    purpose = registry.purpose(purpose_id)
    held = current_permission(connection, customer_id, purpose_id, registry=registry, at=at)
    return {
        "purpose": purpose.id,
        "allowed": held.allowed,
        "because": held.because,
        "regime": purpose.regime,
        "lawful_basis": purpose.lawful_basis,
        "notice_version": purpose.notice_version,
        "notice": dict(purpose.notice),
    }


def _tell_holding(
    connection: sa.Connection, holding: Holding, customer_id: str, kept: Retention | None, taxonomy: Taxonomy
) -> dict[str, Any]:
    """One table: what it is, why and how long it is kept, and its rows with their columns in both languages."""
    rows = _find_trail(connection, customer_id) if holding.link == "commitment" else _find_rows(
        connection, holding, customer_id, taxonomy
    )  # fmt: skip
    return {
        "what": {"nl": holding.title.nl, "en": holding.title.en},
        "why": {"nl": kept.why_nl, "en": kept.why_en} if kept else None,
        "kept_days": kept.days if kept else None,
        "columns": {name: {"nl": label.nl, "en": label.en} for name, label in holding.columns.items()},
        "rows": rows,
    }


def _find_rows(
    connection: sa.Connection, holding: Holding, customer_id: str, taxonomy: Taxonomy
) -> list[dict[str, Any]]:
    table = METADATA.tables[holding.table]
    found = connection.execute(
        sa.select(table).where(holding.is_about(customer_id)).order_by(*table.primary_key.columns)
    ).mappings()
    return [
        {name: _plain(row[name]) for name in holding.columns} | _event_named(row.get("event"), taxonomy)
        for row in found
        if holding.link != "json" or holds_id(row[holding.source], customer_id)
    ]


def _find_trail(connection: sa.Connection, customer_id: str) -> list[dict[str, Any]]:
    """What was answered, refused or recorded about the customer: the rows of the chain, with their hashes."""
    mine = (trail_commitments.c.name == "customer_id") & (trail_commitments.c.value == customer_id)
    rows = connection.execute(
        sa.select(trail)
        .join(trail_commitments, trail_commitments.c.seq == trail.c.seq)
        .where(mine)
        .order_by(trail.c.seq)
    ).mappings()
    return [
        {"seq": row["seq"], "at": rfc3339(row["at"]), "kind": row["kind"], "hash": row["hash"],
         "what": read_row_body(row["body"])}
        for row in rows
    ]  # fmt: skip


def _event_named(event_id: str | None, taxonomy: Taxonomy) -> dict[str, Any]:
    """The name of a life event and the sentence behind it, where a row is about one that the taxonomy knows."""
    known = {event.id: event for event in taxonomy.events}
    if event_id not in known:
        return {}
    event = known[event_id]
    return {
        "event_name": {"nl": event.nl, "en": event.en},
        "reason": {"nl": event.reason_nl, "en": event.reason_en},
    }


def _plain(value: Any) -> Any:
    """A column as JSON has it."""
    if isinstance(value, datetime):
        return moment_text(value)
    return value.isoformat() if isinstance(value, date) else value
