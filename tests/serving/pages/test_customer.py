"""The customer's page: what is seen, what is chosen, and that every choice counts in the very next answer."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from models.bookings import bookings_from_records
from models.store import complaints, corrections, detections, permission_events, trail
from models.trail import verify_trail
from serving.account.activity import count_activity
from serving.care import CustomerFacts
from serving.erasure import erase_customer
from serving.pages.bookings import open_bookings
from serving.records import write_customers, write_run

OCTOBER = date(2026, 10, 1)
BENEFIT = {
    "booking_id": "b1", "booking_date": "2026-10-01", "amount": "279.49", "credit_debit_indicator": "CRDT",
    "counterparty_name": "SVB", "remittance_information": "KINDERBIJSLAG 3E KWARTAAL", "customer_id": "c-1",
}  # fmt: skip
GRANDMOTHER = {
    **BENEFIT, "booking_id": "b2", "booking_date": "2026-10-02", "amount": "1025.00", "counterparty_name": "W. de Boer",
    "remittance_information": "voor Noor kinderbijslag", "bank_transaction_code": "SCT",
}  # fmt: skip


def store_run(bank: Any, *rows: dict[str, Any], customers: tuple[str, ...] = ("c-1", "c-2")) -> None:
    """A nightly run of 20 November with what the detector was told to find."""
    for row in rows:
        bank.detector.find(row.pop("event"), onset=row.pop("onset", OCTOBER), **row)
    frame = bank.detector(None, as_of=OCTOBER, release=None)
    with bank.store.write() as connection:
        write_run(
            connection, frame, customers=customers, as_of=date(2026, 11, 20), release_id="n" * 64, model_version="n-1"
        )


def no_words(bookings: pd.DataFrame, detections: pd.DataFrame, *, release: Any) -> pd.DataFrame:
    """As `explain_detections` answers, without a model: the words that carried it are always these.

    First names are words that many customers share, so a model can name one.
    """
    ids = bookings["booking_id"]
    return pd.DataFrame({"booking_id": ids, "words": ["kinderbijslag, noor"] * len(ids)})


@pytest.fixture
def child(bank: Any, sign_in: Callable[..., Any]) -> Any:
    """c-1, who allows offers, with a birth in October; c-2 has a trip and allows offers too."""
    for customer in ("c-1", "c-2"):
        bank.record("consented", customer_id=customer)
    store_run(
        bank, {"event": "child_birth", "evidence": "b1 b2"},
        {"event": "travel_booked", "customer_id": "c-2", "onset": date(2026, 11, 2)},
    )  # fmt: skip
    return sign_in()


def rows_of(bank: Any, table: sa.Table) -> list[dict[str, Any]]:
    with bank.store.read() as connection:
        return [dict(row) for row in connection.execute(sa.select(table)).mappings()]


# ---- what is seen ---------------------------------------------------------------------------------------------------


def test_event_is_shown_with_what_it_rests_on_and_what_uses_it(bank: Any, child: Any) -> None:
    page = child.look("/customer").text
    assert "Nieuw kind" in page
    assert "We zagen dat u kinderbijslag van de SVB krijgt. Het eerste teken was op 1 oktober 2026." in page
    assert "2 bij- of afschrijvingen. U ziet ze bij uw rekening." in page
    assert "Wij gebruiken dit voor: Aanbiedingen die bij u passen." in page
    assert "U kunt hierbij een aanbieding krijgen: Kinderrekening." in page
    assert "Reis geboekt" not in page
    english = child.look("/customer?lang=en").text
    assert "We saw that you receive child benefit from the SVB." in english
    assert "Children&#39;s account" in english


def test_bookings_are_shown_and_private_persons_masked(bank: Any, child: Any, sign_in: Callable[..., Any]) -> None:
    class Source:
        def find(self, customer_id: str, booking_ids: Any) -> pd.DataFrame:
            assert (customer_id, booking_ids) == ("c-1", {"b1", "b2"})
            return bookings_from_records([BENEFIT, GRANDMOTHER], source="test").frame

    pages = replace(bank.desk.pages, bookings=Source(), explain=no_words)
    page = sign_in(desk=replace(bank.desk, pages=pages)).look("/customer").text
    for told in (
        "SVB",
        "1 oktober 2026",
        "+ €\u00a0279,49",
        "+ €\u00a01.025,00",
        "(wij lazen: kinderbijslag)",
    ):
        assert told in page
    assert "Een persoon (naam verborgen)" in page
    for hidden in ("Boer", "BOER", "Noor", "noor", ">b1", ">b2"):
        assert hidden not in page


def test_offer_that_was_sent_is_told_and_one_that_was_not_is_not(bank: Any, child: Any) -> None:
    offer = {"customer_id": "c-1", "event": "child_birth", "onset_date": "2026-10-01", "product": "child_account"}
    bank.ask(bookings=None)
    assert bank.client.post("/v1/offers:sent", json=offer, headers={"Idempotency-Key": "1"}).status_code == 201
    assert "22 november 2026: Kinderrekening, verstuurd." in child.look("/customer").text
    said = {"customer_id": "c-1", "event": "child_birth", "product": "child_account", "answer": "not_now"}
    assert bank.client.post("/v1/offers:answered", json=said, headers={"Idempotency-Key": "2"}).status_code == 201
    assert "22 november 2026: Kinderrekening, u zei: nu niet." in child.look("/customer").text


def test_offer_that_was_only_on_the_page_is_none_that_an_engine_may_send(bank: Any, child: Any) -> None:
    child.look("/customer")
    offer = {"customer_id": "c-1", "event": "child_birth", "onset_date": "2026-10-01", "product": "child_account"}
    answer = bank.client.post("/v1/offers:sent", json=offer, headers={"Idempotency-Key": "1"})
    assert (answer.status_code, answer.json()["reason"]) == (409, "offer_not_made")
    with bank.store.read() as connection:
        assert count_activity(connection)["offers_made"] == {}
    for allow in ("no", "yes"):
        answer = child.press("/customer", "/customer/permission", purpose="own_product_offers", allow=allow)
    assert "U kunt hierbij een aanbieding krijgen: Kinderrekening." in answer.text
    assert "ingetrokken" not in answer.text


def test_booking_that_is_screened_today_is_not_shown(bank: Any, child: Any, sign_in: Callable[..., Any]) -> None:
    class Source:
        def find(self, customer_id: str, booking_ids: Any) -> pd.DataFrame:
            church = {**BENEFIT, "booking_id": "b2", "remittance_information": "gift kerk"}
            return bookings_from_records([BENEFIT, church], source="test").frame

    pages = replace(bank.desk.pages, bookings=Source(), explain=no_words)
    page = sign_in(desk=replace(bank.desk, pages=pages)).look("/customer").text
    assert page.count("279,49") == 1
    assert "En nog 1, die wij nu niet kunnen laten zien." in page


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_bookings_of_a_table_are_those_of_this_customer_alone(tmp_path: Any, suffix: str) -> None:
    frame = bookings_from_records([BENEFIT, {**GRANDMOTHER, "customer_id": "c-2"}], source="test").frame
    path = tmp_path / f"bookings.{suffix}"
    if suffix == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    source = open_bookings(path)
    found = source.find("c-1", ["b1", "b2", "b9"])
    assert [(row.booking_id, Decimal(row.amount)) for row in found.itertuples()] == [("b1", Decimal("279.49"))]
    assert source.find("c-1' OR 1", ["b1"]).empty
    path.unlink()
    assert source.find("c-1", ["b1"]).empty


def test_nothing_is_asked_of_the_gate_without_permission(bank: Any, sign_in: Callable[..., Any]) -> None:
    store_run(bank, {"event": "child_birth"})
    page = sign_in().look("/customer").text
    assert "Wij zien nu niets, of u staat ons niet toe om te kijken." in page
    assert "Nieuw kind" not in page
    kinds = [row["kind"] for row in rows_of(bank, trail)]
    assert kinds == ["page_signed_in"]


def test_page_that_tells_an_event_stands_in_the_trail(bank: Any, child: Any) -> None:
    child.look("/customer")
    row = rows_of(bank, trail)[-1]
    body = json.loads(row["body"])["body"]
    assert (row["kind"], body["client"], body["events"]) == ("events_answered", "(pages)", ["child_birth"])
    assert verify_trail(bank.store, None, None).ok


def test_care_event_is_told_gently_and_offers_nothing(bank: Any, sign_in: Callable[..., Any]) -> None:
    bank.record("consented", purpose="service_contact")
    bank.record("consented")
    store_run(bank, {"event": "bereavement"}, {"event": "child_birth"})
    page = sign_in().look("/customer").text
    assert "Hierbij verkopen wij niets." in page
    assert "Kinderrekening: niet, want er is iets gebeurd waarbij wij niets verkopen." in page
    assert "U kunt hierbij een aanbieding krijgen" not in page


def test_customer_of_whom_nothing_is_known_has_a_page(sign_in: Callable[..., Any]) -> None:
    page = sign_in("customer", "c-99").look("/customer")
    assert (page.status_code, "Wij zien nu niets" in page.text) == (200, True)


# ---- what is chosen -------------------------------------------------------------------------------------------------


def test_no_on_the_page_is_a_no_to_the_engine_in_the_next_request(bank: Any, child: Any) -> None:
    assert bank.ask(bookings=None).status_code == 200
    answer = child.press("/customer", "/customer/permission", purpose="own_product_offers", allow="no")
    assert "Gestopt. Vanaf nu doen wij dit niet meer." in answer.text
    assert "Nieuw kind" not in answer.text
    refused = bank.ask(bookings=None)
    assert (refused.status_code, refused.json()["because"]) == (403, "withdrawn")
    assert "Gestopt" in child.press("/customer", "/customer/permission", purpose="overdraft_signal", allow="no").text
    last = rows_of(bank, permission_events)[-1]
    assert (last["action"], last["channel"], last["actor"]) == ("objected", "page", "customer")


def test_yes_on_the_page_counts_and_is_bound_to_the_text_that_was_shown(bank: Any, sign_in: Callable[..., Any]) -> None:
    store_run(bank, {"event": "child_birth"})
    answer = sign_in().press("/customer", "/customer/permission", purpose="own_product_offers", allow="yes")
    assert "U staat dit nu toe. U kunt altijd stoppen." in answer.text
    assert "Nieuw kind" in answer.text
    assert bank.ask(bookings=None).status_code == 200
    (row,) = rows_of(bank, permission_events)
    notice = bank.registry.purpose("own_product_offers").notice_sha256
    assert (row["action"], row["notice_sha256"], row["language"]) == ("consented", notice, "nl")


def test_yes_to_a_text_that_is_no_longer_in_force_changes_nothing(bank: Any, sign_in: Callable[..., Any]) -> None:
    person = sign_in()
    for notice in ("", "0" * 64):
        fields = {**form_of(person, "own_product_offers"), "allow": "yes", "notice": notice}
        answer = person.send("/customer/permission", fields)
        assert (answer.status_code, "Onze tekst is veranderd" in answer.text) == (409, True)
    assert rows_of(bank, permission_events) == []


def form_of(person: Any, purpose: str) -> dict[str, str]:
    """The fields of the switch of a purpose."""
    found = [
        hidden for action, hidden in person.forms("/customer")
        if action == "/pages/customer/permission" and hidden["purpose"] == purpose and "notice" in hidden
    ]  # fmt: skip
    return dict(found[0])


@pytest.mark.parametrize(
    ("purpose", "before", "allow", "appended", "allowed"),
    [
        ("own_product_offers", [], "no", ["withdrawn"], False),
        ("own_product_offers", ["withdrawn"], "no", [], False),
        ("own_product_offers", ["consented"], "yes", [], True),
        ("own_product_offers", ["objected"], "yes", ["objection_lifted", "consented"], True),
        ("own_product_offers", ["consented", "objected"], "yes", ["objection_lifted", "consented"], True),
        ("own_product_offers", ["consented", "expired"], "yes", ["consented"], True),
        ("overdraft_signal", [], "yes", ["shown"], False),
        ("overdraft_signal", [], "no", ["objected"], False),
        ("overdraft_signal", ["shown"], "yes", [], False),
        ("overdraft_signal", ["shown", "objected"], "yes", ["objection_lifted"], False),
        ("overdraft_signal", ["shown", "withdrawn"], "yes", ["consented"], False),
        ("overdraft_signal", ["objected"], "no", [], False),
    ],
)
def test_choice_appends_what_it_needs_and_no_more(
    bank: Any, sign_in: Callable[..., Any], purpose: str, before: list[str], allow: str, appended: list[str],
    allowed: bool,
) -> None:  # fmt: skip
    for action in before:
        bank.record(action, purpose=purpose)
    person = sign_in()
    assert person.send("/customer/permission", {**form_of(person, purpose), "allow": allow}).status_code == 303
    assert [row["action"] for row in rows_of(bank, permission_events)] == before + appended
    page = person.look("/customer").text
    card = page.split(f'aria-labelledby="purpose-{purpose}"')[1].split("</h3>")[0]
    assert ("tag yes" in card) is allowed


def test_form_sent_twice_chooses_once(bank: Any, sign_in: Callable[..., Any]) -> None:
    person = sign_in()
    fields = {**form_of(person, "own_product_offers"), "allow": "yes"}
    assert [person.send("/customer/permission", fields).status_code for _ in range(3)] == [303] * 3
    assert len(rows_of(bank, permission_events)) == 1


def test_minor_can_allow_nothing(bank: Any, sign_in: Callable[..., Any]) -> None:
    write_customers(bank.store, [CustomerFacts("c-1", is_adult=False)])
    person = sign_in()
    answer = person.send("/customer/permission", {**form_of(person, "own_product_offers"), "allow": "yes"})
    assert answer.status_code == 403
    assert rows_of(bank, permission_events) == []


def test_history_and_receipt_show_every_choice(bank: Any, child: Any) -> None:
    child.press("/customer", "/customer/permission", purpose="own_product_offers", allow="no")
    page = child.look("/customer").text
    assert "22 november 2026, 12.00 uur: u zei nee, op deze pagina" in page
    assert "22 november 2026, 11.00 uur: u zei ja, op deze pagina" in page
    answer = child.look("/customer/receipt?purpose=own_product_offers")
    receipt = answer.json()
    assert "attachment" in answer.headers["content-disposition"]
    assert [event["event_type"] for event in receipt["event"]] == ["consented", "withdrawn"]
    assert receipt["record"]["pii_principal_id"] == "c-1"


# ---- what is said ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("correction", ["not_right", "not_mine"])
def test_event_called_wrong_is_gone_for_everybody(bank: Any, child: Any, correction: str) -> None:
    answer = child.press("/customer", "/customer/correction", event="child_birth", correction=correction)
    assert "Dank u. Wij laten dit niet meer zien" in answer.text
    assert "We zagen dat u kinderbijslag" not in answer.text
    assert "Wat u ons vertelde" in answer.text
    assert bank.ask(bookings=None).json()["events"] == []
    (row,) = rows_of(bank, corrections)
    assert (row["customer_id"], row["correction"], json.loads(row["evidence"])) == ("c-1", correction, ["b1", "b2"])


def complaint_form(person: Any) -> dict[str, str]:
    """The hidden fields of the complaint form."""
    (form,) = [hidden for action, hidden in person.forms("/customer") if action.endswith("/complaint")]
    return dict(form)


def test_complaint_promises_a_call_and_stops_offers_at_once(bank: Any, child: Any) -> None:
    said = {"subject": "tone", "remark": "U vroeg\r\ndit al."}
    form = complaint_form(child)
    answer = child.client.post("/pages/customer/complaint", data={**form, **said})
    # Sunday noon: Monday before eleven, which is 23 hours away.
    assert "Wij bellen u maandag 23 november vóór 11.00 uur." in answer.text
    assert "Dat is over 23 uur en 0 minuten." in answer.text
    assert "Kinderrekening: niet, want u heeft een open klacht." in answer.text
    told = bank.ask(bookings=None).json()
    assert [event["offers"] for event in told["events"]] == [[]]
    assert {held["reason"] for held in told["held_back"]} == {"open_complaint"}
    (row,) = rows_of(bank, complaints)
    assert (row["customer_id"], row["remark"], row["channel"]) == ("c-1", "U vroeg\ndit al.", "page")
    assert child.client.post("/pages/customer/complaint", data={**form, **said}).status_code == 200
    assert len(rows_of(bank, complaints)) == 1


def test_promise_that_was_broken_is_said(bank: Any, child: Any, sign_in: Callable[..., Any]) -> None:
    child.client.post("/pages/customer/complaint", data={**complaint_form(child), "subject": "tone"})
    later = replace(bank.desk, clock=lambda: bank.desk.gate.clock() + timedelta(hours=24))
    page = sign_in(desk=later)
    assert "Wij hadden u al moeten bellen. Dat spijt ons. Bel ons op 0800 0123" in page.look("/customer").text


def test_export_holds_all_of_this_customer_and_nothing_of_another(bank: Any, child: Any) -> None:
    answer = child.press("/customer", "/customer/export")
    assert "attachment" in answer.headers["content-disposition"]
    assert "script-src" not in answer.headers["content-security-policy"]
    assert answer.json()["customer_id"] == "c-1"
    assert "c-2" not in answer.text
    assert rows_of(bank, trail)[-1]["kind"] == "customer_exported"


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/customer/permission", {"purpose": "third_party_sharing", "allow": "yes"}, 404),
        ("/customer/permission", {"purpose": "own_product_offers", "allow": "maybe"}, 422),
        ("/customer/permission", {"purpose": "own_product_offers"}, 422),
        ("/customer/permission", {"purpose": "own_product_offers", "allow": "no", "once": ""}, 422),
        ("/customer/correction", {"event": "child_birth", "onset_date": "2026-10-02", "correction": "not_mine"}, 404),
        ("/customer/correction", {"event": "child_birth", "onset_date": "1 oktober", "correction": "not_mine"}, 422),
        ("/customer/correction", {"event": "child_birth", "onset_date": "2026-10-01", "correction": "yes"}, 422),
        ("/customer/complaint", {"subject": "weather", "remark": ""}, 422),
        ("/customer/complaint", {"subject": "tone", "remark": "x" * 2001}, 422),
        ("/customer/complaint", {"subject": "tone", "remark": "\x07"}, 422),
    ],
)
def test_form_that_our_page_does_not_have_changes_nothing(
    bank: Any, child: Any, path: str, fields: dict[str, str], status: int
) -> None:
    (token,) = {hidden["token"] for _, hidden in child.forms("/customer")}
    before = [rows_of(bank, table) for table in (permission_events, corrections, complaints)]
    answer = child.send(path, {"token": token, "once": "a" * 32, **fields})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert [rows_of(bank, table) for table in (permission_events, corrections, complaints)] == before


# ---- nobody else's --------------------------------------------------------------------------------------------------


def test_nothing_of_another_customer_can_be_seen_or_done(bank: Any, child: Any, sign_in: Callable[..., Any]) -> None:
    other = sign_in("customer", "c-2")
    (token,) = {hidden["token"] for _, hidden in other.forms("/customer")}
    before = rows_of(bank, detections)
    # Everything that c-1's page has, sent by c-2 with an id that c-2 should not have.
    for action, hidden in child.forms("/customer"):
        if action.endswith(("/correction", "/permission", "/complaint", "/export")):
            fields = {**hidden, "token": token, "customer_id": "c-1", "customer": "c-1", "subject": "tone"}
            answer = other.send(action.removeprefix("/pages"), {"allow": "no", **fields})
            assert "c-1" not in answer.text
            assert answer.status_code == (404 if action.endswith("/correction") else answer.status_code)
    for path in ("/customer", "/customer/statement", "/customer/receipt?purpose=own_product_offers"):
        for query in ("customer_id=c-1", "customer=c-1"):
            page = other.look(f"{path}{'&' if '?' in path else '?'}{query}")
            assert "c-1" not in page.text
            assert "Nieuw kind" not in page.text
    touched = {row["customer_id"] for table in (corrections, complaints) for row in rows_of(bank, table)}
    written = {row["customer_id"] for row in rows_of(bank, permission_events) if row["action"] != "consented"}
    assert (touched, written) == ({"c-2"}, {"c-2"})
    assert rows_of(bank, detections) == before
    assert "Nieuw kind" in child.look("/customer").text


def test_erased_customer_is_signed_out_and_leaves_nothing(bank: Any, child: Any) -> None:
    child.look("/customer")
    erased = erase_customer(
        bank.store, "c-1", who="Dana", why="asked by letter", registry=bank.registry, clock=bank.desk.clock
    )
    assert erased.is_whole
    assert child.look("/customer").status_code == 401


@pytest.mark.parametrize("role", ["board", "colleague", "operations"])
def test_other_roles_see_no_page_of_customers(sign_in: Callable[..., Any], role: str) -> None:
    person = sign_in(role, "c-1")
    for path in ("/customer", "/customer/statement", "/customer/receipt"):
        answer = person.look(path)
        assert (answer.status_code, "Deze pagina is niet voor u" in answer.text) == (403, True)


def test_id_of_a_customer_is_written_as_text(bank: Any, sign_in: Callable[..., Any]) -> None:
    bank.record("consented")
    with bank.store.write() as connection:
        connection.execute(
            corrections.insert(),
            {"customer_id": "c-1", "event": "<img src=x>", "correction": "<b>", "at": bank.desk.clock()},
        )
    page = sign_in().look("/customer").text
    assert "<img" not in page
    assert "&lt;img src=x&gt;: &lt;b&gt;" in page
