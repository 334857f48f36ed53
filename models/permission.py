"""Whether a customer allows a purpose, derived from what happened: one pure rule over an append-only list of events.

The rule fails closed. A yes counts only when it is newer than every no, both by date and by place in the ledger, so
that neither a late entry nor a wrong clock brings a permission back. Owner of the rules: data protection officer.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Literal, NamedTuple, get_args

import sqlalchemy as sa

from models.canonical import moment_text
from models.errors import PermissionRefusedError, UsageError
from models.prepared import Prepared
from models.purposes import Purpose, PurposeRegistry, Regime
from models.store import customers, permission_events

Action = Literal["shown", "consented", "withdrawn", "objected", "objection_lifted", "expired"]
Because = Literal[
    "consented",  # allowed: a consent to the notice in force
    "notice_shown",  # allowed: opt-out, the notice in force was shown long enough ago
    "no_record",
    "withdrawn",
    "expired",
    "objected",
    "notice_changed",  # the consent was to another notice
    "notice_not_shown",
    "notice_period_running",
    "minor",  # nobody under 18 has a permission, whatever the ledger says
]
ALLOWING: frozenset[Because] = frozenset({"consented", "notice_shown"})
NEEDS_NOTICE = frozenset({"shown", "consented"})
YES = frozenset({"shown", "consented", "objection_lifted"})
_IDS_AT_ONCE = 10_000  # SQLite takes about 32,000 values in a statement


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionEvent:
    """Something that happened to a permission, as it is appended to the ledger.

    `regime` is the one the customer was told about, `evidence` a reference to the proof (a screen, a letter), `actor`
    who did it (`customer` or the id of a colleague). `notice_version` and `notice_sha256` are needed for `shown` and
    `consented`. With an `idempotency_key` a repeated append changes nothing.
    """

    customer_id: str
    purpose: str
    action: Action
    notice_version: str = ""
    notice_sha256: str = ""
    language: str = ""
    channel: str
    actor: str
    at: datetime
    evidence: str = ""
    regime: Regime | None = None
    idempotency_key: str | None = None


class PermissionRecord(NamedTuple):
    """What a decision needs of a permission event; `version` is its place in the ledger."""

    version: int
    action: str
    notice_version: str
    notice_sha256: str  # "" when the source does not state it: then the version alone is compared
    at: datetime


@dataclass(frozen=True, slots=True)
class Permission:
    """The answer for one customer and purpose at one moment.

    `version` is the place of the newest event it rests on (0: none); `valid_until` says how long the answer may be
    used before asking again, None when refused.
    """

    allowed: bool
    purpose: str
    regime: Regime
    notice_version: str
    version: int
    valid_until: datetime | None
    because: Because


def decide(events: Sequence[PermissionRecord], purpose: Purpose, *, at: datetime) -> Permission:
    """The permission that these events of one customer for one purpose give at a moment.

    A no (withdrawn, objected, expired) counts as soon as it stands in the list, whatever its date. A yes counts from
    its date on. Consent is bound to the notice in force and ends with any later no; an objection ends only by being
    lifted, never by a new notice; under opt_out the notice in force must have been shown `notice_days` ago, and
    it cannot have been shown before it was in force.
    """
    because = _reason(events, purpose, at)
    allowed = because in ALLOWING
    return Permission(
        allowed=allowed,
        purpose=purpose.id,
        regime=purpose.regime,
        notice_version=purpose.notice_version,
        version=max((event.version for event in events), default=0),
        valid_until=at + timedelta(hours=purpose.valid_hours) if allowed else None,
        because=because,
    )


def _reason(events: Sequence[PermissionRecord], purpose: Purpose, at: datetime) -> Because:
    if not events:
        return "no_record"
    if not _undone(events, "objected", ("objection_lifted",), at):
        return "objected"
    if purpose.regime == "opt_in":
        return _opt_in_reason(events, purpose, at)
    return _opt_out_reason(events, purpose, at)


def _opt_in_reason(events: Sequence[PermissionRecord], purpose: Purpose, at: datetime) -> Because:
    noes = [event for event in events if event.action in ("withdrawn", "objected", "expired")]
    consents = [e for e in events if e.action == "consented" and e.at <= at and _newer(e, noes)]
    if any(_of_notice_in_force(consent, purpose) for consent in consents):
        return "consented"
    if consents:
        return "notice_changed"
    if not noes:
        return "no_record"
    last = max(noes)
    return "expired" if last.action == "expired" else "withdrawn"


def _opt_out_reason(events: Sequence[PermissionRecord], purpose: Purpose, at: datetime) -> Because:
    if not _undone(events, "withdrawn", ("consented", "objection_lifted"), at):
        return "withdrawn"
    expired = [event for event in events if event.action == "expired"]
    shown = [e.at for e in events if e.action == "shown" and _of_notice_in_force(e, purpose) and _newer(e, expired)]
    if not shown:
        return "expired" if expired else "notice_not_shown"
    if at - max(min(shown), purpose.notice_start) < timedelta(days=purpose.notice_days):
        return "notice_period_running"
    return "notice_shown"


def _newer(event: PermissionRecord, others: Sequence[PermissionRecord]) -> bool:
    """Newer than all others, by place in the ledger and not older by date."""
    return all(event.version > other.version and event.at >= other.at for other in others)


def _undone(events: Sequence[PermissionRecord], no: str, by: tuple[str, ...], at: datetime) -> bool:
    """Whether every event of kind `no` was undone by a newer one of the kinds `by` (or there is none)."""
    noes = [event for event in events if event.action == no]
    return not noes or any(e.action in by and e.at <= at and _newer(e, noes) for e in events)


def _of_notice_in_force(event: PermissionRecord, purpose: Purpose) -> bool:
    return event.notice_version == purpose.notice_version and event.notice_sha256 in ("", purpose.notice_sha256)


# ---- the ledger -----------------------------------------------------------------------------------------------------

_STATE_COLUMNS = [permission_events.c[name] for name in ("version", "action", "notice_version", "notice_sha256", "at")]
_IS_ADULT = (
    sa.select(customers.c.is_adult).where(customers.c.customer_id == sa.bindparam("customer_id")).scalar_subquery()
)
_STATE = Prepared(
    sa.select(*_STATE_COLUMNS, _IS_ADULT.label("is_adult"))
    .where(permission_events.c.customer_id == sa.bindparam("customer_id"))
    .where(permission_events.c.purpose == sa.bindparam("purpose"))
    .order_by(permission_events.c.version)
)
_REPEATED = sa.select(permission_events).where(
    permission_events.c.customer_id == sa.bindparam("customer_id"),
    permission_events.c.idempotency_key == sa.bindparam("idempotency_key"),
)
_OF_PURPOSE = (
    sa.select(permission_events.c.customer_id, *_STATE_COLUMNS)
    .where(permission_events.c.purpose == sa.bindparam("purpose"))
    .order_by(permission_events.c.customer_id, permission_events.c.version)
)
_AMONG = permission_events.c.customer_id.in_(sa.bindparam("among", expanding=True))
_OF_PURPOSE_AMONG = _OF_PURPOSE.where(_AMONG, permission_events.c.version <= sa.bindparam("up_to"))
_NEWEST = sa.select(sa.func.max(permission_events.c.version))
_MINORS = sa.select(customers.c.customer_id).where(sa.not_(customers.c.is_adult))


def append_permission(connection: sa.Connection, event: PermissionEvent, registry: PurposeRegistry) -> int:
    """Append an event to the ledger inside `store.write()`; acknowledge only after that block has ended.

    Returns
    -------
    int
        The permission version: the event's place in the ledger. A repeated event with the same idempotency key gives
        the place of the first.

    Raises
    ------
    PermissionRefusedError
        The purpose is not registered, or a customer under 18 would say yes.
    UsageError
        The event is incomplete, or its idempotency key was used for another event.
    """
    _validate(event, registry.purpose(event.purpose))
    repeated = find_repeated(connection, event)
    if repeated is not None:
        return repeated
    if (
        event.action in YES
        and connection.execute(sa.select(_IS_ADULT), {"customer_id": event.customer_id}).scalar() is False
    ):
        raise PermissionRefusedError("This customer is under 18, and nobody under 18 can allow anything here.")
    written = connection.execute(permission_events.insert().returning(permission_events.c.version), asdict(event))
    return int(written.scalar_one())


def find_repeated(connection: sa.Connection, event: PermissionEvent) -> int | None:
    """The place of the same event when it was appended before under its idempotency key.

    Raises
    ------
    UsageError
        The key was used for another event.
    """
    if event.idempotency_key is None:
        return None
    asked = {"customer_id": event.customer_id, "idempotency_key": event.idempotency_key}
    row = connection.execute(_REPEATED, asked).one_or_none()
    return None if row is None else _same_place(row, event)


def current_permission(
    connection: sa.Connection, customer_id: str, purpose: str, *, registry: PurposeRegistry, at: datetime
) -> Permission:
    """The permission of one customer for one purpose now, read from the ledger on every call.

    Raises
    ------
    PermissionRefusedError
        The purpose is not registered.
    """
    registered = registry.purpose(purpose)
    rows = _STATE.rows(connection, {"customer_id": customer_id, "purpose": purpose})
    permission = decide([PermissionRecord(*row[:-1]) for row in rows], registered, at=at)
    if rows and rows[0][-1] is False:
        return replace(permission, allowed=False, valid_until=None, because="minor")
    return permission


def permitted_customers(
    connection: sa.Connection, purpose: str, *, registry: PurposeRegistry, at: datetime
) -> set[str]:
    """All customers of age whose ledger allows a purpose at a moment."""
    registered = registry.purpose(purpose)
    rows = connection.execute(_OF_PURPOSE, {"purpose": purpose})
    permitted = permitted_among(((row[0], PermissionRecord(*row[1:])) for row in rows), registered, at=at)
    return permitted - set(connection.execute(_MINORS).scalars())


def permitted_of(
    connection: sa.Connection,
    customer_ids: Collection[str],
    purpose: str,
    *,
    registry: PurposeRegistry,
    at: datetime,
    up_to: int | None = None,
) -> set[str]:
    """Those of some customers whose ledger allows a purpose; `up_to` looks at no event behind that place.

    A ledger of millions is asked for a few thousand customers at a time: one look-up in its index for each, one query.
    """
    registered = registry.purpose(purpose)
    last = newest_version(connection) if up_to is None else up_to
    permitted: set[str] = set()
    for some in _parts(customer_ids):
        rows = connection.execute(_OF_PURPOSE_AMONG, {"purpose": purpose, "among": some, "up_to": last})
        permitted |= permitted_among(((row[0], PermissionRecord(*row[1:])) for row in rows), registered, at=at)
    for some in _parts(permitted):
        permitted -= set(connection.execute(_MINORS.where(customers.c.customer_id.in_(some))).scalars())
    return permitted


def _parts(customer_ids: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(customer_ids)
    return (ordered[at : at + _IDS_AT_ONCE] for at in range(0, len(ordered), _IDS_AT_ONCE))


def newest_version(connection: sa.Connection) -> int:
    """The place of the newest event in the ledger, 0 for none."""
    return connection.execute(_NEWEST).scalar() or 0


def permitted_among(rows: Iterable[tuple[str, PermissionRecord]], purpose: Purpose, *, at: datetime) -> set[str]:
    """Customers that are allowed; rows of one customer stand together."""
    return {
        customer_id
        for customer_id, own in groupby(rows, key=itemgetter(0))
        if decide([record for _, record in own], purpose, at=at).allowed
    }


def _validate(event: PermissionEvent, purpose: Purpose) -> None:
    moment_text(event.at)  # refuses a moment without time zone
    if not event.customer_id or not event.channel or not event.actor:
        raise UsageError("A permission event needs customer_id, channel and actor. Give all three.")
    if event.action not in get_args(Action):
        raise UsageError(f"There is no such permission action. Give one of {', '.join(get_args(Action))}.")
    if event.regime is not None and event.regime not in get_args(Regime):
        raise UsageError("A regime is opt_in or opt_out. Give one of them or none.")
    if event.action not in NEEDS_NOTICE:
        return
    if not event.notice_version or not event.notice_sha256 or event.language not in purpose.languages:
        raise UsageError(
            f"{event.action} needs notice_version, notice_sha256 and a language of the notice "
            f"({', '.join(purpose.languages)})."
        )
    if event.notice_version == purpose.notice_version and event.notice_sha256 != purpose.notice_sha256:
        raise UsageError("The hash is not that of the notice in force. Show the notice of the purpose registry.")


def _same_place(row: sa.Row[tuple[object, ...]], event: PermissionEvent) -> int:
    stored = dict(row._mapping)
    place = stored.pop("version")
    if stored != asdict(event):
        raise UsageError("This idempotency key was used for another permission event. Give every event its own key.")
    return int(str(place))
