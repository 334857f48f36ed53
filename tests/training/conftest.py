"""One small synthetic bank and what was trained on it, made once for all tests of training."""

from pathlib import Path

import pytest

from models.screening import default_screening
from models.taxonomy import default_taxonomy
from training.dataset import Dataset, load_dataset
from training.simulation import simulate


@pytest.fixture(scope="session")
def small_bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bank")
    simulate(customers=40, months=14, seed=3, out=folder, rates="enriched")
    return folder


@pytest.fixture(scope="session")
def small_dataset(small_bank: Path) -> Dataset:
    return load_dataset(
        small_bank / "bookings.parquet", small_bank / "labels.csv", taxonomy=default_taxonomy(),
        screening=default_screening(), events=small_bank / "events.csv", permissions=small_bank / "permissions.csv",
    )  # fmt: skip
