"""From points in customers' courses to detections of life events.

Each event has its own small forest over the same figures, learned where there are enough true events and a careful
rule where there are not. A detection is made at the first point that is convincing enough, so its date never changes
when later bookings arrive.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self

import numpy as np
import pandas as pd
import pyarrow as arrow
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GroupKFold

from models.event_learning import (
    UNCALIBRATED,
    Examples,
    Made,
    calibrated,
    choose_threshold,
    directions,
    fit_odds,
    make_detections,
    make_examples,
    natural_weight,
    stack_views,
    varying_figures,
)
from models.history import Course, parameters
from models.lookback import is_first
from models.matching import choose_detections
from models.points import STRONG, Points
from models.taxonomy import Taxonomy
from models.telling import OVERDRAFT, careful_rule, certainty, lacks_support, tells_nothing, told_by_rule

DETECTION_COLUMNS: tuple[str, ...] = (
    "customer_id", "event", "onset_date", "detected_on", "probability", "status", "offer_class", "evidence",
)  # fmt: skip
DETECTION_DTYPES = {
    **dict.fromkeys(("customer_id", "event", "status", "offer_class", "evidence"), "str"),
    **dict.fromkeys(("onset_date", "detected_on"), "datetime64[s]"),
    "probability": "float64",
}


@dataclass(frozen=True, slots=True)
class Hit:
    """One detection inside the detector: rows of its bookings and what is known of it."""

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
        Seed of the forests.

    Attributes
    ----------
    forests_ : dict of str to RandomForestClassifier
        One per event with enough true events in training.
    columns_ : dict of str to ndarray of int
        The figures that each forest looks at.
    thresholds_, refractory_days_ : dict of str
        Lowest score that is a detection, and days after one in which no second is made.
    trust_ : dict of str to float
        Weight (0..1) of the forest beside the careful rule: the more true events in training, the higher.
    calibration_ : tuple of float
        Slope and intercept that turn the log odds of a detection's score into those of its probability.
    """

    def __init__(self, *, history_days: dict[str, int] | None = None, random_state: int = 0) -> None:
        self.history_days = history_days
        self.random_state = random_state

    def fit(
        self,
        views: Sequence[Points],
        customers: np.ndarray,
        truth: pd.DataFrame,
        *,
        customer_years: float = 0.0,
        partial: int = 0,
    ) -> Self:
        """Learn from points of permitted customers and the events table; `truth` may be empty.

        Parameters
        ----------
        views : sequence of Points
            The same customers seen with different probabilities; a customer is in one fold with all its views.
        customers : ndarray of str
            Names of the customers that the points number.
        truth : DataFrame
            The events table.
        customer_years : float
            How long all customers together were seen. With it, thresholds are chosen for natural rates; 0: for the
            rates of `truth`.
        partial : int
            How many of the last views show a part of each customer's bookings alone.
        """
        self.forests_: dict[str, RandomForestClassifier] = {}
        self.columns_: dict[str, np.ndarray] = {}
        self.thresholds_: dict[str, float] = {}
        self.refractory_days_: dict[str, int] = {}
        self.trust_: dict[str, float] = {}
        self.calibration_ = UNCALIBRATED
        made: list[Made] = []
        position = {name: at for at, name in enumerate(customers)}
        known = truth[truth["customer_id"].isin(position)].copy()
        known["customer"] = known["customer_id"].map(position)
        stacked = stack_views(views, len(customers))
        for event in stacked.events:
            points, mine = stacked.of_event(event), known[known["event"] == event]
            if event == OVERDRAFT or not len(points.day) or not len(mine):
                continue
            early = tells_nothing(points, self.history_days or {})
            examples = make_examples(
                points, mine, customers=len(customers), views=len(views), early=early, partial=partial
            )
            if examples.enough:
                made += self._fit_event(event, examples, natural_weight(event, len(mine), customer_years))
        self.calibration_ = fit_odds(made)
        return self

    def score(self, points: Points) -> np.ndarray:
        """Probability per point (0..1) that an event of its kind has come about."""
        scores = np.zeros(len(points.day))
        for number in np.unique(points.event).tolist():
            event, at = points.events[number], np.flatnonzero(points.event == number)
            mine = points.part(at)
            scores[at] = self._judge(event, mine) if event in self.forests_ else careful_rule(mine)
        scores[tells_nothing(points, self.history_days or {})] = 0.0
        return scores

    def _judge(self, event: str, points: Points) -> np.ndarray:
        learned = _likely(self.forests_[event], points.matrix[:, self.columns_[event]])
        return _blend(learned, points, self.trust_[event])

    def detect(self, points: Points, course: Course) -> list[Hit]:
        """Detections in order of customer, event and date."""
        if not len(points.day):
            return []
        settings = parameters()["detector"]
        scores = self.score(points)
        thresholds = np.array([self.thresholds_.get(e, settings["fallback_threshold"]) for e in points.events])
        quiet = np.array([self.refractory_days_.get(e, _fallback_quiet(e)) for e in points.events], dtype=np.int64)
        group = np.cumsum(is_first(points.customer, points.event))
        convincing = np.flatnonzero(scores >= thresholds[points.event])
        own_quiet = quiet[points.event[convincing]]
        made = convincing[choose_detections(group[convincing], points.day[convincing], own_quiet)]
        supports = scores >= thresholds[points.event] * settings["support_share"]
        supports |= (lacks_support(points) | _is_newcomer(points)) & (points.figure("probability") >= STRONG)
        likely = np.where(points.event == _numbered(points, OVERDRAFT), scores, calibrated(scores, self.calibration_))
        return _describe(points, likely, supports, made, group, course)

    def _fit_event(self, event: str, examples: Examples, weight: float) -> list[Made]:
        """Forest, threshold and quiet days; the detections that come about on customers it was not fitted on."""
        settings = parameters()["detector"]
        columns = varying_figures(examples.points.matrix)
        matrix, labels, weights = examples.points.matrix[:, columns], examples.labels, examples.weights
        use, scores = weights > 0, np.zeros(len(labels))
        trust = examples.true_events / (examples.true_events + settings["rule_worth"])
        folds = min(settings["folds"], len(np.unique(examples.customer)))
        if folds > 1:
            for fit, rest in GroupKFold(folds).split(matrix, labels, examples.customer):
                fit = fit[use[fit]]
                if labels[fit].any():
                    forest = self._learn(examples, fit, columns, trees="trees_in_folds")
                    scores[rest] = _blend(_likely(forest, matrix[rest]), examples.points.part(rest), trust)
        scores[tells_nothing(examples.points, self.history_days or {})] = 0.0
        if not labels[use].any():
            return []
        most_quiet = parameters()["most_quiet_days"].get(event, np.inf)
        self.thresholds_[event], self.refractory_days_[event] = choose_threshold(examples, scores, weight, most_quiet)
        self.columns_[event], self.trust_[event] = columns, trust
        self.forests_[event] = self._learn(examples, np.flatnonzero(use), columns, trees="trees")
        return [make_detections(examples, scores, self.thresholds_[event], self.refractory_days_[event], weight)]

    def _learn(
        self, examples: Examples, rows: np.ndarray, columns: np.ndarray, *, trees: str
    ) -> RandomForestClassifier:
        """A forest of some rows; whoever wants points learned in another way changes this alone."""
        return self._forest(trees, columns).fit(examples.points.matrix[np.ix_(rows, columns)], examples.labels[rows])

    def _forest(self, trees: str, columns: np.ndarray) -> RandomForestClassifier:
        settings = parameters()["detector"]
        return RandomForestClassifier(
            n_estimators=settings[trees],
            min_samples_leaf=settings["smallest_leaf"],
            max_features="sqrt",
            monotonic_cst=directions(columns),
            random_state=self.random_state,
        )


def _describe(
    points: Points, scores: np.ndarray, supports: np.ndarray, made: np.ndarray, group: np.ndarray, course: Course
) -> list[Hit]:
    """Onset and evidence of each detection: the supporting points before it that hang together, and those after.

    A counterparty whose signs are new tells by their number: those before the detection belong to it, too. A second
    detection begins after the first was made, so that no two of one event have the same onset.
    """
    window, most = parameters()["points"]["window_days"], parameters()["detector"]["evidence_at_most"]
    bounds = np.append(made, len(group))
    begins = np.searchsorted(group, group[made])
    ends = np.searchsorted(group, group[made], side="right")
    day_of_row = np.empty(len(course.row), dtype=np.int64)
    day_of_row[course.row] = course.days
    series = _series(points, course)
    hits = []
    for n, at in enumerate(made.tolist()):
        lower = max(int(begins[n]), int(made[n - 1]) + 1 if n else 0)
        first = at
        while first > lower and points.day[first] - points.day[first - 1] <= window:
            if not (supports[first - 1] or 0 <= series[first - 1] == series[at]):
                break
            first -= 1
        end = min(int(ends[n]), int(bounds[n + 1]))
        later = np.arange(at + 1, at + 1 + np.searchsorted(points.day[at + 1 : end], points.day[at] + window, "right"))
        chain = points.evidence[first : at + 1].ravel()
        days, since = day_of_row[chain[chain >= 0]], points.day[made[n - 1]] if n and lower > begins[n] else -1
        rows = np.concatenate([chain, points.evidence[later[supports[later]]].ravel()])
        hits.append(
            Hit(
                customer=int(points.customer[at]),
                event=points.events[points.event[at]],
                onset=int(days[days > since].min(initial=points.day[at])),
                detected=int(points.day[at]),
                probability=float(scores[at]),
                evidence=tuple(dict.fromkeys(rows[rows >= 0].tolist()))[:most],
            )
        )
    return hits


def _is_newcomer(points: Points) -> np.ndarray:
    """Signs of a counterparty whose first sign of the event lies one window back at most."""
    since = points.figure("sign_party_days")
    return np.asarray((since <= parameters()["points"]["window_days"]) & (points.figure("probability_max") >= 0))


def _series(points: Points, course: Course) -> np.ndarray:
    """The counterparty of each point that is a clear sign of one whose signs began two windows ago at most; else -1."""
    settings = parameters()["points"]
    party_of_row = np.empty(len(course.row), dtype=np.int64)
    party_of_row[course.row] = course.party
    clear = points.figure("probability") >= STRONG
    new = points.figure("sign_party_days") <= 2 * settings["window_days"]
    return np.where(clear & new, party_of_row[np.maximum(points.evidence[:, 0], 0)], -1)


def _likely(forest: RandomForestClassifier, matrix: np.ndarray) -> np.ndarray:
    """Probability (0..1) per point that it is the event; a forest that met no look-alike knows one class alone."""
    return np.asarray(forest.predict_proba(matrix)[:, -1])


def _blend(learned: np.ndarray, points: Points, trust: float) -> np.ndarray:
    """What was learned beside the careful rule: few true events tell little, and the rule knows no training bank.

    A series or an absence has no rule; there what was learned stands alone.
    """
    learned = learned * certainty(points)
    ruled = np.where(points.figure("probability_max") >= 0, careful_rule(points), learned)
    return np.maximum(trust * learned + (1 - trust) * ruled, told_by_rule(points))


def _numbered(points: Points, event: str) -> int:
    return points.events.index(event) if event in points.events else -1


def _fallback_quiet(event: str) -> int:
    settings = parameters()["detector"]
    return int(settings["overdraft_quiet_days" if event == OVERDRAFT else "fallback_quiet_days"])


def describe_hits(
    hits: list[Hit],
    course: Course,
    booking_ids: arrow.Array,
    refunds: dict[int, int],
    *,
    taxonomy: Taxonomy,
    as_of: date,
) -> pd.DataFrame:
    """Hits as the table of detections (DETECTION_COLUMNS); `refunds` maps a booking's row to its refund's day."""
    today = int(np.datetime64(as_of, "D").astype(np.int64))
    told = sorted({row for hit in hits for row in hit.evidence})  # few are ever told, so few become texts
    ids = dict(zip(told, booking_ids.take(arrow.array(told, arrow.int64())).to_pylist(), strict=True))
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
                " ".join(ids[row] for row in hit.evidence),
            )
        )
    table = pd.DataFrame(rows, columns=list(DETECTION_COLUMNS))
    return table.astype(DETECTION_DTYPES) if len(table) else no_detections()


def no_detections() -> pd.DataFrame:
    """An empty table of detections with its types."""
    return pd.DataFrame({name: pd.Series([], dtype=DETECTION_DTYPES.get(name, "str")) for name in DETECTION_COLUMNS})
