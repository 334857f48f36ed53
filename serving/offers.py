"""Which own product may be offered on which event, and why every other one is held back.

Pure: events, facts and sent offers in, offers and held-back offers out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from models.taxonomy import LifeEvent, Product, Taxonomy
from serving.care import CustomerFacts, Detection, SalesBlock

HeldReason = (
    SalesBlock
    | Literal[
        "offer_in_last_days",
        "event_had_offer",
        "already_held",
        "refused_before",
        "accepted_before",
        "never_on_event",
        "too_early",
        "one_offer_per_event",
        "one_offer_per_customer",
    ]
)


@dataclass(frozen=True, slots=True)
class SentOffer:
    """An offer that the engine reported as sent."""

    event: str
    product: str
    sent_on: date


@dataclass(frozen=True, slots=True)
class History:
    """What became of earlier offers to a customer: those sent, and the products that were refused or accepted."""

    sent: tuple[SentOffer, ...] = ()
    refused: frozenset[str] = frozenset()
    accepted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Offer:
    """An own product on an event: `offer` for class S, `link` below neutral information for class L."""

    event: str
    onset_date: date
    product: Product
    form: Literal["offer", "link"]


@dataclass(frozen=True, slots=True)
class HeldBack:
    """An offer that the taxonomy names but that is not made, with the reason and, where known, the first day for it."""

    event: str
    product: str
    reason: HeldReason
    not_before: date | None = None


@dataclass(frozen=True, slots=True)
class OfferChoice:
    """What is offered and what is held back; together every product that the events name, each once per event."""

    offers: tuple[Offer, ...]
    held_back: tuple[HeldBack, ...]


def choose_offers(
    detections: Sequence[Detection],
    facts: CustomerFacts,
    *,
    block: SalesBlock | None,
    history: History,
    as_of: date,
    today: date,
    taxonomy: Taxonomy,
    cap_days: int,
) -> OfferChoice:
    """Choose at most one offer per event and one for the customer.

    Parameters
    ----------
    detections : sequence of Detection
        Current events only.
    block : str or None
        Why nothing may be offered at all.
    history : History
        Every offer reported as sent to this customer, and what the customer said to it.
    as_of, today : date
        Waiting days of a product are counted up to `as_of`, the cap up to `today`: looking back makes no room.
    cap_days : int
        A sent offer blocks the next one for this many days.

    Notes
    -----
    When several events could carry an offer, the one detected last wins, then the likelier, then the lower number in
    the taxonomy; the others are held back, so that an engine that sends everything it gets keeps the cap too.
    """
    capped: HeldReason | None = block
    if capped is None and any((today - offer.sent_on).days < cap_days for offer in history.sent):
        capped = "offer_in_last_days"
    offers: list[Offer] = []
    held: list[HeldBack] = []
    for detection in sorted(detections, key=lambda found: _rank(found, taxonomy)):
        offer, kept = _judge_event(detection, facts, capped=capped, history=history, as_of=as_of, taxonomy=taxonomy)
        held += kept
        if offer is not None and offers:
            held.append(HeldBack(offer.event, offer.product.id, "one_offer_per_customer"))
        elif offer is not None:
            offers.append(offer)
    return OfferChoice(tuple(offers), tuple(held))


def _rank(detection: Detection, taxonomy: Taxonomy) -> tuple[int, float, int]:
    return -detection.detected_on.toordinal(), -detection.probability, taxonomy.event(detection.event).number


def _judge_event(
    detection: Detection,
    facts: CustomerFacts,
    *,
    capped: HeldReason | None,
    history: History,
    as_of: date,
    taxonomy: Taxonomy,
) -> tuple[Offer | None, list[HeldBack]]:
    """The first product that may be offered on this event, and the rest with their reasons."""
    event = taxonomy.event(detection.event)
    if event.offer_class == "C":
        return None, []
    had_offer = any(o.event == event.id and o.sent_on >= detection.onset_date for o in history.sent)
    whole: HeldReason | None = capped or ("event_had_offer" if had_offer else None)
    offer: Offer | None = None
    held: list[HeldBack] = []
    for offerable in event.products:
        product = taxonomy.product(offerable.product)
        first_day = detection.onset_date + timedelta(days=offerable.after_days)
        reason = whole or _judge_product(product, event, facts, history=history, first_day=first_day, as_of=as_of)
        if reason is None and offer is not None:
            reason = "one_offer_per_event"
        if reason is None:
            offer = Offer(event.id, detection.onset_date, product, "offer" if event.offer_class == "S" else "link")
        else:
            held.append(HeldBack(event.id, product.id, reason, first_day if reason == "too_early" else None))
    return offer, held


def _judge_product(
    product: Product, event: LifeEvent, facts: CustomerFacts, *, history: History, first_day: date, as_of: date
) -> HeldReason | None:
    if product.id in event.never or product.kind in event.never:
        return "never_on_event"
    if product.id in facts.products_held:
        return "already_held"
    if product.id in history.refused:
        return "refused_before"
    if product.id in history.accepted:
        return "accepted_before"
    return "too_early" if as_of < first_day else None
