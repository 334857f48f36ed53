"""What a release said of customers, counted per group: worked by hand on three customers."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.taxonomy import default_taxonomy
from training.fairness import observing
from training.fairness.cube import Cube
from training.fairness.policy import default_fairness_policy

COLUMNS = {
    "origin_class": "dutch", "born_abroad": "false", "religion": "none", "gender": "f", "age_band": "35-54",
    "income_quintile": "3", "household": "single", "language_of_texts": "dutch", "cash_heavy": "false",
    "pay_period": "monthly",
}  # fmt: skip


def table(rows: list[tuple[str, ...]], *names: str) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(names))
    return frame.assign(**{name: pd.to_datetime(frame[name]) for name in names if name.endswith(("_date", "_on"))})


@pytest.fixture
def observed() -> observing.Observed:
    """Anna (m) had a child and was told so five days late; Bea's child was missed and she got a false trip."""
    bookings = table(
        [(c, d, f"{c}{d}") for c in ("anna", "bea", "carl") for d in ("2026-01-01", "2026-07-02")],
        "customer_id", "booking_date", "booking_id",
    )  # fmt: skip
    found = table(
        [("anna", "child_birth", "2026-03-06"), ("bea", "travel_booked", "2026-03-01"),
         ("bea", "job_loss", "2026-04-01")],
        "customer_id", "event", "detected_on",
    ).assign(probability=[0.9, 0.6, 0.5])  # fmt: skip
    truth = table(
        [(c, "child_birth", "2026-03-01", "2026-06-01") for c in ("anna", "bea")],
        "customer_id", "event", "first_detectable_date", "last_useful_date",
    )  # fmt: skip
    answered = pd.DataFrame(
        {
            "label": ["child_birth", "screened", "child_birth", "none", "screened", "none"],
            "abstained": [False, False, True, False, False, False],
        }
    )
    vault = pd.DataFrame([{"customer_id": name, **COLUMNS} for name in ("anna", "bea")])
    vault.loc[0, "gender"] = "m"
    asked: Any = SimpleNamespace(bookings=bookings, answers=answered, detections=found)
    return observing.observe(
        asked, truth, vault, default_taxonomy(), default_fairness_policy(),
        to_screen=np.array([False, True, False, True, False, False]),
    )  # fmt: skip


def count(cube: Cube, statistic: str, group: str, event: str) -> float:
    at = list(cube).index(("gender", group))
    return float(cube.pooled.sums[statistic][at, cube.events.index(event)])


def test_a_true_event_counts_for_its_customer_and_a_false_one_is_an_answer_too(observed: observing.Observed) -> None:
    cube = observed.cube
    assert [count(cube, name, "m", "child_birth") for name in ("true", "both", "offered", "days")] == [1, 1, 1, 5]
    assert [count(cube, name, "f", "child_birth") for name in ("true", "both", "offered")] == [1, 0, 0]
    assert [count(cube, name, "f", "travel_booked") for name in ("true", "predicted", "offered_false")] == [0, 1, 1]
    assert count(cube, "probability", "m", "child_birth") == pytest.approx(0.9)


def test_care_is_told_but_is_no_offer(observed: observing.Observed) -> None:
    assert [count(observed.cube, name, "f", "job_loss") for name in ("predicted", "offered")] == [1, 0]


def test_doubt_counts_where_nothing_came_of_it(observed: observing.Observed) -> None:
    assert count(observed.cube, "abstained", "f", "child_birth") == 1
    assert count(observed.cube, "abstained", "m", "child_birth") == 0


def test_a_customer_outside_the_vault_is_of_no_group(observed: observing.Observed) -> None:
    assert observed.cube.unknown["gender"] == 1
    assert int(observed.cube.pooled.customers[list(observed.cube.rows_of("gender"))].sum()) == 2


def test_units_are_the_months_that_a_customer_was_seen(observed: observing.Observed) -> None:
    assert count(observed.cube, "units", "m", "child_birth") == pytest.approx(182 / (365.25 / 12))


def test_screening_is_counted_in_bookings(observed: observing.Observed) -> None:
    cube = observed.screening
    assert cube is not None
    counted = {
        group: [count(cube, name, group, "bookings") for name in ("to_screen", "rightly_screened", "wrongly_screened")]
        for group in ("m", "f")
    }
    assert counted == {"m": [1, 1, 0], "f": [1, 0, 0]}
