"""The shapes of answers about giving, complaints and questions, for the API description; nothing is built of them."""

from typing import Annotated, Literal

from pydantic import Field

from serving.told import Day, Moment, Place, Texts, Told

Cents = Annotated[int, Field(description="euro cents")]


class FeastTold(Told):
    """A feast on its computed day; it may be kept up to `tolerance_days` apart."""

    feast: str
    tradition: str
    name: Texts
    day: Day
    tolerance_days: int


class HabitTold(Told):
    """What an organisation's account shows on these days, and who says so."""

    habit: str
    tradition: str
    name: Texts
    feast: str | None
    feast_day: Day | None
    first_day: Day
    last_day: Day
    direction: Literal["in", "out"]
    times: Annotated[list[float], Field(description="of an ordinary week, from and to")]
    source: str
    marker: str
    reviewer: str
    reviewed_on: Day


class UnknownTold(Told):
    """A feast whose day no list knows for a year."""

    feast: str
    year: int


class CalendarTold(Told):
    """Feasts and habits of a period."""

    version: str
    first_day: Day
    last_day: Day
    feasts: list[FeastTold]
    habits: list[HabitTold]
    unknown: list[UnknownTold]


class PeakTold(Told):
    """Weeks of an account that stand out, and what explains them."""

    direction: Literal["in", "out"]
    first_day: Day
    last_day: Day
    total_cents: Cents
    ordinary_cents: Cents
    expected_cents: list[int] | None
    share_explained: Annotated[float, Field(ge=0, le=1)]
    verdict: Literal["fits", "larger_than_expected", "no_feast"]
    needs_no_question: bool
    habits: list[HabitTold]
    sentence: Texts


class ExplainedTold(Told):
    """The peaks of one organisation's account."""

    organisation_id: str
    version: str
    peaks: list[PeakTold]


class LetterTold(Told):
    """A letter as it was sent."""

    letter: str
    version: int
    language: str
    subject: str
    text: str


class ComplaintOpenedTold(Told):
    """A complaint that was taken: its number and until when the customer is called."""

    complaint_id: int
    received_at: Moment
    call_back_by: Moment
    promise: Annotated[str, Field(description="in words, in the customer's language")]
    letter: LetterTold | None
    trail: Place


class AttemptTold(Told):
    """One try to call."""

    colleague: str
    result: str
    at: Moment


class ComplaintTold(Told):
    """A complaint as it stands; the customer's words are gone once it is closed."""

    complaint_id: int
    customer_id: str
    subject: str
    remark: str
    channel: str
    language: str
    received_at: Moment
    call_back_by: Moment
    called_back_at: Moment | None
    answer_by: Day
    attempts: list[AttemptTold]
    closed_at: Moment | None
    outcome: str
    handling: str
    closed_by: str
    is_late: bool


class ContactTold(Told):
    """One earlier contact; `sentence` holds the exact words that we sent."""

    at: Moment
    kind: str
    about: str
    channel: str
    sentence: str


class QueueEntryTold(Told):
    """What a colleague sees before calling."""

    complaint: ComplaintTold
    last_contacts: list[ContactTold]


class QueueTold(Told):
    """The first open complaints and how many there are."""

    open: int
    complaints: list[QueueEntryTold]


class ClosedTold(Told):
    """A closed complaint and the letter with its answer."""

    complaint: ComplaintTold
    letter: LetterTold | None


class LogTold(Told):
    """The complaints log of a period."""

    complaints: list[ComplaintTold]


class MayAskTold(Told):
    """Whether a question may be asked, and what the colleague hears."""

    may_ask: bool
    because: str
    topic: str | None
    sentence: Texts
    wording: str | None
    asked_on: Day | None
    until: Day | None


class QuestionTold(Told):
    """What was recorded; `valid_until` is the last day on which an answer counts."""

    topic: str
    action: Literal["asked", "answered"]
    wording: str | None
    valid_until: Day | None


class RepeatedTold(Told):
    """A question that came more than once."""

    topic: str
    times: int
    redundant: int
    channels: list[str]


class CustomerContactsTold(Told):
    """Contacts of one customer."""

    customer_id: str
    contacts: int
    by_kind: dict[str, int]
    repeated: list[RepeatedTold]


class QuestionReportTold(Told):
    """Who was asked what, how often."""

    first_day: Day
    last_day: Day
    customers_in_contact: int
    questions: int
    redundant: int
    customers: list[CustomerContactsTold]


class StepTold(Told):
    """One contact of a case."""

    day: int
    kind: str
    about: str
    channel: str


class AvoidableTold(Told):
    """What need not have happened."""

    kind: Literal["redundant_question", "explained_peak", "unclear_letter"]
    step: int


class CaseTold(Told):
    """One situation, without anything that says whose it was."""

    number: int
    month: str
    days: int
    steps: list[StepTold]
    avoidable: list[AvoidableTold]


class CasesTold(Told):
    """Situations with much contact."""

    first_day: Day
    last_day: Day
    cases: list[CaseTold]
