"""The bookings table: what one row on a bank statement is here, and the one door through which rows come in.

Names follow ISO 20022. In memory every text is a string ("" when missing), dates are `datetime64[s]`, and amounts
are exact decimals with two places; on disk amounts are decimal strings (CSV) or decimal128(18, 2) (Parquet).
Rows that break the contract are reported with file, line and reason, never dropped in silence:
rows read = bookings + problems.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pyarrow as arrow
import pyarrow.compute as compute
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet

from models.errors import UnreadableDataError

MONEY = pd.ArrowDtype(arrow.decimal128(18, 2))
EARLIEST, LATEST = np.datetime64("1970-01-01", "s"), np.datetime64("2199-12-31", "s")
_MOST_COLUMNS, _LONGEST_HEADER = 1_000, 100_000  # far above any real table; a hostile one is refused at once
_AMOUNT_PATTERN = r"^[+-]?\d{1,16}(\.\d{1,2})?$"
_FINER_PATTERN = r"^[+-]?\d{1,16}\.\d{3,}$"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the bookings table: its meaning, its unit and what it must not be used for."""

    name: str
    kind: Literal["text", "date", "money", "indicator"]
    meaning: str
    null_rule: str
    not_for: str = ""
    required: bool = False


COLUMNS: tuple[Column, ...] = (
    Column(
        "customer_id", "text", "whose view of the account this is", "may be empty; needed for detection", "a feature"
    ),
    Column("account_iban", "text", "the customer's account", "empty means one account", "a feature"),
    Column(
        "booking_id", "text", "the bank's reference, unique per customer and account", "never empty", "", required=True
    ),
    Column("booking_date", "date", "day of booking, Europe/Amsterdam", "never empty", "", required=True),
    Column("value_date", "date", "day from which interest counts", "may be empty", "a feature"),
    Column("amount", "money", "in `currency`, always above zero, two decimals", "never empty", "", required=True),
    Column("currency", "text", "ISO 4217 code", "empty means EUR", "telling where a customer comes from"),
    Column(
        "credit_debit_indicator", "indicator", "CRDT: money in; DBIT: money out", "never empty", "", required=True
    ),
    Column("counterparty_name", "text", "the other party", "may be empty when remittance_information is not",
           "a feature when it is a private person or a payer of salary"),
    Column("counterparty_iban", "text", "account of the other party", "may be empty",
           "its country or bank as a feature; it links bookings of one counterparty, no more"),
    Column("creditor_id", "text", "SEPA creditor identifier of a direct debit", "may be empty", ""),
    Column("mandate_id", "text", "mandate reference of a direct debit", "may be empty", "a feature"),
    Column("end_to_end_id", "text", "reference given by the payer", "may be empty", "a feature"),
    Column("purpose_code", "text", "ISO 20022 external purpose code, such as SALA", "may be empty", ""),
    Column("bank_transaction_code", "text", "how it was paid: CARD, CASH, SCT, SCT_BATCH, SALARY, SDD, IDEAL, INTERNAL,"
           " FEE, RETURN, OTHER, or the bank's own code", "may be empty", ""),
    Column("remittance_information", "text", "what the payer wrote", "may be empty when counterparty_name is not",
           "learning names, language, places, faith or health"),
    Column("balance_after", "money", "signed balance after this booking, in `currency`", "may be empty",
           "anything but the overdraft signal"),
)  # fmt: skip
COLUMN_NAMES: tuple[str, ...] = tuple(column.name for column in COLUMNS)
REQUIRED: tuple[str, ...] = tuple(column.name for column in COLUMNS if column.required)


_DTYPES: dict[str, Any] = {"text": "str", "indicator": "str", "date": "datetime64[s]", "money": MONEY}


def _schema() -> pa.DataFrameSchema:
    checks: dict[str, list[pa.Check]] = {
        "amount": [pa.Check(lambda amount: amount > Decimal(0), error="amount is above zero")],
        "credit_debit_indicator": [pa.Check.isin(["CRDT", "DBIT"])],
        "booking_id": [pa.Check.str_length(min_value=1)],
    }
    return pa.DataFrameSchema(
        {
            column.name: pa.Column(
                _DTYPES[column.kind],
                checks=checks.get(column.name),
                nullable=column.kind in ("date", "money") and not column.required,
                description=f"{column.meaning}; {column.null_rule}; not for: {column.not_for or '-'}",
            )
            for column in COLUMNS
        },
        strict=True,
        unique=["customer_id", "account_iban", "booking_id"],
        name="bookings",
    )


BOOKINGS = _schema()


def no_bookings() -> pd.DataFrame:
    """An empty bookings table with its types."""
    return pd.DataFrame({column.name: pd.Series([], dtype=_DTYPES[column.kind]) for column in COLUMNS})


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A row that was left out: where it stands and why. It never carries the row's content."""

    source: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line}: {self.reason}"


@dataclass(frozen=True)
class BookingsRead:
    """Bookings that keep the contract, the rows that do not, and how many rows there were.

    `rows_read == len(frame) + len(problems)` always holds. `notes` are facts about the file as a whole.
    """

    frame: pd.DataFrame
    problems: list[RowProblem]
    rows_read: int
    notes: list[str] = field(default_factory=list)


def load_bookings(path: str | Path) -> BookingsRead:
    """Read a bookings table from CSV or Parquet (by extension).

    Raises
    ------
    UnreadableDataError
        The file is not there, is not such a table, or misses a required column.
    """
    path = Path(path)
    if path.suffix.lower() in (".parquet", ".pq"):
        table, lines, problems = _read_parquet(path)
    else:
        table, lines, problems = _read_csv(path)
    read = parse_bookings(table, source=path.name, lines=lines)
    return BookingsRead(read.frame, problems + read.problems, read.rows_read + len(problems), read.notes)


def bookings_from_records(records: Iterable[Mapping[str, Any]], *, source: str) -> BookingsRead:
    """Bookings from JSON-like records (texts and decimal strings), by the same contract as files."""
    rows = [{name: record.get(name) for name in COLUMN_NAMES if record.get(name) is not None} for record in records]
    columns = {name: [str(row.get(name, "")) for row in rows] for name in COLUMN_NAMES}
    table = arrow.table({name: arrow.array(values, arrow.string()) for name, values in columns.items()})
    return parse_bookings(table, source=source, lines=np.arange(1, len(rows) + 1))


def parse_bookings(table: arrow.Table, *, source: str, lines: np.ndarray) -> BookingsRead:
    """Turn a raw table into bookings; rows that break the contract become problems."""
    _refuse_repeated(table.column_names, source=source)
    missing = [name for name in REQUIRED if name not in table.column_names]
    if not {"counterparty_name", "remittance_information"} & set(table.column_names):
        missing.append("counterparty_name or remittance_information")
    if missing:
        raise UnreadableDataError(
            f"{source} is not a bookings table: it has no column {', '.join(missing)}. "
            f"The columns are {', '.join(COLUMN_NAMES)}."
        )
    columns, reasons = _parse_columns(table)
    frame = pd.DataFrame(columns, columns=list(COLUMN_NAMES))
    reasons = np.where(reasons == "", _row_reasons(frame), reasons)
    reasons = np.where(reasons == "", _repeats(frame, reasons == ""), reasons)
    good = reasons == ""
    problems = [RowProblem(source, int(lines[at]), str(reasons[at])) for at in np.flatnonzero(~good)]
    extra = [name for name in table.column_names if name not in COLUMN_NAMES]
    notes = [f"{source}: column {name} is not part of the bookings table and was left out" for name in extra]
    return BookingsRead(frame[good].reset_index(drop=True), problems, len(frame), notes)


def write_bookings(frame: pd.DataFrame, path: str | Path) -> None:
    """Write bookings as CSV or Parquet (by extension); amounts stay exact."""
    with open_writer(path) as add:
        add(frame)


@contextmanager
def open_writer(path: str | Path) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Write a bookings table chunk by chunk (CSV or Parquet by extension); yields the function that adds a chunk.

    The file appears under its name only when all chunks are written: an error leaves no half table.
    """
    path = Path(path)
    half = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")  # two writers never share a half table
    path.parent.mkdir(parents=True, exist_ok=True)
    as_parquet = path.suffix.lower() in (".parquet", ".pq")
    schema = bookings_to_arrow(no_bookings()).schema
    text = arrow.schema([(name, arrow.string()) for name in schema.names])
    try:
        with parquet.ParquetWriter(half, schema) if as_parquet else arrow_csv.CSVWriter(half, text) as writer:

            def add(frame: pd.DataFrame) -> None:
                table = bookings_to_arrow(frame)
                writer.write_table(table if as_parquet else _as_text_table(table))

            yield add
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


def _as_text_table(table: arrow.Table) -> arrow.Table:
    return arrow.table({name: compute.cast(table[name], arrow.string()) for name in table.column_names})


def bookings_to_arrow(frame: pd.DataFrame) -> arrow.Table:
    """The bookings table with its types on disk: date32, decimal128(18, 2) and text."""
    types = {"text": arrow.string(), "indicator": arrow.string(), "date": arrow.date32(), "money": MONEY.pyarrow_dtype}
    return arrow.table({c.name: arrow.array(frame[c.name], types[c.kind], from_pandas=True) for c in COLUMNS})


def amount_cents(amounts: pd.Series) -> np.ndarray:
    """Amounts as int64 cents, from exact decimals, decimal strings or floats; missing and unreadable become 0."""
    if isinstance(amounts.dtype, pd.ArrowDtype) and arrow.types.is_decimal(amounts.dtype.pyarrow_dtype):
        wide = compute.cast(arrow.chunked_array(amounts.array.__arrow_array__()), arrow.decimal128(20, 2), safe=False)
        cents = compute.cast(compute.multiply(wide, arrow.scalar(100, arrow.decimal128(3, 0))), arrow.int64())
        return np.asarray(cents.fill_null(0).to_numpy(), dtype=np.int64)
    numbers = np.nan_to_num(pd.to_numeric(amounts, errors="coerce").to_numpy(dtype=float, na_value=np.nan))
    return np.rint(np.clip(numbers, -9e15, 9e15) * 100).astype(np.int64)


def signed_cents(frame: pd.DataFrame) -> np.ndarray:
    """int64 cents per booking: above zero for money in (CRDT), below zero for money out (DBIT)."""
    sign = np.where(frame["credit_debit_indicator"].to_numpy() == "CRDT", 1, -1)
    return amount_cents(frame["amount"]) * sign


def _read_parquet(path: Path) -> tuple[arrow.Table, np.ndarray, list[RowProblem]]:
    try:
        table = parquet.read_table(path)
    except (OSError, arrow.ArrowException) as error:
        raise UnreadableDataError(f"{path.name} cannot be read as Parquet. Give a bookings table.") from error
    return table, np.arange(1, table.num_rows + 1), []


def _read_csv(path: Path) -> tuple[arrow.Table, np.ndarray, list[RowProblem]]:
    problems: list[RowProblem] = []

    def report(row: arrow_csv.InvalidRow) -> str:
        reason = f"has {row.actual_columns} fields where the header has {row.expected_columns}"
        problems.append(RowProblem(path.name, int(row.number), reason))
        return "skip"

    try:
        with path.open("rb") as head:
            names = head.readline(_LONGEST_HEADER).decode("utf-8-sig").strip("\r\n").replace('"', "").split(",")
        if len(names) > _MOST_COLUMNS:
            raise UnreadableDataError(f"{path.name} has {len(names)} columns or more. Give a bookings table.")
        _refuse_repeated(names, source=path.name)
        table = arrow_csv.read_csv(
            path,
            # One thread: only then does the reader know the number of a row it cannot parse.
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=1 << 24),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=report),
            convert_options=arrow_csv.ConvertOptions(
                column_types={name: arrow.string() for name in names}, strings_can_be_null=False
            ),
        )
    except UnicodeDecodeError as error:
        raise UnreadableDataError(f"{path.name} is not UTF-8 text. Save it as UTF-8 and try again.") from error
    except (OSError, arrow.ArrowException) as error:
        raise UnreadableDataError(
            f"{path.name} cannot be read as a bookings table in CSV. Give comma-separated UTF-8 text with a header."
        ) from error
    return table, *_place(table, problems)


def _refuse_repeated(names: Sequence[str], *, source: str) -> None:
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise UnreadableDataError(f"{source} has a column twice: {', '.join(twice[:5])}. Give every column once.")


def _place(table: arrow.Table, skipped: list[RowProblem]) -> tuple[np.ndarray, list[RowProblem]]:
    """Line of each record and of each skipped row; line breaks inside quoted texts count."""
    at = np.array([problem.line for problem in skipped], dtype=np.int64)
    records = np.setdiff1d(np.arange(2, table.num_rows + 2 + len(at)), at)
    breaks = np.zeros(table.num_rows + 1, dtype=np.int64)
    for name in table.column_names:
        if arrow.types.is_string(table.schema.field(name).type):
            breaks[1:] += compute.count_substring(table[name], "\n").to_numpy()
    breaks = np.cumsum(breaks)
    moved = breaks[np.searchsorted(records, at)]
    placed = [replace(problem, line=problem.line + int(by)) for problem, by in zip(skipped, moved, strict=True)]
    return records + breaks[:-1], placed


def _parse_columns(table: arrow.Table) -> tuple[dict[str, Any], np.ndarray]:
    """Typed columns, and per row the first reason why it breaks a column's type ("" when it does not)."""
    reasons = np.full(table.num_rows, "", dtype=object)
    columns: dict[str, Any] = {}
    for column in COLUMNS:
        if column.name not in table.column_names:
            raw: arrow.ChunkedArray = arrow.chunked_array([arrow.array([""] * table.num_rows, arrow.string())])
        else:
            raw = table[column.name]
        if column.kind == "date":
            columns[column.name], faults = _parse_dates(raw, column)
        elif column.kind == "money":
            columns[column.name], faults = _parse_money(raw, column)
        else:
            columns[column.name], faults = _parse_text(raw, column)
        reasons = np.where(reasons == "", faults, reasons)
    return columns, reasons


def _as_text(raw: arrow.ChunkedArray) -> arrow.ChunkedArray:
    """Any column as trimmed text; what cannot be text (lists, broken UTF-8) is an error of the whole table."""
    try:
        raw = compute.cast(raw, arrow.string())
    except arrow.ArrowException as error:
        raise UnreadableDataError("A column of the table holds no text, number or day. Give plain values.") from error
    return compute.utf8_trim_whitespace(compute.fill_null(compute.cast(raw, arrow.string()), ""))


def _parse_text(raw: arrow.ChunkedArray, column: Column) -> tuple[pd.Series, np.ndarray]:
    values = _as_text(raw).to_pandas().astype("str")
    if column.kind == "indicator":
        wrong = ~values.isin(["CRDT", "DBIT"])
        return values, np.where(wrong, f"{column.name} is neither CRDT nor DBIT", "")
    if column.required:
        return values, np.where(values == "", f"{column.name} is empty", "")
    return values, np.full(len(values), "", dtype=object)


def _parse_dates(raw: arrow.ChunkedArray, column: Column) -> tuple[pd.Series, np.ndarray]:
    if arrow.types.is_temporal(raw.type):
        dates = compute.cast(compute.cast(raw, arrow.date32(), safe=False), arrow.timestamp("s"))
        parsed = pd.Series(dates.to_numpy().astype("datetime64[s]"))
        given = ~np.asarray(compute.is_null(raw))
    else:
        text = _as_text(raw).to_pandas().astype("str")
        parsed = pd.to_datetime(text, format="%Y-%m-%d", errors="coerce").astype("datetime64[s]")
        given = (text != "").to_numpy()
    inside = ((parsed >= EARLIEST) & (parsed <= LATEST)).to_numpy()
    wrong = given & ~inside if not column.required else ~inside
    reason = f"{column.name} is not a date (YYYY-MM-DD) from 1970 to 2199"
    return parsed.where(inside), np.where(wrong, reason, "")


def _parse_money(raw: arrow.ChunkedArray, column: Column) -> tuple[pd.Series, np.ndarray]:
    if arrow.types.is_floating(raw.type):
        # Binary floats cannot hold cents exactly: shortest decimal form first, then the same rule as for text.
        raw = arrow.chunked_array(
            [[None if x is None or x != x else format(Decimal(repr(x)), "f") for x in raw.to_pylist()]], arrow.string()
        )
    text = _as_text(raw)
    good = compute.match_substring_regex(text, _AMOUNT_PATTERN)
    # Trailing zeros behind the second decimal change nothing: "12.500" is 12.50.
    padded = compute.replace_substring_regex(text, r"(\.\d\d)0+$", r"\1")
    good = compute.or_(good, compute.match_substring_regex(padded, _AMOUNT_PATTERN))
    values = compute.cast(compute.if_else(good, padded, arrow.scalar(None, arrow.string())), MONEY.pyarrow_dtype)
    money = pd.Series(values.combine_chunks(), dtype=MONEY)
    given = compute.not_equal(text, "").to_numpy(zero_copy_only=False).astype(bool)
    wrong = ~good.to_numpy(zero_copy_only=False).astype(bool) & (given | column.required)
    finer = compute.match_substring_regex(padded, _FINER_PATTERN).to_numpy(zero_copy_only=False).astype(bool)
    reason = np.where(finer, f"{column.name} has more than two decimals", f"{column.name} is not a decimal number")
    return money, np.where(wrong, reason, "")


def _row_reasons(frame: pd.DataFrame) -> np.ndarray:
    """Reasons that need more than one column: an amount's sign, no text at all."""
    cents = amount_cents(frame["amount"])
    silent = (frame["counterparty_name"] == "") & (frame["remittance_information"] == "")
    return np.select(
        [cents == 0, cents < 0, silent.to_numpy()],
        [
            "amount is zero",
            "amount is below zero; the sign belongs in credit_debit_indicator",
            "counterparty_name and remittance_information are both empty",
        ],
        default="",
    )


def _repeats(frame: pd.DataFrame, good: np.ndarray) -> np.ndarray:
    """A reason for every good row whose key an earlier good row has."""
    twice = np.zeros(len(frame), dtype=bool)
    twice[good] = frame[good].duplicated(["customer_id", "account_iban", "booking_id"]).to_numpy()
    return np.where(twice, "booking_id stands here a second time for this customer and account", "")
