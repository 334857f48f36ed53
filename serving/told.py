"""The shapes of answers, for the API description and for tests that hold answers against it; nothing is built of them.

Answers are built in `serving.answers` and `serving.ledger`.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Day = Annotated[str, Field(json_schema_extra={"format": "date"})]
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class Told(BaseModel):
    """Every answer: these members and no others."""

    model_config = ConfigDict(extra="forbid")


class Texts(Told):
    """One sentence for customers."""

    nl: str
    en: str


class Granted(Told):
    """The permission an answer rests on."""

    regime: Literal["opt_in", "opt_out"]
    notice_version: str
    version: int
    valid_until: Annotated[Moment | None, Field(description="ask again after this moment")]


class ReleaseTold(Told):
    """What judged."""

    model_version: str
    taxonomy_version: str


class WindowTold(Told):
    """From when (inclusive) until when (exclusive) an offer may be sent."""

    not_before: Moment
    not_after: Moment


class Offered(Told):
    """A product of our own that fits an event."""

    product: str
    kind: str
    name: Texts
    form: str
    send_window: WindowTold


class EventTold(Told):
    """One life event."""

    event: str
    onset_date: Annotated[Day, Field(description="day of the first evidence")]
    detected_on: Annotated[Day, Field(description="first day on which it could be told")]
    probability: Annotated[float, Field(ge=0, le=1)]
    status: Literal["open", "confirmed"]
    offer_class: Literal["S", "L", "C"]
    evidence: Annotated[list[str], Field(description="booking ids")]
    reason: Texts
    offers: list[Offered]


class Held(Told):
    """An offer that is not made, and why."""

    event: str
    product: str
    reason: str
    not_before: Day | None = None


class Place(Told):
    """Where the trail holds this."""

    seq: int
    hash: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class EventsTold(Told):
    """Life events of one customer."""

    customer_id: str
    purpose: str
    as_of: Day
    permission: Granted
    release: ReleaseTold
    events: list[EventTold]
    held_back: list[Held]
    trail: Place


class ResultTold(Told):
    """One customer of a batch: an answer or a problem."""

    customer_id: str
    answer: EventsTold | None = None
    problem: dict[str, Any] | None = None


class EventsBatchTold(Told):
    """One result per customer, in the order asked."""

    purpose: str
    results: list[ResultTold]


class PermissionTold(Told):
    """A permission as it stands now."""

    allowed: bool
    regime: Literal["opt_in", "opt_out"]
    notice_version: str
    version: Annotated[int, Field(description="place of the newest event it rests on; 0: none")]
    valid_until: Moment | None
    because: str


class CurrentPermissionTold(PermissionTold):
    """The permission of one customer for one purpose."""

    customer_id: str
    purpose: str


class PermissionEventTold(Told):
    """What was appended, and the permission that holds now."""

    customer_id: str
    purpose: str
    action: str
    version: int
    permission: PermissionTold
    trail: Place
