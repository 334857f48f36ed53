"""`levensloop sign-in-link`: a way in to the pages for one person, once; what it needs is imported when it runs."""

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
) -> None:
    """Write a one-time link to a page to stdout; it works once and for some minutes."""
    from datetime import UTC, datetime

    from models.home import find_home
    from serving.commands import url_of_home
    from serving.pages.links import build_link

    identity = _identity(role, customer, person)
    typer.echo(build_link(find_home(), identity, url=url or url_of_home(), at=datetime.now(UTC)))


def _identity(role: str, customer: str, person: str) -> "Identity":
    from models.errors import UsageError
    from serving.pages.visitors import Identity

    if bool(customer) == bool(person) or (role == "customer") != bool(customer):
        raise UsageError("Give --customer for the role customer, and --person for every other role.")
    return Identity(role, customer or person)  # type: ignore[arg-type]  # Identity looks at it
