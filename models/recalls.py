"""Taking offers back: when a permission ends, engines learn it from the outbox, in the transaction that ended it.

An engine may hold offers that it was told and has not sent yet, and offers that are sent and not answered. Both are
named in one message. Messages are kept until they were read; reading one twice does no harm, for each has its number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from models.canonical import canonical_json
from models.errors import IntegrityError
from models.permission import PermissionEvent
from models.purposes import Purpose, PurposeRegistry, default_purposes
from models.store import offers, outbox, trail, trail_commitments
from models.trail import append_trail, read_row_body

ENDING = frozenset({"withdrawn", "objected", "expired"})
RECALLED = "offers_recalled"
# The word of the purpose registry for who sends offers.
ENGINE = "offer_engine"
# Who asks for the customer's own page; what the customer reads there is no offer that an engine holds.
PAGES = "(pages)"
# The trail kind of an answer that may have made offers (`serving.gate`).
ANSWERED = "events_answered"
_ANSWERS = (
    sa.select(trail.c.seq, trail.c.at, trail.c.body)
    .join(trail_commitments, trail_commitments.c.seq == trail.c.seq)
    .where(
        trail_commitments.c.name == "customer_id",
        trail_commitments.c.value == sa.bindparam("customer_id"),
        trail.c.kind == ANSWERED,
        trail.c.at >= sa.bindparam("since"),
    )
    .order_by(trail.c.seq.desc())
)
_REPORTS = sa.select(offers).where(offers.c.customer_id == sa.bindparam("customer_id")).order_by(offers.c.id)


@dataclass(frozen=True, slots=True)
class MadeOffer:
    """An offer that an answer held, by the trail: under which permission it was made, and in which row that stands."""

    purpose: str
    event: str
    product: str
    permission_version: int
    seq: int
    at: datetime


@dataclass(frozen=True, slots=True)
class OpenOffer:
    """An offer that is still out there: told to an engine, or sent to the customer and not answered."""

    purpose: str
    event: str
    product: str
    permission_version: int
    seq: int  # the trail row of the answer or of the report
    at: datetime
    onset_date: date | None = None
    is_sent: bool = False


def find_made_offers(connection: sa.Connection, customer_id: str, *, since: datetime) -> list[MadeOffer]:
    """Offers in answers to engines about a customer since a moment, the newest first."""
    made = []
    for row in connection.execute(_ANSWERS, {"customer_id": customer_id, "since": since}):
        try:
            made += _made_in(row.seq, row.at, read_row_body(row.body))
        except (IntegrityError, KeyError, ValueError):
            # A damaged row is for `trail verify` to name; it must not keep a customer from withdrawing.
            continue
    return made


def _made_in(seq: int, at: datetime, body: Mapping[str, Any]) -> list[MadeOffer]:
    if body.get("client") == PAGES:
        return []
    pairs = [named.split("/") for named in body["offers"]]
    version = int(body["permission_version"])
    return [MadeOffer(str(body["purpose"]), event, product, version, seq, at) for event, product in pairs]


def find_open_offers(
    connection: sa.Connection, customer_id: str, *, at: datetime, registry: PurposeRegistry | None = None
) -> list[OpenOffer]:
    """Offers that somebody may still send or answer: made and still valid, or sent and neither answered nor recalled.

    An offer that was made counts for as long as its answer is valid; after that the engine has to ask again.
    """
    registry = registry or default_purposes()
    longest = max(purpose.valid_hours for purpose in registry.purposes)
    found: dict[tuple[str, str], OpenOffer] = {}
    for made in reversed(find_made_offers(connection, customer_id, since=at - timedelta(hours=longest))):
        found[made.event, made.product] = OpenOffer(**asdict(made))
    for row in connection.execute(_REPORTS, {"customer_id": customer_id}).mappings():
        key, seq = (row["event"], row["product"]), row["trail_seq"] or 0
        if key in found and found[key].seq > seq:
            continue  # made again after this report
        found.pop(key, None)
        if row["state"] == "sent":
            found[key] = OpenOffer(
                row["purpose"] or "", *key, row["permission_version"] or 0, seq, row["at"], row["onset_date"], True
            )
    return list(found.values())


def recall_offers(
    connection: sa.Connection,
    customer_id: str,
    *,
    because: str,
    at: datetime,
    purpose: str | None = None,
    version: int | None = None,
) -> int:
    """Take back a customer's open offers, of one purpose or of all, inside the `store.write()` that ends them.

    The message goes out also when no offer is known to be open: an engine may hold the events of an answer.

    Parameters
    ----------
    because : str
        A ledger action, or what else ended them: open_complaint, arrears, erased, not_right, not_mine.
    version : int, optional
        The permission version that ended them.

    Returns
    -------
    int
        How many offers were taken back.
    """
    opened = find_open_offers(connection, customer_id, at=at)
    mine = [offer for offer in opened if purpose in (None, offer.purpose)]
    _take_back(connection, customer_id, mine, because=because, at=at, purpose=purpose, version=version)
    return len(mine)


def recall_ended(
    connection: sa.Connection, event: PermissionEvent, purpose: Purpose, version: int, *, at: datetime
) -> None:
    """Take back what was offered under a permission that an event ends, where an engine may ask for its purpose."""
    if event.action in ENDING and ENGINE in purpose.clients:
        recall_offers(
            connection, event.customer_id, because=event.action, at=at, purpose=event.purpose, version=version
        )


def recall_event(connection: sa.Connection, customer_id: str, event: str, *, because: str, at: datetime) -> int:
    """Take back a customer's open offers on one event; no message when there are none."""
    mine = [offer for offer in find_open_offers(connection, customer_id, at=at) if offer.event == event]
    if mine:
        _take_back(connection, customer_id, mine, because=because, at=at, purpose=None, version=None)
    return len(mine)


def _take_back(
    connection: sa.Connection,
    customer_id: str,
    mine: Sequence[OpenOffer],
    *,
    because: str,
    at: datetime,
    purpose: str | None,
    version: int | None,
) -> None:
    """The message to engines; where offers are open, a row in the trail and one per offer too."""
    told = {"purpose": purpose, "because": because, "permission_version": version}
    if mine:
        body = {**told, "offers": len(mine)}
        row = append_trail(connection, RECALLED, body, personal={"customer_id": customer_id}, at=at)
        connection.execute(offers.insert(), [_recalled_row(customer_id, offer, row.seq, at=at) for offer in mine])
    named = [
        {"event": offer.event, "product": offer.product, "state": "sent" if offer.is_sent else "made"} for offer in mine
    ]
    message = {"customer_id": customer_id, **told, "offers": named}
    connection.execute(outbox.insert(), {"topic": RECALLED, "body": canonical_json(message), "at": at})


def _recalled_row(customer_id: str, offer: OpenOffer, seq: int, *, at: datetime) -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "purpose": offer.purpose,
        "event": offer.event,
        "product": offer.product,
        "onset_date": offer.onset_date,
        "permission_version": offer.permission_version,
        "state": "recalled",
        "trail_seq": seq,
        "at": at,
    }
