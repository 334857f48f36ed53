"""Pages of contact colleagues: who waits for a call, and one complaint with everything that was said before.

A complaint stands in addresses by its number, a customer never does. What is written here goes through the code that
`/v1/complaints` uses, with the name of whoever is signed in as the colleague.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from fastapi import Request
from starlette.responses import Response

from models.taxonomy import default_taxonomy
from serving.contact.complaints import Complaint, ComplaintDesk, QueueEntry
from serving.contact.history import Contact
from serving.contact.letters.templates import default_letters
from serving.contact.promise import default_complaint_rule, say_promise
from serving.contact.schemas import Number, Short
from serving.contact.topics import default_topics
from serving.desk import Desk, TheDesk
from serving.pages.addresses import COLLEAGUE, Page
from serving.pages.asking import page_write
from serving.pages.forms import TheForm, TheVisitor, parse_form
from serving.pages.rendering import go_to, show
from serving.pages.words import Language, Words, find_language, load_words
from serving.problems import refuse
from serving.schemas import Name
from serving.schemas import Request as Asked


class AttemptAsked(Asked):
    """One try to call; who tried is who is signed in."""

    complaint_id: Number
    result: Name


class CloseAsked(Asked):
    """How a complaint ended, and what was done about it."""

    complaint_id: Number
    outcome: Name
    handling: Short


@dataclass(frozen=True, slots=True)
class Waiting:
    """A complaint in the queue with its clock: what was promised, and the time that is left or over."""

    entry: QueueEntry
    promise: str
    hours: int
    minutes: int

    @property
    def complaint(self) -> Complaint:
        """The complaint itself."""
        return self.entry.complaint

    @property
    def state(self) -> str:
        """`closed`, `called` (waits for its answer), `late` or `waiting`."""
        if self.complaint.closed_at is not None:
            return "closed"
        if self.complaint.called_back_at is not None:
            return "called"
        return "late" if self.entry.is_late else "waiting"


@dataclass(frozen=True, slots=True)
class ContactSeen:
    """An earlier contact in the words of the page; `sentence` holds exactly what was sent."""

    contact: Contact
    about: str
    sentence: str


def show_queue(request: Request, desk: TheDesk, _visitor: TheVisitor, done: str = "") -> Response:
    """Who waits for a call, those first whose promise ends first."""
    now, words = desk.clock(), load_words(find_language(request.scope))
    with desk.store.read() as connection:
        entries = complaints_of(desk).queue(connection, at=now)
    waiting = [_clock(entry, words, now=now) for entry in entries]
    return show(
        request, "contact.html.j2", here="queue", waiting=waiting, subjects=_spoken(_rule().subjects, words.language),
        done=done,
    )  # fmt: skip


def show_complaint(request: Request, desk: TheDesk, _visitor: TheVisitor, number: int = 0, done: str = "") -> Response:
    """One complaint: what the customer said, the last contacts with what was sent, and what to do."""
    now, words, rule = desk.clock(), load_words(find_language(request.scope)), _rule()
    with desk.store.read() as connection:
        entry = complaints_of(desk).find(connection, _known(number), at=now)
    return show(
        request, "contact_complaint.html.j2", here="queue", waiting=_clock(entry, words, now=now),
        contacts=[_tell(one, words.language) for one in entry.last_contacts], done=done,
        subjects=_spoken(rule.subjects, words.language), attempts=_spoken(rule.attempts, words.language),
        outcomes=_spoken(rule.outcomes, words.language),
    )  # fmt: skip


def record_attempt(request: Request, desk: TheDesk, visitor: TheVisitor, form: TheForm) -> Response:
    """Record a try to call; the first talk keeps the promise."""
    asked, now = parse_form(AttemptAsked, complaint_id=form.number("complaint"), result=form["result"]), desk.clock()

    def act(connection: sa.Connection) -> dict[str, Any]:
        complaints_of(desk).record_attempt(
            connection, asked.complaint_id, colleague=visitor.person, result=asked.result, at=now
        )
        return {"complaint_id": asked.complaint_id}

    desk.once.answer(page_write(request, desk, visitor, form), asked, act, now=now)
    return go_to(f"/contact/complaint?number={asked.complaint_id}&done={asked.result}")


def close(request: Request, desk: TheDesk, visitor: TheVisitor, form: TheForm) -> Response:
    """Close a complaint: the customer's words are erased, the letter with the answer goes out."""
    handling = " ".join(form["handling"].split())
    if not handling:
        raise refuse(422, "handling-missing", "Say what was done about the complaint: the log has to hold it.")
    asked = parse_form(CloseAsked, complaint_id=form.number("complaint"), outcome=form["outcome"], handling=handling)
    now, write = desk.clock(), page_write(request, desk, visitor, form)

    def act(connection: sa.Connection) -> dict[str, Any]:
        complaints_of(desk).close(
            connection, asked.complaint_id, colleague=visitor.person, outcome=asked.outcome, handling=asked.handling,
            client=write.client.name, at=now,
        )  # fmt: skip
        return {"complaint_id": asked.complaint_id}

    desk.once.answer(write, asked, act, now=now)
    return go_to(f"/contact/complaint?number={asked.complaint_id}&done=closed")


def complaints_of(desk: Desk) -> ComplaintDesk:
    """Complaints under the rule that ships with Levensloop."""
    return ComplaintDesk(_rule(), desk.letters)


def _rule() -> Any:
    return default_complaint_rule()


def _known(number: int) -> int:
    if not 1 <= number < 2**31:
        raise refuse(404, "complaint-unknown", "There is no complaint of this number.")
    return number


def _clock(entry: QueueEntry, words: Words, *, now: datetime) -> Waiting:
    minutes = abs(int((entry.complaint.call_back_by - now).total_seconds() // 60))
    promise = say_promise(entry.complaint.call_back_by, words.language)
    return Waiting(entry, promise, minutes // 60, minutes % 60)


def _tell(contact: Contact, language: Language) -> ContactSeen:
    """What a contact was about, in words; a code that has none stays as it is. An offer names its product."""
    taxonomy, rule = default_taxonomy(), _rule()
    known: dict[str, dict[str, str]] = {
        "question": {id: getattr(one.label, language) for id, one in default_topics().topics.items()},
        "complaint": _spoken(rule.subjects, language),
        "attempt": _spoken(rule.attempts, language),
        "offer": {event.id: getattr(event, language) for event in taxonomy.events},
        "letter": {id: letter.words[language].subject for id, letter in default_letters().items()},
    }
    known["answer"] = known["question"]
    about = known.get(contact.kind, {}).get(contact.about, contact.about)
    if contact.kind != "offer":
        return ContactSeen(contact, about, contact.sentence)
    products = {product.id: getattr(product, language) for product in taxonomy.products}
    return ContactSeen(contact, f"{about}: {products.get(contact.sentence, contact.sentence)}", "")


def _spoken(codes: Any, language: Language) -> dict[str, str]:
    return {code: getattr(words, language) for code, words in codes.items()}


PAGES = (
    Page("/contact", show_queue, COLLEAGUE),
    Page("/contact/complaint", show_complaint, COLLEAGUE),
    Page("/contact/attempt", record_attempt, COLLEAGUE, method="POST"),
    Page("/contact/close", close, COLLEAGUE, method="POST"),
)
