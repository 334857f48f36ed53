"""Which detection is which true event: one to one, dated inside the event's span; and what the others are.

Hits are those of `models.matching.match_hits`, by which the detector chooses its thresholds.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.matching import Spans, days_of, match_hits

WRONG_DATE, WRONG_EVENT, NO_EVENT, TOLD_TWICE = "wrong_date", "wrong_event", "no_event", "told_twice"
NOT_FOUND = "not_found"


@dataclass(frozen=True)
class Matched:
    """Positions: of the true event per detection and of the detection per true event; -1 where there is none."""

    of_detection: np.ndarray
    of_truth: np.ndarray


def match_events(
    found: pd.DataFrame, truth: pd.DataFrame, *, begin: str = "first_detectable_date", end: str = "last_useful_date"
) -> Matched:
    """Match detections (customer_id, event, detected_on) with true events of the same customer and kind.

    Each detection in order of date takes the true event that ends first among those that are still free and whose
    span, from column `begin` to column `end` inclusive, holds its date.
    """
    keys = pd.concat([found[["customer_id", "event"]], truth[["customer_id", "event"]]])
    groups = keys.groupby(["customer_id", "event"]).ngroup().to_numpy()
    mine, days = groups[: len(found)], days_of(found["detected_on"])
    spans = Spans.from_truth(groups[len(found) :], truth, begin=begin, end=end)
    order = np.lexsort((days, mine))
    hits = match_hits(mine[order], days[order], spans)
    hit = hits >= 0
    of_detection, of_truth = np.full(len(found), -1), np.full(len(truth), -1)
    of_detection[order[hit]] = spans.row[hits[hit]]
    of_truth[spans.row[hits[hit]]] = order[hit]
    return Matched(of_detection, of_truth)


def explain_false(found: pd.DataFrame, truth: pd.DataFrame, matched: Matched) -> np.ndarray:
    """Why each unmatched detection is false, "" for matched ones.

    told_twice: inside the span of a true event that another detection took; wrong_date: the customer has such an event
    at another time; wrong_event: the customer has another event at that time; no_event: neither.
    """
    reasons = np.full(len(found), "", dtype=object)
    by_customer = _positions(truth)
    for at in np.flatnonzero(matched.of_detection < 0):
        row = found.iloc[at]
        mine = truth.iloc[by_customer.get(row["customer_id"], [])]
        same = mine["event"] == row["event"]
        now = (mine["first_detectable_date"] <= row["detected_on"]) & (row["detected_on"] <= mine["last_useful_date"])
        if (same & now).any():
            reasons[at] = TOLD_TWICE
        elif same.any():
            reasons[at] = WRONG_DATE
        else:
            reasons[at] = WRONG_EVENT if now.any() else NO_EVENT
    return reasons


def explain_missed(found: pd.DataFrame, truth: pd.DataFrame, matched: Matched) -> np.ndarray:
    """Why each unmatched true event was missed, "" for matched ones.

    wrong_date: the customer has an unmatched detection of this kind; wrong_event: an unmatched detection of another
    kind inside its span; not_found: neither.
    """
    reasons = np.full(len(truth), "", dtype=object)
    left = found[matched.of_detection < 0].reset_index(drop=True)
    by_customer = _positions(left)
    for at in np.flatnonzero(matched.of_truth < 0):
        row = truth.iloc[at]
        mine = left.iloc[by_customer.get(row["customer_id"], [])]
        inside = mine["detected_on"].between(row["first_detectable_date"], row["last_useful_date"])
        if (mine["event"] == row["event"]).any():
            reasons[at] = WRONG_DATE
        else:
            reasons[at] = WRONG_EVENT if inside.any() else NOT_FOUND
    return reasons


def _positions(table: pd.DataFrame) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for at, customer in enumerate(table["customer_id"]):
        found.setdefault(customer, []).append(at)
    return found
