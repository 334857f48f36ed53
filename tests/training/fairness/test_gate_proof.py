"""What `make gate-proof` holds against facts: each thing that must hold is seen when it does not."""

from collections.abc import Callable
from typing import Any

import pytest

from training.fairness.gate_proof import check_facts
from training.fairness.policy import default_fairness_policy
from training.fairness.verdicts import ESTABLISHED, NOT_ESTABLISHED

POLICY = default_fairness_policy()
CELLS = sorted({(one.ground, one.group) for one in POLICY.primary})


def good_facts() -> dict[str, Any]:
    """Facts in which everything holds; a group outside the primary family is too small to say."""
    leaks = [
        {
            "ground": ground, "group": group, "gated": True, "interval": [0.45, 0.59], "verdict": ESTABLISHED,
            "n": 300, "n_needed": 130,
        }
        for ground, group in (*CELLS, ("income", "1"))
    ]  # fmt: skip
    few = {
        "ground": "gender", "group": "x", "gated": True, "interval": [0.4, 0.72], "verdict": NOT_ESTABLISHED,
        "n": 27, "n_needed": 130,
    }  # fmt: skip
    unasked = {"ground": "gender", "group": "f", "gated": False, "interval": [0.9, 0.95], "verdict": "EXCEEDED"}
    swaps = {"kind": "names", "placebo": False, "flips": 0, "score_changes": 0, "pairs": 2_995}
    placebo = {**swaps, "placebo": True, "flips": 3}
    return {
        "cube": {"primary": [{"verdict": ESTABLISHED} for _ in POLICY.primary]},
        "swaps": {"kinds": [swaps, placebo]},
        "findings": [],
        "leakage": {"rows": [*leaks, few, unasked]},
        "naive": {"findings": [{"gate": "G2"}]},
    }


def failing(facts: dict[str, Any]) -> list[str]:
    """The names of the checks that do not hold."""
    return [check.name for check in check_facts(facts, POLICY) if not check.holds]


def test_everything_holds_and_small_groups_outside_the_family_are_told() -> None:
    assert failing(good_facts()) == []
    told = next(check.told for check in check_facts(good_facts(), POLICY) if check.name == "leakage")
    assert f"worst of {len(CELLS) + 1} groups that are large enough is" in told
    assert "1 smaller ones are not established" in told


def spoil_verdict(facts: dict[str, Any]) -> None:
    facts["cube"]["primary"][0]["verdict"] = NOT_ESTABLISHED


def spoil_flips(facts: dict[str, Any]) -> None:
    facts["swaps"]["kinds"][0]["flips"] = 1


def spoil_scores(facts: dict[str, Any]) -> None:
    facts["swaps"]["kinds"][0]["score_changes"] = 1


def spoil_pairs(facts: dict[str, Any]) -> None:
    facts["swaps"]["kinds"][0]["pairs"] = 2_994


def spoil_leak(facts: dict[str, Any]) -> None:
    facts["leakage"]["rows"][0]["verdict"] = NOT_ESTABLISHED


def spoil_other_leak(facts: dict[str, Any]) -> None:
    facts["leakage"]["rows"][len(CELLS)]["verdict"] = "EXCEEDED"


def spoil_size(facts: dict[str, Any]) -> None:
    facts["leakage"]["rows"][0]["n"] = 129


def spoil_unknown(facts: dict[str, Any]) -> None:
    facts["leakage"]["rows"][0] |= {"n": None, "interval": None, "verdict": NOT_ESTABLISHED}


def spoil_missing(facts: dict[str, Any]) -> None:
    del facts["leakage"]["rows"][0]


def spoil_naive(facts: dict[str, Any]) -> None:
    facts["naive"] = None


def spoil_naive_names(facts: dict[str, Any]) -> None:
    facts["naive"]["findings"][0]["gate"] = "G7"


@pytest.mark.parametrize(
    ("spoil", "name"),
    [
        (spoil_verdict, "primary family"), (spoil_flips, "names"), (spoil_scores, "names"), (spoil_pairs, "names"),
        (spoil_leak, "leakage"), (spoil_other_leak, "leakage"), (spoil_size, "leakage"), (spoil_unknown, "leakage"),
        (spoil_missing, "leakage"), (spoil_naive, "naive model"), (spoil_naive_names, "naive model"),
    ],
)  # fmt: skip
def test_what_does_not_hold_is_seen(spoil: Callable[[dict[str, Any]], None], name: str) -> None:
    facts = good_facts()
    spoil(facts)
    assert failing(facts) == [name]
