"""The one door: what is answered, what is refused, and that every way through it is in the trail."""

import json
import threading
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from models.bookings import bookings_from_records
from models.store import complaints, offers, trail
from models.trail import verify_trail
from serving.care import CustomerFacts
from serving.clients import ROLES, Client
from serving.detecting import Brought
from serving.gate import Question
from serving.problems import ProblemError
from serving.records import write_customers, write_run

OCTOBER = date(2026, 10, 1)


@pytest.fixture
def bank_url(database_url: str) -> str:
    """The gate keeps its promise on both databases."""
    return database_url


NOW = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)


def trail_bodies(bank: Any, kind: str) -> list[dict[str, Any]]:
    with bank.store.read() as connection:
        rows = connection.execute(sa.select(trail.c.body).where(trail.c.kind == kind).order_by(trail.c.seq))
        return [json.loads(row.body)["body"] for row in rows]


def store_run(bank: Any, as_of: date, **changes: Any) -> int:
    """A nightly run in which the detector finds what the test told it."""
    frame = bank.detector(None, as_of=as_of, release=None)
    made = {"customers": ["c-1"], "as_of": as_of, "release_id": "n" * 64, "model_version": "nightly-1"}
    with bank.store.write() as connection:
        return write_run(connection, frame, **{**made, **changes})


def test_answer_has_the_shape_of_the_contract(bank: Any) -> None:
    bank.record("consented")
    bank.detector.find("child_birth", onset=OCTOBER, status="confirmed")
    response = bank.ask()
    body = response.json()
    place = body.pop("trail")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert body == {
        "customer_id": "c-1",
        "purpose": "own_product_offers",
        "as_of": "2026-11-22",
        "permission": {
            "regime": "opt_in",
            "notice_version": bank.registry.purpose("own_product_offers").notice_version,
            "version": 1,
            "valid_until": "2026-11-23T11:00:00Z",
        },
        "release": {"model_version": "fake-1", "taxonomy_version": bank.desk.gate.releases.current().taxonomy.version},
        "events": [
            {
                "event": "child_birth",
                "onset_date": "2026-10-01",
                "detected_on": "2026-10-01",
                "probability": 0.9,
                "status": "confirmed",
                "offer_class": "S",
                "evidence": ["b1"],
                "reason": {
                    "nl": "We zagen dat u kinderbijslag van de SVB krijgt. "
                    "U gaf hiervoor toestemming. U kunt dit altijd uitzetten.",
                    "en": "We saw that you receive child benefit from the SVB. "
                    "You gave permission for this. You can switch it off at any time.",
                },
                "offers": [
                    {
                        "product": "child_account",
                        "kind": "savings",
                        "name": {"nl": "Kinderrekening", "en": "Children's account"},
                        "form": "offer",
                        # Noon in Amsterdam: from now until ten at night, an hour ahead of UTC.
                        "send_window": {"not_before": "2026-11-22T11:00:00Z", "not_after": "2026-11-22T21:00:00Z"},
                    }
                ],
            }
        ],
        "held_back": [
            {"event": "child_birth", "product": "family_liability_insurance", "reason": "one_offer_per_event"}
        ],
    }
    assert place["seq"] == 1
    assert len(place["hash"]) == 64


def test_trail_row_holds_counts_and_ids_and_no_customer(bank: Any) -> None:
    bank.record("consented")
    bank.detector.find("child_birth", onset=OCTOBER)
    bank.ask()
    (row,) = trail_bodies(bank, "events_answered")
    with bank.store.read() as connection:
        assert "c-1" not in connection.execute(sa.select(trail.c.body)).scalar_one()
    assert row == {
        "outcome": "answered",
        "client": "tester",
        "purpose": "own_product_offers",
        "as_of": "2026-11-22",
        "permission_version": 1,
        "purposes": bank.registry.sha256,
        "release": "r" * 64,
        "policy": "2026.11.1",
        "bookings": 1,
        "detections": 1,
        "events": ["child_birth"],
        "offers": ["child_birth/child_account"],
        "held_back": 1,
    }
    assert verify_trail(bank.store, None, None).ok


def test_without_permission_nothing_is_read_and_the_refusal_is_in_the_trail(bank: Any) -> None:
    response = bank.ask(bookings=[{"amount": "not even a booking"}])
    assert response.status_code == 403
    assert response.json()["type"] == "urn:levensloop:problem:permission-refused"
    assert response.json()["because"] == "no_record"
    assert bank.detector.calls == []
    (row,) = trail_bodies(bank, "events_refused")
    assert row["outcome"] == "permission-refused"


@pytest.mark.parametrize("no", ["withdrawn", "objected", "expired"])
def test_every_no_in_the_ledger_refuses(bank: Any, no: str) -> None:
    bank.record("consented")
    assert bank.ask().status_code == 200
    bank.record(no)
    assert bank.ask().status_code == 403


def test_permission_is_per_purpose_and_per_customer(bank: Any) -> None:
    bank.record("consented", purpose="service_contact")
    bank.record("consented", customer_id="c-2")
    assert bank.ask().status_code == 403


def test_withdrawal_between_reading_and_answering_stops_the_answer(bank: Any) -> None:
    bank.record("consented")
    bank.detector.find("child_birth", onset=OCTOBER)
    bank.detector.before_answer = lambda: bank.record("withdrawn")
    response = bank.ask()
    assert len(bank.detector.calls) == 1
    assert (response.status_code, response.json()["because"]) == (403, "withdrawn")
    assert trail_bodies(bank, "events_answered") == []
    assert len(trail_bodies(bank, "events_refused")) == 1


def test_no_question_asked_after_an_acknowledged_withdrawal_is_answered(bank: Any) -> None:
    bank.detector.find("child_birth", onset=OCTOBER)
    acknowledged = threading.Event()
    served: list[tuple[bool, int]] = []

    def ask() -> None:
        while len(served) < 400:
            late = acknowledged.is_set()  # before the question leaves: in doubt it counts as early
            try:
                bank.desk.gate.answer(question, bring=lambda _ids: Brought(frame))
                served.append((late, 200))
            except ProblemError as error:
                served.append((late, error.problem.status))

    frame = bookings_from_records([], source="test").frame
    question = Question("c-1", "own_product_offers", Client("tester", ROLES, frozenset({"own_product_offers"})))
    bank.record("consented")
    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    while len(served) < 100 and all(thread.is_alive() for thread in threads):
        time.sleep(0.001)
    bank.record("withdrawn")
    acknowledged.set()
    for thread in threads:
        thread.join()
    assert (False, 200) in served
    assert {status for late, status in served if late} == {403}


@pytest.mark.parametrize(
    ("purpose", "kind"),
    [
        ("third_party_sharing", "purpose-unknown"),
        ("model_training", "purpose-not-served"),
        ("fairness_audit", "purpose-not-served"),
    ],
)
def test_purposes_that_are_not_for_answers_are_refused(bank: Any, purpose: str, kind: str) -> None:
    if kind == "purpose-not-served":
        bank.record("consented", purpose=purpose)
    response = bank.ask(purpose=purpose)
    assert response.status_code == 403
    assert response.json()["type"].endswith(kind)
    (row,) = trail_bodies(bank, "events_refused")
    assert row["purpose"] == ("unregistered" if kind == "purpose-unknown" else purpose)


def test_expired_and_contradicted_events_are_not_told(bank: Any) -> None:
    bank.record("consented")
    bank.detector.find("child_birth", onset=OCTOBER, status="expired")
    bank.detector.find("rental_move", onset=OCTOBER, status="contradicted")
    body = bank.ask().json()
    assert (body["events"], body["held_back"]) == ([], [])


def test_care_event_is_not_told_for_offers_but_blocks_them(bank: Any) -> None:
    bank.record("consented")
    bank.detector.find("bereavement", onset=date(2026, 9, 1))
    bank.detector.find("inheritance", onset=date(2026, 7, 1))
    body = bank.ask().json()
    assert [event["event"] for event in body["events"]] == ["inheritance"]
    assert body["events"][0]["offers"] == []
    assert body["held_back"] == [{"event": "inheritance", "product": "savings_account", "reason": "care_event"}]


def test_a_day_before_the_care_event_does_not_sell_today(bank: Any) -> None:
    """A dismissal on 1 November holds offers back today, whichever day the caller asks about."""
    bank.record("consented")
    bank.detector.only_detectable = True
    bank.detector.find("child_birth", onset=OCTOBER)
    bank.detector.find("job_loss", onset=date(2026, 11, 1))
    for as_of in ("2026-11-22", "2026-10-31"):
        body = bank.ask(as_of=as_of).json()
        assert [(event["event"], event["offers"]) for event in body["events"]] == [("child_birth", [])]
        assert {held["reason"] for held in body["held_back"]} == {"care_event"}
    for day in (date(2026, 10, 30), date(2026, 11, 21)):
        store_run(bank, day)
    for as_of in ("2026-11-22", "2026-10-31"):
        body = bank.ask(bookings=None, as_of=as_of).json()
        assert [(event["event"], event["offers"]) for event in body["events"]] == [("child_birth", [])]
        assert {held["reason"] for held in body["held_back"]} == {"care_event"}


def test_bookings_without_the_care_event_do_not_hide_a_stored_one(bank: Any) -> None:
    bank.record("consented")
    bank.detector.find("overdraft", onset=date(2026, 11, 10))
    store_run(bank, date(2026, 11, 21))
    bank.detector.rows.clear()
    bank.detector.find("child_birth", onset=OCTOBER)
    for as_of in ("2026-11-22", "2026-10-31"):
        body = bank.ask(as_of=as_of).json()
        assert [(event["event"], event["offers"]) for event in body["events"]] == [("child_birth", [])]
        assert {held["reason"] for held in body["held_back"]} == {"care_event"}
        assert body["release"]["model_version"] == "fake-1"


def test_care_ends_after_its_days_counted_from_today(bank: Any) -> None:
    bank.record("consented")
    # 180 days before 22 November are 26 May; a dismissal on the day before that is over, also as of 31 October.
    for onset, reasons in ((date(2026, 5, 26), ["care_event"] * 2), (date(2026, 5, 25), ["one_offer_per_event"])):
        bank.detector.rows.clear()
        bank.detector.find("child_birth", onset=OCTOBER)
        bank.detector.find("job_loss", onset=onset)
        assert [held["reason"] for held in bank.ask(as_of="2026-10-31").json()["held_back"]] == reasons


def test_overdraft_signal_tells_overdraft_alone_and_names_no_product(bank: Any) -> None:
    bank.record("shown", purpose="overdraft_signal", at=NOW - timedelta(days=31))
    for event in ("overdraft", "bereavement", "child_birth"):
        bank.detector.find(event, onset=date(2026, 11, 20))
    body = bank.ask(purpose="overdraft_signal").json()
    assert [event["event"] for event in body["events"]] == ["overdraft"]
    assert body["events"][0]["offers"] == body["held_back"] == []
    assert body["events"][0]["reason"]["en"].endswith("We told you that we do this. You can switch it off at any time.")


def test_overdraft_signal_needs_no_permission_for_offers_but_the_notice(bank: Any) -> None:
    assert bank.ask(purpose="overdraft_signal").json()["because"] == "no_record"
    bank.record("shown", purpose="overdraft_signal", at=NOW - timedelta(days=29))
    assert bank.ask(purpose="overdraft_signal").json()["because"] == "notice_period_running"


def test_evidence_never_names_a_screened_booking(bank: Any, booking: Any) -> None:
    bank.record("consented")
    bank.detector.find("child_birth", onset=OCTOBER, evidence="b1 b2")
    bank.detector.find("rental_move", onset=OCTOBER, evidence="b2")
    screened = booking(booking_id="b2", remittance_information="gift kerk")
    body = bank.ask(bookings=[booking(), screened]).json()
    assert [(event["event"], event["evidence"]) for event in body["events"]] == [("child_birth", ["b1"])]


def test_booking_ids_with_spaces_come_back_as_they_were(bank: Any, booking: Any) -> None:
    bank.record("consented")
    bank.detector.find("child_birth", onset=OCTOBER, evidence="0")
    body = bank.ask(bookings=[booking(booking_id="NL 2026 1"), booking(booking_id="NL 2026 2")]).json()
    assert list(bank.detector.calls[0][0]["booking_id"]) == ["0", "1"]
    assert body["events"][0]["evidence"] == ["NL 2026 1"]


def test_a_detector_that_answers_about_another_customer_is_stopped(bank: Any) -> None:
    bank.record("consented")
    bank.detector.find("child_birth", onset=OCTOBER, customer_id="c-9")
    response = bank.ask()
    assert response.status_code == 503
    assert trail_bodies(bank, "events_answered") == []


def test_as_of_is_today_in_amsterdam_and_never_later(bank: Any, rebuild: Any) -> None:
    bank.record("consented", at=NOW - timedelta(days=2))
    # 23:30 UTC on the 21st is half past midnight on the 22nd in Amsterdam.
    late = rebuild(bank, clock=lambda: datetime(2026, 11, 21, 23, 30, tzinfo=UTC))
    assert bank.ask(client=late).json()["as_of"] == "2026-11-22"
    assert bank.ask(client=late, as_of="2026-11-22").status_code == 200
    assert bank.ask(client=late, as_of="2026-11-23").status_code == 422
    bank.detector.calls.clear()
    bank.ask(as_of="2026-01-31")
    assert [as_of for _, as_of in bank.detector.calls] == [date(2026, 1, 31), date(2026, 11, 22)]


def test_unknown_customer_is_told_so_only_after_the_permission_check(bank: Any) -> None:
    assert bank.ask(bookings=None).status_code == 403
    bank.record("consented")
    response = bank.ask(bookings=None)
    assert (response.status_code, response.json()["type"]) == (404, "urn:levensloop:problem:customer-unknown")


def test_strict_service_answers_only_about_customers_of_the_table(bank: Any, rebuild: Any) -> None:
    bank.record("consented")
    strict = rebuild(bank, strict_customers=True)
    assert bank.ask(client=strict).status_code == 404
    write_customers(bank.store, [CustomerFacts("c-1")])
    assert bank.ask(client=strict).status_code == 200


def test_minors_are_refused(bank: Any) -> None:
    bank.record("consented")
    write_customers(bank.store, [CustomerFacts("c-1", is_adult=False)])
    assert bank.ask().json()["type"] == "urn:levensloop:problem:customer-is-minor"
    assert bank.detector.calls == []


def test_facts_of_the_customer_hold_offers_back(bank: Any) -> None:
    bank.record("consented")
    bank.detector.find("rental_move", onset=OCTOBER)
    write_customers(bank.store, [CustomerFacts("c-1", products_held=frozenset({"contents_insurance"}))])
    assert bank.ask().json()["held_back"][0]["reason"] == "already_held"
    with bank.store.write() as connection:
        connection.execute(complaints.insert().values(customer_id="c-1", subject="offer", at=NOW, call_back_by=NOW))
    assert bank.ask().json()["held_back"][0]["reason"] == "open_complaint"


def test_only_offers_reported_as_sent_count(bank: Any) -> None:
    bank.record("consented")
    bank.detector.find("rental_move", onset=OCTOBER)
    yesterday = NOW - timedelta(days=1)
    row = {"customer_id": "c-1", "event": "travel_booked", "product": "travel_insurance", "at": yesterday}
    with bank.store.write() as connection:
        connection.execute(offers.insert().values(**row, state="recalled"))
    assert bank.ask().json()["events"][0]["offers"][0]["product"] == "contents_insurance"
    with bank.store.write() as connection:
        connection.execute(offers.insert().values(**row, state="sent"))
    assert bank.ask().json()["held_back"][0]["reason"] == "offer_in_last_days"
    # Asking as of a day before the offer was sent makes no room for another one.
    assert bank.ask(as_of="2026-10-31").json()["held_back"][0]["reason"] == "offer_in_last_days"


def test_stored_detections_answer_a_question_without_bookings(bank: Any) -> None:
    bank.record("consented")
    bank.detector.find("child_birth", onset=OCTOBER)
    bank.detector.find("travel_booked", onset=date(2026, 9, 1))
    assert store_run(bank, date(2026, 10, 2)) == 2
    body = bank.ask(bookings=None).json()
    # The trip was open for 60 days from 1 September: until 31 October.
    assert [(event["event"], event["evidence"]) for event in body["events"]] == [("child_birth", ["b1"])]
    earlier = bank.ask(bookings=None, as_of="2026-10-31").json()
    assert [event["event"] for event in earlier["events"]] == ["child_birth", "travel_booked"]
    assert bank.ask(bookings=None, as_of="2026-10-01").status_code == 404


def test_the_last_run_counts_also_when_it_found_nothing(bank: Any) -> None:
    bank.record("consented")
    bank.detector.find("child_birth", onset=OCTOBER)
    store_run(bank, date(2026, 10, 2))
    bank.detector.rows.clear()
    assert store_run(bank, date(2026, 10, 3)) == 0
    response = bank.ask(bookings=None)
    assert (response.status_code, response.json()["events"]) == (200, [])
    earlier = bank.ask(bookings=None, as_of="2026-10-02").json()
    assert [event["event"] for event in earlier["events"]] == ["child_birth"]


def test_answer_and_trail_name_the_release_of_the_nightly_run(bank: Any) -> None:
    bank.record("consented")
    bank.detector.find("child_birth", onset=OCTOBER)
    store_run(bank, OCTOBER)
    assert bank.ask(bookings=None).json()["release"]["model_version"] == "nightly-1"
    assert bank.ask().json()["release"]["model_version"] == "fake-1"
    assert [row["release"] for row in trail_bodies(bank, "events_answered")] == ["n" * 64, "r" * 64]


def test_stored_event_of_another_taxonomy_says_nothing(bank: Any) -> None:
    bank.record("consented")
    bank.detector.find("child_birth", onset=OCTOBER)
    bank.detector.rows.append({**bank.detector.rows[0], "event": "of_an_older_list"})
    store_run(bank, OCTOBER)
    assert [event["event"] for event in bank.ask(bookings=None).json()["events"]] == ["child_birth"]


def test_batch_answers_or_refuses_each_customer_in_order(bank: Any) -> None:
    for customer in ("c-1", "c-3"):
        bank.record("consented", customer_id=customer)
    write_customers(bank.store, [CustomerFacts("c-1"), CustomerFacts("c-3")])
    response = bank.client.post(
        "/v1/events:batch", json={"customer_ids": ["c-3", "c-2", "c-1", "c-4"], "purpose": "own_product_offers"}
    )
    results = response.json()["results"]
    assert [result["customer_id"] for result in results] == ["c-3", "c-2", "c-1", "c-4"]
    assert [result.get("problem", {}).get("status", 200) for result in results] == [200, 403, 200, 403]
    assert [result["answer"]["customer_id"] for result in results if "answer" in result] == ["c-3", "c-1"]
    assert len({result["answer"]["trail"]["seq"] for result in results if "answer" in result}) == 2


def test_a_batch_of_too_many_or_repeated_customers_is_refused(bank: Any) -> None:
    for ids in ([f"c-{at}" for at in range(1001)], ["c-1", "c-1"], []):
        response = bank.client.post("/v1/events:batch", json={"customer_ids": ids, "purpose": "own_product_offers"})
        assert response.status_code == 422


def test_store_without_its_ledger_answers_503(bank: Any, tamper: Any) -> None:
    bank.record("consented")
    assert bank.ask().status_code == 200
    tamper("ALTER TABLE permission_events RENAME TO gone")
    response = bank.ask()
    assert (response.status_code, response.json()["type"]) == (503, "urn:levensloop:problem:store-unavailable")


def test_an_answer_that_cannot_be_recorded_does_not_leave(bank: Any, tamper: Any) -> None:
    bank.record("consented")
    bank.detector.find("child_birth", onset=OCTOBER)
    tamper("ALTER TABLE trail RENAME TO gone")
    assert bank.ask().status_code == 503
    # A refusal that cannot be recorded is not given either.
    assert bank.ask(customer_id="c-9").status_code == 503
