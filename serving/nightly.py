"""The nightly run: detections of everybody who allows it, stored for questions that bring no bookings.

The first door comes first here too: bookings of a customer who allows no served purpose are left out before anything
looks at them.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from models.bookings import load_bookings
from models.detection import detect_events
from models.errors import UsageError
from models.permission import permitted_customers, permitted_of
from models.purposes import AMSTERDAM, PurposeRegistry, PurposeSource
from models.registries import InstalledPurposes
from models.store import Store, open_store
from serving.clients import ASKING
from serving.detecting import Detect, ServedRelease
from serving.opening import verify_release
from serving.records import write_run
from serving.settings import Settings


@dataclass(frozen=True, slots=True)
class NightlySummary:
    """How many customers had bookings, how many of them were judged, and what was stored."""

    customers: int
    judged: int
    detections: int


def run_nightly_file(
    bookings: Path,
    settings: Settings,
    *,
    as_of: date | None = None,
    report: Callable[[str], None] = lambda _line: None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> NightlySummary:
    """The nightly run of a bookings table, on the release that answers now.

    Parameters
    ----------
    as_of : date, optional
        Day to judge, inclusive; today in Europe/Amsterdam when not given.
    report : callable
        Called with one line per row that was left out, with its place and reason.

    Raises
    ------
    UsageError
        `as_of` lies in the future, the file is not there, or bookings have no customer_id.
    UnreadableDataError
        The file is not a bookings table.
    NoReleaseError, IntegrityError
        There is no release, or it does not verify.
    StoreUnavailableError
        As `run_nightly`.
    """
    today = clock().astimezone(AMSTERDAM).date()
    as_of = as_of or today
    if as_of > today:
        raise UsageError(f"{as_of} is in the future. Give today or an earlier day.")
    release = verify_release(settings)
    read = load_bookings(bookings)
    for line in (*read.notes, *map(str, read.problems)):
        report(line)
    if "customer_id" not in read.frame or bool((read.frame["customer_id"] == "").any()):
        raise UsageError("Some bookings have no customer_id, which the nightly run needs. Give every one its customer.")
    store = open_store(settings.home.database_url)
    try:
        return run_nightly(
            read.frame, as_of=as_of, store=store, release=release, detect=detect_events, clock=clock,
            registry=InstalledPurposes(settings.home, settings.demo),
        )  # fmt: skip
    finally:
        store.close()


def run_nightly(
    bookings: pd.DataFrame,
    *,
    as_of: date,
    store: Store,
    release: ServedRelease,
    registry: PurposeSource,
    detect: Detect,
    clock: Callable[[], datetime],
) -> NightlySummary:
    """Detect for permitted customers as of a day (inclusive) and replace the whole run of that day.

    Who withdraws while it runs is not in what is stored.

    Raises
    ------
    StoreUnavailableError
        Permission cannot be read or the result not be written.
    """
    with store.read() as connection:
        allowed = find_allowed_customers(connection, registry.in_force(connection), at=clock())
    kept = bookings[bookings["customer_id"].isin(allowed)]
    frame = detect(kept, as_of=as_of, release=release)
    with store.write() as connection:
        now_allowed = find_allowed_customers(connection, registry.in_force(connection), at=clock())
        judged = set(kept["customer_id"]) & now_allowed
        written = write_run(
            connection, frame[frame["customer_id"].isin(judged)], customers=judged, as_of=as_of,
            release_id=release.id, model_version=release.model_version,
        )  # fmt: skip
    return NightlySummary(bookings["customer_id"].nunique(), len(judged), written)


def find_allowed_customers(connection: sa.Connection, registry: PurposeRegistry, *, at: datetime) -> set[str]:
    """Customers who allow at least one purpose that this service answers for."""
    return {
        customer
        for purpose in _served_purposes(registry)
        for customer in permitted_customers(connection, purpose, registry=registry, at=at)
    }


def find_allowed_of(
    connection: sa.Connection,
    customer_ids: Collection[str],
    registry: PurposeRegistry,
    *,
    at: datetime,
    up_to: int | None = None,
) -> set[str]:
    """Those of some customers who allow at least one such purpose; `up_to` as in `permitted_of`."""
    allowed: set[str] = set()
    for purpose in _served_purposes(registry):
        rest = set(customer_ids) - allowed
        allowed |= permitted_of(connection, rest, purpose, registry=registry, at=at, up_to=up_to)
    return allowed


def _served_purposes(registry: PurposeRegistry) -> list[str]:
    return [p.id for p in registry.purposes if p.event_classes and ASKING & set(p.clients)]
