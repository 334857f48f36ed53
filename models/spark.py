"""What every job on Spark shares: the session that is configured, bookings of whole customers in order, parts on disk.

Where Spark runs, and on how many machines, is its own configuration (`spark-defaults.conf` in SPARK_CONF_DIR). Its
workers need this package, and see the folders of its input and output under the same names.
"""

import os
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet

from models.bookings import COLUMN_NAMES, KEY, check_columns, parse_bookings
from models.errors import UnreadableDataError, UsageError

_TYPES = {
    "string": "string", "date32[day]": "date", "decimal128(18, 2)": "decimal(18,2)", "int64": "bigint",
    "double": "double",
}  # fmt: skip
Batches = Iterator[arrow.RecordBatch]
_PLACE = ("file_path", "row_index")  # of a row in its table: of two bookings with one key the first counts


def open_session(name: str) -> Any:
    """The session of Spark that is configured; local where nothing is.

    Raises
    ------
    UsageError
        pyspark is not installed, or Spark does not start: there is no Java, or its cluster does not answer.
    """
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise UsageError("Spark is not installed. Install it: pip install 'levensloop[spark]'.") from error
    builder = SparkSession.builder.appName(name)
    try:
        # A customer in the name of a folder is a text, whatever it looks like.
        session = builder.config("spark.sql.sources.partitionColumnTypeInference.enabled", "false").getOrCreate()
    except (PySparkException, OSError) as error:
        raise UsageError(
            "Spark does not start. It needs Java 17 or newer (JAVA_HOME, or `java` on the path), and the cluster of "
            "spark-defaults.conf where one is named."
        ) from error
    if session.sparkContext.master.startswith("local") and "PYSPARK_PYTHON" not in os.environ:
        # Not whatever `python3` is: this one has the libraries. What a cluster's workers run is configured there.
        session.sparkContext.pythonExec = sys.executable
    return session


@contextmanager
def told_of_spark(name: str) -> Iterator[None]:
    """Errors of Spark about a table as UnreadableDataError, without what Spark says: that may hold bookings."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError) as error:
        raise UnreadableDataError(
            f"Spark could not work on {name} ({type(error).__name__}). Give Parquet files of bookings, and look into "
            "Spark's own log."
        ) from error


def read_bookings(session: Any, path: Path) -> Any:
    """A bookings table (Parquet: a file, or a folder of them) as it stands, with the place of each row.

    Raises
    ------
    UnreadableDataError
        It misses a required column.
    UsageError
        It has no customer_id, by which the work is divided.
    """
    from pyspark.sql import functions

    table = session.read.parquet(path.absolute().as_uri())
    check_columns(table.columns, source=path.name)
    if "customer_id" not in table.columns:
        raise UsageError("The bookings have no customer_id, by which Spark divides the work.")
    others = [name for name in COLUMN_NAMES if name in table.columns and name != "customer_id"]
    customer = functions.trim(table["customer_id"].cast("string")).alias("customer_id")
    return table.select(customer, *others, *(f"_metadata.{name}" for name in _PLACE))


def only_of(session: Any, table: Any, customers: Collection[str]) -> Any:
    """The rows of some customers, chosen where the rows are, before any is moved."""
    return _join_customers(session, table, customers, "left_semi")


def none_of(session: Any, table: Any, customers: Collection[str]) -> Any:
    """The rows of all other customers, chosen as by `only_of`."""
    return _join_customers(session, table, customers, "left_anti")


def _join_customers(session: Any, table: Any, customers: Collection[str], how: str) -> Any:
    from pyspark.sql import functions

    return table.join(functions.broadcast(names_table(session, "customer_id", customers)), "customer_id", how)


def names_table(session: Any, column: str, names: Collection[str]) -> Any:
    """A table of one column of texts."""
    return session.createDataFrame(arrow.table({column: arrow.array(sorted(names), arrow.string())}))


def work_by_customer(table: Any, work: Callable[[Batches], Batches], schema: arrow.Schema) -> Any:
    """What `work` makes of each part of a table of bookings: whole customers, in order, first rows first."""
    ordered = table.repartition("customer_id").sortWithinPartitions("customer_id", *_PLACE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # about pandas 3, of which the way by Arrow uses nothing
        return ordered.mapInArrow(work, _columns_of(schema))


def _columns_of(schema: arrow.Schema) -> str:
    """A schema of Arrow in the words of Spark."""
    return ", ".join(f"{field.name} {_TYPES[str(field.type)]}" for field in schema)


def parse_batches(batches: Batches, problems: Counter[str], *, carried: Sequence[str] = ()) -> Iterator[pd.DataFrame]:
    """In a worker: bookings that keep the contract, of batches in order of customer; reasons of others are counted.

    A booking of the last customer may be repeated in the next batch. Columns `carried` stay beside their bookings.
    """
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
        table = arrow.Table.from_batches([batch]).drop_columns([*_PLACE, *carried])
        lines = np.arange(1, len(table) + 1)
        read = parse_bookings(table, source="bookings", lines=lines, find_repeated=find_repeated)
        problems.update(problem.reason for problem in read.problems)
        faulty = [problem.line - 1 for problem in read.problems]
        beside = {name: np.delete(batch[name].to_numpy(zero_copy_only=False), faulty) for name in carried}
        yield read.frame.assign(**beside)


def write_parts(table: Any, folder: Path) -> list[Path]:
    """Compute a table into Parquet files of a new folder, in order of its parts.

    Raises
    ------
    UsageError
        Rows are missing there: the workers wrote to a folder of their own machines.
    """
    from pyspark.sql import Observation, functions

    written = Observation()
    table.observe(written, functions.count(functions.lit(1)).alias("rows")).write.parquet(folder.absolute().as_uri())
    parts = sorted(folder.glob("*.parquet"))
    validate_parts(parts, rows=int(written.get["rows"]))
    return parts


def validate_parts(parts: list[Path], *, rows: int) -> None:
    """Raise UsageError when files do not hold so many rows."""
    found = sum(parquet.read_metadata(part).num_rows for part in parts)
    if found != rows:
        raise UsageError(
            f"Spark's workers wrote {rows} rows, of which {found} can be read here. Use a folder that all machines "
            "share, under the same name."
        )
