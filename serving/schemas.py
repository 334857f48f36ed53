"""The shapes of the HTTP contract: what a request must be, parsed once at the edge.

Texts are limited and free of control characters, days are `YYYY-MM-DD`, amounts decimal strings. Fields nobody knows
are refused, so that a misspelled `as_of` is not answered as if it were absent. Faults name the place and the reason,
never the value.
"""

import json
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from operator import attrgetter
from typing import Annotated, Any, Literal, TypeVar

import pandas as pd
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from models.bookings import COLUMN_NAMES, bookings_from_columns
from serving.problems import ProblemError, refuse

# Printable, no spaces around: an identifier of the bank goes into a database and a hash, never into a page.
_PRINTABLE = r"^[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?$"
CustomerId = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_PRINTABLE)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:\-]*$")]
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
LONGEST_TEXT = 2_000
Text = Annotated[str, StringConstraints(max_length=LONGEST_TEXT)]


def _parse_day(value: object) -> date:
    # The library also reads weeks (2026-W47-7), which the contract does not have.
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ValueError("is not a day (YYYY-MM-DD)")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise ValueError("is not a day (YYYY-MM-DD)") from error


Day = Annotated[date, BeforeValidator(_parse_day)]
Moment = Annotated[AwareDatetime, BeforeValidator(lambda value: _parse_moment(value))]


class Request(BaseModel):
    """Every request body: frozen, and without fields that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Booking(BaseModel):
    """One row of the bookings table as JSON; what its texts must hold is checked by the bookings contract itself.

    Other fields are left out, as they are from a file.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, hide_input_in_errors=True)

    booking_id: Text | None = None
    booking_date: Text | None = None
    value_date: Text | None = None
    amount: Annotated[Text | None, Field(description="decimal string above zero, two decimals, such as '12.50'")] = None
    currency: Text | None = None
    credit_debit_indicator: Annotated[Text | None, Field(description="CRDT or DBIT")] = None
    balance_after: Annotated[Text | None, Field(description="signed decimal string")] = None
    customer_id: Text | None = None
    account_iban: Text | None = None
    counterparty_name: Text | None = None
    counterparty_iban: Text | None = None
    creditor_id: Text | None = None
    mandate_id: Text | None = None
    end_to_end_id: Text | None = None
    purpose_code: Text | None = None
    bank_transaction_code: Text | None = None
    remittance_information: Text | None = None


class EventsRequest(Request):
    """Which life events has this customer, for this purpose?"""

    customer_id: CustomerId
    purpose: Name
    as_of: Day | None = None
    bookings: list[Booking] | None = None


class EventsBatchRequest(Request):
    """The same question for many customers, answered from nightly detections."""

    customer_ids: Annotated[list[CustomerId], Field(min_length=1)]
    purpose: Name
    as_of: Day | None = None


class BatchQuestion(Request):
    """The first line of a batch of bookings."""

    purpose: Name
    as_of: Day | None = None


class PermissionEventRequest(Request):
    """One event for the permission ledger."""

    customer_id: CustomerId
    purpose: Name
    action: Literal["shown", "consented", "withdrawn", "objected", "objection_lifted", "expired"]
    notice_version: Name | None = None
    notice_sha256: Annotated[str | None, StringConstraints(pattern=r"^[0-9a-f]{64}$")] = None
    language: Name | None = None
    channel: Name = "api"
    actor: Name = "customer"
    at: Moment | None = None
    evidence: Annotated[str, StringConstraints(max_length=200)] = ""


class CurrentPermissionRequest(Request):
    """Which permission holds now?"""

    customer_id: CustomerId
    purpose: Name


Asked = TypeVar("Asked", bound=Request)


def parse_body(shape: type[Asked], body: bytes) -> Asked:
    """A JSON body as FastAPI would parse it, for handlers that take other bodies too.

    Raises
    ------
    RequestValidationError
        The body is not of this shape.
    """
    try:
        return shape.model_validate(json.loads(body))
    except ValidationError as error:
        raise RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors()]) from error
    except (ValueError, RecursionError) as error:
        raise RequestValidationError(
            [{"type": "json_invalid", "loc": ("body",), "msg": "JSON decode error"}]
        ) from error


def parse_bookings_of(records: Sequence[Booking], *, customer_id: str, most_reported: int) -> pd.DataFrame:
    """Bookings of a request as the bookings table, all of them this customer's.

    Raises
    ------
    ProblemError
        422 with number and reason of the rows that break the contract; one bad row refuses the whole request, because
        a judgement on a part would look like a judgement on all.
    """
    foreign = [
        (at, "customer_id is another customer")
        for at, record in enumerate(records, start=1)
        if record.customer_id not in (None, "", customer_id)
    ]
    columns = {name: list(map(attrgetter(name), records)) for name in COLUMN_NAMES}
    read = bookings_from_columns({**columns, "customer_id": [customer_id] * len(records)}, source="bookings")
    faults = sorted(foreign + [(problem.line, problem.reason) for problem in read.problems])
    if faults:
        raise row_problem(faults, most_reported=most_reported)
    return read.frame


def describe_faults(errors: Sequence[Any]) -> list[dict[str, str]]:
    """Place and reason of each fault of a request body; neither holds anything the caller sent."""
    return [{"pointer": _pointer(error), "reason": _REASONS.get(error["type"], error["msg"])} for error in errors]


# Reasons in our words where the library's own would show the rule as a regular expression or lead to a URL.
_REASONS = {
    "extra_forbidden": "holds a field that this address does not know",
    "missing": "is missing",
    "string_type": "is not a text; amounts are decimal strings",
    "string_pattern_mismatch": "holds characters that are not allowed here",
    "string_unicode": "is not valid Unicode",
    "json_invalid": "is not JSON",
    "value_error": "has not the form this field needs",
    "model_attributes_type": "is not a JSON object",
}


def _pointer(error: Any) -> str:
    """JSON pointer to the fault; a name that only the caller knows is left out."""
    steps = [step for step in error["loc"] if step != "body"]
    if error["type"] == "extra_forbidden":
        steps = steps[:-1]
    if error["type"] == "json_invalid":
        steps = []
    return "".join(f"/{step}" for step in steps)


def row_problem(faults: list[tuple[int, str]], *, most_reported: int) -> ProblemError:
    """422 with number and reason of bookings that break the contract; of many only the first ones are named."""
    shown = [{"row": row, "reason": reason} for row, reason in faults[:most_reported]]
    return refuse(
        422,
        "bookings-not-valid",
        f"{len({row for row, _ in faults})} of the bookings break the bookings contract. Correct them and ask again.",
        rows=shown,
        rows_not_shown=len(faults) - len(shown),
    )


def _parse_moment(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError("is not a moment (RFC 3339)")
    try:
        moment = datetime.fromisoformat(value)
        # A moment of another zone can lie outside the years that UTC has here.
        return moment.astimezone(UTC) if moment.tzinfo else moment
    except (ValueError, OverflowError) as error:
        raise ValueError("is not a moment (RFC 3339)") from error
