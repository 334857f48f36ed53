"""Nothing is kept longer than `policy.toml` says; run every night and by `levensloop retention enforce`.

What was inferred about somebody who allows no purpose any more goes too, so a withdrawal takes the derived events with
it within a day.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from models.purposes import AMSTERDAM, PurposeRegistry
from models.store import METADATA, Store, detections, runs
from models.trail import append_trail
from serving.batch_records import FOLLOWED
from serving.nightly import find_allowed_customers
from serving.policy import Policy, Retention

ENFORCED = "retention_enforced"
# Customers named in one statement: databases bound how many values one takes.
_IDS_AT_ONCE = 500


def enforce_retention(
    store: Store, policy: Policy, registry: PurposeRegistry, *, clock: Callable[[], datetime]
) -> dict[str, int]:
    """Delete what is too old and what nobody allows; returns deleted rows per table, which stand in the trail too."""
    deleted = {}
    with store.write() as connection:
        at = clock()
        for name, kept in policy.retention.items():
            if kept.days is not None:
                deleted[name] = connection.execute(_delete_older(name, kept, at=at)).rowcount
        for name, count in _delete_not_allowed(connection, registry, at=at).items():
            deleted[name] = deleted.get(name, 0) + count
        counted = {name: count for name, count in deleted.items() if count}
        append_trail(connection, ENFORCED, {"policy": policy.version, "rows": counted}, at=at)
    return deleted


def _delete_older(name: str, kept: Retention, *, at: datetime) -> sa.Delete:
    """The statement that deletes rows of a table whose day is more than `days` days ago."""
    table = METADATA.tables[name]
    if "." not in kept.since:
        return table.delete().where(_is_older(table.c[kept.since], kept, at=at))
    owner, column = kept.since.split(".")
    (key,) = (key for key in table.foreign_keys if key.column.table.name == owner)
    old = sa.select(key.column).where(_is_older(key.column.table.c[column], kept, at=at))
    return table.delete().where(key.parent.in_(old))


def _is_older(since: sa.Column[Any], kept: Retention, *, at: datetime) -> sa.ColumnElement[bool]:
    """Whether the day in a column is more than `days` days ago; an empty one is not."""
    limit = at - timedelta(days=kept.days or 0)
    return since < (limit.astimezone(AMSTERDAM).date() if isinstance(since.type, sa.Date) else limit)


def _delete_not_allowed(connection: sa.Connection, registry: PurposeRegistry, *, at: datetime) -> dict[str, int]:
    """Detections, runs and what was told of customers who allow no purpose that they could be told for."""
    allowed = find_allowed_customers(connection, registry, at=at)
    known = set(connection.execute(sa.select(runs.c.customer_id).distinct()).scalars())
    for table in (detections, *FOLLOWED):
        known |= set(connection.execute(sa.select(table.c.customer_id).distinct()).scalars())
    gone = sorted(known - allowed)
    counts = {table.name: 0 for table in (detections, runs, *FOLLOWED)}
    for start in range(0, len(gone), _IDS_AT_ONCE):
        some = gone[start : start + _IDS_AT_ONCE]
        for table in (detections, runs, *FOLLOWED):
            counts[table.name] += connection.execute(table.delete().where(table.c.customer_id.in_(some))).rowcount
    return counts
