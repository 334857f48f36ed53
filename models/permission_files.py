"""Permission events in files: what training is given, judged by the same rule as the ledger."""

from collections.abc import Collection, Iterable
from datetime import datetime
from pathlib import Path
from typing import get_args

import pandas as pd

from models.canonical import framed_sha256, moment_text
from models.errors import UnreadableDataError
from models.permission import Action, PermissionRecord, permitted_among
from models.purposes import PurposeRegistry

PERMISSION_COLUMNS = ("customer_id", "purpose", "action", "at", "notice_version")


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
    frame["at"] = parse_moments(frame["at"])
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
    return permitted_among(rows, registered, at=at)


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


def parse_moments(column: pd.Series) -> pd.Series:
    """Moments as UTC; without offset they are Europe/Amsterdam, a date alone is its first moment; NaT: none."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return column.dt.tz_convert("UTC").astype("datetime64[us, UTC]")
    text = column.fillna("").astype("str").str.strip()
    zoned = text.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$") & text.str.contains(":")
    local = pd.to_datetime(text.where(~zoned), format="ISO8601", errors="coerce")
    local = local.dt.tz_localize("Europe/Amsterdam", ambiguous=True, nonexistent="shift_forward").dt.tz_convert("UTC")
    absolute = pd.to_datetime(text.where(zoned), format="ISO8601", errors="coerce", utc=True)
    return absolute.where(zoned, local).astype("datetime64[us, UTC]")
