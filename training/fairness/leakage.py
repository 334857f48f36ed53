"""How well an auditor's model tells a group from what a release reads and says: leakage, as an area under the curve.

Four questions per group, with screening and without: from the raw words, from the features after masking, from the
scores, and from the scores given the true events. The first three explain; only the last is gated, since groups may
differ in the events that they truly have. The audit process calls this; nothing is stored, and groups go nowhere.

The auditor is a linear model, cross-validated on customers it has not seen. One customer is one row, so rows do not
hang together. What a linear model does not find may still be there.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from models.detection import Model
from models.errors import UsageError
from models.taxonomy import Taxonomy
from training.fairness.asking import Asked, ask, without_screening
from training.fairness.intervals import two_sided_z
from training.fairness.observing import People
from training.fairness.policy import FairnessPolicy, group_frame
from training.fairness.verdicts import Fact, judge
from training.fairness.word_counts import WordCounts
from training.fitting import one_thread

GIVEN_EVENT = "scores_given_event"
_FEWEST = 10  # customers on either side
_FOLDS = 5
_DIGITS = 9  # of what is left unexplained; smaller is rounding, which ranks would make as large as anything
_WORDS = 100  # that the auditor keeps; with 30 and 300 it recovers less of some group


def measure_leakage(
    asked: Asked, words: WordCounts, groups: pd.DataFrame, release: Model, truth: pd.DataFrame, *,
    as_of: date, policy: FairnessPolicy, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Try to recover every group of every declared ground, one against its reference.

    Parameters
    ----------
    asked : Asked
        What the release said of customers on whom it was not fitted; without screening it is asked here once more.
    words : WordCounts
        Of the same bookings.
    groups : DataFrame
        customer_id and the columns of the vault that the policy declares; customers without bookings are left out.
    truth : DataFrame
        customer_id, event and, if there is one, first_detectable_date: the true events up to `as_of` count.

    Returns
    -------
    dict
        rows: ground, group, against, what (raw_text, masked, scores, scores_given_event), screening (bool), auc,
        interval, n, n_against, verdict, gated, reason; JSON data. Undefined where a side has fewer than ten customers,
        whose number is not told either.

    Raises
    ------
    UsageError
        A column of the policy is missing, or nobody has both bookings and groups.
    """
    seen = set(asked.bookings["customer_id"])
    vault = groups[groups["customer_id"].isin(seen)].sort_values("customer_id", ignore_index=True)
    if not len(vault):
        raise UsageError("No customer has both bookings and groups. Check that customer_id is the same in both.")
    customers = vault["customer_id"].to_numpy(dtype=object)
    member = group_frame(policy, vault)
    happened = _events_of(truth, customers, policy, as_of)
    rows = []
    with one_thread():
        for screened, what, matrix in _views(asked, words, customers, release, as_of):
            place = {"what": what, "screening": screened, "gated": what == GIVEN_EVENT and screened}
            given = happened if what == GIVEN_EVENT else None
            rows += [{**place, **row} for row in _recover_groups(matrix, member, given, policy=policy, seed=seed)]
    return {"rows": rows}


def worst_leak(
    detections: pd.DataFrame, people: People, taxonomy: Taxonomy, *, as_of: date, policy: FairnessPolicy, seed: int
) -> Fact | None:
    """The group that the scores of some detections tell best, given the true events; None where none can be asked."""
    happened = _events_of(people.truth, people.customers, policy, as_of)
    scores = event_scores(detections, people.customers, taxonomy)
    with one_thread():
        rows = _recover_groups(scores, people.groups, happened, policy=policy, seed=seed)
        known = [row for row in rows if row["interval"] is not None]
    return max(known, key=lambda row: float(row["interval"][1]), default=None)


def _recover_groups(
    matrix: Any, member: pd.DataFrame, given: np.ndarray | None, *, policy: FairnessPolicy, seed: int
) -> Iterator[Fact]:
    """Every group of every ground against its reference."""
    for ground in policy.grounds.values():
        codes = member[ground.name].astype(object).to_numpy()
        for group in ground.groups:
            if group != ground.reference:
                sides = codes == group, codes == ground.reference
                place = {"ground": ground.name, "group": group, "against": ground.reference}
                yield {**place, **_recover(matrix, sides, given, policy=policy, seed=seed)}


# ---- what the auditor sees ------------------------------------------------------------------------------------------


def _views(
    asked: Asked, words: WordCounts, customers: np.ndarray, release: Model, as_of: date
) -> Iterator[tuple[bool, str, Any]]:
    """Screened or not, the name of the view, and a matrix with a row per customer."""
    for screened in (True, False):
        if not screened:
            words = WordCounts(release.classifier)
            asked = ask(asked.bookings, without_screening(release), as_of=as_of, look=words.add)
        yield screened, "raw_text", words.raw(customers)
        yield screened, "masked", words.masked(customers)
        scores = event_scores(asked.detections, customers, release.taxonomy)
        yield screened, "scores", scores
        yield screened, GIVEN_EVENT, scores


def event_scores(detections: pd.DataFrame, customers: np.ndarray, taxonomy: Taxonomy) -> np.ndarray:
    """The highest and the mean score of each event among a customer's detections, 0 without any.

    Not those of bookings: every pension payment speaks to retirement, long after the event, and no answer says so.
    """
    events = sorted(taxonomy.ids)
    scores = []
    for how in ("max", "mean"):
        table = detections.pivot_table(index="customer_id", columns="event", values="probability", aggfunc=how)
        scores.append(table.reindex(index=customers, columns=events).fillna(0.0).to_numpy(dtype=float))
    return np.hstack(scores)


def _events_of(truth: pd.DataFrame, customers: np.ndarray, policy: FairnessPolicy, as_of: date) -> np.ndarray:
    """Whether each customer truly had each event by then, as 0 and 1, shape (customers, events)."""
    if "first_detectable_date" in truth:
        truth = truth[pd.to_datetime(truth["first_detectable_date"]) <= pd.Timestamp(as_of)]
    happened = pd.crosstab(truth["customer_id"], truth["event"]) > 0
    return happened.reindex(index=customers, columns=list(policy.events), fill_value=False).to_numpy(dtype=float)


# ---- what it recovers -----------------------------------------------------------------------------------------------


def _recover(
    matrix: Any, sides: tuple[np.ndarray, np.ndarray], given: np.ndarray | None, *, policy: FairnessPolicy, seed: int
) -> Fact:
    """The area under the curve of members against the reference, with its interval and verdict."""
    sizes = [int(side.sum()) for side in sides]
    undefined = {"auc": None, "interval": None}
    if min(sizes) < _FEWEST:
        shown = [n if n >= _FEWEST else None for n in sizes]
        reason = "undefined: fewer than ten customers on one side"
        counts = {"n": shown[0], "n_against": shown[1]}
        return {**undefined, **counts, "verdict": judge(None, low=None, high=None), "reason": reason}
    chosen = np.flatnonzero(sides[0] | sides[1])
    area, error = cross_validated_auc(
        matrix[chosen], sides[0][chosen], given=None if given is None else given[chosen], seed=seed
    )
    half = two_sided_z(policy.numbers["confidence"]) * error
    interval = [float(max(area - half, 0.0)), float(min(area + half, 1.0))]
    verdict = judge(interval, low=None, high=policy.gates["leakage_auc"])
    counts = {"n": sizes[0], "n_against": sizes[1]}
    return {"auc": area, "interval": interval, **counts, "verdict": verdict, "reason": None}


def cross_validated_auc(
    matrix: Any, member: np.ndarray, *, seed: int, given: np.ndarray | None = None
) -> tuple[float, float]:
    """Mean area under the curve over folds of customers, and its standard error.

    Parameters
    ----------
    matrix : ndarray or CSR matrix
        One row per customer.
    member : ndarray of bool
    given : ndarray of float, optional
        What customers may differ in: the matrix enters as what a linear model of this, fitted on the other folds,
        leaves unexplained.

    Notes
    -----
    The variance is that of DeLong, DeLong and Clarke-Pearson, 1988, from placements within each fold, which is the
    influence curve of LeDell, Petersen and van der Laan, 2015, Computationally efficient confidence intervals for
    cross-validated AUC estimates; times 1 + folds x tested / fitted (2.25), the correction of Nadeau and Bengio, 2003,
    Inference for the generalization error, because the folds' auditors share most of their customers: without it, 90 %
    intervals covered 74 to 79 % where nothing leaks (20 of 100 to 200 of 1,000 customers), with it 93 to 95 %.
    scikit-learn has the area, but no interval of it.
    """
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    areas, members, others = [], [], []
    for fit, rest in folds.split(np.zeros(len(member)), member):
        known, asked = matrix[fit], matrix[rest]
        auditor = _auditor(matrix, seed)
        if given is not None:
            known, asked = _unexplained((known, asked), (given[fit], given[rest]))
            auditor = _linear(seed)
        told = auditor.fit(known, member[fit]).decision_function(asked)
        areas.append(float(roc_auc_score(member[rest], told)))
        above, below = _placements(told[member[rest]], told[~member[rest]])
        members.append(above)
        others.append(below)
    spread = [np.concatenate([fold - fold.mean() for fold in side]) for side in (members, others)]
    variance = sum(float(side @ side) / (len(side) - _FOLDS) / len(side) for side in spread)
    shared = 1 + _FOLDS / (_FOLDS - 1)
    return float(np.mean(areas)), float(np.sqrt(variance * shared))


def _unexplained(scores: tuple[np.ndarray, np.ndarray], given: tuple[np.ndarray, np.ndarray]) -> list[np.ndarray]:
    """What the true events leave unexplained, in units of the scores themselves; the first of each pair is fitted on.

    Neither shrunk nor scaled again: both would bring back the true events, so that a release which tells exactly what
    happened would seem to give a group away (measured on 67 and older: .64 where .5 is right).
    """
    scale = StandardScaler().fit(scores[0])
    known, asked = (scale.transform(one) for one in scores)
    explained = LinearRegression().fit(given[0], known)
    left = (known - explained.predict(given[0]).reshape(known.shape),
            asked - explained.predict(given[1]).reshape(asked.shape))  # fmt: skip
    return [np.round(one, _DIGITS) for one in left]


def _linear(seed: int) -> LogisticRegression:
    return LogisticRegression(C=1.0, class_weight="balanced", solver="liblinear", random_state=seed)


def _auditor(matrix: Any, seed: int) -> Any:
    """Of words, those first that tell the groups apart one by one: all at once hide the single one that does."""
    model = _linear(seed)
    if not sparse.issparse(matrix):
        return make_pipeline(StandardScaler(), model)
    return make_pipeline(SelectKBest(chi2, k=min(_WORDS, matrix.shape[1])), MaxAbsScaler(), model)


def _placements(members: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Per member the share of others that score lower (ties count half), per other the share of members higher."""
    order = [np.sort(side) for side in (members, others)]
    above = (np.searchsorted(order[1], members) + np.searchsorted(order[1], members, side="right")) / 2 / len(others)
    below = (np.searchsorted(order[0], others) + np.searchsorted(order[0], others, side="right")) / 2 / len(members)
    return above, 1 - below
