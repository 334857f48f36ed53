"""The nightly run looks only at who allows it, and its result answers questions without bookings."""

from datetime import date
from typing import Any

from models.bookings import bookings_from_records
from serving.nightly import run_nightly


def test_only_permitted_customers_are_judged_and_answered_from_the_store(bank: Any, booking: Any) -> None:
    bank.record("consented")
    bank.record("consented", customer_id="c-2")
    bank.record("withdrawn", customer_id="c-2")
    bank.record("consented", customer_id="c-3", purpose="model_training")
    rows = [booking(customer_id=name) for name in ("c-1", "c-2", "c-3", "c-4")]
    bank.detector.find("child_birth", onset=date(2026, 10, 1))
    gate = bank.desk.gate
    summary = run_nightly(
        bookings_from_records(rows, source="test").frame,
        as_of=date(2026, 11, 21),
        store=bank.store,
        release=gate.releases.current(),
        registry=gate.registry,
        detect=bank.detector,
        clock=gate.clock,
    )
    assert (summary.customers, summary.judged, summary.detections) == (4, 1, 1)
    assert list(bank.detector.calls[0][0]["customer_id"]) == ["c-1"]
    body = bank.ask(bookings=None).json()
    assert [event["event"] for event in body["events"]] == ["child_birth"]
    assert len(bank.detector.calls) == 1


def test_second_run_of_a_day_replaces_the_first(bank: Any, booking: Any) -> None:
    bank.record("consented")
    gate = bank.desk.gate
    frame = bookings_from_records([booking(customer_id="c-1")], source="test").frame
    for event in ("child_birth", "rental_move"):
        bank.detector.rows.clear()
        bank.detector.find(event, onset=date(2026, 10, 1))
        run_nightly(
            frame, as_of=date(2026, 11, 21), store=bank.store, release=gate.releases.current(),
            registry=gate.registry, detect=bank.detector, clock=gate.clock,
        )  # fmt: skip
    assert [event["event"] for event in bank.ask(bookings=None).json()["events"]] == ["rental_move"]
