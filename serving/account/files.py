"""`levensloop account-for`: the facts as JSON, and one page in Dutch and English."""

from contextlib import closing
from datetime import datetime
from pathlib import Path

from models.canonical import canonical_json
from models.durable import write_durably
from models.errors import UsageError
from models.home import Home
from models.registries import read_purposes_in_force
from models.store import open_store
from serving.account.facts import build_facts
from serving.account.page import render_account
from serving.policy import default_policy

PAGE, MACHINE = "account.html", "account.json"


def write_account(home: Home, out: Path, *, at: datetime) -> Path:
    """Write both files into a folder; returns the page.

    Raises
    ------
    UsageError
        The folder cannot be written to.
    IntegrityError
        A release, a signature or a waiver does not verify. A trail that does not is told in the account.
    """
    with closing(open_store(home.database_url)) as store:
        facts = build_facts(home, store, read_purposes_in_force(home), default_policy(), at=at)
    try:
        write_durably(out / MACHINE, canonical_json(facts).encode())
        write_durably(out / PAGE, render_account(facts, machine=MACHINE).encode())
    except OSError as error:
        raise UsageError(f"{out.name} cannot be written to: {error.strerror}. Give another folder.") from error
    return out / PAGE
