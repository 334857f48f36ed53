"""Banks of customers in pairs who differ in one thing only, from the series of bookings written in `traps.toml`.

Both of a pair live the same everyday life, drawn from the same numbers; then each lives the series of its own side. The
first booking of a series that has a `truth` is the onset of that event.
"""

import calendar
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd

from models.bookings import bookings_from_records
from models.taxonomy import default_taxonomy

SIDES = ("trapped", "equal")
_MONTHS = (
    "januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november",
    "december",
)  # fmt: skip
_STEP = {"month": 1, "quarter": 3, "year": 12}
_DAYS = {"day": 1, "week": 7}
_LOWEST_CENTS = 15_000  # no balance falls below: nobody here is overdrawn
_EVENT_DATES = ("onset_date", "first_detectable_date", "last_useful_date")


@dataclass(frozen=True)
class TrapBank:
    """Bookings of both sides, the side of each customer, and what truly happened (as the events table)."""

    bookings: pd.DataFrame
    sides: pd.Series
    truth: pd.DataFrame


@cache
def trap_table() -> dict[str, Any]:
    """The whole of `traps.toml`."""
    return tomllib.loads(resources.files("training.fairness").joinpath("traps.toml").read_text("utf-8"))


def build_bank(trap: Mapping[str, Any]) -> TrapBank:
    """The bank of one trap, the same on every run: `pairs` customers on either side."""
    records: list[dict[str, str]] = []
    sides, truth = {}, []
    for pair in range(trap_table()["pairs"]):
        # The second holder of a joint account has the same bookings, and stands second.
        lives = {side: _live(trap, "equal" if trap.get("joint") else side, pair) for side in SIDES}
        for side in reversed(SIDES):
            customer = f"{trap['id']}-{pair:03d}-{side}"
            account = customer.removesuffix(side) + ("joint" if trap.get("joint") else side)
            sides[customer] = side
            records += _records(lives[side], customer, account)
            truth += [(customer, event, onset) for event, onset in lives[side].truth]
    frame = bookings_from_records(records, source=trap["id"]).frame
    return TrapBank(frame, pd.Series(sides), _events_table(truth))


@dataclass
class _Life:
    """What one customer's bookings are drawn from, and what has been drawn so far."""

    pair: int
    rng: np.random.Generator
    names: list[str]
    rows: list[tuple[date, int, str, str, Mapping[str, Any]]] = field(default_factory=list)
    truth: list[tuple[str, date]] = field(default_factory=list)


def _live(trap: Mapping[str, Any], side: str, pair: int) -> _Life:
    table = trap_table()
    names = table["names"][trap["names"][side] if "names" in trap else "dutch"]
    life = _Life(pair, np.random.default_rng(pair), names)
    for series in table["everyday"]:
        if series["id"] not in trap.get("without", []):
            _write_series(life, series)
    for series in trap[side]:
        _write_series(life, series)
    life.rows.sort(key=lambda row: row[0])
    return life


def _write_series(life: _Life, series: Mapping[str, Any]) -> None:
    """Bookings of one counterparty; `euros` is drawn once, or for each booking where it `varies`."""
    texts, amounts = series["texts"], series.get("amounts")
    low, high = series.get("euros", (0, 0))
    name, text = texts[life.pair % len(texts)]
    slots = {"person": life.names[life.pair % len(life.names)], "d6": str(life.rng.integers(100_000, 999_999))}
    fixed = float(life.rng.uniform(low, high))
    for number, day in enumerate(_days(series)):
        if life.rng.random() < series.get("skipped", 0.0):
            continue
        euros = float(life.rng.uniform(low, high)) if series.get("varies") else fixed
        if amounts:
            euros = amounts[min(number, len(amounts) - 1)]
        if series.get("rotate"):
            name, text = texts[(life.pair + number) % len(texts)]
        said = slots | {"month": _MONTHS[day.month - 1], "year": str(day.year), "week": day.strftime("%V")}
        cents = series["sign"] * round(100 * euros)
        life.rows.append((day, cents, name.format_map(said), text.format_map(said), series))
        if number == 0 and "truth" in series:
            life.truth.append((series["truth"], day))


def _days(series: Mapping[str, Any]) -> Iterator[date]:
    """The days of a series, from month `first` (0: the first month of the bank) on, `times` at most."""
    until: date = trap_table()["until"]
    every, times = series.get("every", "month"), series.get("times", 10**6)
    month = until.year * 12 + until.month - trap_table()["months"] + series.get("first", 0)
    day = _day_of(month, series.get("day", 1))
    while day <= until and times > 0:
        yield day
        month, times = month + _STEP.get(every, 0), times - 1
        day = day + timedelta(days=_DAYS[every]) if every in _DAYS else _day_of(month, series.get("day", 1))


def _day_of(month: int, day: int) -> date:
    year, month = divmod(month, 12)
    return date(year, month + 1, min(day, calendar.monthrange(year, month + 1)[1]))


def _records(life: _Life, customer: str, account: str) -> list[dict[str, str]]:
    """Rows of the bookings table, with a balance that stays above zero."""
    balances = np.cumsum([cents for _, cents, *_ in life.rows])
    balances += max(0, _LOWEST_CENTS - int(balances.min()))
    return [
        {
            "customer_id": customer,
            "account_iban": account,
            "booking_id": f"{account}-{number:05d}",
            "booking_date": day.isoformat(),
            "amount": f"{abs(cents) / 100:.2f}",
            "credit_debit_indicator": "CRDT" if cents > 0 else "DBIT",
            "counterparty_name": name,
            "counterparty_iban": series["ibans"][life.pair % len(series["ibans"])] if "ibans" in series else "",
            "creditor_id": series.get("creditor_id", ""),
            "bank_transaction_code": series.get("code", "SCT"),
            "remittance_information": text,
            "balance_after": f"{balance / 100:.2f}",
        }
        for number, ((day, cents, name, text, series), balance) in enumerate(
            zip(life.rows, balances.tolist(), strict=True)
        )
    ]


def _events_table(truth: list[tuple[str, str, date]]) -> pd.DataFrame:
    useful = {event.id: event.useful_days for event in default_taxonomy().events}
    rows = [(c, event, day, day, day + timedelta(days=useful[event])) for c, event, day in truth]
    table = pd.DataFrame(rows, columns=["customer_id", "event", *_EVENT_DATES])
    return table.astype({"customer_id": "str", "event": "str", **dict.fromkeys(_EVENT_DATES, "datetime64[s]")})
