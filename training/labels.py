"""Labels of bookings, as somebody gave them: read, corrected by review, checked against the taxonomy and counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models.errors import UsageError
from models.taxonomy import NONE, SCREENED, Taxonomy
from training.reading import load_table
from training.settings import settings

PRIMARY = "primary"
# `screened` says why a booking is none of ours to learn; it is `none` for the classifier.
_MEANS_NONE = {SCREENED: NONE, "": NONE}
_LONGEST_SAID = 40


@dataclass(frozen=True)
class Labels:
    """booking_id, event and role per label (one per booking); whether a booking without one counts as `none`."""

    table: pd.DataFrame
    rest_is_none: bool


def load_labels(path: Path, notes: list[str]) -> Labels:
    """Read labels; a missing role means `primary`, and the first of two labels of one booking counts.

    Raises
    ------
    UnreadableDataError
        It is no table with booking_id and event.
    """
    table = load_table(path, ("booking_id", "event"))
    table["role"] = table["role"].where(table["role"] != "", PRIMARY) if "role" in table else PRIMARY
    table["event"] = table["event"].str.strip().replace(_MEANS_NONE)
    first = table.drop_duplicates("booking_id")
    if len(first) < len(table):
        notes.append(f"{len(table) - len(first)} labels name a booking for a second time; the first one counts.")
    rest_is_none = NONE not in set(table["event"])
    if rest_is_none:
        notes.append(f"No booking is labelled {NONE}, so every booking without a label counts as {NONE}.")
    return Labels(first[["booking_id", "event", "role"]].reset_index(drop=True), rest_is_none)


def apply_reviewed(labels: Labels, queues: Sequence[Path], taxonomy: Taxonomy, notes: list[str]) -> Labels:
    """Labels with those of filled-in review queues put in their place or added; of two queues the later one counts.

    Rows without an event were not reviewed. Notes say how many labels were changed, added and confirmed.

    Raises
    ------
    UsageError
        A filled-in label is not in the taxonomy, or one booking has two different ones in a file; with file and line.
    UnreadableDataError
        A file is no table with booking_id and event.
    """
    table = labels.table.set_index("booking_id")
    for queue in queues:
        filled, empty = _load_queue(queue, taxonomy)
        before = table["event"].reindex(filled.index)
        new, same = before.isna().to_numpy(), (before == filled["event"]).to_numpy()
        # A confirmed label keeps the role it has; another label is a new sign of its own.
        changed = filled[~same].assign(role=PRIMARY)
        table = pd.concat([table.drop(index=changed.index[~new[~same]]), changed])
        notes.append(
            f"{queue.name}: {len(filled)} bookings reviewed: {int((~new & ~same).sum())} labels changed, "
            f"{int(new.sum())} added, {int(same.sum())} confirmed; {empty} rows left empty."
        )
    return Labels(table.rename_axis("booking_id").reset_index(), labels.rest_is_none)


def label_bookings(bookings: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    """Columns event and role per booking, in the order of the bookings; missing where a booking has no label."""
    mine = labels.table.set_index("booking_id").reindex(bookings["booking_id"]).reset_index(drop=True)
    return mine.fillna({"event": NONE, "role": PRIMARY}) if labels.rest_is_none else mine


def validate_labels(labels: np.ndarray, taxonomy: Taxonomy) -> None:
    """Raise UsageError naming every label that the taxonomy does not have, with its count and the nearest known one."""
    counted = pd.Series(labels, dtype=object).value_counts()
    unknown = counted[~counted.index.isin([*taxonomy.ids, NONE])]
    if len(unknown):
        said = {name: "; ".join(filter(None, (_times(n), _nearest(name, taxonomy)))) for name, n in unknown.items()}
        told = ", ".join(f"{_said(name)} ({words})" for name, words in said.items())
        raise UsageError(
            f"{len(unknown)} labels are not in the taxonomy: {told}. Correct them, or train "
            "with a taxonomy that has them (--taxonomy FILE); an entry needs no more than [[event]] and id."
        )


def count_support(labels: np.ndarray, taxonomy: Taxonomy, notes: list[str]) -> dict[str, Any]:
    """How many bookings each label has, which labels have too few to be trusted, and which events have none.

    Too rare labels are trained on all the same; they are listed, so that nobody serves them unawares.
    """
    fewest = settings("labels")["fewest"]
    counted = {str(name): int(count) for name, count in pd.Series(labels, dtype=object).value_counts().items()}
    few = {name: count for name, count in counted.items() if name != NONE and count < fewest}
    missing = [name for name in taxonomy.booking_labels if name not in counted and name != NONE]
    if few:
        told = ", ".join(f"{name} ({_times(count)})" for name, count in few.items())
        notes.append(
            f"{len(few)} labels have fewer than {fewest} bookings: {told}. They are trained on and listed as few; "
            "do not serve them before they have more."
        )
    if set(counted) == {NONE}:
        notes.append(f"All bookings are labelled {NONE}: no event can be learned from single bookings.")
    elif len(counted) == 1:
        notes.append(f"All bookings are labelled {next(iter(counted))}: every booking will get that label.")
    elif missing:
        notes.append(f"{len(missing)} events of the taxonomy label no booking here and are not learned from bookings.")
    return {"fewest": fewest, "bookings": counted, "few": few, "missing": missing}


def _load_queue(path: Path, taxonomy: Taxonomy) -> tuple[pd.DataFrame, int]:
    """The filled-in labels by booking_id, and how many rows were left empty."""
    table = load_table(path, ("booking_id", "event"))
    table["booking_id"] = table["booking_id"].str.removeprefix("'")
    table["event"] = table["event"].str.strip()
    table["line"] = np.arange(2, len(table) + 2)
    filled = table[table["event"] != ""]
    unknown = filled[~filled["event"].isin([*taxonomy.ids, NONE, SCREENED])]
    if len(unknown):
        name, line = unknown.iloc[0][["event", "line"]]
        near = f" ({_nearest(name, taxonomy)})" if _nearest(name, taxonomy) else ""
        raise UsageError(
            f"{path.name}:{line}: label {_said(name)} is not in the taxonomy{near}. Correct it, or "
            f"leave the event empty; {len(unknown)} such labels in the file."
        )
    filled = filled.assign(event=filled["event"].replace(_MEANS_NONE)).drop_duplicates(["booking_id", "event"])
    twice = filled[filled.duplicated("booking_id")]
    if len(twice):
        raise UsageError(f"{path.name}:{twice['line'].iloc[0]}: this booking has another label above. Keep one.")
    return filled.set_index("booking_id")[["event"]], int((table["event"] == "").sum())


def _times(count: int) -> str:
    return "1 booking" if count == 1 else f"{count} bookings"


def _said(name: str) -> str:
    return name if len(name) <= _LONGEST_SAID else f"{name[:_LONGEST_SAID]}..."


def _nearest(name: str, taxonomy: Taxonomy) -> str:
    near = get_close_matches(name.casefold().replace(" ", "_"), [*taxonomy.ids, NONE], n=1)
    return f"did you mean {near[0]}?" if near else ""
