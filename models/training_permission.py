"""What a release may still rest on: the bookings it was allowed to read, and how long after one of its customers left.

A release names the hash of the bookings that passed the first door, so that anybody with the same files can show that
no objector's booking is among them. Owner of the days a champion may live on: review board (`policy.toml`).
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from models.candidate import Candidate, packaged_policy, parse_policy
from models.canonical import framed_sha256
from models.errors import IntegrityError
from models.permission import PermissionRecord, decide
from models.purposes import PurposeRegistry
from models.store import permission_events

PURPOSE = "model_training"
NOES = ("withdrawn", "objected", "expired")
_events = permission_events.c
_LEFT = (
    sa.select(_events.customer_id)
    .where(_events.purpose == PURPOSE, _events.action.in_(NOES), _events.at > sa.bindparam("trained_at"))
    .distinct()
)
_OF_THOSE = (
    sa.select(
        _events.customer_id, _events.version, _events.action, _events.notice_version, _events.notice_sha256, _events.at
    )
    .where(_events.purpose == PURPOSE, _events.customer_id.in_(_LEFT.scalar_subquery()))
    .order_by(_events.customer_id, _events.version)
)


def hash_admitted(keys: Iterable[tuple[str, str]]) -> str:
    """One hash of the bookings (customer_id, booking_id) that passed the permission door, in any order."""
    return framed_sha256("admitted-bookings-1", *(field for key in sorted(set(keys)) for field in key))


def find_first_leaving(
    connection: sa.Connection, *, trained_at: datetime, registry: PurposeRegistry, now: datetime
) -> datetime | None:
    """When the first customer left who allowed training then and does not now; None when nobody did.

    Who took it back and gave it again has not left.
    """
    purpose = registry.purpose(PURPOSE)
    people: dict[str, list[PermissionRecord]] = {}
    for row in connection.execute(_OF_THOSE, {"trained_at": trained_at}):
        people.setdefault(row[0], []).append(PermissionRecord(*row[1:]))
    left = [
        min(e.at for e in events if e.action in NOES and e.at > trained_at)
        for events in people.values()
        if decide([e for e in events if e.at <= trained_at], purpose, at=trained_at).allowed
        and not decide(events, purpose, at=now).allowed
    ]
    return min(left, default=None)


def find_training_end(
    connection: sa.Connection, *, trained_at: datetime, registry: PurposeRegistry, now: datetime
) -> datetime | None:
    """The moment from which a release must not answer, so many days after its first customer left; None: no such one.

    The days are those of the policy in force.
    """
    left = find_first_leaving(connection, trained_at=trained_at, registry=registry, now=now)
    days = int(parse_policy(packaged_policy())["training"]["most_days_after_leaving"])
    return None if left is None else left + timedelta(days=days)


def read_trained_at(candidate: Candidate) -> datetime | None:
    """When permissions were read for a release; None where it does not say, which promotion refuses for other reasons.

    Raises
    ------
    IntegrityError
        It is no moment.
    """
    stated = candidate.manifest["permission"].get("at")
    if stated is None:
        return None
    try:
        return datetime.fromisoformat(stated).astimezone(UTC)
    except (TypeError, ValueError) as error:
        raise IntegrityError(f"Release {candidate.id[:12]}: its permission has no moment. Train again.") from error
