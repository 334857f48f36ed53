"""What each life event looks like on a statement, and what only looks like it: bookings in, decision out.

One file per life event, written from the domain specification by somebody who did not read the simulator or the
lexicon, so its wordings are those of a bank that the model never met. A case may say

- `background`: everyday bookings by name (`backgrounds.toml`), from the day `since` to `as_of`, or only `until`;
- `bookings`: one a line, `day | the bank's code | amount with sign | name | text | column=value ...`; `2026-03-24 x6`
  is six in a row on the same day of every month, `x8 7d` every seventh day, `x3 3m` every third month;
- `told`: the detections that must be made of the file's event, all of them and no other: `onset` (a day or the first
  and the last that are right), detected from then on and not later than `by`, `status` where it matters;
- `not_told`: other events that must not be told;
- `then`: the same bookings on another day;
- `errs`: why the model of today gets this wrong. It must go as soon as the model gets it right.
"""

import calendar
import itertools
import re
import tomllib
import zlib
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from models.bookings import bookings_from_records
from models.detection import detect_events
from models.screening import default_screening
from models.taxonomy import default_taxonomy
from training.dataset import load_dataset
from training.fairness.trap_banks import trap_table
from training.fairness.traps import run_traps
from training.fitting import Fitted, fit_models, one_thread
from training.simulation import simulate

FOLDER = Path(__file__).parent
BACKGROUNDS = tomllib.loads((FOLDER / "backgrounds.toml").read_text("utf-8"))
EVERYDAY = ("groceries", "bills", "rent", "salary")
MONTHS = (
    "januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november",
    "december",
)  # fmt: skip
_RHYTHM = re.compile(r"(?P<day>\S+)(?: x(?P<times>\d+))?(?: (?P<step>\d+)(?P<unit>[dm]))?$")
_NO_ACCOUNT = ("BA", "GM", "DV")  # a terminal, a cash machine and the bank itself show no account


@dataclass(frozen=True)
class Case:
    """One customer of a file on one day; `told` and `not_told` are what must and must not be said of him."""

    event: str
    name: str
    bookings: str
    background: tuple[str, ...] = EVERYDAY
    since: date = date(2025, 9, 1)
    as_of: date = date(2026, 9, 30)
    until: date | None = None
    told: tuple[dict[str, Any], ...] = ()
    not_told: tuple[str, ...] = ()
    errs: str = ""

    @property
    def customer(self) -> str:
        return f"{self.event}: {self.name}"


def load_cases() -> list[Case]:
    """Every case of every file; a `then` is a case of its own."""
    cases = []
    for path in sorted(FOLDER.glob("*.toml")):
        if path.name == "backgrounds.toml":
            continue
        for told in tomllib.loads(path.read_text("utf-8"))["case"]:
            later = told.pop("then", [])
            first = Case(event=path.stem, **told)
            cases.append(first)
            for other in later:
                day = other["as_of"]
                cases.append(Case(event=path.stem, **{**told, "errs": "", **other, "name": f"{first.name}, on {day}"}))
    return cases


CASES = load_cases()


def days_of(rhythm: str, since: date, until: date) -> list[date]:
    """The days of a line: a date alone, a date and how often, or a rhythm of a background."""
    told = _RHYTHM.fullmatch(rhythm)
    assert told, rhythm
    step, times = int(told["step"] or 1), int(told["times"] or 1)
    if told["day"].endswith("d"):
        step, first, unit, times = int(told["day"][:-1]), since, "d", 10_000
    elif told["day"].isdigit():
        first, unit, times = since.replace(day=int(told["day"])), "m", 10_000
    else:
        first, unit = date.fromisoformat(told["day"]), told["unit"] or "m"
    days = itertools.islice((_moved(first, step * n, unit) for n in itertools.count()), times)
    return [day for day in itertools.takewhile(lambda day: day <= until, days) if day >= since]


def _moved(day: date, by: int, unit: str) -> date:
    if unit == "d":
        return day + timedelta(days=by)
    year, month = divmod(day.year * 12 + day.month - 1 + by, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def records_of(case: Case) -> list[dict[str, str]]:
    """The case's bookings as records of the bookings table."""
    until = min(case.until or case.as_of, case.as_of)
    lines = [(line, until) for name in case.background for line in BACKGROUNDS[name].strip().splitlines()]
    lines += [(line, case.as_of) for line in case.bookings.strip().splitlines()]
    drawn = [
        (day, fields)
        for line, last in lines
        for fields in [[part.strip() for part in line.split("|")]]
        for day in days_of(fields[0], case.since, last)
    ]
    ordered = sorted(drawn, key=lambda booking: booking[0])
    return [record_of(case.customer, at, day, *fields[1:]) for at, (day, fields) in enumerate(ordered)]


def record_of(
    customer: str, at: int, day: date, code: str, amount: str, name: str, text: str, *others: str
) -> dict[str, str]:
    """One booking; banks show a counterparty's account in transfers, and a creditor identifier in direct debits."""
    ended = (day.replace(day=1) - timedelta(days=1)).month
    words = {
        "maand": MONTHS[day.month - 1], "MAAND": MONTHS[day.month - 1].upper(), "mm": f"{day:%m}", "jjjj": f"{day:%Y}",
        "dd": f"{day:%d}", "quarter": str((ended + 2) // 3),
        "nr": f"{zlib.crc32(f'{day} {name}'.encode()) % 10**6:06d}",
    }  # fmt: skip
    if code == "BA" and not text:
        text = "Pasvolgnr: 001 {dd}-{mm}-{jjjj} 14:32 Transactie: {nr} Term: CT9012"
    collector = name.rsplit(" via ", maxsplit=1)[-1]  # who collects for many shops shows his own account
    number = zlib.crc32(collector.encode())
    accounts = {} if code in _NO_ACCOUNT else {"counterparty_iban": f"NL00FAKE{number:010d}"}
    if code == "IC":
        accounts["creditor_id"] = f"NL00ZZZ{number:012d}"
    return {
        "customer_id": customer, "account_iban": "NL00FAKE0000000001", "booking_id": f"b{at}", "booking_date": str(day),
        "amount": amount.lstrip("+-"), "currency": "EUR",
        "credit_debit_indicator": "CRDT" if amount[0] == "+" else "DBIT",
        "counterparty_name": name, "remittance_information": text.format(**words), "bank_transaction_code": code,
        **accounts, **dict(other.split("=", 1) for other in others),
    }  # fmt: skip


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """The model that all of this file asks."""
    folder = tmp_path_factory.mktemp("bank")
    simulate(customers=700, months=20, seed=11, out=folder, rates="enriched")
    taxonomy, screening = default_taxonomy(), default_screening()
    dataset = load_dataset(
        folder / "bookings.parquet", folder / "labels.csv", taxonomy=taxonomy, screening=screening,
        events=folder / "events.csv", permissions=folder / "permissions.csv",
    )  # fmt: skip
    with one_thread():
        return fit_models(dataset, taxonomy=taxonomy, screening=screening, seed=0)


@pytest.fixture(scope="session")
def told(model: Fitted) -> dict[str, pd.DataFrame]:
    """Every case's detections, all customers of a day at once."""
    found = [
        detect_events(bookings_of([case for case in CASES if case.as_of == day]), as_of=day, release=model)
        for day in sorted({case.as_of for case in CASES})
    ]
    return dict(iter(pd.concat(found).groupby("customer_id")))


@pytest.fixture(scope="session")
def trapped(model: Fitted) -> dict[str, dict[str, Any]]:
    """What the traps of `training.fairness` do to the model, by trap."""
    return {fact["trap"]: fact for fact in run_traps(model, naive=None)}


def bookings_of(cases: list[Case]) -> pd.DataFrame:
    read = bookings_from_records([record for case in cases for record in records_of(case)], source="spec")
    assert not read.problems
    return read.frame


def as_parameter(case: Case) -> Any:
    # Not strict: a model that was fitted on other customers errs elsewhere, and doing better than known is no failure.
    wrong = pytest.mark.xfail(reason=case.errs, strict=False, raises=AssertionError)
    return pytest.param(case, id=case.customer, marks=[wrong] if case.errs else [])


@pytest.mark.parametrize("case", [as_parameter(case) for case in CASES])
def test_a_case_is_told_as_it_must_be(case: Case, told: dict[str, pd.DataFrame]) -> None:
    found = told.get(case.customer, pd.DataFrame(columns=["event"]))
    assert not set(case.not_told) & set(found["event"])
    mine = found[found["event"] == case.event]
    said = [(row.onset_date.date(), row.detected_on.date(), row.status) for row in mine.itertuples()]
    assert len(said) == len(case.told), said
    for (onset, detected, status), must in zip(said, case.told, strict=True):
        first, last = must["onset"] if isinstance(must["onset"], list) else (must["onset"], must["onset"])
        assert first <= onset <= last, said
        assert first <= detected <= must["by"], said
        assert status == must.get("status", status), said


def test_every_event_has_its_file_and_every_file_its_event() -> None:
    assert {case.event for case in CASES} == set(default_taxonomy().ids)


def test_every_file_tells_the_event_and_what_only_looks_like_it() -> None:
    for event in default_taxonomy().ids:
        mine = [case for case in CASES if case.event == event]
        assert len(mine) >= 4, event
        assert any(case.told for case in mine), event
        assert any(not case.told for case in mine), event


def test_customers_are_apart() -> None:
    assert len({case.customer for case in CASES}) == len(CASES)


# Events that no single booking tells: silence there proves nothing.
TOLD_BY_NO_BOOKING = {"agency_weekly_pay", "remittance_month", "feast_peaks"}


@pytest.mark.slow
@pytest.mark.parametrize("trap", [trap["id"] for trap in trap_table()["trap"]])
def test_the_model_does_not_step_into_a_trap_of_fairness(trap: str, trapped: dict[str, dict[str, Any]]) -> None:
    facts = trapped[trap]
    figures = facts["release"]
    assert abs(figures["gap"]) <= trap_table()["most_gap_per_1000"]
    if facts["measure"] == "false_alerts":
        assert figures["per_1000"]["trapped"] <= trap_table()["most_gap_per_1000"]
    if trap not in TOLD_BY_NO_BOOKING:  # no silence: what is true is told
        assert min(told for told in figures["found_per_1000"].values() if told is not None) >= 900
