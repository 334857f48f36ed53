"""Consents that a bank already holds come in with their evidence: the whole file, once, or nothing of it."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from models.errors import UnreadableDataError
from models.permission import current_permission
from models.permission_import import Imported, import_permissions
from models.purposes import default_purposes
from models.store import Store, customers, permission_events
from models.trail import verify_trail

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SHIPPED = default_purposes()
HEADER = "customer_id,purpose,action,at,notice_version,evidence"
CONSENT = "ann,own_product_offers,consented,2026-03-01,2026-01,form 12"


@pytest.fixture
def give(tmp_path: Path, any_store: Store) -> Callable[..., Imported]:
    """Imports a file of these lines."""

    def take(*lines: str, header: str = HEADER) -> Imported:
        path = tmp_path / "held.csv"
        path.write_text("\n".join([header, *lines]) + "\n", "utf-8")
        return import_permissions(any_store, path, SHIPPED, now=NOW)

    return take


def _allowed(store: Store, customer_id: str, purpose: str = "own_product_offers") -> bool:
    with store.read() as connection:
        return current_permission(connection, customer_id, purpose, registry=SHIPPED, at=NOW).allowed


def test_consents_come_in_with_their_evidence_and_a_trail_row_each(
    give: Callable[..., Imported], any_store: Store
) -> None:
    assert give(CONSENT, CONSENT.replace("ann", "bob")) == Imported(2, 0)
    assert _allowed(any_store, "ann")
    with any_store.read() as connection:
        row = connection.execute(sa.select(permission_events).order_by(permission_events.c.version)).first()
    assert row is not None
    assert (row.evidence, row.channel, row.actor, row.language) == ("form 12", "import", "customer", "nl")
    assert (row.at, row.notice_sha256) == (
        datetime(2026, 2, 28, 23, tzinfo=UTC),  # midnight in Amsterdam
        SHIPPED.purpose("own_product_offers").notice_sha256,
    )
    report = verify_trail(any_store, None, None)
    assert (report.ok, report.rows) == (True, 2)


def test_the_same_file_again_changes_nothing(give: Callable[..., Imported], any_store: Store) -> None:
    give(CONSENT)
    assert give(CONSENT, CONSENT, CONSENT.replace("ann", "bob")) == Imported(1, 2)
    assert verify_trail(any_store, None, None).rows == 2


def test_events_are_appended_in_the_order_of_their_moments(give: Callable[..., Imported], any_store: Store) -> None:
    give("ann,own_product_offers,withdrawn,2026-05-01,,", CONSENT)
    assert not _allowed(any_store, "ann")
    give("bob,own_product_offers,withdrawn,2026-02-01,,", CONSENT.replace("ann", "bob"))
    assert _allowed(any_store, "bob")


def test_an_old_consent_does_not_undo_a_withdrawal_of_today(give: Callable[..., Imported], any_store: Store) -> None:
    give("ann,own_product_offers,withdrawn,2026-11-01,,")
    give(CONSENT)
    assert not _allowed(any_store, "ann")


def test_notice_that_was_shown_long_ago_opens_an_opt_out(give: Callable[..., Imported], any_store: Store) -> None:
    give("ann,overdraft_signal,shown,2026-02-01,2026-01,letter 9")
    give("bob,overdraft_signal,shown,2026-11-01,2026-01,letter 9")
    assert _allowed(any_store, "ann", "overdraft_signal")
    assert not _allowed(any_store, "bob", "overdraft_signal")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (",own_product_offers,consented,2026-03-01,2026-01,f", "it has no customer_id"),
        ("zita,third_party_sharing,consented,2026-03-01,2026-01,f", "its purpose is not registered"),
        ("zita,own_product_offers,allowed,2026-03-01,2026-01,f", "its action is none of"),
        ("zita,own_product_offers,consented,soon,2026-01,f", "its moment is not ISO 8601"),
        ("zita,own_product_offers,consented,2026-11-24,2026-01,f", "its moment lies in the future"),
        ("zita,own_product_offers,consented,2026-03-01,2026-01,", "a yes needs the evidence"),
        ("zita,own_product_offers,consented,2026-03-01,,f", "it has no notice_version"),
        (
            "zita,own_product_offers,consented,2024-03-01,2024-01,f",
            "its notice is not the one in force",
        ),
        ("zita,overdraft_signal,shown,2025-12-31,2026-01,f", "its notice was not in force at that moment"),
    ],
)
def test_one_row_that_cannot_be_taken_over_refuses_the_file_by_its_line(
    give: Callable[..., Imported], any_store: Store, line: str, fault: str
) -> None:
    with pytest.raises(UnreadableDataError, match=f"line 3: {fault}") as caught:
        give(CONSENT, line, CONSENT)
    assert "zita" not in str(caught.value)
    assert verify_trail(any_store, None, None).rows == 0


def test_all_faults_are_told_at_once_and_a_long_list_is_cut(give: Callable[..., Imported]) -> None:
    bad = "ann,own_product_offers,allowed,2026-03-01,2026-01,f"
    with pytest.raises(UnreadableDataError, match=r"line 2.*line 4.*line 22.*and 3 more") as caught:
        give(bad, CONSENT, *[bad] * 22)
    assert str(caught.value).count("line ") == 20


def test_consent_of_somebody_under_18_refuses_the_file_after_other_rows_were_good(
    give: Callable[..., Imported], any_store: Store
) -> None:
    row = {"language": "nl", "products_held": "", "open_complaint": False, "in_arrears": False}
    with any_store.write() as connection:
        connection.execute(customers.insert(), {**row, "customer_id": "kim", "is_adult": False})
    with pytest.raises(UnreadableDataError, match="line 3: This customer is under 18"):
        give(CONSENT, CONSENT.replace("ann", "kim"))
    assert not _allowed(any_store, "ann")
    assert verify_trail(any_store, None, None).rows == 0


def test_older_notice_with_its_hash_is_kept_but_allows_nothing(give: Callable[..., Imported], any_store: Store) -> None:
    give(f"ann,own_product_offers,consented,2024-03-01,2024-01,f,{'a' * 64}", header=f"{HEADER},notice_sha256")
    assert not _allowed(any_store, "ann")


def test_file_without_evidence_column_or_no_table_is_refused(
    give: Callable[..., Imported], any_store: Store, tmp_path: Path
) -> None:
    with pytest.raises(UnreadableDataError, match="no column evidence"):
        give("a,b,c,d,e", header=HEADER.removesuffix(",evidence"))
    with pytest.raises(UnreadableDataError, match="cannot be read"):
        import_permissions(any_store, tmp_path / "nowhere.csv", SHIPPED, now=NOW)
