"""The permission ledger as engines and pages reach it: append an event once, read what holds now.

An event, its trail row and the stored answer for a repeated request are one transaction: what was acknowledged is
there after a kill, and a repeated request changes nothing.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from models.canonical import canonical_json, sha256_of
from models.errors import PermissionRefusedError
from models.permission import NEEDS_NOTICE, Permission, PermissionEvent, current_permission
from models.purposes import Purpose, PurposeRegistry, PurposeSource
from models.recording import record_permission
from models.store import Store, idempotency
from serving.answers import rfc3339
from serving.problems import refuse
from serving.schemas import PermissionEventRequest

# Whose keys these are. One caller until clients have their own API keys.
CLIENT = "local"


@dataclass(frozen=True)
class Ledger:
    """Permission events of one store, under the purpose registry that is in force when one comes."""

    store: Store
    registry: PurposeSource

    def append(self, asked: PermissionEventRequest, *, idempotency_key: str, now: datetime) -> dict[str, Any]:
        """Append an event; with the return of this method it counts.

        Returns
        -------
        dict
            Ledger version, the permission that holds now, and the place in the trail. The same request with the same
            key gives version and place of the first, and the permission that holds now: it may have been withdrawn.

        Raises
        ------
        ProblemError
            The purpose is not registered, the event is dated in the future or before the notice it is about was in
            force, or the key belongs to another request.
        UsageError
            The event misses what its action needs.
        """
        request_sha256 = sha256_of(canonical_json(asked.model_dump(mode="json")).encode())
        with self.store.write() as connection:
            registry = self.registry.in_force(connection)
            purpose = _find_purpose(registry, asked.purpose)
            # First: what was acknowledged stays so, also when the notice is another one since.
            earlier = _find_earlier(connection, idempotency_key, request_sha256)
            if earlier is not None:
                return {**earlier, "permission": _held(connection, asked, registry, now=now)}
            event = _build_event(asked, purpose, now=now)
            recorded = record_permission(connection, event, registry, at=now)
            answer = {
                "customer_id": event.customer_id,
                "purpose": purpose.id,
                "action": event.action,
                "version": recorded.version,
                "permission": _held(connection, asked, registry, now=now),
                "trail": {"seq": recorded.row.seq, "hash": recorded.row.hash},
            }
            _keep_answer(connection, idempotency_key, request_sha256, answer, now=now)
        return answer

    def read(self, customer_id: str, purpose_id: str, *, now: datetime) -> dict[str, Any]:
        """The permission that holds now, from the ledger; nothing is cached."""
        with self.store.read() as connection:
            registry = self.registry.in_force(connection)
            purpose = _find_purpose(registry, purpose_id)
            held = current_permission(connection, customer_id, purpose.id, registry=registry, at=now)
        return {"customer_id": customer_id, "purpose": purpose.id, **permission_body(held)}


def _held(
    connection: sa.Connection, asked: PermissionEventRequest, registry: PurposeRegistry, *, now: datetime
) -> dict[str, Any]:
    return permission_body(current_permission(connection, asked.customer_id, asked.purpose, registry=registry, at=now))


def _find_purpose(registry: PurposeRegistry, purpose_id: str) -> Purpose:
    try:
        return registry.purpose(purpose_id)
    except PermissionRefusedError as error:
        raise refuse(403, "purpose-unknown", str(error)) from error


def permission_body(held: Permission) -> dict[str, Any]:
    """A permission as JSON."""
    return {
        "allowed": held.allowed,
        "regime": held.regime,
        "notice_version": held.notice_version,
        "version": held.version,
        "valid_until": rfc3339(held.valid_until),
        "because": held.because,
    }


def _build_event(asked: PermissionEventRequest, purpose: Purpose, *, now: datetime) -> PermissionEvent:
    """The event with what the registry knows: the notice in force unless another is named, its hash and regime."""
    at = asked.at or now
    if at > now:
        raise refuse(422, "at-in-the-future", "The event lies in the future. Leave `at` out or give an earlier moment.")
    notice_version, notice_sha256, language = (
        asked.notice_version or "",
        asked.notice_sha256 or "",
        asked.language or "",
    )
    if asked.action in NEEDS_NOTICE:
        notice_version = notice_version or purpose.notice_version
        if notice_version == purpose.notice_version:
            notice_sha256 = notice_sha256 or purpose.notice_sha256
            if at < purpose.notice_start:
                raise refuse(
                    422, "at-before-notice", "The notice was not in force at that moment. Give the moment it was shown."
                )
        language = language or purpose.languages[0]
    return PermissionEvent(
        customer_id=asked.customer_id,
        purpose=purpose.id,
        action=asked.action,
        notice_version=notice_version,
        notice_sha256=notice_sha256,
        language=language,
        channel=asked.channel,
        actor=asked.actor,
        at=at,
        evidence=asked.evidence,
        regime=purpose.regime,
    )


def _find_earlier(connection: sa.Connection, key: str, request_sha256: str) -> dict[str, Any] | None:
    mine = (idempotency.c.client == CLIENT) & (idempotency.c.key == key)
    row = connection.execute(sa.select(idempotency.c.request_sha256, idempotency.c.answer).where(mine)).one_or_none()
    if row is None:
        return None
    if row.request_sha256 != request_sha256:
        raise refuse(422, "idempotency-key-reused", "This Idempotency-Key was used for another request. Use a new one.")
    earlier: dict[str, Any] = json.loads(row.answer)
    return earlier


def _keep_answer(
    connection: sa.Connection, key: str, request_sha256: str, answer: dict[str, Any], *, now: datetime
) -> None:
    kept = {"client": CLIENT, "key": key, "request_sha256": request_sha256, "status": 201}
    connection.execute(idempotency.insert().values(**kept, answer=canonical_json(answer), at=now))
