"""The three verdicts, and what many comparisons at once do to them.

ESTABLISHED says that the gap is small: the whole interval lies inside the margin. EXCEEDED says that it is too large:
the whole interval lies outside, and still does after Holm's correction over the family. Equal groups keep far below
the 5 % of families with a false EXCEEDED; a true gap of exactly the margin measured on few (60 positives, 40
comparisons) comes to 8 %, because the far tails of Newcombe's limits are approximate. Everything else is NOT
ESTABLISHED, with the number that was needed: absence of significance is no evidence of fairness.
A release asks that every primary gap is small; for that joint claim each at 5 % is enough (intersection-union), and
no correction is made.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import false_discovery_control

ESTABLISHED, EXCEEDED, NOT_ESTABLISHED = "ESTABLISHED", "EXCEEDED", "NOT ESTABLISHED"
Fact = dict[str, Any]


def judge(interval: Sequence[float | None] | None, *, low: float | None, high: float | None) -> str:
    """The verdict of one interval against a margin from `low` to `high`; None on a side leaves it open."""
    if interval is None:
        return NOT_ESTABLISHED
    lower = -np.inf if interval[0] is None else interval[0]
    upper = np.inf if interval[1] is None else interval[1]
    if (low is None or lower >= low) and (high is None or upper <= high):
        return ESTABLISHED
    if (low is not None and upper < low) or (high is not None and lower > high):
        return EXCEEDED
    return NOT_ESTABLISHED


def give_verdicts(facts: Sequence[Fact], *, alpha: float = 0.05) -> list[Fact]:
    """The facts of one family with `verdict`, `p_holm` and `reason`.

    Parameters
    ----------
    facts
        With interval, low, high, `p` (of the gap being no larger than the margin), n, n_needed, and a reason where the
        figure is undefined.
    """
    adjusted = holm([fact["p"] for fact in facts])
    given = []
    for fact, p_holm in zip(facts, adjusted, strict=True):
        verdict = judge(fact["interval"], low=fact["low"], high=fact["high"])
        survives = p_holm is not None and p_holm <= alpha
        if verdict == EXCEEDED and not survives:
            verdict, reason = NOT_ESTABLISHED, f"outside the margin, but not after Holm over {len(facts)} comparisons"
        else:
            reason = fact["reason"] or _reason(verdict, fact)
        given.append({**fact, "p_holm": p_holm, "verdict": verdict, "reason": reason})
    return given


def _reason(verdict: str, fact: Fact) -> str:
    if verdict == ESTABLISHED:
        return "the whole interval lies inside the margin"
    if verdict == EXCEEDED:
        return "the whole interval lies outside the margin"
    if fact["n_needed"] is None:
        return f"had {fact['n']:,}; no number of observations is enough"
    return f"n needed {fact['n_needed']:,}, had {fact['n']:,}"


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's adjusted p-values over a family; None where there is none, though it counts in the family.

    Holm, 1979. Own code: scipy has none, and statsmodels' `multipletests`, against which this is tested, collects
    garbage at every call, which takes a tenth of a second.
    """
    p, undefined = _numbers(p_values)
    order = np.argsort(p)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return _with_none(adjusted, undefined)


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Benjamini and Hochberg's adjusted p-values, for exploration: what to look at, not what is found."""
    p, undefined = _numbers(p_values)
    return _with_none(false_discovery_control(p) if len(p) else p, undefined)


def _numbers(p_values: Sequence[float | None]) -> tuple[np.ndarray, np.ndarray]:
    undefined = np.array([p is None for p in p_values], dtype=bool)
    return np.array([1.0 if p is None else p for p in p_values]), undefined


def _with_none(adjusted: np.ndarray, undefined: np.ndarray) -> list[float | None]:
    return [None if unknown else float(p) for p, unknown in zip(adjusted, undefined, strict=True)]
