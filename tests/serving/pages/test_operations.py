"""The offer engine's view: the same gate as for every engine, and a reason for everything that is held back."""

from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from models.store import trail
from serving.contact.complaints import ComplaintDesk
from serving.contact.promise import default_complaint_rule

TODAY = date(2026, 11, 22)


@pytest.fixture
def engine(bank: Any, sign_in: Any) -> Any:
    return sign_in("operations", "Emma")


def store_birth(bank: Any, *, event: str = "child_birth", days: int = 33) -> None:
    """The nightly run of yesterday found this for c-1."""
    import pandas as pd

    from serving.records import write_run

    onset = pd.Timestamp(TODAY - timedelta(days=days))
    row = {
        "customer_id": "c-1", "event": event, "onset_date": onset, "detected_on": onset, "probability": 0.91,
        "status": "open", "offer_class": "S", "evidence": "b1",
    }  # fmt: skip
    with bank.store.write() as connection:
        write_run(
            connection, pd.DataFrame([row]), customers=["c-1"], as_of=TODAY - timedelta(days=1), release_id="n" * 64,
            model_version="n-1",
        )  # fmt: skip


def ask(engine: Any, customer: str = "c-1", purpose: str = "own_product_offers") -> str:
    text: str = engine.press("/operations?lang=en", "/operations", other=customer, purpose=purpose).text
    return text


def kinds(bank: Any) -> list[str]:
    with bank.store.read() as connection:
        return list(connection.execute(sa.select(trail.c.kind).order_by(trail.c.seq)).scalars())


def test_what_is_found_is_shown_with_every_offer_and_reason(bank: Any, engine: Any) -> None:
    bank.record("consented")
    store_birth(bank)
    page = ask(engine)
    assert "One event" in page
    assert "Probability 0.91, bookings it rests on: 1." in page
    held = bank.desk.gate.releases.current().taxonomy.event("child_birth").products
    assert page.count(">offer</span>") + page.count(">held back</span>") == len(held)
    assert "only one offer per event" in page  # the second product of a birth says why not
    assert kinds(bank)[-1] == "events_answered"


def test_without_permission_nothing_is_told_and_the_refusal_stands_in_the_trail(bank: Any, engine: Any) -> None:
    store_birth(bank)
    page = ask(engine)
    assert "This customer has not chosen yet." in page
    assert "child" not in page[page.index('id="answer"') :].replace("child_birth", "")
    assert kinds(bank)[-1] == "events_refused"


def test_a_no_counts_in_the_next_question(bank: Any, engine: Any) -> None:
    bank.record("consented")
    store_birth(bank)
    assert "One event" in ask(engine)
    bank.record("withdrawn")
    assert "This customer took the permission back." in ask(engine)


def test_an_open_complaint_holds_every_offer_back_and_says_so(bank: Any, engine: Any) -> None:
    bank.record("consented")
    store_birth(bank)
    with bank.store.write() as connection:
        ComplaintDesk(default_complaint_rule(), bank.desk.letters).open(
            connection, "c-1", subject="tone", remark="", channel="page", language="nl", client="t",
            at=bank.desk.clock(),
        )  # fmt: skip
    page = ask(engine)
    assert ">offer</span>" not in page
    products = bank.desk.gate.releases.current().taxonomy.event("child_birth").products
    assert page.count("There is an open complaint.") == len(products)


@pytest.mark.parametrize("purpose", ["model_training", "fairness_audit", "nothing", ""])
def test_only_purposes_of_an_offer_engine_can_be_asked(bank: Any, engine: Any, purpose: str) -> None:
    bank.record("consented")
    answer = engine.press("/operations", "/operations", other="c-1", purpose=purpose)
    assert answer.status_code == 422
    assert "events_answered" not in kinds(bank)


def test_somebody_unknown_is_said_and_a_strange_id_is_not_repeated(bank: Any, engine: Any) -> None:
    bank.record("consented", customer_id="c-2")
    assert "This customer is not known here." in ask(engine, "c-2")
    strange = engine.press("/operations", "/operations", other="<script>\x07", purpose="own_product_offers")
    assert strange.status_code == 422
    assert "script>" not in strange.text


@pytest.mark.parametrize("role", ["customer", "colleague", "board"])
def test_nobody_else_asks_here(sign_in: Any, role: str) -> None:
    person = sign_in(role, "c-1" if role == "customer" else "Anna")
    assert person.look("/operations").status_code == 403
    assert person.send("/operations", {"other": "c-1"}).status_code == 403
