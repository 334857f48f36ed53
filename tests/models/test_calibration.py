"""Probabilities that hold on new texts, and thresholds from a target of risk."""

import numpy as np
import pytest

from models.calibration import fit_temperature, risk_thresholds, softmax, temper


def test_probabilities_are_rows_of_one() -> None:
    np.testing.assert_allclose(softmax(np.array([[0.0, np.log(3.0)], [1e6, 0.0]])), [[0.25, 0.75], [1.0, 0.0]])


def test_a_temperature_flattens_and_rises_with_new_words() -> None:
    scores, novelty = np.array([[0.0, 2.0]] * 2), np.array([[0.0, 0.0], [1.0, 0.0]])
    known, new = temper(scores, novelty, np.array([0.0, np.log(2.0), 0.0]))[:, 1]
    assert known == pytest.approx(1 / (1 + np.exp(-2)))
    assert new == pytest.approx(1 / (1 + np.exp(-1)))  # divided by two


def test_a_row_is_tempered_alike_alone_and_among_others() -> None:
    rng = np.random.default_rng(0)
    scores, novelty, temperature = rng.normal(size=(50, 4)), rng.random((50, 2)), np.array([-0.47, 0.31, 0.77])
    alone = [temper(scores[[at]], novelty[[at]], temperature) for at in range(50)]
    assert np.array_equal(temper(scores, novelty, temperature), np.vstack(alone))


def test_scores_too_sure_of_new_texts_get_a_temperature_that_makes_them_right() -> None:
    # Every score says 98 % (logit 4). Known texts are right 98 times in 100, new ones 75 times: logit 1.1, a quarter.
    scores = np.tile([4.0, 0.0], (200, 1))
    novelty = np.repeat([[0.0, 0.0], [1.0, 1.0]], 100, axis=0)
    truth = np.concatenate([np.repeat([0, 1], [98, 2]), np.repeat([0, 1], [75, 25])])
    told = temper(scores, novelty, fit_temperature(scores, truth, np.ones(200), novelty))[:, 0]
    assert told[0] == pytest.approx(0.98, abs=0.01)
    assert told[150] == pytest.approx(0.75, abs=0.02)


def test_a_class_is_answered_from_where_at_most_the_accepted_share_was_wrong() -> None:
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.4, 0.6], [0.45, 0.55]])
    truth = np.array([0, 0, 1, 1, 0])
    # Class 0: right, right, wrong - a share of 1/3 is too much for 0.2, so down to 0.8. Class 1: right, wrong.
    assert risk_thresholds(probabilities, truth, np.ones(5), 0.2).tolist() == [0.8, 0.6]
    assert risk_thresholds(probabilities, truth, np.ones(5), 0.5).tolist() == [0.7, 0.55]
