"""Statement files of synthetic households, so that the whole way from file to answer can be tried."""

from datetime import date
from pathlib import Path
from typing import get_args

from models.bookings import load_bookings
from models.errors import UsageError
from training.simulation import persona
from training.simulation.parameters import figure
from training.simulation.statement_carry import StatementFormat
from training.simulation.statement_files import write_statement, write_statements


def write_household(name: str, out: Path, *, file_format: str, until: date | None, seed: int) -> int:
    """Write the bookings of persona `name` as one statement file; returns how many there are.

    Raises
    ------
    UsageError
        There is no such persona or format.
    """
    (chosen,) = parse_formats(file_format)
    frame = persona(name, seed, until or figure("rates_events", "until"))
    out.parent.mkdir(parents=True, exist_ok=True)
    write_statement(frame, out, format=chosen)
    return len(frame)


def write_sample(bank: Path, *, formats: str, customers: int) -> list[Path]:
    """Write statement files of the first customers of a simulated bank into its folder `statements`.

    Parameters
    ----------
    formats
        Names of formats, comma separated.
    """
    chosen = parse_formats(formats)
    bookings = load_bookings(bank / "bookings.parquet").frame
    names = bookings["customer_id"].drop_duplicates().head(customers)
    out = bank / "statements"
    out.mkdir(exist_ok=True)
    return write_statements(bookings, out, formats=chosen, customers=names.tolist())


def parse_formats(text: str) -> tuple[StatementFormat, ...]:
    """Formats by their names, comma separated; UsageError when one is not known."""
    known: tuple[StatementFormat, ...] = get_args(StatementFormat)
    asked = [name.strip() for name in text.split(",")]
    if not set(asked) <= set(known):
        raise UsageError(f"There is no format of that name. Choose among {', '.join(known)}.")
    return tuple(name for name in known if name in asked)
