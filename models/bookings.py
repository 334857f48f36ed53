"""The bookings table: what one row on a bank statement is here, and the one door through which rows come in.

Names follow ISO 20022. In memory every text is a string ("" when missing), dates are `datetime64[s]`, and amounts
are exact decimals with two places; on disk amounts are decimal strings (CSV) or decimal128(18, 2) (Parquet).
Rows that break the contract are reported with file, line and reason, never dropped in silence:
rows read = bookings + problems.
"""

import secrets
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.compute as compute
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet

from models.errors import UnreadableDataError
from models.table_files import PARQUET, open_table, refuse_repeated

MONEY = pd.ArrowDtype(arrow.decimal128(18, 2))
EARLIEST, LATEST = np.datetime64("1970-01-01", "s"), np.datetime64("2199-12-31", "s")
_ROWS_AT_ONCE = 65_536
REPEATED = "booking_id stands here a second time for this customer and account"
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
KEY: tuple[str, ...] = ("customer_id", "account_iban", "booking_id")  # no two bookings share it
REQUIRED: tuple[str, ...] = tuple(column.name for column in COLUMNS if column.required)


_DTYPES: dict[str, Any] = {"text": "str", "indicator": "str", "date": "datetime64[s]", "money": MONEY}


@cache
def bookings_schema() -> Any:
    """The contract of the table as a `pandera.DataFrameSchema`; whoever made or read a table can validate it."""
    with warnings.catch_warnings():
        # Here, for it takes a fifth of a second and no verb asks for it. Where pyspark is installed pandera imports it,
        # and it warns that it does not know all of pandas 3.
        warnings.simplefilter("ignore", FutureWarning)
        import pandera.pandas as pa

    checks = {
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
        unique=list(KEY),
        name="bookings",
    )


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
    if path.is_dir():
        raise UnreadableDataError(f"{path.name} is a folder. Give a bookings table in one file.")
    batches = list(open_table(path).batches(_ROWS_AT_ONCE))
    table = arrow.concat_tables([batch.table for batch in batches])
    misfits = [RowProblem(path.name, *misfit) for batch in batches for misfit in batch.misfits]
    read = parse_bookings(table, source=path.name, lines=np.concatenate([batch.lines for batch in batches]))
    return BookingsRead(read.frame, misfits + read.problems, read.rows_read + len(misfits), read.notes)


def bookings_from_records(records: Iterable[Mapping[str, Any]], *, source: str) -> BookingsRead:
    """Bookings from JSON-like records (texts and decimal strings), by the same contract as files."""
    rows = list(records)
    return bookings_from_columns({name: [row.get(name) for row in rows] for name in COLUMN_NAMES}, source=source)


def bookings_from_columns(columns: Mapping[str, Sequence[Any]], *, source: str) -> BookingsRead:
    """Bookings from columns of texts and decimal strings (None: not given), by the same contract as files."""
    texts = {name: ["" if value is None else str(value) for value in values] for name, values in columns.items()}
    table = arrow.table({name: arrow.array(values, arrow.string()) for name, values in texts.items()})
    return parse_bookings(table, source=source, lines=np.arange(1, table.num_rows + 1))


def _repeated(good: pd.DataFrame) -> np.ndarray:
    """Which of these rows have the key of an earlier one."""
    return np.asarray(good.duplicated(list(KEY)))


def parse_bookings(
    table: arrow.Table,
    *,
    source: str,
    lines: np.ndarray,
    find_repeated: Callable[[pd.DataFrame], np.ndarray] = _repeated,
) -> BookingsRead:
    """Turn a raw table into bookings; rows that break the contract become problems.

    `find_repeated` is told the rows that are fine by themselves and says which of them repeat an earlier booking.
    """
    notes = check_columns(table.column_names, source=source)
    columns, faults = _parse_columns(table)
    frame = pd.DataFrame(columns, columns=list(COLUMN_NAMES))
    faults += _row_faults(frame)
    if faults:
        # Before asking which of the rest repeat one another: what is left out repeats nothing.
        reasons = np.select([wrong for wrong, _ in faults], [reason for _, reason in faults], default="")
        good = reasons == ""
        repeated = np.zeros(len(frame), dtype=bool)
        repeated[good] = find_repeated(frame[good])
    else:
        reasons = np.full(len(frame), "")
        repeated = np.asarray(find_repeated(frame), dtype=bool)
    good = (reasons == "") & ~repeated
    if good.all():
        return BookingsRead(frame, [], len(frame), notes)
    problems = [
        RowProblem(source, int(lines[at]), REPEATED if repeated[at] else str(reasons[at]))
        for at in np.flatnonzero(~good)
    ]
    return BookingsRead(frame[good].reset_index(drop=True), problems, len(frame), notes)


def check_columns(names: Sequence[str], *, source: str) -> list[str]:
    """Refuse what is no bookings table (UnreadableDataError); a note for every column that will be left out."""
    refuse_repeated(names, source=source)
    missing = [name for name in REQUIRED if name not in names]
    if not {"counterparty_name", "remittance_information"} & set(names):
        missing.append("counterparty_name or remittance_information")
    if missing:
        raise UnreadableDataError(
            f"{source} is not a bookings table: it has no column {', '.join(missing)}. "
            f"The columns are {', '.join(COLUMN_NAMES)}."
        )
    extra = [name for name in names if name not in COLUMN_NAMES]
    return [f"{source}: column {name} is not part of the bookings table and was left out" for name in extra]


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
    as_parquet = path.suffix.lower() in PARQUET
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


def bookings_from_arrow(table: arrow.Table) -> pd.DataFrame:
    """The way back from `bookings_to_arrow`, for what was checked before."""
    columns: dict[str, Any] = {}
    for column in COLUMNS:
        raw = table[column.name]
        if column.kind == "money":
            columns[column.name] = pd.Series(raw.combine_chunks(), dtype=MONEY)
        elif column.kind == "date":
            columns[column.name] = compute.cast(raw, arrow.timestamp("s")).to_pandas().astype("datetime64[s]")
        else:
            columns[column.name] = raw.to_pandas().astype("str")
    return pd.DataFrame(columns)


def amount_cents(amounts: pd.Series) -> np.ndarray:
    """Amounts as int64 cents, from exact decimals, decimal strings or floats; missing and unreadable become 0."""
    if amounts.dtype == MONEY:
        values = arrow.chunked_array(amounts.array.__arrow_array__()).combine_chunks()
        # A decimal of 18 digits is its cents in the lower half of 16 bytes.
        cents = np.frombuffer(values.buffers()[1], np.int64)[2 * values.offset :: 2][: len(values)]
        return np.where(np.asarray(values.is_null()), 0, cents) if values.null_count else cents.copy()
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


_Faults = list[tuple[np.ndarray, str]]  # rows that break a rule, and what it is; the first one of a row counts


def _parse_columns(table: arrow.Table) -> tuple[dict[str, Any], _Faults]:
    """Typed columns, and the rows that break a column's type."""
    faults: _Faults = []
    columns: dict[str, Any] = {}
    for column in COLUMNS:
        if column.name not in table.column_names:
            raw: arrow.ChunkedArray = arrow.chunked_array([arrow.repeat("", table.num_rows)])
        else:
            raw = table[column.name]
        if column.kind == "date":
            columns[column.name], found = _parse_dates(raw, column)
        elif column.kind == "money":
            columns[column.name], found = _parse_money(raw, column)
        else:
            columns[column.name], found = _parse_text(raw, column)
        faults += [(wrong, reason) for wrong, reason in found if wrong.any()]
    return columns, faults


def as_text(raw: arrow.ChunkedArray) -> arrow.ChunkedArray:
    """Any column as trimmed text; what cannot be text (lists, broken UTF-8) is an error of the whole table."""
    try:
        raw = compute.cast(raw, arrow.string())
    except arrow.ArrowException as error:
        raise UnreadableDataError("A column of the table holds no text, number or day. Give plain values.") from error
    return compute.utf8_trim_whitespace(compute.fill_null(compute.cast(raw, arrow.string()), ""))


def _as_mask(flags: arrow.ChunkedArray) -> np.ndarray:
    return np.asarray(flags.to_numpy(), dtype=bool)


def _parse_text(raw: arrow.ChunkedArray, column: Column) -> tuple[pd.Series, _Faults]:
    texts = as_text(raw)
    values = texts.to_pandas().astype("str")
    if column.kind == "indicator":
        known = compute.is_in(texts, value_set=arrow.array(["CRDT", "DBIT"], arrow.string()))
        return values, [(~_as_mask(known), f"{column.name} is neither CRDT nor DBIT")]
    if column.required:
        return values, [(_as_mask(compute.equal(texts, "")), f"{column.name} is empty")]
    return values, []


def _parse_dates(raw: arrow.ChunkedArray, column: Column) -> tuple[pd.Series, _Faults]:
    if arrow.types.is_temporal(raw.type):
        dates = compute.cast(compute.cast(raw, arrow.date32(), safe=False), arrow.timestamp("s"))
        parsed = dates.to_numpy().astype("datetime64[s]")
        given = ~_as_mask(compute.is_null(raw))
    else:
        text = as_text(raw).to_pandas().astype("str")
        parsed = pd.to_datetime(text, format="%Y-%m-%d", errors="coerce").to_numpy().astype("datetime64[s]")
        given = (text != "").to_numpy()
    inside = (parsed >= EARLIEST) & (parsed <= LATEST)  # no date is neither
    wrong = given & ~inside if not column.required else ~inside
    kept = parsed if inside.all() else np.where(inside, parsed, np.datetime64("NaT", "s"))
    return pd.Series(kept), [(wrong, f"{column.name} is not a date (YYYY-MM-DD) from 1970 to 2199")]


def _parse_money(raw: arrow.ChunkedArray, column: Column) -> tuple[pd.Series, _Faults]:
    reason = f"{column.name} is not a decimal number"
    if raw.type == MONEY.pyarrow_dtype:
        wrong = _as_mask(compute.is_null(raw)) & column.required
        return pd.Series(raw.combine_chunks(), dtype=MONEY), [(wrong, reason)]
    if arrow.types.is_floating(raw.type):
        # Binary floats cannot hold cents exactly: shortest decimal form first, then the same rule as for text.
        raw = arrow.chunked_array(
            [[None if x is None or x != x else format(Decimal(repr(x)), "f") for x in raw.to_pylist()]], arrow.string()
        )
    text = as_text(raw)
    good = compute.match_substring_regex(text, _AMOUNT_PATTERN)
    # Trailing zeros behind the second decimal change nothing: "12.500" is 12.50.
    padded = compute.replace_substring_regex(text, r"(\.\d\d)0+$", r"\1")
    good = compute.or_(good, compute.match_substring_regex(padded, _AMOUNT_PATTERN))
    values = compute.cast(compute.if_else(good, padded, arrow.scalar(None, arrow.string())), MONEY.pyarrow_dtype)
    money = pd.Series(values.combine_chunks(), dtype=MONEY)
    wrong = ~_as_mask(good) & (_as_mask(compute.not_equal(text, "")) | column.required)
    finer = wrong & _as_mask(compute.match_substring_regex(padded, _FINER_PATTERN))
    return money, [(finer, f"{column.name} has more than two decimals"), (wrong, reason)]


def _row_faults(frame: pd.DataFrame) -> _Faults:
    """Rows that break a rule on more than one column: an amount's sign, no text at all."""
    cents = amount_cents(frame["amount"])
    silent = (frame["counterparty_name"] == "") & (frame["remittance_information"] == "")
    faults = [
        (cents == 0, "amount is zero"),
        (cents < 0, "amount is below zero; the sign belongs in credit_debit_indicator"),
        (silent.to_numpy(), "counterparty_name and remittance_information are both empty"),
    ]
    return [(wrong, reason) for wrong, reason in faults if wrong.any()]
