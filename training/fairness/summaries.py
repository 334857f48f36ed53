"""What a worker of Spark tells the audit of each customer: days, answers, doubts, and how many bookings were screened.

It knows no group of anybody: groups stay in the process that opened the vault, which adds them to these summaries.
"""

from collections import Counter
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as arrow

from models.detection import Model
from models.home import Home
from models.release import Release, load_release
from models.spark import Batches, parse_batches
from models.whole_customers import in_order
from training.fairness.asking import ask
from training.fairness.observing import find_doubts, is_screened

TO_SCREEN = "to_screen"  # beside a booking: the truth of screening, where labels say it
SEEN, TOLD, DOUBT = "seen", "told", "doubt"
# Of `seen` the first and last day and the bookings, of `told` the day of detection and its probability.
SUMMARY = arrow.schema(
    [
        *((name, arrow.string()) for name in ("customer_id", "what", "event")),
        *((name, arrow.date32()) for name in ("min", "max")),
        ("probability", arrow.float64()),
        *((name, arrow.int64()) for name in ("bookings", "to_screen", "screened", "rightly")),
    ]
)


def summarise_batches(batches: Batches, *, home: Path, release_id: str, as_of: date, knows_screening: bool) -> Batches:
    """In a worker: bookings in order of customer to the rows of `SUMMARY`; bookings after `as_of` are left out."""
    release = _open_once(home, release_id)
    for bookings in in_order(parse_batches(batches, Counter(), carried=(TO_SCREEN,) if knows_screening else ())):
        known = bookings[bookings["booking_date"] <= pd.Timestamp(as_of)].reset_index(drop=True)
        if len(known):
            yield from summarise(known, release, as_of=as_of).to_batches()


@cache
def _open_once(home: Path, release_id: str) -> Release:
    """One release per worker, not one per part."""
    return load_release(Home(home), release_id, allow_demo=True)


def summarise(bookings: pd.DataFrame, release: Model, *, as_of: date) -> arrow.Table:
    """What a release says of whole customers; a column `to_screen` beside the bookings is the truth of screening."""
    to_screen = bookings[TO_SCREEN].to_numpy(dtype=bool) if TO_SCREEN in bookings else np.zeros(len(bookings), bool)
    asked = ask(bookings.drop(columns=TO_SCREEN, errors="ignore"), release, as_of=as_of)
    screened = is_screened(asked.answers)
    each = bookings[["customer_id", "booking_date"]].assign(
        to_screen=to_screen, screened=screened, rightly=to_screen & screened
    )
    seen = each.groupby("customer_id").agg(
        min=("booking_date", "min"), max=("booking_date", "max"), bookings=("booking_date", "size"),
        **{name: (name, "sum") for name in ("to_screen", "screened", "rightly")},
    ).reset_index()  # fmt: skip
    told = asked.detections[["customer_id", "event", "detected_on", "probability"]]
    doubts = find_doubts(asked.bookings, asked.answers, asked.detections)
    parts = {SEEN: seen, TOLD: told.rename(columns={"detected_on": "min"}), DOUBT: doubts}
    return arrow.concat_tables([_as_summary(part.assign(what=what)) for what, part in parts.items()])


def _as_summary(part: pd.DataFrame) -> arrow.Table:
    columns = {
        field.name: arrow.array(part[field.name], field.type, from_pandas=True)
        if field.name in part
        else arrow.nulls(len(part), field.type)
        for field in SUMMARY
    }
    return arrow.table(columns, schema=SUMMARY)
