"""MT940 and MT942 of Dutch and foreign banks."""

from decimal import Decimal

import pytest

from models.errors import UnreadableDataError


def message(
    *fields: str, account: str = "NL69INGB0123456789EUR", opening: str = "C260101EUR100,00", closing: str = ""
) -> str:
    closed = [f":62F:{closing}"] if closing else []
    return "\r\n".join([":20:X", f":25:{account}", ":28C:1", f":60F:{opening}", *fields, *closed, "-}", ""])


def test_ing_structured_fields_and_trcd(read_text) -> None:
    read = read_text(
        "{1:F01INGBNL2ABXXX0000000000}\r\n{2:I940INGBNL2AXXXN}\r\n{4:\r\n"
        + message(
            ":61:2601020102D10,00NDDTEREF//00000000001009",
            "/TRCD/01018/",
            ":86:/EREF/E-1//MARF/MND-1//CSID/NL35ZZZ27365323000",
            "0//CNTP/NL22ABNA0123456789/ABNANL2A/Energie a/b B.V./UTRECHT//REMI/USTD",
            "//termijn 1/2 //januari/",
            ":61:2601030103C2500,5NTRFEREF//00000000001010",
            "/TRCD/00203/",
            ":86:/EREF/E-2//CNTP/NL22ABNA0123456789/ABNANL2A/Werkgever///REMI/STRD/CUR/9001123412341234/",
            closing="C260103EUR2590,50",
        )
    )
    debit, salary = read.frame.iloc[0], read.frame.iloc[1]
    assert debit["counterparty_name"] == "Energie a/b B.V."
    assert debit["creditor_id"] == "NL35ZZZ273653230000"
    assert (debit["mandate_id"], debit["end_to_end_id"]) == ("MND-1", "E-1")
    assert debit["remittance_information"] == "termijn 1/2 //januari"
    assert debit["bank_transaction_code"] == "SDD"
    assert (salary["bank_transaction_code"], salary["remittance_information"]) == ("SALARY", "9001123412341234")
    assert (debit["account_iban"], debit["currency"]) == ("NL69INGB0123456789", "EUR")
    assert read.files[0].totals[0].holds


def test_abn_slash_inside_values_and_card_lines(read_text) -> None:
    read = read_text(
        message(
            ":61:2601020102D5,00N944NONREF",
            ":86:/TRTP/iDEAL/Wero/IBAN/NL22ABNA0123456789/BIC/ABNANL2A/NAME/Shop",
            "/REMI/order 1/2/EREF/E-1",
            ":61:2601020102D11,59N426NONREF",
            ":86:BEA   NR:XXX1234   02.01.26/12.54 DROGIST FIL25 KATWIJK,PAS999",
            account="517852257",
            closing="C260102EUR83,41",
        )
    )
    ideal, card = read.frame.iloc[0], read.frame.iloc[1]
    assert (ideal["bank_transaction_code"], ideal["counterparty_name"]) == ("IDEAL", "Shop")
    assert (ideal["remittance_information"], ideal["end_to_end_id"]) == ("order 1/2", "E-1")
    assert (card["bank_transaction_code"], card["counterparty_name"]) == ("CARD", "DROGIST FIL25 KATWIJK")
    assert read.files[0].totals[0].holds


def test_rabobank_iban_stands_under_the_statement_line(read_text) -> None:
    booking = read_text(
        message(
            ":61:260102D000000000127,50N102EREF            ",
            "NL96RABO0523149468",
            ":86:/EREF/02-01-2026 22:56 112/BENM//NAME/Koffiehuis Nede",
            "rland B.V./REMI/674725433",
            "/ISDT/2026-01-02",
        )
    ).frame.iloc[0]
    assert (booking["counterparty_iban"], booking["remittance_information"]) == ("NL96RABO0523149468", "674725433")
    assert booking["counterparty_name"] == "Koffiehuis Nede rland B.V."
    assert booking["amount"] == Decimal("127.50")


def test_volksbank_name_and_text(read_text) -> None:
    booking = read_text(
        message(
            ":61:2601010101D65,00NOVBNL47INGB9999999999",
            "hr g paulissen",
            ":86:NL47INGB9999999999 hr g paulissen",
            " " * 65,
            "Betaling sieraden" + " " * 48,
            account="NL81ASNB9999999999",
        )
    ).frame.iloc[0]
    assert (booking["counterparty_iban"], booking["counterparty_name"]) == ("NL47INGB9999999999", "hr g paulissen")
    assert (booking["remittance_information"], booking["bank_transaction_code"]) == ("Betaling sieraden", "SCT")


def test_german_subfields_triodos_and_reversals(read_text) -> None:
    read = read_text(
        message(
            ":61:2601010101RCR10,25N068NONREF//2109025460313532",
            ":86:166?00GUTSCHRIFT?10931?20EREF+E 1?21SVWZ+Rechnung ?2242?30ABCDEF?31DE8937040",
            "0440532013000?32Max ?33Muster",
            ":61:260101RD20,00N000NONREF",
            ":86:000>100555555555>20NAAM EN >21TEKST>310666666666",
            closing="C260101EUR109,75",
        )
    )
    german, triodos = read.frame.iloc[0], read.frame.iloc[1]
    assert (german["credit_debit_indicator"], triodos["credit_debit_indicator"]) == ("DBIT", "CRDT")
    assert (german["counterparty_name"], german["counterparty_iban"]) == ("Max Muster", "DE89370400440532013000")
    assert (german["end_to_end_id"], german["remittance_information"]) == ("E 1", "Rechnung 42")
    assert (german["booking_id"], german["bank_transaction_code"]) == ("2109025460313532", "SCT")
    assert (triodos["remittance_information"], triodos["counterparty_iban"]) == ("NAAM EN TEKST", "0555555555")
    assert read.files[0].totals[0].holds


def test_booking_day_is_taken_in_the_year_next_to_the_value_day(read_text) -> None:
    read = read_text(
        message(
            ":61:2601020102D1,NTRFNONREF",
            ":86:a",
            ":61:2512310102D1,NTRFNONREF",
            ":86:b",
            ":61:2601011231D1,NTRFNONREF",
            ":86:c",
        )
    )
    assert [str(day.date()) for day in read.frame["booking_date"]] == ["2026-01-02", "2026-01-02", "2025-12-31"]


def test_february_30_is_the_last_day_of_february(read_text) -> None:
    booking = read_text(message(":61:1602300301DR6,00N024NONREF", ":86:805?00ENTGELT")).frame.iloc[0]
    assert str(booking["value_date"].date()) == "2016-02-29"
    assert booking["bank_transaction_code"] == "FEE"


def test_unreadable_line_is_reported_and_the_rest_goes_on(read_text) -> None:
    read = read_text(
        message(":61:GARBAGE", ":86:x", ":61:2601020102C1,00NTRFNONREF", ":86:y", ":61:2601020102C0,00NTRFNONREF")
    )
    assert [(problem.line, problem.reason[:14]) for problem in read.problems] == [
        (5, "its :61: line "),
        (9, "amount is zero"),
    ]
    assert read.frame["remittance_information"].tolist() == ["y"]


def test_following_messages_become_one_checked_total_and_gaps_show(read_text) -> None:
    first = message(":61:2601020102C1,00NTRFNONREF", ":86:a", closing="C260102EUR101,00")
    second = message(":61:2601030103C1,00NTRFNONREF", ":86:b", opening="C260102EUR101,00", closing="C260103EUR102,00")
    wrong = message(":61:2601040104C1,00NTRFNONREF", ":86:c", opening="C260103EUR102,00", closing="C260104EUR900,00")
    totals = read_text(first + second + wrong).files[0].totals
    assert [(total.opening, total.booked, total.closing, total.holds) for total in totals] == [
        (Decimal("100.00"), Decimal("2.00"), Decimal("102.00"), True),
        (Decimal("102.00"), Decimal("1.00"), Decimal("900.00"), False),
    ]


def test_hyphen_line_inside_a_text_does_not_end_the_message(read_text) -> None:
    read = read_text(
        message(
            ":61:2601020102C1,00NTRFNONREF",
            ":86:eerste",
            "-",
            "tweede",
            ":61:2601020102C2,00NTRFNONREF",
            ":86:b",
            closing="C260102EUR103,00",
        )
    )
    assert read.frame["account_iban"].tolist() == ["NL69INGB0123456789"] * 2
    assert read.frame["remittance_information"].tolist() == ["eerste - tweede", "b"]
    assert read.files[0].totals[0].holds


def test_mt942_has_no_balances(read_text) -> None:
    read = read_text(
        ":20:X\n:25:NL69INGB0123456789\n:28C:1/1\n:34F:EUR0,\n:13D:2601021815+0100\n"
        ":61:2601020102C1,00NTRFNONREF\n:86:a\n:90D:0EUR0,\n:90C:1EUR1,\n"
    )
    assert (read.files[0].format, read.frame["currency"].tolist()) == ("mt942", ["EUR"])
    assert not read.files[0].totals[0].checked


def test_fragment_without_account_balance_or_booking_is_refused(read_text) -> None:
    with pytest.raises(UnreadableDataError, match="holds no statement"):
        read_text(":20:X\n:28C:1\n")


def test_missing_statement_between_two_is_pointed_out(read_text) -> None:
    first = message(":61:2601020102C1,00NTRFNONREF", ":86:a", closing="C260102EUR101,00")
    third = message(":61:2601040104C1,00NTRFNONREF", ":86:c", opening="C260103EUR500,00", closing="C260104EUR501,00")
    file = read_text(first + third).files[0]
    assert [total.holds for total in file.totals] == [True, True]
    assert file.notes == ("a statement opens with another balance than the one before it closed with",)


@pytest.mark.parametrize(("length", "joint"), [(65, ""), (62, ""), (40, " ")])
def test_full_lines_join_without_a_space_and_short_ones_with_one(read_text, length: int, joint: str) -> None:
    read = read_text(message(":61:2601020102C1,00NTRFNONREF", ":86:" + "a" * length, "bcd"))
    assert read.frame["remittance_information"].tolist() == ["a" * length + joint + "bcd"]


def test_abn_columns_without_codewords_are_fields(read_text) -> None:
    cells = [
        "SEPA Overboeking", "IBAN: NL22ABNA0123456789", "BIC: ABNANL2A", "Naam: Verhuurder",
        "Omschrijving: huur van sept 2026", "09 x",
    ]  # fmt: skip
    text = "".join(cell.ljust(32 if number % 2 else 33) for number, cell in enumerate(cells))
    lines = [text[at : at + 65].rstrip() for at in range(0, len(text), 65)]
    fields = message(":61:2601020102D9,00N247NONREF", ":86:" + lines[0], *lines[1:], account="517852257")
    booking = read_text("ABNANL2A\r\n940\r\nABNANL2A\r\n" + fields).frame.iloc[0]
    assert (booking["counterparty_name"], booking["counterparty_iban"]) == ("Verhuurder", "NL22ABNA0123456789")
    assert booking["remittance_information"] == "huur van sept 202609 x"


def test_a_message_without_its_closing_balance_is_pointed_out(read_text) -> None:
    line = ":61:2601020102D10,00NTRFNONREF\r\n:86:huur"
    cut, whole = read_text(message(line)), read_text(message(line, closing="C260102EUR90,00"))
    assert any("cut off" in note for note in cut.files[0].notes)
    assert not any("cut off" in note for note in whole.files[0].notes)


def test_an_amount_with_points_between_thousands_is_read_whole(read_text) -> None:
    read = read_text(message(":61:2603020302C1.234,56NTRFNONREF//1", ":86:a", closing="C260302EUR1334,56"))
    assert [str(amount) for amount in read.frame["amount"]] == ["1234.56"]
    assert read.frame["bank_transaction_code"].tolist() == ["SCT"]
    assert read.files[0].totals[0].holds


def test_the_account_of_field_25_with_option_p_is_the_account(read_text) -> None:
    line = ":61:2603020302C5,00NTRFNONREF//12345678"
    read = read_text(
        message(line, ":86:x", account="NL69INGB0123456789\r\nINGBNL2A", closing="C260302EUR105,00").replace(
            ":25:", ":25P:"
        )
    )
    assert read.frame["account_iban"].tolist() == ["NL69INGB0123456789"]
    assert read.files[0].totals[0].holds


def test_a_name_right_behind_the_codeword_of_the_payer_is_the_name(read_text) -> None:
    text = ":86:/EREF/E2E-1/ORDP/Customer BV/REMI/Invoice 7/9/"
    read = read_text(message(":61:2603020302C30,00NTRFE2E-1//DBREF123456", text, closing="C260302EUR130,00"))
    row = read.frame.iloc[0]
    assert (row["counterparty_name"], row["remittance_information"]) == ("Customer BV", "Invoice 7/9")
    assert row["end_to_end_id"] == "E2E-1"


def test_knab_names_the_other_side_behind_a_full_line_too(read_text) -> None:
    full = "VOORSCHOT KINDEROPVANGTOESLAG APRIL 2026 NR 123456789T990000 2026"
    assert len(full) == 65
    text = (
        ":20:KNAB\r\n:25:NL00FAKE0000000001EUR\r\n:28C:1\r\n:60F:C260101EUR100,00\r\n"
        f":61:2601020102C10,00NTRFNONREF\r\n:86:{full}\r\nREK: NL00FAKE0000000002/NAAM: BELASTINGDIENST\r\n"
        ":62F:C260102EUR110,00\r\n"
    )
    booking = read_text(text).frame.iloc[0]
    assert (booking["counterparty_name"], booking["counterparty_iban"]) == ("BELASTINGDIENST", "NL00FAKE0000000002")
    assert booking["remittance_information"] == full
