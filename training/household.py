"""The statement file of one synthetic household, so that the whole way from file to answer can be tried."""

from datetime import date
from pathlib import Path
from typing import get_args

from models.errors import UsageError
from training.simulation import persona
from training.simulation.parameters import figure
from training.simulation.statement_carry import StatementFormat
from training.simulation.statement_files import write_statement


def write_household(name: str, out: Path, *, file_format: str, until: date | None, seed: int) -> int:
    """Write the bookings of persona `name` as one statement file; returns how many there are.

    Raises
    ------
    UsageError
        There is no such persona or format.
    """
    formats: tuple[StatementFormat, ...] = get_args(StatementFormat)
    chosen = next((known for known in formats if known == file_format), None)
    if chosen is None:
        raise UsageError(f"There is no format of that name. Choose one of {', '.join(formats)}.")
    frame = persona(name, seed, until or figure("rates_events", "until"))
    out.parent.mkdir(parents=True, exist_ok=True)
    write_statement(frame, out, format=chosen)
    return len(frame)
