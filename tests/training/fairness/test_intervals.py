"""Intervals against published tables and by exact coverage: every outcome of two binomials, weighed by its chance."""

import numpy as np
import pytest
from scipy.stats import binom, norm

from training.fairness.intervals import (
    clopper_pearson,
    koopman_ratio,
    koopman_z,
    log_ratio,
    mean_difference,
    newcombe_difference,
    newcombe_z,
)
from training.intervals import ClusterSums, effective_n

# Newcombe, 1998, Statistics in Medicine 17, 873-890, table II, method 10: x1, n1, x2, n2, lower, upper.
NEWCOMBE = [
    (56, 70, 48, 80, 0.0524, 0.3339),
    (9, 10, 3, 10, 0.1705, 0.8090),
    (6, 7, 2, 7, 0.0582, 0.8062),
    (5, 56, 0, 29, -0.0381, 0.1926),
    (0, 10, 0, 20, -0.1611, 0.2775),
    (0, 10, 0, 10, -0.2775, 0.2775),
    (10, 10, 0, 20, 0.6791, 1.0000),
    (10, 10, 0, 10, 0.6075, 1.0000),
]


@pytest.mark.parametrize(("x1", "n1", "x2", "n2", "lower", "upper"), NEWCOMBE)
def test_newcombe_gives_the_published_table(x1: int, n1: int, x2: int, n2: int, lower: float, upper: float) -> None:
    low, high = newcombe_difference(x1 / n1, n1, x2 / n2, n2, confidence=0.95)
    assert (float(low), float(high)) == (pytest.approx(lower, abs=5e-5), pytest.approx(upper, abs=5e-5))


def test_koopman_gives_the_published_example() -> None:
    # Koopman, 1984, Biometrics 40, 513-517: 36 of 40 against 16 of 80.
    low, high = koopman_ratio(36 / 40, 40, 16 / 80, 80, confidence=0.95)
    assert (low[0], high[0]) == (pytest.approx(2.94, abs=0.005), pytest.approx(7.15, abs=0.005))


def test_koopmans_limits_are_where_pearsons_chi_square_says_so() -> None:
    # An independent way: at a limit, the smallest chi-square over all pairs of shares with that ratio is 1.96 squared.
    for limit in koopman_ratio(36 / 40, 40, 16 / 80, 80, confidence=0.95):
        p2 = np.linspace(1e-6, min(1.0, 1 / limit[0]) - 1e-9, 2_000_001)
        p1 = limit[0] * p2
        likelihood = 36 * np.log(p1) + 4 * np.log1p(-p1) + 16 * np.log(p2) + 64 * np.log1p(-p2)
        best = likelihood.argmax()
        a, b = p1[best], p2[best]
        chi2 = (36 - 40 * a) ** 2 / (40 * a * (1 - a)) + (16 - 80 * b) ** 2 / (80 * b * (1 - b))
        assert chi2 == pytest.approx(norm.ppf(0.975) ** 2, rel=1e-4)


def test_ratios_of_nothing_are_undefined_and_zeros_leave_one_side_open() -> None:
    low, high = koopman_ratio(
        [0.0, 0.1, 0.0, 0.1], [10, 10, 10, 0], [0.1, 0.0, 0.0, 0.1], [10, 10, 10, 10], confidence=0.95
    )
    assert low[0] == 0
    assert 0 < high[0] < np.inf
    assert low[1] > 0
    assert high[1] == np.inf
    assert np.isnan([low[2], high[2], low[3], high[3]]).all()


def test_differences_without_observations_are_undefined() -> None:
    assert np.isnan(newcombe_difference(np.nan, 0, 0.5, 10, confidence=0.9)).all()


def test_clopper_pearson_gives_the_bounds_of_no_flip() -> None:
    # 1 - .05 ** (1 / n): 0 of 299, 598 and 2,995 pairs bound the rate by .01, .005 and .001.
    high = clopper_pearson(np.zeros(3), np.array([299, 598, 2995]), confidence=0.90)[1]
    assert high == pytest.approx([0.00997, 0.00500, 0.00100], abs=1e-5)
    # Five flips of a thousand: the bound of the fairness notes.
    assert clopper_pearson(5, 1000, confidence=0.90)[1] == pytest.approx(0.0105, abs=5e-5)
    assert np.isnan(clopper_pearson(0, 0, confidence=0.90)).all()


def test_log_ratio_and_difference_of_means_are_worked_by_hand() -> None:
    # ln 2 +- 1.644854 * sqrt(.01 + .04): half-width .36780
    low, high = log_ratio(4.0, 0.16, 2.0, 0.16, confidence=0.90)
    assert (float(low), float(high)) == (
        pytest.approx(2 * np.exp(-0.36780), abs=1e-4),
        pytest.approx(2 * np.exp(0.36780), abs=1e-4),
    )
    assert np.isnan(log_ratio(0.0, 0.0, 2.0, 0.16, confidence=0.90)).all()
    low, high = mean_difference(12.0, 9.0, 10.0, 16.0, confidence=0.95)
    assert (float(low), float(high)) == (pytest.approx(2 - 9.7998, abs=1e-4), pytest.approx(2 + 9.7998, abs=1e-4))


def test_the_z_of_a_margin_is_that_of_the_interval_that_just_touches_it() -> None:
    z = newcombe_z([0.70, 0.95, 0.80], [100, 100, 50], [0.85, 0.85, 0.85], [1000, 1000, 500], difference=-0.05)
    assert z[0] < 0 < z[1]
    assert z[2] == pytest.approx(0.0, abs=1e-9)
    touching = newcombe_difference(0.70, 100, 0.85, 1000, confidence=2 * norm.cdf(-z[0]) - 1)[1]
    assert float(touching) == pytest.approx(-0.05, abs=1e-9)


def test_effective_numbers_divide_by_the_design_effect_of_customers() -> None:
    # Ten customers of ten bookings, five all right and five all wrong: with 100 bookings, 50 right.
    # Variance of the ratio 10/9 * 10 * 25 / 100^2 = .027778; of 100 independent ones .25 / 99: effect 11, n 9.0909.
    sums = ClusterSums(50.0, 100.0, 500.0, 500.0, 1000.0, 10.0)
    assert effective_n(sums) == pytest.approx(100 / 11, abs=1e-9)
    # All right: the ten customers count.
    assert effective_n(ClusterSums(100.0, 100.0, 1000.0, 1000.0, 1000.0, 10.0)) == 10
    # One booking each: nothing to divide by.
    assert effective_n(ClusterSums(4.0, 10.0, 4.0, 4.0, 10.0, 10.0)) == pytest.approx(10)
    assert effective_n(ClusterSums(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)) == 0


def outcomes(n1: int, p1: float, n2: int, p2: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every pair of observed shares that is not practically impossible, and its chance."""
    weights = [binom.pmf(np.arange(n + 1), n, p) for n, p in ((n1, p1), (n2, p2))]
    kept = [np.flatnonzero(weight > 1e-8) for weight in weights]
    x1, x2 = np.meshgrid(*kept, indexing="ij")
    return x1 / n1, x2 / n2, weights[0][x1] * weights[1][x2]


GRID = [(n1, n2, p) for n1, n2 in ((30, 300), (100, 1000), (100, 5000), (400, 4000)) for p in (0.7, 0.85, 0.95)]


def test_newcombe_covers_between_94_and_98_in_100() -> None:
    covered = []
    for n1, n2, p in GRID:
        for gap in (0.0, 0.05, 0.10):
            a, b, chance = outcomes(n1, p - gap, n2, p)
            low, high = newcombe_difference(a, n1, b, n2, confidence=0.95)
            covered.append(float(chance[(low <= -gap) & (high >= -gap)].sum()))
    assert min(covered) >= 0.94
    assert max(covered) <= 0.98


def test_koopman_covers_at_least_93_in_100() -> None:
    covered = []
    for n1, n2 in ((50, 500), (200, 2000), (1000, 1000)):
        for p in (0.02, 0.05, 0.3, 0.85):
            for ratio in (0.8, 1.0, 1.15):
                a, b, chance = outcomes(n1, p * ratio, n2, p)
                z = koopman_z(a, n1, b, n2, ratio=ratio)
                covered.append(float(chance[(np.abs(z) <= norm.ppf(0.975)) | np.isnan(z)].sum()))
    assert min(covered) >= 0.93


def test_koopmans_interval_holds_the_ratios_that_its_test_keeps() -> None:
    a, b, _ = outcomes(50, 0.1, 500, 0.1)
    low, high = koopman_ratio(a.ravel(), 50, b.ravel(), 500, confidence=0.95)
    for ratio in (0.5, 1.0, 2.0):
        kept = np.abs(koopman_z(a.ravel(), 50, b.ravel(), 500, ratio=ratio)) <= norm.ppf(0.975)
        assert np.array_equal(kept, (low <= ratio) & (ratio <= high))


def test_clopper_pearson_covers_at_least_95_in_100() -> None:
    for n in (10, 100, 598, 2995):
        for p in (0.001, 0.005, 0.02, 0.3):
            count = np.arange(n + 1)
            low, high = clopper_pearson(count, np.full(n + 1, n), confidence=0.95)
            assert binom.pmf(count, n, p)[(low <= p) & (p <= high)].sum() >= 0.95
