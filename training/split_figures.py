"""The same bookings split in four ways side by side, so that nobody mistakes a flattering figure for an honest one.

For each way the classifier is fitted anew with the same settings on the same bookings; only the cut differs. The split
by row is there to show how it flatters: its tested bookings repeat texts and customers that were fitted on.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from models.classifier import BookingClassifier
from training.evaluation import booking_figures
from training.intervals import mean
from training.settings import settings
from training.splits import Split, describe_bookings, make_splits


def evaluate_splits(
    classifier: BookingClassifier,
    bookings: pd.DataFrame,
    labels: np.ndarray,
    *,
    seed: int,
    most_bookings: int | None = None,
    step: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Figures of the four splits, by kind; a kind that these bookings cannot be split by has `n_test` 0.

    Parameters
    ----------
    classifier : BookingClassifier
        Its settings are used, not what it has learned.
    most_bookings : int, optional
        So many bookings at most, drawn by lot, are split; by default the figure in `evaluation.toml`.
    """
    most = most_bookings or settings("splits")["most_bookings"]
    at = np.arange(len(bookings))
    if len(at) > most:
        at = np.sort(np.random.default_rng(seed).choice(len(at), size=most, replace=False))
    drawn, told = bookings.iloc[at].reset_index(drop=True), labels[at]
    described = describe_bookings(drawn)
    figures: dict[str, Any] = {}
    for kind, split in make_splits(drawn, told, test_share=settings("splits")["test_share"], seed=seed).items():
        step(f"testing split by {kind}")
        figures[kind] = NOT_SPLIT if split is None else _split_figures(classifier, drawn, told, described, split)
    return figures


NOT_SPLIT: dict[str, Any] = {"n_fit": 0, "n_test": 0}


def _split_figures(
    classifier: BookingClassifier, bookings: pd.DataFrame, labels: np.ndarray, described: np.ndarray, split: Split
) -> dict[str, Any]:
    fresh = clone(classifier).fit(bookings.iloc[split.fit].reset_index(drop=True), labels[split.fit])
    told = booking_figures(fresh, bookings.iloc[split.test].reset_index(drop=True), labels[split.test])
    seen = np.isin(described[split.test].astype(str), np.unique(described[split.fit].astype(str)))
    return {
        "n_fit": len(split.fit),
        "n_test": len(split.test),
        "labels_tested": told["labels_tested"],
        "labels_not_fitted": told["labels_not_fitted"],
        "seen_description_share": mean(seen.astype(float)),
        "macro_f1": told["macro_f1"],
        "average_precision": told["average_precision"],
        "brier": told["calibration"]["brier"],
        "expected_calibration_error": told["calibration"]["expected_calibration_error"],
        "risk": told["risk_coverage"]["risk"],
        "answered_share_at_risk": told["risk_coverage"]["coverage_at_risk"],
        "n_at_risk": told["risk_coverage"]["n"],
        "aurc": told["risk_coverage"]["aurc"],
    }
