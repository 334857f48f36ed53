"""Clusters without groups: a planted pocket of errors is found on people it was not learned from, chance is not."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from training.fairness.clusters import cluster_errors
from training.fairness.policy import default_fairness_policy

POLICY = default_fairness_policy()


def bank(
    customers: int, *, missed_of_the_busy: float, seed: int = 2
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Bookings, detections and truth; a quarter of the customers books six times as often."""
    rng = np.random.default_rng(seed)
    names = np.array([f"c{at:04d}" for at in range(customers)], dtype=object)
    busy = np.arange(customers) % 4 == 0
    often = np.where(busy, 60, 10)
    owner = np.repeat(names, often)
    first = pd.Timestamp("2026-01-01")
    days = np.concatenate([np.linspace(0, 300, n).astype(int) for n in often])
    bookings = pd.DataFrame(
        {
            "customer_id": owner, "booking_date": first + pd.to_timedelta(days, unit="D"),
            "amount": rng.lognormal(3, 1, len(owner)), "counterparty_name": "shop",
            "credit_debit_indicator": np.where(rng.random(len(owner)) < 0.2, "CRDT", "DBIT"),
        }
    )  # fmt: skip
    truth = pd.DataFrame({"customer_id": names, "event": "rental_move", "first_detectable_date": first,
                          "last_useful_date": first + pd.Timedelta(days=60)})  # fmt: skip
    told = rng.random(customers) >= np.where(busy, missed_of_the_busy, 0.10)
    found = pd.DataFrame({"customer_id": names[told], "event": "rental_move", "detected_on": first})
    return bookings, found, truth


def told(**changes: Any) -> dict[str, Any] | None:
    bookings, found, truth = bank(changes.pop("customers", 800), **changes)
    return cluster_errors(bookings, found, truth, POLICY, seed=1)


def test_a_pocket_of_errors_is_found_and_described_by_what_sets_it_apart() -> None:
    facts = told(missed_of_the_busy=0.50)
    assert facts is not None
    worst = facts["rows"][0]
    assert worst["signal"]
    assert worst["share"] == pytest.approx(0.5, abs=0.15)
    assert worst["share_against"] == pytest.approx(0.1, abs=0.08)
    assert worst["interval"][0] > 0.2
    assert "bookings_per_month" in {one["feature"] for one in worst["apart"]}
    assert sum(row["customers"] for row in facts["rows"]) <= facts["customers"] == 400


def test_where_errors_are_chance_nothing_is_a_signal() -> None:
    signals = [told(missed_of_the_busy=0.10, seed=seed) for seed in range(6)]
    assert not [row for facts in signals if facts for row in facts["rows"] if row["signal"]]


def test_too_few_customers_are_not_clustered() -> None:
    assert told(customers=100, missed_of_the_busy=0.5) is None
