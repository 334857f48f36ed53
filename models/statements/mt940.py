"""MT940 and MT942: the SWIFT fields of a statement, line by line.

Why not mt-940, which this project has installed: with its default settings it raises on several real Dutch files (codes
of three digits after N, no reference, dates that do not exist) and drops lines that it does not understand without a
word; it also holds the whole file. Here every `:61:` becomes a row or a problem.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import IO

from models.statements.mt940_text import fill_from_text
from models.statements.rows import (
    StatementNote,
    StatementPart,
    StatementRow,
    StatementTotal,
    parse_amount,
    read_lines,
)

_FIELD = re.compile(r"^\s*:(NS|\d{2,3}[A-Z]?):(.*)$", re.DOTALL)
_BLOCK = re.compile(r"\{[1235]:(?:[^{}]|\{[^{}]*\})*\}|\{4:|^-\}|\{S:.*$")
_LINE_61 = re.compile(
    r"^\s*(?P<value>\d{6})(?P<entry>\d{4})?\s*(?P<mark>[RrEe]?[CcDd])\s?(?P<funds>[A-Z])??\s?"
    r"(?P<amount>\d{1,3}(?:\.\d{3})+,\d{0,12}|\d{1,18}(?:[,.]\d{0,12})?)"
    r"(?P<rest>.*)$",
    re.DOTALL,
)
_CODE = re.compile(r"^\s?(?P<code>[NSF][A-Z0-9]{3}|[NSF][A-Z0-9]{2} |S {3}X?)(?P<reference>.*)$", re.DOTALL)
_BALANCE = re.compile(r"^(?P<mark>[CD])(?P<date>\d{6})?(?P<currency>[A-Z]{3})?(?P<amount>[\d.,]+)\s*$")
_IBAN_WITH_CURRENCY = re.compile(r"^([A-Z]{2}\d{2}[A-Z0-9]{8,30}?)\s?([A-Z]{3})?$")
_OTHER_ACCOUNT = re.compile(r"^(.*?\d)\s?([A-Z]{3})?$")
_MARKS = {"C": "CRDT", "RD": "CRDT", "EC": "CRDT", "D": "DBIT", "RC": "DBIT", "ED": "DBIT"}
_END_OF_MESSAGE = re.compile(r"^-(?:\}.*|X{3})?\s*$|^XXX\s*$")
_CLOSING_FIELDS = frozenset({"62F", "62M", "64", "65", "90C", "90D"})
_MOST_LINES = 1_000
_SPAN = timedelta(days=183)


@dataclass(slots=True)
class _Message:
    """What is known of the message that is being read."""

    account: str = ""
    currency: str = ""
    opening: Decimal | None = None
    closing: Decimal | None = None
    closing_seen: bool = False
    sender: str = ""
    row: StatementRow | None = None
    row_text: list[str] = field(default_factory=list)
    supplement: str = ""
    code: str = ""
    rows: int = 0
    day: date | None = None


def read_mt940(handle: IO[bytes], *, source: str, encoding: str) -> Iterator[StatementPart]:
    """Rows and totals of all messages of an MT940 or MT942 file."""
    lines = io.TextIOWrapper(handle, encoding, errors="statements_cp1252" if encoding != "utf-16" else "replace")
    message = _Message()
    for tag, value, line in _fields(read_lines(lines, source=source), message):
        yield from _take(message, tag, value, line)
    yield from _finish_row(message)
    yield from _finish_message(message)


def _fields(lines: Iterator[str], message: _Message) -> Iterator[tuple[str, list[str], int]]:
    """Fields with their lines; the end of a message is a field `-`."""
    tag, value, start, closed = "", list[str](), 0, False
    for number, raw in enumerate(lines, start=1):
        text, ends = _cut_blocks(raw.rstrip("\r\n"), message)
        match = _FIELD.match(text)
        # A lone hyphen ends a message only where its text is over; before that it is a line of the text.
        ends = ends or (_END_OF_MESSAGE.match(text) is not None and (closed or tag not in ("61", "86", "NS")))
        if tag and (match or ends):
            yield tag, value, start
            tag = ""
        if ends:
            yield "-", [], number
        if match:
            # Option P of field 25 names the bank on a second line; the account stands on the first, as without it.
            tag, value, start = match[1].removesuffix("P"), [match[2]], number
            closed = tag not in ("20", "61") and (closed or tag in _CLOSING_FIELDS)
        elif not tag:
            _note_sender(message, text)
        elif len(value) < _MOST_LINES:
            value.append(text)
    if tag:
        yield tag, value, start


def _cut_blocks(text: str, message: _Message) -> tuple[str, bool]:
    """The line without SWIFT blocks such as `{1:...}`, and whether there were any: they stand between messages."""
    if "{" not in text and not text.startswith("-}"):
        return text, False
    _note_sender(message, text)
    rest, blocks = _BLOCK.subn("", text)
    return rest, blocks > 0


def _note_sender(message: _Message, text: str) -> None:
    match = re.search(r"\b(?:F01)?([A-Z]{4}NL2[A-Z0-9])", text)
    if match:
        message.sender = match[1][:4]


def _take(message: _Message, tag: str, value: list[str], line: int) -> Iterator[StatementPart]:
    if tag == "61":
        yield from _finish_row(message)
        _start_row(message, value, line)
        message.rows += 1
        return
    if tag in ("86", "NS"):
        # Behind the closing balance, and in front of the first line, the text is about the message as a whole.
        if message.row is not None and not message.closing_seen and len(message.row_text) < _MOST_LINES:
            message.row_text.extend(value if tag == "86" else _unprefixed(value))
        return
    yield from _finish_row(message)
    if tag in ("-", "20"):
        yield from _finish_message(message)
    elif tag == "25" and message.rows:
        yield StatementNote("a second account (:25:) stands in the middle of a message and was not used")
    else:
        _take_head(message, tag, value[0].strip())


def _take_head(message: _Message, tag: str, text: str) -> None:
    """Account, balances and currency of the message."""
    if tag == "25":
        message.account, message.currency = _split_account(text, message.currency)
    elif tag in ("60F", "60M"):
        message.opening, message.currency = _parse_balance(text, message.currency)
    elif tag in ("62F", "62M"):
        message.closing, message.currency = _parse_balance(text, message.currency)
        message.closing_seen = True
    elif tag == "34F" and not message.currency:
        message.currency = text[:3]


def _unprefixed(value: list[str]) -> list[str]:
    """Lines of a `:NS:` field without their two-digit numbers."""
    return [text[2:] if text[:2].isdigit() else text for text in value]


def _split_account(text: str, currency: str) -> tuple[str, str]:
    bare = text.replace(" ", "")
    # BIC/IBAN: the account is the IBAN.
    bank, _, rest = bare.partition("/")
    bare = rest if len(bank) in (8, 11) and _IBAN_WITH_CURRENCY.match(rest) else bare
    match = _IBAN_WITH_CURRENCY.match(bare) or _OTHER_ACCOUNT.match(bare)
    if not match:
        return bare, currency
    return match[1], match[2] or currency


def _parse_balance(text: str, currency: str) -> tuple[Decimal | None, str]:
    match = _BALANCE.match(text.strip())
    if not match:
        return None, currency
    amount = parse_amount(match["amount"])
    # Some banks leave the currency out of later balances of a message.
    currency = match["currency"] or currency
    if amount is None:
        return None, currency
    return (amount if match["mark"] == "C" else -amount), currency


def _start_row(message: _Message, value: list[str], line: int) -> None:
    text = value[0]
    row = StatementRow(line, account=message.account, currency=message.currency)
    message.row, message.row_text, message.supplement, message.code = row, [], "", ""
    match = _LINE_61.match(text)
    if not match and len(value) > 1:
        match = _LINE_61.match(text + value[1])
        value = [text + value[1], *value[2:]]
    if not match:
        row.refused, row.moves_balance = "its :61: line has no date, sign and amount in SWIFT form", False
        return
    row.indicator = _MARKS[match["mark"].upper()]
    row.amount = parse_amount(match["amount"])
    row.value_date = _parse_day(match["value"])
    row.booking_date = _entry_day(row.value_date, match["entry"], match["value"])
    if row.value_date is None:
        row.value_date = row.booking_date
    _split_rest(message, row, match["rest"])
    message.supplement = "\n".join(value[1:])


def _split_rest(message: _Message, row: StatementRow, rest: str) -> None:
    """Transaction type, the owner's reference and the bank's reference behind `//`."""
    match = _CODE.match(rest)
    if not match:
        message.code = rest.strip()[:4]
        return
    message.code = match["code"].strip()
    owner, _, bank = match["reference"].partition("//")
    row.reference = bank.strip()
    row.end_to_end_id = owner.strip()


def _parse_day(text: str) -> date | None:
    """YYMMDD; 80 and above are of the last century. A 30 February, which banks do write, is the month's last day."""
    year, month, day = int(text[:2]), int(text[2:4]), int(text[4:6])
    year += 1900 if year >= 80 else 2000
    return _make_day(year, month, day)


def _make_day(year: int, month: int, day: int) -> date | None:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    for nearest in (day, 30, 29, 28):
        if nearest <= day:
            try:
                return date(year, month, nearest)
            except ValueError:
                continue
    return None


def _entry_day(value_day: date | None, entry: str | None, value_text: str) -> date | None:
    """The booking day MMDD, in the year that brings it nearest to the value date."""
    if value_day is None:
        year = int(value_text[:2])
        year += 1900 if year >= 80 else 2000
        return _make_day(year, int(entry[:2]), int(entry[2:])) if entry else None
    if not entry:
        return value_day
    month, day = int(entry[:2]), int(entry[2:])
    candidates = [_make_day(value_day.year + step, month, day) for step in (-1, 0, 1)]
    near = [candidate for candidate in candidates if candidate and abs(candidate - value_day) <= _SPAN]
    return min(near, key=lambda candidate: abs(candidate - value_day)) if near else value_day


def _finish_row(message: _Message) -> Iterator[StatementRow]:
    row = message.row
    if row is None:
        return
    message.row = None
    if not row.refused:
        fill_from_text(row, message.row_text, supplement=message.supplement, code=message.code, sender=message.sender)
    yield row


def _finish_message(message: _Message) -> Iterator[StatementPart]:
    if message.account or message.rows or message.opening is not None or message.closing is not None:
        yield StatementTotal(message.account, message.currency, message.opening, message.closing)
        if message.rows and not message.account:
            yield StatementNote("a message names no account (:25:)")
        if message.opening is not None and not message.closing_seen:
            yield StatementNote("a message opens with a balance and ends without one (:62:): the file may be cut off")
    sender = message.sender
    message.__init__()  # type: ignore[misc]  # a new message starts with nothing but the sender of the file
    message.sender = sender
