"""How many observations a verdict needs: without this, "not established" would read as a reproach or as a pass.

The chance of a verdict is computed, not simulated: the smaller group's count is binomial, the other group's share is
averaged over a Gauss-Hermite normal, and the verdict's limit is the very interval that the verdicts use.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import betainc
from scipy.stats import norm

from training.fairness.intervals import koopman_z, newcombe_difference, two_sided_z

CONFIDENCE = 0.90  # two-sided, so 5 % on one side
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(9)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
_DOUBLINGS = 24  # up to 17 million observations; beyond this the answer is nan


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A verdict as a function of (p1, n1, p2, n2), true for high p1, or for low p1 when it `falls`."""

    holds: Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    falls: bool = False


@dataclass(frozen=True, kw_only=True)
class Truth:
    """True shares of the smaller and of the other group, and the other group's size over the smaller one's; arrays."""

    share: Any
    other_share: Any
    times: Any = 10.0


def difference_within(*, margin: float, confidence: float = CONFIDENCE) -> Shown:
    """The verdict that a share is not more than `margin` below the other one (Newcombe)."""
    return Shown(holds=lambda p1, n1, p2, n2: newcombe_difference(p1, n1, p2, n2, confidence=confidence)[0] >= -margin)


def difference_beyond(*, margin: float, confidence: float = CONFIDENCE) -> Shown:
    """The verdict that a share is more than `margin` below the other one (Newcombe)."""
    return Shown(
        holds=lambda p1, n1, p2, n2: newcombe_difference(p1, n1, p2, n2, confidence=confidence)[1] < -margin,
        falls=True,
    )


def ratio_within(*, low: float | None, high: float | None, confidence: float = CONFIDENCE) -> list[Shown]:
    """The verdicts that a share is at least `low` and at most `high` times the other one (Koopman)."""
    z = two_sided_z(confidence)
    above = Shown(holds=lambda p1, n1, p2, n2: koopman_z(p1, n1, p2, n2, ratio=low) >= z)
    below = Shown(holds=lambda p1, n1, p2, n2: koopman_z(p1, n1, p2, n2, ratio=high) <= -z, falls=True)
    return [shown for bound, shown in ((low, above), (high, below)) if bound is not None]


def power(shown: Shown, truth: Truth, n: Any) -> np.ndarray:
    """Chance of a verdict with `n` observations in the smaller group; arrays broadcast.

    Power of whole counts goes in small steps up and down. This is a smooth line through their middle: the binomial as
    an incomplete beta function at half a count past the limit.
    """
    share, p2, times, n = (
        np.asarray(a, dtype=float)[..., None]
        for a in np.broadcast_arrays(truth.share, truth.other_share, truth.times, n)
    )
    n2 = n * times
    other = np.clip(p2 + np.sqrt(p2 * (1 - p2) / n2) * _NODES, 0.0, 1.0)
    shape = other.shape
    n1, n2 = np.broadcast_to(n, shape), np.broadcast_to(n2, shape)
    limit = _limit(shown, other, n1, n2) * n1
    never, always = limit > n1, limit <= 0
    inside = np.clip(limit, 0.0, n1)
    above = np.where(always, 1.0, np.where(never, 0.0, betainc(inside + 0.5, n1 - inside + 0.5, share)))
    return (1 - above if shown.falls else above) @ _WEIGHTS


def _limit(shown: Shown, other: np.ndarray, n1: np.ndarray, n2: np.ndarray) -> np.ndarray:
    """The share of the smaller group at which a verdict changes; 0 or 2 when it is always or never beyond."""
    low, high = np.zeros(other.shape), np.ones(other.shape)
    beyond = [shown.holds(end, n1, other, n2) != shown.falls for end in (low, high)]
    for _ in range(30):
        middle = (low + high) / 2
        reached = shown.holds(middle, n1, other, n2) != shown.falls
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return np.where(beyond[0], 0.0, np.where(beyond[1], high, 2.0))


def n_for(shown: Sequence[Shown], truth: Truth, *, power_wanted: float = 0.80) -> np.ndarray:
    """The smallest numbers of observations that give all verdicts together the wanted power; nan when none does.

    The chance that one of several fails is taken as the sum of their chances to fail, which is never too low.
    """
    shape = np.broadcast(truth.share, truth.other_share, truth.times).shape
    low, high = np.ones(shape), np.full(shape, 2.0**_DOUBLINGS)
    fits = _together(shown, truth, high) >= power_wanted
    while np.any(high - low > 1):
        middle = np.where(high > 2 * low + 2, np.floor(np.sqrt(low * high)), np.floor((low + high) / 2))
        enough = _together(shown, truth, middle) >= power_wanted
        done = high - low <= 1
        low, high = np.where(done | enough, low, middle), np.where(enough & ~done, middle, high)
    return np.where(fits, high, np.nan)


def _together(shown: Sequence[Shown], truth: Truth, n: np.ndarray) -> np.ndarray:
    return 1 - np.sum([1 - power(one, truth, n) for one in shown], axis=0)


def n_for_difference(share: float, *, margin: float, times: float = 10.0, power_wanted: float = 0.80) -> int | None:
    """Observations of the smaller group that show a share to be within `margin` of the other, when both are equal."""
    truth = Truth(share=share, other_share=share, times=times)
    return _whole(n_for([difference_within(margin=margin)], truth, power_wanted=power_wanted))


def n_for_exceeding(
    share: float, *, margin: float, gap: float, times: float = 10.0, power_wanted: float = 0.95
) -> int | None:
    """Observations of the smaller group that show a share `gap` below the other to be beyond `margin`."""
    truth = Truth(share=share - gap, other_share=share, times=times)
    return _whole(n_for([difference_beyond(margin=margin)], truth, power_wanted=power_wanted))


def n_for_ratio(
    base_rate: float, *, low: float | None, high: float | None = None, times: float = 10.0, power_wanted: float = 0.80
) -> int | None:
    """Observations of the smaller group that show the ratio of two equal rates to lie between `low` and `high`."""
    truth = Truth(share=base_rate, other_share=base_rate, times=times)
    return _whole(n_for(ratio_within(low=low, high=high), truth, power_wanted=power_wanted))


def n_for_log_ratio(base_rate: float, *, low: float, times: float = 10.0, power_wanted: float = 0.80) -> int:
    """The textbook number for a ratio of equal rates, normal on the logarithm; 7 % below what Koopman's limits need.

    n = (z_.95 + z_power)^2 (1 - p) / p (1 + 1 / times) / ln(low)^2. For planning only; no verdict states it.
    """
    z = float(norm.ppf(0.95) + norm.ppf(power_wanted))
    return math.ceil(z**2 * (1 - base_rate) / base_rate * (1 + 1 / times) / np.log(low) ** 2)


def power_table() -> list[dict[str, Any]]:
    """What the verdicts need in the smaller group at ten times as many others, as plain data for the report."""
    rows: list[dict[str, Any]] = [
        {
            "measure": "difference", "rate": rate, "margin": margin,
            "n_established": n_for_difference(rate, margin=margin),
            "n_exceeded_at_twice_the_margin": n_for_exceeding(rate, margin=margin, gap=2 * margin),
        }
        for rate in (0.70, 0.85, 0.95)
        for margin in (0.03, 0.05, 0.10)
    ]  # fmt: skip
    return rows + [
        {
            "measure": "ratio", "rate": rate, "low": 0.8, "n_established": n_for_ratio(rate, low=0.8),
            "n_established_both_sides": n_for_ratio(rate, low=0.8, high=1.25),
            "n_textbook": n_for_log_ratio(rate, low=0.8),
        }
        for rate in (0.005, 0.01, 0.02, 0.05, 0.10, 0.30)
    ]  # fmt: skip


def _whole(n: np.ndarray) -> int | None:
    return None if np.isnan(n) else int(n)
