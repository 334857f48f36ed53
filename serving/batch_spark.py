"""`levensloop score --engine spark`: the same night where one machine is too small, by the same pure function.

Spark drops the bookings of who allows nothing before it moves any (a broadcast semi-join), brings each customer's
bookings to one place in order, and calls `detect_events` on chunks of whole customers. The answers are stored by the
process that began it, as every other night is. Where Spark runs is its own configuration; workers need this package and
the folder of the release.
"""

import os
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet

from models.bookings import COLUMN_NAMES, KEY, parse_bookings
from models.detection import by_customers, detect_events
from models.errors import UnreadableDataError, UsageError
from models.events import DETECTION_COLUMNS, no_detections
from models.home import Home
from models.release import Release, load_release
from models.whole_customers import in_order
from serving.batch import ScoreSummary, Scoring
from serving.batch_records import Night
from serving.nightly import find_allowed_customers

# A row of a worker's answer is a detection, a customer that was judged (no event), or a reason for rows left out.
ANSWER = arrow.schema([*((name, arrow.string()) for name in DETECTION_COLUMNS), ("left_out", arrow.string())])
_AT_ONCE = 5_000  # rows of answers that are stored in one transaction, more for whole customers


class SparkScoring(Scoring):
    """One run on Spark; what it stores, and for whom, is as in `Scoring`."""

    def run_table(self, bookings: Path, home: Home) -> ScoreSummary:
        """Judge a Parquet file or a folder of them.

        Raises
        ------
        UsageError
            pyspark is not installed.
        UnreadableDataError
            Spark cannot read it.
        """
        session = open_session()
        with self.store.read() as connection:
            allowed = find_allowed_customers(connection, self.registry.in_force(connection), at=self.clock())
        with tempfile.TemporaryDirectory() as name:
            out = Path(name) / "answers"
            judged = _judge_in_spark(session, bookings, allowed, home=home, night=self.night, out=out)
            self.summary.customers, self.summary.not_allowed, self.summary.rows = judged
            for part in sorted(out.glob("*.parquet")):
                self._store_part(part)
        return self.end_night()

    def _store_part(self, part: Path) -> None:
        """Store the answers of whole customers, which stand together."""
        answers = parquet.read_table(part).to_pandas().astype("str")
        is_problem = answers["left_out"] != ""
        self.summary.left_out = dict(Counter(self.summary.left_out) + Counter(answers["left_out"][is_problem]))
        for some in by_customers(answers[~is_problem].reset_index(drop=True), rows=_AT_ONCE):
            found = some[some["event"] != ""].astype({"probability": float})
            self.store_night(found, set(some["customer_id"]))


def open_session() -> Any:
    """The session of Spark that is configured; local where nothing is."""
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise UsageError("Spark is not installed. Install it: pip install 'levensloop[spark]'.") from error
    builder = SparkSession.builder.appName("levensloop score")
    # A customer in the name of a folder is a text, whatever it looks like.
    session = builder.config("spark.sql.sources.partitionColumnTypeInference.enabled", "false").getOrCreate()
    if session.sparkContext.master.startswith("local") and "PYSPARK_PYTHON" not in os.environ:
        # Not whatever `python3` is: this one has the libraries. What a cluster's workers run is configured there.
        session.sparkContext.pythonExec = sys.executable
    return session


def _judge_in_spark(
    session: Any, bookings: Path, allowed: set[str], *, home: Home, night: Night, out: Path
) -> tuple[int, int, int]:
    from pyspark.errors import PySparkException
    from pyspark.sql import functions

    try:
        table = session.read.parquet(str(bookings))
        table = table.select(*(name for name in COLUMN_NAMES if name in table.columns))
        if "customer_id" not in table.columns:
            raise UsageError("The bookings have no customer_id, which detection needs.")
        names = arrow.array(sorted(allowed), arrow.string())
        permitted = session.createDataFrame(arrow.table({"customer_id": names}))
        kept = table.join(functions.broadcast(permitted), "customer_id", "left_semi")
        judge = partial(judge_batches, home=home.path, release_id=night.release_id, as_of=night.as_of)
        ordered = kept.repartition("customer_id").sortWithinPartitions("customer_id")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # about pandas 3, of which the way by Arrow uses nothing
            told = ordered.mapInArrow(judge, ", ".join(f"{name} string" for name in ANSWER.names))
        told.write.parquet(out.as_uri())
        customers = table.select("customer_id").distinct()
        seen, inside = customers.count(), customers.join(permitted, "customer_id", "left_semi").count()
        return seen, seen - inside, table.count()
    except PySparkException as error:
        raise UnreadableDataError(
            f"Spark could not judge {bookings.name} ({type(error).__name__}). Give Parquet files of bookings, "
            "and look into Spark's own log."
        ) from error


def judge_batches(
    batches: Iterator[arrow.RecordBatch], *, home: Path, release_id: str, as_of: date
) -> Iterator[arrow.RecordBatch]:
    """In a worker: bookings in order of customer to answers; the checks and the detection of every other way."""
    problems: Counter[str] = Counter()
    release = _open_once(home, release_id)
    for bookings in in_order(_checked(batches, problems)):
        found = detect_events(bookings, as_of=as_of, release=release)
        yield from _as_answers(found, bookings["customer_id"].unique())
    for reason, times in problems.items():
        yield from _as_answers(no_detections(), np.repeat("", times), left_out=reason)


def _checked(batches: Iterator[arrow.RecordBatch], problems: Counter[str]) -> Iterator[pd.DataFrame]:
    """Bookings that keep the contract; a booking of the last customer may be repeated in the next batch."""
    seen: dict[str, set[tuple[str, ...]]] = {}

    def find_repeated(good: pd.DataFrame) -> np.ndarray:
        repeated = []
        for key in good[list(KEY)].itertuples(index=False, name=None):
            if key[0] not in seen:
                seen.clear()
                seen[key[0]] = set()
            repeated.append(key in seen[key[0]])
            seen[key[0]].add(key)
        return np.array(repeated, dtype=bool)

    for batch in batches:
        table = arrow.Table.from_batches([batch])
        lines = np.arange(1, len(table) + 1)
        read = parse_bookings(table, source="bookings", lines=lines, find_repeated=find_repeated)
        problems.update(problem.reason for problem in read.problems)
        yield read.frame


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
