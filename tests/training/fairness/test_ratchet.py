"""G11 by hand: the worst group may lose two points in a hundred at most, on the same customers."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from training.fairness.findings import make_findings
from training.fairness.policy import default_fairness_policy, group_frame
from training.fairness.ratchet import measure_ratchet

POLICY = default_fairness_policy()
WOMEN, MEN = 100, 300


def rows_of(*, women_champion: int, women_candidate: int, men: int = 270) -> dict[tuple[str, str], dict[str, Any]]:
    """Everybody has one move; the first so many of each are found by the champion, and by the candidate."""
    customers = np.array([f"c{at:04d}" for at in range(WOMEN + MEN)], dtype=object)
    vault = pd.DataFrame({one.column: next(iter(one.groups.values()))[0] for one in POLICY.grounds.values()}, index=[0])
    vault = pd.concat([vault] * len(customers), ignore_index=True)
    vault["gender"] = ["f"] * WOMEN + ["m"] * MEN
    day = pd.Timestamp("2026-03-01")
    truth = pd.DataFrame({"customer_id": customers, "event": "rental_move", "first_detectable_date": day,
                          "last_useful_date": day + pd.Timedelta(days=60)})  # fmt: skip

    def found(women: int) -> pd.DataFrame:
        who = [*customers[:women], *customers[WOMEN : WOMEN + men]]
        return pd.DataFrame({"customer_id": who, "event": "rental_move", "detected_on": day})

    told = measure_ratchet(
        found(women_candidate), found(women_champion), truth, customers, group_frame(POLICY, vault), POLICY
    )
    return {(row["ground"], row["group"]): row for row in told}


def test_recall_of_both_models_and_their_difference_are_those_of_the_group() -> None:
    row = rows_of(women_champion=80, women_candidate=70)["gender", "f"]
    assert (row["n"], row["champion"], row["candidate"]) == (100, 0.80, 0.70)
    assert row["point"] == pytest.approx(-0.10)
    # Ten of a hundred lost one: variance of the mean .10 x .90 / 99, both ends 1.645 of its root away.
    half = 1.6449 * np.sqrt(0.09 / 99)
    assert row["interval"] == pytest.approx([-0.10 - half, -0.10 + half], abs=1e-4)
    assert row["verdict"] == "EXCEEDED"


def test_the_worst_group_with_either_model_is_the_one_that_is_gated() -> None:
    rows = rows_of(women_champion=80, women_candidate=70)
    assert [cell for cell, row in rows.items() if row["worst"]] == [("gender", "f")]


def test_no_change_at_all_is_established_only_where_enough_people_say_so() -> None:
    few = rows_of(women_champion=80, women_candidate=80)["gender", "f"]
    # Wilson for none of 100 at 95 % one-sided: 1.645^2 / (100 + 1.645^2) = .026, more than two points.
    assert few["interval"] == pytest.approx([-0.0263, 0.0263], abs=1e-4)
    assert few["verdict"] == "NOT ESTABLISHED"
    assert rows_of(women_champion=80, women_candidate=80)["gender", "m"]["verdict"] == "ESTABLISHED"


def test_a_gain_of_the_worst_group_is_no_step_back() -> None:
    assert rows_of(women_champion=70, women_candidate=95)["gender", "f"]["verdict"] == "ESTABLISHED"


def test_groups_of_nobody_have_no_figure_and_are_not_the_worst() -> None:
    row = rows_of(women_champion=80, women_candidate=80)["gender", "x"]
    assert (row["n"], row["interval"], row["verdict"], row["worst"]) == (None, None, "NOT ESTABLISHED", False)


def findings_of(ratchet: dict[str, Any] | None) -> list[tuple[str, bool, bool]]:
    facts: dict[str, Any] = {
        "data": {"objectors_processed": 0}, "cube": {"primary": [], "secondary": [], "harm": [], "coverage": []},
        "justifications": [], "naive": {"traps": []}, "swaps": {"kinds": []}, "leakage": {"rows": []},
        "self_tests": [], "ratchet": ratchet,
    }  # fmt: skip
    made = make_findings(facts, POLICY)
    return [(one["id"], one["blocks"], one["waivable"]) for one in made if one["gate"] == "G11"]


def test_a_step_back_of_the_worst_group_blocks_and_may_be_waived() -> None:
    rows = list(rows_of(women_champion=80, women_candidate=70).values())
    assert findings_of({"champion": "c" * 64, "rows": rows}) == [("G11-gender-f", True, True)]
    assert findings_of(None) == []
    assert findings_of({"champion": "c" * 64, "rows": None}) == [("G11-ratchet", True, True)]
