"""A small bank with a signed release and a running service, for measurements and long runs; kept between runs.

The classifier is fitted on a simulated bank; the detector knows no events, so that nothing but the way to an answer is
measured. Customers `c0` ... allow offers and have one stored detection each.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import sqlalchemy as sa

from models.board import sign_release
from models.bookings import load_bookings
from models.candidate import write_candidate
from models.classifier import BookingClassifier
from models.errors import LevensloopError
from models.events import EventDetector
from models.home import Home
from models.permission import PermissionEvent, append_permission
from models.points import Points
from models.promotion import promote_release
from models.purposes import default_purposes
from models.release import load_release, read_champion
from models.signing import BOARD, generate_key, load_private_key
from models.store import Store, open_store
from serving.clients import ROLES, add_client
from serving.records import write_run
from serving.running import start_server, stop_server
from serving.settings import Settings, read_settings
from tests.benchmarks.serving.callers import Server

PURPOSE = "own_product_offers"
CUSTOMERS = 1_000
FOLDER = Path("build") / "serving-bank"


@dataclass(frozen=True)
class SmallBank:
    """Where it lies, and the key of a client that may ask as often as it likes."""

    home: Home
    key: str

    @property
    def settings(self) -> Settings:
        """Two workers on a demo release."""
        given = {"LEVENSLOOP_HOME": str(self.home.path), "LEVENSLOOP_DEMO": "1", "LEVENSLOOP_PORT": "3700"}
        return read_settings(given)

    def bookings(self) -> pd.DataFrame:
        """The simulated bank's bookings."""
        return load_bookings(self.home.path / "bank" / "bookings.parquet").frame


def open_bank(folder: Path = FOLDER) -> SmallBank:
    """The bank in this folder, made when it is not there, is half made, or was made by another Levensloop."""
    home = Home(folder.resolve())
    key = home.path / "client.key"
    if home.path.exists() and not (key.exists() and _is_usable(home)):
        shutil.rmtree(home.path)
    if not key.exists():
        _simulate(home)
        _promote(home)
        store = open_store(home.database_url)
        _fill(store)
        key.write_text(_add_client(store))
        store.close()
    return SmallBank(home, key.read_text())


def _is_usable(home: Home) -> bool:
    try:
        load_release(home, str(read_champion(home).release_id), signed_only=True, allow_demo=True)  # type: ignore[union-attr]
    except (LevensloopError, AttributeError):
        return False
    return True


@contextmanager
def running(bank: SmallBank, *, workers: int = 2) -> Iterator[Server]:
    """The real service on this bank."""
    folder = bank.home.path / "run"
    stop_server(folder)
    server = start_server(replace(bank.settings, workers=workers), folder, wait_seconds=180)
    try:
        yield Server(server.url, server.pid)
    finally:
        stop_server(folder)


def _simulate(home: Home) -> None:
    home.path.mkdir(parents=True, exist_ok=True)
    size = ["--customers", "40", "--months", "14", "--rates", "enriched", "--seed", "7"]
    command = [sys.executable, "-m", "models.command_line", "simulate", *size, "--out", str(home.path / "bank")]
    subprocess.run(command, check=True, capture_output=True)


def _promote(home: Home) -> None:
    bookings = load_bookings(home.path / "bank" / "bookings.parquet").frame
    labels = pd.read_csv(home.path / "bank" / "labels.csv")
    merged = bookings.merge(labels[["booking_id", "event"]].drop_duplicates("booking_id"), on="booking_id")
    now = datetime.now(UTC)
    texts = {
        name: resources.files("models").joinpath(f"{name}.toml").read_text("utf-8")
        for name in ("taxonomy", "screening")
    }
    nobody = pd.DataFrame(columns=["customer_id", "event", "onset_date"])
    candidate = write_candidate(
        home,
        classifier=BookingClassifier(names="as_persons").fit(merged[list(bookings.columns)], merged["event"]),
        detector=EventDetector().fit([Points.empty()], np.array([]), nobody),
        taxonomy_toml=texts["taxonomy"],
        screening=texts["screening"],
        facts={"headline": {"name": "macro_f1", "value": 0.9, "n": 120}, "fairness": {"findings": []}},
        permission={
            "snapshot_sha256": "a" * 64,
            "notice_version": "2026-01",
            "customers": 1,
            "at": now.isoformat(),
        },
        created_at=now,
    )
    for role in BOARD:
        generate_key(home, role, f"Demo {role}", "secret", demo=True)
        key = load_private_key(home.keys / f"{role}.pem", "secret")
        sign_release(home, candidate.id, role, key, "approve", "a measurement", at=now)
    promote_release(home, candidate.id, who="bench", why="bench", allow_demo=True, at=now)


def _fill(store: Store) -> None:
    names = [f"c{number}" for number in range(CUSTOMERS)]
    at = datetime.now(UTC) - timedelta(hours=1)
    with store.write() as connection:
        for name in names:
            record(connection, name, "consented", at)
    day = (at - timedelta(days=3)).date()
    found = pd.DataFrame(
        {
            "customer_id": names, "event": "child_birth", "onset_date": pd.Timestamp(day),
            "detected_on": pd.Timestamp(day), "probability": 0.9, "status": "open", "offer_class": "S",
            "evidence": "b1 b2",
        }
    )  # fmt: skip
    with store.write() as connection:
        write_run(connection, found, customers=names, as_of=day, release_id="n" * 64, model_version="nightly-1")


def record(connection: sa.Connection, customer_id: str, action: str, at: datetime) -> None:
    """Append a permission event as the customer's page would."""
    purpose = default_purposes().purpose(PURPOSE)
    event = PermissionEvent(
        customer_id=customer_id, purpose=PURPOSE, action=action,  # type: ignore[arg-type]  # a text of ours
        notice_version=purpose.notice_version, notice_sha256=purpose.notice_sha256, language="nl", channel="page",
        actor="customer", at=at,
    )  # fmt: skip
    append_permission(connection, event, default_purposes())


def _add_client(store: Store) -> str:
    may = {"roles": sorted(ROLES), "purposes": default_purposes().ids, "requests_per_second": 100_000}
    return add_client(store, "bench", registry=default_purposes(), at=datetime.now(UTC), **may)  # type: ignore[arg-type]
