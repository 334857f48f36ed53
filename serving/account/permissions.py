"""How many customers allowed what, at the end of every month, by the rule that answers are given by."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from models.permission import PermissionRecord, decide
from models.purposes import Purpose
from models.store import permission_events
from serving.account.hiding import tell_all, tell_months

MONTHS = 12
_events = permission_events.c
_ROWS = (
    sa.select(
        _events.customer_id, _events.version, _events.action, _events.notice_version, _events.notice_sha256, _events.at
    )
    .where(_events.purpose == sa.bindparam("purpose"))
    .order_by(_events.customer_id, _events.version)
)
_ROWS_AT_ONCE = 10_000


def count_permissions(connection: sa.Connection, purpose: Purpose, *, at: datetime) -> dict[str, Any]:
    """Customers by state at each month's end, and ledger events by action and month, for one purpose.

    Only customers whom the ledger knows for this purpose are counted; of everybody else there is no record, so no yes.
    """
    ends = list(month_ends(at))
    states: list[tuple[str, str]] = []
    actions: list[tuple[str, str]] = []
    notices: Counter[str] = Counter()
    rows = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(_ROWS, {"purpose": purpose.id})
    for _, mine in groupby(rows, key=itemgetter(0)):
        events = [PermissionRecord(*row[1:]) for row in mine]
        actions += [(event.action, event.at.strftime("%Y-%m")) for event in events]
        notices.update({event.notice_version for event in events if event.action == "shown"})
        for end in ends:
            known = [event for event in events if event.at <= end]
            if known:
                states.append((decide(known, purpose, at=end).because, end.strftime("%Y-%m")))
    return {
        "customers_by_state_at_month_end": tell_months(states),
        "events_by_month": tell_months(actions),
        "customers_shown_notice": tell_all(notices),
    }


def month_ends(at: datetime) -> Iterator[datetime]:
    """The last moment (UTC) of each of the months up to this one, oldest first; of this month: now."""
    first = at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    starts = [first]
    for _ in range(MONTHS - 1):
        starts.append((starts[-1] - timedelta(days=1)).replace(day=1))
    yield from (start - timedelta(microseconds=1) for start in reversed(starts[:-1]))
    yield at.astimezone(UTC)
