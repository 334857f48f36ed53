"""Whether a promoted release may answer now: its waivers are read anew each time, for they end and can be renewed.

When the champion's are over, serving leaves it for the release before, and writes that down once. Every worker notices
for itself; the store keeps one row per promotion, so the trail tells it once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import sqlalchemy as sa

from models.candidate import read_candidate
from models.findings import Finding
from models.home import Home
from models.registries import InstalledPurposes
from models.signing import load_registry
from models.store import open_store, release_fallbacks
from models.trail import append_trail
from models.training_permission import find_training_end, read_trained_at
from models.waivers import Terms, Waiver, read_terms, read_waiver_bytes, verify_waivers

FALLEN_BACK = "release_fallback"


@dataclass
class Standing:
    """The terms that a release was promoted on, and its waivers as they stood when they were verified last."""

    home: Home
    terms: Terms
    trained_at: datetime | None = None
    # Bytes and what they say in one value, so that threads never see the one without the other.
    _verified: tuple[Mapping[str, bytes], tuple[Waiver, ...]] = field(default=({}, ()))
    # The day on which the ledger was asked who left, and what it said: an end lies 90 days after a leaving, so once a
    # day is often enough.
    _asked: tuple[date, datetime | None] | None = None

    @property
    def rests_on_waivers(self) -> bool:
        """Whether a day can come on which it may answer no longer."""
        return bool(self.terms.blocking)

    def find_lapsed(self, *, at: datetime, allow_demo: bool) -> tuple[Finding, ...]:
        """Blocking findings without a waiver in force; signatures are verified when a file is another than before.

        Raises
        ------
        IntegrityError
            A waiver does not verify.
        """
        if not self.terms.blocking:
            return ()
        files = read_waiver_bytes(self.terms)
        known, waivers = self._verified
        if files != known:
            waivers = verify_waivers(self.terms, files, load_registry(self.home))
            self._verified = (files, waivers)
        return self.terms.unwaived(waivers, at=at, allow_demo=allow_demo)

    def has_training_ended(self, *, at: datetime) -> bool:
        """Whether customers whom the release was trained on left so long ago that it must not answer.

        Raises
        ------
        StoreUnavailableError
            The ledger cannot be read.
        """
        if self.trained_at is None:
            return False
        if self._asked is None or self._asked[0] != at.date():
            store = open_store(self.home.database_url)
            try:
                with store.read() as connection:
                    self._asked = (at.date(), self._ask_end(connection, self.trained_at, at))
            finally:
                store.close()
        end = self._asked[1]
        return end is not None and at >= end

    def _ask_end(self, connection: sa.Connection, trained_at: datetime, at: datetime) -> datetime | None:
        # Demo keys may stand under the registry here: whether they count decides who may answer, not who left.
        registry = InstalledPurposes(self.home, allow_demo=True).in_force(connection)
        return find_training_end(connection, trained_at=trained_at, registry=registry, now=at)


def read_standing(home: Home, release_id: str) -> Standing:
    """The standing of a promoted release, whose every byte is verified; its models are not opened.

    Raises
    ------
    IntegrityError
        The release does not verify.
    """
    candidate = read_candidate(home.releases / release_id)
    return Standing(home, read_terms(candidate), read_trained_at(candidate))


@dataclass(frozen=True, slots=True)
class Fallback:
    """Serving left the champion; `fallen_to` is empty when no earlier release may answer either."""

    release_id: str
    promoted_at: str
    fallen_to: str
    findings: tuple[str, ...]  # of the champion, without a waiver in force
    training_ended: bool = False  # customers it was trained on left too long ago

    @property
    def key(self) -> dict[str, str]:
        """What makes it the same fallback, whoever notices it."""
        return {"release_id": self.release_id, "promoted_at": self.promoted_at, "fallen_to": self.fallen_to}


def record_fallback(home: Home, fallback: Fallback, *, at: datetime) -> None:
    """Append the fallback to the trail, unless another worker did.

    Raises
    ------
    StoreUnavailableError
        It cannot be written; then nothing may be answered from the earlier release.
    """
    known = sa.select(release_fallbacks.c.trail_seq).filter_by(**fallback.key)
    why = f"no waiver is in force for {', '.join(fallback.findings)}"
    if fallback.training_ended:
        why = "customers it was trained on left too long ago"
    body = {**fallback.key, "who": "serving", "why": why, "findings": list(fallback.findings)}
    store = open_store(home.database_url)
    try:
        with store.write() as connection:
            if connection.execute(known).first() is None:
                row = append_trail(connection, FALLEN_BACK, body, at=at)
                connection.execute(release_fallbacks.insert(), {**fallback.key, "trail_seq": row.seq})
    finally:
        store.close()
