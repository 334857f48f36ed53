"""The verbs around permission: take over, show, prove; and the purposes that are in force."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()
permissions = typer.Typer(help="The permission ledger.")
purposes = typer.Typer(help="What bookings may be used for.")
store = typer.Typer(help="The database of ledger, trail and detections.")
app.add_typer(permissions, name="permissions")
app.add_typer(purposes, name="purposes")
app.add_typer(store, name="store")


@permissions.command("import")
def import_file(
    table: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Permission events, CSV or Parquet.")],
) -> None:
    """Take over permissions that the bank already holds, with their evidence: all of the file or nothing."""
    from models.own_store import import_own_permissions

    import_own_permissions(table)


@app.command()
def receipt(
    customer: Annotated[str, typer.Option(help="Whose receipt.")],
    purpose: Annotated[str, typer.Option(help="For what.")] = "own_product_offers",
) -> None:
    """Write a customer's receipt for a purpose to stdout, as JSON in the words of ISO/IEC TS 27560."""
    from models.own_store import print_own_receipt

    print_own_receipt(customer, purpose)


@purposes.command("install")
def install(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A purpose registry in TOML.")],
    reason: Annotated[str, typer.Option(help="Why; kept with the registry and in the trail.")],
    key: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Private key of who signs.")],
    passphrase: Annotated[str, typer.Option(prompt=True, hide_input=True, envvar="LEVENSLOOP_PASSPHRASE")],
    role: Annotated[str, typer.Option(help="Role of who signs: dpo.")] = "dpo",
) -> None:
    """Put a registry in force at once, without a release or a restart; the data protection officer signs it."""
    from models.own_store import install_own_purposes

    install_own_purposes(file, role=role, key=key, passphrase=passphrase, reason=reason)


@purposes.command("show")
def show() -> None:
    """Say which registry is in force, and per purpose its regime and notice."""
    from models.own_store import print_own_purposes

    print_own_purposes()


@store.command("grant")
def grant(role: Annotated[str, typer.Argument(help="A role that PostgreSQL knows.")]) -> None:
    """Let a PostgreSQL role serve: it may read and append history, never change or delete it."""
    from models.own_store import grant_own_store

    grant_own_store(role)
