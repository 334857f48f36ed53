"""Telling detections to a sink, each once: what was told is remembered, and the one door decides what may be told.

A detection is remembered before the sink gets it, and marked when the sink has it. So a process that dies in between
tells it again under the same id, which a sink that looks at ids takes for the same.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pandas as pd

from models.permission import permitted_of
from serving.answers import Answer
from serving.batch_records import parts_of
from serving.care import Detection
from serving.clients import ASKING, Client
from serving.detecting import read_detection
from serving.gate import Gate, Question
from serving.stream import DetectionSink
from serving.told_memory import (
    TELLING,
    Remembered,
    find_unmet,
    mark_told,
    match,
    meet,
    recollect,
    remember,
    remember_last_night,
)

CUSTOMERS_AT_ONCE = 100  # asked about and told in one go: what a killed process may tell again
_SHARED = ("customer_id", "purpose", "as_of", "permission", "release", "trail")


@dataclass(frozen=True)
class _Compared:
    """The detections of one customer tonight, and what is remembered of each, by its place."""

    found: list[Detection]
    matched: dict[int, Remembered]

    @property
    def settled(self) -> frozenset[tuple[str, date]]:
        """Event and onset of those that the sink has, or was never to get."""
        return frozenset(
            (self.found[at].event, self.found[at].onset_date)
            for at, known in self.matched.items()
            if known.state != TELLING
        )

    @property
    def moved(self) -> list[Remembered]:
        """What is remembered and stands otherwise tonight."""
        tonight = ((known, known.moved_to(self.found[at])) for at, known in self.matched.items())
        return [now for before, now in tonight if now != before]

    def remembered(self, told: Detection) -> Remembered:
        """What is remembered of a detection that is told now; a new one when nothing is."""
        for at, known in self.matched.items():
            if (self.found[at].event, self.found[at].onset_date) == (told.event, told.onset_date):
                return known.moved_to(told)
        return Remembered.of(told)


class Teller:
    """What one purpose lets a sink know; `history` tells what was stored before a customer was met, too."""

    def __init__(
        self, gate: Gate, sink: DetectionSink, *, purpose: str, clock: Callable[[], datetime], history: bool = False
    ) -> None:
        self.purpose = purpose
        self._gate, self._sink, self._clock, self._history = gate, sink, clock, history
        self._client = Client("follow", roles=ASKING, purposes=frozenset({purpose}))

    def meet(self, customers: Collection[str]) -> None:
        """What the last night stored of customers who were never followed is not told."""
        for some in parts_of(sorted(customers)):
            with self._gate.store.read() as connection:
                unmet = find_unmet(connection, some, self.purpose)
            if unmet:
                with self._gate.store.write() as connection:
                    if not self._history:
                        remember_last_night(connection, unmet, self.purpose, at=self._clock())
                    meet(connection, unmet, self.purpose, at=self._clock())

    def tell(self, found: pd.DataFrame, *, as_of: date) -> int:
        """Tell what is new in a night that is stored; returns how many detections.

        `found` is everything that `detect_events` finds of some customers.
        """
        by_customer: dict[str, list[Detection]] = defaultdict(list)
        for row in found.to_dict("records"):
            by_customer[row["customer_id"]].append(read_detection(row))
        told = 0
        for some in parts_of(sorted(by_customer)):
            compared = self._compare({customer: by_customer[customer] for customer in some})
            waiting = self._find_waiting(compared)
            for at in range(0, len(waiting), CUSTOMERS_AT_ONCE):
                told += self._tell_some({one: compared[one] for one in waiting[at : at + CUSTOMERS_AT_ONCE]}, as_of)
        return told

    def _compare(self, found: Mapping[str, list[Detection]]) -> dict[str, _Compared]:
        """Hold tonight against what is remembered, and remember what has moved."""
        with self._gate.store.read() as connection:
            known = recollect(connection, list(found), self.purpose)
        days = self._gate.policy.same_event_days
        compared = {
            customer: _Compared(mine, match(mine, known.get(customer, ()), days=days))
            for customer, mine in found.items()
        }
        moved = [(customer, one) for customer, mine in compared.items() for one in mine.moved]
        if moved:
            with self._gate.store.write() as connection:
                remember(connection, moved, self.purpose, at=self._clock())
        return compared

    def _find_waiting(self, compared: Mapping[str, _Compared]) -> list[str]:
        """Customers worth asking about: who allows the purpose and has something current that it may tell."""
        with self._gate.store.read() as connection:
            registry = self._gate.registry.in_force(connection)
            taxonomy = self._gate.releases.current().taxonomy
            classes = registry.purpose(self.purpose).event_classes
            waiting = {
                customer
                for customer, mine in compared.items()
                for one in mine.found
                if one.is_current and (one.event, one.onset_date) not in mine.settled
                if taxonomy.event(one.event).offer_class in classes
            }
            return sorted(permitted_of(connection, waiting, self.purpose, registry=registry, at=self._clock()))

    def _tell_some(self, compared: Mapping[str, _Compared], as_of: date) -> int:
        questions = [
            Question(customer, self.purpose, self._client, as_of, leave_out=mine.settled)
            for customer, mine in compared.items()
        ]
        kept: list[tuple[str, Remembered]] = []
        told: list[Mapping[str, Any]] = []
        for answer in self._gate.answer_all(questions):
            if isinstance(answer, Answer):
                mine = compared[answer.customer_id]
                new = [mine.remembered(found) for found in answer.judgement.events]
                kept += [(answer.customer_id, one) for one in new]
                told += self._describe(answer, new)
        if told:
            self._hand_over(kept, told)
        return len(told)

    def _describe(self, answer: Answer, new: list[Remembered]) -> list[Mapping[str, Any]]:
        body = answer.body(self._gate.policy.because[answer.permission.regime])
        shared = {name: body[name] for name in _SHARED}
        return [{"id": one.id, **shared, **event} for one, event in zip(new, body["events"], strict=True)]

    def _hand_over(self, kept: list[tuple[str, Remembered]], told: list[Mapping[str, Any]]) -> None:
        with self._gate.store.write() as connection:
            remember(connection, kept, self.purpose, at=self._clock())
        self._sink.tell(told)
        with self._gate.store.write() as connection:
            mark_told(connection, [one.id for _, one in kept], at=self._clock())
