"""The alarm by hand and by simulation: what it promises holds, and a real gap is found in months."""

from math import exp, log

import numpy as np
import pytest

from training.fairness.monitoring.alarms import ALTERNATIVES, Months, alarm_at, log_evidence, ratio_at_start


def test_evidence_of_one_month_is_the_bet_worked_by_hand() -> None:
    # Ten cases, four of them of a group that is a tenth of all: at ratio r its part is r / (r + 9).
    months = Months(cases=[4], units=[100], other_cases=[6], other_units=[900])
    by_hand = sum(
        ((1.25 * k) / (1.25 * k + 9)) ** 4 * (9 / (1.25 * k + 9)) ** 6 / ((1.25 / 10.25) ** 4 * (9 / 10.25) ** 6)
        for k in ALTERNATIVES
    ) / len(ALTERNATIVES)
    assert exp(log_evidence(months, margin=1.25, side="high")[0]) == pytest.approx(by_hand)


def test_months_multiply_and_a_month_without_units_adds_nothing() -> None:
    once = Months(cases=[4], units=[100], other_cases=[6], other_units=[900])
    gap = Months(cases=[4, 0, 0], units=[100, 0, 100], other_cases=[6, 5, 0], other_units=[900, 900, 900])
    evidence = log_evidence(gap, margin=1.0, side="high")
    assert evidence == pytest.approx(np.repeat(log_evidence(once, margin=1.0, side="high"), 3))


def test_low_and_high_are_mirrors() -> None:
    months = Months(cases=[1], units=[100], other_cases=[40], other_units=[900])
    mirrored = Months(cases=[40], units=[900], other_cases=[1], other_units=[100])
    low = log_evidence(months, margin=0.8, side="low")
    assert low == pytest.approx(log_evidence(mirrored, margin=1.25, side="high"))
    assert low[0] > 0


def test_the_alarm_is_the_first_month_that_reaches_it() -> None:
    assert alarm_at(np.array([0.0, log(20), -3.0]), alpha=0.05) == 1
    assert alarm_at(np.array([0.0, log(19.9)]), alpha=0.05) is None


def raised(ratio: float, *, rate: float, months: int, runs: int, margin: float = 1.25, alpha: float = 0.05) -> float:
    """The share of simulated releases with an alarm: a group of 500 beside 4,500 others."""
    rng = np.random.default_rng(7)
    mine, others = rng.binomial(500, rate * ratio, (runs, months)), rng.binomial(4500, rate, (runs, months))
    told = [
        Months(cases=a, units=[500] * months, other_cases=b, other_units=[4500] * months)
        for a, b in zip(mine, others, strict=True)
    ]
    return float(
        np.mean([alarm_at(log_evidence(m, margin=margin, side="high"), alpha=alpha) is not None for m in told])
    )


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.30])
def test_at_the_very_margin_five_in_a_hundred_at_most_ever_raise_an_alarm_in_five_years(rate: float) -> None:
    # 1,500 runs: a true rate of .05 gives more than .067 once in a thousand times.
    assert raised(1.25, rate=rate, months=60, runs=1500) <= 0.067


def test_equal_groups_raise_none_and_a_gap_of_twice_is_found_within_the_year() -> None:
    assert raised(1.0, rate=0.05, months=60, runs=300) == 0.0
    assert raised(2.0, rate=0.05, months=12, runs=300, alpha=0.05 / 287) > 0.95


def test_an_ordinary_test_each_month_would_raise_far_more() -> None:
    rng = np.random.default_rng(7)
    mine, others = rng.binomial(500, 0.05 * 1.25, (400, 60)), rng.binomial(4500, 0.05, (400, 60))
    z = (mine / 500 - 1.25 * others / 4500) / np.sqrt(mine / 500**2 + 1.25**2 * others / 4500**2)
    assert np.mean((z > 1.645).any(axis=1)) > 0.8


def test_where_a_group_started_is_an_exact_interval() -> None:
    # Clopper and Pearson for 10 of 100 at 95 %: .0490 to .1762; the group is a tenth of all.
    months = Months(cases=[4, 6, 99], units=[50, 50, 1], other_cases=[30, 60, 1], other_units=[450, 450, 1])
    start = ratio_at_start(months, first=2, alpha=0.05)
    assert start == pytest.approx((0.0490 / 0.9510 * 9, 0.1762 / 0.8238 * 9), abs=2e-3)
    none = Months(cases=[0], units=[50], other_cases=[30], other_units=[450])
    assert ratio_at_start(none, first=1, alpha=0.05) is None
