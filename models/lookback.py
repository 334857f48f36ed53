"""Arithmetic over sorted arrays that looks back only: what came before an element of the same group, and how long ago.

Everything is counted in whole numbers, so that a figure does not depend on which other customers are in the batch
(sums of floats would differ in the last bit). A group is any whole number, a day counts from 1970.
"""

import numpy as np

# More days than any date has, so that group and day make one number that sorts by group, then by day.
_SPAN = 1 << 22
_UNIT = 1 << 20  # steps that a share (0..1) is counted in


def day_keys(groups: np.ndarray, days: np.ndarray) -> np.ndarray:
    """One number per element that sorts by group, then by day."""
    return np.asarray(groups, dtype=np.int64) * _SPAN + days


def group_starts(groups: np.ndarray) -> np.ndarray:
    """Per element of sorted groups the position of the first element of its group."""
    return np.maximum.accumulate(np.where(is_first(groups), np.arange(len(groups)), 0))


def is_first(*sorted_keys: np.ndarray) -> np.ndarray:
    """Whether an element differs from the one before it in any of the keys."""
    changed = np.ones(len(sorted_keys[0]), dtype=bool)
    changed[1:] = np.logical_or.reduce([keys[1:] != keys[:-1] for keys in sorted_keys])
    return changed


def window_starts(keys: np.ndarray, starts: np.ndarray, days_back: int) -> np.ndarray:
    """Per element the first position of its group that is at most so many days older; `keys` sorted `day_keys`."""
    return np.maximum(np.searchsorted(keys, keys - days_back), starts)


class Runs:
    """Elements of the same keys in their order: rank, first, and those some steps before.

    Parameters
    ----------
    keys : ndarray of int
        What elements share; the order among equals is that of the arrays.
    """

    def __init__(self, *keys: np.ndarray) -> None:
        order = np.lexsort(keys[::-1])
        firsts = is_first(*(key[order] for key in keys))
        begun = np.maximum.accumulate(np.where(firsts, np.arange(len(order)), 0))
        self._order = order
        self._place = np.empty(len(order), dtype=np.int64)
        self._place[order] = np.arange(len(order))
        self.rank = np.empty(len(order), dtype=np.int64)
        self.rank[order] = np.arange(len(order)) - begun
        self.first = np.empty(len(order), dtype=np.int64)
        self.first[order] = order[begun]

    def back(self, steps: int) -> np.ndarray:
        """Position of the element so many steps before, -1 where there is none."""
        place = self._place - steps
        return np.where(self.rank >= steps, self._order[np.maximum(place, 0)], -1) if len(place) else place

    def before(self, values: np.ndarray, steps: int, missing: float) -> np.ndarray:
        """Value of the element so many steps before, `missing` where there is none."""
        return taken(values, self.back(steps), missing)


def taken(values: np.ndarray, at: np.ndarray, missing: float) -> np.ndarray:
    """Values at these positions as floats, `missing` where the position is below zero."""
    if not len(values):
        return np.full(len(at), missing, dtype=np.float64)
    return np.where(at >= 0, values[np.maximum(at, 0)], missing).astype(np.float64)


def last_other(sorted_groups: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Position of the last earlier element of the same group but another kind, -1 where there is none."""
    at = np.arange(len(kinds))
    run = np.maximum.accumulate(np.where(is_first(sorted_groups, kinds), at, 0))
    return np.where(run > group_starts(sorted_groups), run - 1, -1)


def last_at_or_before(keys: np.ndarray, groups: np.ndarray, days: np.ndarray, sorted_groups: np.ndarray) -> np.ndarray:
    """Per (group, day) asked for, the last position of sorted `keys` with that group and no later day; -1 for none."""
    at = np.searchsorted(keys, day_keys(groups, days), side="right") - 1
    if not len(keys):
        return at
    return np.where((at >= 0) & (sorted_groups[np.maximum(at, 0)] == groups), at, -1)


def expand(lower: np.ndarray, upper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All pairs (owner, member) with lower[owner] <= member < upper[owner], in order of owner and member."""
    sizes = np.maximum(upper - lower, 0)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    offset = np.arange(len(owner)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return owner, lower[owner] + offset


def smallest_of(owner: np.ndarray, values: np.ndarray, count: int, missing: float) -> np.ndarray:
    """The smallest of each owner's values, `missing` where it has none; NaN is passed over."""
    smallest = np.full(count, np.inf)
    np.fmin.at(smallest, owner, values)
    return np.where(np.isfinite(smallest), smallest, missing)


def distinct_within(lower: np.ndarray, before: np.ndarray) -> np.ndarray:
    """How many kinds there are from lower[i] to i; `before` is the last earlier position of the same kind (or -1)."""
    owner, member = expand(lower, np.arange(len(lower)) + 1)
    return np.bincount(owner, weights=before[member] < lower[owner], minlength=len(lower))


def largest_within(lower: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The largest value from lower[i] to i; windows are never empty."""
    if not len(values):
        return values
    owner, member = expand(lower, np.arange(len(lower)) + 1)
    return np.maximum.reduceat(values[member], np.searchsorted(owner, np.arange(len(lower))))


def sums_within(lower: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sums of shares (0..1) from lower[i] to i, exact to a millionth whatever else is in the arrays."""
    total = np.concatenate([[0], np.cumsum(np.rint(values * _UNIT).astype(np.int64))])
    return (total[1:] - total[lower]) / _UNIT


def counts_within(lower: np.ndarray, flags: np.ndarray) -> np.ndarray:
    """How many of the flags are set from lower[i] to i."""
    total = np.concatenate([[0], np.cumsum(flags.astype(np.int64))])
    return total[1:] - total[lower]


def median_of_known(columns: np.ndarray) -> np.ndarray:
    """Median per row over the values that are not NaN, NaN where all are."""
    ordered = np.sort(columns, axis=1)  # NaN sorts last
    known = np.isfinite(ordered).sum(axis=1)
    rows, middle = np.arange(len(ordered)), np.maximum(known, 1) - 1
    return (ordered[rows, middle // 2] + ordered[rows, (middle + 1) // 2]) / 2
