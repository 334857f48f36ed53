"""The verbs of `models` on the command line; what they need is imported when they run, so that `--help` is quick."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal, get_args

import typer

from models.board_commands import app as board
from models.permission_commands import app as permission

app = typer.Typer()
app.add_typer(board)
app.add_typer(permission)
trail = typer.Typer(help="The audit trail.")
app.add_typer(trail, name="trail")

Engine = Literal["local", "spark"]
_Bookings = Annotated[Path, typer.Option(exists=True, help="Bookings: CSV, Parquet, or a folder of Parquet files.")]
_Out = Annotated[Path, typer.Option(dir_okay=False, help="File to write, CSV or Parquet by extension.")]
_AsOf = Annotated[str, typer.Option(help="Last day that is looked at, YYYY-MM-DD; today when absent.")]
_Release = Annotated[str, typer.Option(help="Release or candidate; the champion when absent, else the newest.")]


@app.command()
def read(
    files: Annotated[list[Path], typer.Argument(help="Statement files of any supported bank and format.")],
    out: _Out,
    customer: Annotated[str, typer.Option(help="Customer id for all accounts.")] = "",
    customers: Annotated[Path | None, typer.Option(exists=True, help="account_iban,customer_id per account.")] = None,
) -> None:
    """Read statement files into the bookings table; what was left out, and why, goes to stderr."""
    from models.reading import read_files

    read_files(files, out=out, customer=customer, customers=customers)


@app.command()
def classify(bookings: _Bookings, out: _Out, release: _Release = "") -> None:
    """Say per booking which life event it speaks to: booking_id, label, probability, abstained."""
    from models.answering import classify_file

    classify_file(bookings, out=out, release_id=release or None)


@app.command()
def detect(
    bookings: _Bookings,
    out: _Out,
    as_of: _AsOf = "",
    release: _Release = "",
) -> None:
    """List every life event that is detectable up to a day, expired ones too."""
    from models.answering import detect_file

    detect_file(bookings, out=out, as_of=parse_day(as_of) if as_of else None, release_id=release or None)


@app.command()
def explain(
    bookings: _Bookings,
    out: _Out,
    as_of: _AsOf = "",
    release: _Release = "",
) -> None:
    """Say per detection and booking of its evidence which words and facts carried it, in Dutch and English."""
    from models.answering import explain_file

    explain_file(bookings, out=out, as_of=parse_day(as_of) if as_of else None, release_id=release or None)


@trail.command("verify")
def verify() -> None:
    """Check the whole trail against its hashes and signed checkpoints."""
    from models.own_store import verify_own_trail

    verify_own_trail()


@trail.command("replay")
def replay() -> None:
    """Prove from ledger and trail that every answer had a permission at its moment; names those that had none."""
    from models.own_store import replay_own_trail

    replay_own_trail()


@trail.command("checkpoint")
def checkpoint(
    key: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Private key of who signs the checkpoint.")],
    passphrase: Annotated[str, typer.Option(prompt=True, hide_input=True, envvar="LEVENSLOOP_PASSPHRASE")],
    folder: Annotated[Path | None, typer.Option(help="Where to; best a place that another role owns.")] = None,
) -> None:
    """Sign where the trail stands now, so that a later cut or rewrite is found."""
    from models.own_store import write_own_checkpoint

    write_own_checkpoint(key, passphrase, folder=folder)


def parse_day(text: str) -> date:
    """A day as YYYY-MM-DD; UsageError otherwise."""
    from models.errors import UsageError

    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no time zone
    except ValueError as error:
        raise UsageError(f"{text!r} is not a day. Write it as YYYY-MM-DD, for example 2026-10-31.") from error


def parse_engine(text: str) -> Engine:
    """What the work is done by; UsageError where there is no such engine."""
    from models.errors import UsageError

    for engine in get_args(Engine):
        if engine == text:
            return engine
    raise UsageError("There is no such engine. Give --engine local or --engine spark.")
