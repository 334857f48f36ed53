"""The addresses of the giving calendar: feasts and habits of a period, and what explains an organisation's peaks."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import Query
from fastapi.responses import JSONResponse

from models.screening import default_screening
from models.store import peak_findings
from serving.addresses import Address
from serving.clients import OPERATIONS
from serving.contact.giving import GivingCalendar, GivingKnowledge, Habit, Occasion, build_calendar, default_giving
from serving.contact.organisations import Organisation, require_no_salary, require_organisation
from serving.contact.peaks import Peak, describe_peak, explain_peaks
from serving.contact.schemas import ExplainRequest
from serving.contact.told import CalendarTold, ExplainedTold
from serving.desk import TheClient, TheDesk, no_store
from serving.schemas import Day, Name, parse_bookings_of

# Analysts and contact colleagues. An engine that sells has no business here.
READERS = frozenset({"contact_desk", OPERATIONS})


def answer_calendar(
    _client: TheClient,
    first_day: Annotated[Day, Query(alias="from")],
    last_day: Annotated[Day, Query(alias="until")],
    tradition: Annotated[list[Name] | None, Query(max_length=20)] = None,
) -> JSONResponse:
    """Feasts and habits of giving in a period; it tells nothing of anybody."""
    calendar = build_calendar(first_day, last_day, knowledge=default_giving(), traditions=tradition or ())
    return no_store(calendar_body(calendar, version=default_giving().version))


def explain_account(asked: ExplainRequest, desk: TheDesk, _client: TheClient) -> JSONResponse:
    """The peaks in the account of an organisation; the bookings are not stored, what explains a peak is."""
    knowledge = default_giving()
    given = asked.organisation
    organisation = Organisation(given.organisation_id, given.legal_form, given.kvk_number, tuple(given.traditions))
    with desk.store.read() as connection:
        require_organisation(connection, organisation, knowledge=knowledge)
    most = desk.policy.limits.row_problems
    bookings = parse_bookings_of(asked.bookings, customer_id=organisation.organisation_id, most_reported=most)
    require_no_salary(bookings, default_screening())
    peaks = explain_peaks(bookings, traditions=organisation.traditions, knowledge=knowledge)
    with desk.store.write() as connection:
        keep_findings(connection, organisation.organisation_id, peaks, now=desk.clock())
    told = [peak_body(peak, knowledge) for peak in peaks]
    return no_store({"organisation_id": organisation.organisation_id, "version": knowledge.version, "peaks": told})


def keep_findings(connection: sa.Connection, organisation_id: str, peaks: Sequence[Peak], *, now: datetime) -> None:
    """Keep what was found on each peak, in place of what was found on the same one before."""
    for peak in peaks:
        key = {"organisation_id": organisation_id, "direction": peak.direction, "first_day": peak.first_day}
        connection.execute(peak_findings.delete().filter_by(**key))
        habits = " ".join(occasion.habit.id for occasion in peak.occasions)
        found = {"last_day": peak.last_day, "verdict": peak.verdict, "habits": habits, "at": now}
        connection.execute(peak_findings.insert().values(**key, **found))


def calendar_body(calendar: GivingCalendar, *, version: str) -> dict[str, Any]:
    """A calendar as JSON."""
    return {
        "version": version,
        "first_day": calendar.first_day.isoformat(),
        "last_day": calendar.last_day.isoformat(),
        "feasts": [
            {
                "feast": one.feast.id,
                "tradition": one.feast.tradition,
                "name": asdict(one.feast.words),
                "day": one.day.isoformat(),
                "tolerance_days": one.feast.tolerance_days,
            }
            for one in calendar.feast_days
        ],
        "habits": [_occasion_body(occasion) for occasion in calendar.occasions],
        "unknown": [{"feast": feast, "year": year} for feast, year in calendar.unknown],
    }


def peak_body(peak: Peak, knowledge: GivingKnowledge) -> dict[str, Any]:
    """A peak as JSON."""
    return {
        "direction": peak.direction,
        "first_day": peak.first_day.isoformat(),
        "last_day": peak.last_day.isoformat(),
        "total_cents": peak.total_cents,
        "ordinary_cents": peak.ordinary_cents,
        "expected_cents": list(peak.expected_cents) if peak.expected_cents else None,
        "share_explained": peak.share_explained,
        "verdict": peak.verdict,
        "needs_no_question": peak.needs_no_question,
        "habits": [_occasion_body(occasion) for occasion in peak.occasions],
        "sentence": asdict(describe_peak(peak, knowledge)),
    }


def _occasion_body(occasion: Occasion) -> dict[str, Any]:
    return {
        **_habit_body(occasion.habit),
        "feast": occasion.feast.id if occasion.feast else None,
        "feast_day": _iso(occasion.feast_day),
        "first_day": occasion.first_day.isoformat(),
        "last_day": occasion.last_day.isoformat(),
    }


def _habit_body(habit: Habit) -> dict[str, Any]:
    return {
        "habit": habit.id,
        "tradition": habit.tradition,
        "name": asdict(habit.words),
        "direction": habit.direction,
        "times": list(habit.times),
        "source": habit.source,
        "marker": habit.marker,
        "reviewer": habit.reviewer,
        "reviewed_on": habit.reviewed_on.isoformat(),
    }


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


ADDRESSES = (
    Address(
        "/giving-calendar", "Feasts and giving habits of a period", answer_calendar, READERS, CalendarTold,
        method="GET", problems=frozenset({422}),
    ),
    Address(
        "/giving-calendar:explain", "What explains the peaks of an organisation", explain_account, READERS,
        ExplainedTold, size="bookings",
    ),
)  # fmt: skip
