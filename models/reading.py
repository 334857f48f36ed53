"""`levensloop read`: statement files to one bookings table, chunk by chunk, with a report of every row left out."""

import csv
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from models.bookings import open_writer
from models.errors import PartlyReadError, UnreadableDataError
from models.progress import track_total
from models.statements import SeenBookings, StatementFile, stream_statement


def read_files(files: Sequence[Path], *, out: Path, customer: str, customers: Path | None) -> None:
    """Read all files that can be read, write their bookings, report the rest.

    Raises
    ------
    UnreadableDataError
        At least one file could not be read; the others are written.
    PartlyReadError
        All files were read, but some rows were left out.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    owners = _load_owners(customers) if customers else None
    seen, reports, refused, left_out = SeenBookings(), list[StatementFile](), list[str](), 0
    size = sum(path.stat().st_size for path in files if path.is_file())
    with open_writer(out) as add, track_total("Reading statements (bytes)", total=size) as advance:
        for path in files:
            try:
                chunks = stream_statement(path, customer=customer, customers=owners, progress=advance, seen=seen)
                for chunk in chunks:
                    add(chunk.frame)
                    left_out += len(chunk.problems)
                    for problem in chunk.problems:
                        console.print(str(problem), markup=False)
                    reports += [chunk.file] if chunk.file else []
            except UnreadableDataError as error:
                refused.append(str(error))
    _print_report(console, reports)
    if refused:
        raise UnreadableDataError("\n".join(refused))
    if left_out:
        raise PartlyReadError(f"{left_out} rows were left out, for the reasons above. The rest is in {out.name}.")


def _load_owners(path: Path) -> dict[str, str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            return {row["account_iban"]: row["customer_id"] for row in csv.DictReader(handle)}
    except (KeyError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableDataError(f"{path.name} is not a table of account_iban and customer_id in CSV.") from error


def _print_report(console: Console, reports: Sequence[StatementFile]) -> None:
    table = Table("file", "format", "bookings", "left out", "opening + bookings = closing")
    for report in reports:
        totals = [
            "no balances stated" if not t.checked else "holds" if t.holds else "DOES NOT HOLD" for t in report.totals
        ]
        form = f"{report.format} {report.variant}".strip()
        summary = ", ".join(dict.fromkeys(totals)) or "no balances stated"
        table.add_row(report.source, form, str(report.bookings), str(report.problems), summary)
    console.print(table)
    for report in reports:
        for note in report.notes:
            console.print(f"{report.source}: {note}", markup=False)
