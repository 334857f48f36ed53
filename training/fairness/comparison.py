"""Two sides of a comparison as arrays: a group and what it is held against, over each event or over events together.

A group is compared with its ground's reference group and with all other groups together, never the highest with the
lowest: that is positive by construction, and one tiny group would decide for all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np

from training.fairness.cube import RATES, Counts, Cube
from training.intervals import ClusterSums, effective_n, ratio_variance

Over = Literal["each", "pooled", "macro"]
Against = Literal["reference", "rest"]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A group and what it is compared with, as rows of the cube's arrays."""

    ground: str
    group: str
    against: Against
    other: str
    rows: tuple[int, ...]
    other_rows: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side of comparisons, arrays (pairs, events): sums, observations per effective one, and variance of the share.

    `part_slack` and `whole_slack` say how far the sums of rounded tables may be off.
    """

    part: np.ndarray
    whole: np.ndarray
    effect: np.ndarray
    variance: np.ndarray
    part_slack: np.ndarray
    whole_slack: np.ndarray

    @property
    def share(self) -> np.ndarray:
        """Part of the whole; nan where there is no whole."""
        return np.divide(self.part, self.whole, out=np.full(self.part.shape, np.nan), where=self.whole > 0)

    @property
    def n(self) -> np.ndarray:
        """Observations over the design effect of customers."""
        return self.whole / self.effect

    def corners(self) -> list["Side"]:
        """The same side with its sums as low and as high as rounding allows; itself when nothing was rounded."""
        if not (self.part_slack.any() or self.whole_slack.any()):
            return [self]
        made = []
        for by_part, by_whole in product((-1, 1), repeat=2):
            whole = np.maximum(self.whole + by_whole * self.whole_slack, 0.0)
            part = np.clip(self.part + by_part * self.part_slack, 0.0, whole)
            made.append(self.at(part, whole))
        return made

    def at(self, part: np.ndarray, whole: np.ndarray) -> "Side":
        """The same side with other sums, and no doubt about them."""
        none = np.zeros(part.shape)
        return Side(
            part=part, whole=whole, effect=self.effect, variance=self.variance, part_slack=none, whole_slack=none
        )


def list_pairs(cube: Cube, *, references: Mapping[str, str], grounds: Sequence[str] | None = None) -> list[Pair]:
    """Each group against its ground's reference and against the rest, the reference against the rest only.

    Of two groups, the rest is the reference: they are compared once.
    """
    pairs = []
    for ground in cube.grounds if grounds is None else grounds:
        at = dict(zip(cube.grounds[ground], cube.rows_of(ground), strict=True))
        reference = references[ground]
        for group, row in at.items():
            if group != reference:
                pairs.append(_pair(ground, group, row, against="reference", other=reference, rows=(at[reference],)))
            if len(at) > 2:
                rest = tuple(other for name, other in at.items() if name != group)
                pairs.append(_pair(ground, group, row, against="rest", other="", rows=rest))
    return pairs


def list_groups(cube: Cube, *, grounds: Sequence[str] | None = None) -> list[Pair]:
    """Each group on its own, for figures that are held against no other group."""
    return [
        _pair(ground, group, row, against="rest", other="", rows=())
        for ground in (cube.grounds if grounds is None else grounds)
        for group, row in zip(cube.grounds[ground], cube.rows_of(ground), strict=True)
    ]


def _pair(ground: str, group: str, row: int, *, against: Against, other: str, rows: tuple[int, ...]) -> Pair:
    return Pair(ground=ground, group=group, against=against, other=other, rows=(row,), other_rows=rows)


def two_sides(
    counts: Counts, rate: str, pairs: Sequence[Pair], *, over: Over, least: float = 1.0
) -> tuple[Side, Side, np.ndarray]:
    """Both sides of every pair, and which events are in them, (pairs, events).

    Parameters
    ----------
    over
        `each` event, all events `pooled` into one sum, or their shares averaged (`macro`).
    least
        An event enters a macro-average when both sides have this many observations of it.
    """
    chosen = [
        _selection([getattr(pair, rows) for pair in pairs], len(counts.customers)) for rows in ("rows", "other_rows")
    ]
    if over == "each":
        sides = [_each(counts, rate, selection) for selection in chosen]
        return sides[0], sides[1], np.ones(sides[0].part.shape, dtype=bool)
    if over == "pooled":
        sides = [_pooled(counts, rate, selection) for selection in chosen]
        return sides[0], sides[1], np.ones((len(pairs), counts.sums[RATES[rate][1]].shape[1]), dtype=bool)
    wholes = [selection @ counts.sums[RATES[rate][1]] for selection in chosen]
    inside = (wholes[0] >= least) & (wholes[1] >= least)
    sides = [_macro(counts, rate, selection, inside) for selection in chosen]
    return sides[0], sides[1], inside


def _selection(rows: Sequence[Sequence[int]], groups: int) -> np.ndarray:
    matrix = np.zeros((len(rows), groups))
    for number, chosen in enumerate(rows):
        matrix[number, list(chosen)] = 1.0
    return matrix


def _each(counts: Counts, rate: str, selection: np.ndarray) -> Side:
    part, whole = (selection @ counts.sums[name] for name in RATES[rate])
    if rate in counts.grams:
        squares = [np.diagonal(gram, axis1=1, axis2=2) if gram.ndim == 3 else gram for gram in counts.grams[rate]]
        parts, products, wholes = (selection @ square for square in squares)
        sums = ClusterSums(part, whole, parts, products, wholes, selection @ counts.holders[rate][:, :-1])
    else:
        sums = ClusterSums(part, whole, part, part, whole, whole)
    return _side(counts, rate, selection, sums)


def _pooled(counts: Counts, rate: str, selection: np.ndarray) -> Side:
    part, whole = ((selection @ counts.sums[name]).sum(axis=1, keepdims=True) for name in RATES[rate])
    if rate in counts.grams:
        parts, products, wholes = ((selection @ gram.sum(axis=(1, 2)))[:, None] for gram in counts.grams[rate])
        holders = (selection @ counts.holders[rate][:, -1])[:, None]
        sums = ClusterSums(part, whole, parts, products, wholes, holders)
    else:
        sums = ClusterSums(part, whole, part, part, whole, whole)
    return _side(counts, rate, selection, sums)


def _side(counts: Counts, rate: str, selection: np.ndarray, sums: ClusterSums) -> Side:
    n = effective_n(sums)
    effect = np.divide(sums.whole, n, out=np.ones(n.shape), where=n > 0)
    slacks = [
        selection @ counts.slack[name]
        if name in counts.slack
        else np.zeros(selection.shape[:1] + counts.sums[name].shape[1:])
        for name in RATES[rate]
    ]
    if n.shape[1] == 1:
        slacks = [slack.sum(axis=1, keepdims=True) for slack in slacks]
    return Side(
        part=np.asarray(sums.part), whole=np.asarray(sums.whole), effect=effect, variance=ratio_variance(sums),
        part_slack=slacks[0], whole_slack=slacks[1],
    )  # fmt: skip


def _macro(counts: Counts, rate: str, selection: np.ndarray, inside: np.ndarray) -> Side:
    """Shares averaged over the events that are `inside`, with how a customer's events hang together.

    The average counts as one share of n = (events)^2 / sum(1 / whole) observations, over the design effect: the
    variance between customers over that of independent ones. A share of that size never has a smaller variance.
    """
    part, whole = (selection @ counts.sums[name] for name in RATES[rate])
    held = inside & (whole > 0)
    events = held.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(held, part / whole, 0.0)
        weight = np.where(held, 1 / whole, 0.0) / events[:, None]  # of one customer's part in the average
        share = np.where(events > 0, shares.sum(axis=1) / events, np.nan)
        total = (whole * held).sum(axis=1)
        base = 1 / (weight / events[:, None]).sum(axis=1)
        simple = (
            weight**2 * np.where(held, whole * shares * (1 - shares) * whole / np.maximum(whole - 1, 1), 0.0)
        ).sum(axis=1)
        variance = _macro_variance(counts, rate, selection, shares, weight) if rate in counts.grams else simple
        holders = (selection @ counts.holders[rate][:, :-1] * held).sum(axis=1) if rate in counts.holders else total
        effect = np.where(simple > 0, np.maximum(1.0, variance / simple), np.maximum(1.0, total / holders))
        slack = _macro_slack(counts, rate, selection, shares, whole, held) / events
        effect = total / base * effect
    columns = [np.nan_to_num(values)[:, None] for values in (share * total, total, slack * total)]
    return Side(
        part=columns[0], whole=columns[1], effect=np.where(total > 0, effect, 1.0)[:, None], variance=variance[:, None],
        part_slack=columns[2], whole_slack=np.zeros(columns[2].shape),
    )  # fmt: skip


def _macro_variance(
    counts: Counts, rate: str, selection: np.ndarray, shares: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """Variance between customers of the average, by linearisation over all pairs of events."""
    pp, pw, ww = (np.tensordot(selection, gram, axes=1) for gram in counts.grams[rate])
    left, right = shares[:, :, None], shares[:, None, :]
    products = pp - pw * right - np.swapaxes(pw, 1, 2) * left + ww * left * right
    variance = np.einsum("ie,ief,if->i", weight, products, weight)
    customers = selection @ counts.customers
    return np.maximum(variance, 0.0) * customers / np.maximum(customers - 1, 1)


def _macro_slack(
    counts: Counts, rate: str, selection: np.ndarray, shares: np.ndarray, whole: np.ndarray, held: np.ndarray
) -> np.ndarray:
    """How far rounding may have moved the sum of the shares."""
    part_slack, whole_slack = (
        selection @ counts.slack[name] if name in counts.slack else np.zeros(whole.shape) for name in RATES[rate]
    )
    moved = (part_slack + shares * whole_slack) / np.maximum(whole - whole_slack, 1e-9)
    return np.where(held, np.minimum(moved, 1.0), 0.0).sum(axis=1)
