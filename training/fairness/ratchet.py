"""G11: a new model may not make the worst group worse than the model of today, on the same customers and events.

Both detect on the same bookings, so that only events which one finds and the other does not make the gap uncertain: a
pair tells more than two samples. Customers whom the champion was trained on flatter the champion, never the candidate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from models.detection import detect_events
from models.errors import IntegrityError, NoReleaseError
from models.home import Home
from models.release import load_release, read_champion
from training.fairness.permission_rates import too_few
from training.fairness.policy import FairnessPolicy
from training.fairness.verdicts import judge
from training.intervals import ClusterSums, effective_n, ratio_variance, wilson
from training.matching import match_events


@dataclass(frozen=True, kw_only=True)
class Questioned:
    """What the candidate was asked and said, and about whom: the champion is asked the same."""

    bookings: pd.DataFrame
    as_of: date
    found: pd.DataFrame
    truth: pd.DataFrame
    customers: np.ndarray
    groups: pd.DataFrame


def compare_with_champion(
    home: Home, candidate_id: str, asked: Questioned, policy: FairnessPolicy
) -> dict[str, Any] | None:
    """Ask the champion the same; None without another champion, rows None where it cannot be opened."""
    champion = read_champion(home)
    if champion is None or champion.release_id == candidate_id:
        return None
    try:
        release = load_release(home, champion.release_id, allow_demo=True)
    except (IntegrityError, NoReleaseError):
        return {"champion": champion.release_id, "rows": None}
    theirs = detect_events(asked.bookings, as_of=asked.as_of, release=release)
    rows = measure_ratchet(asked.found, theirs, asked.truth, asked.customers, asked.groups, policy)
    return {"champion": champion.release_id, "rows": rows}


def measure_ratchet(
    found: pd.DataFrame, champion_found: pd.DataFrame, truth: pd.DataFrame, customers: np.ndarray, groups: pd.DataFrame,
    policy: FairnessPolicy,
) -> list[dict[str, Any]]:  # fmt: skip
    """Recall of every group with the candidate and with the champion, their paired difference, and who is worst off.

    Parameters
    ----------
    found, champion_found : DataFrame
        Detections of both models on the bookings of `customers`.
    truth : DataFrame
        True events.
    groups : DataFrame
        One row per customer, one column per ground (`policy.group_frame`).
    """
    known = truth[truth["customer_id"].isin(customers)].reset_index(drop=True)
    owner = np.searchsorted(customers, known["customer_id"].to_numpy(dtype=object))
    hits = [match_events(told, known).of_truth >= 0 for told in (found, champion_found)]
    counts = [np.bincount(owner, weights, minlength=len(customers)) for weights in (None, *map(_as_numbers, hits))]
    rows = [row for ground in policy.finest for row in _of_ground(ground, groups, counts, policy)]
    worst = {_cell(_lowest(rows, model)) for model in ("champion", "candidate") if _lowest(rows, model)}
    return [{**row, "worst": _cell(row) in worst} for row in rows]


def _as_numbers(hit: np.ndarray) -> np.ndarray:
    return hit.astype(float)


def _of_ground(
    ground: str, groups: pd.DataFrame, counts: list[np.ndarray], policy: FairnessPolicy
) -> list[dict[str, Any]]:
    """A row per group; nothing but its name where too few people stand behind it."""
    true, mine, champions = counts
    member = {str(name): (groups[ground] == name).to_numpy() & (true > 0) for name in groups[ground].cat.categories}
    people = {name: int(at.sum()) for name, at in member.items()}
    hidden = too_few(people, int(policy.numbers["hide_below"]))
    margin = policy.gates["worst_group_margin"]
    rows = []
    for name, at in member.items():
        row: dict[str, Any] = {"ground": ground, "group": name, "margin": margin}
        row |= dict.fromkeys(("n", "candidate", "champion", "point", "interval"))
        if name not in hidden and people[name] >= policy.numbers["rate_from"]:
            row |= _compare(true[at], mine[at], champions[at], confidence=policy.numbers["confidence"])
        rows.append({**row, "verdict": judge(row["interval"], low=-margin, high=None)})
    return rows


def _compare(true: np.ndarray, mine: np.ndarray, champions: np.ndarray, *, confidence: float) -> dict[str, Any]:
    """Recall of both and the interval of their difference, by linearisation over customers.

    Where no customer tells them apart there is no spread to learn from: the ends are then Wilson's for a share of none.
    """
    whole, gained = true.sum(), mine - champions
    point = gained.sum() / whole
    sums = ClusterSums(gained.sum(), whole, gained @ gained, gained @ true, true @ true, np.float64(len(true)))
    if gained.any():
        half = norm.ppf((1 + confidence) / 2) * np.sqrt(ratio_variance(sums))
    else:
        n = effective_n(ClusterSums(0.0, whole, 0.0, 0.0, true @ true, np.float64(len(true))))
        half = wilson(0.0, n, confidence)[1]
    return {
        "n": int(whole), "candidate": float(mine.sum() / whole), "champion": float(champions.sum() / whole),
        "point": float(point), "interval": [float(max(point - half, -1.0)), float(min(point + half, 1.0))],
    }  # fmt: skip


def _lowest(rows: list[dict[str, Any]], model: str) -> dict[str, Any] | None:
    """The group of whose events a model finds the smallest part."""
    return min((row for row in rows if row[model] is not None), key=lambda row: row[model], default=None)


def _cell(row: Mapping[str, Any] | None) -> tuple[str, str]:
    return ("", "") if row is None else (row["ground"], row["group"])
