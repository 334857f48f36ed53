"""What is done every night besides judging: reconciliation of sent offers, and deletion of what is too old."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from models.home import Home
from models.registries import read_purposes_in_force
from models.store import open_store
from serving.policy import default_policy
from serving.reconciliation import Reconciliation, reconcile
from serving.retention import enforce_retention


@dataclass(frozen=True, slots=True)
class Night:
    """What a night's housekeeping found and deleted."""

    sent: Reconciliation
    deleted: dict[str, int]


def _now() -> datetime:
    return datetime.now(UTC)


def keep_house(home: Home, *, clock: Callable[[], datetime] = _now) -> Night:
    """Reconcile, then delete; both stand in the trail when this returns.

    Raises
    ------
    StoreUnavailableError
        The store cannot be reached.
    """
    return Night(reconcile_home(home, clock=clock), enforce_home(home, clock=clock))


def reconcile_home(home: Home, *, clock: Callable[[], datetime] = _now) -> Reconciliation:
    """The reconciliation alone, for `levensloop reconcile`."""
    with closing(open_store(home.database_url)) as store:
        return reconcile(store, read_purposes_in_force(home), clock=clock)


def enforce_home(home: Home, *, clock: Callable[[], datetime] = _now) -> dict[str, int]:
    """The deletion alone, for `levensloop retention enforce`."""
    with closing(open_store(home.database_url)) as store:
        return enforce_retention(store, default_policy(), read_purposes_in_force(home), clock=clock)
