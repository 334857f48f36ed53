"""What an engine reports about offers: that it sends one, and what the customer said to it.

A report is judged as the offer was: permission first, then care, caps and hours of today, because a day can lie between
selecting and sending. What is refused stands in the trail; what was sent all the same counts for the customer's caps
and is found by the nightly reconciliation.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from models.permission import PermissionEvent, current_permission
from models.purposes import AMSTERDAM
from models.recalls import ENDING, OpenOffer, find_open_offers
from models.recording import record_permission
from models.store import offers, permission_events
from models.trail import TrailRow, append_trail
from serving.answers import rfc3339, window_body
from serving.care import CustomerFacts, Detection, find_sales_block
from serving.clients import Client
from serving.corrections import CorrectionRequest, find_corrected, record_correction
from serving.gate import Gate, age_detections
from serving.offers import choose_offers
from serving.problems import Problem, ProblemError, refuse
from serving.schemas import CustomerId, Day, Moment, Name, Request
from serving.send_window import find_send_window

SENT, ANSWERED, NOT_SENT = "offer_sent", "offer_answered", "offer_refused"
OfferAnswer = Literal["yes", "no", "not_now", "wrong", "stop"]
_ENDED = (
    sa.select(permission_events.c.version)
    .where(
        permission_events.c.customer_id == sa.bindparam("customer_id"),
        permission_events.c.purpose == sa.bindparam("purpose"),
        permission_events.c.version > sa.bindparam("version"),
        permission_events.c.action.in_(ENDING),
    )
    .limit(1)
)


class OfferSentRequest(Request):
    """This offer goes out now. `sent_at` says that it is out already, and when."""

    customer_id: CustomerId
    purpose: Name = "own_product_offers"
    event: Name
    onset_date: Day
    product: Name
    sent_at: Moment | None = None


class OfferAnsweredRequest(Request):
    """What a customer said to a sent offer; `wrong`: the event is not right, `stop`: no offers any more."""

    customer_id: CustomerId
    event: Name
    product: Name
    answer: OfferAnswer


class PermissionCheckRequest(Request):
    """May what was selected under this permission version still be sent?"""

    customer_id: CustomerId
    purpose: Name
    version: int


@dataclass(frozen=True)
class OfferDesk:
    """Reports about offers, judged by the rules of one gate; each method works inside one `store.write()`."""

    gate: Gate

    def check(self, connection: sa.Connection, asked: PermissionCheckRequest, *, now: datetime) -> dict[str, Any]:
        """Whether what was selected under a version may be sent now.

        A permission that was taken back and given again is another one: what was selected before it was recalled.
        """
        held = self._permission(connection, asked.customer_id, asked.purpose, now=now)
        because: str = held.because
        if held.allowed and not 0 < asked.version <= held.version:
            because = "version_unknown"  # first: no database has a place for every whole number
        elif held.allowed and has_ended_since(connection, asked.customer_id, asked.purpose, asked.version):
            because = "ended_since"
        allowed = held.allowed and because == held.because
        return {
            "customer_id": asked.customer_id,
            "purpose": asked.purpose,
            "allowed": allowed,
            "version": held.version,
            "valid_until": rfc3339(held.valid_until) if allowed else None,
            "because": because,
        }

    def send(self, connection: sa.Connection, asked: OfferSentRequest, *, client: str, now: datetime) -> dict[str, Any]:
        """Record an offer as sent.

        Raises
        ------
        ProblemError
            403: the permission is not there (any more). 409: something holds it back today, `reason` says what.
            422: `sent_at` lies in the future or too far back. Record 403 and 409 with `record_refusal`.
        """
        at = self._moment_of(asked, now=now)
        made = self._require_permission(connection, asked, now=now)
        self._require_free(connection, asked, at=at, now=now)
        body = {
            "purpose": asked.purpose, "event": asked.event, "product": asked.product,
            "permission_version": made.permission_version, "made_in": made.seq, "client": client,
        }  # fmt: skip
        row = append_trail(connection, SENT, body, personal={"customer_id": asked.customer_id}, at=now)
        _keep(connection, asked, state="sent", at=at, version=made.permission_version, seq=row.seq)
        return {
            "customer_id": asked.customer_id,
            "event": asked.event,
            "product": asked.product,
            "sent_at": rfc3339(at),
            "permission_version": made.permission_version,
            "trail": {"seq": row.seq, "hash": row.hash},
        }

    def record_refusal(
        self, connection: sa.Connection, asked: OfferSentRequest, problem: Problem, *, client: str, now: datetime
    ) -> TrailRow:
        """Keep in the trail that a report was refused; an offer that is out already counts as sent."""
        why = problem.extra.get("reason", problem.kind)
        known = asked.purpose if asked.purpose in self.gate.registry.in_force(connection).ids else "unregistered"
        body = {
            "purpose": known,
            "outcome": problem.kind,
            "reason": why,
            "is_out": asked.sent_at is not None,
            "client": client,
        }
        row = append_trail(connection, NOT_SENT, body, personal={"customer_id": asked.customer_id}, at=now)
        if asked.sent_at is not None and not _is_kept(connection, asked):
            _keep(connection, asked, state="sent", at=asked.sent_at, version=None, seq=row.seq, refused=why)
        return row

    def answer(
        self,
        connection: sa.Connection,
        asked: OfferAnsweredRequest,
        *,
        client: Client,
        now: datetime,
    ) -> dict[str, Any]:
        """Record what the customer said; `stop` is an objection and `wrong` a correction, both from now on.

        Raises
        ------
        ProblemError
            404: no such offer was reported as sent.
        """
        mine = sa.select(offers).filter_by(customer_id=asked.customer_id, event=asked.event, product=asked.product)
        sent = connection.execute(mine.where(offers.c.state == "sent").order_by(offers.c.id.desc())).mappings().first()
        if sent is None:
            raise refuse(404, "offer-unknown", "No such offer was reported as sent to this customer. Report it first.")
        client.require_purpose(str(sent["purpose"]))
        body = {"event": asked.event, "product": asked.product, "answer": asked.answer}
        row = append_trail(
            connection, ANSWERED, {**body, "client": client.name}, personal={"customer_id": asked.customer_id}, at=now
        )
        kept = {name: sent[name] for name in ("customer_id", "purpose", "event", "product", "onset_date")}
        version = sent["permission_version"]
        connection.execute(
            offers.insert(),
            {**kept, "state": "answered", "answer": asked.answer, "permission_version": version, "trail_seq": row.seq,
             "at": now},
        )  # fmt: skip
        if asked.answer == "stop":
            self._object(connection, asked.customer_id, str(sent["purpose"]), client=client, now=now)
        if asked.answer == "wrong" and sent["onset_date"] is not None:
            wrong = CorrectionRequest.model_construct(
                customer_id=asked.customer_id, event=asked.event, onset_date=sent["onset_date"],
                correction="not_right", evidence=[], remark=None,
            )  # fmt: skip
            record_correction(
                connection, wrong, taxonomy=self.gate.releases.current().taxonomy, client=client.name, now=now
            )
        return {**body, "customer_id": asked.customer_id, "trail": {"seq": row.seq, "hash": row.hash}}

    def _moment_of(self, asked: OfferSentRequest, *, now: datetime) -> datetime:
        at = asked.sent_at or now
        if at > now or now - at > timedelta(minutes=self.gate.policy.report_minutes):
            raise refuse(
                422, "sent-at-not-now",
                f"An offer is reported when it is sent, or at most {self.gate.policy.report_minutes} minutes later.",
            )  # fmt: skip
        return at

    def _permission(self, connection: sa.Connection, customer_id: str, purpose: str, *, now: datetime) -> Any:
        registry = self.gate.registry.in_force(connection)
        if purpose not in registry.ids:
            raise refuse(403, "purpose-unknown", "This purpose is not registered.")
        return current_permission(connection, customer_id, purpose, registry=registry, at=now)

    def _require_permission(self, connection: sa.Connection, asked: OfferSentRequest, *, now: datetime) -> OpenOffer:
        """The answer that made this offer, under a permission that still holds."""
        held = self._permission(connection, asked.customer_id, asked.purpose, now=now)
        if not held.allowed:
            raise refuse(
                403, "permission-refused", "This customer does not allow this purpose now. Do not send the offer.",
                because=held.because,
            )  # fmt: skip
        valid = timedelta(hours=self.gate.registry.in_force(connection).purpose(asked.purpose).valid_hours)
        for offer in find_open_offers(connection, asked.customer_id, at=now):
            if (offer.purpose, offer.event, offer.product) != (asked.purpose, asked.event, asked.product):
                continue
            if has_ended_since(connection, asked.customer_id, asked.purpose, offer.permission_version):
                raise refuse(
                    403, "permission-refused", "The permission this offer was made under has ended. Ask again.",
                    because="ended_since",
                )  # fmt: skip
            if offer.is_sent or now - offer.at <= valid:
                return offer
        raise _held(
            "offer_not_made",
            "No valid answer made this offer, or it was recalled. Ask for the customer's events again.",
        )

    def _require_free(self, connection: sa.Connection, asked: OfferSentRequest, *, at: datetime, now: datetime) -> None:
        """Care, caps, earlier answers, corrections, kill switches and hours, as they stand today."""
        reason = self._reason_today(connection, asked, now=now)
        if reason is not None:
            raise _held(reason, "Something holds this offer back today. Do not send it.")
        window = find_send_window(self.gate.policy.hours, at=at)
        if not window.holds(at):
            raise _held(
                "quiet_hours", "Offers are not sent now. Send it inside the window.", send_window=window_body(window)
            )

    def _reason_today(self, connection: sa.Connection, asked: OfferSentRequest, *, now: datetime) -> str | None:
        gate, customer_id = self.gate, asked.customer_id
        taxonomy, today = gate.releases.current().taxonomy, now.astimezone(AMSTERDAM).date()
        if asked.event in gate.switches.stopped(connection):
            return "event_stopped"
        corrected = find_corrected(connection, customer_id, days=gate.policy.same_event_days)
        if corrected.holds(asked.event, asked.onset_date):
            return "corrected"
        facts = gate.records.find_customer(connection, customer_id) or CustomerFacts(customer_id)
        nightly = gate.records.find_nightly_run(connection, customer_id, as_of=today)
        block = find_sales_block(
            age_detections(nightly, as_of=today, taxonomy=taxonomy), facts, as_of=today, taxonomy=taxonomy,
            block_days=gate.policy.care_block_days,
        )  # fmt: skip
        event = Detection(asked.event, asked.onset_date, today, 1.0, "open", ())
        choice = choose_offers(
            [event], facts, block=block, history=gate.records.find_history(connection, customer_id), as_of=today,
            today=today, taxonomy=taxonomy, cap_days=gate.policy.offer_cap_days,
        )  # fmt: skip
        held = {one.product: one.reason for one in choice.held_back}
        # Another product of the event comes first today; this one was made when it did not, which is no reason.
        return None if held.get(asked.product) == "one_offer_per_event" else held.get(asked.product)

    def _object(
        self, connection: sa.Connection, customer_id: str, purpose: str, *, client: Client, now: datetime
    ) -> None:
        event = PermissionEvent(
            customer_id=customer_id, purpose=purpose, action="objected", channel="offer", actor="customer", at=now
        )
        record_permission(connection, event, self.gate.registry.in_force(connection), at=now, client=client.name)


def has_ended_since(connection: sa.Connection, customer_id: str, purpose: str, version: int) -> bool:
    """Whether a withdrawal, an objection or an expiry came after a permission version."""
    asked = {"customer_id": customer_id, "purpose": purpose, "version": version}
    return connection.execute(_ENDED, asked).first() is not None


def is_recorded(error: ProblemError) -> bool:
    """Whether the refusal of a report belongs in the trail."""
    return error.problem.status in (403, 409)


def _held(reason: str, detail: str, **extra: Any) -> ProblemError:
    return refuse(409, "offer-held-back", detail, reason=reason, **extra)


def _keep(
    connection: sa.Connection,
    asked: OfferSentRequest,
    *,
    state: str,
    at: datetime,
    version: int | None,
    seq: int,
    refused: str | None = None,
) -> None:
    row = asked.model_dump(include={"customer_id", "purpose", "event", "onset_date", "product"})
    given = {"permission_version": version, "trail_seq": seq, "refused": refused, "state": state, "at": at}
    connection.execute(offers.insert(), {**row, **given})


def _is_kept(connection: sa.Connection, asked: OfferSentRequest) -> bool:
    """Whether this very sending is there already: a refused report that is repeated is one sending."""
    same = sa.select(offers.c.id).filter_by(
        customer_id=asked.customer_id, event=asked.event, product=asked.product, at=asked.sent_at, state="sent"
    )
    return connection.execute(same).first() is not None
