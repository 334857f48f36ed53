"""How a booking was paid, from the codes of banks and standards."""

import pandas as pd
import pytest

from models.payments import kinds_of
from models.statements.codes import KINDS, kind_from_text, says_benefit, transaction_kind
from models.statements.ing_text import split_ing_text
from models.statements.rows import parse_amount


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("BA", "CARD"), ("GM", "CASH"), ("GT", "SCT"), ("OV", "SCT"), ("VZ", "SCT_BATCH"), ("IC", "SDD"),
        ("ID", "IDEAL"), ("IW", "IDEAL"), ("DV", "FEE"), ("NTRF", "SCT"), ("NDDT", "SDD"), ("NRTI", "RETURN"),
        ("NCHG", "FEE"), ("NTRF/00203", "SALARY"), ("NTRF/00100", "SCT"), ("NTRF/00200", "SCT_BATCH"),
        ("NDDT/01016", "SDD"), ("NRTI/01315", "RETURN"), ("NTRF/00106", "IDEAL"), ("NMSC", "OTHER"),
        ("NIOB", "INTERNAL"), ("NBEA", "CARD"), ("PMNT-RDDT-ESDD", "SDD"), ("PMNT-ICDT-ESCT", "SCT"),
        ("PMNT-RCDT-SALA", "SALARY"), ("PMNT-CCRD-POSD", "CARD"), ("PMNT-CCRD-CWDL", "CASH"),
        ("ACMT-MDOP-CHRG", "FEE"), ("PMNT-RCDT-RRTN", "RETURN"), ("XXXX-YYYY-ZZZZ", "OTHER"), ("ei", "SDD"),
        ("sb", "SALARY"), ("id", "IDEAL"), ("tb", "INTERNAL"), ("bc", "CARD"), ("GVC/166", "SCT"), ("GVC/105", "SDD"),
        ("GVC/999", "OTHER"), ("iDEAL/Wero", "IDEAL"), ("SEPA Incasso algemeen doorlopend", "SDD"),
        ("SEPA BATCH SALARIS", "SALARY"), ("", "OTHER"), ("???", "OTHER"), ("Betaalautomaat", "CARD"),
    ],
)  # fmt: skip
def test_codes_of_banks_and_standards(raw: str, kind: str) -> None:
    assert transaction_kind(raw) == kind


@pytest.mark.parametrize("kind", KINDS)
def test_a_normalised_code_stays_what_it_is(kind: str) -> None:
    assert transaction_kind(kind) == kind


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("2.200,00", ",", "2200.00"), ("2200,5", ",", "2200.5"), ("1.234", ",", "1234"), ("1.234", ".", "1.234"),
        ("1,234", ".", "1234"), ("1,234.56", ".", "1234.56"), ("1,234.56", ",", "1234.56"), ("-3,50", ",", "-3.50"),
        ("3,50-", ",", "-3.50"), ("500,", ",", "500.0"), ("+0000012,00", ",", "12.00"), ("1'000.50", ".", "1000.50"),
    ],
)  # fmt: skip
def test_amounts_as_banks_write_them(text: str, decimal: str, value: str) -> None:
    assert str(parse_amount(text, decimal=decimal)) == value


@pytest.mark.parametrize("text", ["", "x", "1e5", "NaN", "--1", "1,2,3", "1.2.3", "٣", "1_000", "0x1", "9" * 17])
def test_what_is_no_amount_is_none(text: str) -> None:
    assert parse_amount(text) is None


@pytest.mark.parametrize(
    ("text", "benefit"),
    [
        ("KINDERBIJSLAG 4E KWARTAAL 2025", True), ("AKW-uitkering", True), ("WW-UITKERING mei", True),
        ("UITKERING PW 01-2026", True), ("VOORSCHOT KINDGEBONDEN BUDGET 2026", True), ("Ouderdomspensioen mei", True),
        ("salaris mei", False), ("loon periode 3 pensioen", False), ("eindejaarsuitkering", False),
        ("vakantie-uitkering", False), ("Awwal BV mei", False), ("", False),
    ],
)  # fmt: skip
def test_a_text_says_that_it_is_a_benefit_and_no_salary(text: str, benefit: bool) -> None:
    assert says_benefit(text) is benefit


def test_a_benefit_with_the_code_of_a_salary_is_a_transfer() -> None:
    texts = ["AOW MEI", "SALARIS MEI", "AOW MEI"]
    bookings = pd.DataFrame({"bank_transaction_code": ["sb", "sb", "CARD"], "remittance_information": texts})
    assert kinds_of(bookings).tolist() == ["SCT", "SALARY", "CARD"]
    assert kinds_of(bookings[:0]).tolist() == []
    assert kinds_of(bookings.assign(bank_transaction_code="OV", purpose_code="SALA")).tolist() == [
        "SCT",
        "SALARY",
        "SCT",
    ]


def test_payer_words_that_look_like_keys_stay_words() -> None:
    split = split_ing_text("Naam: A Omschrijving: zie IBAN: hieronder Kenmerk: 5 Valutadatum: 01-02-2026")
    assert (split.name, split.text, split.fields) == ("A", "zie IBAN: hieronder", {"kenmerk": "5"})
    assert str(split.value_date) == "2026-02-01"


def test_text_without_keys_is_the_whole_text() -> None:
    split = split_ing_text("Naar Oranje spaarrekening X12345678 Afronding")
    assert (split.name, split.text, split.fields) == ("", "Naar Oranje spaarrekening X12345678 Afronding", {})


def test_moment_of_payment_may_stand_before_the_account() -> None:
    split = split_ing_text(
        "Naam: A Omschrijving: koffie Datum/Tijd: 25-01-2026 10:44:03 IBAN: NL22ABNA0123456789 Valutadatum: 25-01-2026"
    )
    assert (split.text, split.fields["iban"]) == ("koffie", "NL22ABNA0123456789")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Kosten betaalpakket 09-2025", "FEE"),
        ("Maandelijkse kosten basispakket", "FEE"),
        ("Debetrente roodstand december", "FEE"),
        ("kosten huwelijksvoltrekking", "OTHER"),
        ("kosten crematie", "OTHER"),
        ("McDonalds Schiedam SCHIEDAM, NL", "CARD"),
        ("Conad Rimini ITA 26-07-2026 17:44", "CARD"),
        ("vakantie Rimini, IT", "OTHER"),
        ("KOSTEN BANKSTEL", "OTHER"),
        ("Debetrente hypotheek", "OTHER"),
        ("TANDARTS DE JONG, BV", "OTHER"),
        ("GEBOEKT OP 12-05-2025 10:00 UUR", "OTHER"),
        ("HUUR ZAAL VAN 12-05-2025 10:00", "OTHER"),
        ("Borrel 21:30 pas 12", "OTHER"),
        ("factuur\\2025\\AB", "OTHER"),
    ],
)
def test_a_text_tells_a_kind_where_no_code_does(text: str, kind: str) -> None:
    assert kind_from_text(text) == kind
