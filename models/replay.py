"""Whether every answer that was served had a permission at that moment, judged again from ledger and trail alone.

Order is that of the trail, not of clocks: a permission event counts for an answer when its row stands before the
answer's. An event that no row recorded proves nothing. An answer names the version of the permission it rested on, so
it stays provable when its link to the customer is gone; when the permission itself was erased it is counted apart.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from models.canonical import parse_json, parse_moment
from models.errors import IntegrityError, PermissionRefusedError
from models.history_check import INSTALLED
from models.ledger_check import CUSTOMER_ERASED, PERMISSION_RECORDED
from models.permission import PermissionRecord, decide
from models.purposes import PurposeRegistry, default_purposes
from models.store import Store, permission_events, trail, trail_commitments

ANSWERED = "events_answered"
# A report names this many answers at most.
FINDINGS_SHOWN = 100
_ROWS_AT_ONCE = 10_000
_LEDGER = sa.select(
    permission_events.c.version,
    permission_events.c.customer_id,
    permission_events.c.purpose,
    permission_events.c.action,
    permission_events.c.notice_version,
    permission_events.c.notice_sha256,
    permission_events.c.at,
)
_ERASED = sa.select(trail.c.body).where(trail.c.kind == CUSTOMER_ERASED)
_ROWS = (
    sa.select(
        trail.c.seq,
        sa.type_coerce(trail.c.at, sa.String),
        trail.c.kind,
        trail.c.body,
        trail_commitments.c.value,
    )
    .outerjoin(
        trail_commitments, (trail_commitments.c.seq == trail.c.seq) & (trail_commitments.c.name == "customer_id")
    )
    .where(trail.c.kind.in_((ANSWERED, PERMISSION_RECORDED, INSTALLED)))
    .order_by(trail.c.seq)
)


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """How many answers were served, how many of them were proved, and each one without a permission.

    Neither proved nor found are answers whose permissions were erased since with everything else of the customer, and
    those of the time before an installation had a registry of its own, under purposes that another version of
    Levensloop shipped: replay these with that version.
    """

    answers: int
    proved: int
    findings: tuple[str, ...]


@dataclass
class _Ledger:
    """The ledger as the trail lets it become known, row by row."""

    events: dict[int, tuple[str, str, PermissionRecord]]
    erased: frozenset[int]
    known: dict[tuple[str, str], list[PermissionRecord]] = field(default_factory=lambda: defaultdict(list))

    def learn(self, version: Any) -> None:
        """An event whose row was just passed."""
        if version in self.events:
            customer_id, purpose, record = self.events[version]
            self.known[customer_id, purpose].append(record)


def replay_trail(store: Store, registries: list[PurposeRegistry]) -> ReplayReport:
    """Judge every served answer again, in the order of the trail.

    Parameters
    ----------
    registries
        Every purpose registry that was ever in force, the shipped one first (`models.registries.read_registries`).
    """
    answers, proved, findings, installed = 0, 0, [], 0
    with store.read() as connection:
        events = {row.version: (row.customer_id, row.purpose, _record(row)) for row in _read(connection)}
        ledger = _Ledger(events, _find_erased(connection))
        for seq, at, kind, text, customer_id in connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(_ROWS):
            body = _parse(text)
            if kind == PERMISSION_RECORDED:
                ledger.learn(body.get("permission_version"))
            elif kind == INSTALLED:
                installed += 1
            else:
                answers += 1
                registry = registries[installed] if installed < len(registries) else None
                why = _why_not(body, ledger, registry, customer_id=customer_id, at=at)
                if why:
                    findings.append(f"the answer of row {seq} has no permission: {why}")
                proved += why == ""
    return ReplayReport(answers, proved, tuple(findings[:FINDINGS_SHOWN]))


def _record(row: sa.Row[Any]) -> PermissionRecord:
    return PermissionRecord(row.version, row.action, row.notice_version, row.notice_sha256, row.at)


def _read(connection: sa.Connection) -> sa.Result[Any]:
    return connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(_LEDGER)


def _find_erased(connection: sa.Connection) -> frozenset[int]:
    """Permissions that went with their customer, as the trail says."""
    bodies = [_parse(text) for text in connection.execute(_ERASED).scalars()]
    return frozenset(version for body in bodies for version in body.get("permissions", ()))


def _why_not(
    body: dict[str, Any], ledger: _Ledger, registry: PurposeRegistry | None, *, customer_id: str | None, at: str
) -> str | None:
    """Why this answer had no permission; empty when it had one, None when that cannot be told here."""
    version, purpose_id = body.get("permission_version"), str(body.get("purpose"))
    if version not in ledger.events:
        return None if version in ledger.erased else f"permission {version} is not in the ledger"
    owner, purpose_of_event, _ = ledger.events[version]
    if purpose_of_event != purpose_id:
        return f"permission {version} is about another purpose"
    if customer_id not in (None, owner):
        return f"permission {version} is another customer's"
    known = ledger.known[owner, purpose_id]
    if version != max((record.version for record in known), default=0):
        return f"permission {version} was not the last one recorded before it"
    if registry is None or body.get("purposes", registry.sha256) != registry.sha256:
        shipped = registry is default_purposes()
        return None if shipped else "it was judged under another purpose registry than the one in force"
    return _judge(known, registry, purpose_id, at=at)


def _judge(known: list[PermissionRecord], registry: PurposeRegistry, purpose_id: str, *, at: str) -> str:
    try:
        held = decide(known, registry.purpose(purpose_id), at=parse_moment(at))
    except PermissionRefusedError:
        return "its purpose was not registered"
    except ValueError:
        return "its moment cannot be read"
    return "" if held.allowed else f"by the events before it, it was refused ({held.because})"


def _parse(text: str) -> dict[str, Any]:
    """The body of a row; empty when it is none, which `trail verify` says."""
    try:
        body = parse_json(text, dict, source="trail row").get("body")
    except IntegrityError:
        return {}
    return body if isinstance(body, dict) else {}
