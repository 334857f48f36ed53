"""What a worker of Spark does in a night: bookings of whole customers to answers, and nothing besides.

A worker loads this module before it begins, so it imports no more than that needs.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as arrow

from models.detection import detect_events
from models.events import DETECTION_COLUMNS, no_detections
from models.home import Home
from models.release import Release, load_release
from models.spark import Batches, parse_batches
from models.whole_customers import in_order

# A row of a worker's answer is a detection, a customer that was judged (no event), or a reason for rows left out.
ANSWER = arrow.schema([*((name, arrow.string()) for name in DETECTION_COLUMNS), ("left_out", arrow.string())])


def judge_batches(batches: Batches, *, home: Path, release_id: str, as_of: date) -> Batches:
    """Bookings in order of customer to answers; the checks and the detection of every other way."""
    problems: Counter[str] = Counter()
    release = _open_once(home, release_id)
    for bookings in in_order(parse_batches(batches, problems)):
        found = detect_events(bookings, as_of=as_of, release=release)
        yield from _as_answers(found, bookings["customer_id"].unique())
    for reason, times in problems.items():
        yield from _as_answers(no_detections(), np.repeat("", times), left_out=reason)


@cache
def _open_once(home: Path, release_id: str) -> Release:
    """One release per worker, not one per partition."""
    return load_release(Home(home), release_id, allow_demo=True)


def _as_answers(found: pd.DataFrame, customers: np.ndarray, *, left_out: str = "") -> Iterator[arrow.RecordBatch]:
    telling = set(found["customer_id"])
    quiet = [name for name in customers if name not in telling]
    told = found.astype({"onset_date": "str", "detected_on": "str"})
    told = told.assign(probability=[repr(float(value)) for value in found["probability"]])
    columns = {name: [*told[name].tolist(), *("" for _ in quiet)] for name in DETECTION_COLUMNS}
    columns["customer_id"] = [*told["customer_id"].tolist(), *quiet]
    columns["left_out"] = [left_out] * len(columns["customer_id"])
    order = np.argsort(np.array(columns["customer_id"], dtype=object), kind="stable")
    yield from arrow.table(columns, schema=ANSWER).take(arrow.array(order)).to_batches()
