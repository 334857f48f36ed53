"""One small synthetic bank and what was trained on it, made once for all tests of training; a cube at random."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.screening import default_screening
from models.taxonomy import default_taxonomy
from training.dataset import Dataset, load_dataset
from training.fairness.cube import Cube, Rows, build_cube
from training.fairness.policy import default_fairness_policy, group_frame
from training.fitting import Fitted, fit_models
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


@pytest.fixture(scope="session")
def small_release(small_dataset: Dataset) -> Fitted:
    return fit_models(small_dataset, taxonomy=default_taxonomy(), screening=default_screening(), seed=0)


@pytest.fixture(scope="session")
def random_cube() -> Callable[..., Cube]:
    """A cube of customers drawn at random, each with each event at the rate `share`; recall is .90, less `gap` for
    muslims.
    """

    def draw(groups: dict[str, list[str]], customers: int, *, gap: float, share: float, sure: float) -> Cube:
        policy = default_fairness_policy()
        rng = np.random.default_rng(11)
        vault = pd.DataFrame({name: rng.choice(values, customers) for name, values in groups.items()})
        events = len(policy.events)
        customer = np.repeat(np.arange(customers), events)
        true = rng.random(customers * events) < share
        recall = np.where((vault["religion"] == "muslim").to_numpy()[customer], 0.90 - gap, 0.90)
        rows = Rows(
            customer=customer, event=np.tile(np.arange(events), customers), true=true,
            predicted=rng.random(len(true)) < np.where(true, recall, 0.005), probability=np.where(true, sure, 0.01),
            abstained=rng.random(len(true)) < 0.02, days=rng.integers(0, 20, len(true)).astype(float),
        )  # fmt: skip
        return build_cube(rows, group_frame(policy, vault), events=policy.events)

    return draw
