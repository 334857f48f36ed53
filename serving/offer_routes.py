"""The addresses around offers: ask again when sending, report what was sent and answered, read what was recalled."""

from typing import Any

import sqlalchemy as sa
from fastapi.responses import JSONResponse

from models.purposes import PurposeRegistry
from models.recalls import ENGINE
from serving.addresses import Address
from serving.clients import Client
from serving.desk import Desk, TheClient, TheDesk, TheWrite, no_store
from serving.offer_told import OfferAnsweredTold, OfferSentTold, OutboxTold, PermissionCheckTold
from serving.outbox import OutboxPullRequest, pull_messages
from serving.problems import ProblemError
from serving.sending import OfferAnsweredRequest, OfferDesk, OfferSentRequest, PermissionCheckRequest, is_recorded

SENDING = frozenset({"offer_engine", "customer_page"})
ANSWERING = frozenset({"offer_engine", "customer_page", "contact_desk"})
ENGINES = frozenset({ENGINE})


def check_permission(asked: PermissionCheckRequest, desk: TheDesk, client: TheClient) -> JSONResponse:
    """Whether what was selected under a permission version may still be sent; asked at the moment of sending."""
    client.require_purpose(asked.purpose)
    with desk.store.read() as connection:
        return no_store(OfferDesk(desk.gate).check(connection, asked, now=desk.clock()))


def report_sent(asked: OfferSentRequest, desk: TheDesk, write: TheWrite) -> JSONResponse:
    """Record an offer as sent; a refusal means that it must not go out, and stands in the trail too."""
    write.client.require_purpose(asked.purpose)
    offers = OfferDesk(desk.gate)

    def act(connection: sa.Connection) -> dict[str, Any]:
        return offers.send(connection, asked, client=write.client.name, now=desk.clock())

    try:
        return no_store(desk.once.answer(write, asked, act, now=desk.clock()), status=201)
    except ProblemError as error:
        _record_refusal(desk, offers, asked, error, client=write.client.name)
        raise


def report_answered(asked: OfferAnsweredRequest, desk: TheDesk, write: TheWrite) -> JSONResponse:
    """Record what a customer said to an offer; `stop` ends all offers and `wrong` hides the event, from now on."""
    offers = OfferDesk(desk.gate)

    def act(connection: sa.Connection) -> dict[str, Any]:
        return offers.answer(connection, asked, client=write.client, now=desk.clock())

    return no_store(desk.once.answer(write, asked, act, now=desk.clock()), status=201)


def pull_outbox(asked: OutboxPullRequest, desk: TheDesk, client: TheClient) -> JSONResponse:
    """Messages about offers that were taken back, in order; asking for those after a number says it was read."""
    with desk.store.write() as connection:
        _require_all_purposes(client, desk.gate.registry.in_force(connection))
        return no_store(pull_messages(connection, asked, now=desk.clock()))


def _require_all_purposes(client: Client, registry: PurposeRegistry) -> None:
    """Messages are about every purpose an engine asks for, so only who may ask for all of them reads them."""
    for purpose in registry.purposes:
        if ENGINE in purpose.clients:
            client.require_purpose(purpose.id)


def _record_refusal(
    desk: Desk, offers: OfferDesk, asked: OfferSentRequest, error: ProblemError, *, client: str
) -> None:
    if is_recorded(error):
        with desk.store.write() as connection:
            offers.record_refusal(connection, asked, error.problem, client=client, now=desk.clock())


ADDRESSES = (
    Address(
        "/permissions:check", "Whether a permission version still holds, asked when sending", check_permission,
        SENDING, PermissionCheckTold,
    ),
    Address(
        "/offers:sent", "Report an offer as sent", report_sent, SENDING, OfferSentTold, status=201, is_write=True,
    ),
    Address(
        "/offers:answered", "Report what a customer said to an offer", report_answered, ANSWERING, OfferAnsweredTold,
        status=201, is_write=True, problems=frozenset({404}),
    ),
    Address("/outbox:pull", "Messages about recalled offers", pull_outbox, ENGINES, OutboxTold),
)  # fmt: skip
