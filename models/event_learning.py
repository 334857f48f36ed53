"""What the detector learns from: points with the true events around them, and the threshold that serves a bank best.

Training sets hold far more life events than a bank sees. Thresholds are chosen as if every event came about as often as
in a population (`[natural_rates]` of `detection.toml`), or else a detector that is right in training cries wolf in use.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from models.history import parameters
from models.matching import Spans, choose_detections, match_hits
from models.points import FEATURES, Points

# More of these never speaks against an event, more of `rival` never for it; on other banks' texts that is what holds.
_RISING = ("probability", "probability_max", "probability_sum", "strong_signs")
_FALLING = ("rival",)
UNCALIBRATED = (1.0, 0.0)  # slope and intercept that leave a score as it is
_SURE = 0.005  # no score is surer than this from 0 or 1
_SERIES = 4  # earlier signs of a counterparty that make one more a part of a series
_SMOOTHED = 5  # neighbouring thresholds that a figure is averaged over


@dataclass(frozen=True)
class Examples:
    """Points of one event in all views, in order of customer and day, with what is known of them.

    In view v customer k is numbered v * customers + k. `labels` are 1 where a true event can first be told; `weights`
    0 where a point neither proves nor disproves it; `customer` is the same in all views; `true_events` is
    how many there are, each counted once however many views show it.
    """

    points: Points
    spans: Spans
    labels: np.ndarray
    weights: np.ndarray
    customer: np.ndarray
    true_events: int

    @property
    def enough(self) -> bool:
        """Whether something can be learned."""
        wanted = parameters()["detector"]["fewest_positives"]
        return self.true_events >= wanted and bool(self.labels.sum())


class Made(NamedTuple):
    """Detections on customers that were not fitted on: their scores, whether they hit, and what each counts for."""

    scores: np.ndarray
    hits: np.ndarray
    weights: np.ndarray


def stack_views(views: Sequence[Points], customers: int) -> Points:
    """All views as one set of points: in view v customer k is numbered v * customers + k."""
    return Points(
        events=next((points.events for points in views if points.events), ()),
        customer=np.concatenate([points.customer + view * customers for view, points in enumerate(views)]),
        event=np.concatenate([points.event for points in views]),
        day=np.concatenate([points.day for points in views]),
        evidence=np.concatenate([points.evidence for points in views]),
        matrix=np.concatenate([points.matrix for points in views]),
    )


def make_examples(
    points: Points, truth: pd.DataFrame, *, customers: int, views: int, early: np.ndarray, partial: int = 0
) -> Examples:
    """Label one event's stacked points by its true events (`truth` with the customers' numbers in `customer`).

    `early` are points that the detector never trusts, so it does not learn from them. In the last `partial` views not
    all bookings are seen, so what nothing speaks to there is no event that should be found.
    """
    numbers = np.concatenate([truth["customer"].to_numpy() + view * customers for view in range(views)])
    spans = Spans.from_truth(numbers.astype(np.int64), pd.concat([truth] * views))
    asked, span = spans.around(points.customer, points.day)
    soon = points.day[asked] <= spans.begin[span] + parameters()["detector"]["late_days"]
    labels, weights = np.zeros(len(points.day), dtype=np.int64), np.ones(len(points.day))
    weights[asked[~soon]] = 0.0
    # A series goes on after it told an event; what it shows then is no second one. Bookings may tell the first late.
    goes_on = (points.figure("probability_max") < 0) | (points.figure("sign_party_signs") >= _SERIES)
    told = np.isin(span, span[soon]) & goes_on[asked]
    weights[asked[~soon & told]] = 1.0
    labels[asked[soon]] = 1
    weights[labels == 1] = 1.0
    weights[early] = 0.0
    spoken_to = np.isin(np.arange(len(spans.group)), span[soon])
    spans = spans.part(spoken_to | (spans.group < (views - partial) * customers))
    return Examples(points, spans, labels, weights, points.customer % customers, len(truth))


def varying_figures(matrix: np.ndarray) -> np.ndarray:
    """Columns that differ between points; the others say nothing and would only be looked at in vain."""
    return np.flatnonzero((matrix != matrix[:1]).any(axis=0))


def directions(columns: np.ndarray) -> np.ndarray:
    """Per column 1 where a higher figure may only raise a score, -1 where it may only lower it, else 0."""
    names = [FEATURES[column] for column in columns]
    return np.array([(name in _RISING) - (name in _FALLING) for name in names], dtype=np.int8)


def natural_weight(event: str, true_events: int, customer_years: float) -> float:
    """What one customer with a true event counts for: less than one where training holds more than a bank sees."""
    rate = parameters()["natural_rates"].get(event)
    if rate is None or not true_events or customer_years <= 0:
        return 1.0
    return min(1.0, float(rate) * customer_years / (1000 * true_events))


def choose_threshold(
    examples: Examples, scores: np.ndarray, weight: float, most_quiet: float = np.inf
) -> tuple[float, int]:
    """Threshold and quiet days with the best F1 of detections against true events, on scores of unseen customers.

    Where more than `most_false` of the detections would be false, a higher threshold is taken that costs little F1.

    Parameters
    ----------
    weight : float
        What customers with a true event of this kind count for.
    most_quiet : float
        The most quiet days that may be chosen.
    """
    settings = parameters()["detector"]
    quiet_days = [days for days in settings["refractory_days"] if days <= most_quiet]
    thresholds = np.arange(settings["never_below"], settings["never_above"] + 1e-9, settings["threshold_step"])
    table = np.array(
        [[_rates(examples, scores, float(threshold), days, weight) for threshold in thresholds] for days in quiet_days]
    )
    # As good with more quiet days: what one bank tells once, another may tell twice.
    reached = table[:, :, 0].max(axis=1)
    best = int(np.flatnonzero(reached >= reached.max() - settings["quiet_tolerance"])[-1])
    f1, false = _smooth(table[best, :, 0]), np.maximum(_smooth(table[best, :, 1]), table[best, :, 1])
    # Of thresholds as good one between them holds best.
    equal = np.flatnonzero(f1 >= f1.max() - settings["threshold_tolerance"])
    chosen = equal[int(settings["threshold_place"] * (len(equal) - 1))]
    # Higher where too many detections would be false: at the first that cures it, or else as far as F1 allows.
    allowed = np.flatnonzero(f1 >= f1.max() - settings["f1_for_fewer_false"])
    allowed = allowed[allowed >= chosen]
    cured = allowed[false[allowed] <= settings["most_false"]]
    return float(thresholds[cured[0] if len(cured) else allowed[-1]]), int(quiet_days[best])


def _smooth(figures: np.ndarray) -> np.ndarray:
    """Each figure as the mean with its neighbours: one lucky threshold is none."""
    padded = np.pad(figures, _SMOOTHED // 2, mode="edge")
    return np.convolve(padded, np.full(_SMOOTHED, 1 / _SMOOTHED), mode="valid")


def make_detections(examples: Examples, scores: np.ndarray, threshold: float, quiet_days: int, weight: float) -> Made:
    """The detections that a threshold and quiet days bring about."""
    group, day, spans = examples.points.customer, examples.points.day, examples.spans
    at = np.flatnonzero(scores >= threshold)
    made = at[choose_detections(group[at], day[at], np.full(len(at), quiet_days))]
    hits = match_hits(group[made], day[made], spans) >= 0
    return Made(scores[made], hits, np.where(hits | np.isin(group[made], spans.group), weight, 1.0))


def fit_odds(made: Sequence[Made]) -> tuple[float, float]:
    """Slope and intercept between the log odds of a score and those of a hit, over all events together.

    Platt (1999), Probabilistic Outputs for Support Vector Machines; one line for all events, because most have too few
    detections for one of their own. Where all or none hit, or higher scores hit less, scores stay as they are.
    """
    if not made:
        return UNCALIBRATED
    scores, hits, weights = (np.concatenate(parts) for parts in zip(*made, strict=True))
    if len(np.unique(hits)) < 2:
        return UNCALIBRATED
    line = LogisticRegression().fit(_log_odds(scores)[:, None], hits, sample_weight=weights)
    slope, intercept = float(line.coef_[0, 0]), float(line.intercept_[0])
    return (slope, intercept) if slope > 0 else UNCALIBRATED


def calibrated(scores: np.ndarray, line: tuple[float, float]) -> np.ndarray:
    """Probabilities (0..1) of scores (0..1), given slope and intercept of their log odds."""
    return np.asarray(scores if line == UNCALIBRATED else expit(line[0] * _log_odds(scores) + line[1]))


def _log_odds(scores: np.ndarray) -> np.ndarray:
    return np.asarray(logit(np.clip(scores, _SURE, 1 - _SURE)))


def _rates(
    examples: Examples, scores: np.ndarray, threshold: float, quiet_days: int, weight: float
) -> tuple[float, float]:
    """F1 of the detections that a threshold and quiet days bring about, and the share of them that is false (0..1)."""
    made = make_detections(examples, scores, threshold, quiet_days, weight)
    found, false = made.weights[made.hits].sum(), made.weights[~made.hits].sum()
    total = found + false + weight * len(examples.spans.group)
    return float(2 * found / total) if total else 0.0, float(false / (found + false)) if len(made.hits) else 0.0
