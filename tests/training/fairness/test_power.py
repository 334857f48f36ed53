"""Numbers needed, against the published table of the fairness notes and by exact enumeration of two binomials."""

import numpy as np
import pytest
from scipy.stats import binom

from training.fairness.power import (
    Shown,
    Truth,
    difference_beyond,
    difference_within,
    n_for,
    n_for_difference,
    n_for_exceeding,
    n_for_log_ratio,
    n_for_ratio,
    power,
    power_table,
    ratio_within,
)


def exact_power(shown: Shown, n1: int, p1: float, n2: int, p2: float) -> float:
    """Chance of a verdict over every outcome of two binomials."""
    counts = [np.arange(n + 1) for n in (n1, n2)]
    chances = [binom.pmf(count, n, p) for count, n, p in zip(counts, (n1, n2), (p1, p2), strict=True)]
    kept = [chance > 1e-9 for chance in chances]
    a, b = counts[0][kept[0]][:, None] / n1, counts[1][kept[1]] / n2
    holds = shown.holds(a, np.full((1, 1), n1), b, np.full((1, 1), n2))
    return float(chances[0][kept[0]] @ holds @ chances[1][kept[1]])


@pytest.mark.parametrize(
    ("recall", "margin", "published"),
    [
        (0.70, 0.03, 1644), (0.70, 0.05, 599), (0.70, 0.10, 158), (0.85, 0.03, 1040), (0.85, 0.05, 395),
        (0.85, 0.10, 108), (0.95, 0.03, 465), (0.95, 0.05, 191), (0.95, 0.10, 61),
    ],
)  # fmt: skip
def test_positives_needed_for_a_recall_gap_are_those_of_the_published_simulation(
    recall: float, margin: float, published: int
) -> None:
    # 40,000 simulated draws and steps of whole counts leave the published numbers uncertain by some 3 %.
    assert n_for_difference(recall, margin=margin) == pytest.approx(published, rel=0.03)


def test_power_is_that_of_every_outcome_weighed_by_its_chance() -> None:
    assert exact_power(difference_within(margin=0.05), 395, 0.85, 3950, 0.85) == pytest.approx(0.80, abs=0.005)
    assert exact_power(difference_beyond(margin=0.05), 806, 0.75, 8060, 0.85) == pytest.approx(0.95, abs=0.005)
    assert exact_power(ratio_within(low=0.8, high=None)[0], 7153, 0.02, 71530, 0.02) == pytest.approx(0.80, abs=0.005)
    for shown, n, p1, p2 in (
        (difference_within(margin=0.10), 200, 0.85, 0.85),
        (difference_beyond(margin=0.10), 200, 0.65, 0.85),
        (ratio_within(low=0.8, high=1.25)[1], 2000, 0.05, 0.05),
    ):
        smooth = float(power(shown, Truth(share=p1, other_share=p2), n))
        assert smooth == pytest.approx(exact_power(shown, n, p1, 10 * n, p2), abs=0.02)


def test_a_gap_of_twice_the_margin_needs_more_than_equality_does() -> None:
    assert n_for_exceeding(0.85, margin=0.05, gap=0.10) == pytest.approx(806, rel=0.01)


def test_customers_needed_for_a_rare_offer_are_those_of_the_textbook_and_some_more_for_koopman() -> None:
    textbook = [n_for_log_ratio(rate, low=0.8) for rate in (0.005, 0.01, 0.02, 0.05, 0.10, 0.30)]
    assert textbook == pytest.approx([27_180, 13_522, 6_693, 2_596, 1_230, 319], abs=1)
    assert n_for_ratio(0.02, low=0.8) == pytest.approx(7_153, rel=0.01)
    # Both bounds at once need more still, and a power that nothing reaches is None.
    both = n_for_ratio(0.02, low=0.8, high=1.25)
    assert both is not None
    assert both > 8_500
    assert n_for_ratio(1e-7, low=0.8) is None


def test_numbers_needed_come_for_whole_arrays() -> None:
    n = n_for([difference_within(margin=0.05)], Truth(share=np.array([0.70, 0.85]), other_share=np.array([0.70, 0.85])))
    assert n == pytest.approx([599, 395], rel=0.02)


def test_the_power_table_states_what_each_verdict_needs() -> None:
    row = next(r for r in power_table() if r["measure"] == "difference" and r["rate"] == 0.85 and r["margin"] == 0.05)
    assert row["n_established"] == pytest.approx(395, abs=2)
    assert row["n_exceeded_at_twice_the_margin"] == pytest.approx(806, abs=8)
