"""`levensloop score --engine spark`: the same night where one machine is too small, by the same pure function.

Spark drops the bookings of who allows nothing before it moves any (a broadcast semi-join), brings each customer's
bookings to one place in order, and calls `detect_events` on chunks of whole customers. The answers are stored by the
process that began it, as every other night is. Where Spark runs is its own configuration; workers need this package and
the folder of the release.
"""

import shutil
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet

from models.detection import by_customers
from models.home import Home
from models.spark import (
    names_table,
    only_of,
    open_session,
    read_bookings,
    told_of_spark,
    work_by_customer,
    write_parts,
)
from serving.batch import ScoreSummary, Scoring
from serving.batch_records import Night
from serving.batch_worker import ANSWER, judge_batches
from serving.nightly import find_allowed_customers

_AT_ONCE = 5_000  # rows of answers that are stored in one transaction, more for whole customers
_SCRATCH = "spark-"


class SparkScoring(Scoring):
    """One run on Spark; what it stores, and for whom, is as in `Scoring`."""

    def run_table(self, bookings: Path, home: Home) -> ScoreSummary:
        """Judge a Parquet file or a folder of them.

        Raises
        ------
        UsageError
            Spark cannot start, or its workers cannot write into the state folder.
        UnreadableDataError
            Spark cannot read it.
        """
        session = open_session("levensloop score")
        with self.store.read() as connection:
            allowed = find_allowed_customers(connection, self.registry.in_force(connection), at=self.clock())
        batch = home.path / "batch"  # workers see the folder of the release, so they see this one too
        for left in batch.glob(f"{_SCRATCH}*"):  # by a run that was killed
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(dir=batch, prefix=_SCRATCH) as name:
            out = Path(name) / "answers"
            parts, counts = _judge_in_spark(session, bookings, allowed, home=home, night=self.night, out=out)
            self.summary.customers, self.summary.not_allowed, self.summary.rows = counts
            for part in parts:
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


def _judge_in_spark(
    session: Any, bookings: Path, allowed: set[str], *, home: Home, night: Night, out: Path
) -> tuple[list[Path], tuple[int, int, int]]:
    """Files of answers; customers seen, those not allowed, and rows."""
    judge = partial(judge_batches, home=home.path, release_id=night.release_id, as_of=night.as_of)
    with told_of_spark(bookings.name):
        table = read_bookings(session, bookings)
        told = work_by_customer(only_of(session, table, allowed), judge, ANSWER)
        return write_parts(told, out), _count(session, table, allowed)


def _count(session: Any, table: Any, allowed: set[str]) -> tuple[int, int, int]:
    """In one job over one column."""
    from pyspark.sql import functions

    inside = names_table(session, "customer_id", allowed).withColumn("inside", functions.lit(1))
    customers = table.groupBy("customer_id").agg(functions.count("*").alias("rows"))
    marked = customers.join(functions.broadcast(inside), "customer_id", "left")
    told = marked.agg(functions.count("*"), functions.count("inside"), functions.sum("rows")).first()
    return told[0], told[0] - told[1], told[2] or 0
