"""What an answer costs beside the least that a service could do, beside detection alone, and beside MLflow's server.

Everything is measured in one run on one machine: CPU per request (all processes of a server) and ratios of it are what
counts, because rates swing with whatever else the machine does. Run: `make bench-serving`, or
`python -m tests.benchmarks.serving.bench_serving [--requests 2000]`; it exits with 1 when a target is missed.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from statistics import median

import httpx
import numpy as np
import pandas as pd

from models.command_line import TELEMETRY_OFF
from models.detection import detect_events
from models.purposes import AMSTERDAM
from serving.client import to_records
from serving.opening import verify_release
from serving.running import find_port
from tests.benchmarks.serving.callers import Loaded, Server, as_json, cpu_seconds, load, request_bytes
from tests.benchmarks.serving.mlflow_server import save_classifier
from tests.benchmarks.serving.small_bank import CUSTOMERS, PURPOSE, SmallBank, open_bank, running

BOOKINGS = 500
ROUNDS = 3
BATCH = 100  # customers of one batch
AS_OF = datetime.now(AMSTERDAM).date()  # an earlier day is judged twice, for nobody is sold to on an old day's care
NDJSON = "application/x-ndjson"


class Targets:
    """Ratios as they are found; `missed` says which are below what was promised."""

    def __init__(self) -> None:
        self.missed: list[str] = []

    def check(self, what: str, found: float, least: float) -> None:
        """Print one ratio beside its target."""
        is_met = found >= least
        print(f"  {what}: {found:.2f} (at least {least}) {'' if is_met else 'MISSED'}")
        if not is_met:
            self.missed.append(what)


def main(requests: int) -> int:
    """Measure, print, and say by the exit code whether all targets are met."""
    bank, targets = open_bank(), Targets()
    customers = five_hundred_each(bank)
    direct = cpu_of_detect(bank, customers)
    ours, of_empty = measure_stored(bank, requests)
    with running(bank) as server:
        single = measure_bookings(bank, server, customers)
        batch = measure_batch(bank, server, customers)
    with other_server(mlflow_command, bank) as server:
        theirs = measure_mlflow(server, customers)
    print("Ratios of CPU per request:")
    targets.check("stored detections to the empty endpoint (median of rounds)", of_empty, 0.6)
    targets.check(f"{BOOKINGS} bookings in the body to detect() alone", direct / single, 0.7)
    targets.check("bookings a second in a batch to single calls", single / batch, 5)
    # An engine asks what events a customer has. MLflow's server must be sent the bookings and only classifies them.
    targets.check(f"MLflow on a customer's {BOOKINGS} rows to our answer about the customer", theirs / ours, 2)
    print(f"  MLflow's classification to our whole answer on the same {BOOKINGS} rows: {theirs / single:.2f}")
    print(f"  ... and to a customer of a batch: {theirs / batch:.2f}")
    return 1 if targets.missed else 0


def five_hundred_each(bank: SmallBank) -> list[pd.DataFrame]:
    """The newest bookings of customers who have that many, each in the name of one who allows it."""
    found = []
    for _, own in bank.bookings().groupby("customer_id"):
        newest = own.sort_values("booking_date").tail(BOOKINGS).reset_index(drop=True)
        if len(newest) == BOOKINGS:
            found.append(newest.assign(customer_id=f"c{len(found)}"))
    return found


def cpu_of_detect(bank: SmallBank, customers: list[pd.DataFrame]) -> float:
    """Seconds of CPU that detect() needs for one customer's bookings."""
    release = verify_release(bank.settings)
    detect_events(customers[0], as_of=AS_OF, release=release)
    begun = time.process_time()
    for own in customers:
        detect_events(own, as_of=AS_OF, release=release)
    each = (time.process_time() - begun) / len(customers)
    print(f"detect() alone, {BOOKINGS} bookings: {each * 1_000:.1f} ms CPU")
    return each


def asking(bank: SmallBank, url: str, number: int) -> bytes:
    """A question that is answered from the nightly run."""
    return request_bytes(
        url, "/v1/events", as_json({"customer_id": f"c{number % CUSTOMERS}", "purpose": PURPOSE}), key=bank.key
    )


def measure_stored(bank: SmallBank, requests: int) -> tuple[float, float]:
    """CPU per answer from stored detections, and that of an empty endpoint to it: medians of rounds that take turns.

    Threads that wait for each other make one round of either differ by a fifth from the next.
    """
    costs, ratios = [], []
    with running(bank) as ours, other_server(empty_command, bank) as empty:
        for _ in range(ROUNDS):
            costs.append(measure(ours, partial(asking, bank, ours.url), "stored detections", requests))
            least = measure(empty, partial(asking, bank, empty.url), "empty endpoint that commits a row", requests)
            ratios.append(least / costs[-1])
    return median(costs), median(ratios)


def measure(
    server: Server, make: Callable[[int], bytes], what: str, requests: int, *, callers: tuple[int, ...] = (1, 16)
) -> float:
    """Seconds of CPU per request with most callers; everything is printed."""
    load(server.url, make, callers=8, count=max(8, requests // 10))
    cost = 0.0
    for at_once in callers:
        before = cpu_seconds(server.pid)
        loaded = load(server.url, make, callers=at_once, count=requests)
        cost = (cpu_seconds(server.pid) - before) / requests
        told(what, loaded, at_once, cost)
        if set(loaded.statuses) != {200}:
            raise SystemExit(f"{what}: statuses {loaded.statuses}, where all should be 200.")
    return cost


def told(what: str, loaded: Loaded, callers: int, cost: float) -> None:
    """One line of a measurement."""
    times = f"p50 {loaded.percentile(50):.1f} ms, p99 {loaded.percentile(99):.1f} ms"
    print(f"{what}, {callers} callers: {loaded.rate:.0f} a second, {times}, {cost * 1_000:.2f} ms CPU each", flush=True)


def measure_bookings(bank: SmallBank, server: Server, customers: list[pd.DataFrame]) -> float:
    """CPU per answer from bookings in the body."""
    bodies = [
        request_bytes(
            server.url, "/v1/events",
            as_json({"customer_id": own["customer_id"][0], "purpose": PURPOSE, "as_of": AS_OF.isoformat(),
                     "bookings": to_records(own)}),
            key=bank.key,
        )
        for own in customers
    ]  # fmt: skip
    each = len(bodies) * 4
    return measure(server, lambda n: bodies[n % len(bodies)], f"{BOOKINGS} bookings in the body", each, callers=(1, 4))


def measure_batch(bank: SmallBank, server: Server, customers: list[pd.DataFrame]) -> float:
    """CPU per customer of a batch of the same bookings."""
    many = [customers[n % len(customers)].assign(customer_id=f"c{n}") for n in range(BATCH)]
    lines = [as_json({"purpose": PURPOSE, "as_of": AS_OF.isoformat()})]
    lines += [as_json(row) for own in many for row in to_records(own)]
    body = request_bytes(server.url, "/v1/events:batch", b"\n".join(lines), key=bank.key, media_type=NDJSON)
    whole = measure(server, lambda _n: body, f"batch of {BATCH} customers", 3, callers=(1,))
    print(f"  {BATCH * BOOKINGS / whole:.0f} bookings a second of CPU")
    return whole / BATCH


def measure_mlflow(server: Server, customers: list[pd.DataFrame]) -> float:
    """CPU per request of MLflow's server on the same rows."""
    columns = ["counterparty_name", "remittance_information", "credit_debit_indicator", "amount"]
    bodies = []
    for own in customers:
        rows = own[columns].assign(amount=own["amount"].astype(float))
        data = {"dataframe_split": {"columns": columns, "data": rows.to_numpy().tolist()}}
        bodies.append(request_bytes(server.url, "/invocations", as_json(data), key=""))
    return measure(
        server, lambda n: bodies[n % len(bodies)], f"MLflow, {BOOKINGS} rows", len(bodies) * 2, callers=(1, 4)
    )


Command = Callable[[SmallBank, int], list[str]]


def empty_command(_bank: SmallBank, port: int) -> list[str]:
    """BentoML with the least inside."""
    service = "tests.benchmarks.serving.empty_service:EmptyService"
    return [sys.executable, "-m", "bentoml", "serve", service, "--port", str(port), "--host", "127.0.0.1"]


def mlflow_command(bank: SmallBank, port: int) -> list[str]:
    """MLflow's own server on the same classifier."""
    model = save_classifier(bank)
    where = ["--host", "127.0.0.1", "--port", str(port), "--workers", "2", "--env-manager", "local"]
    return [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model), *where]


@contextmanager
def other_server(make: Command, bank: SmallBank) -> Iterator[Server]:
    """Another server, on a port that was free, until the block ends."""
    port = find_port("127.0.0.1", 3800)
    found = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # MLflow looks for uvicorn there
    environ = {
        **os.environ, **TELEMETRY_OFF, "PATH": found, "OMP_NUM_THREADS": "1",
        "BENTOML_HOME": str(bank.home.path / "other"),
        "LEVENSLOOP_BENCH_DATABASE": f"sqlite:///{bank.home.path / 'empty.db'}",
    }  # fmt: skip
    log = (bank.home.path / "other.log").open("wb")
    process = subprocess.Popen(make(bank, port), env=environ, stdout=log, stderr=log, cwd=Path.cwd())
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, process)
        yield Server(url, process.pid)
    finally:
        process.terminate()
        process.wait(60)
        log.close()


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 180
    while time.monotonic() < until and process.poll() is None:
        for probe in ("/readyz", "/ping"):
            try:
                if httpx.get(url + probe, trust_env=False, timeout=2).status_code == 200:
                    return
            except httpx.TransportError:
                pass
        time.sleep(0.3)
    raise SystemExit("The other server did not start; see other.log.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2_000)
    np.random.seed(0)
    sys.exit(main(parser.parse_args().requests))
