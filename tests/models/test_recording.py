"""A permission event and its trail row are one: whatever is changed in the ledger afterwards is found."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from models.errors import PermissionRefusedError, UsageError
from models.permission import PermissionEvent, current_permission, permitted_customers
from models.purposes import default_purposes
from models.recording import RecordedPermission, record_permission
from models.store import Store, customers, permission_events, trail_commitments
from models.trail import erase_commitments, verify_trail

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PURPOSE = default_purposes().purpose("own_product_offers")
EVENT = PermissionEvent(
    customer_id="ann", purpose=PURPOSE.id, action="consented", notice_version=PURPOSE.notice_version,
    notice_sha256=PURPOSE.notice_sha256, language="nl", channel="branch", actor="colleague-7", at=NOW,
    evidence="form 12", regime="opt_in", idempotency_key="k1",
)  # fmt: skip


def _record(store: Store, event: PermissionEvent = EVENT) -> RecordedPermission:
    with store.write() as connection:
        return record_permission(connection, event, default_purposes(), at=NOW)


def test_event_and_row_stand_together_and_verify(any_store: Store) -> None:
    recorded = _record(any_store)
    assert (recorded.version, recorded.row.seq) == (1, 1)
    report = verify_trail(any_store, None, None)
    assert (report.findings, report.commitments) == ((), 2)


@pytest.mark.parametrize(
    "change",
    [
        ("at", "2027-01-01T00:00:00.000000Z"),
        ("evidence", "none"),
        ("actor", "customer"),
        ("channel", "web"),
        ("language", "en"),
        ("regime", "opt_out"),
        ("idempotency_key", "k2"),
        ("notice_version", "2027-01"),
        ("notice_sha256", "0" * 64),
        ("customer_id", "bob"),
        ("action", "withdrawn"),
        ("purpose", "model_training"),
    ],
)
def test_every_column_is_committed_to(any_store: Store, tamper: Callable[..., None], change: tuple[str, str]) -> None:
    _record(any_store)
    column, value = change
    tamper(f"UPDATE permission_events SET {column} = '{value}'")  # noqa: S608 - the test's own words
    (finding,) = verify_trail(any_store, None, None).findings
    assert finding.startswith("permission 1 is not as row 1 recorded it")


def test_commitment_tells_nothing_and_goes_with_the_customer(any_store: Store) -> None:
    _record(any_store)
    _record(any_store, replace(EVENT, customer_id="bob"))
    with any_store.write() as connection:
        assert erase_commitments(connection, "customer_id", "ann") == 1
        left = connection.execute(sa.select(trail_commitments.c.seq)).scalars().all()
    assert left == [2, 2]
    assert verify_trail(any_store, None, None).ok


def test_event_that_was_recorded_before_is_not_recorded_again(any_store: Store) -> None:
    _record(any_store)
    with pytest.raises(UsageError, match="already"):
        _record(any_store)
    assert verify_trail(any_store, None, None).rows == 1


# ---- under 18 -------------------------------------------------------------------------------------------------------


def _take_over(store: Store, customer_id: str, *, is_adult: bool) -> None:
    row = {"language": "nl", "products_held": "", "open_complaint": False, "in_arrears": False}
    with store.write() as connection:
        connection.execute(customers.insert(), {**row, "customer_id": customer_id, "is_adult": is_adult})


@pytest.mark.parametrize("action", ["shown", "consented", "objection_lifted"])
def test_nobody_under_18_can_allow_anything(any_store: Store, action: str) -> None:
    _take_over(any_store, "ann", is_adult=False)
    with pytest.raises(PermissionRefusedError, match="under 18"):
        _record(any_store, replace(EVENT, action=action))  # type: ignore[arg-type] # parametrized text
    assert verify_trail(any_store, None, None).rows == 0


def test_a_no_of_somebody_under_18_is_kept(any_store: Store) -> None:
    _take_over(any_store, "ann", is_adult=False)
    _record(any_store, replace(EVENT, action="objected"))
    with any_store.read() as connection:
        assert connection.execute(sa.select(permission_events.c.action)).scalars().all() == ["objected"]


def test_consent_given_before_the_age_was_known_allows_nothing(any_store: Store) -> None:
    _record(any_store)
    _record(any_store, replace(EVENT, customer_id="bob"))
    _take_over(any_store, "ann", is_adult=False)
    _take_over(any_store, "bob", is_adult=True)
    with any_store.read() as connection:
        held = current_permission(connection, "ann", PURPOSE.id, registry=default_purposes(), at=NOW)
        permitted = permitted_customers(connection, PURPOSE.id, registry=default_purposes(), at=NOW)
    assert (held.allowed, held.because, held.valid_until) == (False, "minor", None)
    assert permitted == {"bob"}


def test_one_holder_of_a_joint_account_does_not_speak_for_the_other(any_store: Store) -> None:
    # A joint account is two customers in every table; ann consents, bob withdraws, neither changes the other.
    _record(any_store)
    _record(any_store, replace(EVENT, customer_id="bob"))
    _record(any_store, replace(EVENT, customer_id="bob", action="withdrawn", idempotency_key="k2"))
    with any_store.read() as connection:
        assert permitted_customers(connection, PURPOSE.id, registry=default_purposes(), at=NOW) == {"ann"}
