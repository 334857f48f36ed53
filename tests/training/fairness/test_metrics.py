"""Figures by hand and against fairlearn, undefined figures, and rounded tables."""

import json

import numpy as np
import pandas as pd
import pytest

from models.errors import UsageError
from training.fairness.cube import Cube, Rows, build_cube
from training.fairness.fairlearn_points import metric_frame
from training.fairness.metrics import Endpoint, compare

EVENTS = ("move", "car", "birth")
RECALL = Endpoint(rate="recall", measure="difference", low=-0.05)


def bank(customers: int = 3000, seed: int = 0) -> tuple[Rows, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    n = customers * len(EVENTS)
    true = rng.random(n) < 0.1
    rows = Rows(
        customer=np.repeat(np.arange(customers), len(EVENTS)), event=np.tile(np.arange(len(EVENTS)), customers),
        true=true, predicted=rng.random(n) < np.where(true, 0.85, 0.01), probability=np.where(true, 0.8, 0.02),
        abstained=rng.random(n) < 0.05, days=rng.integers(1, 20, n).astype(float),
    )  # fmt: skip
    return rows, pd.DataFrame({"religion": rng.choice(["none", "muslim", "other"], customers, p=[0.7, 0.2, 0.1])})


def only(facts: list[dict[str, object]], **wanted: object) -> dict[str, object]:
    found = [fact for fact in facts if all(fact[name] == value for name, value in wanted.items())]
    assert len(found) == 1
    return found[0]


@pytest.fixture(scope="module")
def cube() -> Cube:
    return build_cube(*bank(), events=EVENTS)


def test_points_equal_fairlearns_to_twelve_digits(cube: Cube) -> None:
    rows, groups = bank()
    references = {"religion": "none"}
    ours = {
        "recall": compare(cube, RECALL, references=references),
        "offer_rate": compare(
            cube, Endpoint(rate="offer_rate", measure="ratio", low=0.8, high=1.25), references=references
        ),
        "precision": compare(
            cube, Endpoint(rate="false_offer_rate", measure="difference", high=0.05), references=references
        ),
    }
    for number, event in enumerate(EVENTS):
        mine = rows.event == number
        religion = groups["religion"].iloc[rows.customer[mine]].reset_index(drop=True)
        table = metric_frame(rows.true[mine], rows.predicted[mine], religion).by_group
        for name, facts in ours.items():
            for group in ("none", "muslim", "other"):
                fact = only(facts, event=event, group=group, against="rest")
                share = 1 - fact["share"] if name == "precision" else fact["share"]  # type: ignore[operator]
                assert share == pytest.approx(table.loc[group, name], abs=1e-12)
        against = only(ours["recall"], event=event, group="muslim", against="reference")
        gap = table.loc["muslim", "recall"] - table.loc["none", "recall"]
        assert against["point"] == pytest.approx(gap, abs=1e-12)
        ratio = table.loc["muslim", "offer_rate"] / table.loc["none", "offer_rate"]
        assert only(ours["offer_rate"], event=event, group="muslim", against="reference")["point"] == pytest.approx(
            ratio, abs=1e-12
        )


def test_fairlearn_is_not_asked_about_anything_but_columns_of_0_and_1() -> None:
    groups = pd.Series(["a", "b"])
    for wrong in (["none", "move"], [0, 2], [0.5, 1.0], [None, 1]):
        with pytest.raises(UsageError, match="0 and 1"):
            metric_frame(wrong, [0, 1], groups)
    with pytest.raises(UsageError, match="one length"):
        metric_frame([0, 1], [0, 1, 1], groups)


def by_hand() -> Cube:
    """a: 100 customers, 20 true, 16 of them told, 4 false. b: 100, 10 true, 5 told, none false. c: 50, no event."""
    table = [("a", True, True, 16), ("a", True, False, 4), ("a", False, True, 4), ("a", False, False, 76)]
    table += [("b", True, True, 5), ("b", True, False, 5), ("b", False, False, 90), ("c", False, False, 50)]
    group, true, predicted, times = (np.array(column) for column in zip(*table, strict=True))
    n = int(times.sum())
    rows = Rows(
        customer=np.arange(n), event=np.zeros(n, dtype=int), true=np.repeat(true, times),
        predicted=np.repeat(predicted, times), probability=np.full(n, 0.125),
        days=np.where(np.repeat(group, times) == "a", 6.0, 10.0) + np.arange(n) % 2,
    )  # fmt: skip
    return build_cube(rows, pd.DataFrame({"g": np.repeat(group, times)}), events=("move",))


def test_figures_are_those_worked_by_hand() -> None:
    cube, references = by_hand(), {"g": "a"}
    recall = only(compare(cube, RECALL, references=references), group="b", against="reference")
    assert (recall["n"], recall["n_against"], recall["share"], recall["point"]) == (10, 20, 0.5, pytest.approx(-0.3))
    # b against the rest: c has no true event and changes nothing.
    rest = only(compare(cube, RECALL, references=references), group="b", against="rest")
    assert (rest["n_against"], rest["point"]) == (20, pytest.approx(-0.3))
    offers = compare(cube, Endpoint(rate="offer_rate", measure="ratio", low=0.8, high=1.25), references=references)
    assert only(offers, group="b", against="reference")["point"] == pytest.approx(5 / 20)
    assert only(offers, group="a", against="rest")["point"] == pytest.approx((20 / 100) / (5 / 150))
    given = compare(cube, Endpoint(rate="offer_rate_given_event", measure="ratio", low=0.8), references=references)
    assert only(given, group="b", against="reference")["point"] == pytest.approx((5 / 10) / (16 / 20))
    false = compare(cube, Endpoint(rate="false_offer_rate", measure="difference", high=0.1), references=references)
    assert only(false, group="b", against="reference")["point"] == pytest.approx(0 - 4 / 20)
    observed = compare(
        cube, Endpoint(rate="calibration", measure="observed_expected", low=0.8, high=1.25), references=references
    )
    assert [fact["point"] for fact in observed] == pytest.approx([20 / 12.5, 10 / 12.5, 0.0])
    days = compare(cube, Endpoint(rate="days_to_detect", measure="mean_difference", high=7), references=references)
    assert only(days, group="b", against="reference")["point"] == pytest.approx(10.4 - 6.5, abs=0.11)


def test_what_is_undefined_has_a_reason_and_no_figure() -> None:
    facts = compare(by_hand(), RECALL, references={"g": "a"})
    nobody = only(facts, group="c", against="reference")
    assert (nobody["point"], nobody["interval"], nobody["p"], nobody["share"]) == (None, None, None, None)
    assert nobody["reason"] == "undefined: no true event in this group"
    assert nobody["n"] == 0


def test_facts_are_plain_json(cube: Cube) -> None:
    for endpoint in (RECALL, Endpoint(rate="recall", measure="difference", low=-0.05, over="macro")):
        facts = compare(cube, endpoint, references={"religion": "none"})
        assert json.loads(json.dumps(facts, allow_nan=False)) == facts


def test_macro_and_pooled_averages_cover_all_events(cube: Cube) -> None:
    references = {"religion": "none"}
    each = [
        f for f in compare(cube, RECALL, references=references) if f["group"] == "muslim" and f["against"] == "rest"
    ]
    macro = only(
        compare(cube, Endpoint(rate="recall", measure="difference", low=-0.05, over="macro"), references=references),
        group="muslim",
        against="rest",
    )
    pooled = only(
        compare(cube, Endpoint(rate="recall", measure="difference", low=-0.05, over="pooled"), references=references),
        group="muslim",
        against="rest",
    )
    assert macro["share"] == pytest.approx(np.mean([fact["share"] for fact in each]))
    assert macro["n"] == pooled["n"] == sum(fact["n"] for fact in each)
    assert pooled["share"] == pytest.approx(sum(fact["share"] * fact["n"] for fact in each) / pooled["n"])
    assert macro["n_effective"] == pytest.approx(macro["n"], rel=0.1)
    rare = compare(
        cube, Endpoint(rate="recall", measure="difference", low=-0.05, over="macro"), references=references, least=1e6
    )
    assert rare[0]["left_out"] == list(EVENTS)
    assert rare[0]["point"] is None


def test_numbers_needed_are_those_of_the_sizes_at_hand() -> None:
    facts = compare(by_hand(), RECALL, references={"g": "a"})
    fact = only(facts, group="b", against="reference")
    # Recall .80, with twice as many others; among ten times as many some 480 would do.
    assert 500 < fact["n_needed"] < 1200  # type: ignore[operator]


def test_calibration_of_certain_and_right_probabilities_is_one() -> None:
    true = np.arange(400) < 100
    rows = Rows(
        customer=np.arange(400),
        event=np.zeros(400, dtype=int),
        true=true,
        predicted=true,
        probability=true.astype(float),
    )
    cube = build_cube(rows, pd.DataFrame({"g": np.tile(["a", "b"], 200)}), events=("move",))
    fact = compare(
        cube, Endpoint(rate="calibration", measure="observed_expected", low=0.8, high=1.25), references={"g": "a"}
    )[0]
    assert fact["point"] == 1
    assert fact["interval"][0] < 1 < fact["interval"][1]


def test_a_group_of_which_nothing_is_expected_needs_no_number_rather_than_an_endless_one() -> None:
    # Women have no probability at all: the number that would show calibration is endless, which JSON cannot say.
    no = np.zeros(4, dtype=bool)
    rows = Rows(
        customer=np.arange(4), event=np.zeros(4, dtype=int), true=no, predicted=no,
        probability=np.array([0.5, 0.5, 0.0, 0.0]),
    )  # fmt: skip
    groups = pd.DataFrame({"gender": pd.Categorical(["m", "m", "f", "f"], ["m", "f"])})
    endpoint = Endpoint(rate="calibration", measure="observed_expected", low=0.8, high=1.25, over="pooled")
    facts = compare(build_cube(rows, groups, events=("event",)), endpoint, references={"gender": "m"})
    assert {fact["group"]: fact["n_needed"] for fact in facts}["f"] is None
