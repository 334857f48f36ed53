"""The whole audit under the policy in force: equal banks pass, unequal ones are blocked, harm is weighed."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.errors import UsageError
from training.fairness.audit import audit_cube, block_reasons, harm_facts
from training.fairness.auditing import audit_candidate
from training.fairness.cube import Cube, Rows, build_cube
from training.fairness.policy import default_fairness_policy, group_frame
from training.fairness.tables import Sources

Bank = Callable[[int, float], Cube]
VALUES = {
    "religion": ["none"] * 6 + ["muslim"] * 3 + ["other"], "origin_class": ["dutch"] * 6 + ["turkish"] * 4,
    "born_abroad": ["false", "true"], "gender": ["m", "f"], "age_band": ["35-54", "67+", "18-24", "25-34", "55-66"],
    "income_quintile": ["1", "2", "3", "4", "5"], "household": ["couple", "single"],
    "pay_period": ["monthly", "weekly"], "language_of_texts": ["dutch", "foreign"], "cash_heavy": ["false", "true"],
}  # fmt: skip


@pytest.fixture(scope="module")
def bank(random_cube: Callable[..., Cube]) -> Bank:
    return cache(lambda customers, gap: random_cube(VALUES, customers, gap=gap, share=0.25, sure=0.97))


def test_an_equal_bank_establishes_the_primary_family_and_nothing_is_exceeded(
    bank: Callable[[int, float], Cube],
) -> None:
    facts = audit_cube(bank(4000, 0.0), default_fairness_policy())
    assert [fact["verdict"] for fact in facts["primary"]] == ["ESTABLISHED"] * 8
    assert not [f for f in (*facts["secondary"], *facts["harm"]) if f["verdict"] == "EXCEEDED"]
    # What was not measured or is nobody's blocks all the same.
    assert all("customers" in reason or "was not measured" in reason for reason in facts["blocks"])
    assert facts["blocks"] == facts["coverage"]
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts


def test_a_gap_of_one_group_is_found_in_it_and_blocks(bank: Bank) -> None:
    facts = audit_cube(bank(4000, 0.25), default_fairness_policy())
    merged = next(f for f in facts["primary"] if f["ground"] == "religion_merged" and f["rate"] == "recall")
    assert merged["verdict"] == "EXCEEDED"
    found = {
        (f["ground"], f["group"]) for f in facts["secondary"] if f["rate"] == "recall" and f["verdict"] == "EXCEEDED"
    }
    assert ("religion", "muslim") in found
    assert not any(ground in ("gender", "age", "income") for ground, _ in found)
    assert any(reason.startswith("recall of all, religion_merged muslim_or_other") for reason in facts["blocks"])
    assert any(f["signal"] for f in facts["secondary"])


def test_a_small_bank_is_not_established_and_says_what_it_needs(bank: Bank) -> None:
    facts = audit_cube(bank(120, 0.0), default_fairness_policy())
    not_yet = [fact for fact in facts["primary"] if fact["verdict"] == "NOT ESTABLISHED"]
    assert not_yet
    assert any("n needed" in str(fact["reason"]) for fact in not_yet)
    assert any("NOT ESTABLISHED" in reason for reason in facts["blocks"])


def test_screening_is_judged_on_bookings_in_a_cube_of_its_own(bank: Bank) -> None:
    policy = default_fairness_policy()
    rng = np.random.default_rng(2)
    vault = pd.DataFrame({name: rng.choice(values, 2000) for name, values in VALUES.items()})
    muslim = (vault["religion"] == "muslim").to_numpy()
    customer = np.repeat(np.arange(2000), 20)
    to_screen = rng.random(len(customer)) < 0.2
    wrongly = rng.random(len(customer)) < np.where(muslim[customer], 0.10, 0.01)
    no = np.zeros(len(customer), dtype=bool)
    rows = Rows(
        customer=customer, event=np.zeros(len(customer), dtype=int), true=no, predicted=no, to_screen=to_screen,
        screened=to_screen | wrongly,
    )  # fmt: skip
    screening = build_cube(rows, group_frame(policy, vault), events=("bookings",), exposure=np.full((2000, 1), 20.0))
    facts = audit_cube(bank(4000, 0.0), policy, screening=screening)
    found = [f for f in facts["secondary"] if f["rate"] == "false_screening" and f["verdict"] == "EXCEEDED"]
    assert ("religion", "muslim", "reference") in {(f["ground"], f["group"], f["against"]) for f in found}
    # Where all was caught a customer counts once, so that groups of fewer than 299 customers cannot show .99.
    recall = {(f["ground"], f["group"]): f["verdict"] for f in facts["secondary"] if f["rate"] == "screening_recall"}
    assert (recall["religion", "none"], recall["religion", "other"]) == ("ESTABLISHED", "NOT ESTABLISHED")
    assert not any("was not measured" in reason for reason in facts["blocks"])


def test_a_justification_opens_the_unadjusted_ratio_only() -> None:
    fact = {
        "rate": "offer_rate", "event": "retirement", "ground": "age", "group": "67+", "against": "rest", "other": "",
        "verdict": "EXCEEDED", "reason": "", "justify": True,
    }  # fmt: skip
    cell = ("offer_rate", "retirement", "age", "67+")
    assert block_reasons([], [fact], []) == [
        "offer_rate of retirement, age 67+ against the rest: EXCEEDED, and no signed justification names it"
    ]
    assert block_reasons([], [fact], [], justified=[cell]) == []
    assert block_reasons([], [{**fact, "justify": False}], [], justified=[cell])
    assert block_reasons([], [fact], [], justified=[(*cell[:3], "55-66")])


def test_harm_weighs_false_offers_per_customer() -> None:
    # Men: 100, ten false child offers (5 each) - .5 a customer. Women: 100, twenty false car offers (1 each) - .2.
    gender = np.repeat(["m", "f"], 100)
    customer = np.r_[np.arange(10), 100 + np.arange(20)]
    event = np.r_[np.zeros(10, dtype=int), np.ones(20, dtype=int)]
    no = np.zeros(30, dtype=bool)
    rows = Rows(customer=customer, event=event, true=no, predicted=~no)
    frame = pd.DataFrame({"gender": pd.Categorical(gender, ["m", "f"])})
    cube = build_cube(rows, frame, events=("child_birth", "car_purchase"))
    fact = harm_facts(cube, default_fairness_policy())[0]
    assert (fact["group"], fact["other"]) == ("f", "m")
    assert (fact["share"], fact["share_against"], fact["point"]) == (
        pytest.approx(200),
        pytest.approx(500),
        pytest.approx(0.4),
    )
    # Variances of the means: (20 - 400/100)/99/100 and (250 - 2500/100)/99/100.
    half = 1.6448536 * np.sqrt(16 / 9900 / 0.04 + 225 / 9900 / 0.25)
    assert fact["interval"] == pytest.approx([0.4 * np.exp(-half), 0.4 * np.exp(half)])


def test_what_the_board_decided_on_is_not_audited_again_and_that_is_said_at_once(
    make_board: Callable[..., Any], tmp_path: Path
) -> None:
    board = make_board(tmp_path / "home")
    candidate = board.sign(board.candidate())
    nowhere = tmp_path / "nothing"
    with pytest.raises(UsageError, match="signed already"):
        audit_candidate(
            Sources(bookings=nowhere, events=nowhere), candidate_id=candidate.id, vault_key=nowhere, passphrase="",
            who="Anna", home=board.home,
        )  # fmt: skip
