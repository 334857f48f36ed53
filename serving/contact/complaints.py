"""Complaints: each opens a call-back with a promise at once, and stops every offer until it is closed.

What the customer wrote is kept while the case lives and erased when it is closed; the log then holds what the law
asks: what it was about, when it came, what was done and how it ended. Name and address stay in the bank's own register
of customers, which knows the customer id.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from models.errors import UsageError
from models.purposes import AMSTERDAM
from models.recalls import recall_offers
from models.store import complaints, contact_attempts
from models.trail import TrailRow, append_trail
from serving.contact.history import Contact, find_last_contacts
from serving.contact.letters.sending import LetterDesk, find_language
from serving.contact.letters.templates import RenderedLetter
from serving.contact.promise import ComplaintRule, say_day, say_promise
from serving.problems import refuse

OPENED, CLOSED = "complaint_opened", "complaint_closed"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to call a customer back."""

    colleague: str
    result: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Complaint:
    """A complaint as it stands; `remark` is empty once it is closed, outcome and handling until then."""

    id: int
    customer_id: str
    subject: str
    remark: str
    channel: str
    language: str
    received_at: datetime
    call_back_by: datetime
    called_back_at: datetime | None
    answer_by: date
    attempts: tuple[Attempt, ...]
    closed_at: datetime | None
    outcome: str
    handling: str
    closed_by: str

    def is_late(self, at: datetime) -> bool:
        """Whether the promise to call was broken, or is broken at this moment."""
        return (self.called_back_at or self.closed_at or at) > self.call_back_by


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """What a colleague sees before calling: the complaint and the last contacts, the latest first."""

    complaint: Complaint
    is_late: bool
    last_contacts: tuple[Contact, ...]


@dataclass(frozen=True, slots=True)
class OpenedComplaint:
    """What the customer gets at once: number, promise in words and the letter, where one may be sent."""

    complaint: Complaint
    promise: str
    letter: RenderedLetter | None
    trail: TrailRow


@dataclass(frozen=True, slots=True)
class ClosedComplaint:
    """A closed complaint and the letter with its answer, where one may be sent."""

    complaint: Complaint
    letter: RenderedLetter | None


@dataclass(frozen=True)
class ComplaintDesk:
    """Complaints under one rule. Every method works inside the connection it is given."""

    rule: ComplaintRule
    letters: LetterDesk

    def open(
        self,
        connection: sa.Connection,
        customer_id: str,
        *,
        subject: str,
        remark: str,
        channel: str,
        language: str | None,
        client: str,
        at: datetime,
    ) -> OpenedComplaint:
        """Record a complaint; with its commit every offer is stopped and the promise runs.

        Nobody is refused: not an unknown customer, and not while the letter that confirms it may not be sent.
        """
        _require_code(subject, self.rule.subjects, "subject")
        by = self.rule.call_back_by(at)
        spoken = language or find_language(connection, customer_id)
        row = {
            "customer_id": customer_id, "subject": subject, "remark": remark.strip() or None, "channel": channel,
            "language": spoken, "at": at, "call_back_by": by,
        }  # fmt: skip
        number: int = connection.execute(complaints.insert().values(**row).returning(complaints.c.id)).scalar_one()
        body = {"subject": subject, "complaint": number, "channel": channel, "client": client}
        place = append_trail(connection, OPENED, body, personal={"customer_id": customer_id}, at=at)
        recall_offers(connection, customer_id, because="open_complaint", at=at)
        letter = self._confirm(connection, customer_id, number, by, language=spoken, at=at)
        return OpenedComplaint(self._find(connection, number), say_promise(by, spoken), letter, place)

    def queue(self, connection: sa.Connection, *, at: datetime) -> tuple[QueueEntry, ...]:
        """Open complaints, those first whose promise ends first."""
        rows = self._read(connection, complaints.c.closed_at.is_(None))
        # Whom we talked to already waits for an answer, no longer for a call.
        waiting = sorted(rows, key=lambda one: (one.called_back_at is not None, one.call_back_by, one.id))
        return tuple(self._entry(connection, complaint, at=at) for complaint in waiting)

    def of_customer(self, connection: sa.Connection, customer_id: str) -> tuple[Complaint, ...]:
        """All complaints of one customer that are kept, the latest first."""
        rows = self._read(connection, complaints.c.customer_id == customer_id)
        return tuple(sorted(rows, key=lambda one: one.id, reverse=True))

    def find(self, connection: sa.Connection, complaint_id: int, *, at: datetime) -> QueueEntry:
        """One complaint with its last contacts.

        Raises
        ------
        ProblemError
            404.
        """
        return self._entry(connection, self._find(connection, complaint_id), at=at)

    def record_attempt(
        self, connection: sa.Connection, complaint_id: int, *, colleague: str, result: str, at: datetime
    ) -> Complaint:
        """Record a try to call; the first talk keeps the promise.

        Raises
        ------
        ProblemError
            404, or 409 when the complaint is closed.
        """
        _require_code(result, self.rule.attempts, "result")
        complaint = self._find_open(connection, complaint_id)
        row = {"complaint_id": complaint_id, "colleague": colleague, "result": result, "at": at}
        connection.execute(contact_attempts.insert().values(**row))
        if result == "reached" and complaint.called_back_at is None:
            _update(connection, complaint_id, called_back_at=at)
        if result == "not_reached" and self.letters.can_send("complaint_not_reached"):
            self._write(connection, complaint, "complaint_not_reached", {}, day=at, at=at)
        return self._find(connection, complaint_id)

    def close(
        self,
        connection: sa.Connection,
        complaint_id: int,
        *,
        colleague: str,
        outcome: str,
        handling: str,
        client: str,
        at: datetime,
    ) -> ClosedComplaint:
        """Close a complaint, erase the customer's own words and send the answer, where its letter may be sent.

        `handling` is what was done, in one or two plain sentences: it goes into letter and log.

        Raises
        ------
        ProblemError
            404; 409 when it is closed, or when nobody has talked to the customer, who did not end it either.
        UsageError
            An unknown outcome, or no handling.
        """
        _require_code(outcome, self.rule.outcomes, "outcome")
        handling = " ".join(handling.split())
        if not handling:
            raise UsageError("Say what was done about the complaint: the log has to hold it.")
        complaint = self._find_open(connection, complaint_id)
        if complaint.called_back_at is None and outcome != "withdrawn":
            raise refuse(409, "not-called-back", "Call the customer first: a call was promised.")
        closed = {"closed_at": at, "outcome": outcome, "handling": handling, "closed_by": colleague}
        _update(connection, complaint_id, remark=None, **closed)
        body = {"complaint": complaint_id, "outcome": outcome, "client": client}
        append_trail(connection, CLOSED, body, personal={"customer_id": complaint.customer_id}, at=at)
        letter = self._answer(connection, complaint, outcome, handling, at=at)
        return ClosedComplaint(self._find(connection, complaint_id), letter)

    def log(self, connection: sa.Connection, since: datetime, until: datetime) -> tuple[Complaint, ...]:
        """The complaints log of a period by number, as the law asks for it; `until` is not included."""
        found = self._read(connection, (complaints.c.at >= since) & (complaints.c.at < until))
        return tuple(sorted(found, key=lambda one: one.id))

    def forget(self, connection: sa.Connection, *, at: datetime) -> int:
        """Delete closed complaints that the log need not keep any longer; how many there were."""
        before = at - timedelta(days=self.rule.keep_days)
        old = sa.select(complaints.c.id).where(complaints.c.closed_at < before)
        numbers = list(connection.execute(old).scalars())
        connection.execute(contact_attempts.delete().where(contact_attempts.c.complaint_id.in_(numbers)))
        connection.execute(complaints.delete().where(complaints.c.id.in_(numbers)))
        return len(numbers)

    def _confirm(
        self, connection: sa.Connection, customer_id: str, number: int, by: datetime, *, language: str, at: datetime
    ) -> RenderedLetter | None:
        if not self.letters.can_send("complaint_received"):
            return None
        values = {"number": str(number), "day": _say(at, language), "promised": say_promise(by, language)}
        return self.letters.send(
            connection, "complaint_received", customer_id=customer_id, values=values, language=language,
            channel="letter", at=at,
        )  # fmt: skip

    def _answer(
        self, connection: sa.Connection, complaint: Complaint, outcome: str, handling: str, *, at: datetime
    ) -> RenderedLetter | None:
        letter = self.rule.letters[outcome]
        if not self.letters.can_send(letter):
            return None
        day = at if outcome == "withdrawn" else complaint.received_at
        return self._write(connection, complaint, letter, {"handling": handling}, day=day, at=at)

    def _write(
        self, connection: sa.Connection, complaint: Complaint, letter: str, values: dict[str, str], *,
        day: datetime, at: datetime,
    ) -> RenderedLetter:  # fmt: skip
        given = {"number": str(complaint.id), "day": _say(day, complaint.language), **values}
        return self.letters.send(
            connection, letter, customer_id=complaint.customer_id, values=given, language=complaint.language,
            channel="letter", at=at,
        )  # fmt: skip

    def _entry(self, connection: sa.Connection, complaint: Complaint, *, at: datetime) -> QueueEntry:
        contacts = find_last_contacts(connection, complaint.customer_id, most=self.rule.shown_contacts)
        return QueueEntry(complaint, complaint.is_late(at), contacts)

    def _find_open(self, connection: sa.Connection, complaint_id: int) -> Complaint:
        complaint = self._find(connection, complaint_id)
        if complaint.closed_at is not None:
            raise refuse(409, "complaint-closed", "This complaint is closed. A new complaint opens a new call-back.")
        return complaint

    def _find(self, connection: sa.Connection, complaint_id: int) -> Complaint:
        found = self._read(connection, complaints.c.id == complaint_id)
        if not found:
            raise refuse(404, "complaint-unknown", "There is no complaint of this number.")
        return found[0]

    def _read(self, connection: sa.Connection, which: sa.ColumnElement[bool]) -> list[Complaint]:
        rows = connection.execute(sa.select(complaints).where(which)).mappings().all()
        tries = _read_attempts(connection, [row["id"] for row in rows])
        return [self._complaint(row, tries.get(row["id"], ())) for row in rows]

    def _complaint(self, row: sa.RowMapping, attempts: Iterable[Attempt]) -> Complaint:
        texts = {name: row[name] or "" for name in ("remark", "channel", "outcome", "handling", "closed_by")}
        return Complaint(
            id=row["id"], customer_id=row["customer_id"], subject=row["subject"], language=row["language"] or "nl",
            received_at=row["at"], call_back_by=row["call_back_by"], called_back_at=row["called_back_at"],
            answer_by=self.rule.answer_by(row["at"]), attempts=tuple(attempts), closed_at=row["closed_at"], **texts,
        )  # fmt: skip


def _update(connection: sa.Connection, complaint_id: int, **values: Any) -> None:
    connection.execute(complaints.update().where(complaints.c.id == complaint_id).values(**values))


def _read_attempts(connection: sa.Connection, numbers: list[int]) -> dict[int, list[Attempt]]:
    wanted = sa.select(contact_attempts).where(contact_attempts.c.complaint_id.in_(numbers))
    found: dict[int, list[Attempt]] = {}
    for row in connection.execute(wanted.order_by(contact_attempts.c.id)).mappings():
        found.setdefault(row["complaint_id"], []).append(Attempt(row["colleague"], row["result"], row["at"]))
    return found


def _require_code(code: str, known: Iterable[str], name: str) -> None:
    if code not in known:
        raise UsageError(f"The {name} is not one we know. Known are: {', '.join(known)}.")


def _say(at: datetime, language: str) -> str:

    return say_day(at.astimezone(AMSTERDAM).date(), language)
