"""What the contact team's verbs do: open this home's store, act once, and print JSON or a letter."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from rich.console import Console

from models.bookings import load_bookings
from models.errors import GateBlockedError
from models.screening import default_screening
from models.store import Store, open_store
from serving.contact.calendar_addresses import calendar_body, keep_findings, peak_body
from serving.contact.case_review import review_cases
from serving.contact.complaint_addresses import complaint_body, entry_body, letter_body, period_of
from serving.contact.complaints import ComplaintDesk
from serving.contact.giving import build_calendar, load_giving
from serving.contact.letters.reviews import find_review, load_reviews
from serving.contact.letters.sending import LetterDesk
from serving.contact.letters.templates import default_letters, find_letter, render_example
from serving.contact.organisations import Organisation, require_no_salary, require_organisation
from serving.contact.peaks import explain_peaks
from serving.contact.promise import default_complaint_rule
from serving.contact.question_report import report_questions
from serving.contact.reading_level import read_text
from serving.contact.topics import default_topics
from serving.settings import read_settings

CLIENT = "command-line"


def show_calendar(first_day: date, last_day: date, *, traditions: Iterable[str], talks: Iterable[Path]) -> None:
    """Print feasts and habits of a period."""
    knowledge = load_giving(talks)
    calendar = build_calendar(first_day, last_day, knowledge=knowledge, traditions=traditions)
    _print(calendar_body(calendar, version=knowledge.version))


def explain_file(path: Path, organisation: Organisation, *, talks: Iterable[Path]) -> None:
    """Print the peaks of an organisation's account, and keep what explains them for the question ledger."""
    knowledge = load_giving(talks)
    with _store() as store:
        with store.read() as connection:
            require_organisation(connection, organisation, knowledge=knowledge)
        bookings = load_bookings(path).frame
        require_no_salary(bookings, default_screening())
        peaks = explain_peaks(bookings, traditions=organisation.traditions, knowledge=knowledge)
        with store.write() as connection:
            keep_findings(connection, organisation.organisation_id, peaks, now=_now())
    _print({"organisation_id": organisation.organisation_id, "peaks": [peak_body(peak, knowledge) for peak in peaks]})


def open_complaint(customer_id: str, *, subject: str, remark: str, channel: str, language: str | None) -> None:
    """Take a complaint and print the promise."""
    given: dict[str, Any] = {"subject": subject, "remark": remark, "channel": channel, "language": language}
    opened = _write(lambda desk, connection: desk.open(connection, customer_id, **given, client=CLIENT, at=_now()))
    letter = letter_body(opened.letter)
    _print({"complaint": complaint_body(opened.complaint, at=_now()), "promise": opened.promise, "letter": letter})


def show_queue() -> None:
    """Print who waits for a call."""
    with _store() as store, store.read() as connection:
        waiting = _desk().queue(connection, at=_now())
    _print({"open": len(waiting), "complaints": [entry_body(entry, at=_now()) for entry in waiting]})


def record_attempt(number: int, *, colleague: str, result: str) -> None:
    """Record a try to call and print the complaint."""
    given = {"colleague": colleague, "result": result}
    complaint = _write(lambda desk, connection: desk.record_attempt(connection, number, **given, at=_now()))
    _print(complaint_body(complaint, at=_now()))


def close_complaint(number: int, *, colleague: str, outcome: str, handling: str) -> None:
    """Close a complaint and print it with its letter."""
    given = {"colleague": colleague, "outcome": outcome, "handling": handling, "client": CLIENT}
    closed = _write(lambda desk, connection: desk.close(connection, number, **given, at=_now()))
    _print({"complaint": complaint_body(closed.complaint, at=_now()), "letter": letter_body(closed.letter)})


def show_log(first_day: date, last_day: date) -> None:
    """Print the complaints log of a period."""
    since, until = period_of(first_day, last_day)
    with _store() as store, store.read() as connection:
        logged = _desk().log(connection, since, until)
    _print({"complaints": [complaint_body(complaint, at=_now()) for complaint in logged]})


def forget_complaints() -> None:
    """Delete what the log need not keep and say how much that was."""
    _print({"deleted": _write(lambda desk, connection: desk.forget(connection, at=_now()))})


def show_questions(first_day: date, last_day: date, *, least_contacts: int) -> None:
    """Print who was asked what, how often."""
    since, until = period_of(first_day, last_day)
    given: dict[str, Any] = {"since": since, "until": until, "topics": default_topics()}
    with _store() as store, store.read() as connection:
        told = asdict(report_questions(connection, **given, least_contacts=least_contacts))
    _print({name: told[name] for name in told if name not in ("since", "until")})


def show_cases(first_day: date, last_day: date, *, least_contacts: int) -> None:
    """Print situations with much contact; nobody is named."""
    since, until = period_of(first_day, last_day)
    given: dict[str, Any] = {"since": since, "until": until, "topics": default_topics()}
    with _store() as store, store.read() as connection:
        cases = review_cases(connection, **given, least_contacts=least_contacts)
    _print({"cases": [asdict(case) for case in cases]})


def show_letter(letter_id: str, language: str) -> None:
    """Print a letter with its example values; how plain it is goes to stderr.

    Raises
    ------
    GateBlockedError
        It is harder to read than B1 allows.
    """
    rendered = render_example(find_letter(letter_id), language)
    Console(soft_wrap=True, highlight=False).print(f"{rendered.subject}\n\n{rendered.text}", markup=False)
    reading = read_text(rendered.body, language)
    said = f"{reading.mean_sentence_words} words per sentence, reading ease {reading.ease:.0f}"
    Console(stderr=True, soft_wrap=True, highlight=False).print(f"\nversion {rendered.version}; {said}", markup=False)
    if reading.faults:
        raise GateBlockedError(f"Letter {letter_id} is too hard to read: {'; '.join(reading.faults)}.")


def list_letters() -> None:
    """Print every letter with version, hash and the interest group that read it."""
    reviews = load_reviews(read_settings().home)
    listed = []
    for letter in default_letters().values():
        review = find_review(letter, reviews)
        read_by = f"{review.organisation}, {review.read_on}" if review else None
        told = {"letter": letter.id, "kind": letter.kind, "version": letter.version, "sha256": letter.sha256}
        listed.append({**told, "read_by": read_by})
    _print({"letters": listed})


@contextmanager
def _store() -> Iterator[Store]:
    store = open_store(read_settings().home.database_url)
    try:
        yield store
    finally:
        store.close()


def _write(act: Callable[[ComplaintDesk, sa.Connection], Any]) -> Any:
    with _store() as store, store.write() as connection:
        return act(_desk(), connection)


def _desk() -> ComplaintDesk:
    settings, rule = read_settings(), default_complaint_rule()
    return ComplaintDesk(rule, LetterDesk(load_reviews(settings.home), settings.demo, rule.phone))


def _now() -> datetime:
    return datetime.now(UTC)


def _print(told: dict[str, Any]) -> None:
    Console(soft_wrap=True).print_json(data=told)
