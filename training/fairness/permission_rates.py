"""Who allows offers and who objects, per group: fairness among those who allow something says nothing of the others."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models.permission_files import load_permissions, permissions_as_of
from models.purposes import PurposeRegistry
from training.dataset import registry_for
from training.fairness.intervals import clopper_pearson
from training.fairness.policy import FairnessPolicy

PURPOSE = "own_product_offers"
_NOTHING: dict[str, Any] = {"n": None, "allowed_share": None, "objected_share": None, "interval": None}
_NO = ("withdrawn", "objected")


def permission_by_group(
    permissions: Path,
    customers: np.ndarray,
    groups: pd.DataFrame,
    policy: FairnessPolicy,
    *,
    purposes: PurposeRegistry,
) -> list[dict[str, Any]]:
    """Per ground and group of the audited customers: n, the share that allows offers (with an interval) and the share
    that ever said no; None where there are too few people.

    Parameters
    ----------
    groups : DataFrame
        One row per customer, one column per ground (`policy.group_frame`).
    """
    table = load_permissions(permissions)
    table = table[table["customer_id"].isin(customers)]
    registry = registry_for(table, purposes, [], purpose=PURPOSE)
    allowed = pd.Series(customers).isin(permissions_as_of(table, PURPOSE, datetime.now(UTC), registry)).to_numpy()
    told_no = set(table.loc[(table["purpose"] == PURPOSE) & table["action"].isin(_NO), "customer_id"])
    refused = pd.Series(customers).isin(told_no).to_numpy()
    shown = []
    for ground in policy.grounds:
        mine = {str(group): (groups[ground] == group).to_numpy() for group in groups[ground].cat.categories}
        hidden = too_few({group: int(at.sum()) for group, at in mine.items()}, int(policy.numbers["hide_below"]))
        for group, at in mine.items():
            shares = _NOTHING if group in hidden else _shares(allowed[at], refused[at], policy)
            shown.append({"ground": ground, "group": group, **shares})
    return shown


def too_few(sizes: dict[str, int], k: int) -> set[str]:
    """Groups of fewer than k people, and the next smallest, or the total would give a lone one away."""
    hidden = {group for group, n in sizes.items() if 0 < n < k}
    others = sorted((n, group) for group, n in sizes.items() if n >= k)
    if hidden and others and (len(hidden) == 1 or sum(sizes[group] for group in hidden) < k):
        hidden.add(others[0][1])
    return hidden


def _shares(allowed: np.ndarray, refused: np.ndarray, policy: FairnessPolicy) -> dict[str, Any]:
    n = len(allowed)
    if n < policy.numbers["rate_from"]:
        return {**_NOTHING, "n": n}
    low, high = (float(end) for end in clopper_pearson(allowed.sum(), n, confidence=policy.numbers["confidence"]))
    return {
        "n": n,
        "allowed_share": float(allowed.mean()),
        "objected_share": float(refused.mean()),
        "interval": [low, high],
    }
