"""Figures of a model on customers it has not seen: single bookings first, then life events.

Facts before reports: everything here ends in one plain dictionary that is saved as JSON; nothing is rounded on the way.
"""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from models.detection import detect_events
from models.events import count_hits
from models.taxonomy import NONE
from training.fitting import Fitted

_BINS = 10
_LOWEST_SCORE = 0.05  # bookings below say nothing about an event; they would hide bad calibration among the rest


def evaluate_bookings(fitted: Fitted, bookings: pd.DataFrame, labels: np.ndarray) -> dict[str, Any]:
    """Macro-F1 over event labels, per label precision, recall, F1 and average precision, calibration, abstention."""
    probabilities = fitted.classifier.predict_proba(bookings)
    told = fitted.classifier.classify(bookings)
    classes = [str(name) for name in fitted.classifier.classes_]
    present = sorted(set(labels.tolist()) & set(classes))
    scores = precision_recall_fscore_support(labels, told["label"].to_numpy(), labels=present, zero_division=np.nan)
    per_label = {
        name: {"precision": _defined(p), "recall": _defined(r), "f1": _defined(f), "n": int(n)}
        for name, p, r, f, n in zip(present, *scores, strict=True)
    }
    for name in present:
        truth = labels == name
        per_label[name]["average_precision"] = float(
            average_precision_score(truth, probabilities[:, classes.index(name)])
        )
    events = [name for name in present if name != NONE]
    f1s: list[Any] = [per_label[name]["f1"] for name in events]
    return {
        "n": len(labels),
        "macro_f1": _mean([f1 or 0.0 for f1 in f1s]),
        "per_label": per_label,
        "calibration": _calibration(probabilities, labels, classes),
        "abstained_share": float(told["abstained"].mean()),
        "answered_error_share": _answered_error(told, labels),
    }


def evaluate_events(fitted: Fitted, bookings: pd.DataFrame, truth: pd.DataFrame) -> dict[str, Any]:
    """Per event precision, recall and F1 of detections dated inside a true event's span, one to one; days to detect."""
    as_of = bookings["booking_date"].max().date()
    found = detect_events(bookings, as_of=as_of, release=fitted)
    years = _customer_years(bookings)
    per_event = {}
    for event in fitted.taxonomy.ids:
        mine, real = found[found["event"] == event], truth[truth["event"] == event]
        if len(mine) or len(real):
            per_event[event] = _event_figures(mine, real, years)
    measured = [figures["f1"] for figures in per_event.values() if figures["n_true"]]
    return {
        "as_of": as_of.isoformat(),
        "customers": int(bookings["customer_id"].nunique()),
        "customer_years": years,
        "macro_f1": _mean(measured),
        "per_event": per_event,
    }


def _event_figures(found: pd.DataFrame, truth: pd.DataFrame, years: float) -> dict[str, Any]:
    hits, delays = 0, []
    for customer, mine in found.groupby("customer_id"):
        real = truth[truth["customer_id"] == customer]
        spans = list(zip(real["first_detectable_date"], real["last_useful_date"], strict=True))
        hits += count_hits(mine["detected_on"].tolist(), spans)
        delays += [
            min((day - first).days for first, last in spans if first <= day <= last)
            for day in mine["detected_on"]
            if any(first <= day <= last for first, last in spans)
        ]
    precision = hits / len(found) if len(found) else None
    recall = hits / len(truth) if len(truth) else None
    return {
        "n_true": len(truth),
        "n_found": len(found),
        "hits": hits,
        "precision": precision,
        "recall": recall,
        "f1": 2 * hits / (len(found) + len(truth)),
        "median_days_to_detect": float(np.median(delays)) if delays else None,
        "false_per_1000_customer_years": 1000 * (len(found) - hits) / years if years else None,
    }


def _customer_years(bookings: pd.DataFrame) -> float:
    span = bookings.groupby("customer_id")["booking_date"].agg(["min", "max"])
    return float((span["max"] - span["min"]).dt.days.sum() / 365.25)


def _calibration(probabilities: np.ndarray, labels: np.ndarray, classes: list[str]) -> dict[str, Any]:
    """Brier score and expected calibration error (ten bins of equal mass) over booking-event pairs that score."""
    events = [at for at, name in enumerate(classes) if name != NONE]
    scores = probabilities[:, events].ravel()
    truth = np.stack([labels == classes[at] for at in events], axis=1).ravel() if events else np.zeros(0)
    scoring = scores >= _LOWEST_SCORE
    scores, truth = scores[scoring], truth[scoring]
    if not len(scores):
        return {"n": 0, "brier": None, "expected_calibration_error": None}
    bins = np.array_split(np.argsort(scores, kind="stable"), min(_BINS, len(scores)))
    error = sum(len(one) * abs(scores[one].mean() - truth[one].mean()) for one in bins) / len(scores)
    brier = float(((scores - truth) ** 2).mean())
    return {"n": len(scores), "brier": brier, "expected_calibration_error": float(error)}


def _answered_error(told: pd.DataFrame, labels: np.ndarray) -> float | None:
    answered = ((told["label"] != NONE) & ~told["abstained"]).to_numpy()
    return float((told["label"].to_numpy() != labels)[answered].mean()) if answered.any() else None


def _defined(value: float) -> float | None:
    """None for a rate without a denominator: undefined is not zero."""
    return None if np.isnan(value) else float(value)


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
