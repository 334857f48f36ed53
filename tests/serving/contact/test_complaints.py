"""Complaints: the promise clock, the stop of all offers, what the colleague sees, and what the log keeps."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from models.errors import UsageError
from models.purposes import AMSTERDAM
from models.store import Store, complaints, open_store, questions, trail
from models.trail import verify_trail
from serving.contact.complaints import ComplaintDesk
from serving.contact.letters.sending import LetterDesk
from serving.contact.promise import default_complaint_rule, say_day, say_promise
from serving.problems import ProblemError

RULE = default_complaint_rule()
NOON = datetime(2026, 10, 6, 10, 0, tzinfo=UTC)  # a Tuesday, noon in Amsterdam
WORDS = "ik heb dit al drie keer verteld"


def amsterdam(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=AMSTERDAM)


@pytest.mark.parametrize(
    ("received", "promised"),
    [
        ("2026-04-03T16:50", "2026-04-07T11:00"),  # Good Friday; Easter Monday is closed too
        ("2026-04-03T09:00", "2026-04-07T11:00"),
        ("2026-04-02T14:59", "2026-04-02T17:00"),
        ("2026-04-02T15:00", "2026-04-07T11:00"),  # the Thursday before Good Friday, too late for the day
        ("2026-10-06T00:00", "2026-10-06T17:00"),
        ("2026-10-06T23:59", "2026-10-07T11:00"),
        ("2026-10-10T10:00", "2026-10-12T11:00"),  # Saturday
        ("2026-12-24T15:30", "2026-12-28T11:00"),  # Christmas and a weekend
        ("2026-12-31T16:00", "2027-01-04T11:00"),
        ("2026-04-27T10:00", "2026-04-27T17:00"),  # King's Day is no closing day of banks
        ("2026-03-27T16:00", "2026-03-30T11:00"),  # over the change to summer time
        ("2026-05-01T10:00", "2026-05-04T11:00"),
    ],
)
def test_promise_keeps_to_hours_and_closing_days(received: str, promised: str) -> None:
    assert RULE.call_back_by(amsterdam(received)) == amsterdam(promised)


def test_hour_that_counts_is_the_one_of_amsterdam() -> None:
    # 13:30 in UTC is 15:30 in a Dutch summer and 14:30 in a Dutch winter.
    assert RULE.call_back_by(datetime(2026, 7, 1, 13, 30, tzinfo=UTC)) == amsterdam("2026-07-02T11:00")
    assert RULE.call_back_by(datetime(2026, 12, 1, 13, 30, tzinfo=UTC)) == amsterdam("2026-12-01T17:00")


def test_final_answer_is_due_after_fifteen_working_days() -> None:
    # From Thursday 2 April 2026, without Good Friday, Easter Monday and weekends: 7-10, 13-17, 20-24 April are 14 days.
    assert RULE.answer_by(amsterdam("2026-04-02T10:00")) == date(2026, 4, 27)


def test_promise_and_day_in_words() -> None:
    by = amsterdam("2026-04-07T11:00")
    assert say_promise(by, "nl") == "dinsdag 7 april vóór 11.00 uur"
    assert say_promise(by, "en") == "Tuesday 7 April before 11:00"
    assert say_day(date(2026, 3, 1), "nl") == "1 maart 2026"


@dataclass
class Office:
    """Complaints of one store, each act in a transaction of its own."""

    store: Store
    demo: bool = True

    def __getattr__(self, name: str) -> Any:
        act = getattr(ComplaintDesk(RULE, LetterDesk(reviews=(), demo=self.demo, phone=RULE.phone)), name)

        def in_transaction(*args: Any, **kwargs: Any) -> Any:
            if name in ("open", "close"):
                kwargs["client"] = "page"
            with self.store.write() as connection:
                return act(connection, *args, **kwargs)

        return in_transaction


def complain(desk: Office, customer_id: str = "c-1", **changes: Any) -> int:
    given = {"subject": "asked_again", "remark": WORDS, "channel": "app", "language": None, "at": NOON, **changes}
    number: int = desk.open(customer_id, **given).complaint.id
    return number


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Office]:
    store = open_store(f"sqlite:///{tmp_path / 'levensloop.db'}")
    yield Office(store)
    store.close()


def test_complaint_lives_from_call_to_answer_in_both_databases(any_store: Store) -> None:
    desk = Office(any_store)
    number = complain(desk)
    desk.record_attempt(number, colleague="anna", result="not_reached", at=NOON)
    desk.record_attempt(number, colleague="anna", result="reached", at=NOON)
    assert len(desk.queue(at=NOON)[0].complaint.attempts) == 2
    desk.close(number, colleague="anna", outcome="upheld", handling="Vraag gestopt.", at=NOON)
    assert [one.outcome for one in desk.log(NOON, NOON + timedelta(days=1))] == ["upheld"]
    assert desk.forget(at=NOON + timedelta(days=400)) == 1


def test_complaint_opens_a_call_back_at_once_and_says_so_in_plain_words(desk: Office) -> None:
    opened = desk.open(
        "c-1", subject="tone", remark=WORDS, channel="app", language="nl", at=amsterdam("2026-04-03T16:50")
    )
    assert opened.promise == "dinsdag 7 april vóór 11.00 uur"
    assert opened.complaint.call_back_by == amsterdam("2026-04-07T11:00")
    assert opened.letter is not None
    assert "Een collega belt u op dinsdag 7 april vóór 11.00 uur." in opened.letter.text
    assert "hoeft u niet opnieuw te vertellen" in opened.letter.text


def test_complaint_is_taken_even_while_its_letter_may_not_be_sent(desk: Office) -> None:
    opened = Office(desk.store, demo=False).open(
        "c-1", subject="other", remark="", channel="phone", language="en", at=NOON
    )
    assert opened.letter is None
    assert opened.promise == "Tuesday 6 October before 17:00"


def test_complaint_stops_every_offer_until_it_is_closed(bank: Any) -> None:
    bank.record("consented")
    bank.detector.find("travel_booked", onset=date(2026, 11, 20))
    assert [offer["product"] for offer in bank.ask().json()["events"][0]["offers"]] == ["travel_insurance"]
    desk = Office(bank.store)
    number = complain(desk)
    held = bank.ask().json()
    assert held["events"][0]["offers"] == []
    assert [one["reason"] for one in held["held_back"]] == ["open_complaint"]
    desk.record_attempt(number, colleague="anna", result="reached", at=NOON)
    assert bank.ask().json()["events"][0]["offers"] == []
    desk.close(number, colleague="anna", outcome="upheld", handling="Vraag gestopt.", at=NOON)
    assert len(bank.ask().json()["events"][0]["offers"]) == 1


def test_colleague_sees_the_last_contacts_and_the_exact_words(desk: Office) -> None:
    with desk.store.write() as connection:
        for day in range(7):
            asked = {"customer_id": "c-1", "question": "cash_deposit", "channel": "letter", "asked_by": "anna"}
            at, wording = NOON - timedelta(days=10 - day), f"Vraag {day}?"
            connection.execute(questions.insert().values(**asked, at=at, wording=wording))
        other = {"customer_id": "c-2", "question": "cash_deposit", "channel": "letter", "asked_by": "anna"}
        connection.execute(questions.insert().values(**other, at=NOON, wording="Niet voor c-1"))
    complain(desk)
    (entry,) = desk.queue(at=NOON)
    assert [contact.kind for contact in entry.last_contacts] == [
        "letter",
        "complaint",
        "question",
        "question",
        "question",
    ]
    assert [contact.sentence for contact in entry.last_contacts[2:]] == ["Vraag 6?", "Vraag 5?", "Vraag 4?"]
    assert entry.complaint.remark == WORDS


def test_queue_begins_with_the_promise_that_ends_first(desk: Office) -> None:
    late = complain(desk, "c-1", at=NOON + timedelta(hours=8))
    soon = complain(desk, "c-2")
    spoken = complain(desk, "c-3")
    closed = complain(desk, "c-4")
    desk.record_attempt(spoken, colleague="anna", result="reached", at=NOON)
    desk.close(closed, colleague="anna", outcome="withdrawn", handling="Klant stopt.", at=NOON)
    assert [entry.complaint.id for entry in desk.queue(at=NOON)] == [soon, late, spoken]


def test_promise_is_late_from_its_hour_until_somebody_talked(desk: Office) -> None:
    number = complain(desk)
    promised = amsterdam("2026-10-06T17:00")
    assert not desk.find(number, at=promised).is_late
    assert desk.find(number, at=promised + timedelta(seconds=1)).is_late
    desk.record_attempt(number, colleague="anna", result="not_reached", at=promised - timedelta(hours=2))
    assert desk.find(number, at=promised + timedelta(hours=1)).is_late  # a try is no talk
    desk.record_attempt(number, colleague="anna", result="reached", at=promised - timedelta(hours=1))
    assert not desk.find(number, at=promised + timedelta(days=9)).is_late


def test_first_talk_keeps_its_moment(desk: Office) -> None:
    number = complain(desk)
    for hours in (1, 3):
        desk.record_attempt(number, colleague="anna", result="reached", at=NOON + timedelta(hours=hours))
    complaint = desk.find(number, at=NOON).complaint
    assert complaint.called_back_at == NOON + timedelta(hours=1)
    assert [(attempt.colleague, attempt.result) for attempt in complaint.attempts] == [("anna", "reached")] * 2


def test_customer_who_was_not_reached_gets_a_letter(desk: Office) -> None:
    number = complain(desk)
    desk.record_attempt(number, colleague="anna", result="not_reached", at=NOON)
    last = desk.find(number, at=NOON).last_contacts
    assert ("letter", "complaint_not_reached") in [(contact.kind, contact.about) for contact in last]


def test_closing_erases_the_words_of_the_customer_and_keeps_what_the_law_asks(desk: Office) -> None:
    number = complain(desk)
    desk.record_attempt(number, colleague="anna", result="reached", at=NOON)
    closed = desk.close(number, colleague="anna", outcome="upheld", handling="Vraag gestopt.", at=NOON)
    assert "Dit hebben wij gedaan: Vraag gestopt." in closed.letter.text
    (logged,) = desk.log(NOON - timedelta(days=1), NOON + timedelta(days=1))
    assert logged == closed.complaint
    assert (logged.subject, logged.received_at, logged.outcome) == ("asked_again", NOON, "upheld")
    assert (logged.handling, logged.closed_by, logged.closed_at) == ("Vraag gestopt.", "anna", NOON)
    assert logged.remark == ""
    assert desk.queue(at=NOON) == ()


def test_log_of_a_period_holds_its_days_alone(desk: Office) -> None:
    first = complain(desk)
    complain(desk, at=NOON + timedelta(days=1))
    assert [one.id for one in desk.log(NOON, NOON + timedelta(days=1))] == [first]


def test_complaint_is_not_closed_before_somebody_talked_unless_the_customer_ends_it(desk: Office) -> None:
    number = complain(desk)
    with pytest.raises(ProblemError) as refused:
        desk.close(number, colleague="anna", outcome="not_upheld", handling="Geen.", at=NOON)
    assert (refused.value.problem.status, refused.value.problem.kind) == (409, "not-called-back")
    closed = desk.close(number, colleague="anna", outcome="withdrawn", handling="Klant stopt.", at=NOON)
    assert closed.complaint.outcome == "withdrawn"
    assert closed.letter is not None


@pytest.mark.parametrize(
    ("act", "status"),
    [
        (lambda desk, number: desk.record_attempt(number, colleague="a", result="reached", at=NOON), 409),
        (lambda desk, number: desk.close(number, colleague="a", outcome="upheld", handling="x", at=NOON), 409),
        (lambda desk, number: desk.record_attempt(number + 1, colleague="a", result="reached", at=NOON), 404),
        (lambda desk, number: desk.find(number + 1, at=NOON), 404),
    ],
)
def test_closed_and_unknown_complaints_are_left_alone(
    desk: Office, act: Callable[[Office, int], Any], status: int
) -> None:
    number = complain(desk)
    desk.close(number, colleague="anna", outcome="withdrawn", handling="Klant stopt.", at=NOON)
    with pytest.raises(ProblemError) as refused:
        act(desk, number)
    assert refused.value.problem.status == status


def test_unknown_codes_and_missing_handling_are_refused(desk: Office) -> None:
    with pytest.raises(UsageError, match="subject"):
        complain(desk, subject="weather")
    number = complain(desk)
    with pytest.raises(UsageError, match="result"):
        desk.record_attempt(number, colleague="anna", result="shouted", at=NOON)
    with pytest.raises(UsageError, match="outcome"):
        desk.close(number, colleague="anna", outcome="lost", handling="x", at=NOON)
    with pytest.raises(UsageError, match="what was done"):
        desk.close(number, colleague="anna", outcome="withdrawn", handling="  ", at=NOON)


def test_log_is_kept_for_its_year_and_no_longer(desk: Office) -> None:
    old = complain(desk)
    desk.close(old, colleague="anna", outcome="withdrawn", handling="Klant stopt.", at=NOON)
    desk.record_attempt(complain(desk), colleague="anna", result="reached", at=NOON)
    assert desk.forget(at=NOON + timedelta(days=365)) == 0
    assert desk.forget(at=NOON + timedelta(days=366)) == 1
    with desk.store.read() as connection:
        assert len(connection.execute(sa.select(complaints.c.id)).all()) == 1  # the open one stays


def test_trail_tells_of_complaints_without_their_words(desk: Office) -> None:
    number = complain(desk)
    desk.close(number, colleague="anna", outcome="withdrawn", handling="Klant stopt.", at=NOON)
    with desk.store.read() as connection:
        rows = connection.execute(sa.select(trail.c.kind, trail.c.body).order_by(trail.c.seq)).all()
    assert [row.kind for row in rows] == ["complaint_opened", "complaint_closed"]
    assert not any(word in row.body for row in rows for word in ("c-1", WORDS, "Klant stopt", "anna"))
    assert verify_trail(desk.store, None, None).ok
