"""One permission read in process from a million customers in SQLite: p99 at most 50 microseconds.

Beside it stands what this machine needs for four bare page reads of the same file, of which SQLite makes as many at
least: where those alone take longer at p99 (virtual machines in virtual machines do), the target cannot be judged.

Run: `make bench-serving`, or `python -m tests.benchmarks.serving.bench_permission_read [customers]`.
"""

import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter_ns

import numpy as np

from models.permission import current_permission
from models.purposes import default_purposes
from models.store import Store, open_store, permission_events

PURPOSE = "own_product_offers"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
MOST_MICROSECONDS = 50
READS, ROUNDS = 20_000, 12
PAGE = 4_096


def main(customers: int) -> int:
    """Fill, read, print; 1 when the best round is above the target."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{Path(folder) / 'ledger.db'}")
        fill(store, customers)
        found = [read(store, customers, seed) for seed in range(ROUNDS)]
        store.close()
        bare = min(read_pages(Path(folder) / "ledger.db", seed) for seed in range(ROUNDS))
    for p50, p99 in found:
        print(f"permission read, {customers:,} customers: p50 {p50:.1f} us, p99 {p99:.1f} us")
    best = min(p99 for _, p99 in found)
    can_be_met = bare <= MOST_MICROSECONDS
    verdict = "" if best <= MOST_MICROSECONDS else "MISSED" if can_be_met else "not to be judged on this machine"
    # A shared machine takes the processor away at times, which the slowest hundredth sees: the best round counts.
    print(f"  p99 of the best round: {best:.1f} us (at most {MOST_MICROSECONDS}) {verdict}")
    print(f"  four bare reads of 4 kB from the same file, p99 of the best round: {bare:.1f} us")
    return 1 if verdict == "MISSED" else 0


def fill(store: Store, customers: int) -> None:
    """One consent per customer."""
    purpose = default_purposes().purpose(PURPOSE)
    consent = {
        "purpose": PURPOSE, "action": "consented", "regime": purpose.regime, "notice_version": purpose.notice_version,
        "notice_sha256": purpose.notice_sha256, "language": "nl", "channel": "bench", "actor": "customer", "at": NOW,
        "evidence": "",
    }  # fmt: skip
    with store.write() as connection:
        for first in range(0, customers, 20_000):
            told = [{**consent, "customer_id": f"c{n}"} for n in range(first, min(first + 20_000, customers))]
            connection.execute(permission_events.insert(), told)


def read(store: Store, customers: int, seed: int) -> tuple[float, float]:
    """p50 and p99 in microseconds of the permission of random customers."""
    registry, times = default_purposes(), np.empty(READS)
    with store.read() as connection:
        for at, number in enumerate(np.random.default_rng(seed).integers(customers, size=READS).tolist()):
            begun = perf_counter_ns()
            current_permission(connection, f"c{number}", PURPOSE, registry=registry, at=NOW)
            times[at] = perf_counter_ns() - begun
    p50, p99 = np.percentile(times, [50, 99]) / 1_000
    return float(p50), float(p99)


def read_pages(path: Path, seed: int) -> float:
    """p99 in microseconds of four pages read at random places of a file that the system has in memory."""
    times = np.empty(READS)
    with path.open("rb") as file:
        last = path.stat().st_size // PAGE
        places = (np.random.default_rng(seed).integers(last, size=(READS, 4)) * PAGE).tolist()
        for at, own in enumerate(places):
            begun = perf_counter_ns()
            for place in own:
                os.pread(file.fileno(), PAGE, place)
            times[at] = perf_counter_ns() - begun
    return float(np.percentile(times, 99) / 1_000)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
