"""The addresses of complaints: take one, see who waits for a call, record a call, close, and the log of the law."""

from dataclasses import asdict
from datetime import date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from fastapi.responses import JSONResponse

from models.errors import UsageError
from models.purposes import AMSTERDAM
from serving.addresses import Address
from serving.answers import rfc3339
from serving.contact.complaints import Complaint, ComplaintDesk, QueueEntry
from serving.contact.history import Contact
from serving.contact.letters.templates import RenderedLetter
from serving.contact.promise import default_complaint_rule
from serving.contact.schemas import AttemptRequest, CloseRequest, ComplaintRequest, PeriodRequest, QueueRequest
from serving.contact.told import ClosedTold, ComplaintOpenedTold, ComplaintTold, LogTold, QueueTold
from serving.desk import Desk, TheClient, TheDesk, TheWrite, no_store
from serving.permissions import SPEAKING_FOR_CUSTOMERS

COLLEAGUES = frozenset({"contact_desk"})


def open_complaint(asked: ComplaintRequest, desk: TheDesk, write: TheWrite) -> JSONResponse:
    """Take a complaint; with this answer every offer to the customer is stopped and a call is promised."""
    now = desk.clock()

    def act(connection: sa.Connection) -> dict[str, Any]:
        opened = _complaints(desk).open(
            connection, asked.customer_id, subject=asked.subject, remark=asked.remark, channel=asked.channel,
            language=asked.language, client=write.client.name, at=now,
        )  # fmt: skip
        return {
            "complaint_id": opened.complaint.id,
            "received_at": rfc3339(now),
            "call_back_by": rfc3339(opened.complaint.call_back_by),
            "promise": opened.promise,
            "letter": letter_body(opened.letter),
            "trail": {"seq": opened.trail.seq, "hash": opened.trail.hash},
        }

    return no_store(desk.once.answer(write, asked, act, now=now), status=201)


def answer_queue(asked: QueueRequest, desk: TheDesk, _client: TheClient) -> JSONResponse:
    """Who waits for a call, with the last contacts and the exact words that were sent."""
    with desk.store.read() as connection:
        waiting = _complaints(desk).queue(connection, at=desk.clock())
    shown = [entry_body(entry, at=desk.clock()) for entry in waiting[: asked.limit]]
    return no_store({"open": len(waiting), "complaints": shown})


def record_attempt(asked: AttemptRequest, desk: TheDesk, write: TheWrite) -> JSONResponse:
    """Record a try to call."""
    now = desk.clock()

    def act(connection: sa.Connection) -> dict[str, Any]:
        complaint = _complaints(desk).record_attempt(
            connection, asked.complaint_id, colleague=asked.colleague, result=asked.result, at=now
        )
        # The kept answer of a write outlives the case, and the customer's words must not.
        return {**complaint_body(complaint, at=now), "remark": ""}

    return no_store(desk.once.answer(write, asked, act, now=now), status=201)


def close_complaint(asked: CloseRequest, desk: TheDesk, write: TheWrite) -> JSONResponse:
    """Close a complaint; the customer's words are erased, what was done stays in the log."""
    now = desk.clock()

    def act(connection: sa.Connection) -> dict[str, Any]:
        closed = _complaints(desk).close(
            connection, asked.complaint_id, colleague=asked.colleague, outcome=asked.outcome,
            handling=asked.handling, client=write.client.name, at=now,
        )  # fmt: skip
        return {"complaint": complaint_body(closed.complaint, at=now), "letter": letter_body(closed.letter)}

    return no_store(desk.once.answer(write, asked, act, now=now), status=201)


def answer_log(asked: PeriodRequest, desk: TheDesk, _client: TheClient) -> JSONResponse:
    """The complaints log of a period, by day of receipt."""
    since, until = period_of(asked.first_day, asked.last_day)
    with desk.store.read() as connection:
        logged = _complaints(desk).log(connection, since, until)
    return no_store({"complaints": [complaint_body(complaint, at=desk.clock()) for complaint in logged]})


def period_of(first_day: date, last_day: date) -> tuple[datetime, datetime]:
    """From the first moment of a day to the first moment after another, in Amsterdam.

    Raises
    ------
    UsageError
        The last day lies before the first, or beyond the calendar.
    """
    if last_day < first_day or last_day == date.max or first_day.year < 2:
        raise UsageError("The period is none. Give a last day that is not before the first.")
    until = last_day + timedelta(days=1)
    return datetime.combine(first_day, time.min, AMSTERDAM), datetime.combine(until, time.min, AMSTERDAM)


def complaint_body(complaint: Complaint, *, at: datetime) -> dict[str, Any]:
    """A complaint as JSON."""
    return {
        "complaint_id": complaint.id,
        "customer_id": complaint.customer_id,
        "subject": complaint.subject,
        "remark": complaint.remark,
        "channel": complaint.channel,
        "language": complaint.language,
        "received_at": rfc3339(complaint.received_at),
        "call_back_by": rfc3339(complaint.call_back_by),
        "called_back_at": rfc3339(complaint.called_back_at),
        "answer_by": complaint.answer_by.isoformat(),
        "attempts": [
            {"colleague": one.colleague, "result": one.result, "at": rfc3339(one.at)} for one in complaint.attempts
        ],
        "closed_at": rfc3339(complaint.closed_at),
        "outcome": complaint.outcome,
        "handling": complaint.handling,
        "closed_by": complaint.closed_by,
        "is_late": complaint.is_late(at),
    }


def entry_body(entry: QueueEntry, *, at: datetime) -> dict[str, Any]:
    """A complaint and its last contacts as JSON."""
    contacts = [_contact_body(contact) for contact in entry.last_contacts]
    return {"complaint": complaint_body(entry.complaint, at=at), "last_contacts": contacts}


def _contact_body(contact: Contact) -> dict[str, Any]:
    told = asdict(contact)
    del told["customer_id"]
    return {**told, "at": rfc3339(contact.at)}


def letter_body(letter: RenderedLetter | None) -> dict[str, Any] | None:
    """A letter as JSON, None when none was sent."""
    if letter is None:
        return None
    return {
        "letter": letter.letter,
        "version": letter.version,
        "language": letter.language,
        "subject": letter.subject,
        "text": letter.text,
    }


def _complaints(desk: Desk) -> ComplaintDesk:
    return ComplaintDesk(default_complaint_rule(), desk.letters)


_UNKNOWN = frozenset({404})
ADDRESSES = (
    Address(
        "/complaints", "Take a complaint and promise a call", open_complaint, SPEAKING_FOR_CUSTOMERS,
        ComplaintOpenedTold, status=201, is_write=True,
    ),
    Address("/complaints:queue", "Who waits for a call", answer_queue, COLLEAGUES, QueueTold),
    Address(
        "/complaints:attempt", "Record a try to call", record_attempt, COLLEAGUES, ComplaintTold, status=201,
        problems=_UNKNOWN, is_write=True,
    ),
    Address(
        "/complaints:close", "Close a complaint", close_complaint, COLLEAGUES, ClosedTold, status=201,
        problems=_UNKNOWN, is_write=True,
    ),
    Address("/complaints:log", "The complaints log of a period", answer_log, COLLEAGUES, LogTold),
)  # fmt: skip
