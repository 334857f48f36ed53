"""The question ledger: never twice, never what is known, never without the customer's permission."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from models.errors import UsageError
from models.store import complaints, corrections, letters, peak_findings, questions, trail
from models.taxonomy import default_taxonomy
from serving.contact.case_review import review_cases
from serving.contact.question_report import report_questions
from serving.contact.questions import MayAsk, QuestionDesk
from serving.contact.topics import default_topics
from serving.problems import ProblemError
from serving.records import StoredRecords, write_run

NOW = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
OCTOBER = datetime(2026, 10, 3, 9, 0, tzinfo=UTC)


class Clerk:
    """The question desk of a bank, each act in a transaction of its own."""

    def __init__(self, bank: Any) -> None:
        self.bank = bank
        self.desk = QuestionDesk(default_topics(), bank.registry, StoredRecords(), default_taxonomy())

    def may_ask(self, customer_id: str = "c-1", *, at: datetime = NOW, language: str = "nl", **asked: str) -> MayAsk:
        with self.bank.store.read() as connection:
            return self.desk.may_ask(connection, customer_id, language=language, at=at, **asked)

    def ask(
        self, topic: str, *, customer_id: str = "c-1", at: datetime = NOW, channel: str = "letter", **more: Any
    ) -> None:
        given = {"language": "nl", "asked_by": "anna", "client": "desk", **more}
        with self.bank.store.write() as connection:
            self.desk.record_question(connection, customer_id, topic=topic, channel=channel, at=at, **given)

    def answer(self, topic: str, *, customer_id: str = "c-1", at: datetime = NOW, source: str = "customer") -> None:
        given = {"source": source, "reference": "crm-1", "client": "desk"}
        with self.bank.store.write() as connection:
            self.desk.record_answer(connection, customer_id, topic=topic, at=at, **given)

    def found(self, event: str, *, status: str = "open", customer_id: str = "c-1") -> None:
        """What the nightly run of yesterday found."""
        row = {
            "customer_id": customer_id, "event": event, "onset_date": date(2026, 11, 1),
            "detected_on": date(2026, 11, 5), "probability": 0.9, "status": status,
            "offer_class": default_taxonomy().event(event).offer_class, "evidence": "b1",
        }  # fmt: skip
        made = {"customers": [customer_id], "as_of": date(2026, 11, 21), "release_id": "r", "model_version": "m"}
        with self.bank.store.write() as connection:
            write_run(connection, pd.DataFrame([row]), **made)


@pytest.fixture
def clerk(bank: Any) -> Clerk:
    return Clerk(bank)


def test_question_that_nobody_asked_comes_in_our_words(clerk: Clerk) -> None:
    told = clerk.may_ask(topic="income_proof")
    assert told.allowed
    assert told.wording == "Kunt u een bewijs van uw inkomen sturen?"
    assert (
        clerk.may_ask(text="Please upload your payslip.", language="en").wording == "Can you send proof of your income?"
    )


def test_answered_question_is_not_asked_again_by_topic_or_in_other_words(clerk: Clerk) -> None:
    clerk.ask("income_proof", at=OCTOBER)
    clerk.answer("income_proof", at=OCTOBER + timedelta(days=4))
    for asked in (
        {"topic": "income_proof"},
        {"text": "Heeft u een loonstrookje voor ons?"},
        {"text": "Payslip, please?"},
    ):
        told = clerk.may_ask(**asked)
        assert (told.allowed, told.because, told.topic, told.wording) == (False, "answered", "income_proof", "")
        assert told.sentence.nl == (
            "Nee: een collega vroeg dit op 3 oktober 2026. Het antwoord geldt tot en met 7 oktober 2027."
        )
        assert told.sentence.en.startswith("No: a colleague asked this on 3 October 2026.")


def test_answer_counts_to_the_end_of_its_last_day(clerk: Clerk) -> None:
    clerk.answer("income_proof", at=OCTOBER)
    last = datetime(2027, 10, 3, 21, 59, tzinfo=UTC)  # 23:59 in Amsterdam
    assert clerk.may_ask(topic="income_proof", at=last).because == "told"
    assert clerk.may_ask(topic="income_proof", at=last + timedelta(minutes=1)).allowed


def test_what_stands_in_a_contract_is_not_asked(clerk: Clerk) -> None:
    clerk.answer("contents_value", source="contract", at=OCTOBER)
    assert clerk.may_ask(topic="contents_value").because == "contract"


def test_question_without_an_answer_waits_and_then_may_come_again(clerk: Clerk) -> None:
    clerk.ask("income_proof", at=OCTOBER)  # waits 30 days
    told = clerk.may_ask(topic="income_proof", at=OCTOBER + timedelta(days=29))
    assert (told.because, told.until) == ("waiting", date(2026, 11, 2))
    assert clerk.may_ask(topic="income_proof", at=OCTOBER + timedelta(days=30)).allowed


def test_answer_of_another_customer_or_topic_says_nothing(clerk: Clerk) -> None:
    clerk.answer("income_proof", customer_id="c-2", at=OCTOBER)
    clerk.answer("call_window", at=OCTOBER)
    assert clerk.may_ask(topic="income_proof").allowed


def test_same_question_is_refused_the_second_time(clerk: Clerk) -> None:
    clerk.ask("cash_deposit")
    with pytest.raises(ProblemError) as refused:
        clerk.ask("cash_deposit", at=NOW + timedelta(days=1))
    problem = refused.value.problem
    assert (problem.status, problem.kind) == (409, "not-to-be-asked")
    assert problem.extra == {"because": "waiting", "topic": "cash_deposit"}
    with clerk.bank.store.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(questions)).scalar() == 1


def test_question_that_was_asked_past_the_ledger_is_recorded_all_the_same(clerk: Clerk) -> None:
    clerk.ask("cash_deposit", at=OCTOBER)
    clerk.ask("cash_deposit", at=OCTOBER + timedelta(days=2), happened=True)
    told = clerk.may_ask(topic="cash_deposit", at=OCTOBER + timedelta(days=31))
    assert (told.because, told.asked_on) == ("waiting", date(2026, 10, 5))


def test_event_answers_a_question_only_with_the_customers_permission(clerk: Clerk) -> None:
    clerk.found("job_change")
    assert clerk.may_ask(topic="income_change").allowed
    clerk.bank.record("consented", purpose="own_product_offers")
    assert clerk.may_ask(topic="income_change").allowed  # offers are another purpose
    clerk.bank.record("consented", purpose="service_contact")
    told = clerk.may_ask(text="Heeft u een nieuwe baan?")
    assert (told.allowed, told.because) == (False, "known")
    assert told.sentence.nl.endswith("We zagen dat u salaris krijgt van een andere werkgever.")
    clerk.bank.record("withdrawn", purpose="service_contact", at=NOW)
    assert clerk.may_ask(topic="income_change").allowed


@pytest.mark.parametrize(
    "undo",
    [
        lambda clerk: clerk.found("job_change", status="contradicted"),
        lambda clerk: clerk.found("child_comes_of_age"),
        lambda clerk: _correct(clerk, "job_change"),
    ],
    ids=["contradicted", "another event", "corrected by the customer"],
)
def test_event_that_does_not_hold_answers_nothing(clerk: Clerk, undo: Callable[[Clerk], None]) -> None:
    clerk.bank.record("consented", purpose="service_contact")
    clerk.found("job_change")
    assert not clerk.may_ask(topic="income_change").allowed
    undo(clerk)
    assert clerk.may_ask(topic="income_change").allowed


def _correct(clerk: Clerk, event: str) -> None:
    with clerk.bank.store.write() as connection:
        connection.execute(corrections.insert().values(customer_id="c-1", event=event, correction="wrong", at=NOW))


def test_refused_texts_name_the_reason(clerk: Clerk) -> None:
    assert clerk.may_ask(text="Bent u gelovig?").because == "never_asked"
    assert clerk.may_ask(text="Wat is uw hobby?").because == "no_topic"


@pytest.mark.parametrize(
    "asked",
    [{}, {"topic": "income_proof", "text": "x"}, {"topic": "religion"}, {"topic": "income_proof", "language": "de"}],
)
def test_question_that_cannot_be_judged_is_refused(clerk: Clerk, asked: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        clerk.may_ask(**asked)


def find_peak(clerk: Clerk, verdict: str, *, last: date = date(2026, 3, 29)) -> None:
    row = {"organisation_id": "o-1", "direction": "in", "first_day": last - timedelta(days=6), "last_day": last}
    with clerk.bank.store.write() as connection:
        connection.execute(peak_findings.insert().values(**row, verdict=verdict, habits="zakat_al_fitr", at=NOW))


def test_organisation_is_asked_only_about_a_peak_that_the_calendar_does_not_explain(clerk: Clerk) -> None:
    asked = {"customer_id": "o-1", "text": "Waarom ontving uw stichting zoveel giften?"}
    assert clerk.may_ask(**asked).because == "calendar_first"
    find_peak(clerk, "fits")
    assert clerk.may_ask(**asked).because == "explained"
    find_peak(clerk, "no_feast", last=date(2026, 8, 9))
    assert clerk.may_ask(**asked).allowed


def test_trail_tells_of_questions_and_answers_without_whom(clerk: Clerk) -> None:
    clerk.ask("cash_deposit")
    clerk.answer("cash_deposit")
    with clerk.bank.store.read() as connection:
        rows = connection.execute(sa.select(trail.c.kind, trail.c.body).order_by(trail.c.seq.desc()).limit(2)).all()
    assert [row.kind for row in rows] == ["question_answered", "question_asked"]
    assert not any(word in row.body for row in rows for word in ("c-1", "crm-1", "anna"))


# ---- the report and the cases ---------------------------------------------------------------------------------------


def tell_a_case(clerk: Clerk, customer_id: str = "c-1") -> None:
    """A question, its answer, the question again, an unclear letter about it, and a complaint."""
    clerk.ask("cash_deposit", customer_id=customer_id, at=OCTOBER)
    clerk.answer("cash_deposit", customer_id=customer_id, at=OCTOBER + timedelta(days=3))
    clerk.ask("cash_deposit", customer_id=customer_id, at=OCTOBER + timedelta(days=10), channel="phone", happened=True)
    letter = {"letter": "question", "version": 1, "sha256": "0" * 64, "language": "nl", "subject": "S", "text": "T"}
    complaint = {"subject": "unclear_letter", "channel": "app", "call_back_by": NOW}
    with clerk.bank.store.write() as connection:
        at = OCTOBER + timedelta(days=12)
        connection.execute(letters.insert().values(customer_id=customer_id, **letter, channel="letter", at=at))
        at = OCTOBER + timedelta(days=20)
        connection.execute(complaints.insert().values(customer_id=customer_id, **complaint, at=at))


PERIOD = {"since": datetime(2026, 10, 1, tzinfo=UTC), "until": NOW}


def test_report_tells_who_was_asked_what_how_often(clerk: Clerk) -> None:
    tell_a_case(clerk)
    clerk.ask("call_window", customer_id="c-2", at=OCTOBER)
    with clerk.bank.store.read() as connection:
        report = report_questions(connection, **PERIOD, topics=default_topics(), least_contacts=4)
    assert (report.customers_in_contact, report.questions, report.redundant) == (2, 3, 1)
    (row,) = report.customers
    assert (row.customer_id, row.contacts) == ("c-1", 5)
    assert row.by_kind == {"answer": 1, "complaint": 1, "letter": 1, "question": 2}
    (again,) = row.repeated
    assert (again.topic, again.times, again.redundant, again.channels) == ("cash_deposit", 2, 1, ("letter", "phone"))


def test_question_is_redundant_by_what_was_known_before_the_period(clerk: Clerk) -> None:
    clerk.answer("cash_deposit", at=OCTOBER - timedelta(days=90))
    clerk.ask("cash_deposit", at=OCTOBER, happened=True)
    with clerk.bank.store.read() as connection:
        report = report_questions(connection, **PERIOD, topics=default_topics(), least_contacts=1)
    assert (report.questions, report.redundant) == (1, 1)


def test_case_tells_its_course_and_what_could_have_been_avoided(clerk: Clerk) -> None:
    tell_a_case(clerk)
    with clerk.bank.store.read() as connection:
        (case,) = review_cases(connection, **PERIOD, topics=default_topics(), least_contacts=4)
    assert (case.number, case.month, case.days) == (1, "2026-10", 20)
    assert [(step.day, step.kind, step.about) for step in case.steps] == [
        (0, "question", "cash_deposit"),
        (3, "answer", "cash_deposit"),
        (10, "question", "cash_deposit"),
        (12, "letter", "question"),
        (20, "complaint", "unclear_letter"),
    ]
    assert [(one.kind, one.step) for one in case.avoidable] == [("redundant_question", 2), ("unclear_letter", 3)]


def test_case_says_nothing_of_whose_it_was(clerk: Clerk) -> None:
    tell_a_case(clerk, "c-secret")
    with clerk.bank.store.read() as connection:
        cases = review_cases(connection, **PERIOD, topics=default_topics(), least_contacts=4)
    assert "c-secret" not in repr(cases)
    assert "crm-1" not in repr(cases)
    assert "anna" not in repr(cases)


def test_question_about_a_peak_that_a_feast_explains_could_have_been_avoided(clerk: Clerk) -> None:
    find_peak(clerk, "fits")
    clerk.ask("organisation_peak", customer_id="o-1", at=OCTOBER, happened=True)
    with clerk.bank.store.read() as connection:
        (case,) = review_cases(connection, **PERIOD, topics=default_topics(), least_contacts=1)
    assert [one.kind for one in case.avoidable] == ["explained_peak"]


def test_long_silence_ends_a_situation(clerk: Clerk) -> None:
    for days in (0, 1, 70, 71):
        clerk.ask("cash_deposit", at=OCTOBER - timedelta(days=80) + timedelta(days=days), happened=True)
    with clerk.bank.store.read() as connection:
        cases = review_cases(
            connection, since=OCTOBER - timedelta(days=200), until=NOW, topics=default_topics(), least_contacts=1
        )
    assert [len(case.steps) for case in cases] == [2, 2]
