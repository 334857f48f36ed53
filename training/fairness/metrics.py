"""Every figure of the audit as a fact: n, point, interval, and the margin it is held against, as plain JSON data.

Undefined stays undefined, with the reason: a group without true events has no recall, and neither 0 nor 1 would do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from scipy.stats import norm

from training.fairness.comparison import Over, Pair, Side, list_groups, list_pairs, two_sides
from training.fairness.cube import ALL, RATES, Counts, Cube
from training.fairness.intervals import (
    Limits,
    clopper_pearson,
    koopman_ratio,
    koopman_z,
    mean_difference,
    newcombe_difference,
    newcombe_z,
)
from training.fairness.power import CONFIDENCE, Truth, difference_within, n_for, ratio_within
from training.fairness.verdicts import Fact
from training.intervals import wilson

Measure = Literal["difference", "ratio", "mean_difference", "observed_expected", "share"]
_ALONE = ("observed_expected", "share")
_NOTHING = {
    "true": "no true event",
    "offered": "no offer",
    "units": "no customer",
    "both": "no event was told",
    "to_screen": "nothing to screen",
    "not_to_screen": "nothing that needs no screening",
    "probability": "no probability",
}


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A rate, how two groups are compared in it, and the margin; `low` or `high` may be open.

    `observed_expected` holds a group against its own probabilities and `share` against a fixed bound, so that these are
    compared with no other group.
    """

    rate: str
    measure: Measure
    low: float | None = None
    high: float | None = None
    over: Over = "each"


def compare(
    cube: Cube, endpoint: Endpoint, *, references: Mapping[str, str], grounds: Sequence[str] | None = None,
    confidence: float = CONFIDENCE, power_wanted: float | None = 0.80, least: float = 1.0, period: str | None = None,
) -> list[Fact]:  # fmt: skip
    """Facts of an endpoint: for each event (or all together) and each group, against the reference and the rest.

    Parameters
    ----------
    references
        The group of each ground that others are compared with.
    confidence
        Two-sided; .90 leaves 5 % on either side.
    least
        Observations on both sides from which an event enters a macro-average.
    power_wanted
        Of the numbers needed; None leaves these out.
    period
        One period of the cube; without it all together.

    Notes
    -----
    `p` belongs to the claim that the gap lies inside the margin; of rounded tables, interval and p are those of the
    worst corner. A macro-average names in `left_out` the events that were too few.
    """
    counts = cube.pooled if period is None else cube.periods[period]
    if endpoint.rate not in counts.rates:
        return []
    if endpoint.measure in _ALONE:
        pairs = list_groups(cube, grounds=grounds)
    else:
        pairs = list_pairs(cube, references=references, grounds=grounds)
    return compare_pairs(
        counts, cube.events, endpoint, pairs, confidence=confidence, power_wanted=power_wanted, least=least
    )


def compare_pairs(
    counts: Counts, events: Sequence[str], endpoint: Endpoint, pairs: Sequence[Pair], *,
    confidence: float = CONFIDENCE, power_wanted: float | None = 0.80, least: float = 1.0,
) -> list[Fact]:  # fmt: skip
    """Facts of an endpoint for given pairs; see `compare`."""
    if not pairs:
        return []
    one, other, inside = two_sides(counts, endpoint.rate, pairs, over=endpoint.over, least=least)
    if endpoint.measure == "observed_expected":
        units = two_sides(counts, "offer_rate", pairs, over=endpoint.over, least=least)[0].whole
        one, other = _expected(one, units)
    point = _point(endpoint.measure, one, other)
    low, high, p = _worst(endpoint, one, other, confidence)
    needed = np.full(point.shape, np.nan)
    if power_wanted is not None:
        needed = _n_needed(endpoint, one, other, confidence, power_wanted)
    facts: list[Fact] = []
    for (row, pair), (column, event) in product(enumerate(pairs), enumerate(_names(events, endpoint))):
        at = (row, column)
        facts.append(
            {
                "rate": endpoint.rate, "measure": endpoint.measure, "over": endpoint.over, "event": event,
                "ground": pair.ground, "group": pair.group, **_against(endpoint, pair),
                "n": round(float(one.whole[at])), "n_against": round(float(other.whole[at])),
                "n_effective": round(float(one.n[at]), 2), "share": _number(one.share[at]),
                "share_against": _number(other.share[at]), "point": _number(point[at]),
                "interval": _ends(low[at], high[at]), "low": endpoint.low, "high": endpoint.high, "p": _number(p[at]),
                "n_needed": int(needed[at]) if np.isfinite(needed[at]) else None,
                "reason": _undefined(endpoint, pair, one.whole[at], other.whole[at], low[at]),
            }
        )  # fmt: skip
        if endpoint.over == "macro":
            facts[-1]["left_out"] = [name for name, kept in zip(events, inside[row], strict=True) if not kept]
    return facts


def _names(events: Sequence[str], endpoint: Endpoint) -> Sequence[str]:
    return events if endpoint.over == "each" else (ALL,)


def _against(endpoint: Endpoint, pair: Pair) -> dict[str, str]:
    if endpoint.measure in _ALONE:
        return {"against": "itself", "other": ""}
    return {"against": pair.against, "other": pair.other}


def _expected(one: Side, units: np.ndarray) -> tuple[Side, Side]:
    """Observed and expected events per unit, so that their ratio has the interval of the observed share.

    The effective number is that of the ratio's variance between customers, never more than the units.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        observed, expected = one.part / units, one.whole / units
        effect = one.variance * expected**2 / (observed * (1 - observed) / units)
    effect = np.where(np.isfinite(effect), np.maximum(1.0, effect), 1.0)
    none = np.zeros(units.shape)
    sides = [
        Side(part=part, whole=units, effect=by, variance=one.variance, part_slack=slack, whole_slack=none)
        for part, by, slack in ((one.part, effect, one.part_slack), (one.whole, none + 1, one.whole_slack))
    ]
    return sides[0], sides[1]


def _point(measure: Measure, one: Side, other: Side) -> np.ndarray:
    if measure == "share":
        return one.share
    if measure in ("difference", "mean_difference"):
        return one.share - other.share
    return np.divide(one.share, other.share, out=np.full(one.share.shape, np.nan), where=other.share > 0)


def _worst(endpoint: Endpoint, one: Side, other: Side, confidence: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The lowest and highest limits and the largest p over what rounding leaves open."""
    tried = []
    for a, b in product(one.corners(), other.corners()):
        tried.append((*_limits(endpoint.measure, a, b, confidence), _p(endpoint, a, b)))
    lows, highs, ps = (np.stack(values) for values in zip(*tried, strict=True))
    # A corner without observations says nothing, so that all of them together do not.
    return lows.min(axis=0), highs.max(axis=0), ps.max(axis=0)


def _limits(measure: Measure, one: Side, other: Side, confidence: float) -> Limits:
    if measure == "difference":
        return newcombe_difference(one.share, one.n, other.share, other.n, confidence=confidence)
    if measure == "ratio":
        flat = (values.ravel() for values in (one.share, one.n, other.share, other.n))
        low, high = koopman_ratio(*flat, confidence=confidence)
        return low.reshape(one.share.shape), high.reshape(one.share.shape)
    if measure == "mean_difference":
        return mean_difference(one.share, one.variance, other.share, other.variance, confidence=confidence)
    if measure == "share":
        return clopper_pearson(one.share * one.n, one.n, confidence=confidence)
    low, high = wilson(one.share, one.n, confidence)
    expected = np.where(other.share > 0, other.share, np.nan)
    return low / expected, high / expected


def _p(endpoint: Endpoint, one: Side, other: Side) -> np.ndarray:
    """Of the claim that the gap lies inside the margin: small where it clearly does not, 1 where the point does."""
    outside = np.full(one.share.shape, -np.inf)
    for bound, sign in ((endpoint.low, -1.0), (endpoint.high, 1.0)):
        if bound is not None:
            outside = np.maximum(outside, sign * _z(endpoint.measure, one, other, bound))
    return np.where(np.isnan(outside), np.nan, np.where(outside > 0, norm.sf(outside), 1.0))


def _z(measure: Measure, one: Side, other: Side, bound: float) -> np.ndarray:
    """Standard errors by which a gap is above a bound."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if measure == "difference":
            flat = (values.ravel() for values in (one.share, one.n, other.share, other.n))
            return newcombe_z(*flat, difference=bound).reshape(one.share.shape)
        if measure == "ratio":
            return koopman_z(one.share, one.n, other.share, other.n, ratio=bound)
        if measure == "mean_difference":
            return (one.share - other.share - bound) / np.sqrt(one.variance + other.variance)
        claimed = np.minimum(bound if measure == "share" else bound * other.share, 1.0)
        return (one.share - claimed) / np.sqrt(claimed * (1 - claimed) / one.n)


def _n_needed(endpoint: Endpoint, one: Side, other: Side, confidence: float, power_wanted: float) -> np.ndarray:
    """Observations of the group that would establish no gap when there is none; nan where undefined."""
    effect = np.where(one.effect > 0, one.effect, 1.0)
    known = (other.n > 0) & np.isfinite(other.share)
    needed = np.full(known.shape, np.nan)
    if endpoint.measure in ("difference", "ratio"):
        needed[known] = _n_of_shares(
            endpoint, one.n[known], other.part[known] / other.whole[known], other.n[known], confidence, power_wanted
        )
        return np.ceil(needed * effect)
    z = norm.ppf((1 + confidence) / 2) + norm.ppf(power_wanted)
    with np.errstate(divide="ignore", invalid="ignore"):
        if endpoint.measure == "mean_difference":
            room = min(abs(bound) for bound in (endpoint.low, endpoint.high) if bound is not None)
            times = np.where(one.whole > 0, other.whole / one.whole, 10.0)
            needed = z**2 * other.variance * other.whole * (1 + 1 / times) / room**2
        elif endpoint.measure == "share":
            # As many as must all be right; a share is known to be high by a lower bound only.
            return np.ceil(np.log((1 - confidence) / 2) / np.log(endpoint.low or 0.5) * effect)
        else:
            room = min(abs(1 - bound) for bound in (endpoint.low, endpoint.high) if bound is not None)
            needed = z**2 * (1 - other.share) / other.share / room**2 * effect
    return np.ceil(np.where(known, needed, np.nan))


def _n_of_shares(
    endpoint: Endpoint, n: np.ndarray, share: np.ndarray, other_n: np.ndarray, confidence: float, power_wanted: float
) -> np.ndarray:
    """Numbers needed, each question asked once: shares to two figures, sizes of the other group in steps of a half."""
    share = np.clip(share, 1 / (other_n + 2), 1 - 1 / (other_n + 2))
    rare = np.minimum(share, 1 - share)
    grain = 10.0 ** (np.floor(np.log10(rare)) - 1)
    share = np.clip(np.round(share / grain) * grain, 1e-9, 1 - 1e-9)
    times = 1.5 ** np.round(np.log(np.clip(other_n / np.maximum(n, 1.0), 0.05, 1000)) / np.log(1.5))
    asked, back = np.unique(np.column_stack([share, times]), axis=0, return_inverse=True)
    if endpoint.measure == "difference":
        room = max(abs(bound) for bound in (endpoint.low, endpoint.high) if bound is not None)
        shown = [difference_within(margin=room, confidence=confidence)]
    else:
        shown = ratio_within(low=endpoint.low, high=endpoint.high, confidence=confidence)
    found = n_for(
        shown, Truth(share=asked[:, 0], other_share=asked[:, 0], times=asked[:, 1]), power_wanted=power_wanted
    )
    return found[back.ravel()]


def _undefined(endpoint: Endpoint, pair: Pair, whole: float, other_whole: float, low: float) -> str | None:
    nothing = _NOTHING[RATES[endpoint.rate][1]]
    if whole <= 0:
        return f"undefined: {nothing} in this group"
    if endpoint.measure not in _ALONE and other_whole <= 0:
        return f"undefined: {nothing} in what it is compared with"
    return "undefined: both shares are 0" if np.isnan(low) else None


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _ends(low: float, high: float) -> list[float | None] | None:
    """[low, high], where an open end is None; None when there is no interval."""
    return None if np.isnan(low) or np.isnan(high) else [_number(low), _number(high)]
