"""A permission event and its trail row are one: what stands in the ledger was recorded in the chain at that moment.

The trail says what the ledger must hold - purpose, action, notice, moment - and commits to the whole event with a salt,
so that an event that was changed afterwards is found, and one that was erased stays unreadable.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from models.errors import UsageError
from models.ledger_check import EVENT_COMMITMENT, PERMISSION_RECORDED, commit_to_event
from models.permission import PermissionEvent, append_permission, find_repeated
from models.purposes import PurposeRegistry
from models.recalls import recall_ended
from models.trail import TrailRow, append_trail


@dataclass(frozen=True, slots=True)
class RecordedPermission:
    """Where an event stands in the ledger and in the trail."""

    version: int
    row: TrailRow


def record_permission(
    connection: sa.Connection, event: PermissionEvent, registry: PurposeRegistry, *, at: datetime, client: str = ""
) -> RecordedPermission:
    """Append an event to ledger and trail inside `store.write()`; acknowledge only after that block has ended.

    Offers that were made under a permission which the event ends are recalled in the same transaction. `client` is the
    system that told it, where one did.

    Raises
    ------
    PermissionRefusedError, UsageError
        As `append_permission`; also when it was recorded before, for which `find_repeated` looks.
    """
    if find_repeated(connection, event) is not None:
        raise UsageError("This permission event was recorded already. Nothing is to be done.")
    version = append_permission(connection, event, registry)
    personal = {"customer_id": event.customer_id, EVENT_COMMITMENT: commit_to_event(asdict(event))}
    body = _body(event, version) | ({"client": client} if client else {})
    row = append_trail(connection, PERMISSION_RECORDED, body, personal=personal, at=at)
    recall_ended(connection, event, registry.purpose(event.purpose), version, at=at)
    return RecordedPermission(version, row)


def _body(event: PermissionEvent, version: int) -> dict[str, Any]:
    """What the chain says openly: nothing of it names a customer or a colleague."""
    return {
        "purpose": event.purpose,
        "action": event.action,
        "permission_version": version,
        "notice_version": event.notice_version,
        "notice_sha256": event.notice_sha256,
    }
