"""`levensloop review`: a table of bookings in, a queue for a person's eyes out, to be filled in and trained on."""

from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from models.bookings import load_bookings
from models.classifier import BookingClassifier
from models.detection import admit
from models.errors import UnreadableDataError, UsageError
from models.home import Home, find_home
from models.progress import track_steps
from models.release import load_release
from training.dataset import MARKED, permitted_bookings
from training.door import open_door
from training.fitting import one_thread
from training.labels import label_bookings, load_labels, validate_labels
from training.reading import load_table
from training.review import MISLABELLED, SAID_BY_CUSTOMER, build_queue, put_corrections_first
from training.writing import PRIVATE, write_file

_TEXTS = ("booking_id", "counterparty_name", "remittance_information")
_FORMULA = ("=", "+", "-", "@", "'")  # what a spreadsheet would run instead of show, and what tells it not to
_BREAKS = r"[\r\n\t]+"


def write_queue(
    bookings: Path,
    *,
    labels: Path | None,
    permissions: Path | None,
    release_id: str | None,
    out: Path,
    size: int,
    corrections: Path | None = None,
    home: Home | None = None,
) -> pd.DataFrame:
    """Write the bookings most worth a look to `out`, readable by its owner alone; returns them.

    Screened bookings and those of customers who do not allow training never appear in it. What customers called not
    right (`corrections`, as `levensloop corrections` writes it) stands first.

    Raises
    ------
    UnreadableDataError
        `corrections` is no such table.
    UsageError
        Nothing is left to review, or `out` cannot be written.
    """
    home = home or find_home()
    release = load_release(home, release_id, allow_demo=True)
    notes = [release.warning] if release.warning else []
    with one_thread(), track_steps("Reviewing", steps=3 if labels else 2) as step:
        step("reading and screening")
        read = load_bookings(bookings)
        frame, _ = permitted_bookings(read.frame, permissions, notes, door=open_door(home))
        open_frame = admit(frame, release.screening)
        if not len(open_frame):
            raise UsageError("No booking is left to review: all are screened, faulty or without permission.")
        given = np.full(len(open_frame), "", dtype=object)
        if labels:
            step("reading given labels with classifiers that do not know the customers")
            told = label_bookings(open_frame, load_labels(labels, notes))["event"]
            validate_labels(told.dropna().to_numpy(dtype=object), release.taxonomy)
            given = told.fillna("").to_numpy(dtype=object)
        step("choosing what is most worth a look")
        queue = build_queue(
            release.classifier, open_frame, given.astype(str), size=size, fresh=BookingClassifier(random_state=0)
        )
        if corrections:
            queue = put_corrections_first(queue, open_frame, _load_corrections(corrections)).head(size)
    write_file(out, _as_csv(queue), mode=PRIVATE)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for line in (*read.notes, *(note for note in notes if note != MARKED), *map(str, read.problems)):
        console.print(line, markup=False)
    wrong = int((queue["reason"] == MISLABELLED).sum())
    said = int(queue["reason"].isin(SAID_BY_CUSTOMER.values()).sum())
    spoken = f"{said} that customers called not right, " if corrections else ""
    console.print(
        f"{len(queue)} bookings to review in {out.name}: {spoken}{wrong} with a label that is likely wrong, "
        f"{len(queue) - wrong - said} doubtful. Fill in `event` where you know it, then train "
        f"with --reviewed {out.name}.",
        markup=False,
    )
    return queue


def _load_corrections(path: Path) -> pd.DataFrame:
    table = load_table(path, ("booking_id", "customer_id", "event", "correction"))
    wrong = np.flatnonzero(~table["correction"].isin(SAID_BY_CUSTOMER))
    if len(wrong):
        raise UnreadableDataError(f"{path.name}:{wrong[0] + 2}: a correction is one of {', '.join(SAID_BY_CUSTOMER)}.")
    return table


def _as_csv(queue: pd.DataFrame) -> str:
    """The queue for a spreadsheet: no line breaks inside a cell, and nothing that would run as a formula."""
    told = queue.copy()
    for name in _TEXTS:
        text = told[name].astype("str").str.replace(_BREAKS, " ", regex=True)
        told[name] = text.where(~text.str.startswith(_FORMULA), "'" + text)
    return told.to_csv(index=False, lineterminator="\n", date_format="%Y-%m-%d")
