"""The figures and sentences of serving as reviewable data; the review board owns `policy.toml`."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from serving.send_window import SendingHours, parse_hours


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence for customers, in Dutch and English."""

    nl: str
    en: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may ask of the service; sizes in bytes, times in seconds."""

    body_bytes: int
    bookings_body_bytes: int
    batch_body_bytes: int
    form_bytes: int
    batch_customers: int
    timeout_seconds: float
    batch_timeout_seconds: float
    batches_at_once: int
    requests_per_second: float
    burst_seconds: float
    requests_at_once: int
    row_problems: int


@dataclass(frozen=True, slots=True)
class Retention:
    """How long rows of a table are kept: `days` after the day in column `since`; None: until the customer is erased.

    A row whose day is empty is kept. `since` may name a column of the table that a row belongs to: `trail.at`.
    """

    days: int | None
    since: str
    why_nl: str
    why_en: str


@dataclass(frozen=True, slots=True)
class Policy:
    """A version of `policy.toml`.

    `care_block_days` and `offer_cap_days` are whole days; `only_events` narrows a purpose to certain events;
    `because` holds one sentence per regime (`opt_in`, `opt_out`); `report_minutes` is how old the report of a sent
    offer may be; `same_event_days` is how far a detection may move and still be the one a customer corrected.
    """

    version: str
    care_block_days: int
    offer_cap_days: int
    only_events: dict[str, tuple[str, ...]]
    limits: Limits
    because: dict[str, Sentence]
    hours: SendingHours
    report_minutes: int
    same_event_days: int
    overdraft: Sentence
    retention: dict[str, Retention]


@cache
def default_policy() -> Policy:
    """The policy that ships with Levensloop."""
    return parse_policy(tomllib.loads(resources.files("serving").joinpath("policy.toml").read_text("utf-8")))


def parse_policy(data: dict[str, Any]) -> Policy:
    """Build a policy from the content of its TOML file."""
    return Policy(
        version=str(data["version"]),
        care_block_days=int(data["care"]["block_days"]),
        offer_cap_days=int(data["offers"]["cap_days"]),
        only_events={purpose: tuple(events) for purpose, events in data.get("only_events", {}).items()},
        limits=Limits(**data["limits"]),
        because={regime: Sentence(**texts) for regime, texts in data["because"].items()},
        hours=parse_hours(data["offers"]["sending"]),
        report_minutes=int(data["offers"]["report_minutes"]),
        same_event_days=int(data["corrections"]["same_event_days"]),
        overdraft=Sentence(**data["overdraft"]),
        retention={table: Retention(**{"days": None, **kept}) for table, kept in data["retention"].items()},
    )
