"""`levensloop client`: who may ask the service; what the verbs need is imported when they run."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from contextlib import closing

    from models.store import Store

app = typer.Typer(help="Clients of the service and their keys.", no_args_is_help=True)

_Name = Annotated[str, typer.Argument(help="Name of the client: small letters, digits and hyphens.")]


@app.command()
def add(
    name: _Name,
    role: Annotated[
        list[str], typer.Option(help="offer_engine, customer_page, contact_desk or operations; may be repeated.")
    ],
    purpose: Annotated[list[str] | None, typer.Option(help="A purpose it may ask for; may be repeated.")] = None,
    per_second: Annotated[int | None, typer.Option(help="Requests a second; the policy's when absent.")] = None,
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="New file for the key; stdout when absent.")] = None,
) -> None:
    """Add a client; its key is shown now and never again."""
    from models.purposes import default_purposes
    from serving.clients import add_client

    _refuse_existing(out)
    with _store() as store:
        key = add_client(
            store, name, roles=role, purposes=purpose or [], registry=default_purposes(), at=datetime.now(UTC),
            requests_per_second=per_second,
        )  # fmt: skip
    _hand_over(key, out)


@app.command("list")
def list_all() -> None:
    """All clients as JSON: roles, purposes, since when, and until when if revoked; never a key."""
    from rich.console import Console

    from serving.answers import rfc3339
    from serving.clients import list_clients

    with _store() as store:
        told = [
            {
                "name": one.name,
                "roles": sorted(one.roles),
                "purposes": sorted(one.purposes),
                "requests_per_second": one.requests_per_second,
                "added_at": rfc3339(one.added_at),
                "revoked_at": rfc3339(one.revoked_at),
            }
            for one in list_clients(store)
        ]
    Console(soft_wrap=True).print_json(data=told)


@app.command()
def revoke(name: _Name) -> None:
    """End a client's key, at once."""
    from rich.console import Console

    from serving.clients import revoke_client

    with _store() as store:
        revoke_client(store, name, at=datetime.now(UTC))
    Console(stderr=True, highlight=False).print(f"The key of {name} has ended.")


def _store() -> "closing[Store]":
    from contextlib import closing

    from models.home import find_home
    from models.store import open_store

    return closing(open_store(find_home().database_url))


def _refuse_existing(out: Path | None) -> None:
    from models.errors import UsageError

    if out is not None and out.exists():
        raise UsageError(f"{out.name} is there already. Name a new file for the key.")


def _hand_over(key: str, out: Path | None) -> None:
    if out is None:
        typer.echo(key)
        return
    from models.durable import write_durably

    write_durably(out, f"{key}\n".encode(), mode=0o600)
