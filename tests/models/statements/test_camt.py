"""CAMT.052, 053 and 054: versions, details, reversals, pending entries, broken and hostile files."""

from decimal import Decimal

import pytest

from models.errors import UnreadableDataError


def entry(
    amount: str,
    indicator: str = "CRDT",
    inner: str = "",
    status: str = "<Sts><Cd>BOOK</Cd></Sts>",
    day: str = "2026-01-02",
) -> str:
    return (
        f'<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{indicator}</CdtDbtInd>{status}'
        f"<BookgDt><Dt>{day}</Dt></BookgDt>{inner}</Ntry>"
    )


def document(*entries: str, kind: str = "camt.053.001.08", opening: str = "100.00", closing: str = "") -> str:
    root, statement = {
        "camt.052": ("BkToCstmrAcctRpt", "Rpt"),
        "camt.053": ("BkToCstmrStmt", "Stmt"),
        "camt.054": ("BkToCstmrDbtCdtNtfctn", "Ntfctn"),
    }[kind[:8]]

    def balance(code: str, amount: str) -> str:
        if not amount:
            return ""
        sign = "DBIT" if amount.startswith("-") else "CRDT"
        return (
            f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy='EUR'>{amount.strip('-')}</Amt>"
            f"<CdtDbtInd>{sign}</CdtDbtInd></Bal>"
        )

    return (
        f'<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:{kind}"><{root}><{statement}>'
        f"<Acct><Id><IBAN>NL69INGB0123456789</IBAN></Id></Acct>{balance('OPBD', opening)}{balance('CLBD', closing)}"
        f"{''.join(entries)}</{statement}></{root}></Document>"
    )


DIRECT_DEBIT = (
    "<AcctSvcrRef>20260102000001</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RDDT</Cd><SubFmlyCd>ESDD</SubFmlyCd>"
    "</Fmly></Domn></BkTxCd><NtryDtls><TxDtls><Refs><EndToEndId>E-1</EndToEndId><MndtId>M-1</MndtId></Refs><RltdPties>"
    "<Dbtr>{own}</Dbtr><Cdtr>{party}</Cdtr><CdtrAcct><Id><IBAN>NL22ABNA0123456789</IBAN></Id></CdtrAcct></RltdPties>"
    "<Purp><Cd>OTHR</Cd></Purp><RmtInf><Ustrd>termijn</Ustrd><Ustrd>januari</Ustrd></RmtInf></TxDtls></NtryDtls>"
)
CSID = "<Id><PrvtId><Othr><Id>NL35ZZZ273653230000</Id><SchmeNm><Prtry>SEPA</Prtry></SchmeNm></Othr></PrvtId></Id>"


@pytest.mark.parametrize(
    ("kind", "wrap"),
    [("camt.053.001.02", "{}"), ("camt.053.001.08", "<Pty>{}</Pty>"), ("camt.053.001.13", "<Pty>{}</Pty>")],
)
def test_versions_nest_names_differently_and_give_the_same_fields(read_text, kind: str, wrap: str) -> None:
    inner = DIRECT_DEBIT.format(own=wrap.format("<Nm>Ik</Nm>"), party=wrap.format(f"<Nm>Energie &amp; Zn</Nm>{CSID}"))
    read = read_text(document(entry("12.5", "DBIT", inner), kind=kind, closing="87.50"))
    booking = read.frame.iloc[0]
    assert booking["counterparty_name"] == "Energie & Zn"
    assert (booking["counterparty_iban"], booking["creditor_id"]) == ("NL22ABNA0123456789", "NL35ZZZ273653230000")
    assert (booking["end_to_end_id"], booking["mandate_id"], booking["purpose_code"]) == ("E-1", "M-1", "OTHR")
    assert (booking["remittance_information"], booking["booking_id"]) == ("termijn januari", "20260102000001")
    assert (booking["bank_transaction_code"], booking["amount"]) == ("SDD", Decimal("12.50"))
    assert read.files[0].variant == kind[9:]
    assert read.files[0].totals[0].holds


def details(*amounts: str) -> str:
    return (
        "<AcctSvcrRef>BATCH0000000001</AcctSvcrRef><NtryDtls>"
        + "".join(
            f"<TxDtls><Amt Ccy='EUR'>{amount}</Amt><RltdPties><Dbtr><Nm>Klant {number}</Nm></Dbtr></RltdPties></TxDtls>"
            for number, amount in enumerate(amounts, start=1)
        )
        + "</NtryDtls>"
    )


def test_batch_with_amounts_becomes_one_booking_per_detail(read_text) -> None:
    read = read_text(document(entry("30.00", inner=details("10.00", "20.00")), closing="130.00"))
    assert read.frame["amount"].tolist() == [Decimal("10.00"), Decimal("20.00")]
    assert read.frame["booking_id"].tolist() == ["BATCH0000000001/1", "BATCH0000000001/2"]
    assert read.frame["counterparty_name"].tolist() == ["Klant 1", "Klant 2"]
    assert read.files[0].totals[0].holds


def test_batch_whose_details_do_not_add_up_stays_one_booking(read_text) -> None:
    read = read_text(document(entry("30.00", inner=details("10.00", "19.00")), closing="130.00"))
    assert read.frame["amount"].tolist() == [Decimal("30.00")]
    assert read.frame["bank_transaction_code"].tolist() == ["SCT_BATCH"]
    assert "do not add up" in read.files[0].notes[0]


def test_pending_entries_are_reported_and_stay_out_of_the_totals(read_text) -> None:
    read = read_text(
        document(entry("5.00", status="<Sts>PDNG</Sts>"), entry("1.00", status="<Sts>BOOK</Sts>"), closing="101.00")
    )
    assert [problem.reason for problem in read.problems] == ["is not booked yet (status PDNG)"]
    assert len(read.frame) == 1
    assert read.files[0].totals[0].holds


def test_reversal_keeps_its_indicator_and_is_a_return(read_text) -> None:
    booking = read_text(document(entry("5.00", "DBIT", "<RvslInd>true</RvslInd>"))).frame.iloc[0]
    assert (booking["credit_debit_indicator"], booking["bank_transaction_code"]) == ("DBIT", "RETURN")


@pytest.mark.parametrize("kind", ["camt.052.001.06", "camt.054.001.02"])
def test_reports_and_notifications_without_balances(read_text, kind: str) -> None:
    read = read_text(document(entry("5.00"), kind=kind, opening=""))
    assert (read.files[0].format, len(read.frame)) == (kind[:8], 1)
    assert not read.files[0].totals[0].checked


def test_late_utc_moment_is_the_next_day_in_amsterdam(read_text) -> None:
    text = document(entry("5.00")).replace("<Dt>2026-01-02</Dt>", "<DtTm>2026-01-02T23:30:00Z</DtTm>")
    assert str(read_text(text).frame["booking_date"].iloc[0].date()) == "2026-01-03"


def test_truncated_file_keeps_what_was_whole_and_says_where_it_breaks_off(read_text) -> None:
    text = document(entry("5.00"), entry("6.00"), closing="111.00")
    read = read_text(text[: text.index('<Ntry><Amt Ccy="EUR">6') + 30])
    assert read.frame["amount"].tolist() == [Decimal("5.00")]
    assert [problem.reason for problem in read.problems] == [
        "the file breaks off or is broken here; what follows is missing"
    ]


def test_entity_bomb_and_external_entity_are_refused(read_text, tmp_path) -> None:
    bomb = "<!DOCTYPE d [" + "".join(
        f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "ha"}">' for n in range(12)
    ) + "]>"  # fmt: skip
    outside = f'<!DOCTYPE d [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]>'
    (tmp_path / "secret").write_text("secret")
    for doctype in (bomb, outside):
        text = document(entry("5.00", inner="<AddtlNtryInf>&x;&a11;</AddtlNtryInf>")).replace("?>", "?>" + doctype)
        with pytest.raises(UnreadableDataError, match="document type"):
            read_text(text)


def test_garbled_amount_and_missing_date_are_reported_with_a_line(read_text) -> None:
    read = read_text(document("\n" + entry("GARBLED"), "\n" + entry("1.00", day="2026-02-30"), "\n" + entry("1.00")))
    assert [(problem.line, problem.reason[:12]) for problem in read.problems] == [
        (2, "amount is no"),
        (3, "booking date"),
    ]
    assert len(read.frame) == 1


@pytest.mark.parametrize("namespace", ["pain.001.001.03", "pain.008.001.02", "camt.029.001.03"])
def test_other_messages_are_refused_by_name(read_text, namespace: str) -> None:
    with pytest.raises(UnreadableDataError, match=f"{namespace[:8]} message, which is not a supported statement type"):
        read_text(f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{namespace}"><X/></Document>')


def test_additional_information_of_a_card_entry_names_the_shop(read_text) -> None:
    inner = "<AddtlNtryInf>BEA, Betaalpas   Winkel 12,PAS123   NR:0ABC0D, 02.01.26/14:37  UTRECHT</AddtlNtryInf>"
    booking = read_text(document(entry("5.00", "DBIT", inner))).frame.iloc[0]
    assert (booking["counterparty_name"], booking["bank_transaction_code"]) == ("Winkel 12", "CARD")


RETURNED = (
    "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RDDT</Cd><SubFmlyCd>UPDD</SubFmlyCd></Fmly></Domn></BkTxCd><NtryDtls><TxDtls>"
    "<RltdPties><Dbtr><Nm>Ik</Nm></Dbtr><DbtrAcct><Id><IBAN>NL69INGB0123456789</IBAN></Id></DbtrAcct><Cdtr>"
    "<Nm>Sportschool</Nm></Cdtr><CdtrAcct><Id><IBAN>NL22ABNA0123456789</IBAN></Id></CdtrAcct></RltdPties></TxDtls>"
    "</NtryDtls>"
)


def test_a_debit_that_comes_back_names_the_creditor_and_not_the_holder(read_text) -> None:
    read = read_text(document(entry("7.00", inner=RETURNED), closing="107.00"))
    row = read.frame.iloc[0]
    assert (row["credit_debit_indicator"], row["bank_transaction_code"]) == ("CRDT", "RETURN")
    assert (row["counterparty_name"], row["counterparty_iban"]) == ("Sportschool", "NL22ABNA0123456789")


def test_amounts_without_a_currency_are_in_that_of_the_balances(read_text) -> None:
    bare = entry("7.00", inner="<AddtlNtryInf>x</AddtlNtryInf>").replace(' Ccy="EUR"', "")
    read = read_text(document(bare, closing="107.00").replace("Ccy='EUR'", "Ccy='USD'"))
    assert read.frame["currency"].tolist() == ["USD"]
    assert read.files[0].totals[0].holds


def test_who_is_paid_through_another_and_in_which_currency(read_text) -> None:
    inner = (
        "<NtryDtls><TxDtls><AmtDtls><InstdAmt><Amt Ccy='GBP'>10.80</Amt></InstdAmt></AmtDtls><RltdPties>"
        "<Cdtr><Nm>Stichting Mollie Payments</Nm></Cdtr><UltmtCdtr><Nm>Kinderopvang Dribbel</Nm></UltmtCdtr>"
        "</RltdPties><RmtInf><Ustrd>order 1</Ustrd></RmtInf></TxDtls></NtryDtls>"
    )
    booking = read_text(document(entry("12.50", "DBIT", inner), closing="87.50")).frame.iloc[0]
    assert booking["counterparty_name"] == "Kinderopvang Dribbel via Stichting Mollie Payments"
    assert booking["remittance_information"] == "order 1 Valuta: 10.80 GBP"
    assert booking["amount"] == Decimal("12.50")
