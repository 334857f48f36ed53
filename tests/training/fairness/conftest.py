"""What the parts of the audit ask: releases that were really trained, each fitted once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.bookings import load_bookings
from models.screening import default_screening
from models.taxonomy import default_taxonomy
from training.dataset import Dataset, load_dataset, permitted_bookings
from training.fairness.naive import fit_naive
from training.fairness.traps import run_traps
from training.fitting import fit_models, one_thread
from training.labels import label_bookings, load_labels
from training.simulation import simulate


@dataclass(frozen=True)
class SmallBank:
    """A simulated bank of a few customers, to fit on."""

    dataset: Dataset
    frame: pd.DataFrame
    told: np.ndarray


def small_bank_of(folder: Path, *, customers: int, months: int, seed: int) -> SmallBank:
    simulate(customers=customers, months=months, seed=seed, out=folder, rates="enriched")
    files = {"bookings": folder / "bookings.parquet", "labels": folder / "labels.csv"}
    permissions = folder / "permissions.csv"
    dataset = load_dataset(
        **files, taxonomy=default_taxonomy(), screening=default_screening(), events=folder / "events.csv",
        permissions=permissions,
    )  # fmt: skip
    frame, _ = permitted_bookings(load_bookings(files["bookings"]).frame, permissions, [])
    told = label_bookings(frame, load_labels(files["labels"], []))["event"].to_numpy(dtype=str)
    return SmallBank(dataset, frame, told)


@pytest.fixture(scope="session")
def trap_facts(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, dict[str, Any]]]:
    """What `run_traps` says by trap, of one release beside two naive models that were fitted on two banks."""
    bank = small_bank_of(tmp_path_factory.mktemp("bank"), customers=200, months=18, seed=6)
    other = small_bank_of(tmp_path_factory.mktemp("other"), customers=120, months=14, seed=4)
    with one_thread():
        release = fit_models(bank.dataset, taxonomy=default_taxonomy(), screening=default_screening(), seed=0)
        naive = [fit_naive(known.frame, known.told) for known in (bank, other)]
    return [{fact["trap"]: fact for fact in run_traps(release, naive=model)} for model in naive]
