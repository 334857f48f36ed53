"""CSV and TAB exports. What each bank calls its columns stands in `csv_files.toml`: a new bank is a change of data."""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import IO

from models.statements.abn_text import join_cells, split_abn_text
from models.statements.codes import transaction_kind
from models.statements.csv_layout import Layout, Variant, find_layout, join_apostrophes
from models.statements.ing_text import apply_ing_text, is_iban
from models.statements.rows import (
    StatementPart,
    StatementRow,
    StatementTotal,
    clean_text,
    name_behind,
    parse_amount,
    read_lines,
    say_currency,
)


@dataclass(slots=True)
class _Balances:
    """First and last row of an account, which tell opening and closing balance whatever the order of the file."""

    first: StatementRow
    last: StatementRow
    first_balance: Decimal | None
    last_balance: Decimal | None
    booked: Decimal = field(default_factory=Decimal)


def read_csv(handle: IO[bytes], *, source: str, encoding: str, head: bytes) -> tuple[str, Iterator[StatementPart]]:
    """Variant and rows of a CSV statement; raises UnreadableDataError when no bank writes such a file."""
    text = head.decode(encoding, "statements_cp1252" if encoding != "utf-16" else "replace")
    layout, skip = find_layout(text, source=source)
    lines = io.TextIOWrapper(
        handle, encoding, errors="statements_cp1252" if encoding != "utf-16" else "replace", newline=""
    )
    return layout.variant.id, _read_rows(lines, layout, skip, source)


class _Record:
    """The lines of the record that the CSV reader is reading, to see whether a file ends inside a quoted field."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines, self.text = lines, ""

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.text += line
            yield line

    def is_cut(self, quote: str) -> bool:
        """Whether the record has an odd number of quotes and no end of line: the file breaks off inside a field."""
        return not self.text.endswith(("\n", "\r")) and self.text.count(quote) % 2 == 1


def _read_rows(lines: io.TextIOWrapper, layout: Layout, skip: int, source: str) -> Iterator[StatementPart]:
    balances: dict[tuple[str, str], _Balances] = {}
    text_lines = read_lines(lines, source=source)
    for _ in range(skip):
        next(text_lines, "")
    record = _Record(text_lines)
    reader = csv.reader(record, delimiter=layout.delimiter, quotechar=layout.variant.quote)
    build = _builder(layout)
    while True:
        line, record.text = skip + reader.line_num + 1, ""
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error:
            yield StatementRow(line, refused="is no CSV row: a quote or a field has no end", moves_balance=False)
            continue
        if not any(cell.strip() for cell in cells) or (cells[0].startswith("#") and not layout.has_header):
            continue
        if record.is_cut(layout.variant.quote):
            yield StatementRow(line, refused="the file breaks off inside this row", moves_balance=False)
            continue
        cells = join_apostrophes(cells, layout.variant, layout.delimiter)
        row = _build_row(build, cells, layout, line)
        if not row.refused:
            _note_balance(balances, row)
        yield row
    for (account, currency), seen in balances.items():
        opening, closing = _opening_and_closing(seen)
        yield StatementTotal(account, currency, opening, closing)


def _build_row(
    build: Callable[[list[str], int], StatementRow], cells: list[str], layout: Layout, line: int
) -> StatementRow:
    extra = any(cell.strip() for cell in cells[layout.width :])
    if len(cells) < layout.width or extra:
        reason = f"has {len(cells)} fields where {layout.width} were expected"
        return StatementRow(line, refused=reason, moves_balance=False)
    return build(cells, line)


def _builder(layout: Layout) -> Callable[[list[str], int], StatementRow]:
    """A function from cells to a row, with all lookups of the layout made once."""
    variant, places = layout.variant, layout.places
    outer = " \t\u00a0'" if variant.text == "quoted" else " \t\u00a0"

    def cell(cells: list[str], name: str) -> str:
        spots = places.get(name, ())
        return cells[spots[0]].strip(outer) if spots and spots[0] < len(cells) else ""

    def build(cells: list[str], line: int) -> StatementRow:
        row = StatementRow(line)
        row.account = _clean_account(cell(cells, "account").strip('"'))
        row.booking_date = parse_date(cell(cells, "date"), variant.dates)
        row.value_date = parse_date(cell(cells, "value_date"), variant.dates)
        row.currency = (cell(cells, "currency") or "EUR").upper()
        _set_amount(
            row, variant, cell(cells, "amount"), cell(cells, "indicator"), cell(cells, "debit"), cell(cells, "credit")
        )
        _take_fee(row, parse_amount(cell(cells, "fee"), decimal=variant.decimal))
        row.balance_after = _balance(row, variant, cell(cells, "balance"))
        row.name = clean_text(cell(cells, "name"))
        row.iban = _clean_account(cell(cells, "iban"))
        row.creditor_id, row.mandate_id = cell(cells, "creditor_id"), cell(cells, "mandate_id")
        row.end_to_end_id, row.purpose = cell(cells, "end_to_end_id"), cell(cells, "purpose")
        row.reference = _reference(cells, places, variant)
        texts = (cells[at].strip() for at in places.get("text", ()) if at < len(cells))
        text = " ".join(text for text in texts if text)
        row.text = clean_text(join_cells(text) if variant.text == "abn" else text)
        if row.indicator == "DBIT":
            row.name = name_behind(row.name, clean_text(cell(cells, "ultimate")))
        foreign, money = cell(cells, "foreign_amount"), cell(cells, "foreign_currency").upper()
        row.text = say_currency(row.text, amount=foreign, currency=money, own=row.currency)
        row.kind = cell(cells, "code")
        _finish_text(row, variant, cell(cells, "type"))
        state = cell(cells, "state").lower()
        if state and state in variant.refused_states:
            row.refused, row.moves_balance = "is pending or cancelled, not booked", False
        return row

    return build


def _reference(cells: list[str], places: dict[str, tuple[int, ...]], variant: Variant) -> str:
    spots = places.get("reference", ())
    value = cells[spots[0]].strip() if spots and spots[0] < len(cells) else ""
    return value if value and variant.reference == "unique" else ""


def _set_amount(row: StatementRow, variant: Variant, amount: str, word: str, debit: str, credit: str) -> None:
    if not amount and (debit or credit):
        amount, word = (debit, "") if debit and parse_amount(debit, decimal=variant.decimal) else (credit or debit, "")
        value = parse_amount(amount, decimal=variant.decimal)
        row.indicator = "DBIT" if amount == debit and debit else "CRDT"
        row.amount = abs(value) if value is not None else None
        return
    value = parse_amount(amount, decimal=variant.decimal)
    if value is None:
        return
    word = word.lower()
    if word in variant.debit_words:
        sign = -1
    elif word in variant.credit_words:
        sign = 1
    elif variant.debit_words:
        row.refused = "has no sign: the column that says debit or credit has an unknown word"
        row.moves_balance = False
        return
    else:
        sign = 1
    # A minus in front of a row that is marked debit is a broken export: the mark decides, the minus is dropped once.
    signed = value if not variant.debit_words else abs(value) * sign
    row.amount, row.indicator = abs(signed), "DBIT" if signed < 0 else "CRDT"


def _take_fee(row: StatementRow, fee: Decimal | None) -> None:
    """A fee in a column of its own leaves the account with the amount, as one booking."""
    if fee and row.amount is not None:
        signed = row.signed - abs(fee)
        row.amount, row.indicator = abs(signed), "DBIT" if signed < 0 else "CRDT"


def _balance(row: StatementRow, variant: Variant, text: str) -> Decimal | None:
    value = parse_amount(text, decimal=variant.decimal) if text else None
    if value is None or variant.balance == "after":
        return value
    return value + row.signed


def _finish_text(row: StatementRow, variant: Variant, type_text: str) -> None:
    if variant.text == "ing":
        apply_ing_text(row)
        row.text = row.text or ("" if row.name else type_text)
    elif variant.text == "abn":
        split_abn_text(row)
    elif variant.text == "quoted":
        row.text = row.text.strip("' ")
        if not row.name and ">" in row.text[:40]:
            row.name = row.text.split(">")[0].strip()
    row.kind = row.kind or type_text
    kind = transaction_kind(row.kind)
    if kind == "OTHER" and type_text:
        kind = transaction_kind(type_text)
    row.kind = row.kind if kind == "OTHER" and row.kind != "" else kind


def _clean_account(text: str) -> str:
    bare = text.replace(" ", "").upper()
    return bare if is_iban(bare) else text.strip()


def parse_date(text: str, formats: tuple[str, ...]) -> date | None:
    """A date in one of the formats; fast for the digits-only form that most rows have."""
    if not text:
        return None
    for form in formats:
        try:
            if form == "%Y%m%d":
                if len(text) != 8:
                    continue  # `strptime` would take a digit that is missing for a shorter month or day
                return date(int(text[:4]), int(text[4:6]), int(text[6:]))
            if form == "%Y-%m-%d":
                return date.fromisoformat(text[:10])
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a statement's dates have no clock
        except ValueError:
            continue
    return None


def _note_balance(balances: dict[tuple[str, str], _Balances], row: StatementRow) -> None:
    key = (row.account, row.currency)
    seen = balances.get(key)
    if seen is None:
        balances[key] = _Balances(row, row, row.balance_after, row.balance_after, row.signed)
        return
    seen.last, seen.last_balance = row, row.balance_after
    seen.booked += row.signed


def _opening_and_closing(seen: _Balances) -> tuple[Decimal | None, Decimal | None]:
    """Balances before the oldest and after the newest row; within one day the order that adds up is taken."""
    if seen.first_balance is None or seen.last_balance is None:
        return None, None
    oldest_first = (seen.first_balance - seen.first.signed, seen.last_balance)
    newest_first = (seen.last_balance - seen.last.signed, seen.first_balance)
    first, last = seen.first.booking_date, seen.last.booking_date
    if first and last and first != last:
        return newest_first if first > last else oldest_first
    return newest_first if newest_first[0] + seen.booked == newest_first[1] else oldest_first
