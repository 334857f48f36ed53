"""A bank of 3,000 customers judged for a year; how often muslims are told something can be planted."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.served import Served
from models.taxonomy import default_taxonomy
from training.fairness.monitoring.counting import People
from training.fairness.policy import default_fairness_policy, group_frame

MONTHS = tuple(pd.period_range("2026-01", "2026-12", freq="M").strftime("%Y-%m"))
VALUES = {
    "religion": ["none"] * 59 + ["catholic"] * 17 + ["protestant"] * 13 + ["muslim"] * 10 + ["other"],
    "origin_class": ["dutch"] * 8 + ["turkish", "moroccan"], "born_abroad": ["false", "true"], "gender": ["m", "f"],
    "age_band": ["35-54", "67+", "18-24", "25-34", "55-66"], "income_quintile": ["1", "2", "3", "4", "5"],
    "household": ["couple", "single"], "pay_period": ["monthly", "weekly"], "language_of_texts": ["dutch", "foreign"],
    "cash_heavy": ["false", "true"],
}  # fmt: skip


def make_people(customers: int = 3000, seed: int = 5) -> People:
    rng = np.random.default_rng(seed)
    vault = pd.DataFrame({name: rng.choice(values, customers) for name, values in VALUES.items()})
    ids = np.array([f"c{at:05d}" for at in range(customers)], dtype=object)
    policy = default_fairness_policy()
    return People(customers=ids, groups=group_frame(policy, vault)[list(policy.grounds)], months=MONTHS)


def make_served(people: People, *, later: float = 1.0, rate: float = 0.03, seed: int = 6) -> Served:
    """Everybody judged every month; from May on, muslims are told `later` times as often as others."""
    rng = np.random.default_rng(seed)
    muslim = (people.groups["religion"] == "muslim").to_numpy()
    told, events = [], ("child_birth", "rental_move", "job_loss")
    for number, month in enumerate(people.months):
        chance = np.where(muslim & (number >= 4), rate * later, rate)
        for event in events:
            more = chance if event == "rental_move" else np.full(len(chance), rate)
            for at in np.flatnonzero(rng.random(len(chance)) < more):
                told.append((people.customers[at], event, f"{month}-01", f"{month}-10", rng.uniform(0.5, 1.0)))
    found = pd.DataFrame(told, columns=["customer_id", "event", "onset_date", "detected_on", "probability"])
    days = {name: found[name].astype("datetime64[s]") for name in ("onset_date", "detected_on")}
    judged = pd.MultiIndex.from_product([people.customers, people.months], names=["customer_id", "month"])
    none = pd.DataFrame(columns=["customer_id", "month", "offered"])
    spoke = pd.DataFrame(columns=["customer_id", "event", "kind", "month"])
    return Served(judged=judged.to_frame(index=False), told=found.assign(**days), asked=none, spoke=spoke)


@pytest.fixture(scope="session")
def bank() -> SimpleNamespace:
    """What makes people and what was served, with the policy and taxonomy in force."""
    made: dict[str, Any] = {"people": make_people, "served": make_served, "months": MONTHS}
    return SimpleNamespace(**made, policy=default_fairness_policy(), taxonomy=default_taxonomy())
