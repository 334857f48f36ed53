"""`levensloop score`: the nightly run of a bank of any size, in a stream, a chunk of whole customers at a time.

Permission comes first: bookings of who allows nothing are dropped as they are read, before anything is sorted or
judged. A chunk is stored in one transaction, so that a reader sees either the old or the new night of a customer. What
was stored when a run was broken off is not done again.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from time import monotonic
from typing import Literal

import pandas as pd

from models.answering import known_day
from models.booking_reading import BookingReading, open_reading
from models.booking_stream import CHUNK_ROWS, fingerprint_of
from models.canonical import framed_sha256
from models.commands import Engine
from models.detection import detect_events
from models.durable import lock_folder
from models.errors import PartlyReadError, UsageError
from models.home import Home
from models.permission import newest_version
from models.purposes import PurposeSource
from models.registries import InstalledPurposes
from models.release import Release
from models.store import Store, open_store
from serving.batch_records import Night, begin_batch, end_batch, find_done, forget_refused, write_chunk
from serving.detecting import Detect
from serving.nightly import find_allowed_of
from serving.opening import verify_release
from serving.settings import Settings

State = Literal["", "keep", "update"]


@dataclass
class ScoreSummary:
    """What a run did: customers in the bookings, of them without permission, judged and stored by whom, and found.

    `earlier` were judged before the run was broken off; `forgotten` are customers whose stored detections went because
    their permission did; `waiting` have new bookings but no state, so they wait for a full run.
    """

    customers: int = 0
    not_allowed: int = 0
    judged: int = 0
    earlier: int = 0
    detections: int = 0
    forgotten: int = 0
    waiting: int = 0
    rows: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def __str__(self) -> str:
        """The summary in one paragraph."""
        told = [
            f"{self.customers} customers, {self.not_allowed} of them without permission",
            f"{self.judged} judged, {self.detections} detections stored",
        ]
        if self.earlier:
            told.append(f"{self.earlier} customers had been judged before the run was broken off")
        if self.forgotten:
            told.append(f"stored detections of {self.forgotten} customers deleted, who allow it no more")
        if self.waiting:
            told.append(f"{self.waiting} customers have no state yet and wait for the next full run")
        reasons = (f"{n} times: {reason}" for reason, n in self.left_out.items())
        return "; ".join([*told, f"{self.rows} rows read", *reasons, f"{self.seconds:.1f} s"]) + "."


def score_file(
    bookings: Path,
    settings: Settings,
    *,
    as_of: date | None = None,
    tell: Callable[[str], None] = lambda _line: None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    rows: int = CHUNK_ROWS,
    state: State = "",
    engine: Engine = "local",
) -> ScoreSummary:
    """Judge everybody in a bookings table (a file, or a folder of Parquet files) who allows it, on the champion.

    Parameters
    ----------
    rows : int
        Bookings in memory at a time.
    state : str
        `keep`: the bookings are all there are; make the state that updates start from. `update`: they are new, late or
        corrected ones; the state knows the rest.
    engine : str
        `spark`: where one machine is too small; `bookings` are Parquet.

    Raises
    ------
    UsageError
        `as_of` lies in the future, or a booking has no customer_id.
    UnreadableDataError
        The table, or a part of it, cannot be read. What was stored before stays; the night of the others is the old.
    PartlyReadError
        Rows were left out; everything else was judged and stored.
    NoReleaseError, IntegrityError
        There is no release, or it does not verify.
    StoreUnavailableError
        Permission cannot be read or the result not be written.
    """
    if engine == "spark" and state:
        raise UsageError("Spark makes full runs, which need no state. Leave out --keep-state and --update.")
    as_of = known_day(as_of)
    release = verify_release(settings)
    with closing(open_store(settings.home.database_url)) as store, lock_folder(settings.home.path / "batch"):
        registry = InstalledPurposes(settings.home, settings.demo)
        reading = open_reading(bookings) if engine == "local" else None
        fingerprint = reading.stream.fingerprint if reading else fingerprint_of(bookings)
        # A state must be whole, and Spark begins anew by itself.
        anew = engine == "spark" or state == "keep"
        work = framed_sha256(fingerprint, state)
        night = begin_batch(store, work, as_of=as_of, release=release, at=clock(), anew=anew)
        scoring = _scoring_of(engine, state)(store, registry, release, detect_events, clock, night)
        scoring.open_state(settings.home.path / "batch")
        summary = scoring.run(reading, rows=rows) if reading else scoring.run_table(bookings, settings.home)
    tell(str(summary))
    left_out = sum(summary.left_out.values())
    if left_out:
        raise PartlyReadError(
            f"{left_out} rows of {bookings.name} were left out, for the reasons above. The night of the others is "
            "stored."
        )
    return summary


def _scoring_of(engine: Engine, state: State) -> "type[Scoring]":
    from serving.batch_spark import SparkScoring
    from serving.batch_update import ScoringWithState, Updating

    if engine == "spark":
        return SparkScoring
    return {"": Scoring, "keep": ScoringWithState, "update": Updating}[state]


class Scoring:
    """One run over a bookings table. Who says yes while it runs is judged in the next one; a no counts at once."""

    def __init__(
        self,
        store: Store,
        registry: PurposeSource,
        release: Release,
        detect: Detect,
        clock: Callable[[], datetime],
        night: Night,
    ) -> None:
        self.store, self.registry, self.release, self.detect = store, registry, release, detect
        self.clock, self.night = clock, night
        self.summary = ScoreSummary()
        self._begun, self._began = clock(), monotonic()
        # A customer whose bookings lie apart must have one answer at the door for all of them.
        with store.read() as connection:
            self._ledger_end = newest_version(connection)
        self._seen = _Seen()

    def open_state(self, folder: Path) -> None:
        """Where the state stands; this run needs none."""

    def run(self, reading: BookingReading, *, rows: int) -> ScoreSummary:
        """Read, judge and store everything, then delete what the night before left behind."""
        self._seen.in_order = reading.stream.in_order
        reading.for_customers("Detecting life events", self.judge, door=self.let_in, rows=rows)
        return self.end(reading)

    def run_table(self, bookings: Path, home: Home) -> ScoreSummary:
        """As `run`, for an engine that reads the table by itself."""
        raise NotImplementedError

    def end(self, reading: BookingReading) -> ScoreSummary:
        """Close the night, and say what was done."""
        self.summary.rows, self.summary.left_out = reading.rows, dict(reading.reasons.most_common())
        return self.end_night()

    def end_night(self) -> ScoreSummary:
        """Close the night in the store."""
        end_batch(self.store, self.night, at=self.clock())
        self.summary.forgotten = forget_refused(self.store, self.registry, clock=self.clock)
        self.summary.seconds = monotonic() - self._began
        return self.summary

    def let_in(self, bookings: pd.DataFrame) -> pd.DataFrame:
        """The bookings of customers who allow it: one question to the ledger for all of them."""
        customers = set(bookings["customer_id"].unique())
        if "" in customers:
            raise UsageError(
                "Some bookings have no customer_id, which detection needs. "
                "Give them one with `levensloop read --customer ID` or `--customers accounts.csv`."
            )
        with self.store.read() as connection:
            registry = self.registry.in_force(connection)
            allowed = find_allowed_of(connection, customers, registry, at=self._begun, up_to=self._ledger_end)
        new = self._seen.add(customers)
        self.summary.customers += len(new)
        self.summary.not_allowed += len(new - allowed)
        return bookings[bookings["customer_id"].isin(allowed)]

    def judge(self, bookings: pd.DataFrame) -> None:
        """Detect for whole customers and store their night, of those alone who allow it still."""
        if self.night.is_resumed:
            with self.store.read() as connection:
                done = find_done(connection, self.night, bookings["customer_id"].unique().tolist())
            self.summary.earlier += len(done)
            bookings = bookings[~bookings["customer_id"].isin(done)]
        if not len(bookings):
            return
        found = self.detect(bookings.reset_index(drop=True), as_of=self.night.as_of, release=self.release)
        self.store_night(found, set(bookings["customer_id"].unique()))

    def store_night(self, found: pd.DataFrame, judged: set[str]) -> set[str]:
        """Store what was found of those alone who allow it still; returns who they are."""
        with self.store.write() as connection:
            registry = self.registry.in_force(connection)
            allowed = find_allowed_of(connection, judged, registry, at=self.clock())
            kept = found[found["customer_id"].isin(allowed)]
            write_chunk(connection, kept, allowed, self.night)
        self.summary.judged += len(allowed)
        self.summary.detections += len(kept)
        return allowed


class _Seen:
    """Customers met so far; of a table in order of customer only the last chunk is remembered."""

    def __init__(self) -> None:
        self.in_order = False
        self._known: set[str] = set()

    def add(self, customers: set[str]) -> set[str]:
        """Those that were not met before."""
        new = customers - self._known
        if self.in_order:
            self._known = customers
        else:
            self._known |= new
        return new
