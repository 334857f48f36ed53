"""`levensloop prepare --engine spark`: the same bookings where one machine is too small to read them.

Spark drops the bookings of who allows no training before it moves any, brings each customer's bookings to one place in
order, and calls the checks and the screening of every other way. Workers need this package.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as arrow
import pyarrow.compute as compute
import pyarrow.parquet as parquet

from models.bookings import bookings_from_arrow, bookings_to_arrow, no_bookings
from models.detection import admit
from models.errors import UsageError
from models.screening import Screening, default_screening
from models.spark import (
    Batches,
    names_table,
    none_of,
    only_of,
    open_session,
    parse_batches,
    read_bookings,
    told_of_spark,
    work_by_customer,
    write_parts,
)
from training.preparing import Gathered, Wanted

_SCREENED = "screened"
_BOOKING = bookings_to_arrow(no_bookings()).schema
# A row of a worker's answer is a booking, or a reason (`screened`, or a fault) with the number of rows left out for it.
_ANSWER = _BOOKING.append(arrow.field("left_out", arrow.string())).append(arrow.field("times", arrow.int64()))


def gather_in_spark(path: Path, wanted: Wanted, *, scratch: Path) -> Gathered:
    """As `training.preparing.gather`, of Parquet; a faulty row of who is not wanted counts as not permitted.

    Parameters
    ----------
    scratch
        A folder that this process and Spark's workers see under the same name; it is left as it was.

    Raises
    ------
    UnreadableDataError
        Spark cannot read the table.
    UsageError
        Spark cannot start, or its workers cannot write into the folder.
    """
    session = open_session("levensloop prepare")
    with tempfile.TemporaryDirectory(dir=_made(scratch), prefix=".spark-") as name, told_of_spark(path.name):
        table = read_bookings(session, path)
        if wanted.customers is None:
            mine = none_of(session, table, wanted.never)
        else:
            mine = only_of(session, table, wanted.customers)
        passed = _labelled(session, work_by_customer(mine, admit_batches, _ANSWER), wanted)
        answers = arrow.concat_tables(
            [parquet.read_table(part) for part in write_parts(passed, Path(name) / "answers")]
        )
        return _as_gathered(answers, read=table.count(), permitted=mine.count())


def admit_batches(batches: Batches) -> Batches:
    """In a worker: bookings in order of customer to those that may be looked at, and why others may not."""
    left_out: Counter[str] = Counter()
    for bookings in parse_batches(batches, left_out):
        passed = admit(bookings, _open_once())
        left_out[_SCREENED] += len(bookings) - len(passed)
        yield from _as_answers(bookings_to_arrow(passed))
    told = {"left_out": [*left_out], "times": [*left_out.values()]}
    yield from _as_answers(arrow.table(told))


@cache
def _open_once() -> Screening:
    """One screening per worker, not one per part."""
    return default_screening()


def _as_answers(told: arrow.Table) -> Iterator[arrow.RecordBatch]:
    columns = {
        field.name: told[field.name] if field.name in told.column_names else arrow.nulls(len(told), field.type)
        for field in _ANSWER
    }
    yield from arrow.table(columns, schema=_ANSWER).to_batches()


def _labelled(session: Any, passed: Any, wanted: Wanted) -> Any:
    """Without the bookings that have no label; what was left out before stays told."""
    if wanted.bookings is None:
        return passed
    from pyspark.sql import functions

    labels = names_table(session, "booking_id", wanted.bookings).withColumn("has_label", functions.lit(True))
    return passed.join(labels, "booking_id", "left").where("has_label or times is not null").drop("has_label")


def _as_gathered(answers: arrow.Table, *, read: int, permitted: int) -> Gathered:
    kept = answers.filter(compute.is_null(answers["times"])).select(_BOOKING.names)
    told = answers.filter(compute.is_valid(answers["times"]))
    left_out: Counter[str] = Counter()
    for reason, times in zip(told["left_out"].to_pylist(), told["times"].to_pylist(), strict=True):
        left_out[reason] += times
    screened = left_out.pop(_SCREENED, 0)
    faulty = left_out.total()
    counts = {
        "read": read, "problems": faulty, "no_permission": read - permitted, "screened": screened,
        "no_label": permitted - faulty - screened - len(kept), "kept": len(kept),
    }  # fmt: skip
    return Gathered(bookings=bookings_from_arrow(kept), counts=counts, problems=left_out)


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written. Give a folder that you may write to with --out.") from error
    return folder
