"""CSV and TAB files of banks other than ING, from their column maps."""

from decimal import Decimal

import pytest

from models.errors import UnreadableDataError

RABOBANK = (
    '"IBAN/BBAN","Munt","BIC","Volgnr","Datum","Rentedatum","Bedrag","Saldo na trn","Tegenrekening IBAN/BBAN",'
    '"Naam tegenpartij","Naam uiteindelijke partij","Naam initiërende partij","BIC tegenpartij","Code","Batch ID",'
    '"Transactiereferentie","Machtigingskenmerk","Incassant ID","Betalingskenmerk","Omschrijving-1","Omschrijving-2",'
    '"Omschrijving-3","Reden retour","Oorspr bedrag","Oorspr munt","Koers"\r\n'
)


def test_rabobank_signed_amounts_fields_and_joined_texts(read_text) -> None:
    rows = (
        '"NL35RABO0300065264","EUR","RABONL2U","000000000000000001","2026-03-01","2026-03-02","-37,49","+62,51",'
        '"NL22ABNA0123456789","Energie","","","ABNANL2A","ei","","REF1","MND1","NL35ZZZ273653230000","","termijn","maart",'
        '" ","","","",""\r\n'
        '"NL35RABO0300065264","EUR","RABONL2U","000000000000000002","2026-03-02","2026-03-02","+2.500,00","+2562,51",'
        '"NL69INGB0123456789","Werkgever","","","INGBNL2A","sb","","","","","","Salaris maart","","","","","",""\r\n'
    )
    read = read_text((RABOBANK + rows).encode("cp1252"))
    first, second = read.frame.iloc[0], read.frame.iloc[1]
    assert read.files[0].variant == "rabobank"
    assert (first["amount"], first["credit_debit_indicator"]) == (Decimal("37.49"), "DBIT")
    assert first["remittance_information"] == "termijn maart"
    assert (first["mandate_id"], first["creditor_id"], first["end_to_end_id"]) == (
        "MND1",
        "NL35ZZZ273653230000",
        "REF1",
    )
    assert (first["bank_transaction_code"], second["bank_transaction_code"]) == ("SDD", "SALARY")
    (totals,) = read.files[0].totals
    assert (totals.opening, totals.closing, totals.holds) == (Decimal("100.00"), Decimal("2562.51"), True)


def test_abn_amro_tab_texts_of_every_kind(read_text) -> None:
    texts = [
        ("-25,00", "75,00", "BEA   NR:A1B23C   30.12.21/09.15 Winkel EV1,PAS123               ZAANDAM"),
        ("-10,00", "65,00", "SEPA Incasso algemeen doorlopend Incassant: NL35ZZZ273653230000  Naam: Energie B.V."
         "              Machtiging: M 1                  Omschrijving: termijn             IBAN: NL22ABNA0123456789"
         "         Kenmerk: K-1"),
        ("-5,00", "60,00", "/TRTP/iDEAL/Wero/IBAN/NL22ABNA0123456789/BIC/ABNANL2A/NAME/Shop a/b/REMI/order 1/2"
         "/EREF/E-1"),
        ("-20,00", "40,00", "GEA, Betaalpas                   Geldmaat Plein 2,PAS123          NR:012345, 12.02.23"),
    ]  # fmt: skip
    before, lines = Decimal("100.00"), []
    for amount, after, text in texts:
        start = f"{before:.2f}".replace(".", ",")
        lines.append(f"123456789\tEUR\t20230212\t{start}\t{after}\t20230212\t{amount}\t{text}\n")
        before = Decimal(after.replace(",", "."))
    read = read_text("".join(lines))
    frame = read.frame
    assert read.files[0].variant == "abn_tab"
    assert frame["bank_transaction_code"].tolist() == ["CARD", "SDD", "IDEAL", "CASH"]
    assert frame["counterparty_name"].tolist() == ["Winkel EV1", "Energie B.V.", "Shop a/b", "Geldmaat Plein 2"]
    assert frame["remittance_information"][0] == "BEA NR:A1B23C 30.12.21/09.15 Winkel EV1,PAS123 ZAANDAM"
    assert frame["remittance_information"].tolist()[1:3] == ["termijn", "order 1/2"]
    assert frame["mandate_id"].tolist() == ["", "M 1", "", ""]
    assert frame["end_to_end_id"].tolist() == ["", "K-1", "E-1", ""]
    (totals,) = read.files[0].totals
    assert (totals.opening, totals.closing, totals.holds) == (Decimal("100.00"), Decimal("40.00"), True)


def test_volksbank_balance_stands_before_the_booking(read_text) -> None:
    row = (
        "02-01-2026,NL52ASNB0707159423,,,,,,EUR,100.00,EUR,-2.85,02-01-2026,02-01-2026,7903,BEA,30265846,'ref/1',"
        "'Koffie 12      >Utrecht   2.01.2026  9U59',27\n"
    )
    read = read_text(row)
    booking = read.frame.iloc[0]
    assert read.files[0].variant == "volksbank"
    assert (booking["balance_after"], booking["end_to_end_id"]) == (Decimal("97.15"), "ref/1")
    assert (booking["counterparty_name"], booking["bank_transaction_code"]) == ("Koffie 12", "CARD")
    (totals,) = read.files[0].totals
    assert (totals.opening, totals.closing, totals.holds) == (Decimal("100.00"), Decimal("97.15"), True)


def test_bunq_and_knab(read_text) -> None:
    bunq = (
        '"Date","Interest Date","Amount","Account","Counterparty","Name","Description"\n'
        '"2026-01-02","2026-01-02","-1.234,56","NL47BUNQ2025181418","NL69INGB0123456789","Verhuurder","huur januari"\n'
    )
    booking = read_text(bunq, "bunq").frame.iloc[0]
    assert (booking["amount"], booking["counterparty_name"]) == (Decimal("1234.56"), "Verhuurder")
    knab = (
        "KNAB EXPORT;;;;;;;;;;;;;;;;\n"
        "Rekeningnummer;Transactiedatum;Valutacode;CreditDebet;Bedrag;Tegenrekeningnummer;Tegenrekeninghouder;Valutadatum;"
        "Betaalwijze;Omschrijving;Type betaling;Machtigingsnummer;Incassant ID;Adres;Referentie;Boekdatum;\n"
        '"NL95KNAB0255499590";"02-01-2026";"EUR";"D";"58,96";"NL59ABNA0626226163";"Drukker";"02-01-2026";"iDEAL";"order";'
        '"iDEAL";"";"";"";"B6K21PGKGO755NPK";"02-01-2026";\n'
    )
    read = read_text(knab, "knab")
    booking = read.frame.iloc[0]
    assert (booking["booking_id"], booking["bank_transaction_code"]) == ("B6K21PGKGO755NPK", "IDEAL")
    assert booking["credit_debit_indicator"] == "DBIT"


def test_unknown_header_is_refused_by_name_of_the_trouble(read_text) -> None:
    with pytest.raises(UnreadableDataError, match="header fits no variant"):
        read_text("Buchungstag;Betrag;Verwendungszweck\n01.02.2026;1,00;x\n")


def test_account_decides_the_customer(tmp_path) -> None:
    from models.statements import read_statements

    path = tmp_path / "t.tab"
    path.write_text(
        "123456789\tEUR\t20230212\t1,00\t2,00\t20230212\t1,00\tSEPA Overboeking                 Naam: A\n"
        "987654321\tEUR\t20230212\t1,00\t2,00\t20230212\t1,00\tSEPA Overboeking                 Naam: A\n"
    )
    read = read_statements([path], customer="K9", customers={"123456789": "K1"})
    assert read.frame["customer_id"].tolist() == ["K1", "K9"]


def test_file_that_breaks_off_inside_its_last_text_does_not_book_half_a_text(read_text) -> None:
    text = (
        '"Date","Interest Date","Amount","Account","Counterparty","Name","Description"\n'
        '"2026-01-02","2026-01-02","-1,00","NL47BUNQ2025181418","","Bakker","brood"\n'
        '"2026-01-03","2026-01-03","-2,00","NL47BUNQ2025181418","","Verhuurder","huur janu'
    )
    read = read_text(text)
    assert read.frame["remittance_information"].tolist() == ["brood"]
    assert [str(problem) for problem in read.problems] == ["statement:3: the file breaks off inside this row"]


def test_abn_amro_values_that_fill_their_cell_go_on_in_the_next(read_text) -> None:
    cells = [
        "SEPA Incasso algemeen doorlopend", "Incassant: NL35ZZZ273653230000", "Naam: Verzekeringsmaatschappij De",
        "Boer B.V.", "Machtiging: DD-01234567890123456", "7-890-1", "Omschrijving: nota september nr 1", " van 2",
    ]  # fmt: skip
    text = "".join(cell.ljust(32 if number % 2 else 33) for number, cell in enumerate(cells))
    booking = read_text(f"123456789\tEUR\t20230212\t1,00\t2,00\t20230212\t1,00\t{text}\n").frame.iloc[0]
    assert booking["mandate_id"] == "DD-012345678901234567-890-1"
    assert booking["remittance_information"] == "nota september nr 1 van 2"
    assert booking["creditor_id"] == "NL35ZZZ273653230000"


def test_a_fee_in_its_own_column_leaves_the_account_with_the_amount(read_text) -> None:
    # 0 + (100 - 1) = 99; 99 - (10 + 0.50) = 88.50; the savings product has a balance of its own: 0 + 20.
    rows = (
        "TOPUP,Current,2026-03-01 10:00:00,2026-03-01 10:00:01,Top-Up,100.00,1.00,EUR,COMPLETED,99.00\n"
        "ATM,Current,2026-03-02 10:00:00,2026-03-03 10:00:00,Cash,-10.00,0.50,EUR,COMPLETED,88.50\n"
        "CARD_PAYMENT,Current,2026-03-04 10:00:00,,Hotel,-50.00,0.00,EUR,PENDING,\n"
        "TRANSFER,Savings,2026-03-02 10:00:00,2026-03-02 10:00:00,To Savings,20.00,0.00,EUR,COMPLETED,20.00\n"
        "FEE,Current,2026-03-05 10:00:00,2026-03-05 10:00:00,Plan fee,0.00,2.99,EUR,COMPLETED,85.51\n"
    )
    header = "Type,Product,Started Date,Completed Date,Description,Amount,Fee,Currency,State,Balance\n"
    read = read_text(header + rows)
    assert read.frame["amount"].astype(str).tolist() == ["99.00", "10.50", "20.00", "2.99"]
    assert read.frame["credit_debit_indicator"].tolist() == ["CRDT", "DBIT", "CRDT", "DBIT"]
    assert [(str(t.opening), str(t.closing), t.holds) for t in read.files[0].totals] == [
        ("0.00", "85.51", True),
        ("0.00", "20.00", True),
    ]
    assert [problem.line for problem in read.problems] == [4]


@pytest.mark.parametrize(
    "header",
    [
        "Datum,Empfänger,Kontonummer,Transaktionstyp,Verwendungszweck,Kategorie,Betrag (EUR)\n",
        "Datum,Begunstigde,Rekeningnummer,Transactietype,Betalingskenmerk,Categorie,Bedrag (EUR)\n",
        "Date,Payee,Account number,Transaction type,Payment reference,Category,Amount (EUR)\n",
    ],
)
def test_n26_in_three_languages(read_text, header: str) -> None:
    read = read_text(header + '2026-03-02,Laden,DE12500105170648489890,Income,"huur, maart",x,-1250.00\n')
    row = read.frame.iloc[0]
    assert read.files[0].variant == "n26"
    assert (str(row["amount"]), row["credit_debit_indicator"]) == ("1250.00", "DBIT")
    assert (row["counterparty_name"], row["remittance_information"]) == ("Laden", "huur, maart")


@pytest.mark.parametrize("heading", ["Soort", "D/C", "Debit/Credit"])
def test_a_sign_in_a_column_that_nobody_knows_is_refused_and_not_read_as_money_in(read_text, heading: str) -> None:
    header = f"Datum,Rekening,Bedrag,{heading},Naam,Tegenrekening,Omschrijving\n"
    with pytest.raises(UnreadableDataError, match="fits no variant"):
        read_text(header + "2026-03-02,NL37TRIO0390123456,10.00,Debet,J,NL69INGB0123456789,huur\n")


def test_a_column_more_than_the_bank_used_to_write_is_no_reason_to_refuse(read_text) -> None:
    header = '"Date","Interest Date","Amount","Account","Counterparty","Name","Description","Category"\n'
    row = '"2026-03-02","2026-03-02","-1.234,56","NL52BUNQ2025012345","NL69INGB0123456789","Jan","huur","Wonen"\n'
    read = read_text(header + row)
    assert read.files[0].variant == "bunq"
    assert read.frame["credit_debit_indicator"].tolist() == ["DBIT"]


def test_kbc_columns_of_credit_and_debit_beside_the_amount_do_no_harm(read_text) -> None:
    header = (
        "Rekeningnummer;Rubrieknaam;Naam;Munt;Afschriftnummer;Datum;Omschrijving;Valuta;Bedrag;Saldo;credit;debet;"
        "rekeningnummer tegenpartij;BIC tegenpartij;Naam tegenpartij;Adres tegenpartij;gestructureerde mededeling;"
        "Vrije mededeling\r\n"
    )
    row = (
        "BE68539007547034;;J;EUR; 02026003;02/03/2026;OVERSCHRIJVING;02/03/2026;-1.250,00;-250,00;;-1.250,00;"
        "BE71096123456769;KREDBEBB;HUURBAAS;;;huur\r\n"
    )
    read = read_text(header + row)
    booking = read.frame.iloc[0]
    assert (str(booking["amount"]), booking["credit_debit_indicator"]) == ("1250.00", "DBIT")
    assert (booking["counterparty_name"], booking["remittance_information"]) == ("HUURBAAS", "OVERSCHRIJVING huur")
    assert read.files[0].totals[0].holds


def test_a_comma_between_apostrophes_parts_no_field(read_text) -> None:
    rows = (
        "02-03-2026,NL52ASNB0707159423,NL69INGB0123456789,j de boer,,,,EUR,100.00,EUR,-12.50,02-03-2026,02-03-2026,"
        "8810,OVB,123,,'huur, kamer 3, maart',3\n"
        "03-03-2026,NL52ASNB0707159423,,,,,,EUR,87.50,EUR,10.00,03-03-2026,03-03-2026,8810,STO,124,,'x',3\n"
    )
    read = read_text(rows)
    assert read.frame["remittance_information"].tolist() == ["huur, kamer 3, maart", "x"]
    assert read.files[0].totals[0].holds


def test_a_heading_of_two_languages_gives_its_text_once(read_text) -> None:
    header = "accountNumber;mutationcode;transactiondate;valuedate;startsaldo;endsaldo;amount;description\n"
    text = "/TRTP/SEPA OVERBOEKING/IBAN/NL69INGB0123456789/NAME/Jan/REMI/huur/EREF/NOTPROVIDED"
    read = read_text(header + f"123456789;EUR;20260302;20260302;100,00;88,00;-12,00;{text}\n")
    row = read.frame.iloc[0]
    assert (row["remittance_information"], row["end_to_end_id"]) == ("huur", "")


ABN_ROW = (
    "123456789\tEUR\t{day}\t{before}\t{after}\t{day}\t{amount}\t"
    "SEPA Overboeking                 IBAN: NL00FAKE0000000001\n"
)
VOLKSBANK_ROW = (
    "{day},NL00FAKE0000000002,NL00FAKE0000000001,{name},,,,EUR,{before},EUR,{amount},{day},{day},9802,OVB,3141867{n},,"
    "'huur',27\n"
)
TRIODOS_ROW = '"{day}","NL00FAKE0000000003","10,00","Debet",{name},"NL00FAKE0000000001","IC","Huur","{before}"\n'


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        (
            ABN_ROW.format(day="2026013", before="1000,00", after="900,00", amount="-100,00"),
            ABN_ROW.format(day="20260201", before="900,00", after="890,00", amount="-10,00"),
        ),
        (
            VOLKSBANK_ROW.format(day="01-02-2026", name="jansen, p", before="2960.53", amount="-1100.00", n=5),
            VOLKSBANK_ROW.format(day="02-02-2026", name="bakker", before="1860.53", amount="-10.00", n=6),
        ),
        (
            TRIODOS_ROW.format(day="01-02-2026", name='"WOON","STICHTING"', before="3.200,10"),
            TRIODOS_ROW.format(day="03-02-2026", name='"EKOPLAZA"', before="3.155,00"),
        ),
    ],
    ids=["abn", "volksbank", "triodos"],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_an_odd_row_of_a_file_without_a_header_is_told_wherever_it_stands(
    read_text, bad: str, good: str, is_first: bool
) -> None:
    read = read_text(bad + good if is_first else good + bad)
    assert len(read.frame) == 1
    assert len(read.problems) == 1


def test_a_title_above_rows_without_a_header_is_no_row(read_text) -> None:
    read = read_text("Mutaties\n" + ABN_ROW.format(day="20260201", before="900,00", after="890,00", amount="-10,00"))
    assert (len(read.frame), len(read.problems)) == (1, 0)


def test_rabobank_tells_who_is_paid_through_another_in_which_currency_and_why_it_came_back(read_text) -> None:
    row = (
        '"NL35RABO0300065264","EUR","RABONL2U","00000000000000000{n}","2026-03-0{n}","2026-03-0{n}","{amount}","+62,51",'
        '"NL00FAKE0000000001","{name}","{ultimate}","","","{code}","","","","","","{text}","","","{reason}",'
        '"{foreign}","{money}",""\r\n'
    )
    plain = {"ultimate": "", "reason": "", "foreign": "", "money": "", "name": "Stichting Mollie Payments"}
    rows = [
        {"n": 1, "amount": "-37,49", "code": "id", "text": "order 1", **plain, "ultimate": "Kinderopvang Dribbel"},
        {"n": 2, "amount": "-23,30", "code": "ba", "text": "London", **plain, "foreign": "-20,04", "money": "GBP"},
        {"n": 3, "amount": "+25,00", "code": "ei", "text": "termijn", **plain, "reason": "MS03"},
        {"n": 4, "amount": "+25,00", "code": "cb", "text": "x", **plain, "ultimate": "Iemand", "money": "EUR"},
    ]
    frame = read_text((RABOBANK + "".join(row.format(**told) for told in rows)).encode("cp1252")).frame
    assert frame["counterparty_name"].tolist() == [
        "Kinderopvang Dribbel via Stichting Mollie Payments", *["Stichting Mollie Payments"] * 3,
    ]  # fmt: skip
    assert frame["remittance_information"].tolist() == ["order 1", "London Valuta: 20,04 GBP", "termijn MS03", "x"]
