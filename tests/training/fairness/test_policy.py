"""The board's file: what is wrong in it does not load, and what it declares must be shown."""

import re

import numpy as np
import pandas as pd
import pytest

from models.candidate import packaged_policy, policy_sha256
from models.errors import UnreadableDataError, UsageError
from models.taxonomy import default_taxonomy
from training.fairness.cube import Cube, Rows, build_cube
from training.fairness.policy import (
    coverage_reasons,
    default_fairness_policy,
    group_frame,
    parse_fairness,
    undeclared_values,
)
from training.simulation.bank import _HEADS


def changed(old: str, new: str) -> str:
    text = packaged_policy()
    assert old in text
    return text.replace(old, new, 1)


def test_the_policy_in_force_covers_all_events_and_columns() -> None:
    policy = default_fairness_policy()
    taxonomy = default_taxonomy()
    assert policy.events == taxonomy.ids
    assert len(policy.primary) == 8
    for offer_class, table in policy.harm.items():
        assert set(table) == {event.id for event in taxonomy.events if event.offer_class == offer_class}
    columns = set(_HEADS["vault/groups.csv"].split(",")) - {"customer_id"}
    assert {ground.column for ground in policy.grounds.values()} == columns
    assert policy.sha256 == policy_sha256(packaged_policy())
    assert policy.references["religion_merged*gender"] == "none_or_christian*m"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("confidence = 0.90", "confidance = 0.90", "too many or too few"),
        ("confidence = 0.90", "confidence = 90", "below 1"),
        ("hide_below = 10", "hide_below = 5", "always hidden"),
        ('reference = "none"', 'reference = "nobody"', "none of its groups"),
        ('catholic = ["catholic"]', 'catholic = ["none"]', "in two groups"),
        ('["gender", "f"], ["age", "67+"]]', '["gender", "f"], ["age", "99+"]]', "not declared"),
        ('["gender", "f"], ["age", "67+"]]', '["gender", "f"], ["gender", "x"], ["age", "67+"]]', "9 endpoints"),
        ("low = -0.05\n", "lowest = -0.05\n", "unknown key"),
        ("high = 0.05\n", "", "no margin"),
        ("child_birth = 5", "pregnancy = 5", "no weight of a declared event"),
        ("[fairness.harm.S]", "[fairness.harm.C]", "S and L only"),
        ("leakage_auc = 0.60", "leakage = 0.60", "gates must be"),
        ('never = ["G0", "G2"]', 'never = ["G0"]', "can never be waived"),
        ("most_days = 90", "most_days = 365", "1 to 90 days"),
        ('["religion_merged", "gender"]', '["religion_merged", "shoe_size"]', "pairs of declared grounds"),
    ],
)  # fmt: skip
def test_a_faulty_policy_does_not_load(old: str, new: str, fault: str) -> None:
    with pytest.raises(UnreadableDataError, match=fault):
        parse_fairness(changed(old, new), source="policy")


def vault(**columns: list[str]) -> pd.DataFrame:
    ground = {
        "religion": "none", "origin_class": "dutch", "born_abroad": "false", "gender": "f", "age_band": "67+",
        "income_quintile": "1", "household": "single", "pay_period": "monthly", "language_of_texts": "dutch",
        "cash_heavy": "false",
    }  # fmt: skip
    return pd.DataFrame({name: columns.get(name, [value] * 3) for name, value in ground.items()})


def test_groups_merge_values_and_intersections_join_groups() -> None:
    frame = group_frame(
        default_fairness_policy(), vault(religion=["none", "muslim", "catholic"], age_band=["67+", "0-17", "18-24"])
    )
    assert frame["religion_merged"].tolist() == ["none_or_christian", "muslim_or_other", "none_or_christian"]
    assert frame["religion_merged*gender"].tolist()[1] == "muslim_or_other*f"
    assert frame["age"].isna().tolist() == [False, True, False]
    assert frame["age"].cat.categories.tolist() == ["18-24", "25-34", "35-54", "55-66", "67+"]
    assert frame["origin_merged*age"].isna().tolist() == [False, True, False]
    with pytest.raises(UsageError, match="no column gender"):
        group_frame(default_fairness_policy(), vault().drop(columns="gender"))


def test_a_value_that_no_group_has_blocks_without_being_named() -> None:
    policy = default_fairness_policy()
    assert undeclared_values(policy, vault(age_band=["0-17", "67+", "67+"])) == []
    reasons = undeclared_values(policy, vault(religion=["none", "jedi", "none"]))
    assert len(reasons) == 2  # religion and religion_merged
    assert not any("jedi" in reason for reason in reasons)


def cube_of(frame: pd.DataFrame, events: tuple[str, ...]) -> Cube:
    no = np.zeros(1, dtype=bool)
    rows = Rows(customer=np.array([0]), event=np.array([0]), true=no, predicted=no)
    return build_cube(rows, frame, events=events)


def test_a_ground_a_group_or_an_event_left_out_blocks() -> None:
    policy = default_fairness_policy()
    frame = group_frame(policy, vault())
    reasons = coverage_reasons(policy, cube_of(frame.drop(columns=["religion"]), policy.events[1:]))
    assert "ground religion is not in the audit" in reasons
    assert "event child_birth is not in the audit" in reasons
    assert "group m of gender has no customers" in reasons
    assert "calibration was not measured" in reasons
    few = frame.assign(gender=frame["gender"].cat.remove_categories(["x"]))
    assert "group x of gender is not in the audit" in coverage_reasons(policy, cube_of(few, policy.events))
    assert "event new is not in the policy" in coverage_reasons(
        policy, cube_of(frame, policy.events), taxonomy_events=["new"]
    )


def test_merged_groups_are_known_by_their_values() -> None:
    policy = default_fairness_policy()
    assert set(policy.unions["religion_merged", "muslim_or_other"]) == {("religion", "muslim"), ("religion", "other")}
    assert policy.unions["origin_merged", "dutch"] == (("origin", "dutch"),)
    assert policy.unions["origin", "dutch"] == (("origin_merged", "dutch"),)
    assert ("gender", "f") not in policy.unions
    assert set(policy.grounds) - set(policy.finest) == {"religion_merged", "origin_merged"}


@pytest.mark.parametrize(
    ("number", "value", "words"),
    [
        ("false_alarm", "1.5", "false_alarm below 1"),
        ("low", "1.1", "either side of 1"),
        ("drift_bins", "0", "positive"),
    ],
)
def test_numbers_of_monitoring_that_cannot_be_are_refused(number: str, value: str, words: str) -> None:
    text = packaged_policy()
    before, after = text.split("[fairness.monitoring]")
    changed = re.sub(rf"(?m)^{number} = \S+", f"{number} = {value}", after, count=1)
    with pytest.raises(UnreadableDataError, match=words):
        parse_fairness(f"{before}[fairness.monitoring]{changed}", source="policy")
