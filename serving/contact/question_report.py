"""Who was asked what, how often: customers with many contacts and the questions that came again, to learn from.

Contacts alone count. Nothing of a customer's bookings, events or person enters, so nobody is singled out for those.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from models.purposes import AMSTERDAM
from models.store import answers
from serving.contact.history import Contact, find_contacts
from serving.contact.topics import TopicRegistry


@dataclass(frozen=True, slots=True)
class ValidAnswer:
    """An answer and the last day on which it counts."""

    topic: str
    at: datetime
    valid_until: date


@dataclass(frozen=True, slots=True)
class RepeatedQuestion:
    """A question that came more than once in a period; `redundant` of these times the answer was known or awaited."""

    topic: str
    times: int
    redundant: int
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CustomerContacts:
    """Contacts of one customer in a period, by kind, and what was asked again."""

    customer_id: str
    contacts: int
    by_kind: Mapping[str, int]
    repeated: tuple[RepeatedQuestion, ...]


@dataclass(frozen=True, slots=True)
class QuestionReport:
    """A period (`until` not included), the customers with many contacts, and how many there were in all."""

    since: datetime
    until: datetime
    customers: tuple[CustomerContacts, ...]
    customers_in_contact: int
    questions: int
    redundant: int


def report_questions(
    connection: sa.Connection, *, since: datetime, until: datetime, topics: TopicRegistry, least_contacts: int
) -> QuestionReport:
    """Customers with at least `least_contacts` contacts or a repeated question, the most contacts first."""
    told = contacts_by_customer(connection, since=None, until=until)
    known = read_answers(connection)
    rows, asked, redundant_all = [], 0, 0
    for customer_id, history in told.items():
        inside = [contact for contact in history if contact.at >= since]
        redundant = find_redundant(history, known.get(customer_id, ()), topics)
        redundant = [contact for contact in redundant if contact.at >= since]
        asked += sum(contact.kind == "question" for contact in inside)
        redundant_all += len(redundant)
        if inside:
            rows.append(_row(customer_id, inside, redundant))
    many = [row for row in rows if row.contacts >= least_contacts or row.repeated]
    ordered = sorted(many, key=lambda row: (-row.contacts, row.customer_id))
    return QuestionReport(since, until, tuple(ordered), len(rows), asked, redundant_all)


def contacts_by_customer(
    connection: sa.Connection, *, since: datetime | None, until: datetime
) -> dict[str, list[Contact]]:
    """Contacts of every customer in order of time."""
    told: dict[str, list[Contact]] = {}
    for contact in find_contacts(connection, since=since, until=until):
        told.setdefault(contact.customer_id, []).append(contact)
    return told


def read_answers(connection: sa.Connection) -> dict[str, list[ValidAnswer]]:
    """Every answer with its validity, by customer."""
    found: dict[str, list[ValidAnswer]] = {}
    wanted = sa.select(answers.c.customer_id, answers.c.question, answers.c.at, answers.c.valid_until)
    for customer_id, topic, at, valid_until in connection.execute(wanted):
        found.setdefault(customer_id, []).append(ValidAnswer(topic, at, valid_until))
    return found


def find_redundant(history: Sequence[Contact], known: Sequence[ValidAnswer], topics: TopicRegistry) -> list[Contact]:
    """Questions of one customer that were asked while their answer counted, or while an earlier one still waited."""
    redundant, last_asked = [], dict[str, datetime]()
    for contact in history:
        if contact.kind != "question":
            continue
        topic, day = contact.about, contact.at.astimezone(AMSTERDAM).date()
        mine = [answer for answer in known if answer.topic == topic and answer.at < contact.at]
        before = last_asked.get(topic)
        waits = before is not None and not any(answer.at >= before for answer in mine)
        wait = timedelta(days=topics.topics[topic].wait_days if topic in topics.topics else 0)
        if any(answer.valid_until >= day for answer in mine) or (waits and before and contact.at < before + wait):
            redundant.append(contact)
        last_asked[topic] = contact.at
    return redundant


def _row(customer_id: str, inside: list[Contact], redundant: list[Contact]) -> CustomerContacts:
    asked = Counter(contact.about for contact in inside if contact.kind == "question")
    repeated = [
        RepeatedQuestion(
            topic,
            times,
            sum(contact.about == topic for contact in redundant),
            tuple(sorted({one.channel for one in inside if one.kind == "question" and one.about == topic})),
        )
        for topic, times in sorted(asked.items())
        if times > 1
    ]
    kinds: dict[str, int] = dict(sorted(Counter(str(contact.kind) for contact in inside).items()))
    return CustomerContacts(customer_id, len(inside), kinds, tuple(repeated))
