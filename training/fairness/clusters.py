"""Where errors gather without anybody's group: customers who are alike in their bookings, and missed more than others.

It finds what nobody declared, and it is a question to experts, never a finding. Clusters are learned on one half of the
customers and judged on the other, or chance would find some in every bank; Holm covers all of them. Bias-aware
hierarchical clustering (Misztal-Radecka and Indurkhya, 2021): split the cluster whose errors differ most, keep the
split when it sets more errors apart. Own code: the package unsupervised-bias-detection needs NumPy below 2.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

from training.fairness.intervals import newcombe_difference, newcombe_z
from training.fairness.policy import FairnessPolicy
from training.fairness.verdicts import holm
from training.intervals import ClusterSums, effective_n
from training.matching import match_events

FEATURES = ("bookings_per_month", "credits", "typical_amount", "largest_amount", "counterparties", "months")
_MOST_CLUSTERS = 8
_MONTH = 365.25 / 12  # days
_TOLD_APART = 2  # features by which a cluster is described


def cluster_errors(
    bookings: pd.DataFrame, found: pd.DataFrame, truth: pd.DataFrame, policy: FairnessPolicy, *, seed: int
) -> dict[str, Any] | None:
    """Clusters of customers by missed events; None where too few customers have a true event.

    Returns
    -------
    dict
        `customers` that were judged, and `rows`, one per cluster: people, true events, share missed here and elsewhere,
        their difference with its interval, the p-value after Holm, `signal`, and what sets it apart in standard
        deviations.
    """
    features = _features(bookings)
    known = truth[truth["customer_id"].isin(features.index)].reset_index(drop=True)
    missed = match_events(found, known).of_truth < 0
    counts = pd.DataFrame({"customer_id": known["customer_id"], "true": 1, "missed": missed.astype(int)})
    counts = counts.groupby("customer_id").sum()
    least = int(policy.numbers["rate_from"])
    if len(counts) < 4 * least:
        return None
    table = StandardScaler().fit_transform(features.loc[counts.index])
    learning = np.random.default_rng(seed).permutation(len(counts)) < len(counts) // 2
    true, wrong = (counts[name].to_numpy(dtype=float) for name in ("true", "missed"))
    centres = _learn(table[learning], (wrong / true)[learning], least=least, seed=seed)
    place = np.argmin(((table[~learning][:, None, :] - centres[None]) ** 2).sum(axis=2), axis=1)
    rows = [
        _judge(place == at, true[~learning], wrong[~learning], table[~learning], policy) for at in range(len(centres))
    ]
    kept = [row for row in rows if row["customers"] >= least]
    for row, adjusted in zip(kept, holm([row.pop("p") for row in kept]), strict=True):
        row["p_holm"] = adjusted
        row["signal"] = adjusted is not None and adjusted <= policy.numbers["findings_alpha"]
    kept.sort(key=lambda row: -row["difference"])
    return {"customers": int((~learning).sum()), "rows": kept}


def _features(bookings: pd.DataFrame) -> pd.DataFrame:
    """What a customer's bookings look like in numbers; no text and nothing of a group."""
    amount = bookings["amount"].astype(float)
    credit = (bookings["credit_debit_indicator"] == "CRDT").astype(float)
    grouped = bookings.assign(log=np.log1p(amount), credit=credit).groupby("customer_id")
    days = grouped["booking_date"].agg(lambda told: (told.max() - told.min()).days)
    months = np.maximum(1.0, days / _MONTH)
    return pd.DataFrame(
        {
            "bookings_per_month": grouped.size() / months, "credits": grouped["credit"].mean(),
            "typical_amount": grouped["log"].median(), "largest_amount": grouped["log"].max(),
            "counterparties": grouped["counterparty_name"].nunique() / months, "months": months,
        }
    )[list(FEATURES)]  # fmt: skip


def _learn(table: np.ndarray, errors: np.ndarray, *, least: int, seed: int) -> np.ndarray:
    """Centres of clusters in which errors differ."""
    place = np.zeros(len(table), dtype=int)
    tried: set[int] = set()
    while place.max() + 1 < _MOST_CLUSTERS:
        open_ones = [at for at in range(place.max() + 1) if at not in tried and (place == at).sum() >= 2 * least]
        if not open_ones:
            break
        chosen = max(open_ones, key=lambda at: errors[place == at].std())
        inside = np.flatnonzero(place == chosen)
        half = KMeans(n_clusters=2, n_init=5, random_state=seed).fit_predict(table[inside])
        before, sizes = abs(errors[inside].mean() - errors.mean()), np.bincount(half)
        after = max(abs(errors[inside[half == side]].mean() - errors.mean()) for side in (0, 1))
        if sizes.min() < least or after <= before:
            tried.add(chosen)
            continue
        place[inside[half == 1]] = place.max() + 1
    return np.stack([table[place == at].mean(axis=0) for at in range(place.max() + 1)])


def _judge(
    inside: np.ndarray, true: np.ndarray, wrong: np.ndarray, table: np.ndarray, policy: FairnessPolicy
) -> dict[str, Any]:
    """A cluster against all others, on customers that it was not learned from."""
    sides = []
    for at in (inside, ~inside):
        t, w = true[at], wrong[at]
        sums = ClusterSums(w.sum(), t.sum(), w @ w, w @ t, t @ t, np.float64(len(t)))
        sides += [float(w.sum() / t.sum()) if t.sum() else np.nan, float(effective_n(sums))]
    low, high = newcombe_difference(*sides, confidence=policy.numbers["confidence"])
    z = float(newcombe_z(*sides, difference=0.0)[0])
    apart = table[inside].mean(axis=0) if inside.any() else np.zeros(table.shape[1])
    furthest = np.argsort(-np.abs(apart))[:_TOLD_APART]
    known = bool(np.isfinite(low))
    return {
        "customers": int(inside.sum()), "n": int(true[inside].sum()), "share": sides[0] if known else None,
        "share_against": sides[2] if known else None, "difference": sides[0] - sides[2] if known else 0.0,
        "interval": [float(low), float(high)] if known else None, "p": float(norm.sf(z)) if known else None,
        "apart": [{"feature": FEATURES[at], "by": float(apart[at])} for at in furthest],
    }  # fmt: skip
