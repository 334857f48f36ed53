"""Every contact with a customer in order of time: what was asked, sent, offered, complained about and answered.

A colleague who calls sees the last ones with the exact words that were sent, so that the customer need not tell them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from models.store import answers, complaints, contact_attempts, letters, offers, questions

ContactKind = Literal["question", "answer", "letter", "offer", "complaint", "attempt"]


@dataclass(frozen=True, slots=True)
class Contact:
    """One contact. `about` is a topic, letter, event, subject or result; `sentence` holds the exact words we sent."""

    customer_id: str
    at: datetime
    kind: ContactKind
    about: str
    channel: str
    sentence: str


# Per kind: what is read, with the columns of `Contact` in order.
_READ: dict[ContactKind, tuple[sa.Column[Any], ...]] = {
    "question": (
        questions.c.customer_id,
        questions.c.at,
        questions.c.question,
        questions.c.channel,
        questions.c.wording,
    ),
    "answer": (answers.c.customer_id, answers.c.at, answers.c.question, answers.c.source, sa.null()),  # type: ignore[dict-item]
    "letter": (letters.c.customer_id, letters.c.at, letters.c.letter, letters.c.channel, letters.c.text),
    "offer": (offers.c.customer_id, offers.c.at, offers.c.event, offers.c.state, offers.c.product),
    "complaint": (complaints.c.customer_id, complaints.c.at, complaints.c.subject, complaints.c.channel, sa.null()),  # type: ignore[dict-item]
}


def find_contacts(
    connection: sa.Connection,
    *,
    customer_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[Contact, ...]:
    """Contacts of one customer or of all, in a period (`until` not included), the earliest first."""

    def narrow(statement: Any, customer: Any, at: Any) -> Any:
        if customer_id is not None:
            statement = statement.where(customer == customer_id)
        if since is not None:
            statement = statement.where(at >= since)
        return statement if until is None else statement.where(at < until)

    found: list[Contact] = []
    for kind, columns in _READ.items():
        statement = narrow(sa.select(*columns), columns[0], columns[1])
        found += [_contact(kind, *row) for row in connection.execute(statement)]
    found += _find_attempts(connection, narrow)
    return tuple(sorted(found, key=lambda one: (one.at, one.kind, one.about)))


def find_last_contacts(connection: sa.Connection, customer_id: str, *, most: int) -> tuple[Contact, ...]:
    """The last contacts of a customer, the latest first."""
    return find_contacts(connection, customer_id=customer_id)[::-1][:most]


def _find_attempts(connection: sa.Connection, narrow: Callable[[Any, Any, Any], Any]) -> list[Contact]:
    joined = contact_attempts.join(complaints, contact_attempts.c.complaint_id == complaints.c.id)
    columns = (complaints.c.customer_id, contact_attempts.c.at, contact_attempts.c.result)
    statement = narrow(sa.select(*columns).select_from(joined), columns[0], columns[1])
    rows = connection.execute(statement)
    return [_contact("attempt", customer_id, at, result, "phone", None) for customer_id, at, result in rows]


def _contact(
    kind: ContactKind, customer_id: str, at: datetime, about: str, channel: str | None, sentence: str | None
) -> Contact:
    return Contact(customer_id, at, kind, about, channel or "", sentence or "")
