"""The tables of an audit after permission: who is looked at, and whom the release was trained on.

Nobody is in both: whoever was trained on is only learned from again, by models that the audit compares with and throws
away.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from models.bookings import load_bookings
from models.errors import UsageError
from models.taxonomy import SCREENED
from training.dataset import load_events, permitted_bookings, permitted_customers
from training.door import Door
from training.labels import label_bookings, load_labels
from training.reading import load_table
from training.simulation.bank import is_simulated

PURPOSE = "fairness_audit"
SIMULATED, GIVEN = "simulated", "given"


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The tables of an audit: bookings and true events, and who may be looked at.

    `labels` tell which bookings must be screened, `splits` (customer_id,split) whom the candidate was trained on;
    `justifications` are the board's answers about cells in which offers may differ; `whole` is a dataset of any size
    on which Spark counts the cubes, while every other part looks at `bookings`.
    """

    bookings: Path
    events: Path
    labels: Path | None = None
    permissions: Path | None = None
    splits: Path | None = None
    justifications: Path | None = None
    whole: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Trained:
    """Labelled bookings of customers who were trained on and allow training, as they stand: nothing is screened.

    `events` are their true events; `may_audit` those of the customers whose groups may be looked at.
    """

    bookings: pd.DataFrame
    labels: np.ndarray
    events: pd.DataFrame
    may_audit: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Tables:
    """What is audited: bookings of customers who allow it and were not trained on; None where nothing says who was."""

    bookings: pd.DataFrame
    events: pd.DataFrame
    to_screen: np.ndarray | None
    trained: Trained | None
    as_of: date
    without_permission: int
    source: str


@dataclass(frozen=True, kw_only=True)
class Audience:
    """Of whom a dataset is counted: who allows the audit (None: all but `never`), and of them who is `tested`.

    `to_screen` are the bookings that must be screened, where labels say so.
    """

    permitted: Collection[str] | None
    never: Collection[str]
    tested: Collection[str] | None
    to_screen: Collection[str] | None


def read_tables(sources: Sources, door: Door) -> tuple[Tables, list[str]]:
    """Permission first; then whoever was trained on is left out. Also gives notes for people.

    Raises
    ------
    UsageError
        No booking is left.
    """
    notes: list[str] = []
    read = load_bookings(sources.bookings)
    events = load_events(sources.events)
    frame, _ = permitted_bookings(read.frame, sources.permissions, notes, purpose=PURPOSE, door=door)
    refused = read.frame["customer_id"].nunique() - frame["customer_id"].nunique()
    trained = None
    if sources.splits is None:
        notes.append("No splits were given: you declare that the candidate was not trained on these customers.")
    else:
        tested = _tested(sources.splits)
        allowed = set(frame["customer_id"])
        frame = frame[frame["customer_id"].isin(tested)].reset_index(drop=True)
        if sources.labels is not None:
            others = read.frame[~read.frame["customer_id"].isin(tested)].reset_index(drop=True)
            trained = _trained(others, sources.labels, sources.permissions, events, allowed, door)
    if not len(frame):
        raise UsageError(
            f"No customer is left to audit: each must allow {PURPOSE} and must not have been trained on. "
            "Check customer_id in bookings, permissions and splits."
        )
    return Tables(
        bookings=frame, events=events, to_screen=_to_screen(frame, sources.labels), trained=trained,
        as_of=pd.Timestamp(frame["booking_date"].max()).date(), without_permission=refused,
        source=SIMULATED if is_simulated(sources.bookings) else GIVEN,
    ), notes  # fmt: skip


def _trained(
    frame: pd.DataFrame, labels: Path, permissions: Path | None, events: pd.DataFrame, allowed: set[str], door: Door
) -> Trained | None:
    """Those who allow training; None when no labelled booking of them is left."""
    mine, _ = permitted_bookings(frame, permissions, [], door=door)
    told = label_bookings(mine, load_labels(labels, []))["event"]
    known = told.notna().to_numpy()
    if not known.any():
        return None
    mine = mine[known].reset_index(drop=True)
    customers = set(mine["customer_id"])
    return Trained(
        bookings=mine, labels=told[known].to_numpy(dtype=str),
        events=events[events["customer_id"].isin(customers)].reset_index(drop=True),
        may_audit=tuple(sorted(customers & allowed)),
    )  # fmt: skip


def choose_audience(sources: Sources, door: Door) -> Audience:
    """Of whom a whole dataset is counted, by the same permission and splits as `read_tables`."""
    permitted = tested = None
    if sources.permissions is not None:
        permitted, _ = permitted_customers(sources.permissions, [], purpose=PURPOSE, door=door)
    if sources.splits is not None:
        tested = _tested(sources.splits)
    return Audience(permitted=permitted, never=door.minors, tested=tested, to_screen=_sensitive(sources.labels))


def _tested(splits: Path) -> set[str]:
    table = load_table(splits, ("customer_id", "split"))
    return set(table.loc[table["split"] == "test", "customer_id"])


def _to_screen(frame: pd.DataFrame, labels: Path | None) -> np.ndarray | None:
    """Whether each booking must be screened, where labels say so."""
    sensitive = _sensitive(labels)
    return None if sensitive is None else np.asarray(frame["booking_id"].isin(sensitive))


def _sensitive(labels: Path | None) -> set[str] | None:
    """The bookings that must be screened, where labels say so."""
    if labels is None:
        return None
    table = load_table(labels, ("booking_id", "event"))
    sensitive = table["event"].eq(SCREENED) | (table["role"].eq(SCREENED) if "role" in table else False)
    return set(table.loc[sensitive, "booking_id"])
