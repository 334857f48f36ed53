"""A replay proves for every served answer that a permission existed at that moment, and names those that had none."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.permission import PermissionEvent, append_permission
from models.purposes import PurposeRegistry, default_purposes
from models.recording import record_permission
from models.replay import ReplayReport, replay_trail
from models.store import Store
from models.trail import append_trail, erase_commitments

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SHIPPED = default_purposes()
OFFERS = SHIPPED.purpose("own_product_offers")


def _event(action: str, customer: str = "ann", purpose: str = OFFERS.id, at: datetime = NOW) -> PermissionEvent:
    known = SHIPPED.purpose(purpose)
    return PermissionEvent(
        customer_id=customer, purpose=purpose, action=action,  # type: ignore[arg-type] # tests name it as text
        notice_version=known.notice_version, notice_sha256=known.notice_sha256, language="nl", channel="page",
        actor="customer", at=at,
    )  # fmt: skip


def _record(store: Store, action: str, **told: Any) -> int:
    with store.write() as connection:
        return record_permission(connection, _event(action, **told), SHIPPED, at=NOW).version


def _answer(store: Store, version: int, customer: str = "ann", purpose: str = OFFERS.id, at: datetime = NOW,
            purposes: str = SHIPPED.sha256) -> None:  # fmt: skip
    """A trail row as the gate writes it."""
    body = {"outcome": "answered", "purpose": purpose, "permission_version": version, "purposes": purposes}
    with store.write() as connection:
        append_trail(connection, "events_answered", body, personal={"customer_id": customer}, at=at)


def _replay(store: Store, *more: PurposeRegistry) -> ReplayReport:
    return replay_trail(store, [SHIPPED, *more])


def test_answers_with_a_permission_are_proved(any_store: Store) -> None:
    first = _record(any_store, "consented")
    _answer(any_store, first)
    _record(any_store, "withdrawn")
    again = _record(any_store, "consented")
    _answer(any_store, again)
    assert _replay(any_store) == ReplayReport(answers=2, proved=2, findings=())


def _after_a_withdrawal(store: Store) -> None:
    version = _record(store, "consented")
    _record(store, "withdrawn")
    _answer(store, version)


def _on_the_withdrawal_itself(store: Store) -> None:
    _record(store, "consented")
    _answer(store, _record(store, "withdrawn"))


def _before_the_consent(store: Store) -> None:
    _answer(store, 1)
    _record(store, "consented")


def _for_another_purpose(store: Store) -> None:
    _answer(store, _record(store, "consented", purpose="model_training"))


def _for_another_customer(store: Store) -> None:
    _answer(store, _record(store, "consented", customer="bob"))


def _out_of_nothing(store: Store) -> None:
    _answer(store, 7)


def _on_an_event_that_no_row_recorded(store: Store) -> None:
    with store.write() as connection:
        version = append_permission(connection, _event("consented"), SHIPPED)
    _answer(store, version)


def _within_the_notice_period(store: Store) -> None:
    shown = _record(store, "shown", purpose="overdraft_signal", at=NOW - timedelta(days=29))
    _answer(store, shown, purpose="overdraft_signal")


def _under_other_purposes(store: Store) -> None:
    other = replace(SHIPPED, purposes=SHIPPED.purposes[1:], sha256="1" * 64)
    _answer(store, _record(store, "consented"), purposes=other.sha256)


@pytest.mark.parametrize(
    ("served", "why"),
    [
        (_after_a_withdrawal, "row 3 .* was not the last one recorded before it"),
        (_on_the_withdrawal_itself, "row 3 .* refused .withdrawn."),
        (_before_the_consent, "row 1 .* was not the last one recorded before it"),
        (_for_another_purpose, "row 2 .* about another purpose"),
        (_for_another_customer, "row 2 .* another customer's"),
        (_out_of_nothing, "row 1 .* not in the ledger"),
        (_on_an_event_that_no_row_recorded, "row 1 .* was not the last one recorded before it"),
        (_within_the_notice_period, "row 2 .* refused .notice_period_running."),
    ],
)
def test_answer_without_a_permission_is_named(any_store: Store, served: Callable[[Store], None], why: str) -> None:
    served(any_store)
    report = _replay(any_store)
    (finding,) = report.findings
    assert re.search(why, finding)
    assert (report.answers, report.proved) == (1, 0)
    assert "ann" not in finding.replace("another", "")


def test_erased_customer_stays_provable(any_store: Store) -> None:
    _answer(any_store, _record(any_store, "consented"))
    with any_store.write() as connection:
        erase_commitments(connection, "customer_id", "ann")
    assert _replay(any_store) == ReplayReport(answers=1, proved=1, findings=())


def test_answer_whose_permission_was_erased_since_is_neither_proved_nor_found(
    any_store: Store, tamper: Callable[..., None]
) -> None:
    _answer(any_store, _record(any_store, "consented"))
    tamper("DELETE FROM permission_events")
    assert "row 2 has no permission: permission 1 is not in the ledger" in _replay(any_store).findings[0]
    with any_store.write() as connection:
        append_trail(connection, "customer_erased", {"permissions": [1]}, at=NOW)
    assert _replay(any_store) == ReplayReport(answers=1, proved=0, findings=())


def test_answer_under_purposes_that_another_version_shipped_is_neither_proved_nor_found(any_store: Store) -> None:
    _under_other_purposes(any_store)
    assert _replay(any_store) == ReplayReport(answers=1, proved=0, findings=())


def test_answer_is_judged_under_the_registry_of_its_place_in_the_trail(any_store: Store) -> None:
    stricter = replace(
        SHIPPED, purposes=(replace(OFFERS, notice_version="2027-01", notice_sha256="2" * 64),), sha256="3" * 64
    )
    consent = _record(any_store, "consented")
    _answer(any_store, consent)
    with any_store.write() as connection:
        append_trail(connection, "purposes_installed", {"sha256": stricter.sha256}, at=NOW)
    _answer(any_store, consent, purposes=stricter.sha256)  # its notice is another one now
    _answer(any_store, consent)  # as if the gate had not seen the new registry
    report = _replay(any_store, stricter)
    assert (report.answers, report.proved) == (3, 1)
    assert "row 4" in report.findings[0]
    assert "refused (notice_changed)" in report.findings[0]
    assert "row 5" in report.findings[1]
    assert "another purpose registry" in report.findings[1]
