"""The count cube against counting by hand and by pandas; its sums over customers against the customers."""

import numpy as np
import pandas as pd
import pytest

from models.errors import UsageError
from training.fairness.comparison import Pair, list_pairs, two_sides
from training.fairness.cube import RATES, Cube, Rows, add_cubes, build_cube
from training.intervals import ClusterSums, effective_n

EVENTS = ("move", "car")


def small_rows() -> tuple[Rows, pd.DataFrame]:
    """Customer 0 moves (told after 4 days) and buys a car (missed), 1 gets a false car offer, 2 moves (told)."""
    rows = Rows(
        customer=np.array([0, 0, 1, 2]),
        event=np.array([0, 1, 1, 0]),
        true=np.array([True, True, False, True]),
        predicted=np.array([True, False, True, True]),
        offered=np.array([True, False, True, False]),
        abstained=np.array([False, True, False, False]),
        probability=np.array([0.9, 0.4, 0.6, 0.8]),
        days=np.array([4.0, np.nan, np.nan, 6.0]),
    )
    groups = pd.DataFrame({"gender": ["f", "m", "f", None], "age": ["old", "old", "young", "young"]})
    return rows, groups


def at(cube: Cube, statistic: str, group: str, event: str) -> float:
    number = [name for _, name in cube].index(group)
    return float(cube.pooled.sums[statistic][number, cube.events.index(event)])


def test_counts_are_those_made_by_hand() -> None:
    cube = build_cube(*small_rows(), events=EVENTS)
    assert dict(cube.grounds) == {"gender": ("f", "m"), "age": ("old", "young")}
    assert dict(cube.unknown) == {"gender": 1, "age": 0}
    assert cube.pooled.customers.tolist() == [2, 1, 2, 2]
    assert [at(cube, "true", group, "move") for group in ("f", "m", "old", "young")] == [2, 0, 1, 1]
    assert [at(cube, "both", group, "move") for group in ("f", "m", "old", "young")] == [2, 0, 1, 1]
    assert (at(cube, "offered", "f", "move"), at(cube, "offered_true", "f", "move")) == (1, 1)
    assert (at(cube, "offered_false", "m", "car"), at(cube, "offered_false", "f", "car")) == (1, 0)
    assert at(cube, "abstained", "old", "car") == 1
    assert at(cube, "units", "young", "car") == 2
    assert at(cube, "probability", "f", "move") == pytest.approx(1.7)
    assert at(cube, "days", "f", "move") == 10
    # Squares of days: 16 + 36, of two customers.
    assert cube.pooled.grams["days_to_detect"][0, 0, 0, 0] == 52


def test_customers_of_no_group_are_counted_nowhere() -> None:
    rows, groups = small_rows()
    none = groups.assign(gender=["f", "m", None, None])
    cube = build_cube(rows, none, events=EVENTS)
    assert [at(cube, "true", group, "move") for group in ("f", "m")] == [1, 0]
    assert cube.pooled.grams["recall"][2, :2, 0, 0].tolist() == [1, 0]


def test_sums_over_customers_give_the_design_effect_that_rows_give() -> None:
    rng = np.random.default_rng(3)
    customers, n = 60, 900
    customer, event = rng.integers(0, customers, n), rng.integers(0, 2, n)
    groups = pd.DataFrame({"g": rng.choice(["a", "b"], customers)})
    luck = rng.random(customers)
    true = rng.random(n) < 0.5
    rows = Rows(customer=customer, event=event, true=true, predicted=true & (rng.random(n) < luck[customer]))
    cube = build_cube(rows, groups, events=EVENTS)
    one, other, _ = two_sides(cube.pooled, "recall", list_pairs(cube, references={"g": "a"}), over="each")
    table = pd.DataFrame({"c": customer, "e": event, "w": rows.true, "p": rows.predicted})
    for number, name in ((0, "a"), (1, "b")):
        mine = table[table["c"].isin(np.flatnonzero(groups["g"] == name)) & (table["e"] == 1)]
        part, whole = (mine.groupby("c")[column].sum().to_numpy(dtype=float) for column in ("p", "w"))
        part, whole = part[whole > 0], whole[whole > 0]
        sums = ClusterSums(part.sum(), whole.sum(), part @ part, part @ whole, whole @ whole, len(whole))
        expected = float(effective_n(sums))
        side = other if number == 0 else one  # b is compared with a
        assert side.n[0, 1] == pytest.approx(expected)
        assert side.whole[0, 1] > 1.2 * expected  # customers do hang together here


def test_cubes_of_two_parts_of_the_customers_add_up_to_that_of_all() -> None:
    rows, groups = small_rows()
    groups = groups.astype("category")
    whole = build_cube(rows, groups, events=EVENTS)
    parts = []
    for begin, end in ((0, 1), (1, 4)):
        mine = (rows.customer >= begin) & (rows.customer < end)
        part = {name: values[mine] for name, values in vars(rows).items() if values is not None}
        part["customer"] = part["customer"] - begin
        parts.append(build_cube(Rows(**part), groups[begin:end].reset_index(drop=True), events=EVENTS))
    both = add_cubes(*parts)
    assert (both.events, both.grounds, both.unknown) == (whole.events, whole.grounds, whole.unknown)
    for mine, of_all in ((both.pooled, whole.pooled), (both.periods["all"], whole.periods["all"])):
        assert mine.customers.tolist() == of_all.customers.tolist()
        for name in ("sums", "grams", "holders"):
            assert set(getattr(mine, name)) == set(getattr(of_all, name))
            for key, values in getattr(mine, name).items():
                np.testing.assert_allclose(values, getattr(of_all, name)[key], rtol=1e-12)
    with pytest.raises(UsageError, match="added"):
        add_cubes(whole, build_cube(rows, groups[["age"]], events=EVENTS))


def test_a_macro_average_has_the_variance_of_its_customers() -> None:
    rng = np.random.default_rng(4)
    customers = 400
    true = rng.random((customers, 2)) < np.array([0.5, 0.3])
    lucky = rng.random(customers) < 0.6
    predicted = true & (lucky[:, None] | (rng.random((customers, 2)) < 0.2))
    event, customer = np.tile([0, 1], customers), np.repeat(np.arange(customers), 2)
    rows = Rows(customer=customer, event=event, true=true.ravel(), predicted=predicted.ravel())
    cube = build_cube(rows, pd.DataFrame({"g": ["a"] * customers}), events=EVENTS)
    pair = Pair(ground="g", group="a", against="rest", other="", rows=(0,), other_rows=())
    side, _, _ = two_sides(cube.pooled, "recall", [pair], over="macro", least=0)
    shares = predicted.sum(axis=0) / true.sum(axis=0)
    assert side.share[0, 0] == pytest.approx(shares.mean())
    residual = ((predicted - shares * true) / true.sum(axis=0) / 2).sum(axis=1)
    assert side.variance[0, 0] == pytest.approx(residual @ residual * customers / (customers - 1))
    # Of n = 4 / (1 / W1 + 1 / W2) independent ones, by how much more the average varies than if they were.
    whole = true.sum(axis=0)
    independent = (shares * (1 - shares) / (whole - 1)).sum() / 4
    expected = 4 / (1 / whole).sum() / (residual @ residual * customers / (customers - 1) / independent)
    assert side.n[0, 0] == pytest.approx(expected)
    assert side.n[0, 0] < 0.9 * 4 / (1 / whole).sum()


def test_periods_add_up_to_all_of_them() -> None:
    rng = np.random.default_rng(5)
    n, customers = 500, 50
    rows = Rows(
        customer=rng.integers(0, customers, n), event=rng.integers(0, 2, n), true=rng.random(n) < 0.4,
        predicted=rng.random(n) < 0.4, period=rng.integers(0, 3, n), probability=rng.random(n),
        to_screen=rng.random(n) < 0.2, screened=rng.random(n) < 0.2,
    )  # fmt: skip
    groups = pd.DataFrame({"g": rng.choice(["a", "b", "c"], customers)})
    cube = build_cube(rows, groups, events=EVENTS, periods=("jan", "feb", "mar"), exposure=np.full((customers, 3), 9.0))
    assert list(cube.periods) == ["jan", "feb", "mar"]
    for name, total in cube.pooled.sums.items():
        assert sum(part.sums[name] for part in cube.periods.values()) == pytest.approx(total), name
    # By pandas, one cell of one month.
    frame = pd.DataFrame(
        {"g": groups["g"].to_numpy()[rows.customer], "e": rows.event, "p": rows.period, "t": rows.true}
    )
    assert cube.periods["feb"].sums["true"][2, 1] == frame.query("g == 'c' and e == 1 and p == 1")["t"].sum()
    assert cube.pooled.sums["not_to_screen"].sum() + cube.pooled.sums["to_screen"].sum() == customers * 27 * 2


def test_every_product_is_that_of_the_customers_matrices() -> None:
    rng = np.random.default_rng(6)
    customers, n = 40, 300
    rows = Rows(
        customer=rng.integers(0, customers, n), event=rng.integers(0, 2, n), true=rng.random(n) < 0.4,
        predicted=rng.random(n) < 0.4, probability=rng.random(n), abstained=rng.random(n) < 0.1,
        days=rng.integers(0, 9, n).astype(float),
    )  # fmt: skip
    codes = rng.integers(0, 2, customers)
    cube = build_cube(rows, pd.DataFrame({"g": np.array(["a", "b"])[codes]}), events=EVENTS)

    def matrix(values: np.ndarray) -> np.ndarray:
        made = np.zeros((customers, 2))
        np.add.at(made, (rows.customer, rows.event), values.astype(float))
        return made

    assert rows.probability is not None
    by_hand = {
        "calibration": (matrix(rows.true), matrix(rows.probability)),
        "recall": (matrix(rows.true & rows.predicted), matrix(rows.true)),
        "offer_rate": (matrix(rows.predicted), np.ones((customers, 2))),
    }
    for rate, (part, whole) in by_hand.items():
        for group in (0, 1):
            a, b = part[codes == group], whole[codes == group]
            for number, (left, right) in enumerate(((a, a), (a, b), (b, b))):
                assert cube.pooled.grams[rate][number, group] == pytest.approx(left.T @ right), (rate, number)


def test_rows_that_cannot_be_counted_are_refused() -> None:
    rows, groups = small_rows()
    with pytest.raises(UsageError, match="customer outside 0 to 3"):
        build_cube(
            Rows(customer=np.array([4]), event=np.array([0]), true=np.array([True]), predicted=np.array([True])),
            groups,
            events=EVENTS,
        )
    with pytest.raises(UsageError, match="true must be true or false"):
        build_cube(
            Rows(customer=np.array([0]), event=np.array([0]), true=np.array(["yes"]), predicted=np.array([True])),
            groups,
            events=EVENTS,
        )
    with pytest.raises(UsageError, match="several periods"):
        build_cube(rows, groups, events=EVENTS, periods=("jan", "feb"))


def test_all_rates_are_counted_when_all_is_given() -> None:
    rows, groups = small_rows()
    no = np.zeros(4, dtype=bool)
    whole = Rows(**{**vars(rows), "to_screen": no, "screened": no})
    assert set(build_cube(whole, groups, events=EVENTS).pooled.rates) == set(RATES)
