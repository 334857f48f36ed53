"""A night of a large bank, end to end on a slice: time by the clock, memory, and what that means for the whole bank.

Makes a bank by copying simulated histories month by month, judges it in full once (which leaves the state), then judges
the last day's bookings from the state. The rest is arithmetic: a bank of BANK_CUSTOMERS customers is so many slices, as
many at a time as there are cores. Run: `python tests/benchmarks/night_slice.py [copies]`; a copy has forty customers.
"""

import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import pandas as pd
from bench_scaling import AS_OF, Cost, copy_of
from bench_score import BANK_CUSTOMERS, BANK_NEW, CORES, allow_all, make_release, run, score

from models.bookings import load_bookings, open_writer

MOST_GIGABYTES, MOST_MINUTES = 8.0, 30  # goals of the night
_COPIES_AT_ONCE = 50


def main(copies: int) -> None:
    """Make, judge twice, print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_release(folder)
        earlier, new, customers = make_slice(folder, copies)
        allow_all(folder, customers)
        print(f"{len(customers):,} customers, {earlier:,} earlier bookings, {new:,} of the last day", flush=True)
        before = AS_OF - timedelta(days=1)
        full = judge_night("full run", folder, score("before", before)[:-1], "before", "--keep-state")
        update = judge_night("update with the last day", folder, score("since")[:-1], "since", "--update")
        say_bank(full, update, earlier=earlier, customers=len(customers))


def make_slice(folder: Path, copies: int) -> tuple[int, int, list[str]]:
    """Two datasets in the folder: `before`, a file a month, and `since`; how many bookings each has, and customers."""
    known = load_bookings(folder / "bank" / "bookings.parquet").frame
    known = known[known["booking_date"] <= pd.Timestamp(AS_OF)].reset_index(drop=True)
    last = known["booking_date"] == pd.Timestamp(AS_OF)
    months = known["booking_date"].dt.strftime("%Y-%m").where(~last, "since")
    for month, part in known.groupby(months):
        place = folder / "since" if month == "since" else folder / "before" / f"month={month}"
        place.mkdir(parents=True)
        with open_writer(place / "bookings.parquet") as add:
            for first in range(0, copies, _COPIES_AT_ONCE):
                some = range(first, min(first + _COPIES_AT_ONCE, copies))
                add(pd.concat([copy_of(part.reset_index(drop=True), k) for k in some], ignore_index=True))
    customers = [f"{name}-{k}" for name in known["customer_id"].unique() for k in range(copies)]
    return copies * int((~last).sum()), copies * int(last.sum()), customers


def judge_night(
    title: str, folder: Path, command: tuple[str | Path, ...], table: str, *options: str
) -> tuple[float, Cost]:
    """Seconds by the clock and the cost of one run, printed."""
    begun = time.perf_counter()
    cost = run(folder, *command, folder / table, *options)
    seconds = time.perf_counter() - begun
    holds = "holds" if cost.megabytes / 1024 <= MOST_GIGABYTES else "DOES NOT HOLD"
    print(
        f"{title}: {seconds:,.0f} s by the clock, {cost.seconds:,.0f} s CPU, {cost.megabytes / 1024:.1f} GB at most "
        f"(at most {MOST_GIGABYTES:.0f}): {holds}",
        flush=True,
    )
    return seconds, cost


def say_bank(full: tuple[float, Cost], update: tuple[float, Cost], *, earlier: int, customers: int) -> None:
    """What the slice means for a whole bank, slices side by side on all cores."""
    slices = BANK_CUSTOMERS / customers
    for title, (seconds, _) in (("the first night", full), (f"each night with {BANK_NEW:,} new bookings", update)):
        print(f"{BANK_CUSTOMERS:,} customers are {slices:,.0f} slices; {title}: {seconds * slices / CORES / 3600:.1f} "
              f"hours on {CORES} cores")  # fmt: skip
    in_time = MOST_MINUTES * 60 / update[0] * customers * CORES
    print(f"in {MOST_MINUTES} minutes {CORES} cores judge the night of {in_time:,.0f} customers with "
          f"{earlier // customers:,} earlier bookings each")  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
