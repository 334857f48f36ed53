"""Bookings that are written in a format and read again are what the format can carry of them."""

import random
from datetime import date
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.bookings import COLUMN_NAMES, bookings_schema, load_bookings
from models.errors import UsageError
from models.statements import read_statements
from models.statements.reading import build_frame
from models.statements.rows import StatementRow
from training.simulation import simulate
from training.simulation.statement_carry import StatementFormat
from training.simulation.statement_files import EXTENSIONS, canonical, write_statement, write_statements

FORMATS: tuple[StatementFormat, ...] = ("ing", "camt", "mt940", "psd2")
IBANS = ("NL69INGB0123456789", "NL91ABNA0417164300", "NL35RABO0300065264")
WORDS = (
    "huur", "KINDERBIJSLAG 2E KWARTAAL 2026", "Kenmerk: 12", "IBAN: x", "Omschrijving: y", "Naam: Z", "a//b", "/EREF/1",
    "REMI/USTD//", "{4:", "-}", ":61:", "-", "--", "ş", "café", "Jürgen & Zn", "AH *1234", "<b>", "]]>", "&amp;",
    "\x0b", "\u200f", "😀", "Valutadatum: 01-02-2026", "Doorlopende incasso", "?20SVWZ+", "/TRTP/iDEAL/", "Costs: 1,00",
    '"', "'", ";", ",", "Naar Oranje spaarrekening X12345678", "=1+1", "x" * 90, "01/02/2026", "NOTPROVIDED", "\\",
    "\n", "Pasvolgnr: 001", "\ufeff",
)  # fmt: skip
texts = st.lists(st.sampled_from(WORDS) | st.text(max_size=12), max_size=6).map(" ".join)
days = st.dates(date(1990, 1, 1), date(2040, 12, 31))


@st.composite
def statement_rows(draw: st.DrawFn) -> StatementRow:
    name, text = draw(texts), draw(texts)
    return StatementRow(
        1,
        account=draw(st.sampled_from(IBANS)),
        booking_date=draw(days),
        value_date=draw(st.none() | days),
        amount=Decimal(draw(st.integers(1, 10**11))).scaleb(-2),
        currency=draw(st.sampled_from(["EUR", "USD", "PLN"])),
        indicator=draw(st.sampled_from(["CRDT", "DBIT"])),
        name=name,
        iban=draw(st.sampled_from(["", *IBANS])),
        creditor_id=draw(st.sampled_from(["", "NL35ZZZ273653230000"])),
        mandate_id=draw(st.just("") | texts.map(lambda text: text.strip()[:35])),
        end_to_end_id=draw(st.just("") | texts.map(lambda text: text.strip()[:35])),
        purpose=draw(st.sampled_from(["", "SALA", "BECH"])),
        kind=draw(
            st.sampled_from(["CARD", "CASH", "SCT", "SCT_BATCH", "SALARY", "SDD", "IDEAL", "FEE", "RETURN", "OTHER"])
        ),
        text=text or ("x" if not name.strip() else ""),
        balance_after=draw(st.none() | st.integers(-(10**11), 10**11).map(lambda cents: Decimal(cents).scaleb(-2))),
    )


def make_frame(rows: list[StatementRow]) -> pd.DataFrame:
    frame = build_frame(rows, [f"REF{number:09d}" for number in range(len(rows))])
    frame["customer_id"] = "K1"
    return frame


def comparable(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """Bookings without their ids: identical rows of one day share their ids out in the order of the file."""
    columns = [name for name in COLUMN_NAMES if name not in ("customer_id", "booking_id")]
    return sorted(tuple(str(value) for value in row) for row in frame[columns].itertuples(index=False))


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(statement_rows(), min_size=1, max_size=8))
def test_written_bookings_read_back_as_what_the_format_carries(
    form: StatementFormat, rows: list[StatementRow], tmp_path: Path
) -> None:
    for row in rows:
        row.currency = "EUR" if form == "ing" else row.currency
    frame = make_frame(rows)
    path = tmp_path / f"statement.{EXTENSIONS[form]}"
    write_statement(frame, path, format=form)
    read = read_statements([path])
    assert read.problems == []
    assert comparable(read.frame) == comparable(canonical(frame, format=form))
    assert sorted(read.frame["booking_id"]) == sorted(canonical(frame, format=form)["booking_id"])
    bookings_schema().validate(read.frame)
    if form != "ing":
        assert all(totals.holds for totals in read.files[0].totals)


def plain_rows() -> list[StatementRow]:
    base = StatementRow(
        1, account=IBANS[0], booking_date=date(2026, 9, 14), value_date=date(2026, 9, 13), currency="EUR"
    )
    csid = "NL35ZZZ273653230000"
    values = [
        ("DBIT", "12.50", "Albert Heijn UTRECHT", "", "", "", "", "CARD", "Pasvolgnr: 001 12-09-2026 14:32", "87.50"),
        ("CRDT", "286.45", "Sociale Verzekeringsb", IBANS[1], "", "", "REF 1", "SCT_BATCH", "KINDERBIJSLAG", "373.95"),
        ("DBIT", "100.00", "Eneco", IBANS[2], csid, "M-1", "E-2", "SDD", "termijn september", "273.95"),
    ]  # fmt: skip
    rows = []
    for indicator, amount, name, iban, creditor, mandate, reference, kind, text, balance in values:
        row = StatementRow(**{field: getattr(base, field) for field in base.__slots__})
        row.indicator, row.amount, row.name, row.iban = indicator, Decimal(amount), name, iban
        row.creditor_id, row.mandate_id, row.end_to_end_id, row.kind, row.text = (
            creditor,
            mandate,
            reference,
            kind,
            text,
        )
        row.balance_after = Decimal(balance)
        rows.append(row)
    return rows


@pytest.mark.parametrize("form", FORMATS)
def test_ordinary_bookings_lose_nothing_but_what_the_format_has_no_place_for(form: StatementFormat) -> None:
    frame = make_frame(plain_rows())
    carried = canonical(frame, format=form)
    lost = {"ing": ["booking_id"], "camt": ["balance_after"], "mt940": ["balance_after"], "psd2": []}[form]
    kept = [name for name in COLUMN_NAMES if name not in ("customer_id", *lost)]
    pd.testing.assert_frame_equal(carried[kept], frame[kept])


def test_opening_balance_comes_from_the_oldest_booking_and_totals_hold(tmp_path: Path) -> None:
    for form in FORMATS:
        path = tmp_path / f"{form}.txt"
        write_statement(make_frame(plain_rows()), path, format=form)
        (totals,) = read_statements([path]).files[0].totals
        assert (totals.opening, totals.booked, totals.closing) == (
            Decimal("100.00"),
            Decimal("173.95"),
            Decimal("273.95"),
        )
        assert totals.holds


def test_dutch_and_english_ing_files_give_the_same_ids(tmp_path: Path) -> None:
    frame = make_frame(plain_rows())
    write_statement(frame, tmp_path / "nl.csv", format="ing")
    write_statement(frame, tmp_path / "en.csv", format="ing", language="en", delimiter=";")
    read = read_statements([tmp_path / "nl.csv", tmp_path / "en.csv"])
    assert len(read.frame) == 3
    assert [problem.reason for problem in read.problems] == ["already read from nl.csv"] * 3


def test_every_customer_gets_a_file_in_every_format(tmp_path: Path) -> None:
    frame = pd.concat([make_frame(plain_rows()), make_frame(plain_rows()).assign(customer_id="K2")])
    paths = write_statements(frame, tmp_path, formats=("ing", "psd2"), customers=["K2"])
    assert [path.name for path in paths] == ["K2.ing.csv", "K2.psd2.json"]
    assert all(len(read_statements([path]).frame) == 3 for path in paths)


def test_ing_csv_refuses_a_currency_it_has_no_column_for(tmp_path: Path) -> None:
    frame = make_frame(plain_rows()).assign(currency="SEK")
    with pytest.raises(UsageError, match="SEK"):
        write_statement(frame, tmp_path / "x.csv", format="ing")


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Bookings of a small bank with joint accounts, accounts in other currencies and cash paid in."""
    folder = tmp_path_factory.mktemp("bank")
    simulate(customers=26, months=5, seed=19, out=folder)
    return load_bookings(folder / "bookings.parquet").frame


def customers_of_interest(bank: pd.DataFrame) -> list[str]:
    """Both holders of a joint account, the holders of an account in another currency, and a depositor of cash."""
    holders = bank.groupby("account_iban")["customer_id"].nunique()
    joint = bank.loc[bank["account_iban"] == holders.index[holders == 2][0], "customer_id"].unique()
    foreign = bank.loc[bank["currency"] != "EUR", "customer_id"].unique()
    paid_in = (bank["bank_transaction_code"] == "CASH") & (bank["credit_debit_indicator"] == "CRDT")
    assert len(joint) == 2
    assert len(foreign) >= 1
    return [*joint, *foreign, bank.loc[paid_in, "customer_id"].iloc[0]]


@pytest.mark.parametrize("form", FORMATS)
def test_joint_accounts_other_currencies_and_cash_paid_in_read_back_equal(
    form: StatementFormat, bank: pd.DataFrame, tmp_path: Path
) -> None:
    for customer in customers_of_interest(bank):
        own = bank[bank["customer_id"] == customer]
        carried = own[own["currency"] == "EUR"] if form == "ing" else own
        (path,) = write_statements(bank, tmp_path, formats=[form], customers=[customer])
        read = read_statements([path])
        assert read.problems == []
        assert len(read.frame) == len(carried)
        assert comparable(read.frame) == comparable(canonical(carried, format=form))
        assert all(totals.holds for totals in read.files[0].totals)
        assert set(read.frame["currency"]) == set(carried["currency"])
        kinds = read.frame["bank_transaction_code"].value_counts(), carried["bank_transaction_code"].value_counts()
        assert form == "mt940" or kinds[0].get("CASH", 0) == kinds[1].get("CASH", 0)


def test_one_statement_has_a_booking_of_a_joint_account_once(tmp_path: Path) -> None:
    both = pd.concat([make_frame(plain_rows()), make_frame(plain_rows()).assign(customer_id="K2")])
    write_statement(both, tmp_path / "joint.xml", format="camt")
    read = read_statements([tmp_path / "joint.xml"])
    assert read.problems == []
    assert len(read.frame) == 3
    assert read.files[0].totals[0].holds


def make_customer(number: int) -> pd.DataFrame:
    """A year of ordinary bookings of one customer."""
    rng, rows, balance = random.Random(number), [], Decimal("1000.00")
    for month in range(1, 13):
        for day in sorted(rng.sample(range(1, 29), rng.randint(1, 4))):
            kind, name, text = rng.choice(ORDINARY)
            amount, credit = Decimal(rng.randint(1, 300_000)).scaleb(-2), rng.random() < 0.3
            balance += amount if credit else -amount
            debit_order = kind == "SDD"
            row = StatementRow(
                1, account=f"NL{10 + number % 80}INGB{number:010d}", booking_date=date(2026, month, day),
                amount=amount, currency="EUR", indicator="CRDT" if credit else "DBIT", name=name, text=text, kind=kind,
                iban="" if kind in ("CARD", "CASH") else rng.choice(IBANS),
                creditor_id="NL35ZZZ273653230000" if debit_order else "",
                mandate_id=f"M{number}" if debit_order else "",
                end_to_end_id=f"E{rng.randint(1, 999)}" if debit_order else "", balance_after=balance,
            )  # fmt: skip
            row.value_date = row.booking_date
            rows.append(row)
    frame = build_frame(rows, [f"C{number:05d}R{at:05d}" for at in range(len(rows))])
    return frame.assign(customer_id=f"K{number}")


ORDINARY = (
    ("CARD", "Albert Heijn 1234 UTRECHT NLD", "Pasvolgnr: 001 12-09-2026 14:32 Transactie: 1A2B3C Term: AB123C"),
    ("CASH", "Geldmaat Plein 2 UTRECHT", "Pasvolgnr: 001 12-09-2026 14:32 Transactie: 1A2B3C Term: AB123C"),
    ("SCT_BATCH", "Sociale Verzekeringsbank", "KINDERBIJSLAG 2E KWARTAAL 2026"),
    ("SDD", "Energie Nederland B.V.", "termijn september klant 123"),
    ("IDEAL", "Bol via Stichting Mollie Payments", "bestelling 55 0030001826916174"),
    ("SCT", "J. de Boer", "etentje, dank je wel"),
    ("SCT", "Ş. Yılmaz e/o F. Çelik", "huur kamer café Zoë"),
    ("OTHER", "", "Rente 01-06-2026"),
)


def test_two_hundred_customers_read_back_equal_from_every_format(tmp_path: Path) -> None:
    bookings = pd.concat([make_customer(number) for number in range(200)], ignore_index=True)
    for form in FORMATS:
        path = tmp_path / f"all.{EXTENSIONS[form]}"
        write_statement(bookings, path, format=form)
        read = read_statements([path])
        assert read.problems == []
        assert comparable(read.frame) == comparable(canonical(bookings, format=form))
        assert len(read.files[0].accounts) == 200
        assert all(totals.holds for totals in read.files[0].totals)
