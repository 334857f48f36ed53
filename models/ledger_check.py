"""Whether the permission ledger is what the trail recorded: every event there, unchanged, and none beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from models.canonical import canonical_json, moment_text, sha256_of
from models.errors import UsageError
from models.store import permission_events

# The kind of row that says a permission was appended to the ledger: body {purpose, action, permission_version, ...}.
PERMISSION_RECORDED = "permission_recorded"
# The personal field of such a row that commits to the whole event, whose hash it holds.
EVENT_COMMITMENT = "event_sha256"
# The kind of row that says permissions were erased with everything else of a customer: body {permissions, ...}.
CUSTOMER_ERASED = "customer_erased"
_ROWS_AT_ONCE = 10_000

_LEDGER = sa.select(
    *(
        sa.type_coerce(column, sa.String).label(column.name)
        for column in permission_events.columns
        if column.name != "version"
    ),
    permission_events.c.version,
).order_by(permission_events.c.version)


@dataclass(slots=True)
class RecordedPermissions:
    """What trail rows say about the ledger: by permission version the row's place and the columns it states.

    `without_version` counts rows that do not say which permission they mean; as many permissions may go unnamed.
    `erased` holds by permission version the row that says it was erased.
    """

    events: dict[int, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    versions: dict[int, int] = field(default_factory=dict)
    without_version: int = 0
    erased: dict[int, int] = field(default_factory=dict)

    def add(self, seq: int, body: Any, findings: list[str]) -> None:
        """Take in the body of a row."""
        version = body.get("permission_version") if isinstance(body, dict) else None
        if not isinstance(version, int):
            self.without_version += 1
        elif version in self.events:
            # An honest ledger gives every event a place of its own; a forger appends a row to cover a change.
            findings.append(f"row {seq} records permission {version} a second time")
        else:
            columns = permission_events.columns.keys()
            self.events[version] = (seq, {name: body[name] for name in columns if name in body})
            self.versions[seq] = version

    def erase(self, seq: int, body: Any) -> None:
        """Take in the body of a row that says which permissions were erased."""
        versions = body.get("permissions") if isinstance(body, dict) else None
        self.erased |= {version: seq for version in versions or () if isinstance(version, int)}

    def link(self, seq: int, name: str, value: str) -> None:
        """Take in whom a row is about and what the whole event was, where that was not erased."""
        if seq in self.versions and name in ("customer_id", EVENT_COMMITMENT):
            self.events[self.versions[seq]][1][name] = value


def check_ledger(connection: sa.Connection, recorded: RecordedPermissions, findings: list[str]) -> None:
    """Hold the ledger against what the trail says was recorded in it."""
    events = dict(recorded.events)
    unnamed = []
    for row in connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(_LEDGER).mappings():
        version = row["version"]
        if version in recorded.erased:
            findings.append(f"permission {version} was erased in row {recorded.erased[version]} but is still there")
        if version not in events:
            unnamed.append(version)
            continue
        seq, stated = events.pop(version)
        committed = stated.pop(EVENT_COMMITMENT, None)
        differing = [name for name, value in stated.items() if row[name] != value]
        if not differing and committed is not None and committed != _commit_to_row(row):
            differing = ["a column that the row committed to"]
        if differing:
            findings.append(f"permission {version} is not as row {seq} recorded it: {', '.join(differing)} differs")
    findings.extend(
        f"permission {version} was recorded in row {seq} but is not in the ledger"
        for version, (seq, _) in events.items()
        if version not in recorded.erased
    )
    # A store whose permissions were never recorded in the trail has nothing to be held against.
    if recorded.events and len(unnamed) > recorded.without_version:
        findings.extend(f"permission {version} stands in the ledger, but no row recorded it" for version in unnamed)


def commit_to_event(event: Mapping[str, Any]) -> str:
    """The hash of everything that a ledger row says but its place; the trail keeps it salted."""
    texts = {name: moment_text(value) if isinstance(value, datetime) else value for name, value in event.items()}
    return sha256_of(canonical_json(texts).encode())


def _commit_to_row(row: sa.RowMapping) -> str | None:
    """The hash of a ledger row as it stands; None when it holds what no event can."""
    try:
        return commit_to_event({name: value for name, value in row.items() if name != "version"})
    except (UsageError, UnicodeEncodeError):
        return None
