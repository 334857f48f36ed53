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


def find_page_links(home: Home, url: str, customers: Mapping[str, str]) -> list[tuple[str, str]]:
    """For each customer what there is to see, and a one-time link to it."""
    now = datetime.now(UTC)
    return [
        (what, build_link(home, Identity("customer", customer), url=url, at=now))
        for customer, what in customers.items()
    ]
