"""`levensloop follow`: bookings are judged as they come, and what is new is told to a sink, each detection once.

It is `levensloop score --update` in small steps. A step takes a delivery, puts it into the state, judges who has new
bookings (everybody once a day), stores the night, tells what is new, and only then commits the delivery. Each of these
can be done again without a change, so a process may be killed between any two.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd

from models.answering import known_day
from models.bookings import KEY, no_bookings
from models.canonical import framed_sha256
from models.detection import detect_events
from models.durable import lock_folder
from models.errors import PartlyReadError
from models.home import Home
from models.store import open_store
from serving.batch import ScoreSummary
from serving.batch_records import begin_batch, find_whole
from serving.batch_update import Updating
from serving.booking_tail import BookingTail
from serving.champion import ChampionHolder
from serving.gate import Gate
from serving.opening import open_gate
from serving.settings import Settings
from serving.state_files import Told, open_state
from serving.stream import BookingSource, DetectionSink
from serving.telling import Teller

Tell = Callable[[str], None]


class Following(Updating):
    """A run over one delivery. `judges_all`: everybody in the state is judged, not only who has new bookings."""

    teller: Teller
    judges_all: bool
    told = 0

    def follow(self, bookings: pd.DataFrame) -> ScoreSummary:
        """Judge and tell; of a booking that stands there twice the last one counts."""
        self._new = []
        self._touched: set[str] = set()
        self.summary.rows = len(bookings)
        if len(bookings):
            last = self.let_in(bookings).drop_duplicates(list(KEY), keep="last")
            self._touched = set(last["customer_id"].unique())
            self.judge(last)
        while self._part < len(self.files.lasts):
            self._finish_part()
        return self.end_night()

    def _finish_part(self) -> None:
        if self.judges_all or self._new:
            super()._finish_part()
        else:
            self._part += 1

    def _nights_of(self, told: Told) -> set[str]:
        return set(told.customers if self.judges_all else told.customers & self._touched)

    def store_night(self, found: pd.DataFrame, judged: set[str]) -> set[str]:
        """As `Scoring.store_night`, then tell what is new in it."""
        self.teller.meet(judged)
        allowed = super().store_night(found, judged)
        self.told += self.teller.tell(found[found["customer_id"].isin(allowed)], as_of=self.night.as_of)
        return allowed

    def end_night(self) -> ScoreSummary:
        """As `Scoring.end_night`; a night of a few customers leaves that of the others alone."""
        return super().end_night() if self.judges_all else self.summary


@dataclass
class Follower:
    """One purpose, one source and one sink over a home; `step` is all it does."""

    home: Home
    gate: Gate
    releases: ChampionHolder
    source: BookingSource
    teller: Teller
    as_of: date | None
    report: Tell
    left_out: int = 0

    def step(self) -> bool:
        """Judge, tell and commit the next delivery; False when there was none.

        Raises
        ------
        UsageError
            There is no state, or it was made with another release.
        UnreadableDataError, IntegrityError
            The source, the state or the release is not what it was.
        StoreUnavailableError
            Permission cannot be read or the result not be written; the delivery comes again.
        """
        with lock_folder(self.home.path / "batch"):
            delivery = self.source.read()
            following = self._open_run()
            if delivery is None and not following.judges_all:
                return False
            for problem in delivery.problems if delivery else ():
                self.report(str(problem))
            summary = following.follow(delivery.bookings if delivery else no_bookings())
            if delivery is not None:
                self.left_out += len(delivery.problems)
                self.source.commit(delivery.position)
        self.report(f"{summary} {following.told} detections told.")
        return delivery is not None

    def _open_run(self) -> Following:
        """The night of today once everybody was judged for it; before that a new one, also after a crash."""
        release, as_of = self.releases.current(), known_day(self.as_of)
        files = open_state(self.home.path / "batch", release.id)
        work = framed_sha256("follow", self.teller.purpose, files.folder.name)
        store, clock = self.gate.store, self.gate.clock
        night = find_whole(store, work, as_of=as_of, release=release)
        begun = night or begin_batch(store, work, as_of=as_of, release=release, at=clock(), anew=True)
        following = Following(store, self.gate.registry, release, detect_events, clock, begun)
        following.files, following.teller, following.judges_all = files, self.teller, night is None
        return following


@contextmanager
def open_follower(
    settings: Settings,
    source: BookingSource,
    sink: DetectionSink,
    *,
    purpose: str,
    as_of: date | None = None,
    history: bool = False,
    report: Tell = lambda _line: None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[Follower]:
    """A follower of any source, told to any sink: what a bank's own broker adapter opens.

    Parameters
    ----------
    purpose : str
        What detections are told for: who does not allow it is never told about.
    history : bool
        Tell what was stored before a customer was met first, too.

    Raises
    ------
    PermissionRefusedError
        There is no such purpose.
    StoreUnavailableError
        The database cannot be opened.
    """
    with closing(open_store(settings.home.database_url)) as store:
        releases = ChampionHolder(settings.home, settings.demo)
        gate = open_gate(settings, store, releases, clock=clock)
        with store.read() as connection:
            gate.registry.in_force(connection).purpose(purpose)
        teller = Teller(gate, sink, purpose=purpose, clock=clock, history=history)
        yield Follower(settings.home, gate, releases, source, teller, as_of, report)


def follow_file(
    bookings: Path,
    sink: DetectionSink,
    settings: Settings,
    *,
    purpose: str,
    once: bool,
    seconds: float,
    from_start: bool = False,
    as_of: date | None = None,
    history: bool = False,
    report: Tell = lambda _line: None,
) -> None:
    """Follow a file that bookings are appended to, to its end (`once`) or until somebody stops it.

    Raises
    ------
    PartlyReadError
        Lines were left out; everything else was judged and told. Only told at the end, with `once`.
    LevensloopError
        As `Follower.step` and `open_follower`.
    """
    source = BookingTail(bookings, settings.home.path / "batch", reader=purpose)
    if from_start:
        source.forget()
    with open_follower(
        settings, source, sink, purpose=purpose, as_of=as_of, history=history, report=report
    ) as follower:
        while True:
            if not follower.step():
                if once:
                    break
                time.sleep(seconds)
    if follower.left_out:
        raise PartlyReadError(f"{follower.left_out} lines of {bookings.name} were left out, for the reasons above.")
