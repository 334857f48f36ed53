"""What points are learned as, and thresholds that fit a population."""

import numpy as np
import pandas as pd
import pytest

from models.event_learning import choose_threshold, make_examples, natural_weight
from models.points import FEATURES, MISSING, Points


def points(*rows: tuple[int, int], sign: bool) -> Points:
    """Points (customer, day) of one event: single bookings that are signs, or members of a series."""
    matrix = np.full((len(rows), len(FEATURES)), MISSING, dtype=np.float32)
    matrix[:, FEATURES.index("probability_max")] = 1.0 if sign else MISSING
    customer, day = (np.array([row[at] for row in rows], dtype=np.int64) for at in (0, 1))
    return Points(("move",), customer, np.zeros(len(rows), np.int64), day, np.zeros((len(rows), 3), np.int64), matrix)


def truth(*rows: tuple[int, int, int]) -> pd.DataFrame:
    """True events (customer, first detectable day, last useful day)."""
    return pd.DataFrame(
        {
            "customer": [row[0] for row in rows],
            "first_detectable_date": pd.to_datetime([row[1] for row in rows], unit="D"),
            "last_useful_date": pd.to_datetime([row[2] for row in rows], unit="D"),
        }
    )


# The event is told on day 100 and useful until 200; from day 160 on (60 days) a point tells nothing new.
@pytest.mark.parametrize(("sign", "late_weight"), [(True, 0.0), (False, 1.0)])
def test_late_signs_are_left_out_and_a_series_that_goes_on_is_no_second_event(sign: bool, late_weight: float) -> None:
    mine = points((0, 99), (0, 100), (0, 160), (0, 161), (0, 201), sign=sign)
    examples = make_examples(mine, truth((0, 100, 200)), customers=1, views=1, early=np.zeros(5, dtype=bool))
    assert examples.labels.tolist() == [0, 1, 1, 0, 0]
    assert examples.weights.tolist() == [1.0, 1.0, 1.0, late_weight, 1.0]


def test_a_series_that_is_seen_late_only_proves_nothing() -> None:
    mine = points((0, 170), sign=False)
    examples = make_examples(mine, truth((0, 100, 200)), customers=1, views=1, early=np.zeros(1, dtype=bool))
    assert (examples.labels.tolist(), examples.weights.tolist()) == ([0], [0.0])


def test_events_count_for_less_where_training_holds_more_than_a_bank_sees() -> None:
    # 11 births per 1,000 adults and year: in 500 customer-years 5.5, and training has 22.
    assert natural_weight("child_birth", 22, 500.0) == pytest.approx(0.25)
    assert natural_weight("child_birth", 2, 500.0) == 1.0
    assert natural_weight("unheard_of", 22, 500.0) == 1.0
    assert natural_weight("child_birth", 22, 0.0) == 1.0


def test_a_threshold_for_a_population_is_higher_where_strangers_score_too() -> None:
    # Twenty customers with the event score .5, as do two without it; twenty others with it score .7.
    rows = [(customer, 100) for customer in range(42)]
    mine = points(*rows, sign=True)
    events = truth(*((customer, 100, 120) for customer in range(40)))
    examples = make_examples(mine, events, customers=42, views=1, early=np.zeros(42, dtype=bool))
    scores = np.array([0.5] * 20 + [0.7] * 20 + [0.5] * 2)
    # As many events as in training: 40 hits and 2 false ones (F1 .98) beat 20 hits (F1 .67).
    assert choose_threshold(examples, scores, 1.0)[0] <= 0.5
    # A fiftieth of it: 0.8 hits and 2 false ones (F1 .44) lose to 0.4 hits (F1 .67).
    assert choose_threshold(examples, scores, 0.02)[0] > 0.5
    # Each is told once in any case, so all numbers of quiet days are as good: the most are taken, of those that may be.
    assert choose_threshold(examples, scores, 1.0)[1] == 365
    assert choose_threshold(examples, scores, 1.0, most_quiet=30)[1] == 30


def test_a_threshold_rises_where_more_than_a_tenth_would_be_false() -> None:
    # 40 hits and 5 false below .58 (F1 .94), 36 hits and none false above it (F1 .95): as good, but for the false ones.
    rows = [(customer, 100) for customer in range(45)]
    events = truth(*((customer, 100, 120) for customer in range(40)))
    examples = make_examples(points(*rows, sign=True), events, customers=45, views=1, early=np.zeros(45, dtype=bool))
    often_false = np.array([0.58] * 4 + [0.7] * 36 + [0.58] * 5)
    seldom_false = np.array([0.58] * 4 + [0.7] * 36 + [0.58] * 3 + [0.1] * 2)
    assert choose_threshold(examples, seldom_false, 1.0)[0] < 0.58 < choose_threshold(examples, often_false, 1.0)[0]


def test_in_a_view_of_a_part_what_nothing_speaks_to_is_no_event_to_find() -> None:
    # View 0 shows both customers' events, view 1 (customers 2 and 3) only the first one's.
    mine = points((0, 100), (1, 100), (2, 100), (3, 300), sign=True)
    events = truth((0, 90, 120), (1, 90, 120))
    early = np.zeros(4, dtype=bool)
    examples = make_examples(mine, events, customers=2, views=2, early=early, partial=1)
    assert examples.labels.tolist() == [1, 1, 1, 0]
    assert sorted(examples.spans.group.tolist()) == [0, 1, 2]
    assert examples.true_events == 2
    whole = make_examples(mine, events, customers=2, views=2, early=early)
    assert sorted(whole.spans.group.tolist()) == [0, 1, 2, 3]
