"""Tables rounded to ten: the worst that rounding leaves open, and tables that are none."""

import itertools

import pandas as pd
import pytest

from models.errors import UnreadableDataError
from training.fairness.comparison import list_pairs, two_sides
from training.fairness.intervals import koopman_ratio
from training.fairness.metrics import Endpoint, compare
from training.fairness.rounded import build_table_cube

RATIO = Endpoint(rate="offer_rate", measure="ratio", low=0.8, high=1.25)


def table(*rows: tuple[str, int, int]) -> pd.DataFrame:
    made = pd.DataFrame(rows, columns=["group", "units", "offered"])
    return made.assign(event="control", ground="origin")


def test_the_interval_holds_those_of_all_counts_that_round_to_the_table() -> None:
    cube = build_table_cube(table(("dutch", 1000, 50), ("other", 200, 20)))
    fact = next(f for f in compare(cube, RATIO, references={"origin": "dutch"}) if f["against"] == "reference")
    assert fact["point"] == pytest.approx(2.0)
    for a, n, b, m in itertools.product((15, 20, 24), (195, 200, 205), (45, 50, 55), (995, 1004)):
        low, high = koopman_ratio(a / n, n, b / m, m, confidence=0.90)
        assert fact["interval"][0] <= low[0] + 1e-9
        assert fact["interval"][1] >= high[0] - 1e-9
    exact = compare(
        build_table_cube(table(("dutch", 1000, 50), ("other", 200, 20)), rounding=1),
        RATIO,
        references={"origin": "dutch"},
    )
    narrow = next(f for f in exact if f["against"] == "reference")["interval"]
    assert fact["interval"][0] < narrow[0] < narrow[1] < fact["interval"][1]


def test_a_published_zero_may_be_five() -> None:
    cube = build_table_cube(table(("dutch", 1000, 50), ("other", 200, 0)))
    fact = next(f for f in compare(cube, RATIO, references={"origin": "dutch"}) if f["against"] == "reference")
    assert fact["interval"][0] == 0
    assert fact["interval"][1] > 0.5


def test_the_rest_is_as_doubtful_as_all_its_cells() -> None:
    cube = build_table_cube(table(("dutch", 1000, 50), ("a", 200, 20), ("b", 200, 20)))
    pairs = list_pairs(cube, references={"origin": "dutch"})
    _, rest, _ = two_sides(cube.pooled, "offer_rate", pairs, over="each")
    at = next(i for i, pair in enumerate(pairs) if pair.group == "dutch")
    assert rest.whole_slack[at, 0] == 10


@pytest.mark.parametrize(
    "wrong",
    [
        table(("dutch", 1001, 50), ("other", 200, 20)),
        table(("dutch", -10, 0), ("other", 200, 20)),
        table(("dutch", 1000, 50), ("dutch", 200, 20)),
        table(("dutch", 1000, 50)).drop(columns=["units", "offered"]),
    ],
)
def test_tables_that_are_not_as_said_are_refused(wrong: pd.DataFrame) -> None:
    with pytest.raises(UnreadableDataError):
        build_table_cube(wrong)
