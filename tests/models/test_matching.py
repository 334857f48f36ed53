"""Hits one to one and detections after quiet days, held against plain loops."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from models.matching import Spans, choose_detections, match_hits

DAYS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 60)), max_size=20, unique=True).map(sorted)
TRUTH = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 60), st.integers(0, 30)), max_size=8)


@given(found=DAYS, true=TRUTH)
def test_hits_of_many_groups_are_those_of_each_group(
    count_hits: Callable[..., int], found: list[tuple[int, int]], true: list[tuple[int, int, int]]
) -> None:
    begin = pd.to_datetime([day for _, day, _ in true], unit="D")
    end = pd.to_datetime([day + length for _, day, length in true], unit="D")
    truth = pd.DataFrame({"first_detectable_date": begin, "last_useful_date": end})
    spans = Spans.from_truth(np.array([group for group, _, _ in true], dtype=np.int64), truth)
    groups, days = (np.array([row[at] for row in found], dtype=np.int64) for at in (0, 1))
    hits = match_hits(groups, days, spans)
    for group in range(3):
        mine = [(day, day + length) for g, day, length in true if g == group]
        assert (hits[groups == group] >= 0).sum() == count_hits(days[groups == group].tolist(), mine)
    taken = hits[hits >= 0]
    assert len(set(taken.tolist())) == len(taken)


@given(DAYS, st.integers(0, 25))
def test_a_detection_keeps_its_group_quiet_for_a_while(points: list[tuple[int, int]], quiet: int) -> None:
    groups, days = (np.array([row[at] for row in points], dtype=np.int64) for at in (0, 1))
    made: list[int] = []
    for at, (group, day) in enumerate(points):
        if not made or points[made[-1]][0] != group or day - points[made[-1]][1] > quiet:
            made.append(at)
    assert choose_detections(groups, days, np.full(len(points), quiet)).tolist() == made
