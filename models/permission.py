"""Whether a customer allows a purpose, derived from what happened: one pure rule over an append-only list of events.

The rule fails closed. A yes counts only when it is newer than every no, both by date and by place in the ledger, so
that neither a late entry nor a wrong clock brings a permission back. Owner of the rules: data protection officer.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import pandas as pd
import sqlalchemy as sa

from models.canonical import framed_sha256, moment_text
from models.errors import UnreadableDataError, UsageError
from models.purposes import Purpose, PurposeRegistry, Regime
from models.store import permission_events

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
]
ALLOWING: frozenset[Because] = frozenset({"consented", "notice_shown"})
NEEDS_NOTICE = frozenset({"shown", "consented"})
PERMISSION_COLUMNS = ("customer_id", "purpose", "action", "at", "notice_version")


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
_STATE = (
    sa.select(*_STATE_COLUMNS)
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
        The purpose is not registered.
    UsageError
        The event is incomplete, or its idempotency key was used for another event.
    """
    _validate(event, registry.purpose(event.purpose))
    if event.idempotency_key is not None:
        repeated = connection.execute(
            _REPEATED, {"customer_id": event.customer_id, "idempotency_key": event.idempotency_key}
        ).one_or_none()
        if repeated is not None:
            return _same_place(repeated, event)
    written = connection.execute(permission_events.insert().returning(permission_events.c.version), asdict(event))
    return int(written.scalar_one())


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
    rows = connection.execute(_STATE, {"customer_id": customer_id, "purpose": purpose})
    return decide([PermissionRecord(*row) for row in rows], registered, at=at)


def permitted_customers(
    connection: sa.Connection, purpose: str, *, registry: PurposeRegistry, at: datetime
) -> set[str]:
    """All customers whose ledger allows a purpose at a moment."""
    rows = connection.execute(_OF_PURPOSE, {"purpose": purpose})
    return _permitted(((row[0], PermissionRecord(*row[1:])) for row in rows), registry.purpose(purpose), at)


def _permitted(rows: Iterator[tuple[str, PermissionRecord]], purpose: Purpose, at: datetime) -> set[str]:
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


# ---- files, for training --------------------------------------------------------------------------------------------


def load_permissions(path: str | Path) -> pd.DataFrame:
    """Read permission events from CSV or Parquet with the columns of `PERMISSION_COLUMNS`.

    Returns
    -------
    DataFrame
        Texts as `str`, `at` as UTC; moments without offset are Europe/Amsterdam, a date alone is its first moment.
        Ordered by `at`; events of one moment keep the order of the file.

    Raises
    ------
    UnreadableDataError
        Not such a table, or any row is not understood: a lost withdrawal would be a broken promise, so nothing is
        read in part.
    """
    path = Path(path)
    try:
        raw = (
            pd.read_parquet(path)
            if path.suffix.lower() in (".parquet", ".pq")
            else pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")
        )
    except (OSError, ValueError) as error:
        raise UnreadableDataError(f"{path.name} cannot be read. Give permission events in CSV or Parquet.") from error
    missing = [name for name in PERMISSION_COLUMNS if name not in raw.columns]
    if missing:
        raise UnreadableDataError(f"{path.name} is not a table of permission events: it has no {', '.join(missing)}.")
    frame = raw[list(PERMISSION_COLUMNS)].copy()
    for name in ("customer_id", "purpose", "action", "notice_version"):
        frame[name] = frame[name].fillna("").astype("str").str.strip()
    frame["at"] = _parse_moments(frame["at"])
    wrong = frame["at"].isna() | (frame["customer_id"] == "") | ~frame["action"].isin(get_args(Action))
    if wrong.any():
        lines = ", ".join(str(line + 2) for line in wrong.to_numpy().nonzero()[0][:5])
        raise UnreadableDataError(
            f"{path.name} has {int(wrong.sum())} rows without customer_id, known action or moment, such as {lines}. "
            f"Actions are {', '.join(get_args(Action))}; moments are ISO 8601."
        )
    return frame.sort_values("at", kind="stable", ignore_index=True)


def permissions_as_of(frame: pd.DataFrame, purpose: str, at: datetime, registry: PurposeRegistry) -> set[str]:
    """Customers who allowed a purpose at a moment, by the same rule as the ledger; later events are not looked at.

    `frame` is what `load_permissions` returns.
    """
    registered = registry.purpose(purpose)
    moment_text(at)  # refuses a moment without time zone
    known = frame[(frame["purpose"] == purpose) & (frame["at"] <= at)]
    known = known.sort_values(["customer_id", "at"], kind="stable")
    columns = (known[name].tolist() for name in ("customer_id", "action", "notice_version"))
    moments = known["at"].dt.to_pydatetime() if len(known) else ()
    rows = (
        (customer_id, PermissionRecord(place, action, notice, "", moment))
        for place, (customer_id, action, notice, moment) in enumerate(zip(*columns, moments, strict=True), start=1)
    )
    return _permitted(rows, registered, at)


def permission_snapshot_sha256(
    customers: Collection[str], *, purpose: str, at: datetime, registry: PurposeRegistry
) -> str:
    """One hash that says who was allowed, for what, when and under which notice, without telling who.

    Stands in a release: with the same ledger or file anybody can compute it again.
    """
    registered = registry.purpose(purpose)
    people: Iterable[str] = sorted(set(customers))
    return framed_sha256(
        "permission-snapshot-1", purpose, registered.regime, registered.notice_sha256, moment_text(at), *people
    )


def _parse_moments(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return column.dt.tz_convert("UTC").astype("datetime64[us, UTC]")
    text = column.fillna("").astype("str").str.strip()
    zoned = text.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$") & text.str.contains(":")
    local = pd.to_datetime(text.where(~zoned), format="ISO8601", errors="coerce")
    local = local.dt.tz_localize("Europe/Amsterdam", ambiguous=True, nonexistent="shift_forward").dt.tz_convert("UTC")
    absolute = pd.to_datetime(text.where(zoned), format="ISO8601", errors="coerce", utc=True)
    return absolute.where(zoned, local).astype("datetime64[us, UTC]")
