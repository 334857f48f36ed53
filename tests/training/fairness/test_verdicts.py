"""Three verdicts; many comparisons; a null that is left alone and a planted gap that is found."""

import numpy as np
import pytest
from scipy.stats import norm
from statsmodels.stats.multitest import multipletests

from training.fairness.intervals import newcombe_difference, newcombe_z
from training.fairness.power import n_for_exceeding
from training.fairness.verdicts import (
    ESTABLISHED,
    EXCEEDED,
    NOT_ESTABLISHED,
    benjamini_hochberg,
    give_verdicts,
    holm,
    judge,
)


@pytest.mark.parametrize(
    ("interval", "low", "high", "verdict"),
    [
        ([-0.04, 0.10], -0.05, None, ESTABLISHED),
        ([-0.06, 0.02], -0.05, None, NOT_ESTABLISHED),
        ([-0.20, -0.06], -0.05, None, EXCEEDED),
        ([0.85, 1.20], 0.80, 1.25, ESTABLISHED),
        ([0.85, 1.30], 0.80, 1.25, NOT_ESTABLISHED),
        ([1.30, None], 0.80, 1.25, EXCEEDED),
        ([0.0, 0.70], 0.80, 1.25, EXCEEDED),
        (None, 0.80, 1.25, NOT_ESTABLISHED),
    ],
)
def test_a_verdict_is_where_the_whole_interval_lies(interval, low, high, verdict) -> None:  # type: ignore[no-untyped-def]
    assert judge(interval, low=low, high=high) == verdict


def fact(interval: list[float] | None, p: float | None, **more: object) -> dict[str, object]:
    return {"interval": interval, "low": -0.05, "high": None, "p": p, "n": 61, "n_needed": 395, "reason": None, **more}


def test_what_is_not_established_says_what_was_needed() -> None:
    given = give_verdicts([fact([-0.1, 0.1], 1.0), fact(None, None, reason="undefined: no true event in this group")])
    assert (given[0]["verdict"], given[0]["reason"]) == (NOT_ESTABLISHED, "n needed 395, had 61")
    assert (given[1]["verdict"], given[1]["reason"]) == (NOT_ESTABLISHED, "undefined: no true event in this group")


def test_holm_takes_back_a_finding_that_many_comparisons_explain() -> None:
    lone = give_verdicts([fact([-0.3, -0.06], 0.04)])
    assert lone[0]["verdict"] == EXCEEDED
    among = give_verdicts([fact([-0.3, -0.06], 0.04), *[fact([-0.01, 0.1], 1.0)] * 9])
    assert among[0]["verdict"] == NOT_ESTABLISHED
    assert "Holm over 10" in among[0]["reason"]
    assert among[0]["p_holm"] == pytest.approx(0.4)


def test_corrections_are_those_worked_by_hand() -> None:
    # Holm: 3 x .01, 2 x .02, 1 x .04, made monotone; BH: .03, .03, .04.
    assert holm([0.01, 0.04, 0.02]) == pytest.approx([0.03, 0.04, 0.04])
    assert benjamini_hochberg([0.01, 0.04, 0.02]) == pytest.approx([0.03, 0.04, 0.03])
    # One that is undefined still counts: it was going to be looked at.
    assert holm([0.01, None]) == [pytest.approx(0.02), None]
    assert holm([]) == []


def test_corrections_equal_those_of_statsmodels() -> None:
    p = np.random.default_rng(0).random(200) ** 4
    assert holm(p.tolist()) == pytest.approx(multipletests(p, method="holm")[1])
    assert benjamini_hochberg(p.tolist()) == pytest.approx(multipletests(p, method="fdr_bh")[1])


def any_exceeded(p1: np.ndarray, n1: int, p2: np.ndarray, n2: int, *, margin: float) -> np.ndarray:
    """Per family (row), whether any recall gap is found: Holm's first step asks the smallest p, times their number."""
    z = newcombe_z(p1.ravel(), n1, p2.ravel(), n2, difference=-margin).reshape(p1.shape)
    p = np.where(z < 0, norm.sf(-z), 1.0)
    outside = newcombe_difference(p1, n1, p2, n2, confidence=0.90)[1] < -margin
    assert np.array_equal(outside, p < 0.05)
    assert min(filter(None, holm(p[0].tolist()))) == pytest.approx(min(1.0, p[0].min() * p.shape[1]))
    return (p * p.shape[1] <= 0.05).any(axis=1)


def test_equal_groups_are_exceeded_in_at_most_5_in_100_runs() -> None:
    rng = np.random.default_rng(1)
    runs, comparisons = 600, 40
    p1 = rng.binomial(60, 0.85, (runs, comparisons)) / 60
    p2 = rng.binomial(600, 0.85, (runs, comparisons)) / 600
    assert any_exceeded(p1, 60, p2, 600, margin=0.05).mean() <= 0.05


def test_a_gap_of_twice_the_margin_is_exceeded_in_95_of_100_runs_at_the_n_of_the_power_table() -> None:
    n = n_for_exceeding(0.85, margin=0.05, gap=0.10)
    assert n is not None
    rng = np.random.default_rng(2)
    p1, p2 = rng.binomial(n, 0.75, (4000, 1)) / n, rng.binomial(10 * n, 0.85, (4000, 1)) / (10 * n)
    # 4,000 runs leave .0034 of chance around .95.
    assert any_exceeded(p1, n, p2, 10 * n, margin=0.05).mean() >= 0.95 - 2 * 0.0034
