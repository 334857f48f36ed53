"""Consents that a bank already holds, taken over with their evidence: the whole file or nothing of it.

Every row is looked at before the first is written, and every fault is told by its line. A file that was taken over can
be given again: events that stand in the ledger already are counted and left alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from models.canonical import framed_sha256, moment_text
from models.errors import PermissionRefusedError, UnreadableDataError, UsageError
from models.permission import NEEDS_NOTICE, Action, PermissionEvent, find_repeated
from models.permission_files import parse_moments
from models.purposes import Purpose, PurposeRegistry, PurposeSource
from models.recording import record_permission
from models.store import Store

NEEDED = ("customer_id", "purpose", "action", "at", "notice_version", "evidence")
OPTIONAL = ("notice_sha256", "language", "channel", "actor")
FAULTS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Imported:
    """How many events were appended, and how many stood in the ledger already."""

    appended: int
    repeated: int


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    event: PermissionEvent


def import_permissions(store: Store, path: str | Path, purposes: PurposeSource, *, now: datetime) -> Imported:
    """Append every event of a CSV or Parquet file to ledger and trail, in the order of their moments.

    Columns are `NEEDED` and, where known, `OPTIONAL`. A notice that is not the one in force needs its notice_sha256.

    Raises
    ------
    UnreadableDataError
        The file is no such table, or some row cannot be taken over; nothing was written.
    """
    table = _load(Path(path))
    with store.write() as connection:
        registry = purposes.in_force(connection)
        lines, faults = _parse(table, registry, now=now)
        _stop_at(faults, Path(path))
        appended = 0
        for line in sorted(lines, key=lambda line: line.event.at):
            try:
                if find_repeated(connection, line.event) is None:
                    record_permission(connection, line.event, registry, at=now)
                    appended += 1
            except (PermissionRefusedError, UsageError) as error:
                faults.append((line.number, str(error)))
        _stop_at(faults, Path(path))
    return Imported(appended, len(lines) - appended)


def _load(path: Path) -> pd.DataFrame:
    """The table as texts, moments parsed; the index is the line in the file."""
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            raw = pd.read_parquet(path)
        else:
            raw = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise UnreadableDataError(f"{path.name} cannot be read. Give permission events in CSV or Parquet.") from error
    missing = [name for name in NEEDED if name not in raw.columns]
    if missing:
        raise UnreadableDataError(f"{path.name} cannot be taken over: it has no column {', '.join(missing)}.")
    known = [name for name in (*NEEDED, *OPTIONAL) if name in raw.columns]
    table = raw[known].copy()
    for name in known:
        if name != "at":
            table[name] = table[name].fillna("").astype("str").str.strip()
    table["at"] = parse_moments(table["at"])
    table.index = pd.RangeIndex(2, 2 + len(table))
    return table


def _parse(
    table: pd.DataFrame, registry: PurposeRegistry, *, now: datetime
) -> tuple[list[_Line], list[tuple[int, str]]]:
    lines, faults = [], []
    for number, row in zip(table.index, table.to_dict("records"), strict=True):
        fault = next(_faults(row, registry, now=now), None)
        if fault is None:
            lines.append(_Line(int(number), _event(row, registry.purpose(row["purpose"]))))
        else:
            faults.append((int(number), fault))
    return lines, faults


def _faults(row: dict[str, Any], registry: PurposeRegistry, *, now: datetime) -> Iterator[str]:
    """What is wrong with a row; never a value of it, which may tell of a customer."""
    if not row["customer_id"]:
        yield "it has no customer_id"
    if row["purpose"] not in registry.ids:
        yield "its purpose is not registered"
        return
    if row["action"] not in get_args(Action):
        yield f"its action is none of {', '.join(get_args(Action))}"
    if pd.isna(row["at"]):
        yield "its moment is not ISO 8601"
    elif row["at"] > now:
        yield "its moment lies in the future"
    if row["action"] in NEEDS_NOTICE:
        yield from _notice_faults(row, registry.purpose(row["purpose"]))


def _notice_faults(row: dict[str, Any], purpose: Purpose) -> Iterator[str]:
    if not row["evidence"]:
        yield "a yes needs the evidence that the bank holds"
    if not row["notice_version"]:
        yield "it has no notice_version"
    if row["notice_version"] != purpose.notice_version:
        if not row.get("notice_sha256"):
            yield "its notice is not the one in force, so it needs a notice_sha256"
    elif not pd.isna(row["at"]) and row["at"] < purpose.notice_start:
        yield "its notice was not in force at that moment"


def _event(row: dict[str, Any], purpose: Purpose) -> PermissionEvent:
    in_force = row["notice_version"] == purpose.notice_version
    said = {
        "customer_id": row["customer_id"],
        "purpose": row["purpose"],
        "action": row["action"],
        "notice_version": row["notice_version"],
        "notice_sha256": row.get("notice_sha256") or (purpose.notice_sha256 if in_force else ""),
        "language": row.get("language") or (purpose.languages[0] if row["action"] in NEEDS_NOTICE else ""),
        "channel": row.get("channel") or "import",
        "actor": row.get("actor") or "customer",
        "evidence": row["evidence"],
    }
    at = row["at"].to_pydatetime()
    key = framed_sha256("import", moment_text(at), *(f"{name}={said[name]}" for name in sorted(said)))
    return PermissionEvent(**said, at=at, idempotency_key=f"import:{key}")


def _stop_at(faults: list[tuple[int, str]], path: Path) -> None:
    if not faults:
        return
    shown = "; ".join(f"line {number}: {fault.rstrip('.')}" for number, fault in sorted(faults)[:FAULTS_SHOWN])
    more = f"; and {len(faults) - FAULTS_SHOWN} more" if len(faults) > FAULTS_SHOWN else ""
    raise UnreadableDataError(f"Nothing of {path.name} was taken over: {shown}{more}. Mend these and give it again.")
