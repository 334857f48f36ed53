"""The second way into the cube: tables that were rounded before anyone saw them.

Statistics Netherlands delivers counts per group rounded to ten, never rows. Each count may be off by half the rounding;
every interval and p-value is then that of the worst corner (`Side.corners`).
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from models.errors import UnreadableDataError
from training.fairness.cube import ALL, STATISTICS, Counts, Cube

_KEYS = ("event", "ground", "group")


def build_table_cube(table: pd.DataFrame, *, rounding: int = 10) -> Cube:
    """A cube from counts of customers.

    Parameters
    ----------
    table : DataFrame
        Columns event, ground, group, optionally period, and counts named as the cube's statistics (units, true, both,
        offered, ...); one row per cell.
    rounding : int
        To what the counts were rounded; 1 when they are exact.

    Notes
    -----
    Customers count once per cell, so that there is no design effect; false offers are offers less right ones, and twice
    as doubtful.

    Raises
    ------
    UnreadableDataError
        A cell is missing or there twice, or a count is negative or not rounded as said.
    """
    table = table.assign(period=table.get("period", ALL))
    names = [name for name in STATISTICS if name in table]
    missing = [name for name in _KEYS if name not in table]
    if missing or not names:
        raise UnreadableDataError("The table needs event, ground and group, and at least one count such as units.")
    counts = table[names].to_numpy(dtype=float)
    if not (counts >= 0).all() or (counts % rounding).any():
        raise UnreadableDataError(f"Counts of the table must be whole multiples of {rounding}. Say how it was rounded.")
    grounds = {
        str(ground): tuple(map(str, rows["group"].unique())) for ground, rows in table.groupby("ground", sort=False)
    }
    events = tuple(map(str, table["event"].unique()))
    periods = {
        str(period): _counts(rows, grounds, events, names, rounding)
        for period, rows in table.groupby("period", sort=False)
    }
    return Cube(
        events=events, grounds=grounds, pooled=_add(list(periods.values())), periods=periods,
        unknown=dict.fromkeys(grounds, -1),
    )  # fmt: skip


def _counts(
    rows: pd.DataFrame, grounds: Mapping[str, tuple[str, ...]], events: tuple[str, ...], names: list[str], rounding: int
) -> Counts:
    cells = [(ground, group) for ground, groups in grounds.items() for group in groups]
    order = pd.MultiIndex.from_tuples([(*cell, event) for cell in cells for event in events])
    indexed = rows.set_index(["ground", "group", "event"])
    if indexed.index.has_duplicates or len(indexed) != len(order) or not order.isin(indexed.index).all():
        raise UnreadableDataError("Every event needs exactly one row for every group and period of the table.")
    ordered = indexed.loc[order]
    shape = (len(cells), len(events))
    sums = {name: ordered[name].to_numpy(dtype=float).reshape(shape) for name in names}
    half = rounding / 2 if rounding > 1 else 0.0
    slack = {name: np.full(shape, half) for name in names}
    if {"offered", "offered_true"} <= set(names) and "offered_false" not in names:
        sums["offered_false"] = np.maximum(sums["offered"] - sums["offered_true"], 0.0)
        slack["offered_false"] = np.full(shape, 2 * half)
    people = sums["units"].max(axis=1) if "units" in sums else next(iter(sums.values())).max(axis=1)
    return Counts(sums=sums, customers=people, slack=slack)


def _add(periods: list[Counts]) -> Counts:
    first = periods[0]
    if len(periods) == 1:
        return first
    return Counts(
        sums={name: np.sum([one.sums[name] for one in periods], axis=0) for name in first.sums},
        customers=np.max([one.customers for one in periods], axis=0),
        slack={name: np.sum([one.slack[name] for one in periods], axis=0) for name in first.slack},
    )
