"""Reading statement files: from rows of any format to chunks of the bookings table, with every row accounted for."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as arrow

from models.bookings import COLUMN_NAMES, COLUMNS, MONEY, RowProblem
from models.errors import UnreadableDataError
from models.statements.camt import read_camt
from models.statements.codes import is_terminal_line, kind_from_text, salary_purpose, transaction_kind
from models.statements.csv_files import read_csv
from models.statements.detect import HEAD_BYTES, detect_format
from models.statements.identity import BookingIds, Period, SeenBookings
from models.statements.ing_text import is_iban
from models.statements.mt940 import read_mt940
from models.statements.psd2 import read_psd2
from models.statements.report import StatementChunk, StatementFile, StatementsRead, Totals
from models.statements.rows import StatementPart, StatementRow, StatementTotal
from models.statements.sources import Progress, Source, list_sources

CHUNK_ROWS = 20_000
_EARLIEST, _LATEST = date(1970, 1, 1), date(2199, 12, 31)
_LARGEST = Decimal(10) ** 16


def read_statements(
    paths: Sequence[Path],
    *,
    customer: str = "",
    customers: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> StatementsRead:
    """All bookings of statement files, in memory; a booking that stands in two of them counts once.

    Parameters
    ----------
    paths
        Statement files of any supported format, also zip and gzip files.
    customer
        customer_id for accounts that `customers` does not name.
    customers
        customer_id by account_iban.
    progress
        Called with the number of bytes (unpacked) read since the last call.

    Raises
    ------
    UsageError
        A file is not there.
    UnreadableDataError
        A file is of no supported type or cannot be read at all.
    """
    seen = SeenBookings()
    chunks = [
        chunk
        for path in paths
        for chunk in stream_statement(Path(path), customer=customer, customers=customers, progress=progress, seen=seen)
    ]
    frames = [chunk.frame for chunk in chunks if len(chunk.frame)]
    frame = pd.concat(frames, ignore_index=True) if frames else build_frame([], [])
    problems = [problem for chunk in chunks for problem in chunk.problems]
    return StatementsRead(frame, problems, tuple(chunk.file for chunk in chunks if chunk.file is not None))


def stream_statement(
    path: Path,
    *,
    customer: str = "",
    customers: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    seen: SeenBookings | None = None,
    chunk_rows: int = CHUNK_ROWS,
) -> Iterator[StatementChunk]:
    """The bookings of one file in chunks of at most `chunk_rows` rows; memory does not grow with the file.

    Give the same `seen` for several files and a booking that stands in more than one of them counts once. The last
    chunk of each file (a zip file holds several) carries its `StatementFile`.
    """
    seen = SeenBookings() if seen is None else seen
    owners = _Owners(customer, customers or {})
    refused = []
    for source in list_sources(path, progress=progress):
        try:
            with source.open() as handle:
                yield from _stream_source(source, handle, owners, seen, chunk_rows)
        except UnreadableDataError as error:
            refused.append(str(error))  # the other members of a zip file are read all the same
    if refused:
        raise UnreadableDataError("\n".join(refused))


@dataclass(frozen=True, slots=True)
class _Owners:
    customer: str
    customers: Mapping[str, str]

    def find(self, account: str) -> str:
        return self.customers.get(account, self.customer)


@dataclass
class _Tally:
    """What a file has shown so far."""

    source: str
    format: str
    variant: str
    bookings: int = 0
    problems: int = 0
    accounts: dict[str, None] = field(default_factory=dict)
    booked: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    totals: list[Totals] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    days: dict[str, tuple[date, date]] = field(default_factory=dict)

    def cover(self, row: StatementRow) -> None:
        """Note the day of a booking."""
        if row.booking_date is not None:
            first, last = self.days.get(row.account, (row.booking_date, row.booking_date))
            self.days[row.account] = (min(first, row.booking_date), max(last, row.booking_date))

    def compare_periods(self, seen: SeenBookings) -> None:
        """Warn where another format covers the same days of an account."""
        for account, (first, last) in self.days.items():
            for other in seen.note_period(Period(account, self.format, first, last, self.source)):
                self.notes.setdefault(
                    f"covers days that {other} covers in another format; bookings in both count twice"
                )

    def move(self, row: StatementRow) -> None:
        if row.moves_balance:
            key = (row.account, row.currency)
            self.booked[key] = self.booked.get(key, Decimal(0)) + row.signed

    def close(self, total: StatementTotal) -> None:
        """End of a statement; statements that follow on each other without a gap and hold become one."""
        self.accounts.setdefault(total.account)
        if total.opening is None and total.closing is None:
            self._close_unstated(total)
            return
        booked = self.booked.pop((total.account, total.currency), Decimal(0))
        checked = total.opening is not None and total.closing is not None
        holds = checked and (total.opening or Decimal(0)) + booked == total.closing
        last = self.totals[-1] if self.totals else None
        follows = last is not None and (last.account_iban, last.currency) == (total.account, total.currency)
        if last is not None and follows and None not in (last.closing, total.opening) and last.closing != total.opening:
            self.notes.setdefault("a statement opens with another balance than the one before it closed with")
        if last is not None and follows and holds and last.holds and last.closing == total.opening:
            joined = Totals(total.account, total.currency, last.opening, last.booked + booked, total.closing, True)
            self.totals[-1] = joined
        else:
            self.totals.append(Totals(total.account, total.currency, total.opening, booked, total.closing, holds))

    def _close_unstated(self, total: StatementTotal) -> None:
        """A statement without balances: what was booked is reported, nothing is checked."""
        for key in [key for key in self.booked if key[0] == total.account]:
            self.totals.append(Totals(*key, None, self.booked.pop(key), None, False))

    def report(self) -> StatementFile:
        for (account, currency), booked in self.booked.items():
            self.totals.append(Totals(account, currency, None, booked, None, False))
        if not self.bookings and not self.problems:
            self.notes.setdefault("no bookings in this file")
        accounts = tuple(account for account in self.accounts if account)
        return StatementFile(
            self.source,
            self.format,
            self.variant,
            accounts,
            self.bookings,
            self.problems,
            tuple(self.totals),
            tuple(self.notes),
        )


def _open_rows(source: Source, handle: IO[bytes]) -> tuple[str, str, Iterator[StatementPart]]:
    """Format, variant and rows of a file, by its content."""
    head = _peek(handle)
    detected = detect_format(head, source=source.name)
    if detected.format.startswith("camt"):
        return detected.format, detected.version, read_camt(handle, source=source.name)
    if detected.format in ("mt940", "mt942"):
        return detected.format, "", read_mt940(handle, source=source.name, encoding=detected.encoding)
    if detected.format == "psd2":
        return detected.format, "", read_psd2(handle, source=source.name)
    variant, rows = read_csv(handle, source=source.name, encoding=detected.encoding, head=head)
    return "csv", variant, rows


def _peek(handle: IO[bytes]) -> bytes:
    """The head of the file, which stays to be read: the buffer of a source holds it."""
    head: bytes = handle.peek(HEAD_BYTES)[:HEAD_BYTES]  # type: ignore[attr-defined]  # sources open BufferedReaders
    return head


def _stream_source(
    source: Source, handle: IO[bytes], owners: _Owners, seen: SeenBookings, chunk_rows: int
) -> Iterator[StatementChunk]:
    form, variant, parts = _open_rows(source, handle)
    tally, ids = _Tally(source.name, form, variant), BookingIds()
    rows: list[StatementRow] = []
    for part in parts:
        if isinstance(part, StatementRow):
            tally.accounts.setdefault(part.account)
            rows.append(part)
            tally.move(part)
            if len(rows) >= chunk_rows:
                yield _make_chunk(rows, tally, ids, owners, seen)
                rows = []
        elif isinstance(part, StatementTotal):
            tally.close(part)
        else:
            tally.notes.setdefault(part.text)
    last = _make_chunk(rows, tally, ids, owners, seen)
    tally.compare_periods(seen)
    if not (tally.bookings or tally.problems or tally.totals or tally.accounts):
        raise UnreadableDataError(
            f"{source.name} holds no statement: no account, no balance and no booking. Give a whole statement file."
        )
    yield StatementChunk(last.frame, last.problems, tally.report())


def _make_chunk(
    rows: list[StatementRow], tally: _Tally, ids: BookingIds, owners: _Owners, seen: SeenBookings
) -> StatementChunk:
    problems: list[RowProblem] = []
    good: list[StatementRow] = []
    for row in rows:
        reason = row.refused or _fault(row)
        if reason:
            problems.append(RowProblem(tally.source, row.line, reason))
        else:
            good.append(row)
    booking_ids = ids.assign(good)
    keys = [f"{row.account}|{booking_id}" for row, booking_id in zip(good, booking_ids, strict=True)]
    earlier = seen.add(keys, source=tally.source) if keys else []
    problems += [
        RowProblem(tally.source, row.line, f"already read from {where}")
        for row, where in zip(good, earlier, strict=True)
        if where
    ]
    fresh = [at for at, where in enumerate(earlier) if not where]
    for at in fresh:
        tally.cover(good[at])
    frame = build_frame([good[at] for at in fresh], [booking_ids[at] for at in fresh])
    frame["customer_id"] = pd.Series([owners.find(good[at].account) for at in fresh], dtype="str")
    problems.sort(key=lambda problem: problem.line)
    tally.bookings += len(fresh)
    tally.problems += len(problems)
    return StatementChunk(frame, problems)


def _fault(row: StatementRow) -> str:
    """Why a row cannot be a booking, or ""."""
    if row.booking_date is None or not _EARLIEST <= row.booking_date <= _LATEST:
        return "booking date is missing or no date from 1970 to 2199"
    if row.amount is None:
        return "amount is no number"
    if row.indicator not in ("CRDT", "DBIT"):
        return "does not say whether it is credit or debit"
    if row.amount == 0:
        return "amount is zero"
    if row.amount >= _LARGEST:
        return "amount is larger than 16 digits"
    if row.amount != row.amount.quantize(Decimal("0.01")):
        return "amount has more than two decimals"
    if not row.name and not row.text:
        return "counterparty_name and remittance_information are both empty"
    return ""


def decide_kind(row: StatementRow) -> str:
    """The normalised bank_transaction_code: the bank's code first, then what fields and text tell."""
    kind = transaction_kind(row.kind)
    if salary_purpose(row.purpose):
        return "SALARY"
    if kind in ("CARD", "OTHER") and "TERUGBOEKING" in row.text[-40:].upper():
        return "RETURN"
    if kind == "SCT" and row.indicator == "DBIT" and not row.iban and is_terminal_line(row.text, with_time=True):
        return "CARD"  # some banks call every payment in MT940 a transfer
    if kind != "OTHER":
        return kind
    if row.creditor_id or row.mandate_id:
        return "SDD"
    kind = kind_from_text(row.text)
    # A bank's own number that stands in no table, with an account on the other side: a credit transfer.
    numbered = re.fullmatch(r"N\d{3}", row.kind) is not None
    return "SCT" if kind == "OTHER" and numbered and is_iban(row.iban) else kind


def build_frame(rows: Sequence[StatementRow], booking_ids: Sequence[str]) -> pd.DataFrame:
    """The bookings table of checked rows; `customer_id` is left empty."""
    values: dict[str, list[object]] = {
        "customer_id": [""] * len(rows),
        "account_iban": [row.account for row in rows],
        "booking_id": list(booking_ids),
        "booking_date": [row.booking_date for row in rows],
        "value_date": [
            row.value_date if row.value_date and _EARLIEST <= row.value_date <= _LATEST else None for row in rows
        ],
        "amount": [row.amount for row in rows],
        "currency": [row.currency or "EUR" for row in rows],
        "credit_debit_indicator": [row.indicator for row in rows],
        "counterparty_name": [row.name for row in rows],
        "counterparty_iban": [row.iban for row in rows],
        "creditor_id": [row.creditor_id for row in rows],
        "mandate_id": [row.mandate_id for row in rows],
        "end_to_end_id": [row.end_to_end_id for row in rows],
        "purpose_code": [row.purpose for row in rows],
        "bank_transaction_code": [decide_kind(row) for row in rows],
        "remittance_information": [row.text for row in rows],
        "balance_after": [_two_decimals(row.balance_after) for row in rows],
    }
    return pd.DataFrame(
        {column.name: _series(values[column.name], column.kind) for column in COLUMNS}, columns=list(COLUMN_NAMES)
    )


def _two_decimals(balance: Decimal | None) -> Decimal | None:
    if balance is None or abs(balance) >= _LARGEST or balance != balance.quantize(Decimal("0.01")):
        return None
    return balance


def _series(values: list[object], kind: str) -> pd.Series:
    if kind == "date":
        return pd.Series(np.array(values, dtype="datetime64[D]").astype("datetime64[s]"))
    if kind == "money":
        return pd.Series(pd.array(arrow.array(values, MONEY.pyarrow_dtype), dtype=MONEY))
    return pd.Series(values, dtype="str")
