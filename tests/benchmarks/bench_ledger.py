"""What permission and trail cost: reading one customer's permission, appending and verifying trail rows.

The read is printed beside the bare SQL statement on the same store, as a ratio. Run:
`python tests/benchmarks/bench_ledger.py [customers] [rows]`.
"""

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter_ns

import numpy as np
import sqlalchemy as sa

from models.permission import current_permission
from models.purposes import default_purposes
from models.store import Store, open_store, permission_events
from models.trail import append_trail, verify_trail

NOW = datetime(2026, 11, 1, tzinfo=UTC)
PURPOSE = "own_product_offers"


def main(customers: int, rows: int) -> None:
    """Fill a store, measure, print."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{Path(folder) / 'ledger.db'}")
        fill(store, customers)
        measure_reads(store, customers)
        measure_trail(store, rows)
        store.close()


def fill(store: Store, customers: int) -> None:
    """One consent per customer."""
    purpose = default_purposes().purpose(PURPOSE)
    consent = {
        "purpose": PURPOSE, "action": "consented", "regime": purpose.regime, "lawful_basis": purpose.lawful_basis,
        "notice_version": purpose.notice_version, "notice_sha256": purpose.notice_sha256, "language": "nl",
        "channel": "bench", "actor": "customer", "at": NOW, "evidence": "",
    }  # fmt: skip
    known = {column.name for column in permission_events.columns}
    shared = {name: value for name, value in consent.items() if name in known}
    with store.write() as connection:
        for first in range(0, customers, 20_000):
            numbers = range(first, min(first + 20_000, customers))
            told = [{**shared, "customer_id": f"c{n}", "idempotency_key": f"k{n}"} for n in numbers]
            connection.execute(permission_events.insert(), told)


def measure_reads(store: Store, customers: int) -> None:
    """Permission of random customers against the bare statement."""
    asked = np.random.default_rng(0).integers(customers, size=2_000)
    registry = default_purposes()
    bare = sa.text("SELECT version, action FROM permission_events WHERE customer_id = :c AND purpose = :p")
    with store.read() as connection:
        ours = timed(lambda n: current_permission(connection, f"c{n}", PURPOSE, registry=registry, at=NOW), asked)
        plain = timed(lambda n: connection.execute(bare, {"c": f"c{n}", "p": PURPOSE}).all(), asked)
    for name, times in (("permission read", ours), ("bare statement", plain)):
        p50, p99 = np.percentile(times, [50, 99]) / 1_000
        print(f"{name}, {customers:,} customers: p50 {p50:.0f} us, p99 {p99:.0f} us")
    print(f"ratio of medians: {np.median(ours) / np.median(plain):.2f}")


def timed(read, numbers) -> np.ndarray:  # type: ignore[no-untyped-def]  # any read of one number
    """Nanoseconds of each read."""
    times = np.empty(len(numbers))
    for at, number in enumerate(numbers):
        begun = perf_counter_ns()
        read(number)
        times[at] = perf_counter_ns() - begun
    return times


def measure_trail(store: Store, rows: int) -> None:
    """Rows a second appended one per transaction, and verified."""
    begun = perf_counter_ns()
    for number in range(rows):
        with store.write() as connection:
            append_trail(connection, "bench", {"n": number}, personal={"customer_id": f"c{number}"}, at=NOW)
    appended = perf_counter_ns()
    verify_trail(store, None, None)
    verified = perf_counter_ns()
    print(f"trail: {rows / (appended - begun) * 1e9:,.0f} appends a second, one per transaction")
    print(f"trail: {rows / (verified - appended) * 1e9:,.0f} rows a second verified")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000, int(sys.argv[2]) if len(sys.argv) > 2 else 5_000)
