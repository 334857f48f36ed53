"""The nightly run: detections of everybody who allows it, stored for questions that bring no bookings.

The first door comes first here too: bookings of a customer who allows no served purpose are left out before anything
looks at them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

import pandas as pd

from models.permission import permitted_customers
from models.purposes import PurposeRegistry
from models.store import Store
from serving.gate import SERVED_CLIENTS, Detect, ServedRelease
from serving.records import write_detections


@dataclass(frozen=True, slots=True)
class NightlySummary:
    """How many customers had bookings, how many of them were judged, and what was stored."""

    customers: int
    judged: int
    detections: int


def run_nightly(
    bookings: pd.DataFrame,
    *,
    as_of: date,
    store: Store,
    release: ServedRelease,
    registry: PurposeRegistry,
    detect: Detect,
    clock: Callable[[], datetime],
) -> NightlySummary:
    """Detect for permitted customers as of a day (inclusive) and replace what is stored for that day.

    Raises
    ------
    StoreUnavailableError
        Permission cannot be read or the result not be written.
    """
    allowed = find_allowed_customers(store, registry, at=clock())
    kept = bookings[bookings["customer_id"].isin(allowed)]
    frame = detect(kept, as_of=as_of, release=release)
    written = write_detections(store, frame, as_of=as_of, release_id=release.id)
    return NightlySummary(bookings["customer_id"].nunique(), kept["customer_id"].nunique(), written)


def find_allowed_customers(store: Store, registry: PurposeRegistry, *, at: datetime) -> set[str]:
    """Customers who allow at least one purpose that this service answers for."""
    served = [p.id for p in registry.purposes if p.event_classes and SERVED_CLIENTS & set(p.clients)]
    with store.read() as connection:
        return {
            customer
            for purpose in served
            for customer in permitted_customers(connection, purpose, registry=registry, at=at)
        }
