"""What the handlers of every address work with: the desk of their worker, who asks, and which write it is.

A handler takes `TheDesk`, `TheClient`, and for a write `TheWrite`, as parameters; all three are looked up without
waiting, so they cost no thread.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from anyio import CapacityLimiter, move_on_after, to_thread
from fastapi import Depends, Header, Request
from fastapi.responses import JSONResponse

from models.errors import IntegrityError, NoReleaseError, StoreUnavailableError
from models.store import Store
from serving.clients import Client, find_client
from serving.contact.letters.sending import NO_LETTERS, LetterDesk
from serving.deadline import SCOPE_KEY, Deadline
from serving.edge import CLIENT_KEY
from serving.gate import Gate
from serving.ledger import Ledger
from serving.once import Once, Write
from serving.pages.settings import PageSettings
from serving.policy import Policy
from serving.problems import refuse

KEY_PATTERN = r"^[\x21-\x7e]+$"
PATIENCE_SECONDS = 0.1


@dataclass(frozen=True)
class Desk:
    """Gate, ledger and the rest of one worker; made once when it starts.

    `lane` is for what only reads and writes the store: as many threads at once as its database has use for. Looking up
    who asks takes its turn there too, but with little patience: an answer may wait for a writer, and then `keys` lets
    others be served meanwhile. `judging` is for one customer's bookings: two threads of a process that compute take a
    third more time than one after the other, and more than one core is what the other workers are for.
    """

    gate: Gate
    ledger: Ledger
    policy: Policy
    clock: Callable[[], datetime]
    letters: LetterDesk = NO_LETTERS
    pages: PageSettings | None = None
    keys: CapacityLimiter = field(init=False)
    lane: CapacityLimiter = field(init=False)
    judging: CapacityLimiter = field(init=False)

    def __post_init__(self) -> None:
        """Open the lanes."""
        object.__setattr__(self, "keys", CapacityLimiter(self.store.threads_at_once))
        object.__setattr__(self, "lane", CapacityLimiter(self.store.threads_at_once))
        object.__setattr__(self, "judging", CapacityLimiter(1))

    @property
    def store(self) -> Store:
        """The one database."""
        return self.gate.store

    @property
    def once(self) -> Once:
        """Writes that happen once; one per worker."""
        return self.ledger.once

    async def find_client(self, authorization: str) -> Client | None:
        """The client of an Authorization header, read from the store now."""
        with move_on_after(PATIENCE_SECONDS) as waiting:
            await self.lane.acquire()
        try:
            return await to_thread.run_sync(find_client, self.store, authorization, limiter=self.keys)
        finally:
            if not waiting.cancelled_caught:
                self.lane.release()

    def is_ready(self) -> bool:
        """Whether the store can be read now and a verified release is champion; without both nothing is answered."""
        try:
            self.gate.releases.current()
            with self.store.read() as connection:
                connection.execute(sa.select(1))
        except (StoreUnavailableError, NoReleaseError, IntegrityError):
            return False
        return True


async def _find_desk(request: Request) -> Desk:
    return require_desk(request.app)


def require_desk(app: Any) -> Desk:
    """The desk of this worker's application; 503 until it is there."""
    desk: Desk | None = app.state.desk
    if desk is None:
        raise refuse(503, "unavailable", "The service is starting. Try again after Retry-After seconds.")
    return desk


async def _find_client(request: Request) -> Client:
    client: Client = request.scope[CLIENT_KEY]  # the edge let nobody in without
    return client


async def _find_deadline(request: Request) -> Deadline | None:
    deadline: Deadline | None = request.scope.get(SCOPE_KEY)
    return deadline


TheDesk = Annotated[Desk, Depends(_find_desk)]
TheClient = Annotated[Client, Depends(_find_client)]
TheDeadline = Annotated[Deadline | None, Depends(_find_deadline)]


async def _find_write(
    request: Request,
    client: TheClient,
    key: Annotated[
        str,
        Header(
            alias="Idempotency-Key", min_length=1, max_length=200, pattern=KEY_PATTERN,
            description="A new one for every write; the same one when the same write is tried again.",
        ),
    ],
) -> Write:  # fmt: skip
    return Write(client, request.scope["path"], key)


TheWrite = Annotated[Write, Depends(_find_write)]


def no_store(body: dict[str, Any], *, status: int = 200) -> JSONResponse:
    """An answer that no cache on the way may keep."""
    return JSONResponse(body, status, {"Cache-Control": "no-store"})
