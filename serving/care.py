"""Care before sales: what about a customer stops every offer. Policy owned by the review board (design rule 4)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from models.taxonomy import Taxonomy

SalesBlock = Literal["care_event", "open_complaint", "arrears"]


@dataclass(frozen=True, slots=True)
class Detection:
    """One detected life event of one customer; `probability` is 0..1, `evidence` holds booking ids."""

    event: str
    onset_date: date
    detected_on: date
    probability: float
    status: str
    evidence: tuple[str, ...]

    @property
    def is_current(self) -> bool:
        """Open or confirmed: only such an event is told."""
        return self.status in ("open", "confirmed")


@dataclass(frozen=True, slots=True)
class CustomerFacts:
    """What the bank knows of a customer outside the bookings and serving may look at."""

    customer_id: str
    is_adult: bool = True
    language: str = "nl"
    products_held: frozenset[str] = frozenset()
    open_complaint: bool = False
    in_arrears: bool = False


def find_sales_block(
    detections: Iterable[Detection], facts: CustomerFacts, *, as_of: date, taxonomy: Taxonomy, block_days: int
) -> SalesBlock | None:
    """Why nothing may be sold to this customer now, or None.

    A care event (offer class C) blocks from its onset until `block_days` days later, both days included. An expired
    one blocks too: the usefulness of an overdraft message ends before the care does. A contradicted one never was.
    """
    for detection in detections:
        is_care = taxonomy.event(detection.event).offer_class == "C" and detection.status != "contradicted"
        if is_care and (as_of - detection.onset_date).days <= block_days:
            return "care_event"
    if facts.open_complaint:
        return "open_complaint"
    return "arrears" if facts.in_arrears else None
