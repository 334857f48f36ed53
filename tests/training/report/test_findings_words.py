"""Every finding reads as a sentence of its language: no id in it, and the true reason."""

import json
import re
import tomllib
from importlib import resources
from types import SimpleNamespace
from typing import Any

import pytest

from models.taxonomy import default_taxonomy
from training.fairness.finding_texts import tell_fact
from training.fairness.findings import make_findings
from training.fairness.policy import default_fairness_policy

RAW = re.compile(r"[A-Za-z]+_[A-Za-z_]+|\bg\d+\b", re.IGNORECASE)
MOST_WORDS = 20
POLICY = default_fairness_policy()


def all_findings(make: SimpleNamespace) -> list[dict[str, Any]]:
    """Of documents in which nearly everything is wrong, or could not be measured, or has too few people."""
    whole = make.document(customers=1000, gap=0.3, tested=False)
    asked = json.loads(json.dumps(whole))
    for fact in asked["cube"]["secondary"]:
        fact["verdict"] = "EXCEEDED"
    asked["self_tests"][0]["passed"] = False
    asked["leakage"]["rows"][0]["interval"] = None
    asked["swaps"]["kinds"][2]["upper"] = None
    asked["cube"]["coverage"] += [
        "event rental_move is not in the audit", "event job_loss is not in the policy",
        "ground cash is not in the audit",
        "group single_parent of household is not in the audit", "recall was not measured",
        "ground pay_period: 3 values of pay_period are in no group of the policy", "something_new is_missing",
    ]  # fmt: skip
    row = {"ground": "household", "group": "single_parent", "n": 90, "candidate": 0.7, "champion": 0.8, "point": -0.1,
           "interval": [-0.2, 0.0], "margin": 0.02, "verdict": "NOT ESTABLISHED", "worst": True}  # fmt: skip
    asked["ratchet"] = {"champion": "c" * 64, "rows": [row, {**row, "group": "large_family", "interval": None}]}
    empty = {**whole, "swaps": None, "leakage": None, "ratchet": {"champion": "c" * 64, "rows": None}}
    documents = [whole, asked, empty, make.document(customers=120, gap=0.0, tested=False)]
    return [finding for document in documents for finding in make_findings(document, POLICY)]


def test_no_reason_holds_a_raw_id_in_any_language(make: SimpleNamespace) -> None:
    findings = all_findings(make)
    assert len({finding["gate"] for finding in findings}) == 11
    assert len(findings) > 400
    reasons = [finding["reason"][language] for finding in findings for language in ("nl", "en")]
    assert [reason for reason in reasons if RAW.search(reason)] == []
    assert [reason for reason in reasons if not reason.endswith((".", "?"))] == []


def test_dutch_findings_hold_no_english_and_the_other_way_round(make: SimpleNamespace) -> None:
    for finding in all_findings(make):
        assert not re.search(r"\b(the|of the|was not|group of|customers)\b", finding["reason"]["nl"].split("nieuw")[0])
        assert not re.search(r"\b(het|niet|voor klanten|groep)\b", finding["reason"]["en"])


def fact(**changes: Any) -> dict[str, Any]:
    plain = {
        "rate": "offer_rate_given_event", "measure": "ratio", "over": "macro", "event": "all",
        "ground": "religion_merged", "group": "muslim_or_other", "against": "reference", "other": "none_or_christian",
        "n": 1147, "n_needed": 39,
        "share": 0.70, "share_against": 0.89, "point": 0.79, "interval": [0.76, 0.81], "low": 0.80, "high": 1.25,
        "verdict": "NOT ESTABLISHED", "reason": "n needed 39, had 1,147",
    }  # fmt: skip
    return {**plain, **changes}


def test_who_has_enough_people_does_not_read_that_people_are_missing() -> None:
    told = tell_fact(fact(), default_taxonomy())
    assert "Er zijn genoeg mensen, maar het verschil ligt te dicht bij de grens of erover." in told["nl"]
    assert "Nodig" not in told["nl"]
    assert "1.147 echte gebeurtenissen" in told["nl"]
    assert "39" not in told["nl"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n": 61, "n_needed": 395}, "Nodig zijn 395 echte gebeurtenissen. Er waren er 61."),
        ({"n": None, "point": None, "interval": None}, "De groep is te klein om getallen te tonen."),
        (
            {"point": None, "interval": None, "reason": "too few people for a rate"},
            "te weinig mensen voor een percentage",
        ),
        ({"point": None, "interval": None, "reason": "undefined: no true event"}, "Het is niet te berekenen"),
        ({"reason": "outside the margin, but not after Holm over 96 comparisons"}, "het kan toeval zijn"),
        ({"n_needed": None}, "Geen aantal is genoeg"),
        ({"measure": "harm_ratio", "rate": "false_offers", "n_needed": None}, "Vergeleken met"),
    ],
)
def test_each_reason_is_told_as_what_it_is(changes: dict[str, Any], words: str) -> None:
    assert words in tell_fact(fact(**changes), default_taxonomy())["nl"]


def test_events_and_groups_are_called_by_their_names() -> None:
    told = tell_fact(fact(event="rental_move", verdict="EXCEEDED", interval=[0.5, 0.6]), default_taxonomy())
    move = default_taxonomy().event("rental_move")
    assert f"({move.nl})" in told["nl"]
    assert f"({move.en})" in told["en"]
    assert "klanten die moslim zijn of een ander geloof hebben" in told["nl"]
    assert "Deze groep: 70,0%. Anderen: 89,0%." in told["nl"]


def test_no_dutch_sentence_is_longer_than_twenty_words() -> None:
    text = resources.files("training.fairness").joinpath("findings.toml").read_text("utf-8")
    told = tomllib.loads(text)
    sentences = [
        sentence
        for table in ("verdicts", "why", "gates")
        for entry in told[table].values()
        for sentence in re.split(r"(?<=[.?:])\s+", entry["nl"])
    ]
    assert len(sentences) > 30
    assert [one for one in sentences if len(one.split()) > MOST_WORDS] == []
