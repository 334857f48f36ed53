"""What helps the customer alone: "this is not right" holds at once, and an overdraft is told without a sale."""

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from models.home import Home
from models.store import corrections
from serving.records import write_run
from serving.rights import CORRECTION_COLUMNS, write_corrections

NOW = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
OCTOBER = date(2026, 10, 1)


def correct(bank: Any, **changes: Any) -> Any:
    body = {"customer_id": "c-1", "event": "child_birth", "onset_date": "2026-10-01", "correction": "not_right"}
    correct.number += 1  # type: ignore[attr-defined]
    headers = {"Idempotency-Key": f"k-{correct.number}"}  # type: ignore[attr-defined]
    return bank.client.post("/v1/corrections", json={**body, **changes}, headers=headers)


correct.number = 0  # type: ignore[attr-defined]


def told(bank: Any, **changes: Any) -> list[str]:
    return [event["event"] for event in bank.ask(**changes).json()["events"]]


def store_run(bank: Any, as_of: date) -> None:
    frame = bank.detector(None, as_of=as_of, release=None)
    with bank.store.write() as connection:
        write_run(connection, frame, customers=["c-1"], as_of=as_of, release_id="n" * 64, model_version="nightly-1")


@pytest.mark.parametrize("correction", ["not_right", "not_mine"])
def test_corrected_event_is_never_told_again_and_the_next_one_gets_the_offer(bank: Any, correction: str) -> None:
    bank.record("consented")
    bank.detector.find("child_birth", onset=OCTOBER, detected_on=pd.Timestamp(2026, 11, 20))
    bank.detector.find("rental_move", onset=OCTOBER)
    assert told(bank) == ["child_birth", "rental_move"]
    response = correct(bank, correction=correction)
    assert response.status_code == 201
    # Row 1 of the trail is the answer, row 2 the recall of its offer, row 3 the correction.
    assert (response.json()["recalled"], response.json()["trail"]["seq"]) == (1, 3)
    body = bank.ask().json()
    assert [event["event"] for event in body["events"]] == ["rental_move"]
    assert [offer["product"] for offer in body["events"][0]["offers"]] == ["contents_insurance"]
    assert {one["event"] for one in body["held_back"]} <= {"rental_move"}
    store_run(bank, date(2026, 11, 21))
    assert told(bank, bookings=None) == ["rental_move"]


@pytest.mark.parametrize(("days", "hidden"), [(92, True), (93, False), (-92, True), (-93, False)])
def test_event_that_a_later_release_dates_otherwise_stays_away_and_another_one_comes(
    bank: Any, days: int, hidden: bool
) -> None:
    bank.record("consented")
    correct(bank, onset_date="2026-07-01")
    bank.detector.find("child_birth", onset=date(2026, 7, 1) + timedelta(days=days))
    assert (told(bank) == []) is hidden


def test_correction_is_of_one_customer_and_one_kind_of_event(bank: Any) -> None:
    bank.record("consented")
    bank.detector.find("child_birth", onset=OCTOBER)
    correct(bank, customer_id="c-2")
    correct(bank, event="rental_move")
    assert told(bank) == ["child_birth"]


def test_correction_while_an_answer_is_made_is_in_it(bank: Any) -> None:
    bank.record("consented")
    bank.detector.find("child_birth", onset=OCTOBER)
    bank.detector.find("rental_move", onset=OCTOBER)
    bank.detector.before_answer = lambda: correct(bank)
    body = bank.ask().json()
    assert [event["event"] for event in body["events"]] == ["rental_move"]
    assert {one["event"] for one in body["held_back"]} == {"rental_move"}


def test_corrected_care_event_is_not_told_and_still_protects(bank: Any) -> None:
    bank.record("consented")
    bank.record("consented", purpose="service_contact")
    bank.detector.find("bereavement", onset=OCTOBER)
    bank.detector.find("rental_move", onset=OCTOBER)
    correct(bank, event="bereavement")
    assert told(bank, purpose="service_contact") == []
    assert {one["reason"] for one in bank.ask().json()["held_back"]} == {"care_event"}


@pytest.mark.parametrize(
    "change",
    [{"event": "pregnancy"}, {"correction": "never"}, {"onset_date": "yesterday"}],
    ids=lambda c: next(iter(c)),
)
def test_correction_of_nothing_is_refused(bank: Any, change: dict[str, str]) -> None:
    assert correct(bank, **change).status_code == 422
    with bank.store.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(corrections)).scalar() == 0


def test_corrections_become_rows_for_review(bank: Any, tmp_path: Path) -> None:
    bank.record("consented")
    bank.detector.find("child_birth", onset=OCTOBER, evidence="b1 b2")
    store_run(bank, date(2026, 11, 20))
    assert correct(bank).json()["bookings"] == 2
    assert correct(bank, event="rental_move", correction="not_mine", evidence=["NL 2026 1"]).json()["bookings"] == 1
    correct(bank, event="car_purchase")  # rests on nothing we keep
    out = tmp_path / "corrections.csv"
    assert write_corrections(out, home=Home(tmp_path)) == 3
    assert out.stat().st_mode & 0o777 == 0o600
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == CORRECTION_COLUMNS
    assert [(row["booking_id"], row["event"], row["correction"]) for row in rows] == [
        ("b1", "child_birth", "not_right"),
        ("b2", "child_birth", "not_right"),
        ("NL 2026 1", "rental_move", "not_mine"),
    ]


# ---- the overdraft signal -------------------------------------------------------------------------------------------


def signal(bank: Any, booking: Any, **changes: Any) -> Any:
    body = {"customer_id": "c-1", "bookings": [booking()], **changes}
    return bank.client.post("/v1/overdraft-signals", json=body)


def show_notice(bank: Any) -> None:
    bank.record("shown", purpose="overdraft_signal", at=NOW - timedelta(days=31))


def test_overdraft_is_told_without_permission_for_offers_and_without_a_product(bank: Any, booking: Any) -> None:
    show_notice(bank)
    bank.detector.find("overdraft", onset=date(2026, 10, 3))
    bank.detector.find("overdraft", onset=date(2026, 11, 5))
    bank.detector.find("child_birth", onset=OCTOBER)
    bank.record("objected")  # to offers
    response = signal(bank, booking)
    body = response.json()
    assert (response.status_code, body["overdrawn"], body["since"]) == (200, True, "2026-11-05")
    assert body["message"]["nl"] == (
        "Uw rekening staat rood, of u betaalde rente omdat u rood stond. Wij zagen dit voor het eerst op 5 november "
        "2026. Kunt u geld bijboeken? Lukt dat niet? Bel ons, we denken mee."
    )
    assert "5 November 2026" in body["message"]["en"]
    assert set(body) == {
        "customer_id", "as_of", "overdrawn", "since", "detected_on", "evidence", "message", "send_window",
        "permission", "trail",
    }  # fmt: skip
    names = [
        text for product in bank.desk.gate.releases.current().taxonomy.products for text in (product.nl, product.en)
    ]
    assert not [name for name in names if name.lower() in response.text.lower()]


def test_no_overdraft_no_message(bank: Any, booking: Any) -> None:
    show_notice(bank)
    bank.detector.find("child_birth", onset=OCTOBER)
    body = signal(bank, booking).json()
    assert (body["overdrawn"], body["message"], body["evidence"]) == (False, None, [])


def test_a_customer_mutes_the_signal_alone_and_can_hear_it_again(bank: Any, booking: Any) -> None:
    show_notice(bank)
    bank.record("consented")
    bank.detector.find("overdraft", onset=date(2026, 11, 5))
    bank.record("objected", purpose="overdraft_signal")
    response = signal(bank, booking)
    assert (response.status_code, response.json()["because"]) == (403, "objected")
    assert bank.ask().status_code == 200
    bank.record("shown", purpose="overdraft_signal")  # a new notice does not undo it
    assert signal(bank, booking).status_code == 403
    bank.record("objection_lifted", purpose="overdraft_signal")
    assert signal(bank, booking).json()["overdrawn"] is True


def test_signal_comes_from_the_nightly_run_too(bank: Any, booking: Any) -> None:
    show_notice(bank)
    assert signal(bank, booking, bookings=None).status_code == 404
    bank.detector.find("overdraft", onset=date(2026, 11, 5))
    store_run(bank, date(2026, 11, 21))
    assert signal(bank, booking, bookings=None).json()["evidence"] == ["b1"]
    assert bank.client.post("/v1/overdraft-signals", json={"customer_id": "c-1"}).status_code == 200
