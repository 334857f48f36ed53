"""The release that answers now: the pointer is read on every request, so a promotion or rollback needs no restart.

The release before stays open beside it, so that the usual rollback answers at once. A new one is verified and opened
by the first request that meets it, while the others wait; when it does not verify, nothing is answered.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from models.errors import NoReleaseError
from models.home import Home
from models.release import Release, load_release, read_champion

KEPT_OPEN = 2


@dataclass
class ChampionHolder:
    """Opened releases of one home; used by all threads of a worker.

    Parameters
    ----------
    allow_demo : bool
        Whether signatures of demo keys count.
    load : callable
        Opens one release; tests count how often.
    """

    home: Home
    allow_demo: bool
    load: Callable[..., Release] = load_release
    _opened: tuple[Release, ...] = ()  # the champion first; replaced as a whole, so that readers need no lock
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def current(self) -> Release:
        """The champion as the pointer says it this moment, verified.

        Raises
        ------
        NoReleaseError
            Nothing is promoted.
        IntegrityError
            The pointer is damaged, or the release it names does not verify.
        """
        champion = read_champion(self.home)
        if champion is None:
            raise NoReleaseError("No release was promoted yet. Train, audit, sign and promote one.")
        opened = self._opened
        if opened and opened[0].id == champion.release_id:
            return opened[0]
        with self._lock:
            return self._move_to(champion.release_id)

    def _move_to(self, release_id: str) -> Release:
        found = next((release for release in self._opened if release.id == release_id), None)
        if found is None:
            found = self.load(self.home, release_id, signed_only=True, allow_demo=self.allow_demo)
        others = tuple(release for release in self._opened if release is not found)
        self._opened = (found, *others)[:KEPT_OPEN]
        return found
