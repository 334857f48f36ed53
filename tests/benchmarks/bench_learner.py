"""How well a small training holds on customers, wordings and a whole bank that it has never seen.

Fitted on the simulator's customers with training wordings; tested on its customers with wordings that no training
customer has, and on the second bank, which was written apart from the simulator. Prints macro-F1 and seconds.
Run: `python tests/benchmarks/bench_learner.py [customers] [seed]`.
"""

import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from second_bank import make_second_bank

from models.screening import default_screening
from models.taxonomy import default_taxonomy
from training.dataset import Dataset, load_dataset
from training.evaluation import evaluate_bookings, evaluate_events
from training.fitting import Fitted, fit_models
from training.run import part
from training.simulation import simulate


def main(customers: int, seed: int) -> None:
    """Simulate, fit, test twice and print."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder) / "first", Path(folder) / "second"
        simulate(customers=customers, months=24, seed=seed, out=first, rates="enriched")
        make_second_bank(customers // 2, 18, seed, second, enriched=True)
        known = load(first)
        split = known.bookings["customer_id"].map(pd.read_csv(first / "splits.csv").set_index("customer_id")["split"])
        begun = perf_counter()
        seen = part(known, np.flatnonzero(split == "train"))
        fitted = fit_models(seen, taxonomy=default_taxonomy(), screening=default_screening(), seed=0)
        print(f"fitted on {len(seen.bookings):,} bookings in {perf_counter() - begun:.0f} s")
        report("wordings not seen", fitted, part(known, np.flatnonzero(split == "test")))
        report("a bank not seen", fitted, load(second))


def load(folder: Path) -> Dataset:
    """A simulated bank as a dataset."""
    return load_dataset(
        folder / "bookings.parquet", folder / "labels.csv", taxonomy=default_taxonomy(),
        screening=default_screening(), events=folder / "events.csv", permissions=folder / "permissions.csv",
    )  # fmt: skip


def report(name: str, fitted: Fitted, test: Dataset) -> None:
    """Print the figures of one test set."""
    bookings = evaluate_bookings(fitted, test.bookings, test.labels)
    events = evaluate_events(fitted, test.bookings, test.events)
    true = sum(figures["n_true"] for figures in events["per_event"].values())
    print(
        f"{name}: {events['customers']} customers, {true} events; macro-F1 of events {events['macro_f1']:.3f}, "
        f"of bookings {bookings['macro_f1']:.3f}; wrong among answered {bookings['answered_error_share']:.3f}"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
