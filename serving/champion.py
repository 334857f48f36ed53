"""The release that answers now: pointer and waivers are read on every request, so nothing here needs a restart.

The release before stays open beside the champion, so that a rollback answers at once, and so does the end of a waiver,
after which the release before takes the champion's place. A new one is verified and opened by the first request that
meets it, while the others wait; when it does not verify, nothing is answered.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from models.errors import LevensloopError, NoReleaseError
from models.home import Home
from models.release import Champion, Release, load_release, read_champion
from serving.standing import Fallback, Standing, read_standing, record_fallback

KEPT_OPEN = 2


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class ChampionHolder:
    """Opened releases of one home; used by all threads of a worker.

    Parameters
    ----------
    allow_demo : bool
        Whether signatures of demo keys count.
    load : callable
        Opens one release; tests count how often.
    clock : callable
        The moment at which waivers must be in force.
    record : callable
        Writes down that serving left the champion for a release before it.
    """

    home: Home
    allow_demo: bool
    load: Callable[..., Release] = load_release
    clock: Callable[[], datetime] = _now
    record: Callable[..., None] = record_fallback
    _opened: tuple[Release, ...] = ()  # who answers first; replaced as a whole, so that readers need no lock
    _standings: dict[str, Standing] = field(default_factory=dict)
    _recorded: frozenset[Fallback] = frozenset()
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def current(self) -> Release:
        """The champion as the pointer says it this moment, or the last release before it whose waivers are in force.

        Raises
        ------
        NoReleaseError
            Nothing is promoted, or no release may answer any more.
        IntegrityError
            The pointer is damaged, or a release or waiver on the way does not verify.
        StoreUnavailableError
            A release before the champion would answer, but that cannot be recorded.
        """
        champion = read_champion(self.home)
        if champion is None:
            raise NoReleaseError("No release was promoted yet. Train, audit, sign and promote one.")
        release_id = self._choose(champion)
        opened = self._opened
        if opened and opened[0].id == release_id:
            return opened[0]
        with self._lock:
            return self._move_to(release_id, self._find_spare(champion, release_id))

    def _choose(self, champion: Champion) -> str:
        """The id of the release that may answer; leaving the champion is recorded before it counts."""
        at = self.clock()
        for release_id in (champion.release_id, *reversed(champion.history)):
            if self._may_answer(release_id, at):
                break
        else:
            release_id = ""
        if release_id != champion.release_id:
            self._record(self._describe(champion, release_id, at), at)
        if not release_id:
            raise NoReleaseError(
                "The champion may answer no longer (its waiver is over, or customers it was trained on left) and no "
                "release before it may. Promote another."
            )
        return release_id

    def _may_answer(self, release_id: str, at: datetime) -> bool:
        standing = self._standing(release_id)
        return not standing.has_training_ended(at=at) and not standing.find_lapsed(at=at, allow_demo=self.allow_demo)

    def _describe(self, champion: Champion, fallen_to: str, at: datetime) -> Fallback:
        standing = self._standing(champion.release_id)
        lapsed = standing.find_lapsed(at=at, allow_demo=self.allow_demo)
        return Fallback(
            champion.release_id, champion.promoted_at, fallen_to, tuple(finding.id for finding in lapsed),
            training_ended=standing.has_training_ended(at=at),
        )  # fmt: skip

    def _standing(self, release_id: str) -> Standing:
        if release_id not in self._standings:
            self._standings[release_id] = read_standing(self.home, release_id)
        return self._standings[release_id]

    def _record(self, fallback: Fallback, at: datetime) -> None:
        if fallback not in self._recorded:
            self.record(self.home, fallback, at=at)
            self._recorded |= {fallback}

    def _find_spare(self, champion: Champion, release_id: str) -> str | None:
        """The release to have ready while the champion answers on waivers."""
        is_champion = release_id == champion.release_id
        return champion.previous_id if is_champion and self._standing(release_id).rests_on_waivers else None

    def _move_to(self, release_id: str, spare_id: str | None) -> Release:
        found = self._find_opened(release_id) or self._load(release_id)
        others = tuple(release for release in self._opened if release is not found)
        if spare_id is not None and self._find_opened(spare_id) is None:
            # What is wrong with it is told when it has to answer, not while the champion can.
            with suppress(LevensloopError):
                others = (self._load(spare_id),)
        self._opened = (found, *others)[:KEPT_OPEN]
        return found

    def _find_opened(self, release_id: str) -> Release | None:
        return next((release for release in self._opened if release.id == release_id), None)

    def _load(self, release_id: str) -> Release:
        return self.load(self.home, release_id, signed_only=True, allow_demo=self.allow_demo)
