"""Access, erasure and corrections from the store of a home to files, as the verbs need them."""

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from models.durable import write_durably
from models.errors import IntegrityError, UsageError
from models.home import Home, find_home
from models.registries import read_purposes_in_force
from models.store import corrections, open_store
from models.taxonomy import default_taxonomy
from serving.access import export_customer
from serving.erasure import Erasure, erase_customer
from serving.policy import default_policy

PRIVATE = 0o600
CORRECTION_COLUMNS = ("booking_id", "customer_id", "event", "onset_date", "correction", "at")


def export_customer_to(customer_id: str, out: Path, *, home: Home | None = None) -> int:
    """Write the access export of a customer; returns how many kinds of data hold something."""
    home = home or find_home()
    with closing(open_store(home.database_url)) as store:
        export = export_customer(
            store, customer_id, registry=read_purposes_in_force(home), taxonomy=default_taxonomy(),
            policy=default_policy(), clock=lambda: datetime.now(UTC),
        )  # fmt: skip
    _write(out, json.dumps(export, indent=2, ensure_ascii=False, allow_nan=False))
    return sum(bool(section["rows"]) for section in export["held"])


def erase_customer_of_home(customer_id: str, *, who: str, why: str, home: Home | None = None) -> Erasure:
    """Erase a customer.

    Raises
    ------
    IntegrityError
        The id still stands somewhere; the message says where. What could be erased is.
    """
    home = home or find_home()
    with closing(open_store(home.database_url)) as store:
        erased = erase_customer(
            store, customer_id, who=who, why=why, registry=read_purposes_in_force(home), clock=lambda: datetime.now(UTC)
        )
    if not erased.is_whole:
        where = ", ".join(f"{place} ({count})" for place, count in erased.traces.items())
        raise IntegrityError(f"The customer's id still stands in {where}. Erase it there by hand and report it.")
    return erased


def write_corrections(out: Path, *, home: Home | None = None) -> int:
    """Write corrections with a row per booking (CORRECTION_COLUMNS); returns how many rows there are."""
    with closing(open_store((home or find_home()).database_url)) as store, store.read() as connection:
        found = connection.execute(sa.select(corrections).order_by(corrections.c.id)).mappings().all()
    rows = [
        {**{name: row[name] for name in CORRECTION_COLUMNS[1:]}, "booking_id": booking_id}
        for row in found
        for booking_id in json.loads(row["evidence"] or "[]")
    ]
    table = pd.DataFrame(rows, columns=list(CORRECTION_COLUMNS))
    _write(out, table.to_csv(index=False, lineterminator="\n"))
    return len(table)


def _write(out: Path, text: str) -> None:
    try:
        write_durably(out, text.encode(), mode=PRIVATE)
    except OSError as error:
        raise UsageError(f"{out.name} cannot be written: {error.strerror}. Give another place.") from error
