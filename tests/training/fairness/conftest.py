"""What the parts of the audit ask: releases that were really trained, each fitted once."""

from pathlib import Path
from typing import Any

import pytest

from models.bookings import load_bookings
from models.screening import default_screening
from models.taxonomy import default_taxonomy
from training.dataset import load_dataset, permitted_bookings
from training.fairness.naive import fit_naive
from training.fairness.traps import run_traps
from training.fitting import fit_models, one_thread
from training.labels import label_bookings, load_labels
from training.simulation import simulate


@pytest.fixture(scope="session")
def trap_facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What `run_traps` says, by trap."""
    folder: Path = tmp_path_factory.mktemp("trap_bank")
    simulate(customers=120, months=14, seed=3, out=folder, rates="enriched")
    files = {"bookings": folder / "bookings.parquet", "labels": folder / "labels.csv"}
    permissions = folder / "permissions.csv"
    taxonomy, screening = default_taxonomy(), default_screening()
    dataset = load_dataset(
        **files, taxonomy=taxonomy, screening=screening, events=folder / "events.csv", permissions=permissions
    )
    frame, _ = permitted_bookings(load_bookings(files["bookings"]).frame, permissions, [])
    told = label_bookings(frame, load_labels(files["labels"], []))["event"].to_numpy(dtype=str)
    with one_thread():
        release = fit_models(dataset, taxonomy=taxonomy, screening=screening, seed=0)
        naive = fit_naive(frame, told)
    return {fact["trap"]: fact for fact in run_traps(release, naive=naive)}
