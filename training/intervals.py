"""Intervals for shares that are measured on customers, whose bookings and events hang together.

Wilson's interval on the number of observations divided by the design effect of customers (Kish, 1965, Survey Sampling):
unlike a bootstrap it does not collapse to a point where everything was right. Own code: scipy's interval takes whole
counts only, and an effective number is none. Differences of two releases on the same customers are another matter:
there the customers are resampled, both releases at once.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import norm


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
    share, customers = part.sum() / whole.sum(), len(whole)
    spread = _spread(part, whole)
    single = whole.sum() / unit
    if spread > 0:
        simple = share * (1 - share) / (single - 1)
        observations = single / max(1.0, spread / simple)
    else:
        observations = min(float(customers), single)
    return _wilson(float(share), observations, confidence)


def paired_f1_interval(
    champion: np.ndarray, candidate: np.ndarray, *, seed: int, resamples: int, confidence: float = 0.95
) -> list[float] | None:
    """Interval [low, high] of the difference in F1, candidate minus champion, over resampled customers.

    Parameters
    ----------
    champion, candidate : ndarray of int, shape (n_customers, 3)
        Hits, detections and true events per customer, the same customers in the same order.

    Notes
    -----
    Customers with equal counts are drawn together by one multinomial: the same bootstrap as drawing customers one by
    one (scipy.stats.bootstrap), at a cost that does not grow with the bank, where most customers have nothing at all.
    """
    rows, counts = np.unique(np.hstack([champion, candidate]), axis=0, return_counts=True)
    if not rows.any():
        return None
    drawn = np.random.default_rng(seed).multinomial(counts.sum(), counts / counts.sum(), size=resamples) @ rows
    differences = _f1(drawn[:, 3:]) - _f1(drawn[:, :3])
    defined = differences[~np.isnan(differences)]
    if not len(defined):
        return None
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return [float(low), float(high)]


def f1(counts: Sequence[int] | np.ndarray) -> float | None:
    """F1 of (hits, detections, true events); None when there is neither a detection nor a true event."""
    hits, found, true = (int(count) for count in counts)
    return 2 * hits / (found + true) if found + true else None


def mean(values: Any) -> float | None:
    """The mean, None of nothing."""
    return float(np.mean(values)) if len(values) else None


def _f1(counts: np.ndarray) -> np.ndarray:
    whole = counts[:, 1] + counts[:, 2]
    return np.divide(2 * counts[:, 0], whole, out=np.full(len(counts), np.nan), where=whole > 0)


def _spread(part: np.ndarray, whole: np.ndarray) -> float:
    """Variance of the ratio between customers, by linearisation; 0 for a single customer."""
    customers = len(whole)
    if customers < 2:
        return 0.0
    rest = part - part.sum() / whole.sum() * whole
    return float(customers / (customers - 1) * (rest**2).sum() / whole.sum() ** 2)


def _wilson(share: float, observations: float, confidence: float) -> list[float]:
    """Wilson, 1927, Probable Inference, the Law of Succession, and Statistical Inference."""
    z = float(norm.ppf((1 + confidence) / 2))
    middle = share + z**2 / (2 * observations)
    half = z * np.sqrt(share * (1 - share) / observations + z**2 / (4 * observations**2))
    scale = 1 + z**2 / observations
    low, high = float((middle - half) / scale), float((middle + half) / scale)
    return [low if share > 0 else 0.0, high if share < 1 else 1.0]
