"""How often a client may ask: a bucket of requests per client that fills again with time.

Every worker counts for itself. The limit keeps one client from taking the service from the others; it is no price list,
so counting together, which would cost a write per request, is not worth it.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

MOST_KEPT = 10_000  # clients whose buckets are remembered; more than any bank has


@dataclass
class Rates:
    """The buckets of one worker.

    Parameters
    ----------
    per_second : float
        Requests that come back each second, unless a client has its own figure.
    burst_seconds : float
        A full bucket holds the requests of so many seconds, and at least one.
    """

    per_second: float
    burst_seconds: float
    clock: Callable[[], float] = time.monotonic
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)  # requests left, and when that was

    def take(self, client: str, per_second: float | None = None) -> int:
        """0 when the client may ask now, else the whole seconds after which it may."""
        rate = per_second or self.per_second
        full = max(1.0, rate * self.burst_seconds)
        now = self.clock()
        left, at = self._left.get(client, (full, now))
        left = min(full, left + max(0.0, now - at) * rate)
        if left < 1:
            self._left[client] = (left, now)
            return math.ceil((1 - left) / rate)
        if client not in self._left and len(self._left) >= MOST_KEPT:
            self._left.clear()
        self._left[client] = (left - 1, now)
        return 0
