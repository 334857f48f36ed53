"""Three ways of looking at fairness each month: how often they are wrong in five years, how long a gap goes unseen.

Prints, for a group of 1,000 beside 9,000 others, the share of 1,000 releases with an alarm when the ratio is exactly
the margin (a false alarm at its worst) and when it is 1, and the median month of the alarm for ratios beyond it: an
ordinary 5 % test every month, the same with alpha spent over 60 planned months (Lan and DeMets, 1983, in the manner of
Pocock), and the evidence that `levensloop monitor` keeps, for one place and for all places of the policy.
"""

import numpy as np
from scipy.stats import norm

from training.fairness.monitoring.alarms import Months, alarm_at, log_evidence
from training.fairness.monitoring.facts import places
from training.fairness.policy import default_fairness_policy

MARGIN, ALPHA, MONTHS, RUNS, GROUP, OTHERS, RATE = 1.25, 0.05, 60, 1000, 1000, 9000, 0.02


def simulate(ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """Cases per release and month, of the group and of the others."""
    rng = np.random.default_rng(11)
    return rng.binomial(GROUP, RATE * ratio, (RUNS, MONTHS)), rng.binomial(OTHERS, RATE, (RUNS, MONTHS))


def z_of(mine: np.ndarray, others: np.ndarray, months: np.ndarray | int) -> np.ndarray:
    """Standard errors by which the ratio lies above the margin."""
    a, b = mine / (GROUP * months), others / (OTHERS * months)
    pooled = (mine + others) / ((GROUP * MARGIN + OTHERS) * months)
    spread = np.sqrt(pooled * MARGIN / (GROUP * months) + MARGIN**2 * pooled / (OTHERS * months))
    return np.asarray((a - MARGIN * b) / spread)


def spent_bounds() -> np.ndarray:
    """Critical values per month that spend alpha evenly in Pocock's manner, by simulation of the null's random walk."""
    rng = np.random.default_rng(12)
    walk = np.cumsum(rng.standard_normal((100_000, MONTHS)), axis=1) / np.sqrt(np.arange(1, MONTHS + 1))
    spent = ALPHA * np.log(1 + (np.e - 1) * np.arange(1, MONTHS + 1) / MONTHS)
    alive, bounds = np.ones(len(walk), dtype=bool), np.empty(MONTHS)
    for month, allowed in enumerate(np.diff(spent, prepend=0.0)):
        quantile = 1 - allowed * len(walk) / alive.sum()
        bounds[month] = np.quantile(walk[alive, month], quantile)
        alive &= walk[:, month] < bounds[month]
    return bounds


def first_month(raised: np.ndarray) -> tuple[float, str]:
    """Share of releases with an alarm, and the median month of the first one."""
    ever = raised.any(axis=1)
    return float(ever.mean()), f"{np.median(raised[ever].argmax(axis=1) + 1):.0f}" if ever.mean() > 0.5 else "-"


def by_evidence(mine: np.ndarray, others: np.ndarray, alpha: float) -> np.ndarray:
    """Where the evidence has reached its alarm."""
    raised = np.zeros(mine.shape, dtype=bool)
    for run, (a, b) in enumerate(zip(mine, others, strict=True)):
        months = Months(cases=a, units=[GROUP] * MONTHS, other_cases=b, other_units=[OTHERS] * MONTHS)
        at = alarm_at(log_evidence(months, margin=MARGIN, side="high"), alpha=alpha)
        raised[run, MONTHS if at is None else at :] = True
    return raised


def main() -> None:
    """Print the table."""
    bounds, all_places = spent_bounds(), places(default_fairness_policy())
    so_far = np.arange(1, MONTHS + 1)
    print(f"{'ratio':>6} {'monthly 5 % test':>18} {'alpha spent':>16} {'evidence':>14} {f'of {all_places} places':>16}")
    for ratio in (1.0, 1.25, 1.5, 2.0, 3.0):
        mine, others = simulate(ratio)
        total = np.cumsum(mine, axis=1), np.cumsum(others, axis=1)
        told = [
            first_month(z_of(mine, others, 1) > norm.ppf(1 - ALPHA)),
            first_month(z_of(*total, so_far) > bounds),
            first_month(by_evidence(mine, others, ALPHA)),
            first_month(by_evidence(mine, others, ALPHA / all_places)),
        ]
        cells = [f"{share:.3f} (month {month})" for share, month in told]
        print(f"{ratio:>6} {cells[0]:>18} {cells[1]:>16} {cells[2]:>14} {cells[3]:>16}")


if __name__ == "__main__":
    main()
