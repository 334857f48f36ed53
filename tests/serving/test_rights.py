"""Access, erasure and retention: everything is told, everything goes, and nothing stays longer than was said."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from models.canonical import framed_sha256
from models.errors import IntegrityError, StoreUnavailableError, UsageError
from models.home import Home
from models.store import (
    METADATA,
    Store,
    complaints,
    contact_attempts,
    corrections,
    detections,
    erased_permissions,
    followed_customers,
    outbox,
    permission_events,
    questions,
    runs,
    told_detections,
    trail,
    trail_commitments,
)
from models.taxonomy import default_taxonomy
from models.trail import verify_trail
from serving.access import export_customer
from serving.care import CustomerFacts
from serving.erasure import erase_customer
from serving.holdings import find_traces, holds_id, load_holdings
from serving.pages.visitors import Identity, open_session
from serving.policy import default_policy
from serving.records import write_customers, write_run
from serving.retention import enforce_retention
from serving.rights import erase_customer_of_home, export_customer_to

NOW = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
OCTOBER = date(2026, 10, 1)
OFFER = {"customer_id": "c-1", "event": "child_birth", "onset_date": "2026-10-01", "product": "child_account"}


@pytest.fixture
def bank_url(database_url: str) -> str:
    """This module runs on both databases."""
    return database_url


def post(bank: Any, path: str, body: dict[str, Any]) -> Any:
    post.number += 1  # type: ignore[attr-defined]
    return bank.client.post(f"/v1{path}", json=body, headers={"Idempotency-Key": f"k-{post.number}"})  # type: ignore[attr-defined]


post.number = 0  # type: ignore[attr-defined]


@pytest.fixture
def lived(bank: Any) -> Any:
    """A bank in which c-1 and c-10 did everything that leaves a row somewhere."""
    for customer in ("c-1", "c-10"):
        for purpose, action in (("own_product_offers", "consented"), ("model_training", "objected")):
            event = {"customer_id": customer, "purpose": purpose, "action": action, "evidence": "letter 7"}
            assert post(bank, "/permissions", event).status_code == 201
        bank.detector.rows.clear()
        bank.detector.find("child_birth", onset=OCTOBER, customer_id=customer)
        frame = bank.detector(None, as_of=OCTOBER, release=None)
        with bank.store.write() as connection:
            made = {"as_of": OCTOBER if customer == "c-1" else date(2026, 10, 2), "release_id": "n" * 64}
            write_run(connection, frame, customers=[customer], model_version="nightly-1", **made)
            opened = {"customer_id": customer, "at": NOW}
            followed = {**opened, "purpose": "own_product_offers"}
            connection.execute(followed_customers.insert(), followed)
            told = {"id": f"told-{customer}-once", "event": "child_birth", "onset_date": OCTOBER, "evidence": "b1"}
            connection.execute(told_detections.insert(), {**followed, **told, "state": "told"})
            connection.execute(
                questions.insert(), {**opened, "question": "children", "channel": "phone", "asked_by": "d"}
            )
        bank.ask(customer_id=customer, bookings=None)
        assert post(bank, "/offers:sent", {**OFFER, "customer_id": customer}).status_code == 201
        said = {"customer_id": customer, "event": "child_birth", "product": "child_account", "answer": "no"}
        assert post(bank, "/offers:answered", said).status_code == 201
        wrong = {"customer_id": customer, "event": "child_birth", "onset_date": "2026-10-01", "correction": "not_mine"}
        assert post(bank, "/corrections", wrong).status_code == 201
        with bank.store.write() as connection:
            complaint = {**opened, "subject": "offer", "call_back_by": NOW, "remark": customer}
            number = connection.execute(complaints.insert().returning(complaints.c.id), complaint).scalar_one()
            attempt = {"complaint_id": number, "colleague": "dana", "result": "no answer", "at": NOW}
            connection.execute(contact_attempts.insert(), attempt)
        open_session(bank.store, Identity("customer", customer), link=None, at=NOW)
        post(bank, "/permissions", {"customer_id": customer, "purpose": "own_product_offers", "action": "withdrawn"})
    write_customers(bank.store, [CustomerFacts("c-1"), CustomerFacts("c-10")], at=NOW)
    return bank


def erase(bank: Any, customer_id: str = "c-1") -> Any:
    return erase_customer(
        bank.store, customer_id, who="Dana", why="asked by letter", registry=bank.registry, clock=lambda: NOW
    )


def count_rows(store: Store) -> dict[str, int]:
    with store.read() as connection:
        return {
            table.name: int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
            for table in METADATA.sorted_tables
        }


def traces_of(store: Store, customer_id: str) -> list[str]:
    with store.read() as connection:
        return sorted(find_traces(connection, customer_id))


# ---- the list of tables ---------------------------------------------------------------------------------------------


def test_every_table_of_the_database_says_what_it_holds_and_how_long(bank: Any) -> None:
    with bank.store.read() as connection:
        there = set(sa.inspect(connection).get_table_names()) - {"alembic_version"}
    listed = {holding.table: holding for holding in load_holdings()}
    assert set(listed) == there
    personal = {name for name, holding in listed.items() if holding.link != "none"}
    assert set(default_policy().retention) == personal
    for name, holding in listed.items():
        known = set(METADATA.tables[name].c.keys()) if name in METADATA.tables else set(holding.columns)
        assert set(holding.columns) <= known, name
        if holding.link == "column":
            assert known - set(holding.columns) <= {"id", holding.source}, name
        if "customer_id" in known:
            assert holding.link == "column", name


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("c-1", True),
        ("c-10", False),
        ("about c-1 again", True),
        ('{"offers":[],"customer_id":"c-1"}', True),
        ('{"c-1":{}}', True),
        ('["x","c-1"]', True),
        ('{"customer_id":"c-10"}', False),
        ("{c-1", False),
        ("", False),
    ],
)
def test_id_is_found_where_it_stands_and_not_inside_another(text: str, holds: bool) -> None:
    assert holds_id(text, "c-1") is holds


@pytest.mark.parametrize("customer_id", ['c"1', "é\\1 %_"])
def test_strange_ids_are_found_in_json_and_erased(bank: Any, customer_id: str) -> None:
    event = {"customer_id": customer_id, "purpose": "own_product_offers", "action": "consented"}
    post(bank, "/permissions", event)
    post(bank, "/permissions", {**event, "action": "withdrawn"})
    assert {"outbox.body", "idempotency.answer", "trail_commitments.value"} <= set(traces_of(bank.store, customer_id))
    assert erase(bank, customer_id).is_whole
    assert traces_of(bank.store, customer_id) == []


# ---- access ---------------------------------------------------------------------------------------------------------


def test_access_tells_every_row_with_plain_labels_and_evidence(lived: Any) -> None:
    export = export_customer(
        lived.store, "c-1", registry=lived.registry, taxonomy=lived.desk.gate.releases.current().taxonomy,
        policy=default_policy(), clock=lambda: NOW,
    )  # fmt: skip
    held = {section["what"]["en"]: section for section in export["held"]}
    assert {name: len(section["rows"]) for name, section in held.items()} == {
        "What you allowed, refused or were shown": 3,
        "What the bank passed on to us about you": 1,
        "Events we inferred from your bookings": 1,
        "When we looked at your bookings": 1,
        "Events we told another system of the bank, or knew already": 1,
        "Since when we tell new events": 1,
        "What you were offered, what you said to it and what was recalled": 2,
        "What you told us is not right": 1,
        "Your complaints": 1,
        "When we called you about a complaint": 1,
        "Letters we sent you": 0,
        "Where your answers to our questions are": 0,
        "Why a peak of your organisation was to be expected": 0,
        "What we asked you": 1,
        "When you were signed in to these pages": 1,
        "Messages about you to systems that send offers": 1,
        "Answers to requests about you, in case a request is repeated": 6,
        # Three permissions, the answer, sent, answered, the correction, and that the customer was on the page.
        "Rows of the trail that are about you": 8,
    }
    (event,) = held["Events we inferred from your bookings"]["rows"]
    assert (event["evidence"], event["probability"], event["onset_date"]) == ("b1", 0.9, "2026-10-01")
    assert event["reason"]["nl"] == "We zagen dat u kinderbijslag van de SVB krijgt."
    assert held["Events we inferred from your bookings"]["columns"]["evidence"]["en"] == "bookings it rests on"
    assert held["Events we inferred from your bookings"]["kept_days"] == 200
    states = {one["purpose"]: (one["allowed"], one["because"]) for one in export["permissions"]}
    assert states["own_product_offers"] == (False, "withdrawn")
    assert states["model_training"] == (False, "objected")
    assert "c-10" not in json.dumps(export)
    # The export itself is in the trail, and nothing of it is.
    assert len(json.dumps(export)) > 3_000
    with lived.store.read() as connection:
        last = connection.execute(sa.select(trail).order_by(trail.c.seq.desc()).limit(1)).mappings().one()
    assert (last["kind"], json.loads(last["body"])["body"]) == ("customer_exported", {})


def test_access_of_somebody_unknown_is_empty_and_says_so(bank: Any, tmp_path: Path, database_url: str) -> None:
    out = tmp_path / "export.json"
    assert export_customer_to("nobody", out, home=Home(tmp_path, database_url)) == 0
    export = json.loads(out.read_text())
    assert out.stat().st_mode & 0o777 == 0o600
    assert {len(section["rows"]) for section in export["held"]} == {0}
    assert {one["because"] for one in export["permissions"]} == {"no_record"}


# ---- erasure --------------------------------------------------------------------------------------------------------


def test_after_erasure_the_id_stands_nowhere_but_in_the_objection(lived: Any) -> None:
    before = traces_of(lived.store, "c-10")
    erased = erase(lived)
    assert traces_of(lived.store, "c-1") == ["permission_events.customer_id"]
    assert (erased.is_whole, erased.kept_objections) == (True, ("model_training",))
    assert traces_of(lived.store, "c-10") == before
    with lived.store.read() as connection:
        kept = connection.execute(sa.select(permission_events).filter_by(customer_id="c-1")).mappings().one()
    assert (kept["purpose"], kept["action"], kept["evidence"], kept["idempotency_key"]) == (
        "model_training", "objected", "", None,
    )  # fmt: skip
    assert (kept["channel"], kept["actor"], kept["at"]) == ("erasure", "customer", NOW)
    report = verify_trail(lived.store, None, None)
    assert report.findings == ()
    assert "3 permissions are gone because 1 erasures named them" in report.notes


def test_erasure_counts_what_went_and_the_trail_names_nobody(lived: Any) -> None:
    erased = erase(lived)
    assert {table: count for table, count in erased.rows.items() if count} == {
        "permission_events": 3, "customers": 1, "detections": 1, "runs": 1, "offers": 2, "corrections": 1,
        "complaints": 1, "questions": 1, "told_detections": 1, "followed_customers": 1,
        "contact_attempts": 1, "outbox": 1, "idempotency": 6, "page_sessions": 1, "trail_commitments": 8,
    }  # fmt: skip
    with lived.store.read() as connection:
        text = connection.execute(sa.select(trail.c.body).where(trail.c.seq == erased.trail_seq)).scalar_one()
    body = json.loads(text)["body"]
    assert (body["who"], body["why"], body["permissions"], body["kept"]) == ("Dana", "asked by letter", [1, 2, 3], 1)


def test_objection_survives_an_erasure_and_a_new_notice(bank: Any) -> None:
    show = {"customer_id": "c-1", "purpose": "overdraft_signal", "action": "shown", "at": "2026-01-05T09:00:00+01:00"}
    for action in ("shown", "withdrawn"):
        post(bank, "/permissions", {**show, "action": action})
    assert erase(bank).kept_objections == ("overdraft_signal",)
    post(bank, "/permissions", show)
    current = {"customer_id": "c-1", "purpose": "overdraft_signal"}
    assert bank.client.post("/v1/permissions:current", json=current).json()["because"] == "objected"


def test_consent_and_withdrawal_leave_nothing_behind(bank: Any) -> None:
    for action in ("consented", "withdrawn"):
        post(bank, "/permissions", {"customer_id": "c-1", "purpose": "own_product_offers", "action": action})
    erased = erase(bank)
    assert (erased.kept_objections, erased.traces, erased.is_whole) == ((), {}, True)
    assert bank.ask().json()["because"] == "no_record"


def test_engine_that_knows_the_id_learns_that_it_was_erased(lived: Any) -> None:
    erase(lived)
    with lived.store.read() as connection:
        row = connection.execute(sa.select(outbox).where(outbox.c.topic == "customer_erased")).mappings().one()
    body = json.loads(row["body"])
    assert body["customer_sha256"] == framed_sha256(body["salt"], "customer_id", "c-1")


def test_erasing_twice_or_nobody_changes_nothing_more(lived: Any) -> None:
    erase(lived)
    assert {table for table, count in erase(lived).rows.items() if count} == {"permission_events"}  # kept anew
    assert traces_of(lived.store, "c-1") == ["permission_events.customer_id"]
    assert not any(erase(lived, "nobody").rows.values())
    assert verify_trail(lived.store, None, None).ok


def test_erasure_that_cannot_be_recorded_does_not_happen(lived: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = count_rows(lived.store)

    def fail(*_arguments: Any, **_options: Any) -> None:
        raise StoreUnavailableError("no room")

    monkeypatch.setattr("serving.erasure.append_trail", fail)
    with pytest.raises(StoreUnavailableError):
        erase(lived)
    assert count_rows(lived.store) == before


@pytest.mark.parametrize(("who", "why"), [("", "x"), ("Dana", " "), ("Dana", "letter of c-1")])
def test_erasure_says_who_and_why_without_the_id(bank: Any, who: str, why: str) -> None:
    with pytest.raises(UsageError, match="without the customer's id"):
        erase_customer(bank.store, "c-1", who=who, why=why, registry=bank.registry, clock=lambda: NOW)


def test_id_that_stands_where_nobody_expects_it_is_told(bank: Any, tmp_path: Path, database_url: str) -> None:
    with bank.store.write() as connection:
        connection.exec_driver_sql("CREATE TABLE notes (text VARCHAR)")
        connection.exec_driver_sql("INSERT INTO notes VALUES ('call c-1 back')")
    with pytest.raises(IntegrityError, match=r"notes\.text \(1\)"):
        erase_customer_of_home("c-1", who="Dana", why="asked", home=Home(tmp_path, database_url))


def test_ledger_row_goes_only_when_it_stands_among_the_erased(lived: Any) -> None:
    with pytest.raises(StoreUnavailableError), lived.store.write() as connection:
        connection.execute(permission_events.delete().where(permission_events.c.version == 1))
    with lived.store.write() as connection:
        connection.execute(erased_permissions.insert(), {"version": 1, "at": NOW})
        connection.execute(permission_events.delete().where(permission_events.c.version == 1))
    # Whoever does so without an erasure in the trail is found, and cannot take the mark away again.
    assert (
        "permission 1 was recorded in row 1 but is not in the ledger" in verify_trail(lived.store, None, None).findings
    )
    with pytest.raises(StoreUnavailableError), lived.store.write() as connection:
        connection.execute(erased_permissions.delete())


# ---- retention ------------------------------------------------------------------------------------------------------


def enforce(bank: Any, at: datetime) -> dict[str, int]:
    deleted = enforce_retention(bank.store, default_policy(), bank.registry, clock=lambda: at)
    return {table: count for table, count in deleted.items() if count}


def test_nothing_is_deleted_before_its_time(lived: Any) -> None:
    for customer in ("c-1", "c-10"):
        post(lived, "/permissions", {"customer_id": customer, "purpose": "own_product_offers", "action": "consented"})
    assert enforce(lived, NOW) == {}


def test_every_table_is_emptied_when_its_days_are_over_and_not_a_day_before(lived: Any) -> None:
    for customer in ("c-1", "c-10"):
        post(lived, "/permissions", {"customer_id": customer, "purpose": "own_product_offers", "action": "consented"})
    days = {table: kept.days for table, kept in default_policy().retention.items()}
    assert (days["idempotency"], days["outbox"], days["detections"], days["questions"]) == (7, 30, 200, 730)
    # A session of half an hour, and a day in which its link stays used.
    assert enforce(lived, NOW + timedelta(days=1, minutes=30)) == {}
    assert enforce(lived, NOW + timedelta(days=1, minutes=31)) == {"page_sessions": 2}
    assert enforce(lived, NOW + timedelta(days=7)) == {}
    assert enforce(lived, NOW + timedelta(days=7, seconds=1)) == {"idempotency": 14}
    assert enforce(lived, NOW + timedelta(days=30, seconds=1)) == {"outbox": 2}
    # The runs are of 1 and 2 October; 200 days later are 19 and 20 April.
    assert enforce(lived, datetime(2027, 4, 19, 12, tzinfo=UTC)) == {}
    assert enforce(lived, datetime(2027, 4, 20, 12, tzinfo=UTC)) == {"detections": 1, "runs": 1}
    assert enforce(lived, datetime(2027, 4, 21, 12, tzinfo=UTC)) == {"detections": 1, "runs": 1}
    assert enforce(lived, NOW + timedelta(days=400)) == {}
    assert enforce(lived, NOW + timedelta(days=400, seconds=1)) == {"told_detections": 2}
    # Complaints stay while they are open, however old.
    assert enforce(lived, NOW + timedelta(days=731)) == {"questions": 2}
    with lived.store.write() as connection:
        connection.execute(complaints.update().values(closed_at=NOW))
    assert enforce(lived, NOW + timedelta(days=365)) == {}
    assert enforce(lived, NOW + timedelta(days=365, seconds=1)) == {"contact_attempts": 2, "complaints": 2}
    assert enforce(lived, NOW + timedelta(days=1827)) == {"offers": 4, "corrections": 2, "trail_commitments": 26}
    assert verify_trail(lived.store, None, None).ok


def test_what_was_inferred_goes_within_a_day_after_the_withdrawal(lived: Any) -> None:
    lived.record("consented", customer_id="c-10", purpose="service_contact")
    gone = {"detections": 1, "runs": 1, "told_detections": 1, "followed_customers": 1}
    assert enforce(lived, NOW + timedelta(hours=20)) == gone
    with lived.store.read() as connection:
        assert connection.execute(sa.select(runs.c.customer_id)).scalars().all() == ["c-10"]
        assert connection.execute(sa.select(detections.c.customer_id)).scalars().all() == ["c-10"]
        bodies = connection.execute(sa.select(trail.c.body).where(trail.c.kind == "retention_enforced")).scalars().all()
    assert json.loads(bodies[0])["body"]["rows"] == gone


def test_what_was_told_is_remembered_longer_than_it_can_be_told() -> None:
    useful = max(event.useful_days for event in default_taxonomy().events)
    assert (default_policy().retention["told_detections"].days or 0) > useful


def test_a_customer_whose_trail_is_unlinked_is_still_a_customer(lived: Any) -> None:
    enforce(lived, NOW + timedelta(days=1827))
    with lived.store.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(trail_commitments)).scalar() == 0
        assert connection.execute(sa.select(sa.func.count()).select_from(corrections)).scalar() == 0
        assert connection.execute(sa.select(sa.func.count()).select_from(permission_events)).scalar() == 6
