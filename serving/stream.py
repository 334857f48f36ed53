"""What an event stream must be to Levensloop: bookings in, detections out. A bank's own broker implements these two.

Both ends may break at any moment. So a source gives a booking again until its position is committed, and a sink may be
told a detection again until it returned; the `id` of a detection is the same each time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pandas as pd

from models.bookings import RowProblem

ToldDetection = Mapping[
    str, Any
]  # one detection as JSON: `id`, and the members of an event in an answer of the service


@dataclass(frozen=True)
class Delivery:
    """Bookings as they came, and where the source goes on behind them.

    `bookings` is a checked bookings table whose rows all have a customer_id and stand in the order in which they came:
    of a booking that came twice the last one counts. `position` is the source's own word.
    """

    bookings: pd.DataFrame
    position: str
    problems: Sequence[RowProblem] = field(default=())


class BookingSource(Protocol):
    """Where bookings come from: a topic, a queue, a file."""

    def read(self) -> Delivery | None:
        """What comes next, a limited number of bookings; None when there is nothing new yet.

        The same call gives the same bookings, or more, until they are committed.
        """

    def commit(self, position: str) -> None:
        """Never give again what came up to this position; called when everything about it is stored and told."""


class DetectionSink(Protocol):
    """Where detections go: a topic, a queue, a file."""

    def tell(self, detections: Sequence[ToldDetection]) -> None:
        """Take detections; returns when none of them can be lost any more, raises when it cannot be sure.

        A detection that was taken and not acknowledged comes again with the same `id`: a broker's idempotency key.
        """
