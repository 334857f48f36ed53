"""What a sink was told, in the store: how a detection of tonight is known again when bookings have moved it.

Late and corrected bookings move the day of a detection and change what it rests on. It stays the same one when its
event is the same and its onset or one of its bookings is, or when it takes the place of one that is not there any more.
"""

import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

import sqlalchemy as sa

from models.store import detections, followed_customers, runs, told_detections
from serving.care import Detection

KNOWN, TELLING, TOLD = "known", "telling", "told"
_LAST = sa.select(runs.c.customer_id, sa.func.max(runs.c.as_of).label("as_of")).group_by(runs.c.customer_id).subquery()
_LAST_NIGHT = sa.select(detections).join(
    _LAST, sa.and_(detections.c.customer_id == _LAST.c.customer_id, detections.c.as_of == _LAST.c.as_of)
)


@dataclass(frozen=True, slots=True)
class Remembered:
    """A detection of one customer that a sink must not get as a new one; `evidence` is all it ever rested on."""

    id: str
    event: str
    onset_date: date
    evidence: frozenset[str]
    state: str

    @classmethod
    def of(cls, found: Detection) -> "Remembered":
        """A new one, which is about to be told."""
        return cls(secrets.token_hex(16), found.event, found.onset_date, frozenset(found.evidence), TELLING)

    def moved_to(self, found: Detection) -> "Remembered":
        """As it stands tonight."""
        evidence = self.evidence | frozenset(found.evidence)
        return Remembered(self.id, self.event, found.onset_date, evidence, self.state)


def match(found: Sequence[Detection], remembered: Iterable[Remembered], *, days: int) -> dict[int, Remembered]:
    """The remembered one of each detection that has one, by its place: each is that of one detection at most.

    Equal onsets go first, then shared bookings, then onsets that lie at most `days` apart; so a second event of its
    kind is a new one as long as the first is still there.
    """
    free = sorted(remembered, key=lambda known: (known.onset_date, known.id))
    order = sorted(range(len(found)), key=lambda at: found[at].onset_date)
    matched: dict[int, Remembered] = {}
    for is_same in (_has_same_onset, _shares_booking, partial(_is_near, days=days)):
        for at in order:
            mine = (known for known in free if known.event == found[at].event and is_same(known, found[at]))
            same = next(mine, None) if at not in matched else None
            if same is not None:
                matched[at] = same
                free.remove(same)
    return matched


def _has_same_onset(known: Remembered, found: Detection) -> bool:
    return known.onset_date == found.onset_date


def _shares_booking(known: Remembered, found: Detection) -> bool:
    return not known.evidence.isdisjoint(found.evidence)


def _is_near(known: Remembered, found: Detection, *, days: int) -> bool:
    return abs((known.onset_date - found.onset_date).days) <= days


def find_unmet(connection: sa.Connection, customers: Collection[str], purpose: str) -> set[str]:
    """Those who were never followed for this purpose."""
    met = sa.select(followed_customers.c.customer_id).where(followed_customers.c.purpose == purpose)
    return set(customers) - set(
        connection.execute(met.where(followed_customers.c.customer_id.in_(customers))).scalars()
    )


def meet(connection: sa.Connection, customers: Collection[str], purpose: str, *, at: datetime) -> None:
    """From now on these customers are followed."""
    rows = [{"customer_id": customer, "purpose": purpose, "at": at} for customer in sorted(customers)]
    connection.execute(followed_customers.insert(), rows)


def remember_last_night(connection: sa.Connection, customers: Collection[str], purpose: str, *, at: datetime) -> None:
    """What the last night stored of these customers is known; what was contradicted may still become new."""
    night = _LAST_NIGHT.where(_LAST.c.customer_id.in_(customers), detections.c.status != "contradicted")
    rows = [
        {
            "id": secrets.token_hex(16), "customer_id": row.customer_id, "purpose": purpose, "event": row.event,
            "onset_date": row.onset_date, "evidence": row.evidence, "state": KNOWN, "at": at,
        }
        for row in connection.execute(night)
    ]  # fmt: skip
    if rows:
        connection.execute(told_detections.insert(), rows)


def recollect(connection: sa.Connection, customers: Collection[str], purpose: str) -> dict[str, list[Remembered]]:
    """Everything that is remembered of these customers."""
    mine = sa.select(told_detections).where(told_detections.c.customer_id.in_(customers))
    remembered: dict[str, list[Remembered]] = defaultdict(list)
    for row in connection.execute(mine.where(told_detections.c.purpose == purpose)):
        known = Remembered(row.id, row.event, row.onset_date, frozenset(row.evidence.split()), row.state)
        remembered[row.customer_id].append(known)
    return remembered


def remember(connection: sa.Connection, kept: Iterable[tuple[str, Remembered]], purpose: str, *, at: datetime) -> None:
    """Keep what is about to be told, or has moved, of customers."""
    for customer, one in kept:
        row = {"event": one.event, "onset_date": one.onset_date, "evidence": " ".join(sorted(one.evidence))}
        moved = told_detections.update().where(told_detections.c.id == one.id).values(row)
        if not connection.execute(moved).rowcount:
            whole = {**row, "id": one.id, "customer_id": customer, "purpose": purpose, "state": one.state, "at": at}
            connection.execute(told_detections.insert(), whole)


def mark_told(connection: sa.Connection, ids: Collection[str], *, at: datetime) -> None:
    """The sink has these."""
    told = told_detections.update().where(told_detections.c.id.in_(ids), told_detections.c.state == TELLING)
    connection.execute(told.values(state=TOLD, at=at))
