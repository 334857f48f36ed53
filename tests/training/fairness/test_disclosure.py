"""No cell of fewer than ten leaves, and an attacker with all that is published cannot find one."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from training.fairness.cube import Cube, Rows, build_cube
from training.fairness.disclosure import _suppress, find_hidden, hide_facts, publishable
from training.fairness.metrics import Endpoint, compare
from training.fairness.verdicts import give_verdicts


def cube_of(groups: pd.DataFrame, *, events: int = 2, seed: int = 0) -> Cube:
    rng = np.random.default_rng(seed)
    n = len(groups) * events
    true = rng.random(n) < 0.2
    customer, event = np.repeat(np.arange(len(groups)), events), np.tile(np.arange(events), len(groups))
    rows = Rows(customer=customer, event=event, true=true, predicted=true & (rng.random(n) < 0.8))
    return build_cube(rows, groups, events=[f"e{number}" for number in range(events)])


def group_of(**sizes: int) -> pd.Series:
    return pd.Series(np.repeat(list(sizes), list(sizes.values())))


def shown(rows: list[dict[str, object]], rate: str, group: str, event: str = "e0") -> dict[str, object]:
    return next(r for r in rows if r["rate"] == rate and r["group"] == group and r["event"] == event)


def test_a_group_of_nine_is_never_printed_nor_to_be_had_by_subtraction() -> None:
    rows = publishable(cube_of(pd.DataFrame({"g": group_of(large=500, middle=60, nine=9)})))
    assert shown(rows, "offer_rate", "nine") == {
        "rate": "offer_rate", "event": "e0", "ground": "g", "group": "nine", "n": None, "part": None,
    }  # fmt: skip
    # The total of 569 is known from any other ground, so the next smallest goes too.
    assert shown(rows, "offer_rate", "middle")["n"] is None
    assert shown(rows, "offer_rate", "large")["n"] == 500
    json.dumps(rows, allow_nan=False)


def test_a_number_from_ten_is_shown_and_a_rate_from_thirty() -> None:
    rows = publishable(cube_of(pd.DataFrame({"g": group_of(a=500, b=29, c=28, d=30)}), events=1))
    assert [shown(rows, "offer_rate", group)["n"] for group in "abcd"] == [500, 29, 28, 30]
    assert [shown(rows, "offer_rate", group)["part"] is None for group in "abcd"] == [False, True, True, False]


def test_a_merged_group_does_not_give_away_the_part_that_is_hidden() -> None:
    fine = group_of(none=500, protestant=40, muslim=60, other=9)
    merged = fine.replace({"none": "christian_or_none", "protestant": "christian_or_none"})
    merged = merged.replace({"muslim": "muslim_or_other", "other": "muslim_or_other"})
    cube = cube_of(pd.DataFrame({"religion": fine, "merged": merged}), events=1)
    unions = {
        ("merged", "christian_or_none"): (("religion", "none"), ("religion", "protestant")),
        ("merged", "muslim_or_other"): (("religion", "muslim"), ("religion", "other")),
    }
    at = {cell: number for number, cell in enumerate(cube)}
    # Without knowing it, muslims (60) and both together (69) are shown, and nine can be had by subtraction.
    open_door = find_hidden(cube).numbers["units"][:, 0]
    assert not open_door[[at["religion", "muslim"], at["merged", "muslim_or_other"]]].any()
    hidden = find_hidden(cube, unions=unions).numbers["units"][:, 0]
    assert hidden[at["religion", "other"]]
    assert hidden[at["religion", "muslim"]] or hidden[at["merged", "muslim_or_other"]]


def test_groups_of_nobody_are_zero_and_not_secret() -> None:
    groups = pd.DataFrame({"g": group_of(a=50, b=60).astype(pd.CategoricalDtype(["a", "b", "empty"]))})
    assert shown(publishable(cube_of(groups)), "offer_rate", "empty")["n"] == 0


def test_two_hidden_groups_of_fewer_than_ten_together_are_not_enough() -> None:
    rows = publishable(cube_of(pd.DataFrame({"g": group_of(a=500, b=100, c=3, d=4)})))
    assert [shown(rows, "offer_rate", group)["n"] for group in "abcd"] == [500, None, None, None]


@pytest.mark.parametrize("seed", range(6))
def test_an_attacker_with_all_sums_cannot_pin_a_hidden_cell_down(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = pd.DataFrame(
        {"a": rng.choice(["x", "y", "z"], 160, p=[0.8, 0.15, 0.05]), "b": rng.choice(["m", "f"], 160)}
    )
    groups["a*b"] = groups["a"] + "*" + groups["b"]
    cube = cube_of(groups, events=3, seed=seed)
    hidden = find_hidden(cube).numbers["true"]
    truth = np.column_stack([cube.pooled.sums["true"], cube.pooled.sums["true"].sum(axis=1)])
    assert hidden[(truth > 0) & (truth < 10)].all()
    # All that can be known: visible cells, totals of every ground (the same people), of events, and of intersections.
    cells = list(cube)
    at = np.arange(truth.size).reshape(truth.shape)
    equations, right = [], []

    def add(plus: list[int], minus: list[int], value: float) -> None:
        row = np.zeros(truth.size)
        row[plus], row[minus] = 1, -1
        equations.append(row)
        right.append(value)

    for cell in np.flatnonzero(~hidden.ravel()):
        add([cell], [], truth.ravel()[cell])
    for column in range(4):
        for ground in cube.grounds:
            rows = list(cube.rows_of(ground))
            add(at[rows, column].tolist(), [], truth[rows, column].sum())
        for parent, name in cells:
            children = [i for i, (g, n) in enumerate(cells) if g == "a*b" and parent != "a*b" and name in n.split("*")]
            if children:
                add(at[children, column].tolist(), [int(at[cells.index((parent, name)), column])], 0.0)
    for row in range(len(cells)):
        add(at[row, :3].tolist(), [int(at[row, 3])], 0.0)
    for cell in np.flatnonzero(hidden.ravel() & (truth.ravel() > 0)):
        aim = np.zeros(truth.size)
        aim[cell] = 1
        ends = [linprog(sign * aim, A_eq=np.array(equations), b_eq=right).fun * sign for sign in (1, -1)]
        assert ends[1] - ends[0] > 0.5, (cells[cell // 4], cell % 4)


def test_facts_of_hidden_cells_hold_no_figure() -> None:
    cube = cube_of(pd.DataFrame({"g": group_of(large=900, middle=300, nine=9)}))
    endpoint = Endpoint(rate="offer_rate", measure="ratio", low=0.8, high=1.25)
    facts = give_verdicts(compare(cube, endpoint, references={"g": "large"}))
    printed = hide_facts(facts, find_hidden(cube))
    nine = [fact for fact in printed if fact["group"] == "nine"]
    assert nine
    for fact in nine:
        assert (fact["n"], fact["n_against"], fact["point"], fact["interval"]) == (None, None, None, None)
        assert fact["verdict"] == "NOT ESTABLISHED"
    assert [fact for fact in printed if fact["group"] == "large"] == [
        fact for fact in facts if fact["group"] == "large"
    ]


def test_cells_that_only_several_sums_together_give_away_are_hidden_too() -> None:
    # Three known sums of two hidden cells each: x + y, y + z, x + z have one solution. A fourth cell makes them open.
    n = np.array([[15.0, 16.0, 17.0, 40.0]])
    lines = [(np.array(line), True) for line in ([0, 1, 3], [1, 2, 3], [0, 2, 3])]
    hidden = _suppress(n, np.array([[True, True, True, False]]), lines, least=0)
    assert hidden.all()


def test_a_lone_hidden_cell_takes_the_smallest_other_with_it() -> None:
    n = np.array([[5.0, 90.0, 40.0]])
    assert _suppress(n, n < 10, [(np.arange(3), True)], least=10).tolist() == [[True, False, True]]


def test_nine_people_with_many_events_stay_nine_people() -> None:
    rows = publishable(cube_of(pd.DataFrame({"g": group_of(large=500, middle=60, nine=9)}), events=4))
    assert shown(rows, "offer_rate", "nine", "all")["n"] is None
