"""What reading statement files found: bookings, the rows that were left out and why, and whether the totals hold."""

from dataclasses import dataclass, field
from decimal import Decimal

import pandas as pd

from models.bookings import RowProblem


@dataclass(frozen=True, slots=True)
class Totals:
    """Opening balance + bookings = closing balance, of one account in one file.

    `booked` is signed and counts zero amounts and rows left out whose amount moved the balance. `holds` is True when
    the file states both balances and they agree; a missing balance is None and checks nothing.
    """

    account_iban: str
    currency: str
    opening: Decimal | None
    booked: Decimal
    closing: Decimal | None
    holds: bool

    @property
    def checked(self) -> bool:
        """Whether the file states both balances."""
        return self.opening is not None and self.closing is not None


@dataclass(frozen=True, slots=True)
class StatementFile:
    """One statement file (or one member of a zip file): what it is and what came out of it.

    Rows seen = `bookings` + `problems`.
    """

    source: str
    format: str
    variant: str
    accounts: tuple[str, ...]
    bookings: int
    problems: int
    totals: tuple[Totals, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class StatementChunk:
    """Some bookings of a file and the rows left out among them; the last chunk of a file carries its `file`."""

    frame: pd.DataFrame
    problems: list[RowProblem]
    file: StatementFile | None = None


@dataclass(frozen=True)
class StatementsRead:
    """The bookings of all files together, every row that was left out, and one report per file."""

    frame: pd.DataFrame
    problems: list[RowProblem] = field(default_factory=list)
    files: tuple[StatementFile, ...] = ()
