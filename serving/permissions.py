"""The addresses of the permission ledger: append what a customer decided or was shown, and read what holds now."""

from fastapi.responses import JSONResponse

from serving.addresses import Address
from serving.clients import ASKING
from serving.desk import TheClient, TheDesk, TheWrite, no_store
from serving.schemas import CurrentPermissionRequest, PermissionEventRequest
from serving.told import CurrentPermissionTold, PermissionEventTold

# Where customers speak for themselves. An engine that sells may not write the permission it rests on.
SPEAKING_FOR_CUSTOMERS = frozenset({"customer_page", "contact_desk"})


def append_event(asked: PermissionEventRequest, desk: TheDesk, write: TheWrite) -> JSONResponse:
    """Append what a customer decided or was shown; with this answer it counts."""
    return no_store(desk.ledger.append(asked, write=write, now=desk.clock()), status=201)


def read_permission(asked: CurrentPermissionRequest, desk: TheDesk, client: TheClient) -> JSONResponse:
    """Allowed or not, under which regime and notice, and why; read from the ledger now."""
    return no_store(desk.ledger.read(asked.customer_id, asked.purpose, client=client, now=desk.clock()))


ADDRESSES = (
    Address(
        "/permissions", "Append an event to the permission ledger", append_event, SPEAKING_FOR_CUSTOMERS,
        PermissionEventTold, status=201, is_write=True,
    ),
    Address(
        "/permissions:current", "The permission that holds now", read_permission, ASKING, CurrentPermissionTold
    ),
)  # fmt: skip
