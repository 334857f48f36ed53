"""ING's CSV: fields inside the text, both languages, signs, balances and identities."""

from decimal import Decimal
from pathlib import Path

import pytest

from models.errors import UnreadableDataError
from models.statements import read_statements

HEADER = (
    '"Datum","Naam / Omschrijving","Rekening","Tegenrekening","Code","Af Bij","Bedrag (EUR)","Mutatiesoort",'
    '"Mededelingen","Saldo na mutatie","Tag"\r\n'
)
DEBIT = (
    '"20260912","Energie NL","NL69INGB0123456789","NL22ABNA0123456789","IC","Af","1.100,00","Incasso",'
    '"Naam: Energie Nederland B.V. Omschrijving: termijn IBAN: x Kenmerk: y IBAN: NL22ABNA0123456789 Kenmerk: E2E 1 '
    'Machtiging ID: M-1 Incassant ID: NL35ZZZ273653230000 Doorlopende incasso Valutadatum: 11-09-2026","900,00",""\r\n'
)
CARD = (
    '"20260911","Bakker 12 UTRECHT NLD","NL69INGB0123456789","","BA","Af","12,50","Betaalautomaat",'
    '"Pasvolgnr: 001 10-09-2026 14:32 Transactie: 1A2B3C Term: AB123C Valutadatum: 10-09-2026","2.000,00",""\r\n'
)


def test_direct_debit_is_split_into_fields_and_payer_words_stay_whole(read_text) -> None:
    read = read_text(HEADER + DEBIT + CARD)
    booking = read.frame.iloc[0]
    assert booking["counterparty_name"] == "Energie Nederland B.V."
    assert booking["remittance_information"] == "termijn IBAN: x Kenmerk: y"
    assert booking["counterparty_iban"] == "NL22ABNA0123456789"
    assert booking["end_to_end_id"] == "E2E 1"
    assert booking["mandate_id"] == "M-1"
    assert booking["creditor_id"] == "NL35ZZZ273653230000"
    assert booking["bank_transaction_code"] == "SDD"
    assert str(booking["value_date"].date()) == "2026-09-11"
    assert (booking["amount"], booking["credit_debit_indicator"]) == (Decimal("1100.00"), "DBIT")
    assert booking["balance_after"] == Decimal("900.00")


@pytest.mark.parametrize("name", ["<OFX>", "OFXHEADER", "!Type:Bank", "%PDF", "<html>"])
def test_a_name_that_looks_like_another_kind_of_file_is_a_name(read_text, name: str) -> None:
    assert read_text(HEADER + CARD.replace("Bakker 12", name)).frame.iloc[0]["counterparty_name"].startswith(name)


def test_card_row_keeps_its_whole_text(read_text) -> None:
    booking = read_text(HEADER + CARD).frame.iloc[0]
    assert booking["counterparty_name"] == "Bakker 12 UTRECHT NLD"
    assert booking["remittance_information"] == "Pasvolgnr: 001 10-09-2026 14:32 Transactie: 1A2B3C Term: AB123C"
    assert booking["bank_transaction_code"] == "CARD"


def test_newest_first_file_states_opening_and_closing_balance(read_text) -> None:
    (totals,) = read_text(HEADER + DEBIT + CARD).files[0].totals
    assert (totals.opening, totals.booked, totals.closing) == (
        Decimal("2012.50"),
        Decimal("-1112.50"),
        Decimal("900.00"),
    )
    assert totals.holds


def test_missing_row_shows_in_the_totals(read_text) -> None:
    gap = (
        '"20260911","X","NL69INGB0123456789","","GT","Af","5,00","Online bankieren","Omschrijving: y","1.800,00",""\r\n'
    )
    (totals,) = read_text(HEADER + DEBIT + CARD + gap).files[0].totals
    assert totals.checked
    assert not totals.holds


def test_english_export_of_the_same_rows_is_recognised_as_read_before(tmp_path: Path) -> None:
    english = (
        "Date;Name / Description;Account;Counterparty;Code;Debit/credit;Amount (EUR);Transaction type;Notifications;"
        "Resulting balance;Tag\n"
        "20260912;Energie NL;NL69INGB0123456789;NL22ABNA0123456789;IC;Debit;1100,00;SEPA direct debit;Name: Energie "
        "Nederland B.V. Description: termijn IBAN: x Kenmerk: y IBAN: NL22ABNA0123456789 Reference: E2E 1 "
        "Mandate ID: M-1 Creditor ID: NL35ZZZ273653230000 Recurrent SEPA direct debit Value date: 11/09/2026;900,00;\n"
        "20260911;Bakker 12 UTRECHT NLD;NL69INGB0123456789;;BA;Debit;12,50;Payment terminal;Card sequence no.: 001 "
        "10/09/2026 14:32 Transaction: 1A2B3C Term: AB123C Value date: 10/09/2026;2000,00;\n"
    )
    (tmp_path / "nl.csv").write_text(HEADER + DEBIT + CARD)
    (tmp_path / "en.csv").write_text(english)
    alone = read_statements([tmp_path / "en.csv"])
    assert alone.files[0].variant == "ing_en"
    assert alone.frame["mandate_id"].tolist() == ["M-1", ""]
    both = read_statements([tmp_path / "nl.csv", tmp_path / "en.csv"])
    assert len(both.frame) == 2
    assert [problem.reason for problem in both.problems] == ["already read from nl.csv", "already read from nl.csv"]


def test_identical_rows_of_one_day_are_all_kept_and_told_apart(read_text) -> None:
    read = read_text(HEADER + CARD + CARD + CARD)
    assert len(read.frame) == 3
    assert sorted(name[-2:] for name in read.frame["booking_id"]) == ["-1", "-2", "-3"]


def test_overlapping_export_counts_identical_rows_once(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEADER + CARD + CARD)
    (tmp_path / "b.csv").write_text(HEADER + DEBIT + CARD + CARD)
    read = read_statements([tmp_path / "a.csv", tmp_path / "b.csv"])
    assert len(read.frame) == 3
    assert len(read.problems) == 2


def test_zero_amount_half_cent_and_unknown_sign_are_reported_with_their_line(read_text) -> None:
    def row(sign: str, amount: str) -> str:
        return f'"20260911","X","NL69INGB0123456789","","DV","{sign}","{amount}","Diversen","y","1,00",""\r\n'

    read = read_text(
        HEADER + row("Af", "0,00") + row("Bij", "1,005") + row("?", "1,00") + row("Bij", "x") + row("Bij", "1")
    )
    assert [(problem.line, problem.reason.split(":")[0]) for problem in read.problems] == [
        (2, "amount is zero"),
        (3, "amount has more than two decimals"),
        (4, "has no sign"),
        (5, "amount is no number"),
    ]
    assert read.frame["amount"].tolist() == [Decimal("1.00")]
    assert read.files[0].totals[0].booked == Decimal("2.005")


def test_truncated_last_row_is_one_problem(read_text) -> None:
    read = read_text((HEADER + DEBIT + CARD)[:-90])
    assert len(read.frame) == 1
    assert [problem.line for problem in read.problems] == [3]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_encodings_and_line_ends_make_no_difference(read_text, encoding: str) -> None:
    text = (HEADER + CARD.replace("Bakker", "Café Zoë")).replace("\r\n", "\n" if encoding == "cp1252" else "\r\n")
    booking = read_text(text.encode(encoding)).frame.iloc[0]
    assert booking["counterparty_name"] == "Café Zoë 12 UTRECHT NLD"


def test_savings_file_and_internal_transfers(read_text) -> None:
    text = (
        '"Datum";"Omschrijving";"Rekening";"Rekening naam";"Tegenrekening";"Af Bij";"Bedrag";"Valuta";"Mutatiesoort";'
        '"Mededelingen";"Saldo na mutatie"\n'
        '"2026-09-11";"Overboeking van betaalrekening NL69";"V 123-45678";"Oranje Spaarrekening";"NL69INGB0123456789";'
        '"Bij";"1,11";"EUR";"Storting";"Van Oranje spaarrekening Afronding";"101,11"\n'
    )
    read = read_text(text)
    booking = read.frame.iloc[0]
    assert read.files[0].variant == "ing_savings_nl"
    assert (booking["account_iban"], booking["bank_transaction_code"]) == ("V 123-45678", "INTERNAL")
    assert booking["credit_debit_indicator"] == "CRDT"


def test_english_credit_card_file_has_points_as_decimals(read_text) -> None:
    text = (
        "Account number,Card number,Name,Transaction date,Booking date,Transaction type,Amount in EUR,Description\n"
        '1234,5100,J Jansen,2026-09-11,2026-09-12,Payment,"-1,234.56",WINKEL BERLIN\n'
    )
    booking = read_text(text).frame.iloc[0]
    assert (booking["amount"], booking["credit_debit_indicator"]) == (Decimal("1234.56"), "DBIT")


def test_header_without_rows_is_a_file_without_bookings(read_text) -> None:
    with pytest.raises(UnreadableDataError, match="holds no statement"):
        read_text(HEADER)
