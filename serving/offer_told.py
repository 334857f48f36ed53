"""The shapes of answers about offers and of what customers say about events, for the API description."""

from typing import Annotated, Any, Literal

from pydantic import Field

from serving.told import Day, Granted, Moment, Place, Texts, Told, WindowTold


class PermissionCheckTold(Told):
    """Whether what was selected under a version may be sent now."""

    customer_id: str
    purpose: str
    allowed: bool
    version: Annotated[int, Field(description="the newest permission version")]
    valid_until: Moment | None
    because: str


class OfferSentTold(Told):
    """An offer that counts as sent."""

    customer_id: str
    event: str
    product: str
    sent_at: Moment
    permission_version: int
    trail: Place


class OfferAnsweredTold(Told):
    """An answer that was recorded."""

    customer_id: str
    event: str
    product: str
    answer: Literal["yes", "no", "not_now", "wrong", "stop"]
    trail: Place


class Message(Told):
    """One message of the outbox."""

    id: int
    topic: str
    at: Moment
    body: dict[str, Any]


class OutboxTold(Told):
    """The next messages; go on from `next`."""

    messages: list[Message]
    next: int
    more: bool


class CorrectionTold(Told):
    """A correction that was recorded."""

    customer_id: str
    event: str
    onset_date: Day
    correction: Literal["not_right", "not_mine"]
    bookings: Annotated[int, Field(description="how many bookings it is about, for review")]
    recalled: Annotated[int, Field(description="how many offers were taken back")]
    trail: Place


class OverdraftTold(Told):
    """Whether there is an overdraft to tell the customer of, and the message."""

    customer_id: str
    as_of: Day
    overdrawn: bool
    since: Day | None
    detected_on: Day | None
    evidence: list[str]
    message: Texts | None
    send_window: WindowTold
    permission: Granted
    trail: Place
