"""From points in customers' courses to detections of life events.

Each event has its own small forest over the same figures, learned where there are enough true events and a careful
rule where there are not. A detection is made at the first point that is convincing enough, so its date never changes
when later bookings arrive.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GroupKFold

from models.history import FEATURES, Course, Points, parameters
from models.taxonomy import Taxonomy

DETECTION_COLUMNS: tuple[str, ...] = (
    "customer_id", "event", "onset_date", "detected_on", "probability", "status", "offer_class", "evidence",
)  # fmt: skip
_DETECTION_DTYPES = {
    **dict.fromkeys(("customer_id", "event", "status", "offer_class", "evidence"), "str"),
    **dict.fromkeys(("onset_date", "detected_on"), "datetime64[s]"),
    "probability": "float64",
}


@dataclass(frozen=True, slots=True)
class Hit:
    """One detection inside the detector: positions of its points and what is known of it."""

    customer: int
    event: str
    onset: int
    detected: int
    probability: float
    evidence: tuple[int, ...]


class EventDetector(BaseEstimator):
    """Scores points and turns them into detections.

    Parameters
    ----------
    history_days : dict of str to int
        Days of bookings that must lie before a sign of an event counts (see `taxonomy.toml`); 0 where absent.
    random_state : int
        Seed of the forests and folds.

    Attributes
    ----------
    forests_ : dict of str to RandomForestClassifier
        One per event with enough true events in training.
    thresholds_, refractory_days_ : dict of str
        Lowest score that is a detection, and days after one in which no second is made.
    """

    def __init__(self, *, history_days: dict[str, int] | None = None, random_state: int = 0) -> None:
        self.history_days = history_days
        self.random_state = random_state

    def fit(self, views: Sequence[Points], customers: np.ndarray, truth: pd.DataFrame) -> Self:
        """Learn from points of permitted customers and the events table; `truth` may be empty.

        Parameters
        ----------
        views : sequence of Points
            The same customers seen with different probabilities; a customer is in one fold with all its views.
        customers : ndarray of str
            Names of the customers that the points number.
        truth : DataFrame
            The events table.
        """
        settings = parameters()["detector"]
        self.forests_: dict[str, RandomForestClassifier] = {}
        self.thresholds_: dict[str, float] = {}
        self.refractory_days_: dict[str, int] = {}
        position = {name: at for at, name in enumerate(customers)}
        known = truth[truth["customer_id"].isin(position)].copy()
        known["customer"] = known["customer_id"].map(position)
        points = _stack_views(views, len(customers))
        for event in sorted(set(points.event.tolist())):
            mine = _of_event(points, event)
            spans = _truth_spans(known[known["event"] == event], views=len(views), customers=len(customers))
            labels, weights = _label_points(mine, spans)
            weights[self._too_early(mine)] = 0.0
            enough = len(spans) >= settings["fewest_positives"] * len(views)
            if enough and 0 < labels.sum() < len(labels) and event != "overdraft":
                groups = mine.customer % len(customers)
                self._fit_event(event, mine, labels, weights, spans, groups)
        return self

    def score(self, points: Points) -> np.ndarray:
        """Probability per point (0..1) that an event of its kind has come about."""
        scores = np.zeros(len(points.day))
        for event in sorted(set(points.event.tolist())):
            at = np.flatnonzero(points.event == event)
            if event in self.forests_:
                scores[at] = self.forests_[event].predict_proba(points.matrix[at])[:, 1]
            else:
                scores[at] = _careful_rule(points.matrix[at])
        scores[self._too_early(points)] = 0.0
        return scores

    def detect(self, points: Points, course: Course) -> list[Hit]:
        """Detections in order of customer, event and date."""
        scores = self.score(points)
        hits: list[Hit] = []
        settings = parameters()["detector"]
        starts = _group_starts(points)
        for begin, end in pairwise(starts):
            event = str(points.event[begin])
            threshold = self.thresholds_.get(event, settings["fallback_threshold"])
            quiet = self.refractory_days_.get(event, _fallback_quiet(event))
            made = _walk(points.day[begin:end], scores[begin:end], threshold, quiet)
            day_of_row = course.days[np.argsort(course.row)]
            hits += _describe(points, scores, begin, end, made, threshold, day_of_row)
        return hits

    def _too_early(self, points: Points) -> np.ndarray:
        """Points before which the account shows too little: what seems a first may have run for years elsewhere.

        A counterparty whose signs were there too early stays unconvincing, unless its amount steps up by one child.
        """
        needed = self.history_days or {}
        days = np.array([needed.get(str(event), 0) for event in points.event], dtype=np.float32)
        figure = {name: points.matrix[:, at] for at, name in enumerate(FEATURES)}
        runs = (figure["party_first_history_days"] >= 0) & (figure["party_first_history_days"] < days)
        step = (figure["step_units"] > 0.5) & (figure["step_units"] < 1.5) & (figure["earlier_signs"] > 0)
        return (figure["history_days"] < days) | (runs & ~step)

    def _fit_event(
        self,
        event: str,
        points: Points,
        labels: np.ndarray,
        weights: np.ndarray,
        spans: dict[int, list[tuple[int, int]]],
        groups: np.ndarray,
    ) -> None:
        settings = parameters()["detector"]
        scores = np.zeros(len(labels))
        folds = min(settings["folds"], len(set(groups.tolist())))
        for train, test in GroupKFold(folds).split(points.matrix, labels, groups):
            if 0 < labels[train].sum() < len(train):
                forest = self._forest("trees_in_folds")
                forest.fit(points.matrix[train], labels[train], sample_weight=weights[train])
                scores[test] = forest.predict_proba(points.matrix[test])[:, 1]
        scores[self._too_early(points)] = 0.0
        self.thresholds_[event], self.refractory_days_[event] = _choose(points, scores, spans)
        self.forests_[event] = self._forest("trees").fit(points.matrix, labels, sample_weight=weights)

    def _forest(self, trees: str) -> RandomForestClassifier:
        settings = parameters()["detector"]
        return RandomForestClassifier(
            n_estimators=settings[trees],
            min_samples_leaf=settings["smallest_leaf"],
            max_features=settings["features_per_split"],
            random_state=self.random_state,
        )


def _of_event(points: Points, event: str) -> Points:
    at = np.flatnonzero(points.event == event)
    return Points(
        points.customer[at], points.event[at], points.day[at], [points.evidence[i] for i in at], points.matrix[at]
    )


def _stack_views(views: Sequence[Points], customers: int) -> Points:
    """All views as one: in view v customer k is numbered v * customers + k."""
    return Points(
        np.concatenate([points.customer + view * customers for view, points in enumerate(views)]),
        np.concatenate([points.event for points in views]),
        np.concatenate([points.day for points in views]),
        [evidence for points in views for evidence in points.evidence],
        np.concatenate([points.matrix for points in views]),
    )


def _truth_spans(truth: pd.DataFrame, *, views: int, customers: int) -> dict[int, list[tuple[int, int]]]:
    """Per customer, in every view, the (first detectable, last useful) days of its true events."""
    first = truth["first_detectable_date"].to_numpy().astype("datetime64[D]").astype(np.int64)
    last = truth["last_useful_date"].to_numpy().astype("datetime64[D]").astype(np.int64)
    spans: dict[int, list[tuple[int, int]]] = {}
    for customer, begin, end in sorted(zip(truth["customer"].tolist(), first.tolist(), last.tolist(), strict=True)):
        for view in range(views):
            spans.setdefault(int(customer) + view * customers, []).append((begin, end))
    return spans


def _label_points(points: Points, spans: dict[int, list[tuple[int, int]]]) -> tuple[np.ndarray, np.ndarray]:
    """1 where a true event can first be told, 0 where none is; points late in an event's span weigh nothing."""
    late = parameters()["detector"]["late_days"]
    labels, weights = np.zeros(len(points.day), dtype=int), np.ones(len(points.day))
    for at, (customer, day) in enumerate(zip(points.customer.tolist(), points.day.tolist(), strict=True)):
        for begin, end in spans.get(customer, ()):
            if begin <= day <= min(end, begin + late):
                labels[at] = 1
            elif begin <= day <= end:
                weights[at] = 0.0
    weights[labels == 1] = 1.0
    return labels, weights


def _choose(points: Points, scores: np.ndarray, spans: dict[int, list[tuple[int, int]]]) -> tuple[float, int]:
    """Threshold and quiet days with the best F1 of detections against true events, on scores of unseen customers."""
    settings = parameters()["detector"]
    starts = _group_starts(points)
    total = sum(len(mine) for mine in spans.values())
    step = settings["threshold_step"]
    thresholds = np.arange(settings["never_below"], settings["never_above"] + step / 2, step)
    best = (-1.0, settings["fallback_threshold"], settings["refractory_days"][-1])
    for quiet in settings["refractory_days"]:
        for threshold in thresholds:
            hits, made_all = 0, 0
            for begin, end in pairwise(starts):
                if scores[begin:end].max() < threshold:
                    continue
                made = points.day[begin + _walk(points.day[begin:end], scores[begin:end], float(threshold), quiet)]
                made_all += len(made)
                hits += count_hits(made.tolist(), spans.get(int(points.customer[begin]), []))
            f1 = 2 * hits / max(made_all + total, 1)
            if f1 > best[0] + 1e-9:
                best = (f1, float(threshold), quiet)
    return best[1], best[2]


def count_hits(detected: list[int], spans: list[tuple[int, int]]) -> int:
    """Detections dated inside a true event's span, one to one (earliest span that is still free)."""
    free = sorted(spans, key=lambda span: span[1])
    hits = 0
    for day in sorted(detected):
        match = next((span for span in free if span[0] <= day <= span[1]), None)
        if match is not None:
            free.remove(match)
            hits += 1
    return hits


def _group_starts(points: Points) -> np.ndarray:
    """Where a new (customer, event) begins, and the end."""
    if not len(points.day):
        return np.zeros(1, dtype=int)
    changed = (points.customer[1:] != points.customer[:-1]) | (points.event[1:] != points.event[:-1])
    return np.concatenate([[0], np.flatnonzero(changed) + 1, [len(points.day)]])


def _walk(days: np.ndarray, scores: np.ndarray, threshold: float, quiet_days: int) -> np.ndarray:
    """Positions of detections: convincing points, not within the quiet days after the last one."""
    made: list[int] = []
    for at in np.flatnonzero(scores >= threshold):
        if not made or days[at] - days[made[-1]] > quiet_days:
            made.append(int(at))
    return np.array(made, dtype=int)


def _describe(
    points: Points,
    scores: np.ndarray,
    begin: int,
    end: int,
    made: np.ndarray,
    threshold: float,
    day_of_row: np.ndarray,
) -> list[Hit]:
    """Onset and evidence of each detection: the supporting points before it that hang together, and those after."""
    window, settings = parameters()["points"]["window_days"], parameters()["detector"]
    support = threshold * settings["support_share"]
    hits = []
    for n, position in enumerate(made):
        at = begin + int(position)
        lower = begin + int(made[n - 1]) + 1 if n else begin
        upper = begin + int(made[n + 1]) if n + 1 < len(made) else end
        chain = [at]
        for earlier in range(at - 1, lower - 1, -1):
            if points.day[chain[0]] - points.day[earlier] > window or scores[earlier] < support:
                break
            chain.insert(0, earlier)
        onset = int(min(day_of_row[row] for point in chain for row in points.evidence[point]))
        later = [
            point
            for point in range(at + 1, upper)
            if points.day[point] - points.day[at] <= window and scores[point] >= support
        ]
        rows = [row for point in (*chain, *later) for row in points.evidence[point]]
        evidence = tuple(dict.fromkeys(rows))[: settings["evidence_at_most"]]
        hits.append(
            Hit(
                int(points.customer[at]), str(points.event[at]), onset, int(points.day[at]), float(scores[at]), evidence
            )
        )
    return hits


def _fallback_quiet(event: str) -> int:
    settings = parameters()["detector"]
    return int(settings["overdraft_quiet_days" if event == "overdraft" else "fallback_quiet_days"])


def _careful_rule(matrix: np.ndarray) -> np.ndarray:
    """Score where nothing could be learned: a booking's own probability, for a first sign only.

    Large credits count from three times the monthly income on (domain specification 1.3); own transfers never.
    """
    figure = {name: matrix[:, at] for at, name in enumerate(FEATURES)}
    first = (figure["earlier_signs"] <= 0) | (figure["gap_days"] > parameters()["detector"]["again_after_days"])
    large = (figure["income_ratio"] < 0) | (figure["income_ratio"] >= parameters()["series"]["large_income_ratio"])
    return np.where(first & large & (figure["is_internal"] <= 0), figure["probability"].clip(0, 1), 0.0)


def describe_hits(
    hits: list[Hit],
    course: Course,
    booking_ids: np.ndarray,
    refunds: dict[int, int],
    *,
    taxonomy: Taxonomy,
    as_of: date,
) -> pd.DataFrame:
    """Hits as the table of detections (DETECTION_COLUMNS); `refunds` maps a booking's row to its refund's day."""
    today = int(np.datetime64(as_of, "D").astype(np.int64))
    rows = []
    for hit in hits:
        event = taxonomy.event(hit.event)
        undone = [refunds[row] for row in hit.evidence if row in refunds]
        status = "confirmed" if len(hit.evidence) > 1 else "open"
        if today > hit.detected + event.useful_days:
            status = "expired"
        if undone and min(undone) <= today:
            status = "contradicted"
        rows.append(
            (
                str(course.customers[hit.customer]),
                hit.event,
                np.datetime64(hit.onset, "D").astype("datetime64[s]"),
                np.datetime64(hit.detected, "D").astype("datetime64[s]"),
                round(hit.probability, 6),
                status,
                event.offer_class,
                " ".join(str(booking_ids[row]) for row in hit.evidence),
            )
        )
    table = pd.DataFrame(rows, columns=list(DETECTION_COLUMNS))
    return table.astype(_DETECTION_DTYPES) if len(table) else no_detections()


def no_detections() -> pd.DataFrame:
    """An empty table of detections with its types."""
    return pd.DataFrame({name: pd.Series([], dtype=_DETECTION_DTYPES.get(name, "str")) for name in DETECTION_COLUMNS})
