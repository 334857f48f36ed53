"""The nightly run from a state: new bookings are read, earlier ones never again.

A full run makes the state; an update adds the new, late and corrected bookings to it. Everybody in it has a night, but
only those are judged again of whom something else may be told (`models.course_state.find_changed`). Who withdrew leaves
the state as well. Who is not in it (a new customer, or one who allows it again) waits for the next full run: part of a
history would give other answers than all of it.
"""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from models.booking_reading import BookingReading
from models.course_state import (
    Digest,
    detect_state,
    digest,
    find_changed,
    keep_customers,
    no_state,
    status_on,
    update,
)
from models.detection import join_detections
from serving.batch import ScoreSummary, Scoring
from serving.batch_records import find_done
from serving.nightly import find_allowed_of
from serving.state_files import Part, StateFiles, StateMaker, Told, open_state

_MOST_NEWER = 0.05  # share of a file's bookings that may wait beside it; reading them takes longer per booking


class ScoringWithState(Scoring):
    """A full run that makes the state on its way."""

    maker: StateMaker

    def open_state(self, folder: Path) -> None:
        """A new one, that nobody sees until it is whole."""
        self.maker = StateMaker(folder, self.night.release_id)

    def run(self, reading: BookingReading, *, rows: int) -> ScoreSummary:
        """As `Scoring.run`; the state counts when everything is stored."""
        summary = super().run(reading, rows=rows)
        self.maker.finish()
        return summary

    def judge(self, bookings: pd.DataFrame) -> None:
        """Read the texts once, for the state and for the answer."""
        if not len(bookings):
            return
        state = update(
            no_state(), digest(bookings.reset_index(drop=True), model=self.release, secret=self.maker.secret)
        )
        found = detect_state(state, as_of=self.night.as_of, model=self.release)
        allowed = self.store_night(found, set(bookings["customer_id"].unique()))
        told = Told(self.night.as_of, frozenset(allowed), found[found["customer_id"].isin(allowed)])
        self.maker.add(keep_customers(state, allowed), told)


class Updating(Scoring):
    """A run over new bookings, file after file of the state."""

    files: StateFiles
    _part = 0
    _new: list[Digest]

    def open_state(self, folder: Path) -> None:
        """The one in force; errors as of `state_files.open_state`."""
        self.files = open_state(folder, self.night.release_id)

    def run(self, reading: BookingReading, *, rows: int) -> ScoreSummary:
        """As `Scoring.run`, and files without new bookings too."""
        self._new = []
        reading.for_customers("Reading new bookings", self.judge, door=self.let_in, rows=rows)
        while self._part < len(self.files.lasts):
            self._finish_part()
        return self.end(reading)

    def judge(self, bookings: pd.DataFrame) -> None:
        """Take new bookings of customers in order; a file is updated when its last customer has passed."""
        if not len(bookings):
            return
        new = digest(bookings.reset_index(drop=True), model=self.release, secret=self.files.secret)
        customers = sorted(bookings["customer_id"].unique())
        while customers and self._part < len(self.files.lasts):
            last = self.files.lasts[self._part]
            here = [name for name in customers if name <= last]
            customers = customers[len(here) :]
            if here:
                self._new.append(new.of_customers(set(here)))
            if customers:
                self._finish_part()
        self.summary.waiting += len(customers)

    def _finish_part(self) -> None:
        """Add what is new to a file, then give everybody in it a night who had none before a crash."""
        part = self.files.read(self._part)
        with self.store.read() as connection:
            registry = self.registry.in_force(connection)
            allowed = find_allowed_of(connection, part.customers, registry, at=self.clock())
            done = find_done(connection, self.night, part.customers) if self.night.is_resumed else set()
        new = Digest(no_state(), frozenset())
        for some in self._new:
            self.summary.waiting += len(some.customers - set(part.customers))
            new = new.followed_by(some.of_customers(allowed))
        changed = self._find_changed(part, new, allowed)
        if changed:  # first, so that nobody trusts it when this process is killed before they are judged
            self.files.forget_told(self._part)
        told = self._tell(part, self._keep(part, new, allowed), changed - done, allowed - (changed & done))
        self.files.write_told(self._part, told)
        self._new, self._part = [], self._part + 1
        self.summary.earlier += len(done)
        stored = self._nights_of(told) - done
        self.store_night(told.detections[told.detections["customer_id"].isin(stored)], stored)

    def _nights_of(self, told: Told) -> set[str]:
        """Whose night is stored."""
        return set(told.customers)

    def _find_changed(self, part: Part, new: Digest, allowed: set[str]) -> set[str]:
        """Those of whom something else may be told than what was told last."""
        if part.told is None or part.told.as_of > self.night.as_of:
            return allowed
        changed = find_changed(part.rows, part.newer, new, after=part.told.as_of, up_to=self.night.as_of)
        return allowed & (changed | (allowed - part.told.customers))

    def _keep(self, part: Part, new: Digest, allowed: set[str]) -> Part:
        """Keep what is new; the file is written anew when that has grown, or when somebody withdrew."""
        newer = part.newer.of_customers(allowed).followed_by(new)
        if new.keys:
            self.files.write_newer(self._part, newer)
        if len(allowed) < len(part.customers) or len(newer.keys) > _MOST_NEWER * len(part.rows):
            rows = update(keep_customers(part.rows, allowed), newer)
            self.files.write(self._part, rows, allowed)
            return replace(part, rows=rows, newer=Digest(no_state(), frozenset()))
        return replace(part, newer=newer)

    def _tell(self, part: Part, kept: Part, changed: set[str], customers: set[str]) -> Told:
        """What is told of these customers tonight; of those who changed anew, of the others what was told last."""
        found = []
        if changed:
            rows = update(keep_customers(kept.rows, changed), kept.newer.of_customers(changed))
            found.append(detect_state(rows, as_of=self.night.as_of, model=self.release))
        if part.told is not None:
            same = part.told.detections["customer_id"].isin(customers - changed)
            found.append(status_on(part.told.detections[same], self.night.as_of, self.release.taxonomy))
        joined = join_detections(found).sort_values("customer_id", kind="stable", ignore_index=True)
        return Told(self.night.as_of, frozenset(customers), joined)
