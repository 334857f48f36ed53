"""PSD2 JSON: the Berlin Group's form, GoCardless, and forms with snake_case keys."""

import json
from decimal import Decimal

import pytest

from models.errors import UnreadableDataError

BOOKED = {
    "entryReference": "2026-0001-0001",
    "bookingDate": "2026-01-02",
    "valueDate": "2026-01-01",
    "transactionAmount": {"currency": "EUR", "amount": "-12.50"},
    "creditorName": "Energie",
    "creditorAccount": {"iban": "NL22ABNA0123456789"},
    "creditorId": "NL35ZZZ273653230000",
    "mandateId": "M-1",
    "endToEndId": "NOTPROVIDED",
    "remittanceInformationUnstructuredArray": ["termijn", "januari"],
    "bankTransactionCode": "PMNT-RDDT-ESDD",
    "balanceAfterTransaction": {"balanceAmount": {"currency": "EUR", "amount": "87.50"}},
}


def test_berlin_group_account_with_balances_and_pending(read_text) -> None:
    text = {
        "account": {"iban": "NL69INGB0123456789"},
        "balances": [
            {"balanceType": "openingBooked", "balanceAmount": {"currency": "EUR", "amount": "100.00"}},
            {"balanceType": "closingBooked", "balanceAmount": {"currency": "EUR", "amount": 87.5}},
        ],
        "transactions": {"booked": [BOOKED], "pending": [BOOKED]},
    }
    read = read_text(json.dumps(text))
    booking = read.frame.iloc[0]
    assert (booking["amount"], booking["credit_debit_indicator"]) == (Decimal("12.50"), "DBIT")
    assert (booking["counterparty_name"], booking["counterparty_iban"]) == ("Energie", "NL22ABNA0123456789")
    assert (booking["creditor_id"], booking["mandate_id"], booking["end_to_end_id"]) == (
        "NL35ZZZ273653230000",
        "M-1",
        "",
    )
    assert (booking["remittance_information"], booking["booking_id"]) == ("termijn januari", "2026-0001-0001")
    assert (booking["bank_transaction_code"], booking["balance_after"]) == ("SDD", Decimal("87.50"))
    assert [problem.reason for problem in read.problems] == ["is pending or for information, not booked"]
    assert read.files[0].totals[0].holds


def test_gocardless_without_account(read_text) -> None:
    text = {
        "transactions": {
            "booked": [{**BOOKED, "entryReference": None, "internalTransactionId": "ab" * 16}],
            "pending": [],
        }
    }
    booking = read_text(json.dumps(text)).frame.iloc[0]
    assert (booking["account_iban"], booking["booking_id"]) == ("", "ab" * 16)


def test_snake_case_keys_with_an_unsigned_amount(read_text) -> None:
    text = [
        {
            "entry_reference": "2026-0001-0002",
            "booking_date": "2026-01-02",
            "status": "BOOK",
            "transaction_amount": {"currency": "EUR", "amount": "12.50"},
            "credit_debit_indicator": "DBIT",
            "creditor": {"name": "Bakker"},
            "creditor_account": {"iban": "NL22ABNA0123456789"},
            "remittance_information": ["brood"],
        }
    ]
    booking = read_text(json.dumps(text)).frame.iloc[0]
    assert (booking["credit_debit_indicator"], booking["counterparty_name"]) == ("DBIT", "Bakker")
    assert booking["remittance_information"] == "brood"


@pytest.mark.parametrize("text", ['{"transactions": {"booked": [{"a', '{"a": NaN, "booked": []}', "[" * 100_000])
def test_damaged_json_is_refused(read_text, text: str) -> None:
    with pytest.raises(UnreadableDataError, match="no sound JSON"):
        read_text(text)


def test_other_json_is_refused_rather_than_guessed(read_text) -> None:
    with pytest.raises(UnreadableDataError, match="Berlin Group"):
        read_text(json.dumps([{"amount": 0.7, "isExpense": True, "valueDate": "2026-01-02", "transactionId": "x"}]))


def test_texts_that_banks_copy_from_their_statements_are_split(read_text) -> None:
    ing = "Naam: Bakker<br>Omschrijving: brood<br>IBAN: NL22ABNA0123456789<br>Kenmerk: E-1<br>Valutadatum: 01-01-2026"
    abn = "/TRTP/iDEAL/Wero/IBAN/NL22ABNA0123456789/BIC/ABNANL2A/NAME/Shop/REMI/order 1/EREF/E-2"
    booked = [
        {
            "bookingDate": "2026-01-02",
            "transactionAmount": {"currency": "EUR", "amount": "-1.00"},
            "remittanceInformationUnstructured": text,
        }
        for text in (ing, abn)
    ]
    frame = read_text(json.dumps({"transactions": {"booked": booked}})).frame
    assert frame["counterparty_name"].tolist() == ["Bakker", "Shop"]
    assert frame["remittance_information"].tolist() == ["brood", "order 1"]
    assert frame["end_to_end_id"].tolist() == ["E-1", "E-2"]
    assert frame["counterparty_iban"].tolist() == ["NL22ABNA0123456789"] * 2


def test_an_item_without_dates_takes_none_of_the_others_with_it(read_text) -> None:
    good = {
        "transactionId": "2026030201", "bookingDate": "2026-03-02", "creditorName": "Shop",
        "transactionAmount": {"amount": "-45.00", "currency": "EUR"},
    }  # fmt: skip
    bare = {"transactionAmount": {"amount": "-5.00", "currency": "EUR"}, "creditorName": "NoDate"}
    read = read_text(json.dumps({"account": {"iban": "NL69INGB0123456789"}, "transactions": [good, bare]}))
    assert read.frame["amount"].astype(str).tolist() == ["45.00"]
    assert [problem.reason for problem in read.problems] == ["booking date is missing or no date from 1970 to 2199"]


def test_a_card_account_is_told_by_its_masked_number_and_its_details_are_the_text(read_text) -> None:
    item = {
        "cardTransactionId": "201710020036959", "bookingDate": "2026-03-02", "transactionDetails": "WIFIMARKET.SE",
        "transactionAmount": {"currency": "EUR", "amount": "-256.67"}, "proprietaryBankTransactionCode": "PURCHASE",
    }  # fmt: skip
    card = {"cardAccount": {"maskedPan": "525412******3241"}, "cardTransactions": {"booked": [item], "pending": []}}
    row = read_text(json.dumps(card)).frame.iloc[0]
    assert (row["account_iban"], row["remittance_information"]) == ("525412******3241", "WIFIMARKET.SE")
