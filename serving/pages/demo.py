"""What the demo needs so that its customers find something on their pages: bookings up to yesterday, and ways in."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd

from models.bookings import write_bookings
from models.home import Home
from models.statements import read_statements
from serving.nightly import run_nightly_file
from serving.pages.links import build_link
from serving.pages.visitors import Identity
from serving.settings import Settings

# The demo's customers, with the key of what there is to see (`operations.customers` of the words).
CHILD, TRAVEL, SILENT = "demo-child", "demo-travel", "demo-no-permission"
DEMO_CUSTOMERS = {CHILD: "child", TRAVEL: "travel", SILENT: "silent"}


def bookings_of_pages(home: Home) -> Path:
    """Where the demo's pages look up bookings."""
    return home.path / "statements" / "pages.parquet"


def write_page_bookings(home: Home, personas: Mapping[str, str], write_household: Callable[..., None]) -> None:
    """Bookings up to yesterday, so that what happens in them is not over yet.

    Parameters
    ----------
    personas : mapping
        Customer id to persona.
    write_household : callable
        Writes the statement of a persona: `(persona, out=..., until=...)`.
    """
    until = date.today() - timedelta(days=1)  # noqa: DTZ011 - a day for people, not a moment
    frames = []
    for customer, persona in personas.items():
        statement = home.path / "statements" / f"page-{persona}-{until.isoformat()}.csv"
        if not statement.exists():
            write_household(persona, out=statement, until=until)
        frames.append(read_statements([statement], customer=customer).frame)
    write_bookings(pd.concat(frames, ignore_index=True), bookings_of_pages(home))


def fill_pages(home: Home, settings: Settings) -> None:
    """Judge the bookings of the pages as the nightly run does, for whoever allows it by now."""
    run_nightly_file(bookings_of_pages(home), settings)


def find_page_links(home: Home, url: str) -> list[tuple[str, str]]:
    """What there is to see on each page, and a one-time link to it."""
    now = datetime.now(UTC)
    people = (
        ("the offer engine's view: events, offers, and why others are held back", Identity("operations", "Demo")),
        ("the page of a customer with a new child", Identity("customer", CHILD)),
        ("the page of a customer with a plane ticket", Identity("customer", TRAVEL)),
        ("the review board: releases, gate, signatures, oversight", Identity("board", "demo owner")),
        ("colleagues of contact: complaints, questions, giving calendar", Identity("colleague", "Demo")),
    )
    return [(what, build_link(home, who, url=url, at=now)) for what, who in people]
