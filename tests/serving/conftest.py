"""A small bank for the tests: a real store in a temporary folder, and a detector that is told what to find."""

import secrets
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from models.canonical import sha256_of
from models.classifier import BookingClassifier
from models.events import EventDetector
from models.home import Home
from models.kill_switch import KillSwitches
from models.permission import PermissionEvent, append_permission
from models.points import Points
from models.purposes import PurposeRegistry, default_purposes
from models.screening import PASSES, STOPPED
from models.signing import load_registry
from models.store import Store, open_store
from models.taxonomy import Taxonomy, default_taxonomy
from serving.addresses import PREFIX
from serving.app import build_api, build_routes, find_client_of
from serving.clients import ROLES, add_client, clients, make_client_table
from serving.desk import Desk
from serving.edge import Edge, Seen
from serving.gate import Gate
from serving.ledger import Ledger
from serving.once import Once
from serving.pages.addresses import PREFIX as PAGES_PREFIX
from serving.pages.app import build_pages, build_reception, build_routes_of_pages
from serving.pages.settings import PageSettings
from serving.policy import Policy, default_policy
from serving.records import StoredRecords

with warnings.catch_warnings():
    # Starlette wants a fork of httpx here; the service itself and its client use httpx.
    warnings.simplefilter("ignore", UserWarning)  # StarletteDeprecationWarning is one
    from starlette.testclient import TestClient

# Noon in Amsterdam on Sunday 22 November 2026.
NOW = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
TODAY = date(2026, 11, 22)
CUSTOMER = "c-1"
KEY = "levensloop.tester.only-for-tests"
DETECTION_COLUMNS = (
    "customer_id", "event", "onset_date", "detected_on", "probability", "status", "offer_class", "evidence",
)  # fmt: skip


@dataclass(frozen=True)
class WordScreening:
    """Screens every booking whose text holds the word."""

    word: str = "kerk"

    def judge(self, frame: pd.DataFrame) -> np.ndarray:
        return np.where(frame["remittance_information"].str.contains(self.word), STOPPED, PASSES)


@dataclass(frozen=True)
class FakeRelease:
    """A release that nobody trained."""

    id: str = "r" * 64
    model_version: str = "fake-1"
    taxonomy: Taxonomy = field(default_factory=default_taxonomy)
    screening: WordScreening = field(default_factory=WordScreening)


@dataclass
class FakeHolder:
    """Holds the release that the test gives."""

    release: FakeRelease = field(default_factory=FakeRelease)

    def current(self) -> FakeRelease:
        return self.release


@dataclass
class ToldDetector:
    """Finds what the test says, and remembers what it was asked; `only_detectable` leaves out what comes later."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    calls: list[tuple[pd.DataFrame, date]] = field(default_factory=list)
    before_answer: Callable[[], None] = lambda: None
    only_detectable: bool = False

    def __call__(self, bookings: pd.DataFrame, /, *, as_of: date, release: Any) -> pd.DataFrame:
        self.calls.append((bookings, as_of))
        self.before_answer()
        rows = [row for row in self.rows if not self.only_detectable or row["detected_on"].date() <= as_of]
        return pd.DataFrame(rows, columns=list(DETECTION_COLUMNS))

    def find(self, event: str, *, onset: date, **changes: Any) -> None:
        """Add a detection; evidence is booking b1 unless said otherwise."""
        row = {
            "customer_id": CUSTOMER, "event": event, "onset_date": pd.Timestamp(onset),
            "detected_on": pd.Timestamp(onset), "probability": 0.9, "status": "open",
            "offer_class": default_taxonomy().event(event).offer_class, "evidence": "b1",
        }  # fmt: skip
        self.rows.append({**row, **changes})


@dataclass
class Bank:
    """Everything a test needs at hand; `client` speaks HTTP to it."""

    store: Store
    detector: ToldDetector
    desk: Desk
    client: TestClient
    seen: list[Seen]

    def record(self, action: str, *, purpose: str = "own_product_offers", at: datetime | None = None,
               customer_id: str = CUSTOMER, notice_version: str | None = None) -> int:  # fmt: skip
        """Append a permission event as the customer page would, by default one hour ago."""
        registered = self.registry.purpose(purpose)
        event = PermissionEvent(
            customer_id=customer_id, purpose=purpose, action=action,  # type: ignore[arg-type] # tests name it as text
            notice_version=notice_version or registered.notice_version, notice_sha256=registered.notice_sha256,
            language="nl", channel="page", actor="customer", at=at or NOW - timedelta(hours=1),
        )  # fmt: skip
        with self.store.write() as connection:
            return append_permission(connection, event, self.registry)

    @property
    def registry(self) -> PurposeRegistry:
        return self.desk.gate.registry

    def ask(self, *, client: TestClient | None = None, **changes: Any) -> Any:
        """POST /v1/events for the customer with one booking, unless changed; what is None is left out."""
        body = {"customer_id": CUSTOMER, "purpose": "own_product_offers", "bookings": [make_booking()], **changes}
        given = {name: value for name, value in body.items() if value is not None}
        return (client or self.client).post("/v1/events", json=given)


def make_booking(**changes: Any) -> dict[str, Any]:
    """One booking as JSON: child benefit, booking b1."""
    plain = {
        "booking_id": "b1", "booking_date": "2026-10-01", "amount": "279.49", "credit_debit_indicator": "CRDT",
        "counterparty_name": "SVB", "remittance_information": "KINDERBIJSLAG 3E KWARTAAL",
    }  # fmt: skip
    return {**plain, **changes}


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite store without rows. Copying it takes no time; making its tables forty milliseconds in each test."""
    path = tmp_path_factory.mktemp("store") / "levensloop.db"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def bank_url(empty_store: Path, tmp_path: Path) -> str:
    """Where the bank keeps everything; a test module that runs on both databases asks for `database_url` instead."""
    path = tmp_path / "levensloop.db"
    if not path.exists():
        shutil.copy(empty_store, path)
    return f"sqlite:///{path}"


@pytest.fixture
def bank(bank_url: str, tmp_path: Path) -> Iterator[Bank]:
    store = open_store(bank_url)
    add_tester(store)
    detector = ToldDetector()
    policy = default_policy()
    gate = Gate(
        store=store, releases=FakeHolder(), registry=default_purposes(), records=StoredRecords(),
        detect=detector, policy=policy, clock=lambda: NOW,
        switches=KillSwitches(lambda: load_registry(Home(tmp_path))),
    )  # fmt: skip
    desk = Desk(
        gate=gate, ledger=Ledger(store, gate.registry, Once(store)), policy=policy, clock=lambda: NOW,
        pages=PageSettings(Home(tmp_path)),
    )  # fmt: skip
    seen: list[Seen] = []
    with open_client(desk, seen) as client:
        yield Bank(store, detector, desk, client, seen)
    store.close()


def add_tester(store: Store) -> None:
    """A client that may ask everything, without a row in the trail."""
    make_client_table(store)
    may = {"roles": " ".join(ROLES), "purposes": " ".join(default_purposes().ids), "requests_per_second": 10_000}
    with store.write() as connection:
        row = {"name": "tester", "key_sha256": sha256_of(KEY.encode()), "added_at": NOW, **may}
        connection.execute(clients.insert(), row)


def open_client(
    desk: Desk | None, seen: list[Seen], *, policy: Policy | None = None, key: str | None = KEY
) -> TestClient:
    """The application behind its edge, as BentoML mounts it, without BentoML; None: without a key."""
    api = build_api()
    api.state.desk = desk
    limits = (policy or default_policy()).limits
    pages = build_pages()
    pages.state.desk = desk
    mounted = Starlette(routes=[Mount(PREFIX, api), Mount(PAGES_PREFIX, pages)])
    edge = Edge(
        mounted, routes={**build_routes(limits), **build_routes_of_pages(limits)}, limits=limits,
        find_client=partial(find_client_of, api), observe=seen.append, reception=build_reception(pages),
    )  # fmt: skip
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return TestClient(edge, raise_server_exceptions=False, headers=headers)


def rebuild_client(bank: Bank, **changes: Any) -> TestClient:
    """A client of the same bank with another gate."""
    gate = replace(bank.desk.gate, **changes)
    return open_client(replace(bank.desk, gate=gate), bank.seen)


# Test modules are not importable from each other, so what they share comes as fixtures.


@pytest.fixture
def booking() -> Callable[..., dict[str, Any]]:
    return make_booking


@pytest.fixture
def rebuild() -> Callable[..., TestClient]:
    return rebuild_client


@pytest.fixture
def connect() -> Callable[..., TestClient]:
    return open_client


def add_caller(database_url: str, *, per_second: int = 10_000) -> dict[str, str]:
    """The headers of a new client that may ask everything of a running service."""
    store = open_store(database_url)
    name = f"caller-{secrets.token_hex(4)}"
    key = add_client(
        store, name, roles=sorted(ROLES), purposes=default_purposes().ids, registry=default_purposes(),
        at=datetime.now(UTC), requests_per_second=per_second,
    )  # fmt: skip
    store.close()
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture(scope="session")
def caller() -> Callable[..., dict[str, str]]:
    return add_caller


SERVED = {
    "child_birth": ("SVB", "KINDERBIJSLAG 3E KWARTAAL", "CRDT"),
    "travel_booked": ("KLM", "TICKET AMS", "DBIT"),
    "none": ("BAKKER BART", "", "DBIT"),
}


@pytest.fixture(scope="session")
def make_served() -> Callable[..., Any]:
    """Lets a board have a candidate whose model knows the bookings of SERVED, unsigned."""

    def make(board: Any, *, value: float = 0.9, fairness: dict[str, Any] | None = None, **changes: Any) -> Any:
        names = ["counterparty_name", "remittance_information", "credit_debit_indicator", "label"]
        frame = pd.DataFrame([(*text, label) for label, text in SERVED.items()] * 40, columns=names)
        frame["amount"] = 320.0 + value
        nobody = pd.DataFrame(columns=["customer_id", "event", "onset_date"])
        facts = {"headline": {"name": "macro_f1", "value": value, "n": 4000}}
        return board.candidate(
            classifier=BookingClassifier(names="as_persons").fit(frame, frame["label"]),
            detector=EventDetector().fit([Points.empty()], np.array([]), nobody),
            taxonomy_toml=resources.files("models").joinpath("taxonomy.toml").read_text("utf-8"),
            facts=facts if fairness is None else {**facts, "fairness": fairness},
            **changes,
        )

    return make


@pytest.fixture(scope="module")
def home(
    make_board: Callable[..., Any], make_served: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Home:
    """A state folder whose champion knows the bookings of SERVED."""
    board = make_board(tmp_path_factory.mktemp("home"), demo=True)
    board.promote(board.sign(make_served(board, fairness={"findings": []})).id, allow_demo=True)
    return board.home


@pytest.fixture(scope="session")
def record_in() -> Callable[..., None]:
    """Records in the database of a home what customers said on their page, a minute ago."""

    def record(home: Home, action: str, *customers: str, purpose: str = "own_product_offers") -> None:
        registered = default_purposes().purpose(purpose)
        store = open_store(home.database_url)
        for customer_id in customers:
            event = PermissionEvent(
                customer_id=customer_id, purpose=purpose, action=action,  # type: ignore[arg-type] # tests name it as text
                notice_version=registered.notice_version, notice_sha256=registered.notice_sha256, language="nl",
                channel="page", actor="customer", at=datetime.now(UTC) - timedelta(minutes=1),
            )  # fmt: skip
            with store.write() as connection:
                append_permission(connection, event, default_purposes())
        store.close()

    return record


@pytest.fixture
def question() -> dict[str, Any]:
    """Half a year at the baker's, then the first child benefit."""

    def row(at: str, day: str, name: str, text: str, sign: str) -> dict[str, Any]:
        changes = {"amount": "320.00", "credit_debit_indicator": sign, "balance_after": "500.00"}
        return make_booking(
            booking_id=at, booking_date=day, counterparty_name=name, remittance_information=text, **changes
        )

    rows = [row(f"x{at}", f"2026-{at % 9 + 1:02d}-10", *SERVED["none"]) for at in range(36)]
    rows.append(row("b1", "2026-10-01", *SERVED["child_birth"]))
    return {"customer_id": CUSTOMER, "purpose": "own_product_offers", "as_of": "2026-11-01", "bookings": rows}
