"""The count cube: event x group x period, with sums over customers, from which every fact of the audit follows.

Rows of customers and rounded tables are two ways in. What the cube holds per group is counts, and for each rate the
products of customers' counts (grams): they say how customers' events hang together, so that no interval needs rows.
Cells of few people are in it; `training.fairness.disclosure` decides what may leave.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from models.errors import UsageError

ALL = "all"
# Each rate is a part of a whole; both are sums over units (a customer, or a booking, in a period).
RATES = {
    "recall": ("both", "true"),
    "false_offer_rate": ("offered_false", "offered"),
    "false_offers": ("offered_false", "units"),
    "offer_rate": ("offered", "units"),
    "offer_rate_given_event": ("offered_true", "true"),
    "calibration": ("true", "probability"),
    "abstention": ("abstained", "units"),
    "screening_recall": ("rightly_screened", "to_screen"),
    "false_screening": ("wrongly_screened", "not_to_screen"),
    "days_to_detect": ("days", "both"),
}
STATISTICS = tuple(dict.fromkeys((*(name for pair in RATES.values() for name in pair), "predicted", "screened")))
Matrix = Any  # (customers, events): a scipy CSR array, or an ndarray where nearly every entry counts


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What was true and what was predicted, one entry per row; rows in which nothing is true or told may be left out.

    Parameters
    ----------
    customer, event : ndarray of int
        Row of the groups frame, number of the event. Several rows of a customer and event add up.
    true, predicted : ndarray of bool
    offered : ndarray of bool, optional
        An offer went with it; without it, every prediction is an offer.
    period : ndarray of int, optional
    abstained, to_screen, screened : ndarray of bool, optional
        `to_screen` is the truth of screening.
    probability, days : ndarray of float, optional
        Probability of the event; days from the first detectable date, read where the event is true and predicted.
    """

    customer: np.ndarray
    event: np.ndarray
    true: np.ndarray
    predicted: np.ndarray
    offered: np.ndarray | None = None
    period: np.ndarray | None = None
    abstained: np.ndarray | None = None
    to_screen: np.ndarray | None = None
    screened: np.ndarray | None = None
    probability: np.ndarray | None = None
    days: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Sums of one period, or of all; groups of all grounds stand below each other.

    `sums[statistic]` and `slack[statistic]` (how far a sum may be off) are (groups, events); `grams[rate]` is
    (3, groups, events, events): products part x part, part x whole and whole x whole of a customer's events, or only
    (3, groups, events) in single periods; `holders[rate]` is (groups, events + 1): customers whose whole is above 0, of
    each event and, in the last column, of any;
    `customers` is (groups,).
    """

    sums: Mapping[str, np.ndarray]
    customers: np.ndarray
    grams: Mapping[str, np.ndarray] = field(default_factory=dict)
    holders: Mapping[str, np.ndarray] = field(default_factory=dict)
    slack: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def rates(self) -> tuple[str, ...]:
        """The rates whose part and whole were counted."""
        return tuple(rate for rate, pair in RATES.items() if all(name in self.sums for name in pair))


@dataclass(frozen=True, kw_only=True)
class Cube:
    """Counts per event and group, over all periods and in each."""

    events: tuple[str, ...]
    grounds: Mapping[str, tuple[str, ...]]
    pooled: Counts
    periods: Mapping[str, Counts]
    unknown: Mapping[str, int]  # customers of no group, per ground; -1 where a table does not say

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Ground and group of each row of the arrays."""
        return ((ground, group) for ground, groups in self.grounds.items() for group in groups)

    def rows_of(self, ground: str) -> range:
        """Where the groups of a ground stand in the arrays."""
        before = 0
        for name, groups in self.grounds.items():
            if name == ground:
                return range(before, before + len(groups))
            before += len(groups)
        raise UsageError(f"The cube has no ground {ground}. It has {', '.join(self.grounds)}.")


def build_cube(
    rows: Rows, groups: pd.DataFrame, *, events: Sequence[str], periods: Sequence[str] = (ALL,),
    exposure: np.ndarray | None = None,
) -> Cube:  # fmt: skip
    """Count rows.

    Parameters
    ----------
    groups : DataFrame
        One row per customer and one column per ground or intersection; a missing value is no group.
    exposure : ndarray, shape (n_customers, n_periods), optional
        Units of each customer in a period (bookings, for example); without it a customer is one unit in each.

    Raises
    ------
    UsageError
        Rows name a customer, event or period that is not there, or arrays differ in length.
    """
    exposure = np.ones((len(groups), len(periods))) if exposure is None else np.asarray(exposure, dtype=float)
    _validate(rows, customers=len(groups), events=len(events), periods=len(periods), exposure=exposure)
    coded = {str(ground): _codes(groups[ground]) for ground in groups}
    shape = (len(groups), len(events))
    pooled = _count(rows, coded, shape, exposure.sum(axis=1))
    single = {}
    for number, period in enumerate(periods):
        if rows.period is None or len(periods) == 1:
            single[period] = _diagonal(pooled)
        else:
            single[period] = _diagonal(_count(_part(rows, rows.period == number), coded, shape, exposure[:, number]))
    return Cube(
        events=tuple(events),
        grounds={ground: names for ground, (_, names) in coded.items()},
        pooled=pooled,
        periods=single,
        unknown={ground: int((codes < 0).sum()) for ground, (codes, _) in coded.items()},
    )


def add_cubes(one: Cube, other: Cube) -> Cube:
    """The cube of both, where no customer is in both: everything in it is a sum over customers.

    Raises
    ------
    UsageError
        They are of other events, groups or periods.
    """
    if any(getattr(one, name) != getattr(other, name) for name in ("events", "grounds")) or set(one.periods) != set(
        other.periods
    ):
        raise UsageError("Two cubes can be added where events, groups and periods are the same.")
    return replace(
        one,
        pooled=_add(one.pooled, other.pooled),
        periods={name: _add(counts, other.periods[name]) for name, counts in one.periods.items()},
        unknown={ground: n + other.unknown[ground] for ground, n in one.unknown.items()},
    )


def _add(one: Counts, other: Counts) -> Counts:
    def both(name: str) -> dict[str, np.ndarray]:
        return {key: values + getattr(other, name)[key] for key, values in getattr(one, name).items()}

    return Counts(
        customers=one.customers + other.customers,
        **{name: both(name) for name in ("sums", "grams", "holders", "slack")},
    )


def _validate(rows: Rows, *, customers: int, events: int, periods: int, exposure: np.ndarray) -> None:
    given = {name: values for name, values in vars(rows).items() if values is not None}
    if len({len(values) for values in given.values()}) > 1:
        raise UsageError("The rows of the audit differ in length. Give arrays of one length.")
    if periods > 1 and rows.period is None:
        raise UsageError("There are several periods, but rows do not say theirs. Give `period`.")
    for name, size in (("customer", customers), ("event", events), ("period", periods)):
        values = given.get(name)
        if values is not None and len(values) and not (values.min() >= 0 and values.max() < size):
            raise UsageError(f"Rows of the audit have a {name} outside 0 to {size - 1}. Number them from 0.")
    for name in ("true", "predicted", "offered", "abstained", "to_screen", "screened"):
        if name in given and given[name].dtype != np.bool_:
            raise UsageError(f"{name} must be true or false in every row. Give an array of bool.")
    if exposure.shape != (customers, periods):
        raise UsageError("Exposure must have one row per customer and one column per period.")


def _codes(values: pd.Series) -> tuple[np.ndarray, tuple[str, ...]]:
    """Number of the group of each customer (-1: none) and the groups' names, in the order of a categorical."""
    category = values.astype("category").cat
    return category.codes.to_numpy(dtype=np.int64), tuple(map(str, category.categories))


def _part(rows: Rows, chosen: np.ndarray) -> Rows:
    return replace(rows, **{name: values[chosen] for name, values in vars(rows).items() if values is not None})


def _count(
    rows: Rows, coded: Mapping[str, tuple[np.ndarray, tuple[str, ...]]], shape: tuple[int, int], units: np.ndarray
) -> Counts:
    matrices = _matrices(rows, shape, units)
    counted = [_count_ground(matrices, codes, len(names), units) for codes, names in coded.values()]
    return Counts(
        sums={name: np.concatenate([one.sums[name] for one in counted]) for name in matrices},
        customers=np.concatenate([one.customers for one in counted]),
        grams={rate: np.concatenate([one.grams[rate] for one in counted], axis=1) for rate in counted[0].grams},
        holders={rate: np.concatenate([one.holders[rate] for one in counted]) for rate in counted[0].holders},
    )


def _matrices(rows: Rows, shape: tuple[int, int], units: np.ndarray) -> dict[str, Matrix]:
    """Every statistic as a matrix of customers and events."""
    offered = rows.predicted if rows.offered is None else rows.offered
    flags = {
        "true": rows.true, "predicted": rows.predicted, "both": rows.true & rows.predicted, "offered": offered,
        "offered_true": offered & rows.true, "offered_false": offered & ~rows.true,
    }  # fmt: skip
    if rows.abstained is not None:
        flags["abstained"] = rows.abstained
    if rows.screened is not None and rows.to_screen is not None:
        flags |= {
            "screened": rows.screened, "to_screen": rows.to_screen, "rightly_screened": rows.screened & rows.to_screen,
            "wrongly_screened": rows.screened & ~rows.to_screen,
        }  # fmt: skip
    matrices: dict[str, Matrix] = {name: _sparse(rows, flag, None, shape) for name, flag in flags.items()}
    matrices["units"] = np.broadcast_to(units[:, None], shape)
    if "to_screen" in matrices:
        matrices["not_to_screen"] = units[:, None] - matrices["to_screen"].toarray()
    if rows.days is not None:
        matrices["days"] = _sparse(rows, flags["both"], rows.days, shape)
    if rows.probability is not None:
        cell = rows.customer.astype(np.int64) * shape[1] + rows.event
        matrices["probability"] = np.bincount(cell, rows.probability, minlength=shape[0] * shape[1]).reshape(shape)
    return matrices


def _sparse(rows: Rows, flag: np.ndarray, values: np.ndarray | None, shape: tuple[int, int]) -> Matrix:
    at = np.flatnonzero(flag)
    data = np.ones(len(at)) if values is None else np.asarray(values[at], dtype=float)
    return sparse.csr_array(sparse.coo_array((data, (rows.customer[at], rows.event[at])), shape=shape))


def _count_ground(matrices: Mapping[str, Matrix], codes: np.ndarray, groups: int, units: np.ndarray) -> Counts:
    known = np.flatnonzero(codes >= 0)
    belongs = sparse.csr_array((np.ones(len(known)), (codes[known], known)), shape=(groups, len(codes)))
    members = [np.flatnonzero(codes == group) for group in range(groups)]
    rates = {rate: pair for rate, pair in RATES.items() if all(name in matrices for name in pair)}
    named = dict.fromkeys(name for pair in rates.values() for name in pair)
    blocks = {name: _by_group(matrices[name], codes, groups) for name in named}
    grams: dict[tuple[str, str], np.ndarray] = {}
    for part, whole in rates.values():
        for pair in ((part, part), (part, whole), (whole, whole)):
            if pair not in grams:
                grams[pair] = _gram(blocks[pair[0]], blocks[pair[1]], members, events=matrices["true"].shape[1])
    wholes = {whole: _holders(matrices[whole], belongs) for _, whole in rates.values()}
    return Counts(
        sums={name: _full(belongs @ matrix) for name, matrix in matrices.items()},
        customers=belongs @ (units > 0).astype(float),
        grams={rate: np.stack([grams[p, p], grams[p, w], grams[w, w]]) for rate, (p, w) in rates.items()},
        holders={rate: wholes[whole] for rate, (_, whole) in rates.items()},
    )


def _holders(whole: Matrix, belongs: Matrix) -> np.ndarray:
    """Customers of each group that have the event, and in the last column any event."""
    has = whole > 0
    any_event = np.asarray(has.sum(axis=1)).ravel() > 0
    return np.column_stack([_full(belongs @ has), belongs @ any_event.astype(float)])


def _full(matrix: Any) -> np.ndarray:
    return np.asarray(matrix.toarray() if sparse.issparse(matrix) else matrix, dtype=float)


def _gram(a: Matrix, b: Matrix, members: Sequence[np.ndarray], *, events: int) -> np.ndarray:
    """Products a.T @ b of each group's customers, (groups, events, events), of matrices from `_by_group`."""
    groups = len(members)
    if not sparse.issparse(a):  # then b is not either: no rate has a fuller part than whole
        return np.stack([a[rows].T @ b[rows] for rows in members])
    if not sparse.issparse(b):
        return np.asarray(a.T @ b).reshape(groups, events, events)
    # A customer is in one group only, so that the product of all groups' columns is zero outside the diagonal blocks.
    product = sparse.coo_array(a.T @ b)
    row, column = product.coords
    gram = np.zeros((groups, events, events))
    gram[row // events, row % events, column % events] = product.data
    return gram


def _by_group(matrix: Matrix, codes: np.ndarray, groups: int) -> Matrix:
    """The same entries, each in the columns of its customer's group; a full matrix as it is."""
    if not sparse.issparse(matrix):
        return matrix
    entries = sparse.coo_array(matrix)
    row, column = entries.coords
    kept = codes[row] >= 0
    at = (row[kept], codes[row[kept]] * matrix.shape[1] + column[kept])
    return sparse.csr_array((entries.data[kept], at), shape=(matrix.shape[0], groups * matrix.shape[1]))


def _diagonal(counts: Counts) -> Counts:
    """Without the products between different events, which only averages over events need."""
    grams = {rate: np.diagonal(gram, axis1=2, axis2=3).copy() for rate, gram in counts.grams.items()}
    return Counts(sums=counts.sums, customers=counts.customers, grams=grams, holders=counts.holders)
