"""What a customer says about an inferred event: "not right" or "not mine". From this answer on it is never shown.

A correction is also a label for a person's review: `levensloop corrections` writes them for `levensloop review`.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field

from models.canonical import canonical_json
from models.prepared import Prepared
from models.recalls import recall_event
from models.store import corrections, detections
from models.taxonomy import Taxonomy
from models.trail import append_trail
from serving.problems import refuse
from serving.schemas import CustomerId, Day, Name, Request, Text

CORRECTED = "correction_recorded"
Correction = Literal["not_right", "not_mine"]
_FIND = Prepared(
    sa.select(corrections.c.event, corrections.c.onset_date).where(
        corrections.c.customer_id == sa.bindparam("customer_id")
    )
)


class CorrectionRequest(Request):
    """This event is wrong (`not_right`) or about somebody else (`not_mine`)."""

    customer_id: CustomerId
    event: Name
    onset_date: Day
    correction: Correction
    evidence: Annotated[list[Text], Field(default_factory=list, max_length=500)]
    remark: Text | None = None


@dataclass(frozen=True, slots=True)
class Corrected:
    """The events one customer called wrong; an onset within `days` of a corrected one is the same event."""

    events: tuple[tuple[str, date | None], ...]
    days: int

    def holds(self, event: str, onset_date: date) -> bool:
        """Whether the customer called this event wrong; a correction without a day is about every one of its kind."""
        return any(
            event == known and (day is None or abs((onset_date - day).days) <= self.days) for known, day in self.events
        )


def find_corrected(connection: sa.Connection, customer_id: str, *, days: int) -> Corrected:
    """What one customer called wrong, as this transaction sees it."""
    rows = _FIND.rows(connection, {"customer_id": customer_id})
    return Corrected(tuple((row.event, row.onset_date) for row in rows), days)


def record_correction(
    connection: sa.Connection, asked: CorrectionRequest, *, taxonomy: Taxonomy, client: str, now: datetime
) -> dict[str, Any]:
    """Keep a correction and take back what was offered on the event, inside `store.write()`.

    The bookings it rested on are those the request names, else those of the stored detection.

    Raises
    ------
    ProblemError
        There is no such life event.
    """
    if asked.event not in {event.id for event in taxonomy.events}:
        raise refuse(422, "event-unknown", "There is no such life event. Send the id that the answer had.")
    evidence = asked.evidence or _stored_evidence(connection, asked)
    kept = {"customer_id": asked.customer_id, "event": asked.event, "onset_date": asked.onset_date}
    connection.execute(
        corrections.insert(),
        {
            **kept,
            "correction": asked.correction,
            "remark": asked.remark,
            "evidence": canonical_json(evidence),
            "at": now,
        },
    )
    recalled = recall_event(connection, asked.customer_id, asked.event, because=asked.correction, at=now)
    body = {
        "event": asked.event,
        "correction": asked.correction,
        "bookings": len(evidence),
        "recalled": recalled,
        "client": client,
    }
    row = append_trail(connection, CORRECTED, body, personal={"customer_id": asked.customer_id}, at=now)
    return {
        "customer_id": asked.customer_id,
        "event": asked.event,
        "onset_date": asked.onset_date.isoformat(),
        "correction": asked.correction,
        "bookings": len(evidence),
        "recalled": recalled,
        "trail": {"seq": row.seq, "hash": row.hash},
    }


def _stored_evidence(connection: sa.Connection, asked: CorrectionRequest) -> list[str]:
    """Booking ids of the newest stored detection of this event and onset."""
    mine = sa.select(detections.c.evidence).filter_by(
        customer_id=asked.customer_id, event=asked.event, onset_date=asked.onset_date
    )
    found = connection.execute(mine.order_by(detections.c.as_of.desc()).limit(1)).scalar()
    return (found or "").split()
