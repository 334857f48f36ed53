"""`levensloop sign-in-link`: a way in to the pages for one person, once; what it needs is imported when it runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from serving.pages.visitors import Identity

app = typer.Typer()


@app.command("sign-in-link")
def sign_in_link(
    role: Annotated[str, typer.Option(help="customer, board, colleague or operations.")],
    customer: Annotated[str, typer.Option(help="Id of the customer, for that role.")] = "",
    person: Annotated[str, typer.Option(help="Name of the person, for every other role.")] = "",
    url: Annotated[str, typer.Option(help="Address of the service as people reach it; that which runs here.")] = "",
    home: Annotated[Path | None, typer.Option("--home", help="State folder; $LEVENSLOOP_HOME when absent.")] = None,
) -> None:
    """Write a one-time link to a page to stdout; it works once and for some minutes."""
    from datetime import UTC, datetime

    from models.home import Home, find_home
    from serving.commands import url_of_home
    from serving.pages.links import build_link

    identity = _identity(role, customer, person)
    where = Home(home.resolve()) if home else find_home()
    typer.echo(build_link(where, identity, url=url or url_of_home(), at=datetime.now(UTC)))


def _identity(role: str, customer: str, person: str) -> "Identity":
    from models.errors import UsageError
    from serving.pages.visitors import Identity

    if bool(customer) == bool(person) or (role == "customer") != bool(customer):
        raise UsageError("Give --customer for the role customer, and --person for every other role.")
    return Identity(role, customer or person)  # type: ignore[arg-type]  # Identity looks at it
