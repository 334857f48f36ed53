"""Figures of life events on customers a model has not seen, at their natural rates.

Told apart are `detect`, where the booking that defines an event is there to be seen, and `predict`, where all such
bookings are taken out and only a detection before the event counts.
"""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from models.detection import Model, by_customers, detect_events, prepare
from models.taxonomy import NONE
from training.fitting import customer_years
from training.intervals import f1, mean, share_interval
from training.matching import Matched, explain_false, explain_missed, match_events
from training.settings import settings

PRIMARY = "primary"


def evaluate_events(fitted: Model, bookings: pd.DataFrame, truth: pd.DataFrame) -> dict[str, Any]:
    """Per event: precision, recall and F1 with intervals, delay, false alerts, lift, and kinds of error.

    A hit is a detection dated inside a true event's span, one to one. Intervals respect that a customer's events hang
    together, see `training.intervals`.
    """
    as_of = bookings["booking_date"].max().date()
    found = detect_events(bookings, as_of=as_of, release=fitted)
    customers, years = bookings["customer_id"].unique(), customer_years(bookings)
    scores = score_customers(fitted, bookings, as_of=as_of)
    per_event = {}
    for event in fitted.taxonomy.ids:
        mine, real = _of_event(found, event), _of_event(truth, event)
        if len(mine) or len(real):
            figures = _event_figures(mine, real, years)
            lift = top_decile_lift(_of_event(scores, event), real["customer_id"], customers)
            per_event[event] = {**figures, "top_decile_lift": lift}
    for event, errors in _count_errors(found, truth).items():
        if event in per_event:
            per_event[event]["errors"] = errors
    return {
        "as_of": as_of.isoformat(),
        "customers": len(customers),
        "customer_years": years,
        "macro_f1": mean([figures["f1"] for figures in per_event.values() if figures["n_true"]]),
        "per_event": per_event,
    }


def evaluate_prediction(
    fitted: Model, bookings: pd.DataFrame, labels: np.ndarray, roles: np.ndarray, truth: pd.DataFrame
) -> dict[str, Any]:
    """How many events are foretold when no booking that defines one can be seen.

    Bookings with an event label and the role `primary` are taken out of the bookings - of all events at once, so that
    one event does not tell of another by its defining booking. `foretold` are true events with a detection from
    `horizon_days` before the onset up to the day before it; `later` those that only a detection after that tells.
    Only events that bookings are labelled with can be masked; the others are left out.
    """
    horizon = pd.Timedelta(days=settings("events")["horizon_days"])
    masked = (labels != NONE) & (roles == PRIMARY)
    as_of = bookings["booking_date"].max().date()
    found = detect_events(bookings[~masked].reset_index(drop=True), as_of=as_of, release=fitted)
    maskable = sorted(set(labels[masked].tolist()) & set(fitted.taxonomy.ids))
    spans = truth.assign(begin=truth["onset_date"] - horizon, eve=truth["onset_date"] - pd.Timedelta(days=1))
    per_event = {}
    for event in maskable:
        mine, real = _of_event(found, event), _of_event(spans, event)
        ahead = match_events(mine, real, begin="begin", end="eve").of_truth >= 0
        any_time = match_events(mine, real, begin="begin", end="last_useful_date")
        per_event[event] = {
            "n_true": len(real),
            "n_found": len(mine),
            "foretold": int(ahead.sum()),
            "later": int(((any_time.of_truth >= 0) & ~ahead).sum()),
            "false": int((any_time.of_detection < 0).sum()),
            "recall": mean(ahead.astype(float)),
            "recall_interval": _interval_of(real["customer_id"], ahead),
        }
    return {
        "horizon_days": settings("events")["horizon_days"],
        "masked_bookings": int(masked.sum()),
        "macro_recall": mean([figures["recall"] for figures in per_event.values() if figures["n_true"]]),
        "per_event": per_event,
    }


def count_customers(found: pd.DataFrame, truth: pd.DataFrame, matched: Matched) -> pd.DataFrame:
    """Columns hits, found and true per customer that has any detection or true event; both tables of one event."""
    parts = {
        "hits": found["customer_id"][matched.of_detection >= 0],
        "found": found["customer_id"],
        "true": truth["customer_id"],
    }
    counted = {name: customers.value_counts() for name, customers in parts.items()}
    return pd.DataFrame(counted).fillna(0).astype(int).sort_index()


def score_customers(fitted: Model, bookings: pd.DataFrame, *, as_of: date) -> pd.DataFrame:
    """The highest score of each customer for each event that has a point: customer_id, event, score (0..1)."""
    tables = []
    for chunk in by_customers(bookings[bookings["booking_date"] <= pd.Timestamp(as_of)]):
        prepared = prepare(chunk, as_of=as_of, model=fitted)
        points = prepared.points
        if len(points.day):
            customers, scores = prepared.course.customers[points.customer], fitted.detector.score(points)
            tables.append(pd.DataFrame({"customer_id": customers, "event": points.event, "score": scores}))
    table = pd.concat(tables) if tables else pd.DataFrame({"customer_id": [], "event": [], "score": []})
    return table.groupby(["customer_id", "event"], as_index=False)["score"].max()


def top_decile_lift(scores: pd.DataFrame, true_customers: pd.Series, customers: np.ndarray) -> float | None:
    """How much more frequent an event is among the tenth of the customers that scores highest than among all.

    Customers without a score count as 0. Where customers at the border tie, each counts with its chance of being drawn.
    None when no customer, or every one, has the event.
    """
    share = settings("events")["decile"]
    value = scores.groupby("customer_id")["score"].max().reindex(customers).fillna(0.0).to_numpy(dtype=float)
    true = np.isin(customers.astype(str), true_customers.to_numpy(dtype=str))
    if not true.any() or true.all():
        return None
    top = int(np.ceil(share * len(customers) - 1e-9))
    border = np.sort(value)[::-1][top - 1]
    above, tied = value > border, value == border
    caught = true[above].sum() + true[tied].mean() * (top - above.sum())
    return float(caught / top / true.mean())


def _event_figures(found: pd.DataFrame, truth: pd.DataFrame, years: float) -> dict[str, Any]:
    matched = match_events(found, truth)
    hit = matched.of_detection >= 0
    counts = count_customers(found, truth, matched)
    hits, made, real = (counts[name].to_numpy() for name in ("hits", "found", "true"))
    first = truth["first_detectable_date"].to_numpy()[matched.of_detection[hit]]
    delays = (found["detected_on"].to_numpy()[hit] - first) / np.timedelta64(1, "D")
    return {
        "n_true": len(truth),
        "n_found": len(found),
        "customers_true": int((real > 0).sum()),
        "hits": int(hit.sum()),
        "precision": mean(hit.astype(float)),
        "precision_interval": share_interval(hits, made),
        "recall": mean((matched.of_truth >= 0).astype(float)),
        "recall_interval": share_interval(hits, real),
        "f1": f1((hit.sum(), len(found), len(truth))),
        "f1_interval": share_interval(2 * hits, made + real, unit=2),
        "false_share": mean((~hit).astype(float)),
        "median_days_to_detect": float(np.median(delays)) if len(delays) else None,
        "p90_days_to_detect": float(np.quantile(delays, 0.9)) if len(delays) else None,
        "false_per_1000_customer_years": 1000 * float((~hit).sum()) / years if years else None,
    }


def _count_errors(found: pd.DataFrame, truth: pd.DataFrame) -> dict[str, dict[str, dict[str, int]]]:
    """Per event how many detections were false and how many true events were missed, by reason."""
    matched = match_events(found, truth)
    counted: dict[str, dict[str, dict[str, int]]] = {}
    for kind, table, reasons in (
        ("false", found, explain_false(found, truth, matched)),
        ("missed", truth, explain_missed(found, truth, matched)),
    ):
        for (event, reason), count in pd.DataFrame({"e": table["event"], "r": reasons}).value_counts().items():
            mine = counted.setdefault(str(event), {"false": {}, "missed": {}})
            if reason:
                mine[kind][str(reason)] = int(count)
    return counted


def _of_event(table: pd.DataFrame, event: str) -> pd.DataFrame:
    return table[table["event"] == event].reset_index(drop=True)


def _interval_of(customers: pd.Series, right: np.ndarray) -> list[float] | None:
    counted = pd.DataFrame({"customer": customers, "right": right}).groupby("customer")["right"].agg(["sum", "size"])
    return share_interval(counted["sum"].to_numpy(), counted["size"].to_numpy())
