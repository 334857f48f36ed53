"""The giving calendar for analysts: feasts and habits of a period, and what explains the peaks of an organisation.

Totals per day are pasted, judged and forgotten. Persons are refused, as at `/v1/giving-calendar:explain`.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import pandas as pd
from fastapi import Request
from starlette.responses import Response

from models.bookings import bookings_from_records
from models.errors import UsageError
from models.purposes import AMSTERDAM
from serving.contact.calendar_addresses import keep_findings
from serving.contact.giving import GivingKnowledge, build_calendar, default_giving
from serving.contact.organisations import Organisation, require_organisation
from serving.contact.peaks import Peak, describe_peak, explain_peaks
from serving.contact.schemas import OrganisationAsked
from serving.desk import Desk, TheDesk
from serving.pages.addresses import COLLEAGUE, Page
from serving.pages.contact_questions import parse_day
from serving.pages.forms import Form, TheForm, TheVisitor, parse_form
from serving.pages.rendering import show
from serving.pages.words import find_language
from serving.problems import refuse

_MONTHS_AHEAD = timedelta(days=180)
_DAY_FORMS = ("%Y-%m-%d", "%d-%m-%Y")
_CENTS = 100


@dataclass(frozen=True, slots=True)
class PeakSeen:
    """A peak with what an analyst reads of it, and its amounts in euros."""

    peak: Peak
    sentence: str
    total: Decimal
    ordinary: Decimal


def show_calendar(
    request: Request, desk: TheDesk, _visitor: TheVisitor, first: str = "", last: str = "", tradition: str = ""
) -> Response:
    """Feasts and habits of giving in a period; it tells nothing of anybody."""
    return _show(request, desk, first, last, tradition, {}, None)


def explain(request: Request, desk: TheDesk, _visitor: TheVisitor, form: TheForm) -> Response:
    """What explains the peaks in the account of an organisation; only what explains a peak is kept."""
    knowledge = default_giving()
    given = _organisation(form, knowledge)
    organisation = Organisation(given.organisation_id, given.legal_form, given.kvk_number, tuple(given.traditions))
    with desk.store.read() as connection:
        require_organisation(connection, organisation, knowledge=knowledge)
    try:
        bookings = parse_totals(form["totals"])
        peaks = explain_peaks(bookings, traditions=organisation.traditions, knowledge=knowledge)
    except UsageError as error:
        raise refuse(422, "totals-not-valid", str(error)) from error
    with desk.store.write() as connection:
        keep_findings(connection, organisation.organisation_id, peaks, now=desk.clock())
    return _show(request, desk, "", "", "", form.fields, peaks)


def parse_totals(text: str) -> pd.DataFrame:
    """Totals per day as a bookings table: lines of day, in and, where there is one, out; a first line of names may be.

    Raises
    ------
    UsageError
        A line cannot be read; its number is named, its content is not.
    """
    rows: list[dict[str, Any]] = []
    for number, fields in enumerate(_split(text), start=1):
        try:
            rows += _totals_of(fields, number)
        except (ValueError, InvalidOperation) as error:
            if number == 1:
                continue  # names of columns
            raise UsageError(f"Line {number} is not a day and one or two amounts. Correct it and try again.") from error
    if not rows:
        raise UsageError("There are no totals. Paste lines of a day and an amount.")
    return bookings_from_records(rows, source="the totals").frame


def _split(text: str) -> Iterator[list[str]]:
    lines = [line for line in text.replace("\ufeff", "").splitlines() if line.strip()]
    sample = lines[-1] if lines else ""
    separator = next((one for one in (";", "\t") if one in sample), ",")
    return csv.reader(lines, delimiter=separator)


def _totals_of(fields: list[str], number: int) -> list[dict[str, Any]]:
    """One booking per direction of a day, with its total."""
    day, *amounts = (field.strip() for field in fields)
    if not 1 <= len(amounts) <= 2:
        raise ValueError("amounts")
    when, rows = _day(day), []
    for amount, sign in zip(amounts, ("CRDT", "DBIT"), strict=False):
        total = _amount(amount)
        if total:
            rows.append(
                {
                    "booking_id": f"{number}-{sign}", "booking_date": when.isoformat(), "amount": f"{total:.2f}",
                    "credit_debit_indicator": sign, "remittance_information": "total",
                }
            )  # fmt: skip
    return rows


def _day(text: str) -> date:
    for form in _DAY_FORMS:
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no time zone
        except ValueError:
            continue
    raise ValueError("day")


def _amount(text: str) -> Decimal:
    """An amount as it is written in the Netherlands or with a decimal point; empty is nothing."""
    if not text:
        return Decimal(0)
    plain = text.replace("€", "").replace(" ", "")
    if "," in plain:
        plain = plain.replace(".", "").replace(",", ".")
    amount = Decimal(plain)
    if not amount.is_finite() or amount < 0 or amount >= Decimal("1e12"):
        raise ValueError("amount")
    return amount


def _organisation(form: Form, knowledge: GivingKnowledge) -> OrganisationAsked:
    chosen = [id for id in knowledge.traditions if form[f"tradition_{id}"]]
    if not chosen:
        raise refuse(422, "tradition-missing", "Say what the organisation lives by.")
    return parse_form(
        OrganisationAsked, organisation_id=form["organisation"].strip(), legal_form=form["legal_form"],
        kvk_number=form["kvk"].replace(" ", ""), traditions=chosen,
    )  # fmt: skip


def _show(
    request: Request, desk: Desk, first: str, last: str, tradition: str, given: Any, peaks: tuple[Peak, ...] | None
) -> Response:
    knowledge, language = default_giving(), find_language(request.scope)
    first_day = parse_day(first) if first else desk.clock().astimezone(AMSTERDAM).date()
    last_day = parse_day(last) if last else first_day + _MONTHS_AHEAD
    try:
        calendar = build_calendar(
            first_day, last_day, knowledge=knowledge, traditions=(tradition,) if tradition else ()
        )
    except UsageError as error:
        raise refuse(422, "period-not-valid", str(error)) from error
    said = [
        PeakSeen(
            peak, getattr(describe_peak(peak, knowledge), language), Decimal(peak.total_cents) / _CENTS,
            Decimal(peak.ordinary_cents) / _CENTS,
        )
        for peak in peaks or ()
    ]  # fmt: skip
    return show(
        request, "contact_calendar.html.j2", here="calendar", calendar=calendar, tradition=tradition, given=given,
        peaks=None if peaks is None else said, legal_forms=knowledge.legal_forms, knowledge=knowledge,
        traditions={id: getattr(words, language) for id, words in knowledge.traditions.items()},
    )  # fmt: skip


PAGES = (
    Page("/contact/calendar", show_calendar, COLLEAGUE),
    Page("/contact/calendar", explain, COLLEAGUE, method="POST"),
)
