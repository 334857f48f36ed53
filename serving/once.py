"""A write that is asked for twice happens once: the `Idempotency-Key` of a client, and the answer kept under it.

What a request changes and the answer kept for its repetition are one transaction, so a kill leaves both or neither.
The same request while the first is at work in this worker is told so (409); in another worker it waits for its turn at
the store and then gets the first one's answer.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel

from models.canonical import canonical_json, sha256_of
from models.store import Store, idempotency
from serving.clients import Client
from serving.problems import refuse

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Write:
    """Which write of which client this is; made from a request by `serving.desk.TheWrite`."""

    client: Client
    address: str  # the address asked, so that one key does not serve two
    key: str

    def fingerprint(self, asked: BaseModel) -> str:
        """SHA-256 of the request as it was understood."""
        request = {"address": self.address, "asked": asked.model_dump(mode="json")}
        return sha256_of(canonical_json(request).encode())


@dataclass(frozen=True)
class Once:
    """Writes of one worker into one store."""

    store: Store
    _running: set[tuple[str, str]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(
        self,
        write: Write,
        asked: BaseModel,
        act: Callable[[sa.Connection], Answer],
        *,
        now: datetime,
        again: Callable[[sa.Connection, Answer], Answer] = lambda _connection, earlier: earlier,
    ) -> Answer:
        """The answer of `act`, which writes in the connection it gets; for a repeated request that of the first.

        Parameters
        ----------
        again : callable
            Brings the kept answer up to date for a repetition, where a part of it says what holds now.

        Raises
        ------
        ProblemError
            409 while the first request with this key still runs, 422 when it was another request.
        StoreUnavailableError
            Nothing was written.
        """
        sha256 = write.fingerprint(asked)
        with self._alone(write), self.store.write() as connection:
            earlier = _find(connection, write, sha256)
            if earlier is not None:
                return again(connection, earlier)
            answer = act(connection)
            kept = {"client": write.client.name, "key": write.key, "request_sha256": sha256, "status": 201}
            connection.execute(idempotency.insert().values(**kept, answer=canonical_json(answer), at=now))
        return answer

    @contextmanager
    def _alone(self, write: Write) -> Iterator[None]:
        mine = (write.client.name, write.key)
        with self._lock:
            if mine in self._running:
                raise refuse(
                    409, "still-running", "The first request with this Idempotency-Key still runs. Try again later."
                )
            self._running.add(mine)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(mine)


_FIND = sa.select(idempotency.c.request_sha256, idempotency.c.answer).where(
    idempotency.c.client == sa.bindparam("client"), idempotency.c.key == sa.bindparam("key")
)


def _find(connection: sa.Connection, write: Write, request_sha256: str) -> Answer | None:
    row = connection.execute(_FIND, {"client": write.client.name, "key": write.key}).one_or_none()
    if row is None:
        return None
    if row.request_sha256 != request_sha256:
        raise refuse(422, "idempotency-key-reused", "This Idempotency-Key was used for another request. Use a new one.")
    earlier: Answer = json.loads(row.answer)
    return earlier
