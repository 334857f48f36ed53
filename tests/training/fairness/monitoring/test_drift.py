"""The population stability index by hand, and that chance alone is no drift."""

from math import log

import numpy as np
import pytest

from training.fairness.monitoring.drift import judge_drift, score_bins, stability_index

NUMBERS = {"drift_watch": 0.10, "drift_large": 0.25}


def test_the_index_is_the_sum_worked_by_hand() -> None:
    edges = np.array([0.5])
    before, now = [0.1] * 50 + [0.9] * 50, [0.1] * 20 + [0.9] * 80
    # Half a person in every bin: 50.5 of 101 each before, 20.5 and 80.5 of 101 now.
    a, b = 20.5 / 101, 80.5 / 101
    by_hand = (a - 0.5) * log(a / 0.5) + (b - 0.5) * log(b / 0.5)
    assert stability_index(before, now, edges) == pytest.approx(by_hand)
    assert stability_index(before, before, edges) == 0.0


def test_a_shift_is_large_and_an_empty_bin_is_no_infinity() -> None:
    before = np.linspace(0.5, 1.0, 400)
    told = judge_drift(before, np.full(400, 0.95), score_bins(before, bins=5), NUMBERS, alpha=0.05)
    assert told["band"] == "large"
    assert np.isfinite(told["index"])


def test_what_chance_gives_is_stable_however_few_were_counted() -> None:
    rng = np.random.default_rng(3)
    bands = [
        judge_drift(a, b, score_bins(a, bins=5), NUMBERS, alpha=0.05)["band"]
        for a, b in (rng.random((2, 40)) for _ in range(400))
    ]
    # The index of forty against forty is often above .10; beyond chance it is in about 5 % of the cases.
    assert np.mean([band != "stable" for band in bands]) < 0.09


def test_equal_scores_leave_fewer_bins() -> None:
    assert len(score_bins([0.7] * 100, bins=5)) == 1
