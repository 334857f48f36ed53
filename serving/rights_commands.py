"""The verbs of customers' rights and of giving account; what they need is imported when they run."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from serving.reconciliation import Reconciliation

app = typer.Typer()
outbox = typer.Typer(help="Messages to engines about recalled offers.")
retention = typer.Typer(help="How long rows are kept.")
app.add_typer(outbox, name="outbox")
app.add_typer(retention, name="retention")

_Out = Annotated[Path, typer.Option(dir_okay=False, help="File to write; readable by you alone.")]


@app.command("export-customer")
def export_customer(
    customer: Annotated[str, typer.Argument(help="Whose data.")],
    out: _Out,
) -> None:
    """Write all that is held or inferred about one customer, with evidence, as JSON with plain labels."""
    from serving.rights import export_customer_to

    sections = export_customer_to(customer, out)
    _say(f"{out.name} holds {sections} kinds of data about this customer. It is readable by you alone.")


@app.command("erase-customer")
def erase_customer(
    customer: Annotated[str, typer.Argument(help="Who is erased.")],
    why: Annotated[str, typer.Option(help="Why; kept in the trail, so without the customer's id.")],
    who: Annotated[str, typer.Option(help="Who erases; the user of this machine when absent.")] = "",
) -> None:
    """Erase everything about a customer at once; only an objection that is in force stays. Exit code 30: not whole."""
    import getpass

    from serving.rights import erase_customer_of_home

    erased = erase_customer_of_home(customer, who=who or getpass.getuser(), why=why)
    told = ", ".join(f"{count} {table}" for table, count in erased.rows.items() if count) or "nothing was held"
    _say(f"Erased: {told}; row {erased.trail_seq} of the trail.")
    if erased.kept_objections:
        _say(f"Kept, so that the objection holds: {', '.join(erased.kept_objections)}.")


@app.command()
def corrections(out: _Out) -> None:
    """Write what customers called not right, a row per booking, for `levensloop review --corrections`."""
    from serving.rights import write_corrections

    _say(f"{write_corrections(out)} bookings that customers spoke about are in {out.name}.")


@app.command()
def reconcile() -> None:
    """Count what was reported as sent after a customer said no, which must be 0; exit code 30 when it is not."""
    from models.home import find_home
    from serving.housekeeping import reconcile_home

    tell_reconciliation(reconcile_home(find_home()))


@retention.command("enforce")
def enforce() -> None:
    """Delete what is kept longer than the policy says, and what was inferred about who allows it no more."""
    from models.home import find_home
    from serving.housekeeping import enforce_home

    tell_deleted(enforce_home(find_home()))


@retention.command("show")
def show() -> None:
    """Say per table how long its rows are kept and why."""
    from serving.policy import default_policy

    for table, kept in default_policy().retention.items():
        days = "until the customer is erased" if kept.days is None else f"{kept.days} days"
        _say(f"{table}: {days}. {kept.why_en}")


@outbox.command("deliver")
def deliver(
    url: Annotated[str, typer.Option(help="Address that takes messages: https, or on this machine.")],
) -> None:
    """Push every message that nobody read yet, in order; what is not taken waits for the next time."""
    from contextlib import closing

    from models.home import find_home
    from models.store import open_store
    from serving.outbox import deliver_messages

    with closing(open_store(find_home().database_url)) as store:
        count = deliver_messages(store, url, clock=lambda: datetime.now(UTC))
    _say(f"{count} messages delivered.")


@app.command("account-for")
def account_for(
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder to write to.")],
) -> None:
    """Write what a supervisor needs to check all of it without us: one page in Dutch and English, and one JSON."""
    from models.home import find_home
    from serving.account.files import write_account

    page = write_account(find_home(), out, at=datetime.now(UTC))
    _say(f"The account is {page}, with the same figures as JSON beside it. It names no customer.")


def tell_reconciliation(found: "Reconciliation") -> None:
    """Say what the reports of sent offers show; IntegrityError when anything was sent after a no."""
    from models.errors import IntegrityError

    _say(
        f"{found.sent} offers reported as sent: {found.sent_after_objection} after an objection, "
        f"{found.sent_without_permission} without permission, {found.refused_reports} refused reports; "
        f"{found.recalled} recalled now."
    )
    if found.sent_after_objection or found.sent_without_permission:
        raise IntegrityError(
            "Offers were sent although the customer said no. Find the engine in the trail and stop it."
        )


def tell_deleted(deleted: dict[str, int]) -> None:
    """Say what was deleted."""
    told = ", ".join(f"{count} {table}" for table, count in deleted.items() if count)
    _say(f"Deleted: {told or 'nothing'}.")


def _say(sentence: str) -> None:
    from rich.console import Console

    Console(stderr=True, highlight=False, soft_wrap=True).print(sentence, markup=False)
