"""The verbs of the contact team on the command line; what they need is imported when they run."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()
giving = typer.Typer(help="When organisations receive more gifts than usual, and why.")
complaints = typer.Typer(help="Complaints and the calls that were promised.")
questions = typer.Typer(help="What may be asked, and what was asked too often.")
app.add_typer(giving, name="giving-calendar")
app.add_typer(complaints, name="complaints")
app.add_typer(questions, name="questions")

_Talks = Annotated[list[Path] | None, typer.Option("--talks", exists=True, help="Habits learned in talks, TOML.")]
_From = Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD.")]
_Until = Annotated[str, typer.Option("--until", help="Last day, YYYY-MM-DD.")]
_Colleague = Annotated[str, typer.Option(help="Who called or closed it.")]
_Traditions = Annotated[list[str] | None, typer.Option("--tradition", help="As often as there are; all when absent.")]


@giving.command("show")
def show(first: _From, last: _Until, tradition: _Traditions = None, talks: _Talks = None) -> None:
    """Feasts and giving habits of a period, as JSON."""
    from models.commands import parse_day
    from serving.contact.printing import show_calendar

    show_calendar(parse_day(first), parse_day(last), traditions=tradition or (), talks=talks or ())


@giving.command("explain")
def explain(
    bookings: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Bookings of the account.")],
    organisation: Annotated[str, typer.Option(help="Its id.")],
    legal_form: Annotated[str, typer.Option(help="stichting, vereniging, kerkgenootschap, ...")],
    kvk: Annotated[str, typer.Option(help="Its number at the Chamber of Commerce, 8 digits.")],
    tradition: Annotated[list[str], typer.Option(help="What it lives by; as often as there are.")],
    talks: _Talks = None,
) -> None:
    """Which feasts explain the peaks in the account of an organisation, as JSON; persons are refused."""
    from serving.contact.organisations import Organisation
    from serving.contact.printing import explain_file

    explain_file(bookings, Organisation(organisation, legal_form, kvk, tuple(tradition)), talks=talks or ())


@complaints.command("open")
def open_complaint(
    customer: Annotated[str, typer.Option(help="Who complains.")],
    subject: Annotated[str, typer.Option(help="A code of complaints.toml.")] = "other",
    remark: Annotated[str, typer.Option(help="In the customer's own words.")] = "",
    channel: Annotated[str, typer.Option(help="Where the customer said so.")] = "branch",
    language: Annotated[str, typer.Option(help="nl or en; the bank's table says when absent.")] = "",
) -> None:
    """Take a complaint: offers stop at once, and a call is promised."""
    from serving.contact.printing import open_complaint as take

    take(customer, subject=subject, remark=remark, channel=channel, language=language or None)


@complaints.command("queue")
def queue() -> None:
    """Who waits for a call, with the last contacts and the exact words that were sent."""
    from serving.contact.printing import show_queue

    show_queue()


@complaints.command("attempt")
def attempt(
    number: Annotated[int, typer.Argument(min=1, help="The complaint.")],
    colleague: _Colleague,
    result: Annotated[str, typer.Option(help="reached, not_reached or call_later.")],
) -> None:
    """Record a try to call."""
    from serving.contact.printing import record_attempt

    record_attempt(number, colleague=colleague, result=result)


@complaints.command("close")
def close(
    number: Annotated[int, typer.Argument(min=1, help="The complaint.")],
    colleague: _Colleague,
    outcome: Annotated[str, typer.Option(help="upheld, partly_upheld, not_upheld or withdrawn.")],
    handling: Annotated[str, typer.Option(help="What was done, in a plain sentence for letter and log.")],
) -> None:
    """Close a complaint; the customer's words are erased, what was done stays in the log."""
    from serving.contact.printing import close_complaint

    close_complaint(number, colleague=colleague, outcome=outcome, handling=handling)


@complaints.command("log")
def log(first: _From, last: _Until) -> None:
    """The complaints log that the law asks for."""
    from models.commands import parse_day
    from serving.contact.printing import show_log

    show_log(parse_day(first), parse_day(last))


@complaints.command("forget")
def forget() -> None:
    """Delete closed complaints that the log need not keep any longer."""
    from serving.contact.printing import forget_complaints

    forget_complaints()


@questions.command("report")
def report(
    first: _From, last: _Until, least: Annotated[int, typer.Option(min=1, help="Contacts from which on.")] = 4
) -> None:
    """Customers with many contacts and the questions that came again."""
    from models.commands import parse_day
    from serving.contact.printing import show_questions

    show_questions(parse_day(first), parse_day(last), least_contacts=least)


@questions.command("cases")
def cases(
    first: _From, last: _Until, least: Annotated[int, typer.Option(min=1, help="Contacts from which on.")] = 4
) -> None:
    """Situations with much contact, their course and what could have been avoided; nobody is named."""
    from models.commands import parse_day
    from serving.contact.printing import show_cases

    show_cases(parse_day(first), parse_day(last), least_contacts=least)


@app.command()
def letter(
    template: Annotated[str, typer.Option(help="The letter; --list names them.")] = "",
    language: Annotated[str, typer.Option(help="nl or en.")] = "nl",
    every: Annotated[bool, typer.Option("--list", help="All letters with version, hash and review.")] = False,
) -> None:
    """Show a letter with example values and how plain it is; exit code 12 when it is too hard."""
    from serving.contact.printing import list_letters, show_letter

    if every or not template:
        list_letters()
    else:
        show_letter(template, language)
