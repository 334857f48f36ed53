"""What leaves the service: the answer to an offer engine and the trail row beside it, built from judged values.

The answer holds event ids, days, booking ids and sentences of the taxonomy. The trail row holds less: no booking id and
no customer id (the customer is a salted commitment), only what somebody needs to see which answer left under which
permission and release.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from models.taxonomy import Taxonomy
from serving.care import Detection
from serving.offers import HeldBack, Offer, OfferChoice
from serving.policy import Sentence
from serving.send_window import SendWindow


@dataclass(frozen=True, slots=True)
class GrantedPermission:
    """The permission an answer rests on; the asker has to ask again after `valid_until`."""

    regime: str
    notice_version: str
    version: int
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is told of one customer: current events, what is offered on them, and how much was looked at.

    `release_id` and `model_version` are of the release that detected: for stored detections that of their nightly run.
    """

    as_of: date
    release_id: str
    model_version: str
    events: tuple[Detection, ...]
    choice: OfferChoice
    bookings_count: int
    detections_count: int


@dataclass(frozen=True, slots=True)
class TrailPlace:
    """Where the trail holds this answer: position in the chain and hash of the row."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as the HTTP contract has it; reasons and products are those of `taxonomy`, the one in force."""

    customer_id: str
    purpose: str
    permission: GrantedPermission
    taxonomy: Taxonomy
    judgement: Judgement
    trail: TrailPlace
    send_window: SendWindow

    def body(self, because: Sentence) -> dict[str, Any]:
        """The JSON members of the answer; `because` is the sentence of the regime."""
        return {
            "customer_id": self.customer_id,
            "purpose": self.purpose,
            "as_of": self.judgement.as_of.isoformat(),
            "permission": permission_granted(self.permission),
            "release": {"model_version": self.judgement.model_version, "taxonomy_version": self.taxonomy.version},
            "events": [
                _event_body(found, self.judgement.choice.offers, self.taxonomy, because, self.send_window)
                for found in self.judgement.events
            ],
            "held_back": [_held_body(held) for held in self.judgement.choice.held_back],
            "trail": {"seq": self.trail.seq, "hash": self.trail.hash},
        }


def build_trail_body(
    purpose: str,
    judgement: Judgement,
    *,
    client: str,
    permission_version: int,
    policy_version: str,
    registry_sha256: str,
) -> dict[str, Any]:
    """The content of the trail row of an answer: counts and ids of ours, nothing of a booking."""
    return {
        "outcome": "answered",
        "client": client,
        "purpose": purpose,
        "as_of": judgement.as_of.isoformat(),
        "permission_version": permission_version,
        "purposes": registry_sha256,
        "release": judgement.release_id,
        "policy": policy_version,
        "bookings": judgement.bookings_count,
        "detections": judgement.detections_count,
        "events": [found.event for found in judgement.events],
        "offers": [f"{offer.event}/{offer.product.id}" for offer in judgement.choice.offers],
        "held_back": len(judgement.choice.held_back),
    }


def rfc3339(at: datetime | None) -> str | None:
    """A moment in UTC, to the second, as RFC 3339 has it."""
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def permission_granted(permission: GrantedPermission) -> dict[str, Any]:
    """The permission of an answer as JSON."""
    return {
        "regime": permission.regime,
        "notice_version": permission.notice_version,
        "version": permission.version,
        "valid_until": rfc3339(permission.valid_until),
    }


def window_body(window: SendWindow) -> dict[str, str | None]:
    """A send window as JSON."""
    return {"not_before": rfc3339(window.not_before), "not_after": rfc3339(window.not_after)}


def _event_body(
    found: Detection, offers: tuple[Offer, ...], taxonomy: Taxonomy, because: Sentence, window: SendWindow
) -> dict[str, Any]:
    event = taxonomy.event(found.event)
    mine = [offer for offer in offers if (offer.event, offer.onset_date) == (found.event, found.onset_date)]
    return {
        "event": found.event,
        "onset_date": found.onset_date.isoformat(),
        "detected_on": found.detected_on.isoformat(),
        "probability": found.probability,
        "status": found.status,
        "offer_class": event.offer_class,
        "evidence": list(found.evidence),
        "reason": {"nl": f"{event.reason_nl} {because.nl}", "en": f"{event.reason_en} {because.en}"},
        "offers": [
            {
                "product": offer.product.id,
                "kind": offer.product.kind,
                "name": {"nl": offer.product.nl, "en": offer.product.en},
                "form": offer.form,
                "send_window": window_body(window),
            }
            for offer in mine
        ],
    }


def _held_body(held: HeldBack) -> dict[str, Any]:
    first_day = {} if held.not_before is None else {"not_before": held.not_before.isoformat()}
    return {"event": held.event, "product": held.product, "reason": held.reason, **first_day}
