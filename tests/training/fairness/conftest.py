"""What the parts of the audit ask: releases that were really trained, each fitted once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.bookings import load_bookings
from training.dataset import permitted_bookings
from training.fairness.naive import fit_naive
from training.fairness.trap_banks import TrapBank, build_bank, trap_table
from training.fairness.traps import measure_trap, run_traps
from training.fitting import Fitted, one_thread
from training.labels import label_bookings, load_labels
from training.simulation import simulate


@dataclass(frozen=True)
class SmallBank:
    """A simulated bank of a few customers, to fit on."""

    frame: pd.DataFrame
    told: np.ndarray


def small_bank_of(folder: Path, *, customers: int, months: int, seed: int) -> SmallBank:
    simulate(customers=customers, months=months, seed=seed, out=folder, rates="enriched")
    frame, _ = permitted_bookings(load_bookings(folder / "bookings.parquet").frame, folder / "permissions.csv", [])
    told = label_bookings(frame, load_labels(folder / "labels.csv", []))["event"].to_numpy(dtype=str)
    return SmallBank(frame, told)


@pytest.fixture(scope="session")
def trap_banks() -> dict[str, TrapBank]:
    """The bank of each trap."""
    return {trap["id"]: build_bank(trap) for trap in trap_table()["trap"]}


@pytest.fixture(scope="session")
def trap_facts(
    small_release: Fitted, trap_banks: dict[str, TrapBank], tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, dict[str, Any]]]:
    """What `run_traps` says by trap of a small release beside a naive model, then a naive one of another bank alone."""
    banks = [small_bank_of(tmp_path_factory.mktemp("bank"), customers=60, months=12, seed=seed) for seed in (5, 8)]
    with one_thread():
        naive = [fit_naive(bank.frame, bank.told) for bank in banks]
    facts = {fact["trap"]: fact for fact in run_traps(small_release, naive=naive[0])}
    other = {}
    for trap in trap_table()["trap"]:  # the release says the same a second time
        bank = trap_banks[trap["id"]]
        other[trap["id"]] = {"naive": measure_trap(bank, naive[1].detect(bank.bookings), trap)}
    return [facts, other]
