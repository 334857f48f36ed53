"""What customers were told: nightly runs, answers, corrections and complaints, read for whoever counts them later.

Serving writes these tables and training may not import serving, so what both need stands here. Nothing of a booking is
read, and of a person only the id, which the caller must hold against permission before anything is counted.
"""

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa

from models.permission_files import PERMISSION_COLUMNS
from models.purposes import AMSTERDAM
from models.store import complaints, corrections, detections, permission_events, trail, trail_commitments

ANSWERED = "events_answered"
OTHER = "other"
# Serving makes this table with the first nightly run; until then there is none.
_RUNS = sa.table("runs", *(sa.column(name) for name in ("customer_id", "as_of", "release_id")))
_DETECTED = sa.select(
    *(detections.c[name] for name in ("customer_id", "event", "onset_date", "detected_on", "probability", "as_of"))
)
_ANSWERS = (
    sa.select(trail.c.at, trail.c.body, trail_commitments.c.value)
    .join(trail_commitments, trail_commitments.c.seq == trail.c.seq)
    .where(trail.c.kind == ANSWERED, trail_commitments.c.name == "customer_id")
)


@dataclass(frozen=True, kw_only=True)
class Served:
    """What left, as tables; `month` is a text such as 2026-10, of Europe/Amsterdam.

    `judged` customer_id, month: looked at by a nightly run. `told` customer_id, event, detected_on, probability: found
    by one, each once. `asked` customer_id, month, offered: somebody asked about this customer, and an offer went along.
    `spoke` customer_id, event, kind, month: a correction, or a complaint (event: what it is about, or `other`).
    """

    judged: pd.DataFrame
    told: pd.DataFrame
    asked: pd.DataFrame
    spoke: pd.DataFrame

    def of_customers(self, customers: set[str]) -> "Served":
        """Only what these customers were told."""
        parts = {name: table[table["customer_id"].isin(customers)] for name, table in vars(self).items()}
        return Served(**{name: table.reset_index(drop=True) for name, table in parts.items()})


def read_served(connection: sa.Connection, release_id: str) -> Served:
    """Everything that left under one release; answers of customers who were erased are in nobody's count.

    Detections of a customer that a later run repeats are told once.
    """
    judged, told = _nightly(connection, release_id)
    asked = []
    for at, body, customer_id in connection.execute(_ANSWERS):
        said = json.loads(body)["body"]
        if said.get("release") == release_id:
            asked.append((customer_id, month_of(at), bool(said["offers"])))
    return Served(
        judged=judged,
        told=told,
        asked=pd.DataFrame(asked, columns=["customer_id", "month", "offered"]),
        spoke=_spoke(connection),
    )


def read_permission_events(connection: sa.Connection) -> pd.DataFrame:
    """The ledger in the form of `models.permission.load_permissions`."""
    columns = [permission_events.c[name] for name in PERMISSION_COLUMNS]
    rows = connection.execute(sa.select(*columns).order_by(permission_events.c.version)).all()
    table = pd.DataFrame(rows, columns=list(PERMISSION_COLUMNS))
    texts = {name: table[name].astype("str") for name in PERMISSION_COLUMNS if name != "at"}
    moments = pd.to_datetime(table["at"], utc=True).astype("datetime64[us, UTC]")
    return table.assign(**texts, at=moments).sort_values("at", kind="stable", ignore_index=True)


def month_of(at: datetime | date) -> str:
    """The month of a day, or of a moment in Europe/Amsterdam."""
    day = at.astimezone(AMSTERDAM) if isinstance(at, datetime) else at
    return f"{day:%Y-%m}"


def _nightly(connection: sa.Connection, release_id: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    columns = ["customer_id", "event", "onset_date", "detected_on", "probability", "as_of"]
    if not sa.inspect(connection).has_table(_RUNS.name):
        return pd.DataFrame(columns=["customer_id", "month"]), pd.DataFrame(columns=columns[:-1])
    ran = sa.select(_RUNS.c.customer_id, _RUNS.c.as_of).where(_RUNS.c.release_id == release_id).distinct()
    days = [(customer, month_of(_day(as_of))) for customer, as_of in connection.execute(ran)]
    rows = connection.execute(_DETECTED.where(detections.c.release_id == release_id)).all()
    return pd.DataFrame(days, columns=["customer_id", "month"]).drop_duplicates(), first_told(
        pd.DataFrame(rows, columns=columns).sort_values("as_of", kind="stable")
    )


def first_told(found: pd.DataFrame) -> pd.DataFrame:
    """Each detection once, as it was told first: a later run or file tells it again."""
    kept = found.drop_duplicates(["customer_id", "event", "detected_on"])
    days = {name: pd.to_datetime(kept[name]).astype("datetime64[s]") for name in ("onset_date", "detected_on")}
    return kept[["customer_id", "event", "onset_date", "detected_on", "probability"]].assign(**days)


def _spoke(connection: sa.Connection) -> pd.DataFrame:
    corrected = connection.execute(sa.select(corrections.c.customer_id, corrections.c.event, corrections.c.at))
    said: list[tuple[str, str, str, str]] = [
        (customer, event, "correction", month_of(at)) for customer, event, at in corrected
    ]
    complained = connection.execute(sa.select(complaints.c.customer_id, complaints.c.subject, complaints.c.at))
    said += [(customer, subject or OTHER, "complaint", month_of(at)) for customer, subject, at in complained]
    return pd.DataFrame(said, columns=["customer_id", "event", "kind", "month"])


def _day(value: Any) -> date:
    """A day as SQLite gives it to whoever names no types, or as a date."""
    return value if isinstance(value, date) else date.fromisoformat(str(value))
