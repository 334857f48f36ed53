"""The addresses for what helps the customer alone: "this is not right", and the message about an overdraft."""

from typing import Any

import sqlalchemy as sa
from fastapi.responses import JSONResponse

from serving.addresses import Address
from serving.corrections import CorrectionRequest, record_correction
from serving.desk import TheClient, TheDeadline, TheDesk, TheWrite, no_store
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
    records, most = asked.bookings, desk.policy.limits.row_problems
    read = None
    if records is not None:

        def read() -> Any:
            return parse_bookings_of(records, customer_id=asked.customer_id, most_reported=most)

    answer = desk.gate.answer(asked.question(client, read), deadline=deadline)
    return no_store(build_signal(answer, desk.policy.overdraft))


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
