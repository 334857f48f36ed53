"""Would more customers help? The same test, after fitting on a tenth, a quarter, a half and all of the customers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from models.classifier import BookingClassifier
from models.taxonomy import NONE
from training.evaluation import booking_figures
from training.settings import settings
from training.splits import Split, customer_groups


def trace_learning(
    classifier: BookingClassifier,
    bookings: pd.DataFrame,
    labels: np.ndarray,
    split: Split,
    *,
    seed: int,
    step: Callable[[str], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Per share of the fitted customers: customers, bookings, and macro-F1 on the tested bookings.

    Shares are nested: whoever is in the tenth is in the quarter. Labels that the smallest share does not have count as
    0 there, so that all points stand for the same labels.
    """
    groups = customer_groups(bookings)[split.fit]
    order = np.random.default_rng(seed).permutation(np.unique(groups))
    test, truth = bookings.iloc[split.test].reset_index(drop=True), labels[split.test]
    counted = sorted(set(truth.tolist()) & set(labels[split.fit].tolist()))
    points = []
    for share in settings("learning_curve")["shares"]:
        step(f"learning from {share:.0%} of the customers")
        customers = order[: max(1, round(share * len(order)))]
        at = split.fit[np.isin(groups, customers)]
        fitted = clone(classifier).fit(bookings.iloc[at].reset_index(drop=True), labels[at])
        per_label = booking_figures(fitted, test, truth)["per_label"]
        f1s = [per_label.get(name, {}).get("f1") or 0.0 for name in counted if name != NONE]
        points.append(
            {
                "share": share,
                "customers": len(customers),
                "bookings": len(at),
                "macro_f1": float(np.mean(f1s)) if f1s else None,
            }
        )
    return points
