"""What serving knows of customers besides permission: facts, nightly detections, sent offers and open complaints.

The gate sees the Protocol `Records`; the service uses `StoredRecords`, which reads the store in the connection it is
given, so that everything an answer rests on is one consistent view.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import sqlalchemy as sa

from models.errors import UnreadableDataError
from models.prepared import Prepared
from models.purposes import AMSTERDAM
from models.recalls import find_open_offers, recall_offers
from models.store import Store, complaints, customers, detections, offers, runs
from serving.care import CustomerFacts, Detection
from serving.offers import History, SentOffer

# Answers to an offer after which its product is not offered again.
REFUSING, ACCEPTING = ("no", "stop"), "yes"
CUSTOMER_COLUMNS = ("customer_id", "is_adult", "language", "products_held", "open_complaint", "in_arrears")
# Built once: building a statement costs more than running it.
_FIND_CUSTOMER = Prepared(sa.select(customers).where(customers.c.customer_id == sa.bindparam("customer_id")))
_FIND_COMPLAINT = Prepared(
    sa.select(complaints.c.id)
    .where(complaints.c.customer_id == sa.bindparam("customer_id"), complaints.c.closed_at.is_(None))
    .limit(1)
)
_FIND_RUN = Prepared(
    sa.select(runs)
    .where(runs.c.customer_id == sa.bindparam("customer_id"), runs.c.as_of <= sa.bindparam("until"))
    .order_by(runs.c.as_of.desc())
    .limit(1)
)
_FIND_DETECTIONS = Prepared(
    sa.select(detections)
    .where(detections.c.customer_id == sa.bindparam("customer_id"), detections.c.as_of == sa.bindparam("as_of"))
    .order_by(detections.c.event, detections.c.onset_date)
)
_FIND_HISTORY = Prepared(
    sa.select(offers.c.event, offers.c.product, offers.c.state, offers.c.answer, offers.c.at).where(
        offers.c.customer_id == sa.bindparam("customer_id"), offers.c.state != "recalled"
    )
)


@dataclass(frozen=True, slots=True)
class NightlyRun:
    """Stored detections of one customer (empty: nothing was found), the day they were made for and the release."""

    as_of: date
    release_id: str
    model_version: str
    detections: tuple[Detection, ...]


class Records(Protocol):
    """Where the gate reads facts of one customer; every method works inside the given connection."""

    def find_customer(self, connection: sa.Connection, customer_id: str) -> CustomerFacts | None:
        """Facts of the bank's table and open complaints; None when the table does not know the customer."""

    def find_nightly_run(self, connection: sa.Connection, customer_id: str, *, as_of: date) -> NightlyRun | None:
        """The last run for a day up to `as_of` that judged this customer; None when none did."""

    def find_history(self, connection: sa.Connection, customer_id: str) -> History:
        """Every offer reported as sent, and what the customer said to it."""


class StoredRecords:
    """`Records` from the store."""

    def find_customer(self, connection: sa.Connection, customer_id: str) -> CustomerFacts | None:
        """Facts of one customer; a complaint in the complaints table counts as open until it is closed."""
        asked = {"customer_id": customer_id}
        row = _FIND_CUSTOMER.first(connection, asked)
        is_complaining = _FIND_COMPLAINT.first(connection, asked) is not None
        if row is None:
            return CustomerFacts(customer_id, open_complaint=True) if is_complaining else None
        return CustomerFacts(
            customer_id=customer_id,
            is_adult=row.is_adult,
            language=row.language,
            products_held=frozenset(row.products_held.split()),
            open_complaint=row.open_complaint or is_complaining,
            in_arrears=row.in_arrears,
        )

    def find_nightly_run(self, connection: sa.Connection, customer_id: str, *, as_of: date) -> NightlyRun | None:
        """The last nightly run up to `as_of` that judged this customer, whether it found anything or not."""
        run = _FIND_RUN.first(connection, {"customer_id": customer_id, "until": as_of})
        if run is None:
            return None
        found = _FIND_DETECTIONS.rows(connection, {"customer_id": customer_id, "as_of": run.as_of})
        return NightlyRun(run.as_of, run.release_id, run.model_version, tuple(_stored_detection(row) for row in found))

    def find_history(self, connection: sa.Connection, customer_id: str) -> History:
        """Sent offers and answers; the day is that of Europe/Amsterdam. A recalled offer was never seen as one."""
        rows = _FIND_HISTORY.rows(connection, {"customer_id": customer_id})
        sent = (row for row in rows if row.state == "sent")
        return History(
            tuple(SentOffer(row.event, row.product, row.at.astimezone(AMSTERDAM).date()) for row in sent),
            refused=frozenset(row.product for row in rows if row.answer in REFUSING),
            accepted=frozenset(row.product for row in rows if row.answer == ACCEPTING),
        )


def load_customers(path: str | Path) -> tuple[CustomerFacts, ...]:
    """Read customers.csv: customer_id, is_adult, language, products_held (space separated), open_complaint, in_arrears.

    Raises
    ------
    UnreadableDataError
        The file is not such a table.
    """
    path = Path(path)
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise UnreadableDataError(f"{path.name} cannot be read. Give a customers table in CSV.") from error
    missing = [name for name in CUSTOMER_COLUMNS if name not in frame.columns]
    if missing:
        raise UnreadableDataError(f"{path.name} is not a customers table: it has no column {', '.join(missing)}.")
    return tuple(_parse_customer(row, source=path.name) for row in frame.to_dict("records"))


def write_customers(store: Store, facts: Iterable[CustomerFacts], *, at: datetime | None = None) -> int:
    """Put customers into the table; one that is there already is replaced, the last of a repeated one counts.

    Open offers of who complains or is in arrears now are recalled in the same transaction. Returns how many were
    written.
    """
    facts = list(facts)
    rows = {
        one.customer_id: {
            "customer_id": one.customer_id,
            "is_adult": one.is_adult,
            "language": one.language,
            "products_held": " ".join(sorted(one.products_held)),
            "open_complaint": one.open_complaint,
            "in_arrears": one.in_arrears,
        }
        for one in facts
    }
    if rows:
        replaced = customers.delete().where(customers.c.customer_id == sa.bindparam("replaced"))
        with store.write() as connection:
            connection.execute(replaced, [{"replaced": customer_id} for customer_id in rows])
            connection.execute(customers.insert(), list(rows.values()))
            _recall_blocked(connection, facts, at=at or datetime.now(UTC))
    return len(rows)


def _recall_blocked(connection: sa.Connection, facts: Iterable[CustomerFacts], *, at: datetime) -> None:
    """Take back the open offers of customers to whom nothing may be sold now."""
    for one in facts:
        because = "open_complaint" if one.open_complaint else "arrears" if one.in_arrears else ""
        if because and find_open_offers(connection, one.customer_id, at=at):
            recall_offers(connection, one.customer_id, because=because, at=at)


def write_run(
    connection: sa.Connection,
    frame: pd.DataFrame,
    *,
    customers: Iterable[str],
    as_of: date,
    release_id: str,
    model_version: str,
) -> int:
    """Replace the run made for `as_of`: who was judged, and this frame of `detect_events` about them.

    Returns how many detections there are.
    """
    own = [c.name for c in detections.columns if c.name not in ("as_of", "release_id")]
    rows = [{**row, "as_of": as_of, "release_id": release_id} for row in frame[own].to_dict("records")]
    for row in rows:
        row["onset_date"], row["detected_on"] = as_date(row["onset_date"]), as_date(row["detected_on"])
        row["probability"] = float(row["probability"])
    made = {"as_of": as_of, "release_id": release_id, "model_version": model_version}
    judged = [{"customer_id": customer_id, **made} for customer_id in sorted(set(customers))]
    for table, content in ((detections, rows), (runs, judged)):
        connection.execute(table.delete().where(table.c.as_of == as_of))
        if content:
            connection.execute(table.insert(), content)
    return len(rows)


def as_date(value: object) -> date:
    """A day from any date-like value of pandas or NumPy."""
    return pd.Timestamp(value).date()


def _stored_detection(row: Any) -> Detection:
    return Detection(
        event=row.event,
        onset_date=row.onset_date,
        detected_on=row.detected_on,
        probability=row.probability,
        status=row.status,
        evidence=tuple(row.evidence.split()),
    )


def _parse_customer(row: dict[str, str], *, source: str) -> CustomerFacts:
    flags = {name: row[name].strip().lower() for name in ("is_adult", "open_complaint", "in_arrears")}
    unclear = [name for name, value in flags.items() if value not in ("true", "false", "1", "0")]
    if unclear or not row["customer_id"].strip():
        raise UnreadableDataError(
            f"{source}: a row has no customer_id, or its {', '.join(unclear) or 'flags'} is neither true nor false."
        )
    is_true = {name: value in ("true", "1") for name, value in flags.items()}
    held = row["products_held"].replace(";", " ").replace("|", " ").replace(",", " ").split()
    return CustomerFacts(row["customer_id"].strip(), language=row["language"], products_held=frozenset(held), **is_true)
