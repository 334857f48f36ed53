"""Writes a synthetic bank to a folder, in chunks of customers, so that its size is not bound by memory."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, TextIO

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet

from models.bookings import COLUMN_NAMES, load_bookings, parse_bookings, write_bookings
from models.errors import UsageError
from models.taxonomy import default_taxonomy
from training.simulation.couples import make_customers
from training.simulation.customers import Account, Customer, begin_life, finish_life
from training.simulation.parameters import figure
from training.simulation.permissions import draw_permissions

# Months of customers in one chunk: about 150,000 bookings at a time.
_CHUNK_MONTHS = 2400
# Customers of personas get numbers beyond those of any bank.
_PERSONAS_FROM = 20_000_000
_MONEY = arrow.decimal128(18, 2)
_EPOCH = date(1970, 1, 1).toordinal()
_SIMULATED = {b"levensloop": b"simulated"}  # in the file itself, so that nobody takes invented customers for real ones
_HEADS = {
    "labels.csv": "booking_id,event,role",
    "events.csv": "customer_id,event,onset_date,first_detectable_date,last_useful_date",
    "permissions.csv": "customer_id,purpose,action,at,notice_version",
    "customers.csv": "customer_id,is_adult,language,products_held,open_complaint,in_arrears",
    "accounts.csv": "account_iban,customer_id",
    "splits.csv": "customer_id,split",
    "vault/groups.csv": "customer_id,origin_class,born_abroad,religion,gender,age_band,income_quintile,household,"
    "language_of_texts,cash_heavy,pay_period",
}


@dataclass(frozen=True, slots=True)
class SimulationSummary:
    """How much was written and how fast; `seconds` is wall-clock time."""

    customers: int
    bookings: int
    events: int
    confusers: int
    seconds: float

    @property
    def bookings_per_second(self) -> float:
        """Bookings made and written in a second."""
        return self.bookings / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        return (
            f"{self.customers:,} customers, {self.bookings:,} bookings ({self.bookings_per_second:,.0f} a second), "
            f"{self.events:,} life events, {self.confusers:,} look-alikes"
        )


def simulate(
    *, customers: int, months: int, seed: int, out: Path, until: date | None = None,
    rates: Literal["natural", "enriched"] = "natural", real_rates: bool = False,
    bookings_format: Literal["parquet", "csv"] = "parquet", progress: Callable[[int], None] | None = None,
) -> SimulationSummary:  # fmt: skip
    """Write a synthetic bank into `out`.

    Parameters
    ----------
    customers, months
        How many customers and how many whole months back from `until`; both at least 1.
    seed
        The same seed gives the same files, byte for byte; customer k does not depend on `customers`.
    until
        The last day; default from the parameter table `rates_events`.
    rates
        `natural`: the yearly rates of the parameter table; `enriched`: many more life events, for training.
    real_rates
        Lets event rates differ between groups; by default they are equal.
    bookings_format
        `csv` writes bookings.csv beside bookings.parquet.
    progress
        Called with the number of customers finished since the last call.

    Raises
    ------
    UsageError
        `customers` or `months` is below 1, or `rates` or `bookings_format` is unknown.
    """
    if customers < 1 or months < 1:
        raise UsageError("A bank needs at least one customer and one month. Give --customers and --months above zero.")
    if rates not in ("natural", "enriched") or bookings_format not in ("parquet", "csv"):
        raise UsageError("Rates are natural or enriched, and bookings are written as parquet or csv.")
    begun = perf_counter()
    until = until or figure("rates_events", "until")
    made = make_customers(customers, seed=seed, until=until, months=months, rates=rates, real_rates=real_rates)
    counts = _write_bank(made, out, size=max(1, _CHUNK_MONTHS // months), progress=progress)
    if bookings_format == "csv":
        write_bookings(load_bookings(out / "bookings.parquet").frame, out / "bookings.csv")
    return SimulationSummary(customers, int(counts[0]), int(counts[1]), int(counts[2]), perf_counter() - begun)


def _write_bank(
    made: Iterator[Customer], out: Path, *, size: int, progress: Callable[[int], None] | None
) -> np.ndarray:
    """Write customers, `size` at a time; gives the numbers of bookings, events and look-alikes."""
    counts = np.zeros(3, dtype=np.int64)
    _make_vault(out)
    with ExitStack() as stack:
        files = {name: stack.enter_context((out / name).open("w", encoding="utf-8", newline="")) for name in _HEADS}
        for name, file in files.items():
            file.write(_HEADS[name] + "\n")
        writer = stack.enter_context(parquet.ParquetWriter(out / "bookings.parquet", _schema()))
        while chunk := list(islice(made, size)):
            writer.write_table(_to_table(chunk))
            counts += _write_truth(chunk, files)
            if progress:
                progress(len(chunk))
    return counts


def _make_vault(out: Path) -> None:
    """Religion and origin stand beside files that many may read: the owner alone opens the folder and its file."""
    groups = out / "vault" / "groups.csv"
    groups.parent.mkdir(parents=True, exist_ok=True)
    groups.parent.chmod(0o700)
    groups.touch()
    groups.chmod(0o600)  # also a file of an earlier run


def persona(name: str, seed: int, until: date) -> pd.DataFrame:
    """Bookings of one household for a demonstration: `child_benefit` or `plane_ticket`, by the same generator.

    `child_benefit` gets its first child benefit on the last quarter day before `until`, `plane_ticket` pays an
    airline within the last weeks. Both show more than eight months of bookings.
    """
    if name not in PERSONAS:
        raise UsageError(f"There is no persona of that name. Choose one of {', '.join(sorted(PERSONAS))}.")
    event, customer_id = PERSONAS[name]
    for number in range(_PERSONAS_FROM, _PERSONAS_FROM + 400):
        life = begin_life(number, seed=seed, until=until, months=14, plan={event: [_forced_day(event, until)]})
        if life.home.stage != "worker" or life.home.thin_buffer:
            continue
        customer = finish_life(life, customer_id=customer_id)
        if {happening.event for happening in customer.happenings} == {event}:
            table = _to_table([customer])
            return parse_bookings(table, source=name, lines=np.arange(table.num_rows)).frame
    raise UsageError("No household of this seed fits the persona. Choose another seed.")


def _forced_day(event: str, until: date) -> int:
    if event == "travel_booked":
        return until.toordinal() - 9
    quarter = date(until.year, (until.month - 1) // 3 * 3 + 1, 1)
    if until < quarter + timedelta(days=6):
        quarter = date(quarter.year - (quarter.month == 1), (quarter.month - 4) % 12 + 1, 1)
    return quarter.toordinal()


PERSONAS = {"child_benefit": ("child_birth", "demo-child"), "plane_ticket": ("travel_booked", "demo-travel")}


def _schema() -> arrow.Schema:
    kinds = {"booking_date": arrow.date32(), "value_date": arrow.date32(), "amount": _MONEY, "balance_after": _MONEY}
    return arrow.schema([(name, kinds.get(name, arrow.string())) for name in COLUMN_NAMES], metadata=_SIMULATED)


def is_simulated(bookings: Path) -> bool:
    """Whether a file of bookings says that its customers are invented; only the simulator's Parquet files do."""
    if bookings.suffix != ".parquet":
        return False
    return (parquet.read_schema(bookings).metadata or {}).items() >= _SIMULATED.items()


def _decimals(cents: np.ndarray) -> arrow.Array:
    """decimal128(18, 2) from int64 cents, laid out directly: the low and the high half of each number."""
    halves = np.empty((len(cents), 2), dtype=np.int64)
    halves[:, 0], halves[:, 1] = cents, cents >> 63
    return arrow.Array.from_buffers(_MONEY, len(cents), [None, arrow.py_buffer(halves)])


def _to_table(chunk: list[Customer]) -> arrow.Table:
    views = [(customer.customer_id, account) for customer in chunk for account in customer.accounts]
    rows = [row for _, account in views for row in account.rows]
    sizes = [len(account.rows) for _, account in views]
    cents = np.array([row.cents for row in rows], dtype=np.int64)
    days = np.array([row.day for row in rows], dtype=np.int32) - _EPOCH
    columns: dict[str, Any] = {
        "customer_id": np.repeat([customer_id for customer_id, _ in views], sizes),
        "account_iban": np.repeat([account.iban for _, account in views], sizes),
        "booking_id": [_booking_id(account, at) for _, account in views for at in range(len(account.rows))],
        "booking_date": arrow.array(days, arrow.int32()).cast(arrow.date32()),
        "amount": _decimals(np.abs(cents)),
        "currency": np.repeat([account.currency for _, account in views], sizes),
        "credit_debit_indicator": np.where(cents > 0, "CRDT", "DBIT"),
        "counterparty_name": [row.name for row in rows],
        "counterparty_iban": [row.iban for row in rows],
        "creditor_id": [row.creditor_id for row in rows],
        "mandate_id": [row.mandate_id for row in rows],
        "end_to_end_id": [row.end_to_end_id for row in rows],
        "purpose_code": [row.purpose_code for row in rows],
        "bank_transaction_code": [row.code for row in rows],
        "remittance_information": [row.text for row in rows],
        "balance_after": _decimals(np.array([b for _, account in views for b in account.balances], dtype=np.int64)),
    }
    columns["value_date"] = columns["booking_date"]
    return arrow.table({name: columns[name] for name in COLUMN_NAMES}, schema=_schema())


def _booking_id(account: Account, at: int) -> str:
    return f"{account.name}-{at:06d}"


def _write_truth(chunk: list[Customer], files: Mapping[str, TextIO]) -> np.ndarray:
    counts = np.zeros(3, dtype=np.int64)
    for customer in chunk:
        for account in customer.accounts:
            files["accounts.csv"].write(f"{account.iban},{customer.customer_id}\n")
            if account.opened_by == customer.customer_id:
                files["labels.csv"].writelines(
                    f"{_booking_id(account, at)},{row.event},{row.role}\n" for at, row in enumerate(account.rows)
                )
        lines = event_lines(customer)
        files["events.csv"].writelines(lines)
        files["permissions.csv"].writelines(
            line + "\n" for line in draw_permissions(customer.life, customer.customer_id)
        )
        files["customers.csv"].write(_customer_line(customer))
        files["splits.csv"].write(f"{customer.customer_id},{customer.life.split}\n")
        files["vault/groups.csv"].write(_group_line(customer))
        counts += [len(customer.rows), len(lines), sum(row.role == "confuser" for row in customer.rows)]
    return counts


def event_lines(customer: Customer) -> list[str]:
    """Rows of events.csv: onsets with the history that tells a first from one already running."""
    taxonomy = {event.id: event for event in default_taxonomy().events}
    seen_from = min((account.rows[0].day for account in customer.accounts if account.rows), default=0)
    lines = []
    for happening in sorted(customer.happenings, key=lambda h: (h.detectable, h.event)):
        event = taxonomy[happening.event]
        if happening.onset - seen_from < event.history_days:
            continue
        dates = [happening.onset, happening.detectable, happening.detectable + event.useful_days]
        texts = ",".join(date.fromordinal(day).isoformat() for day in dates)
        lines.append(f"{customer.customer_id},{happening.event},{texts}\n")
    return lines


def _customer_line(customer: Customer) -> str:
    dice, home = customer.life.dice, customer.life.home
    held = ["payment_account"]
    if home.annual_travel_policy and dice.chance(0.5):
        held.append("travel_insurance")
    if dice.chance(0.4):
        held.append("savings_account")
    arrears = any(happening.event == "payment_arrears" for happening in customer.happenings)
    complaint = dice.chance(0.01)
    flags = f"{str(complaint).lower()},{str(arrears).lower()}"
    return f"{customer.customer_id},{str(home.is_adult).lower()},{home.language},{' '.join(held)},{flags}\n"


def _group_line(customer: Customer) -> str:
    home = customer.life.home
    band = next(
        name
        for top, name in ((17, "0-17"), (24, "18-24"), (34, "25-34"), (54, "35-54"), (66, "55-66"), (200, "67+"))
        if home.age <= top
    )
    quintile = 1 + sum(home.net_month > bound for bound in (140_000, 210_000, 270_000, 340_000))
    values = (
        customer.customer_id, home.origin, str(home.born_abroad).lower(), home.religion, home.gender, band, quintile,
        home.household, "foreign" if home.foreign_text else "dutch", str(home.lives_by_cash).lower(),
        home.pay_period,
    )  # fmt: skip
    return ",".join(map(str, values)) + "\n"
