"""How many distinct texts the screening judges per minute on one core; prints, asserts nothing."""

import time

import numpy as np
import pandas as pd
import pyarrow as arrow

from models.screening import default_screening

NAMES = [
    "Albert Heijn",
    "CCV*Moskee Noor",
    "Hr J Jansen",
    "Kerkstraat Bakker",
    "UWV",
    "Vattenfall",
    "Toko Sari",
    "BENU Apotheek",
]
ROWS = 200_000


def build_bookings(rows: int, rng: np.random.Generator) -> pd.DataFrame:
    """Bookings that all differ, with texts as long as those on real statements."""
    names = pd.Series(rng.choice(NAMES, rows)) + " " + pd.Series(rng.integers(0, 10_000, rows)).astype(str)
    texts = (
        "Omschrijving factuur periode 05-2026 kenmerk " + pd.Series(np.arange(rows)).astype(str) + " termijn 7 van 10"
    )
    return pd.DataFrame({"counterparty_name": names, "remittance_information": texts}, dtype="str")


def main() -> None:
    """Print the rates."""
    arrow.set_cpu_count(1)
    frame = build_bookings(ROWS, np.random.default_rng(0))
    screening = default_screening()
    for label, bookings in (("distinct", frame), ("each text ten times", pd.concat([frame.iloc[: ROWS // 10]] * 10))):
        start = time.perf_counter()
        screened = screening.screen(bookings)
        seconds = time.perf_counter() - start
        rate = len(bookings) / seconds * 60
        print(f"{label}: {len(bookings):,} bookings, {rate:,.0f} a minute, {screened.mean():.0%} stopped")


if __name__ == "__main__":
    main()
