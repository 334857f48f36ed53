"""The addresses for what helps the customer alone: "this is not right", and the message about an overdraft."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
from fastapi.responses import JSONResponse

from serving.addresses import Address
from serving.corrections import CorrectionRequest, record_correction
from serving.desk import TheClient, TheDeadline, TheDesk, TheWrite, no_store
from serving.detecting import Brought
from serving.offer_told import CorrectionTold, OverdraftTold
from serving.overdraft import OverdraftRequest, build_signal
from serving.permissions import SPEAKING_FOR_CUSTOMERS
from serving.schemas import parse_bookings_of

SIGNALLING = frozenset({"offer_engine", "customer_page"})


def correct_event(asked: CorrectionRequest, desk: TheDesk, write: TheWrite) -> JSONResponse:
    """Keep that an event is wrong; with this answer it is never shown again."""

    def act(connection: sa.Connection) -> dict[str, Any]:
        taxonomy = desk.gate.releases.current().taxonomy
        return record_correction(connection, asked, taxonomy=taxonomy, client=write.client.name, now=desk.clock())

    return no_store(desk.once.answer(write, asked, act, now=desk.clock()), status=201)


def signal_overdraft(asked: OverdraftRequest, desk: TheDesk, client: TheClient, deadline: TheDeadline) -> JSONResponse:
    """The service message about an overdraft; it needs no permission for offers and never names a product."""
    bring = None
    if asked.bookings is not None:
        bring = partial(_bring, asked, desk.policy.limits.row_problems)
    answer = desk.gate.answer(asked.question(client), bring=bring, deadline=deadline)
    return no_store(build_signal(answer, desk.policy.overdraft))


def _bring(asked: OverdraftRequest, most_reported: int, _customers: Sequence[str]) -> Brought:
    return Brought(parse_bookings_of(asked.bookings or [], customer_id=asked.customer_id, most_reported=most_reported))


ADDRESSES = (
    Address(
        "/corrections", "Say that an inferred event is not right or not mine", correct_event, SPEAKING_FOR_CUSTOMERS,
        CorrectionTold, status=201, is_write=True,
    ),
    Address(
        "/overdraft-signals", "The service message about an overdraft", signal_overdraft, SIGNALLING, OverdraftTold,
        size="bookings", problems=frozenset({404}),
    ),
)  # fmt: skip
