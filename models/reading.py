"""`levensloop read`: statement files to one bookings table, chunk by chunk, with a report of every row left out."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from models.bookings import open_writer
from models.errors import PartlyReadError, UnreadableDataError, UsageError
from models.progress import track_total
from models.statements import SeenBookings, StatementChunk, StatementFile, stream_statement


@dataclass
class _Outcome:
    """What reading several files came to."""

    reports: list[StatementFile] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    left_out: int = 0
    without_customer: Counter[str] = field(default_factory=Counter)  # account_iban: bookings


def read_files(files: Sequence[Path], *, out: Path, customer: str, customers: Path | None) -> None:
    """Read all files that can be read, write their bookings, report the rest.

    Raises
    ------
    UsageError
        `out` cannot be written.
    UnreadableDataError
        At least one file could not be read; the others are written.
    PartlyReadError
        All files were read, but some rows were left out.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    owners = _load_owners(customers) if customers else {}
    try:
        outcome = _convert(files, out, console, customer=customer, owners=owners)
    except OSError as error:  # of `out` alone, see _open_chunks
        raise UsageError(
            f"{out} cannot be written. Give a file in a folder that you may write to with --out."
        ) from error
    _print_report(console, outcome.reports)
    if customers:
        for account, bookings in outcome.without_customer.items():
            said = f"{_describe(account)} is not in {customers.name}: its {bookings} bookings have no customer."
            console.print(said, markup=False)
    if outcome.refused:
        raise UnreadableDataError("\n".join(outcome.refused))
    if outcome.left_out:
        raise PartlyReadError(
            f"{outcome.left_out} rows were left out, for the reasons above. The rest is in {out.name}."
        )


def _convert(
    files: Sequence[Path], out: Path, console: Console, *, customer: str, owners: Mapping[str, Sequence[str]]
) -> _Outcome:
    """Write the bookings of all files to `out` and say on the way which rows were left out."""
    seen, outcome = SeenBookings(), _Outcome()
    first = {account: holders[0] for account, holders in owners.items()}
    size = sum(path.stat().st_size for path in files if path.is_file())
    with open_writer(out) as add, track_total("Reading statements (bytes)", total=size) as advance:
        for path in files:
            try:
                chunks = stream_statement(path, customer=customer, customers=first, progress=advance, seen=seen)
                for chunk in _open_chunks(chunks, path):
                    for view in _views(chunk.frame, owners):
                        add(view)
                    _count(outcome, chunk)
                    for problem in chunk.problems:
                        console.print(str(problem), markup=False)
            except UnreadableDataError as error:
                outcome.refused.append(str(error))
        if not outcome.reports:
            # Inside the writer: a table that is there already stays as it is.
            raise UnreadableDataError("\n".join(outcome.refused))
    return outcome


def _open_chunks(chunks: Iterator[StatementChunk], path: Path) -> Iterator[StatementChunk]:
    """The same chunks; a fault of the disk below the file is told as one of this file, not of the output."""
    try:
        yield from chunks
    except OSError as error:
        raise UnreadableDataError(f"{path.name} cannot be opened. Look whether you may read it.") from error


def _views(frame: pd.DataFrame, owners: Mapping[str, Sequence[str]]) -> Iterator[pd.DataFrame]:
    """The bookings as their first holders see them, then those of joint accounts again for every other holder."""
    yield frame
    for place in range(1, max(map(len, owners.values()), default=1)):
        joint = {account: holders[place] for account, holders in owners.items() if len(holders) > place}
        holder = frame["account_iban"].map(joint)
        view = frame[holder.notna()].reset_index(drop=True)
        if len(view):
            yield view.assign(customer_id=pd.Series(holder.dropna().to_list(), dtype="str"))


def _count(outcome: _Outcome, chunk: StatementChunk) -> None:
    outcome.left_out += len(chunk.problems)
    outcome.reports += [chunk.file] if chunk.file else []
    outcome.without_customer.update(chunk.frame.loc[chunk.frame["customer_id"] == "", "account_iban"])


def _load_owners(path: Path) -> dict[str, list[str]]:
    """The customers of each account, a joint one has several; a table of another form is refused, never passed over."""
    owners: dict[str, list[str]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            rows = csv.DictReader(handle)
            missing = {"account_iban", "customer_id"} - set(rows.fieldnames or ())
            if missing:
                raise UnreadableDataError(
                    f"{path.name} has no column {' and no column '.join(sorted(missing))}. "
                    "Give a comma-separated table with the header account_iban,customer_id."
                )
            for row in rows:
                account, owner = row["account_iban"], row["customer_id"]
                if not account or not owner:
                    raise UnreadableDataError(f"{path.name}:{rows.line_num}: give an account_iban and a customer_id.")
                holders = owners.setdefault(account, [])
                if owner not in holders:
                    holders.append(owner)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableDataError(f"{path.name} is not a table of account_iban and customer_id in CSV.") from error
    return owners


def _describe(account: str) -> str:
    """Enough to find the account again, not the whole number."""
    return f"The account that ends in {account[-4:]}" if account else "The account without a number"


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
