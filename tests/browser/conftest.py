"""A real Chromium at a really running service: one server for all browser tests, a bank of its own behind it.

Without Chromium these tests are skipped with that reason; where `LEVENSLOOP_REQUIRE_BROWSER` is 1 they fail instead.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from models.bookings import bookings_from_records, write_bookings
from models.classifier import BookingClassifier
from models.events import EventDetector
from models.home import Home
from models.permission import PermissionEvent
from models.points import Points
from models.purposes import default_purposes
from models.recording import record_permission
from models.store import open_store
from serving.clients import ROLES, add_client
from serving.pages.links import build_link
from serving.pages.visitors import Identity
from serving.records import write_run
from serving.running import start_server, stop_server
from serving.settings import read_settings

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NEEDED = os.environ.get("LEVENSLOOP_REQUIRE_BROWSER") == "1"
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--disable-quic", "--disable-dev-shm-usage",
)  # fmt: skip
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CUSTOMERS = 100  # each test takes some of its own
SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
# Bookings that the pages of these tests show, with what they are about.
_SERVED = (
    ("child_birth", "b1", "SVB", "KINDERBIJSLAG 3E KWARTAAL", "CRDT", "279.49", "SCT"),
    ("child_birth", "b2", "W. de Boer", "kinderbijslag voor Noor", "CRDT", "100.00", "SCT"),
    ("travel_booked", "t1", "KLM Royal Dutch Airlines", "TICKET AMS LIS", "DBIT", "412.80", "IDEAL"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a browser where there is none, unless it has to be there."""
    if CHROMIUM is None and not NEEDED:
        why = pytest.mark.skip(reason="no Chromium on this machine; install Debian's package chromium")
        for item in items:
            if "tests/browser/" in item.path.as_posix():
                item.add_marker(why)


@dataclass
class Site:
    """A running service, and the bank behind it; every test takes a customer of its own."""

    home: Home
    url: str
    key: dict[str, str]
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def new_customer(self, *purposes: str) -> str:
        """A customer with a new child and a trip, who allows these purposes (offers, when none is named)."""
        customer = f"klant-{next(self.numbers)}"
        store = open_store(self.home.database_url)
        at = datetime.now(UTC) - timedelta(days=40)
        with store.write() as connection:
            for purpose in purposes or ("own_product_offers",):
                record_permission(connection, _consent(customer, purpose, at), default_purposes(), at=at)
        store.close()
        return customer

    def link(self, role: str, who: str) -> str:
        """A new one-time link."""
        return build_link(self.home, Identity(role, who), url=self.url, at=datetime.now(UTC))  # type: ignore[arg-type]

    def ask(self, customer: str) -> httpx.Response:
        """What the offer engine is told now, from the nightly run."""
        asked = {"customer_id": customer, "purpose": "own_product_offers"}
        return httpx.post(f"{self.url}/v1/events", json=asked, headers=self.key, trust_env=False, timeout=30)


@pytest.fixture(scope="session")
def site(make_board: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One service for all browser tests."""
    folder = tmp_path_factory.mktemp("site")
    home = _make_release(make_board(folder / "home", demo=True))
    bookings = folder / "bookings.parquet"
    customers = [f"klant-{number}" for number in range(1, CUSTOMERS + 1)]
    write_bookings(_bookings(customers), bookings)
    settings = read_settings(
        {
            "LEVENSLOOP_HOME": str(home.path), "LEVENSLOOP_DEMO": "1", "LEVENSLOOP_PORT": "3500",
            "LEVENSLOOP_BOOKINGS": str(bookings),
        }
    )  # fmt: skip
    store = open_store(home.database_url)
    _store_run(store, customers)
    key = add_client(
        store, "engine", roles=sorted(ROLES), purposes=default_purposes().ids, registry=default_purposes(),
        at=datetime.now(UTC),
    )  # fmt: skip
    store.close()
    try:
        server = start_server(settings, folder / "run", wait_seconds=120)
        yield Site(home, server.url, {"Authorization": f"Bearer {key}"})
    finally:
        stop_server(folder / "run")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The browser itself; each test opens contexts, which share nothing.

    Ended with its module, because the driver keeps an event loop running that tests of other folders would meet.
    """
    from playwright.sync_api import sync_playwright

    assert CHROMIUM is not None, "LEVENSLOOP_REQUIRE_BROWSER is set and there is no Chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any, site: Site) -> Iterator[Callable[..., Any]]:
    """A new browser of somebody who just pressed the button of a one-time link: `open_page("customer", "klant-1")`."""
    contexts = []

    def make(
        role: str = "", who: str = "", *, size: str = "desktop", script: bool = True, language: str = "nl-NL"
    ) -> Any:
        context = chromium.new_context(
            viewport=SIZES[size], java_script_enabled=script, locale=language, is_mobile=size == "phone",
            has_touch=size == "phone", base_url=site.url,
        )  # fmt: skip
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        if role:
            page.goto(site.link(role, who))
            page.get_by_role("button", name="Open").click()
        return page

    yield make
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def find_violations() -> Callable[[Any], list[str]]:
    """What axe-core holds against a page: rules of WCAG 2.0 to 2.2, A and AA, and its best practices."""
    from axe_playwright_python.sync_playwright import Axe

    axe = Axe()

    def find(page: Any) -> list[str]:
        found = axe.run(page, options={"runOnly": RULES}).response["violations"]
        return [f"{one['id']}: {one['nodes'][0]['html']} {one['nodes'][0]['failureSummary']}" for one in found]

    return find


def _make_release(board: Any) -> Home:
    """A signed release whose model knows the bookings of these tests."""
    names = ["counterparty_name", "remittance_information", "credit_debit_indicator", "bank_transaction_code", "label"]
    rows = [(name, text, sign, kind, event) for event, _, name, text, sign, _, kind in _SERVED]
    rows.append(("BAKKER BART", "", "DBIT", "CARD", "none"))
    frame = pd.DataFrame(rows * 40, columns=names).assign(amount=20.0)
    nobody = pd.DataFrame(columns=["customer_id", "event", "onset_date"])
    candidate = board.candidate(
        classifier=BookingClassifier(names="as_persons").fit(frame, frame["label"]),
        detector=EventDetector().fit([Points.empty()], np.array([]), nobody),
        taxonomy_toml=resources.files("models").joinpath("taxonomy.toml").read_text("utf-8"),
    )
    board.promote(board.sign(candidate).id, allow_demo=True)
    home: Home = board.home
    return home


def _days() -> dict[str, date]:
    """When the bookings of an event are, by its id."""
    today = datetime.now(UTC).date()
    return {"child_birth": today - timedelta(days=33), "travel_booked": today - timedelta(days=5)}


def _bookings(customers: list[str]) -> pd.DataFrame:
    rows = [
        {
            "customer_id": customer, "booking_id": booking, "booking_date": _days()[event].isoformat(),
            "amount": amount, "credit_debit_indicator": sign, "counterparty_name": name, "remittance_information": text,
            "bank_transaction_code": kind,
        }
        for customer in customers
        for event, booking, name, text, sign, amount, kind in _SERVED
    ]  # fmt: skip
    return bookings_from_records(rows, source="test").frame


def _store_run(store: Any, customers: list[str]) -> None:
    """The nightly run of yesterday: everybody has a child and a trip."""
    found = [(event, evidence) for event, evidence in (("child_birth", "b1 b2"), ("travel_booked", "t1"))]
    rows = [
        {
            "customer_id": customer, "event": event, "onset_date": pd.Timestamp(_days()[event]),
            "detected_on": pd.Timestamp(_days()[event]), "probability": 0.9, "status": "open", "offer_class": "S",
            "evidence": evidence,
        }
        for customer in customers
        for event, evidence in found
    ]  # fmt: skip
    as_of = datetime.now(UTC).date() - timedelta(days=1)
    with store.write() as connection:
        write_run(
            connection, pd.DataFrame(rows), customers=customers, as_of=as_of, release_id="n" * 64, model_version="n-1"
        )


def _consent(customer: str, purpose_id: str, at: datetime) -> PermissionEvent:
    purpose = default_purposes().purpose(purpose_id)
    return PermissionEvent(
        customer_id=customer, purpose=purpose_id, action="consented", notice_version=purpose.notice_version,
        notice_sha256=purpose.notice_sha256, language="nl", channel="branch", actor="customer", at=at,
    )  # fmt: skip


SHOTS = os.environ.get("LEVENSLOOP_SCREENSHOTS")


@pytest.fixture
def shoot() -> Callable[..., None]:
    """Keeps a picture of a page where `LEVENSLOOP_SCREENSHOTS` names a folder, for people to look at."""

    def keep(page: Any, name: str) -> None:
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)

    return keep
