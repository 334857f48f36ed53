"""One shape for what every reader yields: rows and totals of a statement, before they become bookings.

Readers know formats; what a row needs to be a booking is judged once, in `reading`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TextIO
from zoneinfo import ZoneInfo

from models.errors import UnreadableDataError

LONGEST_LINE = 1 << 20
_PLAIN = re.compile(r"[+-]?\d{1,16}(?:[.,]\d{1,12})?")
_GROUPED_DOTS = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+(?:,\d*)?")
_GROUPED_COMMAS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?")
_OFFSET = re.compile(r"(?:Z|[+-]\d\d:?\d\d)$")
_AMSTERDAM = ZoneInfo("Europe/Amsterdam")
_SPACES = re.compile(r"\s+")


@dataclass(slots=True)
class StatementRow:
    """One row of a statement as a reader found it.

    `amount` is above or equal to zero with the sign in `indicator` (CRDT or DBIT); None when it cannot be read.
    `refused` says why the row is no booking; `moves_balance` is False when it does not count in the totals either
    (pending rows).
    """

    line: int
    account: str = ""
    booking_date: date | None = None
    value_date: date | None = None
    amount: Decimal | None = None
    currency: str = ""
    indicator: str = ""
    name: str = ""
    iban: str = ""
    creditor_id: str = ""
    mandate_id: str = ""
    end_to_end_id: str = ""
    purpose: str = ""
    kind: str = ""
    text: str = ""
    balance_after: Decimal | None = None
    reference: str = ""
    refused: str = ""
    moves_balance: bool = True
    fingerprint: str = ""

    @property
    def signed(self) -> Decimal:
        """The amount with its sign; zero when it cannot be read."""
        if self.amount is None:
            return Decimal(0)
        return self.amount if self.indicator == "CRDT" else -self.amount


def name_behind(name: str, ultimate: str) -> str:
    """Who is paid through somebody else, as ING writes it: `Shop via Stichting Mollie Payments`."""
    if not name or not ultimate or ultimate.lower() in name.lower():
        return name or ultimate
    return f"{ultimate} via {name}"


def say_currency(text: str, *, amount: str, currency: str, own: str) -> str:
    """A text with the amount in another currency behind it, as ING writes it: `Valuta: 20,04 GBP`."""
    if not re.fullmatch(r"[A-Z]{3}", currency) or currency == own or not re.search(r"[1-9]", amount):
        return text
    return f"{text} Valuta: {amount.lstrip('+-')} {currency}".strip()


@dataclass(frozen=True, slots=True)
class StatementTotal:
    """End of a statement, or of one account in a file: the balances that the bank states, None when it does not."""

    account: str
    currency: str
    opening: Decimal | None
    closing: Decimal | None


@dataclass(frozen=True, slots=True)
class StatementNote:
    """A fact about the file as a whole."""

    text: str


StatementPart = StatementRow | StatementTotal | StatementNote


def parse_amount(text: str, *, decimal: str = ",") -> Decimal | None:
    """An amount as banks write it (`2.200,00`, `1,234.50`, `-3,5`, `D1,`), or None.

    With both separators the last one is the decimal one; with one before exactly three digits `decimal` decides.
    """
    text = text.strip().replace("\u00a0", "").replace(" ", "").replace("'", "").replace("\u2212", "-")
    if text.endswith(("-", "+")):
        text = text[-1] + text[:-1]
    if not text.isascii():
        return None
    grouped = _GROUPED_DOTS if decimal == "," else _GROUPED_COMMAS
    if text[-1:] in (",", "."):
        text += "0"
    if grouped.fullmatch(text):
        text = text.replace(".", "").replace(",", ".") if decimal == "," else text.replace(",", "")
    elif _PLAIN.fullmatch(text):
        text = text.replace(",", ".")
    elif _GROUPED_DOTS.fullmatch(text):
        text = text.replace(".", "").replace(",", ".")
    elif _GROUPED_COMMAS.fullmatch(text):
        text = text.replace(",", "")
    else:
        return None
    return Decimal(text)


def parse_moment(text: str) -> date | None:
    """The day of an ISO 8601 date or moment, in Amsterdam when the moment has an offset; None when it is none."""
    try:
        if len(text) <= 10 or not _OFFSET.search(text):
            return date.fromisoformat(text[:10])
        return datetime.fromisoformat(text).astimezone(_AMSTERDAM).date()
    except (ValueError, OverflowError):
        return None


def clean_text(text: str) -> str:
    """One line: white space of any kind becomes one space, control characters go."""
    text = _SPACES.sub(" ", text).strip()
    if text.isprintable():
        return text
    return _SPACES.sub(" ", "".join(character for character in text if character.isprintable())).strip()


def provided(reference: str) -> str:
    """A reference, or "" where it only says that there is none."""
    return "" if reference.upper() in ("NOTPROVIDED", "NONREF", "NOT PROVIDED") else reference


def read_lines(handle: TextIO, *, source: str) -> Iterator[str]:
    """Lines with their ends; a line longer than a megabyte is no statement line and ends the reading."""
    while line := handle.readline(LONGEST_LINE):
        if len(line) >= LONGEST_LINE:
            raise UnreadableDataError(
                f"{source} has a line longer than a megabyte, which no statement has. Export it again."
            )
        yield line
