"""Half an hour of load without growth in memory: stored answers, bookings in the body, refusals and bad requests.

Run: `make soak`, or `python -m tests.soak.memory [--share 0.1]`.
"""

import argparse
import statistics
import sys
import time

from serving.client import to_records
from tests.benchmarks.serving.bench_serving import five_hundred_each
from tests.benchmarks.serving.callers import as_json, load, memory_bytes, request_bytes
from tests.benchmarks.serving.small_bank import CUSTOMERS, PURPOSE, open_bank, running

SECONDS = 1_800
SAMPLES = 40
MOST_GROWTH = 1.05
MOST_WHILE_WARMING, WARM_AFTER = 1.20, 600  # in the first minutes caches and the allocator's arenas still fill


def main(share: float) -> int:
    """Load, sample, compare the last quarter with the second; 0 when memory stays."""
    bank = open_bank()
    bodies = [
        as_json({"customer_id": own["customer_id"][0], "purpose": PURPOSE, "bookings": to_records(own)})
        for own in five_hundred_each(bank)
    ]
    sampled: list[int] = []
    asked = 0
    with running(bank) as server:

        def make(of_round: int) -> bytes:
            number = asked + of_round
            if number % 50 == 0:
                return request_bytes(server.url, "/v1/events", bodies[number // 50 % len(bodies)], key=bank.key)
            if number % 10 == 1:
                return request_bytes(server.url, "/v1/events", b'{"purpose": NaN}', key=bank.key)
            if number % 10 == 2:
                return request_bytes(server.url, "/v1/events", b"{}", key="levensloop.nobody.x")
            customer = f"c{number % (2 * CUSTOMERS)}"  # every second one is not known here
            return request_bytes(
                server.url, "/v1/events", as_json({"customer_id": customer, "purpose": PURPOSE}), key=bank.key
            )

        for _ in range(SAMPLES):
            until = time.monotonic() + SECONDS * share / SAMPLES
            while time.monotonic() < until:
                loaded = load(server.url, make, callers=8, count=200)
                asked += 200
                if not set(loaded.statuses) <= {200, 401, 403, 422}:
                    print(f"FAILED: statuses {loaded.statuses}")
                    return 1
            sampled.append(memory_bytes(server.pid))
            print(
                f"{len(sampled)}/{SAMPLES}: {asked:,} requests, {sampled[-1] / 1e6:.0f} MB", file=sys.stderr, flush=True
            )
    quarter = SAMPLES // 4
    early, late = statistics.median(sampled[quarter : 2 * quarter]), statistics.median(sampled[-quarter:])
    most = MOST_GROWTH if SECONDS * share >= WARM_AFTER else MOST_WHILE_WARMING
    print(f"memory of the service: {early / 1e6:.0f} MB in the second quarter, {late / 1e6:.0f} MB in the last "
          f"({late / early:.3f}, at most {most})")  # fmt: skip
    return 0 if late / early <= most else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0)
    sys.exit(main(parser.parse_args().share))
