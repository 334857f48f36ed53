"""The shapes of requests about giving, complaints and questions; texts are limited and free of control characters."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from serving.schemas import Booking, CustomerId, Day, Moment, Name, Request

Language = Literal["nl", "en"]
# Words of a customer or a colleague: lines may end, nothing else that does not print.
Words = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]
Short = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"),
]
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]
KvkNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{8}$")]
Many = Annotated[int, Field(ge=1, le=1_000)]


class OrganisationAsked(Request):
    """The holder of the account, as the Chamber of Commerce has it; a person is refused."""

    organisation_id: CustomerId
    legal_form: Name
    kvk_number: KvkNumber
    traditions: Annotated[list[Name], Field(min_length=1, max_length=12)]


class ExplainRequest(Request):
    """Which feasts explain the peaks in this account?"""

    organisation: OrganisationAsked
    bookings: list[Booking]


class ComplaintRequest(Request):
    """A complaint in the customer's own words, or none: a button is enough."""

    customer_id: CustomerId
    subject: Name = "other"
    remark: Words = ""
    channel: Name = "api"
    language: Language | None = None


class QueueRequest(Request):
    """Open complaints, those first whose promise ends first."""

    limit: Many = 100


class AttemptRequest(Request):
    """One try to call a customer back."""

    complaint_id: Number
    colleague: Name
    result: Name


class CloseRequest(Request):
    """How a complaint ended and what was done about it."""

    complaint_id: Number
    colleague: Name
    outcome: Name
    handling: Short


class PeriodRequest(Request):
    """From the first day on, up to and including the last."""

    first_day: Day
    last_day: Day


class ManyContactsRequest(PeriodRequest):
    """What happened in a period, from this many contacts on."""

    least_contacts: Many = 4


class MayAskRequest(Request):
    """May this customer be asked this, by topic or in free words?"""

    customer_id: CustomerId
    topic: Name | None = None
    text: Annotated[str | None, StringConstraints(min_length=1, max_length=500)] = None
    language: Language = "nl"


class QuestionRequest(Request):
    """A question that is asked, or an answer; `at` in the past says that it happened already, past this ledger."""

    customer_id: CustomerId
    topic: Name
    action: Literal["asked", "answered"]
    channel: Name = "letter"
    colleague: Name = "colleague"
    language: Language = "nl"
    source: Literal["customer", "contract"] = "customer"
    reference: Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    at: Moment | None = None
