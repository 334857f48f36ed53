"""How sure a score is: probabilities that hold on texts the model has not seen, and when to abstain.

A linear model is too sure of itself on new wordings. So its scores are divided by a temperature (Guo et al., 2017, On
Calibration of Modern Neural Networks) that rises with how new a text is, fitted on bookings that were held out by
customer and by wording.
"""

import numpy as np
from scipy.optimize import minimize

_LEAST_LIKELY = 1e-12
_BOUNDS = ((-4.0, 2.0), (0.0, 3.0), (0.0, 3.0))  # log temperature of a known text, and what new words and pairs add
_PULL = 1e-3  # of a mean log loss per squared unit: few held-out bookings leave the temperature near 1


def softmax(scores: np.ndarray) -> np.ndarray:
    """Probabilities of scores, row by row; shape (rows, classes)."""
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def temper(scores: np.ndarray, novelty: np.ndarray, temperature: np.ndarray) -> np.ndarray:
    """Calibrated probabilities.

    Parameters
    ----------
    scores : ndarray, shape (rows, classes)
    novelty : ndarray, shape (rows, 2)
        Share (0..1) of words and of pairs of words that the model does not know.
    temperature : ndarray, shape (3,)
        Log temperature of a text that is all known, and what each share adds to it.
    """
    # Not a matrix product: BLAS rounds a row differently by how many stand beside it.
    warmer = (novelty * temperature[1:]).sum(axis=1)
    return softmax(scores / np.exp(temperature[0] + warmer)[:, None])


def fit_temperature(scores: np.ndarray, truth: np.ndarray, weight: np.ndarray, novelty: np.ndarray) -> np.ndarray:
    """The three figures of `temper` with the lowest weighted log loss; `truth` are column numbers."""
    rows = np.arange(len(truth))

    def loss(temperature: np.ndarray) -> float:
        likely = temper(scores, novelty, temperature)[rows, truth]
        mean = -(weight * np.log(np.maximum(likely, _LEAST_LIKELY))).sum() / weight.sum()
        return float(mean + _PULL * (temperature**2).sum())

    found = minimize(loss, np.array([-0.5, 0.1, 0.1]), bounds=_BOUNDS, method="L-BFGS-B")
    return np.asarray(found.x, dtype=np.float64)


def risk_thresholds(probabilities: np.ndarray, truth: np.ndarray, weight: np.ndarray, risk: float) -> np.ndarray:
    """Per class the lowest probability above which at most a share `risk` of the answers was wrong."""
    best = probabilities.argmax(axis=1)
    top = probabilities[np.arange(len(best)), best]
    thresholds = np.zeros(probabilities.shape[1])
    for label in range(probabilities.shape[1]):
        mine = np.flatnonzero(best == label)
        order = mine[np.argsort(-top[mine], kind="stable")]
        if not len(order):
            continue
        wrong = np.cumsum(weight[order] * (truth[order] != label)) / np.cumsum(weight[order])
        good = np.flatnonzero(wrong <= risk)
        thresholds[label] = top[order[good[-1]]] if len(good) else 1.0
    return thresholds
