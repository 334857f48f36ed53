"""What the board sees besides releases: switches, offers after a no, and the audit trail with its last check."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from models.home import Home
from models.signing import load_registry
from models.store import kill_switches, trail
from models.taxonomy import Taxonomy
from models.trail import TrailReport, append_trail, read_row_body, verify_trail
from serving.desk import Desk
from serving.pages.settings import PageSettings
from serving.reconciliation import last_reconciliation

CHECKED = "trail_checked"
_LAST_SWITCHES = sa.select(kill_switches).where(
    kill_switches.c.id.in_(sa.select(sa.func.max(kill_switches.c.id)).group_by(kill_switches.c.event))
)
_HEAD = sa.select(trail.c.seq, trail.c.at, trail.c.hash).order_by(trail.c.seq.desc()).limit(1)
_LAST_CHECK = sa.select(trail.c.at, trail.c.body).where(trail.c.kind == CHECKED).order_by(trail.c.seq.desc()).limit(1)


@dataclass(frozen=True, slots=True)
class SwitchSeen:
    """One life event: whether it is stopped, and the last turn of its switch with who and why."""

    event: str
    is_stopped: bool
    person: str = ""
    reason: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """The last row of the trail."""

    seq: int
    at: datetime
    hash: str


@dataclass(frozen=True, slots=True)
class Check:
    """The last check of the whole trail that was made from this page; it is well when there are no findings."""

    at: datetime
    rows: int
    checkpoints: int
    findings: int


@dataclass(frozen=True, slots=True)
class Oversight:
    """Everything of it at one moment. `reconciled` is None before the first nightly count."""

    switches: tuple[SwitchSeen, ...]
    reconciled: Mapping[str, Any] | None
    reconciled_at: datetime | None
    head: Head | None
    check: Check | None

    @property
    def turned(self) -> list[SwitchSeen]:
        """Switches that somebody turned, the stopped ones first."""
        return sorted((one for one in self.switches if one.at), key=lambda one: not one.is_stopped)

    @property
    def untouched(self) -> list[SwitchSeen]:
        """Events whose switch nobody ever turned: they are told."""
        return [one for one in self.switches if one.at is None]


def look_over(desk: Desk, taxonomy: Taxonomy | None) -> Oversight:
    """Read it all in one transaction."""
    with desk.store.read() as connection:
        stopped = desk.gate.switches.stopped(connection)
        turned = {row.event: row for row in connection.execute(_LAST_SWITCHES)}
        reconciled = last_reconciliation(connection)
        head = connection.execute(_HEAD).one_or_none()
        checked = connection.execute(_LAST_CHECK).one_or_none()
    known = [event.id for event in taxonomy.events if not event.retired] if taxonomy else []
    events = dict.fromkeys([*sorted(stopped), *turned, *known])
    return Oversight(
        tuple(_switch(event, event in stopped, turned.get(event)) for event in events),
        reconciled, datetime.fromisoformat(reconciled["at"]) if reconciled else None,
        Head(*head) if head else None,
        Check(at=checked.at, **read_row_body(checked.body)) if checked else None,
    )  # fmt: skip


def check_trail(desk: Desk, pages: PageSettings, *, at: datetime) -> TrailReport:
    """Check the whole trail now; that and what it found stands in the trail afterwards."""
    home: Home = pages.home
    folder = home.checkpoints if home.checkpoints.is_dir() else None
    report = verify_trail(desk.store, folder, load_registry(home))
    body = {"rows": report.rows, "checkpoints": report.checkpoints, "findings": len(report.findings)}
    with desk.store.write() as connection:
        append_trail(connection, CHECKED, body, at=at)
    return report


def _switch(event: str, is_stopped: bool, turned: Any) -> SwitchSeen:
    if turned is None:
        return SwitchSeen(event, is_stopped)
    return SwitchSeen(event, is_stopped, turned.person, turned.reason, turned.at)
