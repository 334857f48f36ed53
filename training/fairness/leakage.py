"""How well an auditor's model tells a group from what a release reads and says: leakage, as an area under the curve.

Four questions per group, with screening and without: from the raw words, from the features after masking, from the
scores, and from the scores given the true events. The first three explain; only the last is gated, since groups may
differ in the events that they truly have. The audit process calls this; nothing is stored, and groups go nowhere.

The auditor is a linear model, cross-validated on customers it has not seen. One customer is one row, so rows do not
hang together. What a linear model does not find may still be there. Of a small group it finds little, whatever is
there: so a group is only found clear when it is large enough to be asked about (`n_needed`).
"""

import math
from collections.abc import Iterator, Sequence
from datetime import date
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from models.detection import Model
from models.errors import UsageError
from training.fairness.asking import Asked, ask, without_screening
from training.fairness.auditor import FEWEST, SHARED, cross_validated_auc
from training.fairness.intervals import two_sided_z
from training.fairness.observing import People
from training.fairness.policy import FairnessPolicy, group_frame
from training.fairness.verdicts import ESTABLISHED, NOT_ESTABLISHED, Fact, judge
from training.fairness.word_counts import WordCounts

GIVEN_EVENT = "scores_given_event"
FEW = "too few people for the auditor to learn from"
_SPLITS = 20  # into folds, of which the mean counts: one alone moves the area of 900 customers by .011


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
        interval, n, n_against, n_needed, verdict, gated, reason; JSON data. Undefined where a side has fewer than ten
        customers, whose number is not told either. Of scores given the events, a group of fewer than `n_needed` is
        never ESTABLISHED, whatever its interval; `n_needed` is None where the reference is too small for any group.

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
    for screened, what, matrix in _views(asked, words, customers, release, as_of, policy.events):
        place = {"what": what, "screening": screened, "gated": what == GIVEN_EVENT and screened}
        given = happened if what == GIVEN_EVENT else None
        rows += [{**place, **row} for row in _recover_groups(matrix, member, given, policy=policy, seed=seed)]
    return {"rows": rows}


def worst_leak(
    detections: pd.DataFrame, people: People, *, as_of: date, policy: FairnessPolicy, seed: int
) -> Fact | None:
    """The group that the scores of some detections tell best, given the true events; None where none can be asked.

    Only of groups that are large enough, so that it is the same groups for every way that is compared.
    """
    happened = _events_of(people.truth, people.customers, policy, as_of)
    scores = event_scores(detections, people.customers, policy.events)
    rows = _recover_groups(scores, people.groups, happened, policy=policy, seed=seed)
    known = [row for row in rows if is_asked(row)]
    return max(known, key=lambda row: float(row["interval"][1]), default=None)


def is_asked(row: Fact) -> bool:
    """Whether a group is large enough to be found clear of a leak in scores given the true events."""
    return row["n_needed"] is not None and (row["n"] or 0) >= row["n_needed"]


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
    asked: Asked, words: WordCounts, customers: np.ndarray, release: Model, as_of: date, events: Sequence[str]
) -> Iterator[tuple[bool, str, Any]]:
    """Screened or not, the name of the view, and a matrix with a row per customer."""
    for screened in (True, False):
        if not screened:
            words = WordCounts(release.classifier)
            asked = ask(asked.bookings, without_screening(release), as_of=as_of, look=words.add)
        yield screened, "raw_text", words.raw(customers)
        yield screened, "masked", words.masked(customers)
        scores = event_scores(asked.detections, customers, events)
        yield screened, "scores", scores
        yield screened, GIVEN_EVENT, scores


def event_scores(detections: pd.DataFrame, customers: np.ndarray, events: Sequence[str]) -> np.ndarray:
    """The highest and the mean score of each event among a customer's detections, 0 without any.

    Not those of bookings: every pension payment speaks to retirement, long after the event, and no answer says so.
    """
    scores = []
    for how in ("max", "mean"):
        table = detections.pivot_table(index="customer_id", columns="event", values="probability", aggfunc=how)
        scores.append(table.reindex(index=customers, columns=list(events)).fillna(0.0).to_numpy(dtype=float))
    return np.hstack(scores)


def _events_of(truth: pd.DataFrame, customers: np.ndarray, policy: FairnessPolicy, as_of: date) -> np.ndarray:
    """How often each customer truly had each event by then, shape (customers, events)."""
    if "first_detectable_date" in truth:
        truth = truth[pd.to_datetime(truth["first_detectable_date"]) <= pd.Timestamp(as_of)]
    times = pd.crosstab(truth["customer_id"], truth["event"])
    return times.reindex(index=customers, columns=list(policy.events), fill_value=0).to_numpy(dtype=float)


# ---- what it recovers -----------------------------------------------------------------------------------------------


def _recover(
    matrix: Any, sides: tuple[np.ndarray, np.ndarray], given: np.ndarray | None, *, policy: FairnessPolicy, seed: int
) -> Fact:
    """The area under the curve of members against the reference, with its interval and verdict."""
    sizes, limit = [int(side.sum()) for side in sides], policy.gates["leakage_auc"]
    needed = None if given is None else find_needed(sizes[1], limit, policy)
    if min(sizes) < FEWEST:
        counts = dict(zip(("n", "n_against"), (n if n >= FEWEST else None for n in sizes), strict=True))
        reason = "undefined: fewer than ten customers on one side"
        verdict = judge(None, low=None, high=None)
        return {"auc": None, "interval": None, **counts, "n_needed": needed, "verdict": verdict, "reason": reason}
    chosen = np.flatnonzero(sides[0] | sides[1])
    large = given is not None and needed is not None and sizes[0] >= needed
    area, error = cross_validated_auc(
        matrix[chosen], sides[0][chosen], given=None if given is None else given[chosen], seed=seed,
        splits=_SPLITS if large else 1,
    )  # fmt: skip
    half = two_sided_z(policy.numbers["confidence"]) * error
    interval = [float(max(area - half, 0.0)), float(min(area + half, 1.0))]
    verdict, few = judge(interval, low=None, high=limit), not large and given is not None
    if few and verdict == ESTABLISHED:
        verdict = NOT_ESTABLISHED
    counts = {"n": sizes[0], "n_against": sizes[1], "n_needed": needed}
    return {"auc": area, "interval": interval, **counts, "verdict": verdict, "reason": FEW if few else None}


def find_needed(against: int, limit: float, policy: FairnessPolicy) -> int | None:
    """Members of a group that show a bound below `limit` with the policy's power where nothing leaks.

    The variance of an area of .5 is (1/n + 1/against) / 12 (Hanley and McNeil, 1982, The meaning and use of the area
    under a ROC curve), times the correction of `cross_validated_auc`. None where `against` alone are too few.
    """
    z = two_sided_z(policy.numbers["confidence"]) + NormalDist().inv_cdf(policy.numbers["power"])
    rest = ((limit - 0.5) / z) ** 2 * 12 / SHARED - 1 / max(against, 1)
    return math.ceil(1 / rest) if rest > 0 else None
