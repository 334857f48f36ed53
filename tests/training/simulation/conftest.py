"""One small enriched bank that the tests of this folder share."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from models.bookings import load_bookings
from training.simulation import SimulationSummary, simulate


@dataclass(frozen=True)
class Bank:
    """The files of a synthetic bank, read back."""

    folder: Path
    summary: SimulationSummary
    bookings: pd.DataFrame
    labels: pd.DataFrame
    events: pd.DataFrame

    @property
    def labelled(self) -> pd.DataFrame:
        """Bookings with their event and role beside them; those of a joint account stand here once per holder."""
        return self.bookings.merge(self.labels, on="booking_id", validate="many_to_one")


@pytest.fixture(scope="session")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    folder = tmp_path_factory.mktemp("bank")
    summary = simulate(customers=160, months=18, seed=11, out=folder, rates="enriched")
    read = load_bookings(folder / "bookings.parquet")
    assert read.problems == []
    dates = ["onset_date", "first_detectable_date", "last_useful_date"]
    events = pd.read_csv(folder / "events.csv", parse_dates=dates)
    return Bank(folder, summary, read.frame, pd.read_csv(folder / "labels.csv"), events)
