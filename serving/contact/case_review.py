"""Case review: situations with much contact, each with its course in time and what could have been avoided.

A case carries a number that means nothing outside its list, days counted from its start, and codes of what happened:
no customer id, no words and nothing personal. It is about what we did, not about whom.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

import sqlalchemy as sa

from models.store import peak_findings
from serving.contact.history import Contact, ContactKind
from serving.contact.question_report import contacts_by_customer, find_redundant, read_answers
from serving.contact.topics import TopicRegistry

AvoidableKind = Literal["redundant_question", "explained_peak", "unclear_letter"]
# Contacts further apart than this belong to another situation; a letter is unclear when this soon a complaint says so.
SITUATION_GAP, LETTER_DAYS = timedelta(days=60), timedelta(days=14)
_UNCLEAR = frozenset({"unclear_letter", "tone"})


@dataclass(frozen=True, slots=True)
class Step:
    """One contact of a case: days since its first one, what it was and what it was about (a code)."""

    day: int
    kind: ContactKind
    about: str
    channel: str


@dataclass(frozen=True, slots=True)
class Avoidable:
    """What need not have happened: which step (counted from 0) and why."""

    kind: AvoidableKind
    step: int


@dataclass(frozen=True, slots=True)
class Case:
    """One situation, without anything that says whose it was; `month` is the one it began in, YYYY-MM."""

    number: int
    month: str
    days: int
    steps: tuple[Step, ...]
    avoidable: tuple[Avoidable, ...]


def review_cases(
    connection: sa.Connection, *, since: datetime, until: datetime, topics: TopicRegistry, least_contacts: int
) -> tuple[Case, ...]:
    """Situations of a period with at least `least_contacts` contacts, those first with most to avoid."""
    known, explained = read_answers(connection), _read_explained(connection)
    found = []
    for customer_id, history in contacts_by_customer(connection, since=None, until=until).items():
        redundant = find_redundant(history, known.get(customer_id, ()), topics)
        for situation in _situations(history):
            if len(situation) >= least_contacts and situation[-1].at >= since:
                peaks = explained.get(customer_id, [])
                found.append((situation, tuple(_avoidable(situation, redundant, peaks, topics))))
    # Equal ones are told apart by their course alone: an order by customer would say something about whom.
    found.sort(key=lambda one: (-len(one[1]), -len(one[0]), [(step.at, step.kind, step.about) for step in one[0]]))
    return tuple(_case(number, *one) for number, one in enumerate(found, start=1))


def _situations(history: Sequence[Contact]) -> Iterator[list[Contact]]:
    """Runs of contacts without a long silence between them."""
    situation = list(history[:1])
    for before, contact in pairwise(history):
        if contact.at - before.at > SITUATION_GAP:
            yield situation
            situation = []
        situation.append(contact)
    if situation:
        yield situation


def _avoidable(
    situation: Sequence[Contact], redundant: Sequence[Contact], explained: Sequence[datetime], topics: TopicRegistry
) -> Iterator[Avoidable]:
    for step, contact in enumerate(situation):
        topic = topics.topics.get(contact.about) if contact.kind == "question" else None
        if contact in redundant:
            yield Avoidable("redundant_question", step)
        if topic is not None and topic.calendar_first and _is_explained(contact, explained, topic.valid_days):
            yield Avoidable("explained_peak", step)
        if contact.kind == "letter" and _is_unclear(contact, situation[step + 1 :]):
            yield Avoidable("unclear_letter", step)


def _is_explained(asked: Contact, explained: Sequence[datetime], days: int) -> bool:
    """Whether the giving calendar explains a peak of the year before the question, whenever it was looked at."""
    return any(timedelta(0) <= asked.at - last <= timedelta(days=days) for last in explained)


def _is_unclear(letter: Contact, later: Sequence[Contact]) -> bool:
    return any(
        contact.kind == "complaint" and contact.about in _UNCLEAR and contact.at - letter.at <= LETTER_DAYS
        for contact in later
    )


def _read_explained(connection: sa.Connection) -> dict[str, list[datetime]]:
    """Last days of peaks that feasts explain, by organisation."""
    wanted = sa.select(peak_findings.c.organisation_id, peak_findings.c.last_day)
    found: dict[str, list[datetime]] = {}
    for organisation_id, last_day in connection.execute(wanted.where(peak_findings.c.verdict == "fits")):
        moment = datetime.fromisoformat(f"{last_day}T00:00:00+00:00")
        found.setdefault(organisation_id, []).append(moment)
    return found


def _case(number: int, situation: Sequence[Contact], avoidable: tuple[Avoidable, ...]) -> Case:
    first = situation[0].at
    steps = tuple(
        Step((contact.at - first).days, contact.kind, contact.about, contact.channel) for contact in situation
    )
    return Case(number, first.strftime("%Y-%m"), steps[-1].day, steps, avoidable)
