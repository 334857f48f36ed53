"""One request's time, decided once: either its answer leaves, or it is too late and nothing counts as answered.

The edge stops waiting, the gate writes the trail; both ask here, so no 504 leaves beside the row of an answer.
"""

import threading
from typing import Literal

SCOPE_KEY = "levensloop.deadline"


class Deadline:
    """Whoever comes first decides: `claim` (the answer is being recorded) or `give_up` (nobody waits any more)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._decided: Literal["claimed", "given up"] | None = None

    @property
    def is_over(self) -> bool:
        """Nobody waits any more."""
        return self._decided == "given up"

    def claim(self) -> bool:
        """True when the answer may be recorded, and then it will be waited for; False when it is too late."""
        return self._decide("claimed")

    def give_up(self) -> bool:
        """True when nothing was recorded and nothing will be; False when an answer is on its way."""
        return self._decide("given up")

    def _decide(self, wanted: Literal["claimed", "given up"]) -> bool:
        with self._lock:
            self._decided = self._decided or wanted
            return self._decided == wanted
