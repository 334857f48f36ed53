"""Labelled bookings that may be trained on: permission first, screening second, and every booking accounted for."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models.bookings import RowProblem, load_bookings
from models.detection import admit
from models.errors import IntegrityError, UnreadableDataError, UsageError
from models.permission_files import load_permissions, permission_snapshot_sha256, permissions_as_of
from models.purposes import PurposeRegistry
from models.screening import Screening
from models.taxonomy import Taxonomy
from models.training_permission import PURPOSE, hash_admitted
from training.door import Door, shipped_door
from training.labels import apply_reviewed, label_bookings, load_labels, validate_labels
from training.reading import load_table
from training.splits import Split

NOT_SHOWN = (
    "No permissions were given: you declare that all these customers allow model training. "
    "Give --permissions to show it."
)
MARKED = "The release is marked permission_not_shown and cannot be promoted."
EVENT_DATES = ("onset_date", "first_detectable_date", "last_useful_date")


@dataclass(frozen=True)
class Dataset:
    """Bookings with their labels (one per booking), true events of their customers, and how they came to be these.

    `counts` adds up: read = left out for permission + screened + without label + kept + problems.
    """

    bookings: pd.DataFrame
    labels: np.ndarray
    events: pd.DataFrame
    counts: dict[str, int]
    permission: dict[str, Any]
    problems: list[RowProblem]
    notes: list[str] = field(default_factory=list)
    roles: np.ndarray | None = None

    @property
    def known_roles(self) -> np.ndarray:
        """The role of each label; `primary` where nobody said another."""
        return np.full(len(self.labels), "primary", dtype=object) if self.roles is None else self.roles


def load_dataset(
    bookings: Path,
    labels: Path,
    *,
    taxonomy: Taxonomy,
    screening: Screening,
    events: Path | None = None,
    permissions: Path | None = None,
    reviewed: Sequence[Path] = (),
    door: Door | None = None,
) -> Dataset:
    """Read the tables, leave out customers without permission, screen, and join the labels.

    Without a permissions file the caller declares that there is permission; the release is marked for it. Labels of
    filled-in review queues (`reviewed`) stand above those of the labels file. Without a `door` the shipped purposes
    hold, and nobody is known to be under 18.

    Raises
    ------
    UnreadableDataError
        A file is not the table it should be.
    UsageError
        Nothing is left to train on, or labels are not in the taxonomy.
    """
    read = load_bookings(bookings)
    notes = list(read.notes)
    told = apply_reviewed(load_labels(labels, notes), reviewed, taxonomy, notes)
    frame, permission = permitted_bookings(read.frame, permissions, notes, door=door)
    if permissions is not None:
        keys = zip(frame["customer_id"], frame["booking_id"], strict=True)
        permission |= {"bookings_sha256": hash_admitted(keys), "bookings": len(frame)}
    counts = {"read": read.rows_read, "problems": len(read.problems), "no_permission": len(read.frame) - len(frame)}
    open_frame = admit(frame, screening)
    counts["screened"] = len(frame) - len(open_frame)
    mine = label_bookings(open_frame, told)
    has_label = mine["event"].notna().to_numpy()
    labelled = open_frame[has_label].reset_index(drop=True)
    counts |= {"no_label": len(open_frame) - len(labelled), "kept": len(labelled)}
    known, roles = (mine[name].to_numpy(dtype=object)[has_label].astype(str) for name in ("event", "role"))
    validate_labels(known, taxonomy)
    require_rows(counts, read.problems, permitted=len(frame), open_rows=len(open_frame))
    true_events = _permitted_events(load_events(events), labelled, taxonomy, notes)
    return Dataset(labelled, known, true_events, counts, permission, read.problems, notes, roles)


def require_rows(counts: dict[str, int], problems: list[RowProblem], *, permitted: int, open_rows: int) -> None:
    """Raise UsageError when nothing is left, with the first step after which nothing was."""
    if counts["kept"]:
        return
    if counts["read"] == counts["problems"]:
        first = f"; the first of {len(problems)} faults is {problems[0]}" if problems else ""
        said = f"The bookings table has no row that can be used{first}. Give a table of bookings with rows."
    elif not permitted:
        said = (
            f"No customer of these bookings allows {PURPOSE} now. Check that customer_id in permissions and bookings "
            "are the same; without permission there is no training."
        )
    elif not open_rows:
        said = "Screening stops every booking that customers allow to train on. Give bookings of more customers."
    else:
        said = "No labelled booking is left to train on. Check that booking_id in labels and bookings are the same."
    raise UsageError(said)


def split_as_given(bookings: pd.DataFrame, splits: Path, notes: list[str]) -> Split:
    """Test on the customers whom a table `customer_id,split` calls `test`; fit on all others.

    Raises
    ------
    UnreadableDataError
        The table is not one of customers and `train` or `test`.
    IntegrityError
        A customer is on both sides.
    UsageError
        One of the two sides has no booking.
    """
    table = load_table(splits, ("customer_id", "split"))
    wrong = np.flatnonzero(~table["split"].isin(["train", "test"]) | (table["customer_id"] == ""))
    if len(wrong):
        raise UnreadableDataError(f"{splits.name}:{wrong[0] + 2}: give a customer_id and the split train or test.")
    both = table.groupby("customer_id")["split"].nunique() > 1
    if both.any():
        raise IntegrityError(f"{both.sum()} customers of {splits.name} are in train and in test. Give each one split.")
    tested = bookings["customer_id"].isin(table.loc[table["split"] == "test", "customer_id"]).to_numpy()
    if tested.all() or not tested.any():
        raise UsageError(
            f"{splits.name} leaves no booking to {'fit' if tested.all() else 'test'} on. Check that customer_id in "
            "splits and bookings are the same and that both splits have customers."
        )
    unnamed = set(bookings["customer_id"]) - set(table["customer_id"])
    if unnamed:
        notes.append(f"{len(unnamed)} customers are not in {splits.name}; they are fitted on, not tested on.")
    return Split(np.flatnonzero(~tested), np.flatnonzero(tested))


def load_events(path: Path | None) -> pd.DataFrame:
    """customer_id, event and the three dates per true event; empty without a file."""
    if path is None:
        texts = {name: pd.Series([], dtype="str") for name in ("customer_id", "event")}
        return pd.DataFrame({**texts, **{name: pd.Series([], dtype="datetime64[s]") for name in EVENT_DATES}})
    table = load_table(path, ("customer_id", "event", *EVENT_DATES))
    for name in EVENT_DATES:
        parsed = pd.to_datetime(table[name], format="%Y-%m-%d", errors="coerce")
        if parsed.isna().any():
            line = int(np.flatnonzero(parsed.isna())[0]) + 2
            raise UnreadableDataError(f"{path.name}:{line}: {name} is not a date (YYYY-MM-DD).")
        table[name] = parsed
    return table[["customer_id", "event", *EVENT_DATES]]


def permitted_bookings(
    frame: pd.DataFrame,
    permissions: Path | None,
    notes: list[str],
    *,
    purpose: str = PURPOSE,
    door: Door | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Bookings of customers of age who allow a purpose now, and what a release says of their permission."""
    door = door or shipped_door()
    frame = _without_minors(frame, door, notes)
    if permissions is None:
        notes += [NOT_SHOWN, MARKED]
        return frame, {"permission_not_shown": True}
    allowed, permission = permitted_customers(permissions, notes, purpose=purpose, door=door)
    return frame[frame["customer_id"].isin(allowed).to_numpy()].reset_index(drop=True), permission


def permitted_customers(
    permissions: Path, notes: list[str], *, purpose: str, door: Door
) -> tuple[set[str], dict[str, Any]]:
    """Customers of age who allow a purpose now, and what a release says of their permission."""
    at = datetime.now(UTC)
    table = load_permissions(permissions)
    registry = registry_for(table, door.purposes, notes, purpose=purpose)
    allowed = permissions_as_of(table, purpose, at, registry) - door.minors
    snapshot = permission_snapshot_sha256(allowed, purpose=purpose, at=at, registry=registry)
    return allowed, {
        "snapshot_sha256": snapshot,
        "customers": len(allowed),
        "at": at.isoformat(),
        "notice_version": registry.purpose(purpose).notice_version,
        "purposes_sha256": registry.sha256 or None,
    }


def _without_minors(frame: pd.DataFrame, door: Door, notes: list[str]) -> pd.DataFrame:
    of_minors = frame["customer_id"].isin(door.minors).to_numpy() if door.minors else np.zeros(len(frame), dtype=bool)
    if of_minors.any():
        notes.append(f"{frame.loc[of_minors, 'customer_id'].nunique()} customers are under 18 and were left out.")
    return frame[~of_minors].reset_index(drop=True)


def registry_for(table: pd.DataFrame, registry: PurposeRegistry, notes: list[str], *, purpose: str) -> PurposeRegistry:
    """The registry to judge a file by: ours, or, when the file never names our notice, the newest notice it names.

    The file of another bank lives under that bank's notices. What is trained under them is marked with them, and the
    gate lets only the notice in force through.
    """
    asked = registry.purpose(purpose)
    told = table[(table["purpose"] == purpose) & table["action"].isin(["shown", "consented"])]
    if not len(told) or asked.notice_version in set(told["notice_version"]):
        return registry
    newest = str(told["notice_version"].iloc[-1])  # the table is in order of time
    notes.append(
        f"No permission names the notice in force ({asked.notice_version}); the newest one in the file is taken. "
        "A release trained this way cannot be promoted."
    )
    # The texts behind that version are not known here: no hash of ours may stand for a notice nobody was shown.
    others = tuple(
        p if p.id != purpose else replace(p, notice_version=newest, notice_sha256="") for p in registry.purposes
    )
    return replace(registry, purposes=others, sha256="")


def _permitted_events(
    events: pd.DataFrame, bookings: pd.DataFrame, taxonomy: Taxonomy, notes: list[str]
) -> pd.DataFrame:
    unknown = sorted(set(events["event"]) - set(taxonomy.ids))
    if unknown:
        notes.append(f"Events that the taxonomy does not have were left out: {', '.join(unknown)}.")
    kept = events["customer_id"].isin(set(bookings["customer_id"])) & events["event"].isin(taxonomy.ids)
    return events[kept.to_numpy()].reset_index(drop=True)
