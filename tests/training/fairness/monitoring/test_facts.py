"""Months of a bank: an equal one stays quiet, a planted change is found in its group, small groups are hidden."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.purposes import default_purposes
from models.served import Served
from training.fairness.monitoring.counting import People, count_per_event, count_questions
from training.fairness.monitoring.facts import places
from training.fairness.monitoring.running import build_facts
from training.fairness.policy import group_frame


@pytest.fixture(scope="session")
def people(bank: SimpleNamespace) -> People:
    return bank.people()  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def changed(bank: SimpleNamespace, people: People) -> dict[str, Any]:
    """From May on, muslims are told of a move eight times as often."""
    served = bank.served(people, later=8.0)
    return build_facts(served, people, bank.policy, bank.taxonomy, truth=None, ledger=None)


def test_a_group_that_is_told_far_more_often_raises_an_alarm_with_the_event(changed: dict[str, Any]) -> None:
    first = changed["alarms"][0]
    told = {(one["ground"], one["group"]) for one in changed["alarms"]}
    assert told == {("religion", "muslim"), ("religion_merged", "muslim_or_other")}
    assert (first["question"], first["side"], first["month"]) == ("answers", "high", "2026-06")
    assert first["events"] == ["rental_move"]
    assert first["share"] > 3 * first["share_against"]


def test_an_equal_bank_raises_none_and_says_what_is_not_measured(bank: SimpleNamespace, people: People) -> None:
    facts = build_facts(bank.served(people), people, bank.policy, bank.taxonomy, truth=None, ledger=None)
    assert facts["alarms"] == []
    assert {name for name, rows in facts["rates"].items() if rows is None} == {
        "offers", "false_answers", "missed", "allowed", "said_no",
    }  # fmt: skip
    assert {row["band"] for row in facts["drift"] if row["index"] is not None} == {"stable"}
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts


def test_places_are_counted_from_the_policy_not_from_the_data(bank: SimpleNamespace) -> None:
    # Groups of the 12 grounds, one for each of the four grounds of two groups; seven sides of five questions.
    assert places(bank.policy) == (5 + 1 + 10 + 1 + 1 + 3 + 5 + 5 + 5 + 3 + 1 + 1) * 7


# ---- worked by hand -------------------------------------------------------------------------------------------------


def small(bank: SimpleNamespace) -> tuple[People, Served]:
    """Three customers, two months: Anna is told twice in January, Bea's move is missed, Carl is told wrongly."""
    vault = pd.DataFrame({one.column: [next(iter(one.groups.values()))[0]] * 3 for one in bank.policy.grounds.values()})
    frame = group_frame(bank.policy, vault)[list(bank.policy.grounds)]
    people = People(customers=np.array(["anna", "bea", "carl"], dtype=object), groups=frame,
                    months=("2026-01", "2026-02"))  # fmt: skip
    told = [("anna", "rental_move", "2026-01-05"), ("anna", "child_birth", "2026-01-09"),
            ("carl", "rental_move", "2026-02-02"), ("anna", "job_loss", "2026-02-03")]  # fmt: skip
    found = pd.DataFrame(told, columns=["customer_id", "event", "detected_on"]).assign(probability=0.9)
    found["detected_on"] = found["onset_date"] = pd.to_datetime(found["detected_on"])
    judged = [(c, m) for c in ("anna", "bea", "carl") for m in ("2026-01", "2026-02") if (c, m) != ("bea", "2026-02")]
    spoke = [("anna", "rental_move", "correction", "2026-01"), ("anna", "rental_move", "correction", "2026-01")]
    return people, Served(
        judged=pd.DataFrame(judged, columns=["customer_id", "month"]),
        told=found,
        asked=pd.DataFrame([("carl", "2026-02", True)], columns=["customer_id", "month", "offered"]),
        spoke=pd.DataFrame(spoke, columns=["customer_id", "event", "kind", "month"]),
    )


def test_a_customer_counts_once_a_month_whatever_is_told(bank: SimpleNamespace) -> None:
    people, served = small(bank)
    days = [("anna", "rental_move", "2026-01-01"), ("bea", "rental_move", "2026-01-03"),
            ("carl", "child_birth", "2026-02-20")]  # fmt: skip
    truth = pd.DataFrame(days, columns=["customer_id", "event", "first_detectable_date"])
    truth["first_detectable_date"] = pd.to_datetime(truth["first_detectable_date"])
    truth["last_useful_date"] = truth["first_detectable_date"] + pd.Timedelta(days=20)
    asked = count_questions(served, people, bank.taxonomy, truth=truth, ledger=None, registry=default_purposes())
    counted = {name: None if one is None else (one.units.tolist(), one.cases.tolist()) for name, one in asked.items()}
    yes, no = True, False
    judged = [[yes, yes], [yes, no], [yes, yes]]
    # Care (a job lost) is no answer that an offer goes with.
    assert counted["answers"] == (judged, [[yes, no], [no, no], [no, yes]])
    assert counted["complaints"] == (judged, [[yes, no], [no, no], [no, no]])
    assert counted["offers"] == ([[no, no], [no, no], [no, yes]], [[no, no], [no, no], [no, yes]])
    # Anna's child and Carl's move never were; Carl's own child may still be found after the last month.
    assert counted["false_answers"] == ([[yes, no], [no, no], [no, yes]], [[yes, no], [no, no], [no, yes]])
    assert counted["missed"] == ([[yes, no], [yes, no], [no, no]], [[no, no], [yes, no], [no, no]])
    assert counted["coverage"] == ([[yes, yes]] * 3, judged)
    assert counted["allowed"] is None


def test_who_allows_offers_is_counted_at_the_end_of_each_month(bank: SimpleNamespace) -> None:
    people, served = small(bank)
    notice = default_purposes().purpose("own_product_offers").notice_version
    rows = [("anna", "consented", "2026-01-31T22:30Z"), ("bea", "consented", "2026-01-05T10:00Z"),
            ("bea", "withdrawn", "2026-02-05T10:00Z"), ("carl", "objected", "2026-01-31T23:30Z")]  # fmt: skip
    ledger = pd.DataFrame(rows, columns=["customer_id", "action", "at"])
    ledger = ledger.assign(purpose="own_product_offers", notice_version=notice, at=pd.to_datetime(ledger["at"]))
    asked = count_questions(served, people, bank.taxonomy, truth=None, ledger=ledger, registry=default_purposes())
    assert asked["allowed"] is not None
    assert asked["allowed"].cases.tolist() == [[True, True], [True, False], [False, False]]
    assert asked["said_no"] is not None  # half past midnight in Amsterdam is February
    assert asked["said_no"].cases.tolist() == [[False, False], [False, True], [False, True]]


def test_few_people_are_hidden_and_not_watched(changed: dict[str, Any], people: People) -> None:
    sizes = people.groups["gender"].value_counts()
    assert sizes["x"] == 0
    few = [row for row in changed["rates"]["answers"] if (row["ground"], row["group"]) == ("religion", "other")]
    n = int((people.groups["religion"] == "other").sum())
    assert 10 <= n <= 45
    assert all((row["share"] is None) == (n < 30) for row in few)
    watched = {(row["ground"], row["group"]) for row in changed["watched"]}
    assert ("gender", "x") not in watched


def test_a_group_of_nine_is_never_told_of(bank: SimpleNamespace) -> None:
    people = replace(bank.people(customers=400), months=bank.months[:4])
    religion = people.groups["religion"].copy()
    religion[:] = "none"
    religion.iloc[:9], religion.iloc[9:60] = "other", "muslim"
    people.groups["religion"] = religion
    facts = build_facts(bank.served(people, rate=0.5), people, bank.policy, bank.taxonomy, truth=None, ledger=None)
    hidden = [row for row in facts["rates"]["answers"] if (row["ground"], row["group"]) == ("religion", "other")]
    assert len(hidden) == 4
    assert {row[name] for row in hidden for name in ("n", "share", "point")} == {None}
    assert not [row for row in facts["watched"] if row["group"] == "other"]
    drift = next(row for row in facts["drift"] if (row["ground"], row["group"]) == ("religion", "other"))
    assert (drift["n"], drift["index"]) == (None, None)
    assert "9" not in {str(row["n"]) for row in facts["rates"]["answers"]}


def test_voices_are_counted_per_event_and_few_are_told_as_few() -> None:
    rows = [(f"c{at}", "rental_move", "complaint", "2026-01") for at in range(12)]
    rows += [("a", "job_loss", "correction", "2026-01"), ("b", "opening hours", "complaint", "2026-01")]
    spoke = pd.DataFrame(rows, columns=["customer_id", "event", "kind", "month"])
    assert count_per_event(spoke, hide_below=10, known=["rental_move", "job_loss"]) == [
        {"event": "job_loss", "kind": "correction", "n": None},
        {"event": "other", "kind": "complaint", "n": None},
        {"event": "rental_move", "kind": "complaint", "n": 12},
    ]
