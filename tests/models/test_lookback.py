"""Arithmetic that looks back, held against the plain loops it stands for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.lookback import (
    Runs,
    counts_within,
    day_keys,
    distinct_within,
    expand,
    group_starts,
    largest_within,
    last_at_or_before,
    last_other,
    median_of_known,
    sums_within,
    window_starts,
)

ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(0, 2)), max_size=30).map(sorted)


def columns(rows: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]


@given(ROWS, st.integers(0, 20))
def test_a_window_holds_what_the_group_did_in_the_last_days(rows: list[tuple[int, int, int]], back: int) -> None:
    group, day, kind = columns(rows)
    near = window_starts(day_keys(group, day), group_starts(group), back)
    windows = [[j for j in range(i + 1) if group[j] == group[i] and day[j] >= day[i] - back] for i in range(len(rows))]
    assert near.tolist() == [window[0] for window in windows]
    before = Runs(group, kind).back(1)
    assert distinct_within(near, before).tolist() == [len({kind[j] for j in window}) for window in windows]
    assert counts_within(near, kind == 1).tolist() == [sum(kind[j] == 1 for j in window) for window in windows]
    assert largest_within(near, kind).tolist() == [max(kind[j] for j in window) for window in windows]
    sums = [sum(kind[j] / 2 for j in window) for window in windows]
    assert sums_within(near, kind / 2).tolist() == pytest.approx(sums)


@given(ROWS)
def test_runs_know_what_came_before_with_the_same_keys(rows: list[tuple[int, int, int]]) -> None:
    group, _, kind = columns(rows)
    runs = Runs(group, kind)
    alike = [[j for j in range(i) if (group[j], kind[j]) == (group[i], kind[i])] for i in range(len(rows))]
    assert runs.rank.tolist() == [len(before) for before in alike]
    assert runs.first.tolist() == [(before or [i])[0] for i, before in enumerate(alike)]
    assert runs.back(2).tolist() == [before[-2] if len(before) > 1 else -1 for before in alike]
    others = [[j for j in range(i) if group[j] == group[i] and kind[j] != kind[i]] for i in range(len(rows))]
    assert last_other(group, kind).tolist() == [before[-1] if before else -1 for before in others]


@given(ROWS, st.integers(0, 3), st.integers(-5, 45))
def test_the_last_of_a_group_by_a_day_is_found(rows: list[tuple[int, int, int]], asked: int, by: int) -> None:
    group, day, _ = columns(rows)
    found = last_at_or_before(day_keys(group, day), np.array([asked]), np.array([by]), group)
    known = [i for i in range(len(rows)) if group[i] == asked and day[i] <= by]
    assert found.tolist() == [known[-1] if known else -1]


def test_pairs_are_made_in_order_and_empty_ranges_make_none() -> None:
    owner, member = expand(np.array([0, 3, 1]), np.array([2, 3, 4]))
    assert owner.tolist() == [0, 0, 2, 2, 2]
    assert member.tolist() == [0, 1, 1, 2, 3]


def test_a_median_leaves_out_what_is_not_known() -> None:
    table = np.array([[3.0, np.nan, 1.0], [5.0, 1.0, 2.0], [np.nan, np.nan, np.nan]])
    np.testing.assert_array_equal(median_of_known(table), [2.0, 2.0, np.nan])


def test_a_share_summed_does_not_depend_on_what_stands_before_it() -> None:
    shares = np.array([0.1, 0.7, 0.3])
    alone = sums_within(np.array([0, 0, 0]), shares)[-1]
    behind = sums_within(np.array([0, 1, 2, 3, 3, 3]), np.concatenate([[0.9, 0.01, 0.123], shares]))[-1]
    assert alone == behind
