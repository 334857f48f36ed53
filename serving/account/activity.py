"""What the trail says was answered, refused, offered, recalled and corrected, by month. The trail names nobody."""

from collections import defaultdict
from typing import Any

import sqlalchemy as sa

from models.recalls import PAGES, RECALLED
from models.store import complaints, offers, trail
from models.trail import read_row_body
from serving.account.hiding import tell_months

_KINDS = (
    "events_answered", "events_refused", "offer_sent", "offer_answered", "offer_refused", RECALLED,
    "correction_recorded", "customer_erased", "customer_exported",
)  # fmt: skip
_ROWS = sa.select(trail.c.kind, trail.c.at, trail.c.body).where(trail.c.kind.in_(_KINDS)).order_by(trail.c.seq)
_ROWS_AT_ONCE = 10_000


def count_activity(connection: sa.Connection) -> dict[str, Any]:
    """Counts by what and month (UTC), each kind under its own name."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for kind, at, text in connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(_ROWS):
        body, month = read_row_body(text), at.strftime("%Y-%m")
        for name, what in _tell(kind, body):
            found[name].append((what, month))
    rows = connection.execute(sa.select(complaints.c.at, complaints.c.closed_at))
    found["complaints"] = [("closed" if closed else "open", at.strftime("%Y-%m")) for at, closed in rows]
    names = (
        "answers", "refusals", "offers_made", "offers_sent", "offers_answered", "offer_reports_refused", "recalls",
        "corrections", "complaints", "erasures", "exports",
    )  # fmt: skip
    return {name: tell_months(found[name]) for name in names}


def count_recalled_offers(connection: sa.Connection) -> dict[str, Any]:
    """Recalled offers by month."""
    rows = connection.execute(sa.select(offers.c.at).where(offers.c.state == "recalled")).scalars()
    return tell_months(("recalled", at.strftime("%Y-%m")) for at in rows)


def _tell(kind: str, body: dict[str, Any]) -> list[tuple[str, str]]:
    """Under which names a row is counted, and as what."""
    purpose = str(body.get("purpose") or "all")
    match kind:
        case "events_answered":
            made = [("offers_made", purpose)] * (0 if body.get("client") == PAGES else len(body["offers"]))
            return [("answers", purpose), *made]
        case "events_refused":
            return [("refusals", str(body["outcome"]))]
        case "offer_sent":
            return [("offers_sent", purpose)]
        case "offer_answered":
            return [("offers_answered", str(body["answer"]))]
        case "offer_refused":
            return [("offer_reports_refused", str(body["reason"]))]
        case "correction_recorded":
            return [("corrections", str(body["correction"]))]
        case "customer_erased":
            return [("erasures", "erased")]
        case "customer_exported":
            return [("exports", "exported")]
        case _:
            return [("recalls", str(body["because"]))]
