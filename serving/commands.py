"""The verbs of `serving` on the command line; what they need is imported when they run, so that `--help` is quick."""

from pathlib import Path
from typing import Annotated

import typer

from serving.client_commands import app as client
from serving.contact.commands import app as contact
from serving.pages.commands import app as pages
from serving.rights_commands import app as rights

app = typer.Typer()
app.add_typer(client, name="client")
app.add_typer(contact)
app.add_typer(pages)
app.add_typer(rights)

_Home = Annotated[Path | None, typer.Option("--home", help="State folder; $LEVENSLOOP_HOME when absent.")]
_Url = Annotated[str, typer.Option(help="Address of the service; the one that runs here when absent.")]
_KeyFile = Annotated[
    Path | None,
    typer.Option(help="File with the client's key; LEVENSLOOP_CLIENT_KEY or the state folder's key when absent."),
]


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Loopback address to listen on.")] = "",
    port: Annotated[int, typer.Option(help="Port; LEVENSLOOP_PORT or 3000 when absent.")] = 0,
    demo: Annotated[bool, typer.Option("--demo", help="Accept a release that demo keys signed.")] = False,
) -> None:
    """Answer offer engines, on a signed release only; runs until it is stopped."""
    import os

    from serving.running import serve as become_server
    from serving.settings import read_settings

    given = {"LEVENSLOOP_HOST": host, "LEVENSLOOP_PORT": str(port or ""), "LEVENSLOOP_DEMO": "1" if demo else ""}
    become_server(read_settings({**os.environ, **{name: value for name, value in given.items() if value}}))


@app.command()
def stop(home: _Home = None) -> None:
    """End a service that runs in the background."""
    from rich.console import Console

    from models.home import Home, find_home
    from serving.running import stop_server

    where = Home(home.resolve()) if home else find_home()
    stopped = stop_server(where.path / "run")
    Console(stderr=True).print("The service has ended." if stopped else "No service runs here.", highlight=False)


@app.command()
def doctor(
    demo: Annotated[bool, typer.Option("--demo", help="Accept a release that demo keys signed.")] = False,
) -> None:
    """Say what is wrong with this installation, one line each; the exit code is that of the worst."""
    import os
    from datetime import UTC, datetime

    from serving.doctor import examine
    from serving.settings import read_settings

    settings = read_settings({**os.environ, "LEVENSLOOP_DEMO": "1"} if demo else None)
    findings = examine(settings, os.environ, now=datetime.now(UTC))
    for finding in findings:
        typer.echo(str(finding))
    raise typer.Exit(max(finding.exit_code for finding in findings))


@app.command()
def ask(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Statement files or bookings tables; none: the nightly detections.")
    ] = None,
    customer: Annotated[str, typer.Option(help="Whose bookings these are.")] = ...,  # type: ignore[assignment]  # required
    purpose: Annotated[str, typer.Option(help="What for.")] = "own_product_offers",
    as_of: Annotated[str, typer.Option(help="Day to judge, YYYY-MM-DD; today when absent.")] = "",
    url: _Url = "",
    key_file: _KeyFile = None,
) -> None:
    """Ask the service which life events a customer has, as an offer engine does; the answer is JSON on stdout."""
    from rich.console import Console

    from models.commands import parse_day
    from models.home import find_home
    from serving.client import Client, ask_about_files, read_key

    url, key = url or url_of_home(), read_key(find_home(), key_file)
    day = parse_day(as_of) if as_of else None
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    if files:
        answer = ask_about_files(
            url, files, key=key, customer_id=customer, purpose=purpose, as_of=day, report=errors.print
        )
    else:
        with Client(url, key=key) as connection:
            answer = connection.ask_events(customer, purpose, as_of=day)
    Console(soft_wrap=True).print_json(data=answer)


@app.command()
def permit(
    customer: Annotated[str, typer.Option(help="Whose permission.")],
    action: Annotated[str, typer.Option(help="shown, consented, withdrawn, objected, objection_lifted or expired.")],
    purpose: Annotated[str, typer.Option(help="What for.")] = "own_product_offers",
    channel: Annotated[str, typer.Option(help="Where the customer said so.")] = "branch",
    url: _Url = "",
    key_file: _KeyFile = None,
) -> None:
    """Record what a customer allows or stops; it counts with the answer."""
    from rich.console import Console

    from models.home import find_home
    from serving.client import Client, read_key

    with Client(url or url_of_home(), key=read_key(find_home(), key_file)) as connection:
        told = connection.append_permission(customer, purpose, action, channel=channel)
    Console(soft_wrap=True).print_json(data=told)


@app.command()
def customers(
    table: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="customers.csv of the bank.")],
) -> None:
    """Take over the bank's table of customers: adult or not, products held, open complaints, arrears."""
    from rich.console import Console

    from models.store import open_store
    from serving.records import load_customers, write_customers
    from serving.settings import read_settings

    facts = load_customers(table)
    store = open_store(read_settings().home.database_url)
    write_customers(store, facts)
    Console(stderr=True, highlight=False).print(f"{len(facts)} customers taken over.")


@app.command()
def nightly(
    bookings: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="A bookings table, CSV or Parquet.")],
    as_of: Annotated[str, typer.Option(help="Last day that is looked at, YYYY-MM-DD; today when absent.")] = "",
    demo: Annotated[bool, typer.Option("--demo", help="Accept a release that demo keys signed.")] = False,
) -> None:
    """Detect for every customer who allows it and keep the result, which `ask` without files is answered from.

    Afterwards sent offers are reconciled with permissions, and what is too old is deleted.
    """
    import os

    from rich.console import Console

    from models.commands import parse_day
    from serving.housekeeping import keep_house
    from serving.nightly import run_nightly_file
    from serving.rights_commands import tell_deleted, tell_reconciliation
    from serving.settings import read_settings

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    settings = read_settings({**os.environ, "LEVENSLOOP_DEMO": "1"} if demo else None)
    summary = run_nightly_file(
        bookings,
        settings,
        as_of=parse_day(as_of) if as_of else None,
        report=lambda line: console.print(line, markup=False),
    )
    told = f"{summary.judged} of {summary.customers} customers allow it and were judged"
    console.print(f"{told}; {summary.detections} detections kept.")
    night = keep_house(settings.home)
    tell_deleted(night.deleted)
    tell_reconciliation(night.sent)


@app.command()
def score(
    bookings: Annotated[Path, typer.Option(exists=True, help="Bookings: CSV, Parquet, or a folder of Parquet files.")],
    as_of: Annotated[str, typer.Option(help="Last day that is looked at, YYYY-MM-DD; today when absent.")] = "",
    engine: Annotated[str, typer.Option(help="local, or spark where one machine is too small.")] = "local",
    keep_state: Annotated[bool, typer.Option("--keep-state", help="Keep what updates start from.")] = False,
    update: Annotated[bool, typer.Option("--update", help="These are new, late and corrected bookings alone.")] = False,
    demo: Annotated[bool, typer.Option("--demo", help="Accept a release that demo keys signed.")] = False,
) -> None:
    """The nightly run of a bank of any size: detect for everybody who allows it, and keep what the service answers.

    A run that was broken off goes on where it stopped when it is started again.
    """
    import os

    from rich.console import Console

    from models.commands import parse_day, parse_engine
    from models.errors import UsageError
    from serving.batch import score_file
    from serving.settings import read_settings

    if keep_state and update:
        raise UsageError("An update keeps the state by itself. Give --keep-state or --update.")
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    score_file(
        bookings,
        read_settings({**os.environ, "LEVENSLOOP_DEMO": "1"} if demo else None),
        as_of=parse_day(as_of) if as_of else None,
        state="keep" if keep_state else "update" if update else "",
        engine=parse_engine(engine),
        tell=lambda line: console.print(line, markup=False),
    )


@app.command()
def follow(
    bookings: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="File that grows: a booking per line, JSON.")
    ],
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="File to append to; stdout when absent.")] = None,
    purpose: Annotated[str, typer.Option(help="What detections are told for.")] = "own_product_offers",
    once: Annotated[bool, typer.Option("--once", help="Stop at the end of the file.")] = False,
    seconds: Annotated[float, typer.Option(min=0.1, help="Wait so long at the end of the file.")] = 5.0,
    as_of: Annotated[str, typer.Option(help="Last day that is looked at, YYYY-MM-DD; today when absent.")] = "",
    history: Annotated[
        bool, typer.Option("--history", help="Tell what was stored before the first time, too.")
    ] = False,
    from_start: Annotated[bool, typer.Option("--from-start", help="Read the file from its start again.")] = False,
    demo: Annotated[bool, typer.Option("--demo", help="Accept a release that demo keys signed.")] = False,
) -> None:
    """Judge bookings as they come and tell each new detection once, of who allows the purpose.

    It starts from the state of `score --keep-state`, and goes on where it was stopped.
    """
    import os
    import sys

    from rich.console import Console

    from models.commands import parse_day
    from serving.detection_files import DetectionFile, DetectionPrinter
    from serving.follow import follow_file
    from serving.settings import read_settings

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    follow_file(
        bookings,
        DetectionFile(out) if out else DetectionPrinter(sys.stdout),
        read_settings({**os.environ, "LEVENSLOOP_DEMO": "1"} if demo else None),
        purpose=purpose,
        once=once,
        seconds=seconds,
        from_start=from_start,
        as_of=parse_day(as_of) if as_of else None,
        history=history,
        report=lambda line: console.print(line, markup=False),
    )


@app.command()
def demo(
    home: _Home = None,
    customers: Annotated[int, typer.Option(min=40, help="Size of the synthetic bank.")] = 240,
    started: Annotated[int, typer.Option(hidden=True, help="When it began, seconds since 1970; now when absent.")] = 0,
) -> None:
    """Everything from nothing: simulate a bank, train, sign as demo board, promote, serve, and say what to try."""
    from models.home import Home, find_home
    from serving.demo import run_demo

    run_demo(Home(home.resolve()) if home else find_home(), customers=customers, started=started)


def url_of_home() -> str:
    """Where the service of this state folder listens, else where a service listens by default."""
    from models.home import find_home
    from serving.running import find_server
    from serving.settings import FIRST_PORT

    running = find_server(find_home().path / "run")
    return running.url if running else f"http://127.0.0.1:{FIRST_PORT}"
