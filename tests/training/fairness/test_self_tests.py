"""The known answers come out, and each fails when what it guards is broken."""

import json
from typing import Any

import numpy as np
import pytest

from training.fairness import self_tests


def test_every_known_answer_comes_out_as_plain_json() -> None:
    results = self_tests.run_self_tests()
    assert [one["name"] for one in results if not one["passed"]] == []
    assert len(results) == 6
    assert json.loads(json.dumps(results, allow_nan=False)) == results


def test_the_student_grants_are_blocked_at_their_ratio() -> None:
    result = self_tests.duo_is_blocked()
    # 2,010 / 54,820 = .036665; 1,050 / 178,200 = .005892.
    assert result["found"]["point"] == pytest.approx(0.0366654 / 0.0058923, rel=1e-4)
    low, high = result["found"]["interval"]
    assert 5.7 < low < 5.9
    assert 6.5 < high < 6.8
    assert any(
        "non_european against dutch: EXCEEDED, and no signed justification" in reason for reason in result["blocks"]
    )


def test_self_tests_fail_when_the_audit_is_blind(monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(facts: Any, **_: Any) -> list[dict[str, Any]]:
        return [{**fact, "verdict": "ESTABLISHED", "p_holm": 1.0} for fact in facts]

    monkeypatch.setattr(self_tests, "give_verdicts", blind)
    assert not self_tests.duo_is_blocked()["passed"]
    assert not self_tests.planted_gap_is_exceeded(np.random.default_rng(0), runs=3)["passed"]
    assert not self_tests.nothing_is_undefined(np.random.default_rng(0))["passed"]
