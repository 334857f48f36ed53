"""The eleven ways a naive model gets biased, measured on a release and on a naive model side by side.

One of a pair steps into the trap (a large family, weekly pay, money sent to a parent), the other lives the same life
without it, and what truly happened to both is known. So what a model tells of the one and not of the other is the trap.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import pandas as pd

from models.detection import Model, detect_events
from training.fairness.intervals import newcombe_difference
from training.fairness.trap_banks import SIDES, TrapBank, build_bank, trap_table
from training.matching import match_events


class Detector(Protocol):
    """Whatever tells events from bookings by itself, such as the naive model."""

    def detect(self, bookings: pd.DataFrame) -> pd.DataFrame:
        """customer_id, event and detected_on."""
        ...


def run_traps(release: Model, *, naive: Detector | None) -> list[dict[str, Any]]:
    """Per trap what it does to the release and to the naive model (None where there is none), as JSON data.

    Returns
    -------
    list of dict
        trap, number, measure (`false_alerts` or `missed_events`), events, text {nl, en}, and for `naive` and `release`
        what `measure_trap` gives.
    """
    rows = []
    for trap in trap_table()["trap"]:
        bank = build_bank(trap)
        told = detect_events(bank.bookings, as_of=trap_table()["until"], release=release)
        about = {name: trap[name] for name in ("number", "measure", "events", "text")}
        by_naive = None if naive is None else measure_trap(bank, naive.detect(bank.bookings), trap)
        rows.append({"trap": trap["id"], **about, "naive": by_naive, "release": measure_trap(bank, told, trap)})
    return rows


def steps_into(trap: Mapping[str, Any], figures: Mapping[str, Any]) -> bool:
    """Whether a model with these figures stepped into the trap; of false alerts, on both sides is no better."""
    most = trap_table()["most_gap_per_1000"]
    alerts = trap["measure"] == "false_alerts" and figures["per_1000"]["trapped"] > most
    return bool(alerts or abs(figures["gap"]) > most)


def measure_trap(bank: TrapBank, found: pd.DataFrame, trap: Mapping[str, Any]) -> dict[str, Any]:
    """Customers per 1,000 with a false alert or a missed event on either side, and the gap between the sides.

    Returns
    -------
    dict
        per_1000 {trapped, equal}; gap, trapped minus equal; interval [low, high] of the gap; n {trapped, equal};
        found_per_1000 {trapped, equal}: of the customers with true events those whose events were all told, None
        where nobody has any.

    Notes
    -----
    Newcombe's interval of independent groups: with pairs it is too wide rather than too narrow.
    """
    mine = found if trap["events"] == ["*"] else found[found["event"].isin(trap["events"])]
    mine = mine.reset_index(drop=True)
    matched = match_events(mine, bank.truth)
    false, missed = mine[matched.of_detection < 0], bank.truth[matched.of_truth < 0]
    wrong = false if trap["measure"] == "false_alerts" else missed
    share, n, told = {}, {}, {}
    for side in SIDES:
        customers = bank.sides.index[bank.sides == side]
        with_events = customers[customers.isin(bank.truth["customer_id"])]
        share[side], n[side] = float(customers.isin(wrong["customer_id"]).mean()), len(customers)
        told[side] = 1000 * float((~with_events.isin(missed["customer_id"])).mean()) if len(with_events) else None
    confidence = trap_table()["confidence"]
    low, high = newcombe_difference(share["trapped"], n["trapped"], share["equal"], n["equal"], confidence=confidence)
    return {
        "per_1000": {side: 1000 * share[side] for side in SIDES},
        "gap": 1000 * (share["trapped"] - share["equal"]),
        "interval": [1000 * float(low), 1000 * float(high)],
        "n": n,
        "found_per_1000": told,
    }
