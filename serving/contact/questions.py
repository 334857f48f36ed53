"""The question ledger: nothing is asked that is known, and nothing twice while its answer is valid.

A colleague asks the ledger before asking a customer. What was answered stays where the bank keeps it; the ledger knows
that there is an answer, from where, and until when it counts.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from string import Template
from typing import Literal, get_args

import sqlalchemy as sa

from models.errors import UsageError
from models.kill_switch import KillSwitches
from models.permission import current_permission
from models.purposes import AMSTERDAM, PurposeSource
from models.store import answers, corrections, peak_findings, questions
from models.taxonomy import LifeEvent, Taxonomy
from models.trail import append_trail
from serving.contact.giving import Words
from serving.contact.promise import say_day
from serving.contact.reading_level import LANGUAGES
from serving.contact.topics import Topic, TopicRegistry
from serving.problems import refuse
from serving.records import Records

PURPOSE = "service_contact"
ASKED, ANSWERED = "question_asked", "question_answered"
Source = Literal["customer", "contract"]
Because = Literal[
    "free", "answered", "told", "contract", "known", "waiting", "explained", "calendar_first", "never_asked", "no_topic"
]


@dataclass(frozen=True, slots=True)
class MayAsk:
    """Whether a question may be asked, and what the colleague hears.

    Attributes
    ----------
    topic : str
        Empty when the text fits none.
    sentence : Words
        The answer to the colleague.
    wording : str
        The words to ask in; empty when the answer is no.
    asked_on, until : date or None
        When it was asked or told, and until when that counts.
    """

    allowed: bool
    because: Because
    topic: str
    sentence: Words
    wording: str = ""
    asked_on: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """An answer that counts until a day, that day included."""

    id: int
    topic: str
    source: Source
    valid_until: date


@dataclass(frozen=True, slots=True)
class _Found:
    """Why a question may not be asked, before it is put into words."""

    because: Because
    asked_on: date | None = None
    until: date | None = None
    event: LifeEvent | None = None


@dataclass(frozen=True)
class QuestionDesk:
    """The ledger under one registry of topics. Every method works inside the connection it is given."""

    topics: TopicRegistry
    purposes: PurposeSource
    records: Records
    taxonomy: Taxonomy
    switches: KillSwitches = field(default_factory=KillSwitches)

    def may_ask(
        self,
        connection: sa.Connection,
        customer_id: str,
        *,
        topic: str | None = None,
        text: str | None = None,
        language: str,
        at: datetime,
    ) -> MayAsk:
        """Whether a customer may be asked this, by topic or in free words.

        Raises
        ------
        UsageError
            Neither or both of topic and text, an unknown topic or language.
        """
        if (topic is None) == (text is None):
            raise UsageError("Give either a topic or a text.")
        if language not in LANGUAGES:
            raise UsageError(f"Questions are asked in {' and '.join(LANGUAGES)}.")
        found = self._find_topic(topic) if topic is not None else self.topics.find_topic(text or "")
        if found is None:
            is_never = self.topics.speaks_of_what_is_never_asked(text or "")
            return self._say(_Found("never_asked" if is_never else "no_topic"), None, language)
        return self._say(self._judge(connection, customer_id, found, at=at), found, language)

    def record_question(
        self,
        connection: sa.Connection,
        customer_id: str,
        *,
        topic: str,
        language: str,
        channel: str,
        asked_by: str,
        client: str,
        at: datetime,
        happened: bool = False,
    ) -> MayAsk:
        """Record a question that is asked now, in our words.

        Parameters
        ----------
        happened : bool
            It was asked already, past this ledger: then it is recorded even where it should not have been asked, so
            that nobody asks it once more and the case can be learned from.

        Raises
        ------
        ProblemError
            409: it may not be asked; the problem says why.
        """
        told = self.may_ask(connection, customer_id, topic=topic, language=language, at=at)
        if not told.allowed and not happened:
            raise refuse(409, "not-to-be-asked", told.sentence.en, because=told.because, topic=topic)
        found = self._find_topic(topic)
        row = {
            "customer_id": customer_id, "question": found.id, "wording": found.sentence(language), "channel": channel,
            "asked_by": asked_by, "at": at,
        }  # fmt: skip
        connection.execute(questions.insert().values(**row))
        body = {"topic": found.id, "channel": channel, "client": client}
        append_trail(connection, ASKED, body, personal={"customer_id": customer_id}, at=at)
        return told

    def record_answer(
        self,
        connection: sa.Connection,
        customer_id: str,
        *,
        topic: str,
        source: str,
        reference: str,
        client: str,
        at: datetime,
    ) -> RecordedAnswer:
        """Record that a customer or a contract answered a question, asked or not; `reference` says where it is kept.

        Raises
        ------
        UsageError
            An unknown topic or source.
        """
        if source not in get_args(Source):
            raise UsageError(f"An answer comes from {' or '.join(get_args(Source))}.")
        found = self._find_topic(topic)
        until = _day_of(at) + timedelta(days=found.valid_days)
        row = {
            "customer_id": customer_id, "question": found.id, "source": source, "reference": reference,
            "valid_until": until, "at": at,
        }  # fmt: skip
        number: int = connection.execute(answers.insert().values(**row).returning(answers.c.id)).scalar_one()
        body = {"topic": found.id, "source": source, "client": client}
        append_trail(connection, ANSWERED, body, personal={"customer_id": customer_id}, at=at)
        return RecordedAnswer(number, found.id, source, until)  # type: ignore[arg-type]  # one of Source, as checked

    def _find_topic(self, topic: str) -> Topic:
        if topic not in self.topics.topics:
            raise UsageError(f"There is no such topic. Topics are: {', '.join(sorted(self.topics.topics))}.")
        return self.topics.topics[topic]

    def _judge(self, connection: sa.Connection, customer_id: str, topic: Topic, *, at: datetime) -> _Found:
        """The first reason not to ask, else that it is free; an answer weighs more than a question that waits."""
        checks: tuple[Callable[..., _Found | None], ...] = (
            _find_answer, self._find_known, _find_waiting, _find_explained,
        )  # fmt: skip
        for check in checks:
            found = check(connection, customer_id, topic, at=at)
            if found is not None:
                return found
        return _Found("free")

    def _find_known(self, connection: sa.Connection, customer_id: str, topic: Topic, *, at: datetime) -> _Found | None:
        """A life event that answers the question, told only where the customer allows it for service."""
        if not topic.known_from:
            return None
        registry = self.purposes.in_force(connection)
        if not current_permission(connection, customer_id, PURPOSE, registry=registry, at=at).allowed:
            return None
        purpose = registry.purpose(PURPOSE)
        run = self.records.find_nightly_run(connection, customer_id, as_of=_day_of(at))
        untold = self.switches.stopped(connection) | _corrected_events(connection, customer_id)
        for detection in run.detections if run else ():
            event = self.taxonomy.event(detection.event)
            is_told = detection.is_current and event.offer_class in purpose.event_classes and event.id not in untold
            if is_told and event.id in topic.known_from:
                return _Found("known", asked_on=detection.detected_on, event=event)
        return None

    def _say(self, found: _Found, topic: Topic | None, language: str) -> MayAsk:
        template = self.topics.because[found.because]
        allowed = found.because == "free"
        wording = topic.sentence(language) if topic and allowed else ""
        spoken = {
            each: Template(getattr(template, each)).substitute(
                wording=topic.sentence(each) if topic else "",
                asked=say_day(found.asked_on, each) if found.asked_on else "",
                until=say_day(found.until, each) if found.until else "",
                reason=getattr(found.event, f"reason_{each}", ""),
            )
            for each in LANGUAGES
        }
        return MayAsk(
            allowed, found.because, topic.id if topic else "", Words(**spoken), wording, found.asked_on, found.until
        )


def _find_answer(connection: sa.Connection, customer_id: str, topic: Topic, *, at: datetime) -> _Found | None:
    """The answer that counts longest."""
    mine = (answers.c.customer_id == customer_id) & (answers.c.question == topic.id)
    still = mine & (answers.c.valid_until >= _day_of(at)) & (answers.c.at <= at)
    newest = sa.select(answers).where(still).order_by(answers.c.valid_until.desc(), answers.c.id.desc()).limit(1)
    answer = connection.execute(newest).mappings().first()
    if answer is None:
        return None
    if answer["source"] == "contract":
        return _Found("contract", _day_of(answer["at"]), answer["valid_until"])
    asked = _last_question(connection, customer_id, topic, until=answer["at"])
    if asked is None:
        return _Found("told", _day_of(answer["at"]), answer["valid_until"])
    return _Found("answered", _day_of(asked), answer["valid_until"])


def _find_waiting(connection: sa.Connection, customer_id: str, topic: Topic, *, at: datetime) -> _Found | None:
    asked = _last_question(connection, customer_id, topic, until=at)
    if asked is None:
        return None
    mine = (answers.c.customer_id == customer_id) & (answers.c.question == topic.id) & (answers.c.at >= asked)
    until = _day_of(asked) + timedelta(days=topic.wait_days)
    is_answered = connection.execute(sa.select(answers.c.id).where(mine).limit(1)).first() is not None
    return None if is_answered or _day_of(at) >= until else _Found("waiting", _day_of(asked), until)


def _find_explained(connection: sa.Connection, customer_id: str, topic: Topic, *, at: datetime) -> _Found | None:
    """For organisations: free only when the giving calendar was asked and left a peak of the last year unexplained."""
    if not topic.calendar_first:
        return None
    since = _day_of(at) - timedelta(days=topic.valid_days)
    mine = (peak_findings.c.organisation_id == customer_id) & (peak_findings.c.last_day >= since)
    verdicts = set(connection.execute(sa.select(peak_findings.c.verdict).where(mine)).scalars())
    if not verdicts:
        return _Found("calendar_first")
    return _Found("explained") if verdicts == {"fits"} else None


def _last_question(connection: sa.Connection, customer_id: str, topic: Topic, *, until: datetime) -> datetime | None:
    mine = (questions.c.customer_id == customer_id) & (questions.c.question == topic.id) & (questions.c.at <= until)
    found: datetime | None = connection.execute(sa.select(sa.func.max(questions.c.at)).where(mine)).scalar()
    return found


def _corrected_events(connection: sa.Connection, customer_id: str) -> frozenset[str]:
    """Events that the customer said are not right: they answer nothing."""
    mine = sa.select(corrections.c.event).where(corrections.c.customer_id == customer_id)
    return frozenset(connection.execute(mine).scalars())


def _day_of(at: datetime) -> date:
    return at.astimezone(AMSTERDAM).date()
