"""How far scores of a group moved since the first months: the population stability index, as scoring teams read it.

Lewis, 1994, An Introduction to Credit Scoring; Siddiqi, 2006, Credit Risk Scorecards: .10 is worth a look, .25 is a
shift. Those bands ignore how few were counted, so the index is also held against what chance alone gives: without a
shift it is (1/n + 1/m) times chi-square with one degree of freedom less than bins (Yurdakul and Naranjo, 2020,
Statistical properties of the population stability index).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import chi2

_HALF = 0.5  # a person in an empty bin, or the logarithm has no end


def score_bins(scores: Sequence[float], *, bins: int) -> np.ndarray:
    """Inner edges of bins that are equally full for these scores; fewer where scores are equal."""
    return np.unique(np.quantile(np.asarray(scores, dtype=float), np.arange(1, bins) / bins))


def stability_index(before: Sequence[float], now: Sequence[float], edges: np.ndarray) -> float:
    """The index of two sets of scores over bins: sum of (now - before) ln(now / before); 0 is no shift at all."""
    shares = []
    for scores in (before, now):
        counts = np.bincount(np.searchsorted(edges, scores, side="right"), minlength=len(edges) + 1) + _HALF
        shares.append(counts / counts.sum())
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def judge_drift(
    before: Sequence[float], now: Sequence[float], edges: np.ndarray, numbers: Mapping[str, float], *, alpha: float
) -> dict[str, Any]:
    """The index with what it rests on and its band: `stable`, `watch` or `large`; `watch` and `large` beyond chance."""
    index = stability_index(before, now, edges)
    chance = float((1 / len(before) + 1 / len(now)) * chi2.ppf(1 - alpha, max(len(edges), 1)))
    band = "large" if index >= numbers["drift_large"] else "watch" if index >= numbers["drift_watch"] else "stable"
    return {
        "n_before": len(before), "n": len(now), "index": index, "by_chance": chance,
        "band": band if index > chance else "stable",
    }  # fmt: skip
