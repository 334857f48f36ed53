"""A sequential alarm: evidence that a rate of a group left the margin, which may be looked at every month for ever.

Looking each month at an ordinary test raises false alarms without end. Here the evidence is an e-process: a bet that
the ratio is worse than the margin, whose capital can only fall on average as long as it is not. By Ville's inequality
it ever reaches 1 / alpha with probability alpha at most, whatever the number of months, and it needs no plan of looks
as spending alpha over them (Lan and DeMets, 1983) does.

The bet is that of Lindon and Malek, 2022, Anytime-valid inference for multinomial count data, as it is in the safe
logrank test (ter Schure and others, 2021): of all cases of a month, how many are of the group? Own code: the packages
for this are in R (safestats) or not released to a registry.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import logsumexp
from scipy.stats import beta

Side = Literal["low", "high"]
# What the bet is spread over, as multiples of the margin: a little worse up to far worse.
ALTERNATIVES = (1.1, 1.25, 1.5, 2.0, 3.0, 5.0)


@dataclass(frozen=True, kw_only=True)
class Months:
    """Cases (an answer, a complaint) and the units they come from, per month, of a group and of all others."""

    cases: Sequence[float]
    units: Sequence[float]
    other_cases: Sequence[float]
    other_units: Sequence[float]


def log_evidence(months: Months, *, margin: float, side: Side) -> np.ndarray:
    """Logarithm of the evidence after each month that the group's rate over that of the others is beyond `margin`.

    Under every ratio on the right side of the margin its mean is 1 at most. A month without cases, or without units on
    one side, adds nothing.

    Parameters
    ----------
    side
        `high`: the ratio is above the margin; `low`: below it.
    """
    cases, units, other_cases, other_units = (
        np.asarray(values, dtype=float)
        for values in (months.cases, months.units, months.other_cases, months.other_units)
    )
    worse = np.array(ALTERNATIVES)[:, None]
    ratio = margin * (worse if side == "high" else 1 / worse)
    counted = (units > 0) & (other_units > 0)
    share = np.where(counted, units, 1.0), np.where(counted, other_units, 1.0)
    total = cases + other_cases
    of_case = np.log(ratio / margin)
    of_all = np.log((share[0] * margin + share[1]) / (share[0] * ratio + share[1]))
    gained = np.where(counted, cases * of_case + total * of_all, 0.0)
    return np.asarray(logsumexp(np.cumsum(gained, axis=1), axis=0) - np.log(len(worse)))


def alarm_at(evidence: np.ndarray, *, alpha: float) -> int | None:
    """The first month, from 0, in which the evidence reaches 1 / alpha; None when it never did."""
    reached = np.flatnonzero(evidence >= -np.log(alpha))
    return int(reached[0]) if len(reached) else None


def ratio_at_start(months: Months, *, first: int, alpha: float) -> tuple[float, float] | None:
    """Between which ratios the group surely started, by the first months alone; None when they say nothing.

    Notes
    -----
    The exact interval of Clopper and Pearson for the group's part in all cases, turned into a ratio of rates. Its alpha
    is part of what the alarm may cost, so that a lucky start raises no alarm later.
    """
    cases, units, other_cases, other_units = (
        float(np.sum(values[:first])) for values in (months.cases, months.units, months.other_cases, months.other_units)
    )
    if min(units, other_units) <= 0 or min(cases, other_cases) <= 0:
        return None
    low, high = beta.ppf(alpha / 2, cases, other_cases + 1), beta.ppf(1 - alpha / 2, cases + 1, other_cases)
    per_unit = other_units / units
    return float(low / (1 - low) * per_unit), float(high / (1 - high) * per_unit)
