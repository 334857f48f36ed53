"""Figures of a classifier on bookings it has not seen: how often right, how well calibrated, how wise in its doubt.

Facts before reports: everything here ends in plain dictionaries that are saved as JSON; nothing is rounded on the way,
and what has no denominator is None, never 0.
"""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from models.classifier import BookingClassifier
from models.taxonomy import NONE
from training.event_evaluation import evaluate_events
from training.fitting import Fitted
from training.intervals import mean
from training.settings import settings

__all__ = ["booking_figures", "evaluate_bookings", "evaluate_events", "risk_coverage"]

_ERRORS = ("expected_calibration_error", "expected_calibration_error_per_wording")
ABSTAINED = "(abstained)"  # a column of the confusion table; no event has such an id


def evaluate_bookings(fitted: Fitted, bookings: pd.DataFrame, labels: np.ndarray) -> dict[str, Any]:
    """Figures of single bookings, see `booking_figures`."""
    return booking_figures(fitted.classifier, bookings, labels)


def booking_figures(classifier: BookingClassifier, bookings: pd.DataFrame, labels: np.ndarray) -> dict[str, Any]:
    """Macro-F1 and macro average precision over event labels, per label, calibration, doubt and confusion.

    Macro figures are over the labels that were tested and fitted; `labels_not_fitted` counts the others.
    """
    probabilities = classifier.predict_proba(bookings)
    told = classifier.classify(bookings)
    classes = [str(name) for name in classifier.classes_]
    per_label = _per_label(labels, told["label"].to_numpy(), probabilities, classes)
    events = [figures for name, figures in per_label.items() if name != NONE]
    top = probabilities.max(axis=1) if len(labels) else np.zeros(0)
    return {
        "n": len(labels),
        "macro_f1": mean([figures["f1"] or 0.0 for figures in events]),
        "average_precision": mean([figures["average_precision"] for figures in events]),
        "labels_tested": len(events),
        "labels_not_fitted": len(set(labels.tolist()) - set(classes)),
        "per_label": per_label,
        "calibration": _calibration(probabilities, labels, classes, classifier.wordings(bookings)),
        "abstained_share": mean(told["abstained"].to_numpy(dtype=float)),
        "answered_error_share": _answered_error(told, labels),
        "risk_coverage": _doubt(told, labels, top, risk=classifier.risk),
        "confusion": _confusion(told, labels),
    }


def risk_coverage(confidence: np.ndarray, wrong: np.ndarray, *, risk: float) -> dict[str, Any]:
    """How the share of errors grows when more is answered, the most confident first.

    Parameters
    ----------
    confidence : ndarray of float
        Per answer; equal ones are answered together, so their order does not count.
    wrong : ndarray of bool
        Whether the answer is an error.
    risk : float
        Accepted share of errors (0..1).

    Returns
    -------
    dict
        n; curve, a list of [coverage, error]; aurc, the error averaged over all coverages (Geifman and El-Yaniv, 2017,
        Selective Classification for Deep Neural Networks); coverage_at_risk, the largest coverage (0..1) at which at
        most a share `risk` of the answers is wrong.
    """
    if not len(confidence):
        return {"n": 0, "risk": risk, "aurc": None, "coverage_at_risk": None, "curve": []}
    order = np.argsort(-confidence, kind="stable")
    ends = np.flatnonzero(np.diff(confidence[order], append=-np.inf))
    coverage = (ends + 1) / len(order)
    error = np.cumsum(wrong[order])[ends] / (ends + 1)
    good = coverage[error <= risk]
    kept = np.unique(np.linspace(0, len(ends) - 1, settings("bookings")["curve_points"]).round().astype(int))
    return {
        "n": len(order),
        "risk": risk,
        "aurc": float(np.sum(np.diff(coverage, prepend=0.0) * error)),
        "coverage_at_risk": float(good.max()) if len(good) else 0.0,
        "curve": [[float(coverage[at]), float(error[at])] for at in kept],
    }


def _per_label(
    labels: np.ndarray, told: np.ndarray, probabilities: np.ndarray, classes: list[str]
) -> dict[str, dict[str, Any]]:
    present = sorted(set(labels.tolist()) & set(classes))
    if not present:
        return {}
    scores = precision_recall_fscore_support(labels, told, labels=present, zero_division=np.nan)
    return {
        name: {
            "precision": _defined(p),
            "recall": _defined(r),
            "f1": _defined(f),
            "n": int(n),
            "average_precision": float(average_precision_score(labels == name, probabilities[:, classes.index(name)])),
        }
        for name, p, r, f, n in zip(present, *scores, strict=True)
    }


def _calibration(
    probabilities: np.ndarray, labels: np.ndarray, classes: list[str], wordings: np.ndarray
) -> dict[str, Any]:
    """Brier score and expected calibration error (bins of equal mass) over booking-event pairs that score.

    Bookings repeat, so that one wording can fill a bin; per wording, each pair of a wording and an event weighs one.
    """
    figures = settings("bookings")
    events = [at for at, name in enumerate(classes) if name != NONE]
    scores = probabilities[:, events].ravel()
    truth = np.stack([labels == classes[at] for at in events], axis=1).ravel() if events else np.zeros(0)
    pairs = (wordings[:, None] * len(events) + np.arange(len(events))).ravel()
    scoring = scores >= figures["lowest_score"]
    scores, truth, pairs = scores[scoring], truth[scoring], pairs[scoring]
    if not len(scores):
        return {**dict.fromkeys(("brier", *_ERRORS)), "n": 0, "wordings": 0, "bins": []}
    wording, size = np.unique(pairs, return_inverse=True, return_counts=True)[1:]
    bins = _bins(scores, truth, np.ones(len(scores)), count=figures["bins"])
    alike = _bins(scores, truth, 1 / size[wording], count=figures["bins"])
    return {
        "n": len(scores),
        "wordings": len(size),
        "brier": float(((scores - truth) ** 2).mean()),
        **dict(zip(_ERRORS, map(_expected_error, (bins, alike)), strict=True)),
        "bins": bins,
    }


def _bins(scores: np.ndarray, truth: np.ndarray, weights: np.ndarray, *, count: int) -> list[dict[str, float]]:
    """Bins of equal weight, in order of score: n, weight, mean score and share that is true."""
    order = np.argsort(scores, kind="stable")
    middles = np.cumsum(weights[order]) - weights[order] / 2
    place = np.minimum(middles / weights.sum() * count, count - 1).astype(np.int64)
    mine = (order[place == number] for number in np.unique(place))
    return [
        {
            "n": len(one),
            "weight": float(weights[one].sum()),
            "score": float(np.average(scores[one], weights=weights[one])),
            "true": float(np.average(truth[one], weights=weights[one])),
        }
        for one in mine
    ]


def _expected_error(bins: list[dict[str, float]]) -> float:
    gaps = sum(one["weight"] * abs(one["score"] - one["true"]) for one in bins)
    return float(gaps / sum(one["weight"] for one in bins))


def _answered_error(told: pd.DataFrame, labels: np.ndarray) -> float | None:
    answered = ((told["label"] != NONE) & ~told["abstained"]).to_numpy()
    return float((told["label"].to_numpy() != labels)[answered].mean()) if answered.any() else None


def _doubt(told: pd.DataFrame, labels: np.ndarray, top: np.ndarray, *, risk: float) -> dict[str, Any]:
    """The risk-coverage curve among bookings told as, or truly, an event, and where the classifier stands on it."""
    said = told["label"].to_numpy()
    at_stake = (said != NONE) | (labels != NONE)
    wrong = (said != labels)[at_stake]
    answered = ~told["abstained"].to_numpy()[at_stake]
    return {
        **risk_coverage(top[at_stake], wrong, risk=risk),
        "answered_share": mean(answered.astype(float)),
        "answered_error_share": mean(wrong[answered].astype(float)),
    }


def _confusion(told: pd.DataFrame, labels: np.ndarray) -> dict[str, Any]:
    """How many bookings of each label (rows) got which answer (columns)."""
    said = np.where(told["abstained"].to_numpy(), ABSTAINED, told["label"].to_numpy(dtype=object)).astype(str)
    names = sorted(set(labels.tolist()) | set(said.tolist()), key=lambda name: (name == ABSTAINED, name == NONE, name))
    if not names:
        return {"labels": [], "answers": [], "counts": []}
    rows = [name for name in names if name != ABSTAINED]
    counted = pd.crosstab(labels.astype(str), said).reindex(index=rows, columns=names, fill_value=0)
    return {"labels": rows, "answers": names, "counts": counted.to_numpy().tolist()}


def _defined(value: float) -> float | None:
    """None for a rate without a denominator: undefined is not zero."""
    return None if np.isnan(value) else float(value)
