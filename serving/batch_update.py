"""The nightly run from a state: new bookings are read, earlier ones never again.

A full run makes the state; an update adds the new, late and corrected bookings to it and judges everybody in it, for
the absence of a booking is told without any. Who withdrew leaves the state as well. Who is not in it (a new customer,
or one who allows it again) waits for the next full run: part of a history would give other answers than all of it.
"""

from pathlib import Path

import pandas as pd
import pyarrow as arrow

from models.booking_reading import BookingReading
from models.course_state import Digest, detect_state, digest, keep_customers, no_state, update
from serving.batch import ScoreSummary, Scoring
from serving.batch_records import find_done
from serving.nightly import find_allowed_of
from serving.state_files import StateFiles, StateMaker, open_state


class _FromState(Scoring):
    def _detect_and_store(self, state: arrow.Table, customers: set[str]) -> set[str]:
        found = detect_state(state, as_of=self.night.as_of, model=self.release)
        return self.store_night(found, customers)


class ScoringWithState(_FromState):
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
        allowed = self._detect_and_store(state, set(bookings["customer_id"].unique()))
        self.maker.add(keep_customers(state, allowed), allowed)


class Updating(_FromState):
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
        """Add what is new to a file, write it, then judge everybody in it who was not judged before a crash."""
        state, known = self.files.read(self._part)
        with self.store.read() as connection:
            registry = self.registry.in_force(connection)
            allowed = find_allowed_of(connection, known, registry, at=self.clock())
            done = find_done(connection, self.night, known) if self.night.is_resumed else set()
        if len(allowed) < len(known):
            state = keep_customers(state, allowed)
        for new in self._new:
            self.summary.waiting += len({key[0] for key in new.keys} - set(known))
            state = update(state, new.of_customers(allowed))
        self.files.write(self._part, state, allowed)
        self._new, self._part = [], self._part + 1
        self.summary.earlier += len(done)
        self._detect_and_store(keep_customers(state, allowed - done) if done else state, allowed - done)
