"""Messages to engines, at least once and in order: pulled with a cursor, or pushed by `levensloop outbox deliver`.

A message is delivered when its reader said so: by asking for what comes after it, or by answering the push with a 2xx.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import httpx
import sqlalchemy as sa
from pydantic import Field

from models.errors import StoreUnavailableError, UsageError
from models.store import Store, outbox
from serving.answers import rfc3339
from serving.schemas import Request

MOST_AT_ONCE = 1_000
PUSH_SECONDS = 10.0
_NEWEST_ID = 2**31 - 1


class OutboxPullRequest(Request):
    """Messages after a number; with it the reader says that it has every message up to that one. 0: from the first."""

    after: Annotated[int, Field(ge=0, le=_NEWEST_ID)] = 0
    limit: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)] = 100


def pull_messages(connection: sa.Connection, asked: OutboxPullRequest, *, now: datetime) -> dict[str, Any]:
    """The next messages in order, and the number to go on from; asking again from the same number gives them again."""
    known = outbox.update().where(outbox.c.id <= asked.after, outbox.c.delivered_at.is_(None))
    connection.execute(known.values(delivered_at=now))
    found = _find_messages(connection, after=asked.after, limit=asked.limit + 1)
    shown = found[: asked.limit]
    return {
        "messages": shown,
        "next": shown[-1]["id"] if shown else asked.after,
        "more": len(found) > len(shown),
    }


def deliver_messages(
    store: Store,
    url: str,
    *,
    clock: Callable[[], datetime],
    transport: httpx.BaseTransport | None = None,
) -> int:
    """Push every message that nobody has read yet to an address, in order; returns how many it took.

    Each is one POST with its number as Idempotency-Key, so that a message that was taken but not acknowledged can be
    taken again.

    Raises
    ------
    UsageError
        The address is neither https nor on this machine: messages name customers.
    StoreUnavailableError
        The address did not take a message; those before it stay delivered, the rest waits.
    """
    _require_safe(url)
    with store.read() as connection:
        waiting = _find_messages(connection, after=0, limit=None, only_waiting=True)
    with httpx.Client(timeout=PUSH_SECONDS, transport=transport, trust_env=False) as http:
        for done, message in enumerate(waiting):
            if not _push(http, url, message):
                raise StoreUnavailableError(
                    f"The address did not take message {message['id']}; {done} before it were delivered. Try again."
                )
            with store.write() as connection:
                connection.execute(outbox.update().where(outbox.c.id == message["id"]).values(delivered_at=clock()))
    return len(waiting)


def _find_messages(
    connection: sa.Connection, *, after: int, limit: int | None, only_waiting: bool = False
) -> list[dict[str, Any]]:
    wanted = sa.select(outbox).where(outbox.c.id > after).order_by(outbox.c.id).limit(limit)
    if only_waiting:
        wanted = wanted.where(outbox.c.delivered_at.is_(None))
    rows = connection.execute(wanted).mappings()
    return [
        {"id": row["id"], "topic": row["topic"], "at": rfc3339(row["at"]), "body": json.loads(row["body"])}
        for row in rows
    ]


def _push(http: httpx.Client, url: str, message: dict[str, Any]) -> bool:
    try:
        return http.post(url, json=message, headers={"Idempotency-Key": f"outbox-{message['id']}"}).is_success
    except httpx.HTTPError:
        return False


def _require_safe(url: str) -> None:
    parsed = httpx.URL(url)
    if parsed.scheme != "https" and parsed.host not in ("127.0.0.1", "::1", "localhost"):
        raise UsageError("Messages name customers: give an https address, or one on this machine.")
