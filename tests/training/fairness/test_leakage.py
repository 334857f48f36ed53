"""Leakage: an auditor's model finds a group where it shows, and not where it was taken out."""

import dataclasses
import json
from datetime import date
from pathlib import Path
from statistics import NormalDist
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.bookings import load_bookings
from models.errors import UsageError
from models.screening import default_screening
from training.fairness.asking import Asked, ask
from training.fairness.auditor import _placements, cross_validated_auc
from training.fairness.leakage import FEW, _recover, find_needed, measure_leakage
from training.fairness.policy import Ground, default_fairness_policy
from training.fairness.swap_names import open_names
from training.fairness.swap_suite import default_suite
from training.fairness.word_counts import WordCounts
from training.fitting import Fitted

AS_OF = date(2026, 10, 31)
POLICY = dataclasses.replace(
    default_fairness_policy(), intersections=(),
    grounds={"o": Ground(name="o", column="o", reference="dutch", groups={"dutch": ("d",), "turkish": ("t",)})},
)  # fmt: skip
NO_EVENTS = pd.DataFrame({"customer_id": ["nobody"], "event": ["child_birth"]})


@pytest.fixture(scope="module")
def named(small_bank: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Bookings, and groups: every second customer has friends with Turkish names, all others with Dutch ones."""
    bookings = load_bookings(small_bank / "bookings.parquet").frame
    ids = sorted(set(bookings["customer_id"]))
    opened, suite = open_names(bookings, default_screening(), seed=0), default_suite()
    is_turkish = bookings["customer_id"].isin(ids[::2])
    turkish, dutch = (opened.fill(bookings, suite.names[origin]) for origin in ("turkish", "dutch"))
    groups = pd.DataFrame({"customer_id": ids, "o": ["t" if n % 2 == 0 else "d" for n in range(len(ids))]})
    return pd.concat([turkish[is_turkish], dutch[~is_turkish]], ignore_index=True), groups


def asked_of(bookings: pd.DataFrame, release: Fitted) -> tuple[Asked, WordCounts]:
    words = WordCounts(release.classifier)
    known = bookings[bookings["booking_date"] <= pd.Timestamp(AS_OF)].reset_index(drop=True)
    return ask(known, release, as_of=AS_OF, look=words.add), words


def rows_of(facts: dict, what: str) -> dict[bool, dict]:
    return {row["screening"]: row for row in facts["rows"] if row["what"] == what}


def test_names_tell_the_group_in_raw_text_only(named: tuple[pd.DataFrame, pd.DataFrame], small_release: Fitted) -> None:
    bookings, groups = named
    facts = measure_leakage(
        *asked_of(bookings, small_release), groups, small_release, NO_EVENTS, as_of=AS_OF, policy=POLICY, seed=0
    )
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    raw, masked = rows_of(facts, "raw_text"), rows_of(facts, "masked")
    assert raw[True]["auc"] > 0.95
    assert masked[True]["auc"] < 0.7
    # Of twenty people against twenty an area that tells nothing has a standard error of 0.09 (Hanley and McNeil 1982).
    assert rows_of(facts, "scores")[True]["auc"] < 0.5 + 3 * 0.09
    assert [(row["what"], row["screening"]) for row in facts["rows"] if row["gated"]] == [("scores_given_event", True)]
    assert {(row["n"], row["n_against"]) for row in facts["rows"]} == {(20, 20)}
    assert raw[True]["verdict"] == "EXCEEDED"


def test_a_feast_tells_the_group_only_without_screening(
    small_bank: Path, named: tuple[pd.DataFrame, pd.DataFrame], small_release: Fitted
) -> None:
    bookings, groups = load_bookings(small_bank / "bookings.parquet").frame.groupby("customer_id").head(40), named[1]
    members = groups.loc[groups["o"] == "t", "customer_id"]
    feast = bookings[bookings["customer_id"].isin(members)].groupby("customer_id").head(4)
    feast = feast.assign(booking_id="feast" + feast["booking_id"], remittance_information="zekat ramazan")
    both = pd.concat([bookings, feast], ignore_index=True)
    raw = rows_of(
        measure_leakage(
            *asked_of(both, small_release), groups, small_release, NO_EVENTS, as_of=AS_OF, policy=POLICY, seed=0
        ),
        "raw_text",
    )
    assert raw[False]["auc"] > 0.8
    assert raw[True]["auc"] < 0.7


def test_a_group_of_nine_is_undefined_and_not_counted(
    named: tuple[pd.DataFrame, pd.DataFrame], small_release: Fitted
) -> None:
    bookings, groups = named
    few = groups.assign(o=["t" if n < 9 else "d" for n in range(len(groups))])
    some = bookings.groupby("customer_id").head(30)
    facts = measure_leakage(
        *asked_of(some, small_release), few, small_release, NO_EVENTS, as_of=AS_OF, policy=POLICY, seed=0
    )
    assert len(facts["rows"]) == 8
    for row in facts["rows"]:
        assert (row["auc"], row["interval"], row["n"], row["n_against"]) == (None, None, None, 31)
        assert row["verdict"] == "NOT ESTABLISHED"
        assert "fewer than ten" in row["reason"]


def test_people_without_bookings_or_a_column_are_refused(small_release: Fitted) -> None:
    bookings = pd.DataFrame({"customer_id": ["a"], "booking_date": pd.to_datetime(["2026-01-01"])})
    nobody: Any = SimpleNamespace(bookings=bookings)
    for groups, said in (({"customer_id": ["b"], "o": ["t"]}, "both bookings and groups"),
                         ({"customer_id": ["a"]}, "no column o")):  # fmt: skip
        with pytest.raises(UsageError, match=said):
            measure_leakage(
                nobody, nobody, pd.DataFrame(groups), small_release, NO_EVENTS, as_of=AS_OF, policy=POLICY, seed=0
            )


def test_placements_are_those_of_delong_worked_by_hand() -> None:
    # members 3, 1; others 2, 1: 3 beats both, 1 beats none and ties one. Others: 2 loses to 3; 1 loses to 3, ties 1.
    above, below = _placements(np.array([3.0, 1.0]), np.array([2.0, 1.0]))
    assert above.tolist() == [1.0, 0.25]
    assert below.tolist() == [0.5, 0.75]
    # The other with 1 stands for three: 3 beats all four, 1 ties with three of four.
    assert _placements(np.array([3.0, 1.0]), np.array([2.0, 1.0]), np.array([1.0, 3.0]))[0].tolist() == [1.0, 0.375]


def test_the_interval_of_equal_groups_holds_one_half_at_least_as_often_as_it_says() -> None:
    rng = np.random.default_rng(4)
    covered = []
    for seed in range(100):
        member = np.repeat([True, False], [60, 200])
        area, error = cross_validated_auc(rng.normal(size=(260, 2)), member, seed=seed)
        covered.append(area - 1.645 * error < 0.5 < area + 1.645 * error)
    assert np.mean(covered) > 0.9


def test_a_release_that_tells_exactly_what_happened_gives_no_group_away() -> None:
    """Ten events, one group has each twice as often: the truth tells the group, perfect scores beside it do not."""
    rng = np.random.default_rng(7)
    member = np.arange(1200) < 400
    events = (rng.random((1200, 10)) < np.where(member, 0.10, 0.05)[:, None]).astype(float)
    perfect = np.hstack([0.9 * events, 0.9 * events])
    assert cross_validated_auc(perfect, member, seed=0)[0] > 0.6
    assert cross_validated_auc(perfect, member, seed=0, given=events)[0] == pytest.approx(0.5, abs=0.02)
    missed = perfect * (np.tile(rng.random((1200, 10)), 2) < 0.9)
    area, error = cross_validated_auc(missed, member, seed=0, given=events)
    assert area - 1.645 * error < 0.5


def test_who_has_more_events_is_not_told_by_that_even_where_nobody_leaks() -> None:
    """Overdrafts of an older group: as often any, but more of them each; scores and misses know nothing of groups."""
    areas = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        member = np.arange(1500) < 400
        times = rng.poisson(np.where(rng.random(1500) < np.where(member, 0.28, 0.22), np.where(member, 9.0, 5.0), 0.0))
        scores = np.array([(rng.beta(8, 3, n) * (rng.random(n) < 0.9)).max(initial=0.0) for n in times])
        areas.append(cross_validated_auc(scores[:, None], member, seed=seed, given=times[:, None].astype(float))[0])
    assert np.mean(areas) == pytest.approx(0.5, abs=0.012)


def test_a_shift_of_a_group_is_not_taken_for_what_its_events_explain() -> None:
    rng = np.random.default_rng(3)
    member = np.arange(2000) < 500
    event = (rng.random(2000) < np.where(member, 0.6, 0.1)).astype(float)[:, None]
    scores = 0.7 * event + rng.normal(0, 0.1, (2000, 1)) - 0.05 * member[:, None]
    area, _ = cross_validated_auc(scores, member, seed=0, given=event)
    assert area == pytest.approx(NormalDist().cdf(0.05 / (0.1 * 2**0.5)), abs=0.03)  # that of the shift alone


def test_an_event_that_only_one_side_has_tells_nothing_but_false_ones_do() -> None:
    """Retirement: nobody can say what its score would be for the young; but who is told it falsely is told."""
    rng = np.random.default_rng(6)
    member = np.arange(1200) < 400
    retired = (member & (rng.random(1200) < 0.3)).astype(float)[:, None]
    area, error = cross_validated_auc(0.8 * retired, member, seed=0, given=retired)
    assert area == pytest.approx(0.5, abs=1.645 * error)
    false = 0.8 * (rng.random((1200, 1)) < np.where(member, 0.0, 0.4)[:, None])
    assert cross_validated_auc(np.maximum(0.8 * retired, false), member, seed=0, given=retired)[0] > 0.63


def test_a_group_too_small_to_be_asked_is_never_found_clear() -> None:
    policy = default_fairness_policy()
    # By hand: z = 1.645 + .842; (.1 / 2.487)^2 x 12 / 2.25 = .008626; less 1/1000 gives 1 / .007626 = 131.1.
    assert find_needed(1000, 0.60, policy) == 132
    assert find_needed(100, 0.60, policy) is None
    rng = np.random.default_rng(8)
    sides = np.arange(1131) >= 1000, np.arange(1131) < 1000
    flat, events = rng.normal(0, 1, (1131, 1)), np.zeros((1131, 1))
    few = _recover(flat, sides, events, policy=policy, seed=0)
    assert (few["verdict"], few["reason"], few["n"], few["n_needed"]) == ("NOT ESTABLISHED", FEW, 131, 132)
    told = _recover(flat + 2 * sides[0][:, None], sides, events, policy=policy, seed=0)
    assert told["verdict"] == "EXCEEDED"
    enough = np.arange(2000) >= 1000, np.arange(2000) < 1000
    clear = _recover(rng.normal(0, 1, (2000, 1)), enough, np.zeros((2000, 1)), policy=policy, seed=0)
    assert (clear["verdict"], clear["reason"]) == ("ESTABLISHED", None)


def test_events_that_a_group_truly_has_are_no_leak_but_a_gap_beside_them_is() -> None:
    rng = np.random.default_rng(5)
    member = np.arange(1000) < 300
    event = (rng.random(1000) < np.where(member, 0.7, 0.2)).astype(float)[:, None]
    scores = 0.8 * event + rng.normal(0, 0.1, (1000, 1))
    assert cross_validated_auc(scores, member, seed=0)[0] > 0.7
    area, error = cross_validated_auc(scores, member, seed=0, given=event)
    assert abs(area - 0.5) < 2 * error
    biased = scores - 0.1 * member[:, None]
    assert cross_validated_auc(biased, member, seed=0, given=event)[0] > 0.65
