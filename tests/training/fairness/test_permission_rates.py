"""Who allows offers per group, worked by hand; small groups stay hidden, also from subtraction."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.purposes import default_purposes
from training.fairness.permission_rates import permission_by_group
from training.fairness.policy import default_fairness_policy, group_frame

POLICY = default_fairness_policy()
SIZES = {"none": 100, "catholic": 40, "protestant": 30, "muslim": 20, "other": 4}


@pytest.fixture
def told(tmp_path: Path) -> dict[str, dict[str, object]]:
    """Half of every group said yes; the first of each then objected."""
    religion = [name for name, size in SIZES.items() for _ in range(size)]
    customers = np.array([f"c{at:04d}" for at in range(len(religion))])
    vault = pd.DataFrame(
        {one.column: next(iter(one.groups.values()))[0] for one in POLICY.grounds.values()}, index=customers
    )
    vault["religion"] = religion
    notice = default_purposes().purpose("own_product_offers").notice_version
    lines = ["customer_id,purpose,action,at,notice_version"]
    for at, customer in enumerate(customers):
        if at % 2 == 0:
            lines.append(f"{customer},own_product_offers,consented,2026-01-0{1 + at % 9}T10:00:00+00:00,{notice}")
    for first in np.flatnonzero(pd.Series(religion).ne(pd.Series(religion).shift())):
        lines.append(f"{customers[first]},own_product_offers,objected,2026-02-01T10:00:00+00:00,{notice}")
    path = tmp_path / "permissions.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    frame = group_frame(POLICY, vault).reset_index(drop=True)
    found = permission_by_group(path, customers, frame, POLICY, purposes=default_purposes())
    return {str(row["group"]): row for row in found if row["ground"] == "religion"}


def test_shares_are_those_of_the_group(told: dict[str, dict[str, object]]) -> None:
    assert told["none"]["n"] == 100
    assert told["none"]["allowed_share"] == pytest.approx(49 / 100)
    assert told["none"]["objected_share"] == pytest.approx(1 / 100)
    low, high = told["none"]["interval"]  # type: ignore[misc]
    assert low < 0.49 < high


def test_a_group_of_four_and_the_one_that_would_give_it_away_are_hidden(told: dict[str, dict[str, object]]) -> None:
    assert [group for group, row in told.items() if row["n"] is None] == ["muslim", "other"]
    assert told["muslim"]["allowed_share"] is None
