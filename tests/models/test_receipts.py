"""A receipt says in the words of the standard what the ledger holds about one customer and purpose, no more."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.errors import PermissionRefusedError, UsageError
from models.permission import PermissionEvent
from models.purposes import default_purposes
from models.receipts import CONTEXT, STATES, build_receipt
from models.recording import record_permission
from models.store import Store
from models.trail import erase_commitments

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SHIPPED = default_purposes()
PURPOSE = SHIPPED.purpose("own_product_offers")
CONSENT = PermissionEvent(
    customer_id="ann", purpose=PURPOSE.id, action="consented", notice_version=PURPOSE.notice_version,
    notice_sha256=PURPOSE.notice_sha256, language="en", channel="branch", actor="colleague-7",
    at=NOW - timedelta(days=1), evidence="form 12", regime="opt_in",
)  # fmt: skip


def _record(store: Store, *events: PermissionEvent) -> list[str]:
    with store.write() as connection:
        return [record_permission(connection, event, SHIPPED, at=NOW).row.hash for event in events]


def _receipt(store: Store, customer_id: str = "ann", purpose: str = PURPOSE.id) -> dict[str, Any]:
    with store.read() as connection:
        return build_receipt(connection, customer_id, purpose, registry=SHIPPED, at=NOW)


def test_receipt_carries_the_mandatory_fields_of_the_standard(any_store: Store) -> None:
    hashes = _record(any_store, CONSENT, replace(CONSENT, action="withdrawn", actor="customer", at=NOW))
    told = _receipt(any_store)
    assert told["record"]["schema_version"] == "ISO/IEC TS 27560:2023"
    assert told["record"]["pii_principal_id"] == "ann"
    (purpose,) = told["pii_processing"]["purposes"]
    assert purpose["purpose"] == "own_product_offers"
    assert (purpose["purpose_type"], purpose["lawful_basis"]) == ("dpv:DirectMarketing", "dpv:Consent")
    for name in (
        "pii_information", "pii_controllers", "storage_locations", "retention_period", "jurisdiction",
        "withdrawal_method",
    ):  # fmt: skip
        assert purpose[name], name
    assert purpose["recipient_third_parties"] == []
    assert told["pii_processing"]["language"] == "en"
    assert told["pii_processing"]["privacy_notice"]["text"].startswith("May we look in your bookings")
    assert told["party_identification"][0]["party_id"] in purpose["pii_controllers"]
    first, second = told["event"]
    assert (first["event_time"], first["event_type"]) == ("2026-11-22T12:00:00.000000Z", "consented")
    assert (first["event_state"], first["entity_id"]) == ("dpv:ConsentGiven", "colleague-7")
    assert (second["event_state"], second["entity_id"]) == ("dpv:ConsentWithdrawn", "ann")
    places = [(event["trail"]["seq"], event["trail"]["hash"]) for event in told["event"]]
    assert places == [(1, hashes[0]), (2, hashes[1])]
    assert (told["current"]["allowed"], told["current"]["because"]) == (False, "withdrawn")


def test_receipt_is_about_one_customer_and_one_purpose(any_store: Store) -> None:
    training = SHIPPED.purpose("model_training")
    other = replace(CONSENT, purpose=training.id, notice_sha256=training.notice_sha256)
    _record(any_store, replace(CONSENT, customer_id="bob"), other, CONSENT)
    told = _receipt(any_store)
    assert [event["event_id"] for event in told["event"]] == [3]
    assert "bob" not in str(told)


def test_event_whose_link_was_erased_has_no_place_in_the_trail(any_store: Store) -> None:
    _record(any_store, CONSENT)
    with any_store.write() as connection:
        erase_commitments(connection, "customer_id", "ann")
    assert _receipt(any_store)["event"][0]["trail"] is None


def test_there_is_no_receipt_of_nothing(any_store: Store) -> None:
    with pytest.raises(UsageError, match="no receipt"):
        _receipt(any_store)
    with pytest.raises(PermissionRefusedError):
        _receipt(any_store, purpose="third_party_sharing")


def test_every_verb_and_every_field_has_its_term(any_store: Store) -> None:
    _record(any_store, CONSENT)
    told = _receipt(any_store)
    assert set(STATES) == {"shown", "consented", "withdrawn", "objected", "objection_lifted", "expired"}
    prefixes = {term for term, iri in CONTEXT.items() if iri.startswith("http")}
    assert {
        iri.split(":")[0] for iri in (*CONTEXT.values(), *STATES.values()) if not iri.startswith("http")
    } <= prefixes
    (purpose,) = told["pii_processing"]["purposes"]
    used = {*told["record"], *told["pii_processing"], *purpose, *told["event"][0]}
    assert set(CONTEXT) - prefixes <= used
