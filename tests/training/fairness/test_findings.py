"""From facts to findings: what blocks, what may be waived, and that nothing unmeasured passes for proof."""

from typing import Any

import pytest

from models.findings import read_findings
from training.fairness.finding_texts import tell_trap
from training.fairness.findings import make_findings, worst_first
from training.fairness.leakage import FEW
from training.fairness.policy import default_fairness_policy

POLICY = default_fairness_policy()


def fact(rate: str = "recall", verdict: str = "ESTABLISHED", **changes: Any) -> dict[str, Any]:
    plain = {
        "rate": rate, "event": "all", "ground": "age", "group": "67+", "against": "reference", "other": "35-54",
        "n": 1221, "share": 0.81, "share_against": 0.92, "point": -0.11, "interval": [-0.14, -0.08], "low": -0.05,
        "high": None, "measure": "difference", "over": "macro", "n_needed": 1934, "verdict": verdict, "reason": "",
        "justify": False,
    }  # fmt: skip
    return {**plain, **changes}


def facts(**changes: Any) -> dict[str, Any]:
    cube = {"primary": [fact()], "secondary": [], "harm": [], "coverage": []} | changes.pop("cube", {})
    names = {"kind": "names", "origin": "turkish", "pairs": 3000, "flips": 0, "score_changes": 0, "gated": True}
    row = {
        "ground": "gender", "group": "f", "gated": True, "auc": 0.52, "interval": [0.48, 0.56], "n": 900,
        "n_needed": 130, "verdict": "ESTABLISHED", "reason": None,
    }  # fmt: skip
    whole = {
        "data": {"objectors_processed": 0}, "cube": cube, "justifications": [], "swaps": {"kinds": [names]},
        "leakage": {"rows": [row]}, "naive": {"traps": []}, "self_tests": [{"name": "duo", "passed": True}],
    }  # fmt: skip
    return {**whole, **changes}


def blocking(**changes: Any) -> list[dict[str, Any]]:
    return [finding for finding in make_findings(facts(**changes), POLICY) if finding["blocks"]]


def test_nothing_blocks_where_everything_is_established() -> None:
    assert blocking() == []


def test_what_the_gate_reads_is_what_is_written() -> None:
    made = make_findings(facts(cube={"primary": [fact(verdict="NOT ESTABLISHED")]}), POLICY)
    assert [(one.id, one.blocks) for one in read_findings({"fairness": {"findings": made}})] == [
        (finding["id"], finding["blocks"]) for finding in made
    ]


def test_a_primary_figure_that_is_not_established_says_what_was_needed() -> None:
    (found,) = blocking(cube={"primary": [fact(verdict="NOT ESTABLISHED")]})
    assert found["waivable"]
    assert "1,934" in found["reason"]["en"]
    assert "1.221" in found["reason"]["nl"]


def test_a_gap_is_one_finding_whatever_it_was_held_against() -> None:
    gaps = [fact("calibration", "EXCEEDED", against=against) for against in ("reference", "rest")]
    (found,) = blocking(cube={"secondary": gaps})
    assert (found["gate"], found["id"]) == ("G8", "G8-calibration-all-age-67+")


def test_an_unequal_offer_blocks_until_its_cell_is_justified() -> None:
    gap = fact("offer_rate", "EXCEEDED", event="study_start", group="18-24", justify=True)
    answers = {"rates": ["offer_rate"], "events": ["study_start"], "grounds": ["age"], "groups": ["18-24"]}
    assert len(blocking(cube={"secondary": [gap]})) == 1
    assert blocking(cube={"secondary": [gap]}, justifications=[answers]) == []
    assert len(blocking(cube={"secondary": [{**gap, "group": "25-34"}]}, justifications=[answers])) == 1


def test_a_justification_answers_no_gap_that_the_policy_does_not_let_be_justified() -> None:
    gap = fact("recall", "EXCEEDED", event="study_start", group="18-24")
    answers = {"rates": ["recall"], "events": ["study_start"], "grounds": ["age"], "groups": ["18-24"]}
    assert len(blocking(cube={"secondary": [gap]}, justifications=[answers])) == 1


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [({"flips": 1}, "EXCEEDED"), ({"score_changes": 1}, "EXCEEDED"), ({"pairs": 2994}, "NOT ESTABLISHED")],
)
def test_another_name_may_change_nothing_and_no_waiver_helps(changes: dict[str, int], verdict: str) -> None:
    kinds = [{**facts()["swaps"]["kinds"][0], **changes}]
    (found,) = blocking(swaps={"kinds": kinds})
    assert (found["id"], found["verdict"], found["waivable"]) == ("G2-names", verdict, False)


@pytest.mark.parametrize(
    ("changes", "verdict", "said"),
    [
        ({"interval": [0.55, 0.61]}, "NOT ESTABLISHED", "at most 0.61"),
        ({"interval": [0.61, 0.70]}, "EXCEEDED", "at most 0.70"),
        ({"interval": None}, "NOT ESTABLISHED", "cannot be said"),
        ({"n": 27, "reason": FEW}, "NOT ESTABLISHED", "130 are needed"),
        ({"n": 27, "reason": FEW, "n_needed": None}, "NOT ESTABLISHED", "cannot be said"),
    ],
)
def test_scores_that_give_a_group_away_block(changes: dict[str, Any], verdict: str, said: str) -> None:
    row = {**facts()["leakage"]["rows"][0], "verdict": verdict, **changes}
    (found,) = blocking(leakage={"rows": [row]})
    assert (found["gate"], found["verdict"]) == ("G9", verdict)
    assert said in found["reason"]["en"]


@pytest.mark.parametrize(
    ("changes", "gate", "waivable"),
    [
        ({"data": {"objectors_processed": 1}}, "G0", False),
        ({"self_tests": [{"name": "duo", "passed": False}]}, "G10", False),
        ({"cube": {"coverage": ["group x of gender has no customers"]}}, "G10", True),
        ({"leakage": None}, "G9", True),
    ],
)
def test_what_else_blocks(changes: dict[str, Any], gate: str, waivable: bool) -> None:
    (found,) = blocking(**changes)
    assert (found["gate"], found["waivable"]) == (gate, waivable)


def test_swaps_that_were_not_measured_are_no_proof() -> None:
    assert [(found["gate"], found["waivable"]) for found in blocking(swaps=None)] == [("G2", False), ("G3", True)]


def test_gaps_are_read_before_what_is_not_established() -> None:
    made = make_findings(
        facts(cube={"primary": [fact(verdict="NOT ESTABLISHED"), fact(group="f", verdict="EXCEEDED")]}), POLICY
    )
    assert [finding["verdict"] for finding in worst_first(made)][:2] == ["EXCEEDED", "NOT ESTABLISHED"]


@pytest.mark.parametrize(("trapped", "equal", "outside"), [(833, 1000, True), (1000, 833, False)])
def test_who_fares_worse_in_a_trap_is_said_as_it_is(trapped: float, equal: float, outside: bool) -> None:
    figures = {"per_1000": {"trapped": trapped, "equal": equal}}
    trap = {"text": {"nl": "Tekst.", "en": "Text."}, "measure": "missed_events", "release": figures}
    told = tell_trap(trap, "release", most=100)
    assert ("outside the trap fare worse" in told["en"], "buiten de valkuil slechter af" in told["nl"]) == (
        outside,
        outside,
    )
