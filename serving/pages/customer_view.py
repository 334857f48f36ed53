"""What a customer sees: facts of the store and answers of the gate, as values that the template only lays out.

Events come from the gate, as for every other client: without permission nothing is looked at, and that the page asked
stands in the trail.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from models.permission import Permission, current_permission
from models.purposes import Purpose, PurposeRegistry
from models.store import corrections, offers, permission_events
from models.taxonomy import LifeEvent, Taxonomy
from serving.answers import Answer
from serving.care import Detection
from serving.contact.complaints import Complaint, ComplaintDesk
from serving.contact.promise import default_complaint_rule
from serving.desk import Desk
from serving.gate import Question
from serving.offers import HeldBack
from serving.pages.asking import page_client
from serving.pages.choices import notice_language
from serving.pages.evidence import Evidence, find_evidence
from serving.pages.settings import PageSettings
from serving.pages.visitors import Visitor
from serving.pages.words import Language
from serving.problems import ProblemError

_ROLE = "customer_page"  # of the purpose registry
_MOST_HISTORY = 20
# What may end between looking at permission and asking, and a customer about whom nothing is known yet.
_NOTHING_TOLD = frozenset({403, 404})


@dataclass(frozen=True, slots=True)
class SentOffer:
    """An offer that an engine reported, or what became of it."""

    product: str
    state: str
    answer: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Use:
    """What one purpose does with an event: products that may be shown now, and those that are held back."""

    purpose: str
    has_products: bool
    products: tuple[str, ...]
    held: tuple[HeldBack, ...]


@dataclass(frozen=True, slots=True)
class EventSeen:
    """One life event: the bookings it rests on, what was concluded, and which purposes and offers used it."""

    event: LifeEvent
    detection: Detection
    evidence: Evidence
    uses: tuple[Use, ...]
    sent: tuple[SentOffer, ...]

    @property
    def is_care(self) -> bool:
        """Whether nothing is ever sold on it."""
        return self.event.offer_class == "C"


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One event of the permission ledger."""

    action: str
    channel: str
    at: datetime
    notice_version: str


@dataclass(frozen=True, slots=True)
class PurposeSeen:
    """One purpose: what holds now, and how it came about, the latest first."""

    purpose: Purpose
    held: Permission
    history: tuple[HistoryLine, ...]

    def notice(self, language: Language) -> str:
        """The text in force, as it is shown on a page of this language."""
        return self.purpose.notice_text(notice_language(self.purpose, language))

    def notice_language(self, language: Language) -> str:
        """The language of that text."""
        return notice_language(self.purpose, language)


@dataclass(frozen=True, slots=True)
class Corrected:
    """An event that the customer called wrong."""

    event: str
    onset_date: date | None
    correction: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CustomerView:
    """Everything on the page of one customer."""

    events: tuple[EventSeen, ...]
    purposes: tuple[PurposeSeen, ...]
    corrected: tuple[Corrected, ...]
    complaints: tuple[Complaint, ...]
    taxonomy: Taxonomy


def build_view(desk: Desk, pages: PageSettings, visitor: Visitor, *, now: datetime) -> CustomerView:
    """Look at everything once; of what a customer does not allow nothing is asked."""
    customer_id = visitor.customer_id
    release = desk.gate.releases.current()
    with desk.store.read() as connection:
        registry = desk.gate.registry.in_force(connection)
        purposes = _find_purposes(connection, customer_id, registry, now=now)
        sent = _find_sent(connection, customer_id)
        corrected = _find_corrected(connection, customer_id)
        complaints = complaint_desk(desk).of_customer(connection, customer_id)
    answers = [(seen.purpose, _ask(desk, visitor, registry, seen)) for seen in purposes if _is_asked(seen)]
    told = [(purpose, answer) for purpose, answer in answers if answer is not None]
    found = {found: None for _, answer in told for found in answer.judgement.events}
    evidence = find_evidence(
        found, customer_id=customer_id, source=pages.bookings, release=release, explain=pages.explain
    )
    events = [
        EventSeen(
            release.taxonomy.event(one.event), one, evidence[one], _uses(one, told), tuple(sent.get(one.event, ()))
        )
        for one in sorted(found, key=_key, reverse=True)
    ]
    return CustomerView(tuple(events), purposes, corrected, complaints, release.taxonomy)


def complaint_desk(desk: Desk) -> ComplaintDesk:
    """Complaints under the rule that ships with Levensloop, as `/v1/complaints` takes them."""
    return ComplaintDesk(default_complaint_rule(), desk.letters)


def _find_purposes(
    connection: sa.Connection, customer_id: str, registry: PurposeRegistry, *, now: datetime
) -> tuple[PurposeSeen, ...]:
    rows = connection.execute(
        sa.select(permission_events).filter_by(customer_id=customer_id).order_by(permission_events.c.version.desc())
    ).mappings()
    history: dict[str, list[HistoryLine]] = {}
    for row in rows:
        line = HistoryLine(row["action"], row["channel"], row["at"], row["notice_version"])
        history.setdefault(row["purpose"], []).append(line)
    return tuple(
        PurposeSeen(
            purpose,
            current_permission(connection, customer_id, purpose.id, registry=registry, at=now),
            tuple(history.get(purpose.id, ())[:_MOST_HISTORY]),
        )
        for purpose in registry.purposes
    )


def _is_asked(seen: PurposeSeen) -> bool:
    return seen.held.allowed and bool(seen.purpose.event_classes) and _ROLE in seen.purpose.clients


def _ask(desk: Desk, visitor: Visitor, registry: PurposeRegistry, seen: PurposeSeen) -> Answer | None:
    """What the gate tells for a purpose; None when it tells nothing (any more)."""
    question = Question(visitor.customer_id, seen.purpose.id, page_client(visitor, registry.ids))
    try:
        return desk.gate.answer(question)
    except ProblemError as error:
        if error.problem.status in _NOTHING_TOLD:
            return None
        raise


def _uses(found: Detection, told: Sequence[tuple[Purpose, Answer]]) -> tuple[Use, ...]:
    uses = []
    for purpose, answer in told:
        judgement = answer.judgement
        if found not in judgement.events:
            continue
        mine = [offer for offer in judgement.choice.offers if (offer.onset_date, offer.event) == _key(found)]
        held = tuple(one for one in judgement.choice.held_back if one.event == found.event)
        uses.append(Use(purpose.id, purpose.products, tuple(offer.product.id for offer in mine), held))
    return tuple(uses)


def _key(found: Detection) -> tuple[date, str]:
    return found.onset_date, found.event


def _find_sent(connection: sa.Connection, customer_id: str) -> Mapping[str, list[SentOffer]]:
    """Reports about offers by event, the latest first; of what never reached the customer there is nothing to say."""
    found = sa.select(offers).filter_by(customer_id=customer_id).order_by(offers.c.id.desc())
    rows = connection.execute(found).mappings().all()
    arrived = {(row["event"], row["product"]) for row in rows if row["state"] == "sent"}
    sent: dict[str, list[SentOffer]] = {}
    for row in (row for row in rows if (row["event"], row["product"]) in arrived):
        sent.setdefault(row["event"], []).append(
            SentOffer(row["product"], row["state"], row["answer"] or "", row["at"])
        )
    return sent


def _find_corrected(connection: sa.Connection, customer_id: str) -> tuple[Corrected, ...]:
    rows = connection.execute(
        sa.select(corrections).filter_by(customer_id=customer_id).order_by(corrections.c.id.desc())
    ).mappings()
    return tuple(Corrected(row["event"], row["onset_date"], row["correction"], row["at"]) for row in rows)
