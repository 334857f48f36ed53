"""Bookings of many customers as NDJSON: read block by block while they arrive, so that 64 MB never stand here as text.

The first line is the question (`purpose`, `as_of`), every further line one booking with its customer_id. Lines that
are no such objects refuse the batch; bookings that break the contract are their own customer's problem.
"""

import io
import re
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import pyarrow as arrow
import pyarrow.compute as compute
import pyarrow.json as arrow_json
from pydantic import TypeAdapter, ValidationError

from models.bookings import COLUMN_NAMES, RowProblem, parse_bookings
from serving.detecting import Brought
from serving.problems import Problem, ProblemError, problem_of_status, refuse
from serving.schemas import LONGEST_TEXT, BatchQuestion, CustomerId, row_problem

BLOCK_BYTES = 1 << 21
MOST_QUESTION_BYTES = 10_000
_SCHEMA = arrow.schema([(name, arrow.string()) for name in COLUMN_NAMES])
_IN_ROW = re.compile(r"in row (\d+)$")
_CUSTOMER = TypeAdapter(CustomerId)


@dataclass
class BookingLines:
    """The lines that came so far; `add` takes bytes as they arrive, `finish` gives the whole."""

    most_customers: int
    question: BatchQuestion | None = None
    _rest: bytearray = field(default_factory=bytearray)
    _tables: list[arrow.Table] = field(default_factory=list)
    _rows: int = 0

    def add(self, data: bytes, *, is_last: bool = False) -> None:
        """Take what came; whole lines are read once there are enough of them.

        Raises
        ------
        ProblemError
            400 for what is not UTF-8, 422 for a line that is no question or no booking.
        """
        self._rest += data
        if self.question is None and not self._read_question(is_last=is_last):
            return
        end = len(self._rest) if is_last else self._rest.rfind(b"\n") + 1
        if end >= BLOCK_BYTES or (is_last and self._rest.strip()):
            self._read_block(bytes(self._rest[:end]))
            del self._rest[:end]

    def finish(self) -> "BatchOfBookings":
        """Everything that came, by customer.

        Raises
        ------
        ProblemError
            422: there is no question, too many customers, or a customer_id that is none.
        """
        self.add(b"", is_last=True)
        if self.question is None:
            raise refuse(422, "batch-not-valid", "The first line is the question: a JSON object with a purpose.")
        table = arrow.concat_tables(self._tables) if self._tables else _SCHEMA.empty_table()
        return BatchOfBookings(self.question, table, _customers(table, most=self.most_customers))

    def _read_question(self, *, is_last: bool) -> bool:
        end = self._rest.find(b"\n")
        if end < 0 and not is_last and len(self._rest) <= MOST_QUESTION_BYTES:
            return False
        line = bytes(self._rest if end < 0 else self._rest[:end])
        try:
            self.question = BatchQuestion.model_validate_json(line)
        except ValidationError as error:
            raise refuse(
                422, "batch-not-valid", "The first line is not the question: a JSON object with purpose and as_of."
            ) from error
        del self._rest[: len(line) + 1]
        return True

    def _read_block(self, block: bytes) -> None:
        try:
            block.decode("utf-8")
            table = arrow_json.read_json(
                io.BytesIO(block),
                read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(block) + 1),
                parse_options=arrow_json.ParseOptions(explicit_schema=_SCHEMA, unexpected_field_behavior="ignore"),
            )
        except UnicodeDecodeError as error:
            raise ProblemError(problem_of_status(400)) from error
        except arrow.ArrowException as error:
            row = _IN_ROW.search(str(error))
            at = self._rows + int(row[1]) + 1 if row else 0
            raise row_problem([(at, "is not a JSON object whose fields are texts")], most_reported=1) from error
        self._rows += table.num_rows
        self._tables.append(table)


@dataclass(frozen=True)
class BatchOfBookings:
    """A question about the customers of these rows; nothing but their ids was looked at."""

    question: BatchQuestion
    rows: arrow.Table
    customers: tuple[str, ...]

    def bring(self, customers: Collection[str], *, most_reported: int) -> Brought:
        """The bookings of those who may be looked at; who has a row that breaks the contract is not judged at all."""
        mine = compute.is_in(self.rows["customer_id"], value_set=arrow.array(sorted(customers), arrow.string()))
        numbers = np.flatnonzero(mine.to_numpy(zero_copy_only=False))
        rows = self.rows.take(arrow.array(numbers))
        read = parse_bookings(rows, source="bookings", lines=numbers + 1)
        faults = [*read.problems, *_long_texts(rows, numbers)]
        owners = dict(zip((numbers + 1).tolist(), rows["customer_id"].to_pylist(), strict=True)) if faults else {}
        by_customer: dict[str, list[tuple[int, str]]] = {}
        for fault in faults:
            by_customer.setdefault(owners[fault.line], []).append((fault.line, fault.reason))
        problems: dict[str, Problem] = {
            customer: row_problem(sorted(found), most_reported=most_reported).problem
            for customer, found in by_customer.items()
        }
        return Brought(read.frame[~read.frame["customer_id"].isin(list(problems))], problems)


def _customers(table: arrow.Table, *, most: int) -> tuple[str, ...]:
    """Customers in the order of their first booking."""
    found = compute.unique(table["customer_id"]).to_pylist()
    if len(found) > most:
        raise refuse(422, "batch-not-valid", f"A batch holds at most {most} customers.")
    try:
        return tuple(_CUSTOMER.validate_python(customer_id, strict=True) for customer_id in found)
    except ValidationError as error:
        raise refuse(422, "batch-not-valid", "A booking has no customer_id, or one that cannot be.") from error


def _long_texts(rows: arrow.Table, numbers: np.ndarray) -> list[RowProblem]:
    """Rows with a text longer than a booking of a single request may have."""
    found = []
    for name in rows.column_names:
        is_long = compute.fill_null(compute.greater(compute.utf8_length(rows[name]), LONGEST_TEXT), False)
        at = np.flatnonzero(is_long.to_numpy(zero_copy_only=False))
        found += [RowProblem("bookings", int(numbers[one]) + 1, f"{name} is too long") for one in at]
    return found
