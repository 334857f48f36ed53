"""The addresses of giving, complaints and questions: who may ask, what comes back, and what must not."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa

from models.store import customers, idempotency, peak_findings
from serving.clients import add_client
from serving.contact import calendar_addresses, complaint_addresses, question_addresses
from serving.contact.letters.sending import LetterDesk

KEYS = count(1)
ORGANISATION = {
    "organisation_id": "o-1", "legal_form": "stichting", "kvk_number": "01234567", "traditions": ["islam"],
}  # fmt: skip


def post(client: Any, address: str, **body: Any) -> Any:
    return client.post(f"/v1/{address}", json=body, headers={"Idempotency-Key": f"key-{next(KEYS)}"})


@pytest.fixture
def client(bank: Any, connect: Callable[..., Any]) -> Iterator[Any]:
    """A client of a demo bank, where letters that nobody read may be sent."""
    desk = replace(bank.desk, letters=LetterDesk(reviews=(), demo=True, phone="0800 0123"))
    with connect(desk, bank.seen) as opened:
        yield opened


def account(*gifts: tuple[str, int]) -> list[dict[str, Any]]:
    """A year of 100 euros every Friday, and gifts."""
    fridays = [(date(2025, 11, 7) + timedelta(weeks=at)).isoformat() for at in range(52)]
    rows = [(day, 100) for day in fridays] + list(gifts)
    return [
        {
            "booking_id": f"b{at}", "booking_date": day, "amount": f"{euros}.00", "credit_debit_indicator": "CRDT",
            "counterparty_name": "Gevers",
        }
        for at, (day, euros) in enumerate(rows)
    ]  # fmt: skip


def test_calendar_of_a_period_comes_with_sources(client: Any) -> None:
    asked = {"from": "2026-03-01", "until": "2026-03-31", "tradition": "islam"}
    told = client.get("/v1/giving-calendar", params=asked).json()
    assert [(one["feast"], one["day"]) for one in told["feasts"]] == [
        ("laylat_al_qadr", "2026-03-16"),
        ("eid_al_fitr", "2026-03-20"),
    ]
    habit = next(one for one in told["habits"] if one["habit"] == "zakat_al_fitr")
    assert (habit["feast_day"], habit["reviewer"], habit["reviewed_on"]) == ("2026-03-20", "desk", "2026-11-22")
    assert habit["source"]


@pytest.mark.parametrize(
    "asked",
    [
        {"from": "2026-03-01"},
        {"from": "2026-03-01", "until": "soon"},
        {"from": "2026-03-31", "until": "2026-03-01"},
        {"from": "2026-03-01", "until": "2026-03-31", "tradition": "none"},
    ],
)
def test_calendar_of_no_period_is_a_problem(client: Any, asked: dict[str, str]) -> None:
    response = client.get("/v1/giving-calendar", params=asked)
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")


def test_peak_of_a_mosque_is_explained_in_words(client: Any) -> None:
    asked = {"organisation": ORGANISATION, "bookings": account(("2026-03-18", 700), ("2026-08-04", 900))}
    explained, unexplained = post(client, "giving-calendar:explain", **asked).json()["peaks"]
    assert explained["needs_no_question"]
    assert explained["sentence"]["nl"].startswith("Deze piek past bij")
    assert "Eid al-Fitr (Suikerfeest) (20 maart 2026)" in explained["sentence"]["nl"]
    assert "Zakat al-fitr" in explained["sentence"]["nl"]
    assert explained["sentence"]["en"].endswith("No question is needed.")
    assert (explained["total_cents"], explained["ordinary_cents"]) == (80_000, 10_000)
    assert (unexplained["verdict"], unexplained["habits"]) == ("no_feast", [])
    assert unexplained["sentence"]["en"].startswith("No feast or campaign that we know explains")


def test_explained_peak_keeps_the_organisation_from_being_asked(client: Any) -> None:
    def may_ask() -> dict[str, Any]:
        text = "Why did your foundation receive so many donations?"
        told: dict[str, Any] = post(client, "questions:may-ask", customer_id="o-1", text=text, language="en").json()
        return told

    assert may_ask()["because"] == "calendar_first"
    for _ in range(2):  # asked twice, kept once
        post(client, "giving-calendar:explain", organisation=ORGANISATION, bookings=account(("2026-03-18", 700)))
    assert (may_ask()["may_ask"], may_ask()["because"]) == (False, "explained")


@pytest.mark.parametrize("form", ["eenmanszaak", "vof", "maatschap", "person", "Stichting"])
def test_persons_are_never_explained(client: Any, form: str) -> None:
    asked = {"organisation": {**ORGANISATION, "legal_form": form}, "bookings": account()}
    response = post(client, "giving-calendar:explain", **asked)
    assert (response.status_code, response.json()["type"]) == (403, "urn:levensloop:problem:not-an-organisation")


def test_private_customer_is_never_explained_under_any_form(bank: Any, client: Any) -> None:
    facts = {"is_adult": True, "language": "nl", "products_held": "", "open_complaint": False, "in_arrears": False}
    with bank.store.write() as connection:
        connection.execute(customers.insert().values(customer_id="o-1", **facts))
    asked = {"organisation": ORGANISATION, "bookings": account(("2026-03-18", 700))}
    assert post(client, "giving-calendar:explain", **asked).status_code == 403
    bank.record("shown", customer_id="o-2")  # a permission is a person's too
    asked = {**asked, "organisation": {**ORGANISATION, "organisation_id": "o-2"}}
    assert post(client, "giving-calendar:explain", **asked).status_code == 403
    with bank.store.read() as connection:
        assert connection.execute(sa.select(peak_findings)).all() == []


def test_account_that_receives_a_salary_is_a_persons(client: Any) -> None:
    salary = {**account()[0], "booking_id": "s", "amount": "2100.00", "purpose_code": "SALA"}
    asked = {"organisation": ORGANISATION, "bookings": [*account(), salary]}
    assert post(client, "giving-calendar:explain", **asked).status_code == 403


def test_complaint_is_promised_a_call_and_told_once(bank: Any, client: Any) -> None:
    # Noon on Sunday 22 November 2026.
    headers = {"Idempotency-Key": "complaint-1"}
    body = {"customer_id": "c-1", "subject": "asked_again", "remark": "Al drie keer verteld", "language": "nl"}
    first = client.post("/v1/complaints", json=body, headers=headers)
    again = client.post("/v1/complaints", json=body, headers=headers)
    assert (first.status_code, first.json()) == (201, again.json())
    assert first.json()["call_back_by"] == "2026-11-23T10:00:00Z"  # Monday 11:00 in Amsterdam
    assert first.json()["promise"] == "maandag 23 november vóór 11.00 uur"
    assert "maandag 23 november vóór 11.00 uur" in first.json()["letter"]["text"]
    assert post(client, "complaints:queue").json()["open"] == 1


def test_colleague_goes_from_the_queue_to_the_answer(bank: Any, client: Any) -> None:
    number = post(client, "complaints", customer_id="c-1", remark="woorden").json()["complaint_id"]
    entry = post(client, "complaints:queue").json()["complaints"][0]
    assert entry["complaint"]["remark"] == "woorden"
    assert [contact["kind"] for contact in entry["last_contacts"]] == ["letter", "complaint"]
    assert entry["last_contacts"][0]["sentence"].startswith("Beste klant,")
    tried = post(client, "complaints:attempt", complaint_id=number, colleague="anna", result="reached")
    assert (tried.status_code, tried.json()["called_back_at"]) == (201, "2026-11-22T11:00:00Z")
    given = {"complaint_id": number, "colleague": "anna", "outcome": "upheld", "handling": "Wij stoppen de vraag."}
    closed = post(client, "complaints:close", **given).json()
    assert "Wij stoppen de vraag." in closed["letter"]["text"]
    assert (closed["complaint"]["remark"], closed["complaint"]["outcome"]) == ("", "upheld")
    logged = post(client, "complaints:log", first_day="2026-11-22", last_day="2026-11-22").json()["complaints"]
    assert [one["complaint_id"] for one in logged] == [number]
    with bank.store.read() as connection:  # what is kept for a repeated request outlives the case
        assert "woorden" not in "".join(connection.execute(sa.select(idempotency.c.answer)).scalars())


def test_letter_that_nobody_read_is_not_sent_outside_the_demo(bank: Any) -> None:
    told = post(bank.client, "complaints", customer_id="c-1").json()
    assert told["letter"] is None
    assert told["promise"]


def test_question_is_asked_once_over_http(client: Any) -> None:
    asked = {"customer_id": "c-1", "topic": "call_window", "action": "asked", "colleague": "anna"}
    first = post(client, "questions", **asked)
    assert (first.status_code, first.json()["wording"]) == (201, "Wanneer kunnen wij u het beste bellen?")
    second = post(client, "questions", **asked)
    assert (second.status_code, second.json()["because"]) == (409, "waiting")
    given = {"customer_id": "c-1", "topic": "call_window", "action": "answered", "reference": "crm-1"}
    assert post(client, "questions", **given).json()["valid_until"] == "2027-11-22"
    told = post(client, "questions:may-ask", customer_id="c-1", text="Op welk tijdstip mogen wij bellen?").json()
    assert (told["may_ask"], told["topic"], told["until"]) == (False, "call_window", "2027-11-22")


def test_question_of_the_past_is_recorded_and_one_of_the_future_not(client: Any) -> None:
    asked = {"customer_id": "c-1", "topic": "call_window", "action": "asked"}
    assert post(client, "questions", **asked).status_code == 201
    assert post(client, "questions", **asked, at="2026-11-21T10:00:00Z").status_code == 201
    assert post(client, "questions", **asked, at="2026-11-23T10:00:00Z").status_code == 422


def test_report_and_cases_come_back(client: Any) -> None:
    asked = {"customer_id": "c-secret", "topic": "call_window", "action": "asked"}
    for day in ("2026-11-01", "2026-11-02"):
        post(client, "questions", **asked, at=f"{day}T10:00:00Z")
    period = {"first_day": "2026-11-01", "last_day": "2026-11-22", "least_contacts": 2}
    report = post(client, "questions:report", **period).json()
    assert (report["questions"], report["redundant"], report["customers"][0]["customer_id"]) == (2, 1, "c-secret")
    cases = post(client, "questions:cases", **period)
    assert cases.json()["cases"][0]["avoidable"] == [{"kind": "redundant_question", "step": 1}]
    assert "c-secret" not in cases.text
    assert post(client, "questions:report", **{**period, "last_day": "2026-10-01"}).status_code == 422


# The roles that an address lets in; an address that is not here is one nobody thought about.
LET_IN = {
    "/complaints": {"customer_page", "contact_desk"},
    "/complaints:queue": {"contact_desk"},
    "/complaints:attempt": {"contact_desk"},
    "/complaints:close": {"contact_desk"},
    "/complaints:log": {"contact_desk"},
    "/questions": {"contact_desk"},
    "/questions:may-ask": {"contact_desk"},
    "/questions:report": {"contact_desk"},
    "/questions:cases": {"contact_desk"},
    "/giving-calendar": {"contact_desk", "operations"},
    "/giving-calendar:explain": {"contact_desk", "operations"},
}


def test_every_address_names_its_roles() -> None:
    ours = (*calendar_addresses.ADDRESSES, *complaint_addresses.ADDRESSES, *question_addresses.ADDRESSES)
    assert {address.path: set(address.roles) for address in ours} == LET_IN


def test_engine_that_sells_is_let_in_nowhere(bank: Any, connect: Callable[..., Any]) -> None:
    may = {"roles": ["offer_engine"], "purposes": ["service_contact"], "registry": bank.registry}
    key = add_client(bank.store, "engine", at=bank.desk.clock(), **may)
    with connect(bank.desk, bank.seen, key=key) as engine:
        assert {post(engine, path.strip("/")).status_code for path in LET_IN if path != "/giving-calendar"} == {403}
        assert engine.get("/v1/giving-calendar").status_code == 403


def test_key_without_service_contact_asks_no_question(bank: Any, connect: Callable[..., Any]) -> None:
    may = {"roles": ["contact_desk"], "purposes": ["overdraft_signal"], "registry": bank.registry}
    key = add_client(bank.store, "signal", at=bank.desk.clock(), **may)
    with connect(bank.desk, bank.seen, key=key) as signal:
        assert post(signal, "questions:may-ask", customer_id="c-1", topic="call_window").status_code == 403
        asked = {"customer_id": "c-1", "topic": "call_window", "action": "asked"}
        assert post(signal, "questions", **asked).status_code == 403
