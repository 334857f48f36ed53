"""A customer's receipt: everything that was allowed or refused for a purpose, in the words of the standard.

Field names are those of ISO/IEC TS 27560:2023; `@context` says what they are in the W3C Data Privacy Vocabulary (DPV,
https://w3id.org/dpv). The standard knows consent only; an objection under opt_out stands in the same fields with its
own state. Each event carries its place in the audit trail, which the customer can hold against a published checkpoint.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from models.canonical import framed_sha256, moment_text, parse_json
from models.errors import UsageError
from models.ledger_check import PERMISSION_RECORDED
from models.permission import Permission, current_permission
from models.purposes import Controller, Purpose, PurposeRegistry
from models.store import permission_events, trail, trail_commitments

SCHEMA = "ISO/IEC TS 27560:2023"
CONTEXT = {
    "dpv": "https://w3id.org/dpv#",
    "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
    "dct": "http://purl.org/dc/terms/",
    "record_id": "dct:identifier",
    "schema_version": "dct:conformsTo",
    "pii_principal_id": "dpv:hasDataSubject",
    "privacy_notice": "dpv:hasNotice",
    "language": "dct:language",
    "purposes": "dpv:hasPurpose",
    "lawful_basis": "dpv:hasLegalBasis",
    "pii_information": "dpv:hasPersonalData",
    "pii_controllers": "dpv:hasDataController",
    "storage_locations": "dpv:hasStorageCondition",
    "retention_period": "dpv:hasDuration",
    "jurisdiction": "dpv:hasJurisdiction",
    "recipient_third_parties": "dpv:hasRecipient",
    "event_time": "dct:date",
    "entity_id": "dpv:isIndicatedBy",
    "event_state": "dpv:hasConsentStatus",
}
# What our verbs are there. An objection is the exercise of a right (article 21 GDPR), not a state of a consent.
STATES = {
    "shown": "dpv:ConsentRequested",
    "consented": "dpv:ConsentGiven",
    "withdrawn": "dpv:ConsentWithdrawn",
    "expired": "dpv:ConsentExpired",
    "objected": "eu-gdpr:A21",
    "objection_lifted": "dpv:ConsentUnknown",
}
BASES = {"opt_in": "dpv:Consent", "opt_out": "dpv:LegitimateInterest"}
_CONTROLLER_ID = "controller"
_EVENTS = (
    sa.select(permission_events)
    .where(permission_events.c.customer_id == sa.bindparam("customer_id"))
    .where(permission_events.c.purpose == sa.bindparam("purpose"))
    .order_by(permission_events.c.version)
)
_ROWS = (
    sa.select(trail.c.seq, trail.c.hash, trail.c.body, trail.c.at)
    .join(trail_commitments, trail_commitments.c.seq == trail.c.seq)
    .where(trail_commitments.c.name == "customer_id", trail_commitments.c.value == sa.bindparam("customer_id"))
    .where(trail.c.kind == PERMISSION_RECORDED)
)


def build_receipt(
    connection: sa.Connection, customer_id: str, purpose_id: str, *, registry: PurposeRegistry, at: datetime
) -> dict[str, Any]:
    """The receipt of one customer for one purpose, as it stands now.

    Raises
    ------
    PermissionRefusedError
        The purpose is not registered.
    UsageError
        Nothing was ever recorded for this customer and purpose.
    """
    purpose = registry.purpose(purpose_id)
    events = connection.execute(_EVENTS, {"customer_id": customer_id, "purpose": purpose_id}).mappings().all()
    if not events:
        raise UsageError("Nothing was recorded for this customer and purpose, so there is no receipt.")
    places = _find_places(connection, customer_id)
    held = current_permission(connection, customer_id, purpose_id, registry=registry, at=at)
    return {
        "@context": CONTEXT,
        "@type": "dpv:ConsentRecord",
        "record": {
            "schema_version": SCHEMA,
            "record_id": framed_sha256("receipt", customer_id, purpose_id, str(held.version))[:32],
            "pii_principal_id": customer_id,
            "issued_at": moment_text(at),
        },
        "pii_processing": _processing(purpose, registry, events),
        "party_identification": [_party(registry.controller)],
        "event": [_event(row, places.get(row["version"])) for row in events],
        "current": _current(held),
    }


def _find_places(connection: sa.Connection, customer_id: str) -> dict[int, dict[str, Any]]:
    """By permission version the row of the trail that recorded it."""
    places = {}
    for seq, stated, body, at in connection.execute(_ROWS, {"customer_id": customer_id}):
        version = parse_json(body, dict, source="trail row")["body"].get("permission_version")
        places[version] = {"seq": seq, "hash": stated, "recorded_at": moment_text(at)}
    return places


def _processing(purpose: Purpose, registry: PurposeRegistry, events: Sequence[sa.RowMapping]) -> dict[str, Any]:
    language = next((row["language"] for row in reversed(events) if row["language"]), purpose.languages[0])
    notice = dict(purpose.notice).get(language, "")
    return {
        "privacy_notice": {"version": purpose.notice_version, "sha256": purpose.notice_sha256, "text": notice},
        "language": language,
        "purposes": [
            {
                "purpose": purpose.id,
                "purpose_type": purpose.purpose_type,
                "lawful_basis": BASES[purpose.regime],
                "lawful_basis_text": purpose.lawful_basis,
                "justification": purpose.justification,
                "regime": purpose.regime,
                "pii_information": [
                    {"pii_type": kind, "sensitive_pii_category": False, "special_pii_category": False}
                    for kind in purpose.personal_data
                ],
                "pii_controllers": [_CONTROLLER_ID],
                "storage_locations": list(registry.controller.storage_locations),
                "retention_period": purpose.retention_period,
                "jurisdiction": registry.controller.jurisdiction,
                "recipient_third_parties": list(registry.controller.recipients),
                "withdrawal_method": registry.controller.withdrawal_method,
            }
        ],
        "purpose_registry": {"version": registry.version, "sha256": registry.sha256},
    }


def _party(controller: Controller) -> dict[str, Any]:
    return {
        "party_id": _CONTROLLER_ID,
        "party_name": controller.name,
        "party_address": controller.address,
        "party_contact": controller.contact,
        "party_role": "PII controller",
        "authority": controller.authority,
    }


def _event(row: sa.RowMapping, place: dict[str, Any] | None) -> dict[str, Any]:
    """One event; its trail place is null when the chain never recorded it or the link to this customer was erased."""
    return {
        "event_id": row["version"],
        "event_time": moment_text(row["at"]),
        "event_type": row["action"],
        "event_state": STATES[row["action"]],
        "entity_id": row["customer_id"] if row["actor"] == "customer" else row["actor"],
        "regime": row["regime"],
        "privacy_notice": {"version": row["notice_version"], "sha256": row["notice_sha256"]},
        "language": row["language"],
        "collection_method": row["channel"],
        "evidence": row["evidence"],
        "trail": place,
    }


def _current(held: Permission) -> dict[str, Any]:
    return {
        "allowed": held.allowed,
        "because": held.because,
        "permission_version": held.version,
        "validity_until": None if held.valid_until is None else moment_text(held.valid_until),
    }
