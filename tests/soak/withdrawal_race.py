"""Two processes ask over two workers while permissions flip: nothing is served after a withdrawal was acknowledged.

A question counts against the service when the acknowledgement of a withdrawal had arrived before it was sent, no new
consent was sent before its answer came, and it was answered. Meanwhile commands open the store and leave it, as those
of operators do. The same race against a service that remembers
permissions for two seconds must find such answers. Run: `make soak`, or `python -m tests.soak.withdrawal_race`.
"""

import argparse
import asyncio
import json
import multiprocessing
import random
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from models.store import open_store
from serving import running as server_running
from tests.benchmarks.serving.callers import as_json, request_bytes
from tests.benchmarks.serving.small_bank import PURPOSE, SmallBank, open_bank, record, running

REQUESTS = 20_000
CONTROL_ROUND, CONTROL_ROUNDS = 1_000, 8  # the control ends at the first round that finds what it must find
PROCESSES, ASKING, FLIPPING = 2, 8, 2
CUSTOMERS = 24
# What stands in the shared list per customer: a number that grows with every step, odd while a withdrawal holds.
CONTROL = "tests.soak.cached_service:LevensloopService"


def main(share: float) -> int:
    """The race and its control; 0 when the first finds nothing and the second something."""
    bank = open_bank()
    found = race(bank, requests=int(REQUESTS * share))
    print(f"race: {found['asked']} questions, {found['answered']} answered, {found['refused']} refused, "
          f"{found['flips']} withdrawals, {found['late']} served after an acknowledged withdrawal")  # fmt: skip
    honest, server_running.SERVICE = server_running.SERVICE, CONTROL
    control: Counter[str] = Counter()
    for _ in range(CONTROL_ROUNDS):
        control += race(bank, requests=CONTROL_ROUND)
        if control["late"]:
            break
    server_running.SERVICE = honest
    print(f"control with a permission remembered for two seconds: {control['asked']} questions, "
          f"{control['late']} served after an acknowledged withdrawal (must not be 0)")  # fmt: skip
    is_good = found["late"] == 0 and found["answered"] and found["refused"] and control["late"] > 0
    if not is_good or found["other"]:
        print(f"FAILED: {dict(found)}")
        return 1
    return 0


def race(bank: SmallBank, *, requests: int) -> Counter[str]:
    """Ask and flip until so many questions were answered; what was counted."""
    context = multiprocessing.get_context("spawn")
    steps = context.Array("q", CUSTOMERS, lock=False)
    counted = context.Queue()
    with running(bank) as server:
        processes = [
            context.Process(target=_run, args=(server.url, bank.key, steps, counted, requests // PROCESSES, number))
            for number in range(PROCESSES)
        ]
        for process in processes:
            process.start()
        passing = context.Process(target=_pass_by, args=(bank.home.database_url,), daemon=True)
        passing.start()
        found = sum((counted.get(timeout=1_800) for _ in processes), Counter())
        passing.kill()
        for process in processes:
            process.join()
    _allow_all(bank)
    return found


def _allow_all(bank: SmallBank) -> None:
    """The race ends in the middle of withdrawals; the next measurement finds everybody allowing it again."""
    store = open_store(bank.home.database_url)
    with store.write() as connection:
        for customer in range(CUSTOMERS):
            record(connection, f"c{customer}", "consented", datetime.now(UTC))
    store.close()


def _pass_by(database_url: str) -> None:
    while True:
        open_store(database_url).close()
        time.sleep(0.5)


def _run(url: str, key: str, steps: Any, counted: Any, requests: int, number: int) -> None:
    counted.put(asyncio.run(_race(url, key, steps, requests, number)))


async def _race(url: str, key: str, steps: Any, requests: int, number: int) -> Counter[str]:
    found: Counter[str] = Counter()
    dice = random.Random(number)
    flips = [
        asyncio.create_task(
            _flip(url, key, steps, range(number * FLIPPING + at, CUSTOMERS, PROCESSES * FLIPPING), found)
        )
        for at in range(FLIPPING)
    ]
    await asyncio.gather(*(_ask(url, key, steps, requests, dice, found) for _ in range(ASKING)))
    for flip in flips:
        flip.cancel()
    await asyncio.gather(*flips, return_exceptions=True)
    return found


async def _ask(url: str, key: str, steps: Any, requests: int, dice: random.Random, found: Counter[str]) -> None:
    async with _Line(url) as line:
        while found["asked"] < requests:
            found["asked"] += 1
            customer = dice.randrange(CUSTOMERS)
            before = steps[customer]
            body = as_json({"customer_id": f"c{customer}", "purpose": PURPOSE})
            status, _ = await line.send(request_bytes(url, "/v1/events", body, key=key))
            found[{200: "answered", 403: "refused"}.get(status, "other")] += 1
            found["late"] += status == 200 and before % 2 == 1 and steps[customer] == before


async def _flip(url: str, key: str, steps: Any, customers: range, found: Counter[str]) -> None:
    """Withdraw and consent, customer by customer, for ever; only this task changes these customers."""
    async with _Line(url) as line:
        turn = 0
        while True:
            for customer in customers:
                await line.record(key, customer, "withdrawn", f"{customer}-{turn}-w")
                steps[customer] += 1
                found["flips"] += 1
                await asyncio.sleep(0.05)
                steps[customer] += 1
                await line.record(key, customer, "consented", f"{customer}-{turn}-c")
            turn += 1


class _Line:
    """One keep-alive connection."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def __aenter__(self) -> "_Line":
        place = urlsplit(self.url)
        self.reader, self.writer = await asyncio.open_connection(place.hostname, place.port)
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.writer.close()

    async def send(self, request: bytes) -> tuple[int, dict[str, Any]]:
        """Status and body of one request."""
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        return int(head[9:12]), json.loads(await self.reader.readexactly(length))

    async def record(self, key: str, customer: int, action: str, once: str) -> None:
        """Append a permission event; returns when it was acknowledged."""
        body = as_json({"customer_id": f"c{customer}", "purpose": PURPOSE, "action": action})
        request = request_bytes(self.url, "/v1/permissions", body, key=key)
        marked = request.replace(b"\r\n\r\n", f"\r\nIdempotency-Key: {RUN}-{once}\r\n\r\n".encode(), 1)
        status, told = await self.send(marked)
        if status != 201:
            raise SystemExit(f"A permission was not recorded: {status} {told.get('type')}")


RUN = random.SystemRandom().randrange(10**9)  # keys of another run are other keys

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0)
    sys.exit(main(parser.parse_args().share))
