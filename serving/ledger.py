"""The permission ledger as engines and pages reach it: append an event once, read what holds now.

An event, its trail row and the stored answer for a repeated request are one transaction: what was acknowledged is
there after a kill, and a repeated request changes nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from models.errors import PermissionRefusedError
from models.permission import NEEDS_NOTICE, Permission, PermissionEvent, current_permission
from models.purposes import Purpose, PurposeRegistry, PurposeSource
from models.recording import record_permission
from models.store import Store
from serving.answers import rfc3339
from serving.clients import Client
from serving.once import Once, Write
from serving.problems import refuse
from serving.schemas import PermissionEventRequest


@dataclass(frozen=True)
class Ledger:
    """Permission events of one store, under the purpose registry that is in force when one comes."""

    store: Store
    registry: PurposeSource
    once: Once

    def append(self, asked: PermissionEventRequest, *, write: Write, now: datetime) -> dict[str, Any]:
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
            force, or as `Once.answer`.
        UsageError
            The event misses what its action needs.
        """

        def act(connection: sa.Connection) -> dict[str, Any]:
            registry = self.registry.in_force(connection)
            purpose = _find_purpose(registry, asked.purpose, write.client)
            event = _build_event(asked, purpose, now=now)
            recorded = record_permission(connection, event, registry, at=now, client=write.client.name)
            return {
                "customer_id": event.customer_id,
                "purpose": purpose.id,
                "action": event.action,
                "version": recorded.version,
                "permission": self._held(connection, asked, now=now),
                "trail": {"seq": recorded.row.seq, "hash": recorded.row.hash},
            }

        def again(connection: sa.Connection, earlier: dict[str, Any]) -> dict[str, Any]:
            return {**earlier, "permission": self._held(connection, asked, now=now)}

        return self.once.answer(write, asked, act, now=now, again=again)

    def read(self, customer_id: str, purpose_id: str, *, client: Client, now: datetime) -> dict[str, Any]:
        """The permission that holds now, from the ledger; nothing is cached."""
        with self.store.read() as connection:
            registry = self.registry.in_force(connection)
            purpose = _find_purpose(registry, purpose_id, client)
            held = current_permission(connection, customer_id, purpose.id, registry=registry, at=now)
        return {"customer_id": customer_id, "purpose": purpose.id, **permission_body(held)}

    def _held(self, connection: sa.Connection, asked: PermissionEventRequest, *, now: datetime) -> dict[str, Any]:
        registry = self.registry.in_force(connection)
        held = current_permission(connection, asked.customer_id, asked.purpose, registry=registry, at=now)
        return permission_body(held)


def _find_purpose(registry: PurposeRegistry, purpose_id: str, client: Client) -> Purpose:
    try:
        purpose = registry.purpose(purpose_id)
    except PermissionRefusedError as error:
        raise refuse(403, "purpose-unknown", str(error)) from error
    client.require_purpose(purpose.id)
    return purpose


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
