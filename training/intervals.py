"""Intervals for shares that are measured on customers, whose bookings and events hang together.

Wilson's interval on the number of observations divided by the design effect of customers (Kish, 1965, Survey Sampling):
unlike a bootstrap it does not collapse to a point where everything was right. Own code: scipy's interval takes whole
counts only, and an effective number is none. Evaluation and fairness share this design effect. Differences of two
releases on the same customers are another matter: there the customers are resampled, both releases at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm

_AT_ONCE = 100  # resamples; bounds memory


def share_interval(
    part: np.ndarray, whole: np.ndarray, *, unit: float = 1.0, confidence: float = 0.95
) -> list[float] | None:
    """Interval [low, high] of sum(part) / sum(whole), both given per customer; None when nothing was observed.

    Parameters
    ----------
    unit : float
        How much one independent observation adds to the whole: 1 for precision and recall; 2 for F1, whose whole
        counts every right detection twice.

    Notes
    -----
    Where all or none is right the spread between customers says nothing, and every customer counts as one observation.
    """
    counted = whole > 0
    part, whole = part[counted].astype(float), whole[counted].astype(float)
    if not len(whole):
        return None
    sums = ClusterSums(part.sum(), whole.sum(), part @ part, part @ whole, whole @ whole, np.float64(len(whole)))
    low, high = wilson(sums.part / sums.whole, effective_n(sums, unit=unit), confidence)
    return [float(low), float(high)]


@dataclass(frozen=True)
class ClusterSums:
    """Sums over customers of a part, of the whole it is part of, of their squares and product; arrays of one shape.

    `customers` counts those whose whole is above zero. These six say all that an interval for part / whole needs.
    """

    part: Any
    whole: Any
    part_squares: Any
    products: Any
    whole_squares: Any
    customers: Any


def effective_n(sums: ClusterSums, *, unit: float = 1.0) -> np.ndarray:
    """Observations divided by the design effect of customers, never more than the observations; 0 where there are none.

    Notes
    -----
    Where all or none is right the spread between customers says nothing, and every customer counts as one observation.
    """
    part, whole = np.asarray(sums.part, dtype=float), np.asarray(sums.whole, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        share, single = part / whole, whole / unit
        effect = ratio_variance(sums) / (share * (1 - share) / (single - 1))
        spread = single / np.maximum(1.0, effect)
    unsaid = ~np.isfinite(effect) | (effect <= 0)
    return np.where(whole > 0, np.where(unsaid, np.minimum(sums.customers, single), spread), 0.0)


def ratio_variance(sums: ClusterSums) -> np.ndarray:
    """Variance of part / whole between customers, by linearisation; 0 for a single customer, nan for no whole."""
    whole, customers = np.asarray(sums.whole, dtype=float), np.asarray(sums.customers, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = sums.part / whole
        squares = sums.part_squares - 2 * ratio * sums.products + ratio**2 * sums.whole_squares
        # What is left of equal terms after rounding is no spread.
        squares = np.where(squares > 1e-12 * np.maximum(sums.part_squares, 1e-300), squares, 0.0)
        variance = customers / (customers - 1) * squares / whole**2
    return np.where(customers >= 2, variance, np.where(whole > 0, 0.0, np.nan))


@dataclass(frozen=True)
class Differences:
    """Intervals [low, high] of the difference in F1 of each event and of their macro-average; None where undefined."""

    per_event: list[list[float] | None]
    macro: list[float] | None


def paired_f1_differences(
    candidate: np.ndarray, other: np.ndarray, *, seed: int, resamples: int, confidence: float = 0.95
) -> Differences:
    """Intervals of F1 of a candidate minus that of another release, over resampled customers.

    Parameters
    ----------
    candidate, other : ndarray of int, shape (n_customers, n_events, 3)
        Hits, detections and true events per customer and event, the same customers in the same order. The macro-average
        is over events that any customer truly has.

    Notes
    -----
    Customers with equal counts are drawn together by one multinomial: the same bootstrap as drawing customers one by
    one (scipy.stats.bootstrap), at a cost that does not grow with the bank, where most customers have nothing at all.
    """
    events = candidate.shape[1]
    flat = np.hstack([part.reshape(len(part), -1) for part in (candidate, other)])
    if not flat.any():
        return Differences([None] * events, None)
    rows, counts = np.unique(flat, axis=0, return_counts=True)
    rng = np.random.default_rng(seed)
    drawn = np.vstack(
        [
            rng.multinomial(counts.sum(), counts / counts.sum(), size=min(_AT_ONCE, resamples - done)) @ rows
            for done in range(0, resamples, _AT_ONCE)
        ]
    ).reshape(resamples, 2, events, 3)
    f1s = _f1(drawn)
    differences = f1s[:, 0] - f1s[:, 1]
    real = candidate[:, :, 2].sum(axis=0) > 0
    macro = _nan_mean(f1s[:, 0][:, real]) - _nan_mean(f1s[:, 1][:, real])
    return Differences([_ends(differences[:, at], confidence) for at in range(events)], _ends(macro, confidence))


def _ends(values: np.ndarray, confidence: float) -> list[float] | None:
    defined = values[~np.isnan(values)]
    if not len(defined):
        return None
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return [float(low), float(high)]


def _nan_mean(values: np.ndarray) -> np.ndarray:
    """Mean of each row over what is defined in it; nan where nothing is."""
    defined = (~np.isnan(values)).sum(axis=1)
    return np.divide(np.nansum(values, axis=1), defined, out=np.full(len(values), np.nan), where=defined > 0)


def f1(counts: Sequence[int] | np.ndarray) -> float | None:
    """F1 of (hits, detections, true events); None when there is neither a detection nor a true event."""
    hits, found, true = (int(count) for count in counts)
    return 2 * hits / (found + true) if found + true else None


def mean(values: Any) -> float | None:
    """The mean, None of nothing."""
    return float(np.mean(values)) if len(values) else None


def _f1(counts: np.ndarray) -> np.ndarray:
    """F1 along the last axis of (hits, detections, true events); nan where there is neither of the latter two."""
    hits, whole = counts[..., 0], counts[..., 1] + counts[..., 2]
    return np.divide(2.0 * hits, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


def wilson(share: Any, observations: Any, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper limits, for arrays; `observations` may be fractions.

    Wilson, 1927, Probable Inference, the Law of Succession, and Statistical Inference.
    """
    return wilson_at(share, observations, float(norm.ppf((1 + confidence) / 2)))


def wilson_at(share: Any, observations: Any, z: Any) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's limits at `z` standard errors; nan where there are no observations."""
    share, observations = np.asarray(share, dtype=float), np.asarray(observations, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = share + z**2 / (2 * observations)
        half = z * np.sqrt(share * (1 - share) / observations + z**2 / (4 * observations**2))
        scale = 1 + z**2 / observations
        low, high = (middle - half) / scale, (middle + half) / scale
    none = ~(observations > 0)
    low, high = np.where(share > 0, low, 0.0), np.where(share < 1, high, 1.0)
    return np.where(none, np.nan, low), np.where(none, np.nan, high)
