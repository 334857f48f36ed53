"""What a batch leaves in the store: the night of each customer, and which batch wrote it, chunk by chunk."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa

from models.prepared import Prepared
from models.purposes import PurposeSource
from models.store import Store, batches, detections, followed_customers, runs, told_detections
from serving.detecting import ServedRelease
from serving.nightly import find_allowed_of

_IDS_AT_ONCE = 10_000  # SQLite takes about 32,000 values in a statement
FOLLOWED = (told_detections, followed_customers)  # go with the last permission, as nights do
_DAYS = ("onset_date", "detected_on")
_MADE_BY = ("as_of", "release_id")  # of the night; all else is found
_FOUND = tuple(column.name for column in detections.columns if column.name not in _MADE_BY)
# By columns: a row of a frame costs several times as much as one of lists.
_ADD_DETECTIONS, _ADD_RUNS = Prepared(detections.insert()), Prepared(runs.insert())
_PAGE = 5_000  # customers looked at in one transaction


@dataclass(frozen=True, slots=True)
class Night:
    """One batch: its number, the day it judges, the release, and whether it goes on with what was broken off."""

    batch: int
    as_of: date
    release_id: str
    model_version: str
    is_resumed: bool


def begin_batch(store: Store, work: str, *, as_of: date, release: ServedRelease, at: datetime, anew: bool) -> Night:
    """A new batch, or (unless `anew`) the same work that was broken off: same bookings, same day, same release."""
    same = {"bookings_sha256": work, "release_id": release.id, "as_of": as_of}
    broken_off = sa.select(batches.c.id).filter_by(**same).where(batches.c.finished_at.is_(None))
    with store.write() as connection:
        found = None if anew else connection.execute(broken_off.order_by(batches.c.id.desc()).limit(1)).scalar()
        number = found
        if number is None:
            row = {**same, "begun_at": at}
            number = connection.execute(batches.insert().returning(batches.c.id), row).scalar_one()
    return Night(int(number), as_of, release.id, release.model_version, found is not None)


def find_whole(store: Store, work: str, *, as_of: date, release: ServedRelease) -> Night | None:
    """The newest batch of this work that came to its end; what comes in afterwards is added to its night."""
    same = {"bookings_sha256": work, "release_id": release.id, "as_of": as_of}
    ended = sa.select(batches.c.id).filter_by(**same).where(batches.c.finished_at.is_not(None))
    with store.read() as connection:
        number = connection.execute(ended.order_by(batches.c.id.desc()).limit(1)).scalar()
    return None if number is None else Night(int(number), as_of, release.id, release.model_version, is_resumed=False)


def find_done(connection: sa.Connection, night: Night, customer_ids: Sequence[str]) -> set[str]:
    """Which of these customers this batch has judged already."""
    done = sa.select(runs.c.customer_id).where(runs.c.as_of == night.as_of, runs.c.batch == night.batch)
    return {
        customer
        for some in parts_of(customer_ids)
        for customer in connection.execute(done.where(runs.c.customer_id.in_(some))).scalars()
    }


def write_chunk(connection: sa.Connection, found: pd.DataFrame, judged: Collection[str], night: Night) -> None:
    """Replace the night of these customers by this frame of `detect_events`."""
    told = {name: _column(found, name) for name in _FOUND}
    ordered = sorted(judged)
    _delete(connection, ordered, as_of=night.as_of)
    _ADD_DETECTIONS.run_columns(connection, {**told, **_constant(len(found), _made_by(night))})
    made = {**_made_by(night), "model_version": night.model_version, "batch": night.batch}
    _ADD_RUNS.run_columns(connection, {"customer_id": ordered, **_constant(len(ordered), made)})


def _made_by(night: Night) -> dict[str, Any]:
    return {name: getattr(night, name) for name in _MADE_BY}


def _column(found: pd.DataFrame, name: str) -> list[Any]:
    values = found[name].to_numpy()
    return (values.astype("datetime64[D]") if name in _DAYS else values).tolist()


def _constant(rows: int, values: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {name: [value] * rows for name, value in values.items()}


def end_batch(store: Store, night: Night, *, at: datetime) -> None:
    """Delete what other runs left for this day, of customers whom this batch did not judge, and note the end."""
    mine = sa.select(runs.c.customer_id).where(runs.c.as_of == night.as_of, runs.c.batch == night.batch)
    with store.write() as connection:
        for table in (detections, runs):
            connection.execute(table.delete().where(table.c.as_of == night.as_of, table.c.customer_id.not_in(mine)))
        connection.execute(batches.update().where(batches.c.id == night.batch), {"finished_at": at})


def forget_refused(store: Store, registry: PurposeSource, *, clock: Callable[[], datetime]) -> int:
    """Delete all nights of customers who allow no purpose that they could be told for; returns how many there were."""
    forgotten, last = 0, ""
    while True:
        with store.write() as connection:
            page = sa.select(runs.c.customer_id).distinct().where(runs.c.customer_id > last)
            known = list(connection.execute(page.order_by(runs.c.customer_id).limit(_PAGE)).scalars())
            if not known:
                return forgotten
            allowed = find_allowed_of(connection, known, registry.in_force(connection), at=clock())
            refused = [customer_id for customer_id in known if customer_id not in allowed]
            _delete(connection, refused)
            _delete_rows(connection, refused, FOLLOWED)
        forgotten, last = forgotten + len(refused), known[-1]


def _delete(connection: sa.Connection, customer_ids: Sequence[str], *, as_of: date | None = None) -> None:
    for some in parts_of(customer_ids):
        for table in (detections, runs):
            gone = table.delete().where(table.c.customer_id.in_(some))
            connection.execute(gone if as_of is None else gone.where(table.c.as_of == as_of))


def _delete_rows(connection: sa.Connection, customer_ids: Sequence[str], tables: Sequence[sa.Table]) -> None:
    for some in parts_of(customer_ids):
        for table in tables:
            connection.execute(table.delete().where(table.c.customer_id.in_(some)))


def parts_of(customer_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many ids at a time as a statement of any database takes."""
    return (customer_ids[at : at + _IDS_AT_ONCE] for at in range(0, len(customer_ids), _IDS_AT_ONCE))
