"""Colleagues at their pages: the promise clock, what was sent before, questions, the giving calendar."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from models.errors import UsageError
from models.store import contact_attempts, letters, peak_findings, questions
from serving.contact.complaints import ComplaintDesk
from serving.contact.promise import default_complaint_rule
from serving.pages.contact_calendar import parse_totals


@pytest.fixture
def emma(sign_in: Any) -> Any:
    return sign_in("colleague", "Emma de Vries")


@pytest.fixture
def complain(bank: Any) -> Any:
    """A customer complains; gives the number."""

    def open_one(customer: str = "c-1", *, remark: str = "Ik kreeg weer dezelfde vraag.", before: int = 0) -> int:
        with bank.store.write() as connection:
            opened = ComplaintDesk(default_complaint_rule(), bank.desk.letters).open(
                connection, customer, subject="asked_again", remark=remark, channel="page", language="nl", client="t",
                at=bank.desk.clock() - timedelta(hours=before),
            )  # fmt: skip
        number: int = opened.complaint.id
        return number

    return open_one


def rows(bank: Any, table: sa.Table) -> list[Any]:
    with bank.store.read() as connection:
        return list(connection.execute(sa.select(table)).mappings())


def test_the_queue_shows_the_promise_and_who_is_late_first(complain: Any, emma: Any) -> None:
    # It is Sunday 22 November, 12.00. Of now: Monday before 11.00, so 23 hours. Of Thursday noon: the same day.
    first, late = complain("c-1"), complain("c-2", before=72)
    page = emma.look("/contact?lang=en").text
    assert page.index(f"Complaint {late}:") < page.index(f"Complaint {first}:")
    assert "We promised to call on Monday 23 November before 11:00." in page
    assert "23 hours and 0 minutes left" in page
    assert "67 hours and 0 minutes late" in page  # since Thursday 17.00
    assert "The same question again" in page


def test_a_colleague_sees_what_the_customer_said_and_the_exact_words_that_were_sent(
    bank: Any, complain: Any, emma: Any
) -> None:
    sent = "Wat is de waarde van uw inboedel?\nU kunt ons ook bellen."
    with bank.store.write() as connection:
        connection.execute(
            letters.insert(),
            {
                "customer_id": "c-1", "letter": "question", "version": "1", "language": "nl", "channel": "letter",
                "text": sent, "at": bank.desk.clock() - timedelta(days=2),
                **{c.name: "x" for c in letters.c if not c.nullable and c.name not in _FILLED},
            },
        )  # fmt: skip
        connection.execute(
            questions.insert(),
            {
                "customer_id": "c-2", "question": "phone_preference", "wording": "Van een ander", "channel": "phone",
                "asked_by": "Tim", "at": bank.desk.clock(),
            },
        )  # fmt: skip
    page = emma.look(f"/contact/complaint?number={complain()}").text
    assert "Ik kreeg weer dezelfde vraag." in page
    assert sent in page
    assert "Van een ander" not in page


_FILLED = {"id", "customer_id", "letter", "version", "language", "channel", "text", "at"}


def test_a_call_keeps_the_promise_and_closing_erases_the_words(bank: Any, complain: Any, emma: Any) -> None:
    number = complain()
    page, field = f"/contact/complaint?number={number}", str(number)
    early = emma.press(page, "/contact/close", complaint=field, outcome="upheld", handling="Het spijt ons.")
    assert early.status_code == 409
    assert "Bel de klant eerst" in early.text
    called = emma.press(page, "/contact/attempt", complaint=field, result="reached")
    assert "De belofte om te bellen is nagekomen." in called.text
    assert [row["colleague"] for row in rows(bank, contact_attempts)] == ["Emma de Vries"]
    assert "teruggebeld" in emma.look("/contact").text
    handling = "Het spijt ons. Wij vragen dit niet meer."
    closed = emma.press(page, "/contact/close", complaint=field, outcome="upheld", handling=handling).text
    assert "De woorden van de klant zijn gewist." in closed
    assert "Ik kreeg weer dezelfde vraag." not in closed
    assert "Het spijt ons. Wij vragen dit niet meer." in closed
    assert "Niemand wacht op een telefoontje." in emma.look("/contact").text


def test_a_call_that_is_sent_twice_is_recorded_once(bank: Any, complain: Any, emma: Any) -> None:
    number = complain()
    form = next(h for a, h in emma.forms(f"/contact/complaint?number={number}") if a == "/pages/contact/attempt")
    for _ in range(2):
        assert emma.send("/contact/attempt", {**form, "result": "not_reached"}).status_code == 303
    assert len(rows(bank, contact_attempts)) == 1


@pytest.mark.parametrize("number", ["0", "7", "-1", "99999999999999999999", "x"])
def test_a_complaint_that_is_not_there(emma: Any, number: str) -> None:
    assert emma.look("/contact/complaint", params={"number": number}).status_code in (404, 422)


def ask(person: Any, **fields: str) -> Any:
    return person.press("/contact/questions", "/contact/questions", customer="c-1", **fields)


def test_a_question_is_asked_once_and_then_no_more(bank: Any, emma: Any) -> None:
    first = ask(emma, topic="phone_preference")
    assert "Ja." in first.text
    assert "Vraag het met deze woorden:" in first.text
    hidden = next(h for a, h in forms_of(first.text) if a == "/pages/contact/record" and h["action"] == "asked")
    assert emma.send("/contact/record", {**hidden, "channel": "phone"}).status_code == 303
    assert [(row["question"], row["asked_by"]) for row in rows(bank, questions)] == [
        ("phone_preference", "Emma de Vries")
    ]
    again = ask(emma, text="Op welk nummer kunnen wij u het beste bellen?", topic="")
    assert "Nee: een collega vroeg dit op 22 november 2026" in again.text
    assert "Onderwerp: Telefoonnummer." in again.text
    forced = emma.send("/contact/record", {**hidden, "once": "0" * 32, "channel": "phone"})
    assert forced.status_code == 409
    assert "c-1" not in str(again.url)


def forms_of(text: str) -> list[tuple[str, dict[str, str]]]:
    import re

    found = re.findall(r'<form (?:class="[^"]*" )?method="post" action="([^"]+)">(.*?)</form>', text, re.DOTALL)
    return [
        (action, dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', body)))
        for action, body in found
    ]


def test_an_answer_counts_for_every_colleague(emma: Any, sign_in: Any) -> None:
    shown = ask(emma, topic="contents_value").text
    hidden = next(h for a, h in forms_of(shown) if a == "/pages/contact/record" and h["action"] == "answered")
    assert emma.send("/contact/record", {**hidden, "source": "customer"}).status_code == 303
    assert "<strong>Nee" in ask(sign_in("colleague", "Tim"), topic="contents_value").text


def test_never_a_question_about_faith_or_health(emma: Any) -> None:
    told = ask(emma, text="Welk geloof heeft u?", topic="").text
    assert "<strong>Nee" in told
    assert "/pages/contact/record" not in told


@pytest.mark.parametrize("fields", [{"topic": "", "text": ""}, {"topic": "phone_preference", "text": "en dit?"}])
def test_a_topic_or_own_words(emma: Any, fields: dict[str, str]) -> None:
    assert ask(emma, **fields).status_code == 422


def test_what_was_asked_too_often_is_reported_and_cases_name_nobody(bank: Any, emma: Any) -> None:
    with bank.store.write() as connection:
        for days in (20, 12, 4):
            connection.execute(
                questions.insert(),
                {
                    "customer_id": "klant-vaak", "question": "phone_preference", "wording": "w", "channel": "phone",
                    "asked_by": "Tim", "at": bank.desk.clock() - timedelta(days=days),
                },
            )  # fmt: skip
    report = emma.look("/contact/report?lang=en&least=2").text
    assert "klant-vaak" in report
    assert "Phone number: 3 times, 2 needless" in report
    cases = emma.look("/contact/cases?least=2").text
    assert "Case 1: 3 contacts in 16 days" in cases
    assert cases.count("asked again</span>") == 2
    assert "klant-vaak" not in cases
    assert emma.look("/contact/report?first=2026-11-02&last=2026-11-01").status_code == 422


def test_feasts_of_a_period(emma: Any) -> None:
    page = emma.look("/contact/calendar?first=2026-03-01&last=2026-04-30&tradition=islam&lang=en").text
    assert "20 March 2026" in page  # Eid al-Fitr 1447
    assert "Good Friday" not in page
    assert emma.look("/contact/calendar?first=2026-03-01&last=2000-01-01").status_code == 422


def totals(*, peak: date) -> str:
    """A year of 100 euros a day, and 1,000 more on each of the three days before a peak."""
    days = (date(2025, 6, 2) + timedelta(days=n) for n in range(364))
    lines = [f"{d.isoformat()};{1100 if 0 <= (peak - d).days < 3 else 100},00" for d in days]
    return "dag;in\n" + "\n".join(lines)


@pytest.mark.parametrize(
    ("peak", "verdict"),
    [(date(2026, 3, 19), "explained, no question needed"), (date(2026, 2, 3), "no feast explains this")],
)
def test_a_peak_at_eid_is_explained_and_another_one_is_not(bank: Any, emma: Any, peak: date, verdict: str) -> None:
    said = emma.press(
        "/contact/calendar?lang=en", "/contact/calendar", organisation="org-1", legal_form="stichting",
        kvk="12345678", tradition_islam="1", totals=totals(peak=peak),
    )  # fmt: skip
    shown = said.text[said.text.index('id="peaks"') : said.text.index('id="feasts"')]
    assert shown.count("<article") == 1
    assert f">{verdict}</span>" in shown
    assert len(rows(bank, peak_findings)) == 1


def test_a_private_customer_is_no_organisation(bank: Any, emma: Any) -> None:
    bank.record("consented")
    given = {"legal_form": "stichting", "kvk": "12345678", "tradition_islam": "1", "totals": "2026-01-01;5"}
    refused = emma.press("/contact/calendar", "/contact/calendar", organisation="c-1", **given)
    assert refused.status_code == 403
    assert "Dit is geen organisatie" in refused.text


def test_totals_are_read_as_people_write_them() -> None:
    frame = parse_totals("Datum;In;Uit\n2026-03-20; 1.250,50 ;10\n21-03-2026;€ 3,00;\n\n22-03-2026;0;7.5\n")
    read = [
        (row.booking_date, row.credit_debit_indicator, Decimal(str(row.amount)))
        for row in frame.sort_values(["booking_date", "credit_debit_indicator"]).itertuples()
    ]
    assert [(d.date() if isinstance(d, datetime) else d, s, a) for d, s, a in read] == [
        (date(2026, 3, 20), "CRDT", Decimal("1250.50")), (date(2026, 3, 20), "DBIT", Decimal(10)),
        (date(2026, 3, 21), "CRDT", Decimal(3)), (date(2026, 3, 22), "DBIT", Decimal("7.5")),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "dag;in", "2026-01-01;5\nfout;5", "2026-01-01;5\n2026-01-02;-5", "x\n2026-01-02"])
def test_totals_that_cannot_be_read(text: str) -> None:
    with pytest.raises(UsageError):
        parse_totals(text)


@pytest.mark.parametrize("role", ["customer", "board", "operations"])
def test_nobody_else_sees_contact(sign_in: Any, role: str) -> None:
    person = sign_in(role, "c-1" if role == "customer" else "Anna")
    for path in ("", "/complaint", "/questions", "/report", "/cases", "/calendar"):
        assert person.look(f"/contact{path}").status_code == 403
    for path in ("/attempt", "/close", "/questions", "/record", "/calendar"):
        assert person.send(f"/contact{path}", {"complaint": "1"}).status_code == 403
