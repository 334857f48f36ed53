"""A candidate beside another release on the same customers: which events are told better or worse, and what flipped.

Both releases are asked about the same bookings, so the difference is measured per customer and its interval is narrow
where both err alike. Without bookings only the facts stored in both can be laid side by side.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from models.detection import Model, classify_bookings, detect_events
from models.taxonomy import NONE, SCREENED
from training.dataset import Dataset
from training.event_evaluation import count_customers
from training.intervals import Differences, f1, mean, paired_f1_differences
from training.matching import match_events
from training.settings import settings
from training.splits import customer_groups


@dataclass(frozen=True)
class Counted:
    """Answers of one release: counts (n_customers, n_names, 3) of hits, detections and true ones, and the answers.

    `answers` has one row per answer: name, key (equal keys of two releases are the same answer) and right.
    """

    counts: np.ndarray
    answers: pd.DataFrame


def compare_on_events(candidate: Model, other: Model, data: Dataset, *, seed: int = 0) -> dict[str, Any]:
    """Per life event F1 of both, difference with interval, n, and detections gained, lost and kept."""
    as_of = data.bookings["booking_date"].max().date()
    found = [detect_events(data.bookings, as_of=as_of, release=release) for release in (candidate, other)]
    names = [
        event
        for event in dict.fromkeys([*candidate.taxonomy.ids, *other.taxonomy.ids])
        if any((table["event"] == event).any() for table in (*found, data.events))
    ]
    customers = np.unique(data.bookings["customer_id"].to_numpy(dtype=object).astype(str))
    same = _name_alike(*found)
    mine, theirs = (
        _count_events(table, data.events, keys, names, customers) for table, keys in zip(found, same, strict=True)
    )
    return _compare(mine, theirs, names, seed=seed)


def compare_on_bookings(candidate: Model, other: Model, data: Dataset, *, seed: int = 0) -> dict[str, Any]:
    """Per booking label F1 of both, difference with interval, n, and bookings gained, lost and kept."""
    told = [classify_bookings(data.bookings, release=release)["label"].to_numpy() for release in (candidate, other)]
    names = sorted({*data.labels.tolist(), *told[0].tolist(), *told[1].tolist()} - {NONE, SCREENED})
    groups = customer_groups(data.bookings)
    mine, theirs = (_count_labels(said, data.labels, names, groups) for said in told)
    return _compare(mine, theirs, names, seed=seed)


def compare_facts(candidate: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """F1 per event as both releases' own facts state it; the customers may be others, so there is no interval."""
    facts = [release["events"]["per_event"] for release in (candidate, other)]
    rows = {}
    for name in dict.fromkeys([*facts[0], *facts[1]]):
        mine, theirs = (told.get(name, {}) for told in facts)
        rows[name] = {
            "n_true": mine.get("n_true"),
            "n_true_other": theirs.get("n_true"),
            "f1": mine.get("f1"),
            "f1_other": theirs.get("f1"),
            "difference": _minus(mine.get("f1"), theirs.get("f1")),
        }
    macro = [release["events"]["macro_f1"] for release in (candidate, other)]
    return {"per_event": rows, "macro_f1": macro[0], "macro_f1_other": macro[1], "difference": _minus(*macro)}


def _compare(mine: Counted, theirs: Counted, names: list[str], *, seed: int) -> dict[str, Any]:
    figures = settings("compare")
    between = Differences([], None)
    if names:
        between = paired_f1_differences(
            mine.counts, theirs.counts, seed=seed, resamples=figures["resamples"], confidence=figures["confidence"]
        )
    rows = {}
    for at, name in enumerate(names):
        counts = [part.counts[:, at] for part in (mine, theirs)]
        customers = int(np.any(np.hstack(counts) > 0, axis=1).sum())
        f1s = [f1(part.sum(axis=0)) for part in counts]
        rows[name] = {
            "n_true": int(counts[0][:, 2].sum()),
            "customers": customers,
            "f1": f1s[0],
            "f1_other": f1s[1],
            "difference": _minus(f1s[0] or 0.0, f1s[1] or 0.0),
            "interval": between.per_event[at] if customers >= figures["fewest_customers"] else None,
            **_flips(mine.answers[mine.answers["name"] == name], theirs.answers[theirs.answers["name"] == name]),
        }
    real = [row for row in rows.values() if row["n_true"]]
    macro = [mean([row[key] or 0.0 for row in real]) for key in ("f1", "f1_other")]
    return {
        "customers": len(mine.counts),
        "confidence": figures["confidence"],
        "macro_f1": macro[0],
        "macro_f1_other": macro[1],
        "difference": _minus(*macro),
        "interval": between.macro if len(mine.counts) >= figures["fewest_customers"] else None,
        "per_event": rows,
    }


def _flips(mine: pd.DataFrame, theirs: pd.DataFrame) -> dict[str, int]:
    """Answers that only the candidate gives (gained), only the other (lost), or both (kept); how many are right."""
    gained, lost = mine[~mine["key"].isin(theirs["key"])], theirs[~theirs["key"].isin(mine["key"])]
    return {
        "gained": len(gained),
        "gained_right": int(gained["right"].sum()),
        "lost": len(lost),
        "lost_right": int(lost["right"].sum()),
        "kept": len(mine) - len(gained),
    }


def _name_alike(found: pd.DataFrame, other: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Keys of the detections of two releases; the same detection, dated a little apart, has the same key."""
    near = pd.Timedelta(days=settings("compare")["same_within_days"])
    spans = other.assign(begin=other["detected_on"] - near, end=other["detected_on"] + near)
    matched = match_events(found, spans, begin="begin", end="end").of_detection
    mine = [f"other {at}" if at >= 0 else f"own {position}" for position, at in enumerate(matched.tolist())]
    return mine, [f"other {at}" for at in range(len(other))]


def _count_events(
    found: pd.DataFrame, truth: pd.DataFrame, keys: list[str], names: list[str], customers: np.ndarray
) -> Counted:
    counts = np.zeros((len(customers), len(names), 3), dtype=np.int64)
    for at, name in enumerate(names):
        mine, real = (table[table["event"] == name].reset_index(drop=True) for table in (found, truth))
        counted = count_customers(mine, real, match_events(mine, real))
        rows = np.searchsorted(customers, counted.index.to_numpy(dtype=object).astype(str))
        counts[rows, at] = counted[["hits", "found", "true"]].to_numpy()
    right = match_events(found, truth).of_detection >= 0
    return Counted(counts, pd.DataFrame({"name": found["event"].to_numpy(dtype=object), "key": keys, "right": right}))


def _count_labels(told: np.ndarray, labels: np.ndarray, names: list[str], groups: np.ndarray) -> Counted:
    customers, at = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(customers), len(names), 3), dtype=np.int64)
    for column, name in enumerate(names):
        for kind, mask in enumerate(((told == name) & (labels == name), told == name, labels == name)):
            counts[:, column, kind] = np.bincount(at[mask], minlength=len(customers))
    answered = np.flatnonzero(np.isin(told.astype(str), names))
    answers = {"name": told[answered], "key": answered, "right": (told == labels)[answered]}
    return Counted(counts, pd.DataFrame(answers))


def _minus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other
