"""Bookings as the statement files that banks send: ING CSV, CAMT.053, MT940 (ING, structured) and PSD2 JSON.

No format carries everything: `canonical` says what is left of bookings that go through a format (see
statement_carry), so that reading a written file can be compared with it.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal
from xml.sax.saxutils import escape

import pandas as pd

from models.statements.identity import BookingIds
from models.statements.ing_text import is_iban
from models.statements.reading import build_frame
from models.statements.rows import StatementRow, clean_text
from training.simulation.statement_carry import (
    CASH_DEPOSIT,
    ISO_CODES,
    SWIFT_LINE,
    StatementFormat,
    carry_row,
    is_structured,
    mt940_details,
    split_pieces,
)

EXTENSIONS: dict[StatementFormat, str] = {"ing": "csv", "camt": "xml", "mt940": "940", "psd2": "json"}
_ING_TYPES = {
    "BA": ("Betaalautomaat", "Payment terminal"), "GM": ("Geldautomaat", "Cash machine"),
    "GT": ("Online bankieren", "Online Banking"), "VZ": ("Verzamelbetaling", "Batch payment"),
    "OV": ("Overschrijving", "Transfer"), "IC": ("Incasso", "SEPA direct debit"), "ID": ("iDEAL", "iDEAL"),
    "DV": ("Diversen", "Various"), "ST": ("Storting", "Deposit"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class AccountStatement:
    """Bookings of one account in one currency, oldest first, between two balances."""

    account: str
    currency: str
    opening: Decimal
    rows: tuple[StatementRow, ...]

    @property
    def closing(self) -> Decimal:
        """Opening balance plus all bookings."""
        return self.opening + sum((row.signed for row in self.rows), Decimal(0))


def write_statement(
    frame: pd.DataFrame,
    path: Path,
    *,
    format: StatementFormat,
    opening: Mapping[str, Decimal] | None = None,
    language: Literal["nl", "en"] = "nl",
    delimiter: str = ",",
) -> None:
    """Write bookings as one statement file; each account and currency becomes a statement with consistent balances.

    Parameters
    ----------
    frame
        A bookings table (models.bookings); all customers in it.
    opening
        Opening balance by account_iban. Missing: from `balance_after` of the oldest booking, else zero.
    language, delimiter
        Of the ING CSV only.

    Raises
    ------
    UsageError
        The format cannot carry a currency or a year in the frame.
    """
    statements = build_statements(frame, format=format, opening=opening or {})
    if format == "ing":
        text = _ing_csv(statements, language=language, delimiter=delimiter)
    else:
        writers: dict[str, Callable[[list[AccountStatement]], str]] = {"camt": _camt, "mt940": _mt940, "psd2": _psd2}
        text = writers[format](statements)
    path.write_bytes(text.encode("utf-8"))


def write_statements(
    bookings: pd.DataFrame,
    out_dir: Path,
    *,
    formats: Sequence[StatementFormat] = ("ing", "camt", "mt940", "psd2"),
    customers: Sequence[str] | None = None,
) -> list[Path]:
    """One file per customer and format, named `<customer_id>.<format>.<extension>`; `customers` None means all.

    ING CSV has no column for a currency, and ING exports no accounts in other ones: they are in the other files only.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    wanted = None if customers is None else set(customers)
    paths: list[Path] = []
    for customer, own in bookings.groupby("customer_id", sort=True):
        if wanted is not None and customer not in wanted:
            continue
        for name in formats:
            path = out_dir / f"{customer}.{name}.{EXTENSIONS[name]}"
            carried = own[own["currency"].isin(["", "EUR"])] if name == "ing" else own
            if len(carried):
                write_statement(carried, path, format=name)
                paths.append(path)
    return paths


def canonical(frame: pd.DataFrame, *, format: StatementFormat) -> pd.DataFrame:
    """What a format can carry of bookings, as reading the file must give it; no customer_id."""
    rows = [row for statement in build_statements(frame, format=format, opening={}) for row in statement.rows]
    return build_frame(rows, BookingIds().assign(rows))


def build_statements(
    frame: pd.DataFrame, *, format: StatementFormat, opening: Mapping[str, Decimal]
) -> list[AccountStatement]:
    """Rows as the format carries them, by account and currency, oldest first."""
    groups: dict[tuple[str, str], list[tuple[StatementRow, StatementRow]]] = {}
    # The bookings of a joint account stand in a table once per holder, on its statement once.
    for row in _rows(frame.drop_duplicates(["account_iban", "booking_id"])):
        carried = carry_row(row, format=format)
        groups.setdefault((carried.account, carried.currency), []).append((carried, row))
    statements = []
    for (account, currency), pairs in sorted(groups.items()):
        pairs.sort(key=lambda pair: pair[0].booking_date or date.min)
        first = pairs[0][1]
        start = opening.get(account)
        if start is None:
            start = first.balance_after - first.signed if first.balance_after is not None else Decimal("0.00")
        statements.append(AccountStatement(account, currency, start, tuple(carried for carried, _ in pairs)))
    return statements


def _rows(frame: pd.DataFrame) -> Iterator[StatementRow]:
    for number, record in enumerate(frame.to_dict("records"), start=1):
        value_date, balance = record["value_date"], record["balance_after"]
        yield StatementRow(
            number,
            account=record["account_iban"],
            booking_date=record["booking_date"].date(),
            value_date=None if pd.isna(value_date) else value_date.date(),
            amount=record["amount"],
            currency=record["currency"] or "EUR",
            indicator=record["credit_debit_indicator"],
            name=clean_text(record["counterparty_name"]),
            iban=record["counterparty_iban"],
            creditor_id=record["creditor_id"],
            mandate_id=clean_text(record["mandate_id"]),
            end_to_end_id=clean_text(record["end_to_end_id"]),
            purpose=record["purpose_code"],
            kind=record["bank_transaction_code"] or "OTHER",
            text=clean_text(record["remittance_information"]),
            balance_after=None if pd.isna(balance) else balance,
            reference=record["booking_id"],
        )


# ING CSV ------------------------------------------------------------------------------------------------------------


def _ing_text(row: StatementRow, *, english: bool) -> str:
    def key(dutch: str, translated: str) -> str:
        return translated if english else dutch

    form = "%d/%m/%Y" if english else "%d-%m-%Y"
    parts: list[str] = []
    if is_structured(row):
        parts += [f"{key('Naam', 'Name')}: {row.name}"] if row.name else []
        parts += [f"{key('Omschrijving', 'Description')}: {row.text}"] if row.text or not row.name else []
        parts += [f"IBAN: {row.iban}"] if is_iban(row.iban) else []
        parts += [f"{key('Kenmerk', 'Reference')}: {row.end_to_end_id}"] if row.end_to_end_id else []
        parts += [f"{key('Machtiging ID', 'Mandate ID')}: {row.mandate_id}"] if row.mandate_id else []
        parts += [f"{key('Incassant ID', 'Creditor ID')}: {row.creditor_id}"] if row.creditor_id else []
        if row.kind == "IC" and (row.mandate_id or row.creditor_id):
            parts.append(key("Doorlopende incasso", "Recurrent SEPA direct debit"))
    elif row.text:
        parts.append(row.text)
    if row.value_date:
        parts.append(f"{key('Valutadatum', 'Value date')}: {row.value_date.strftime(form)}")
    return " ".join(parts)


def _ing_csv(statements: list[AccountStatement], *, language: str, delimiter: str) -> str:
    english = language == "en"
    header = (
        ["Date", "Name / Description", "Account", "Counterparty", "Code", "Debit/credit", "Amount (EUR)",
         "Transaction type", "Notifications", "Resulting balance", "Tag"]
        if english
        else ["Datum", "Naam / Omschrijving", "Rekening", "Tegenrekening", "Code", "Af Bij", "Bedrag (EUR)",
              "Mutatiesoort", "Mededelingen", "Saldo na mutatie", "Tag"]
    )  # fmt: skip
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(header)
    words = {"DBIT": "Debit", "CRDT": "Credit"} if english else {"DBIT": "Af", "CRDT": "Bij"}
    for statement in statements:
        # ING writes the newest row first.
        for row in reversed(statement.rows):
            code = "GT" if row.kind == "INTERNAL" else row.kind
            code = "ST" if code == "GM" and row.indicator == "CRDT" else code
            balance = "" if row.balance_after is None else f"{row.balance_after:.2f}".replace(".", ",")
            writer.writerow(
                [f"{row.booking_date:%Y%m%d}", row.name, row.account, row.iban, code, words[row.indicator],
                 f"{row.amount:.2f}".replace(".", ","), _ING_TYPES[code][english], _ing_text(row, english=english),
                 balance, ""]
            )  # fmt: skip
    return out.getvalue()


# MT940 --------------------------------------------------------------------------------------------------------------


def _wrap_swift(text: str) -> list[str]:
    """Lines of at most 65 characters; a colon or hyphen at the start of one would be a field or the end."""
    lines = []
    while len(text) > SWIFT_LINE:
        breaks = [at for at in range(SWIFT_LINE, SWIFT_LINE - 5, -1) if text[at] not in ":- "]
        at = next((at for at in breaks if text[at - 1] != " "), breaks[0])
        lines.append(text[:at])
        text = text[at:]
    return [*lines, text]


def _balance_field(tag: str, amount: Decimal, day: date, currency: str) -> str:
    mark = "D" if amount < 0 else "C"
    return f":{tag}:{mark}{day:%y%m%d}{currency}{abs(amount):.2f}".replace(".", ",")


def _mt940(statements: list[AccountStatement]) -> str:
    lines: list[str] = []
    for number, statement in enumerate(statements, start=1):
        first, last = statement.rows[0].booking_date or date.min, statement.rows[-1].booking_date or date.min
        lines += ["{1:F01INGBNL2ABXXX0000000000}", "{2:I940INGBNL2AXXXN}", "{4:", f":20:P{last:%y%m%d}{number:09d}"]
        lines += [f":25:{statement.account}{statement.currency}", ":28C:00000"]
        lines.append(_balance_field("60F", statement.opening, first - timedelta(days=1), statement.currency))
        for row in statement.rows:
            lines += _mt940_row(row)
        lines += [_balance_field("62F", statement.closing, last, statement.currency), "-}"]
    return "\r\n".join(lines) + "\r\n"


def _mt940_row(row: StatementRow) -> list[str]:
    code, _, trcd = row.kind.partition("/")
    mark = "C" if row.indicator == "CRDT" else "D"
    owner = "EREF" if row.end_to_end_id else "NONREF"
    amount = f"{row.amount:.2f}".replace(".", ",")
    days = f"{row.value_date:%y%m%d}{row.booking_date:%m%d}"
    head = f":61:{days}{mark}{amount}{code}{owner}//{row.reference or '00000000000000'}"
    details = _wrap_swift(mt940_details(row))
    return [head, *([f"/TRCD/{trcd}/"] if trcd else []), f":86:{details[0]}", *details[1:]]


# CAMT.053 -----------------------------------------------------------------------------------------------------------


def _tag(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>" if text else ""


def _camt(statements: list[AccountStatement]) -> str:
    body = "".join(_camt_statement(number, statement) for number, statement in enumerate(statements, start=1))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">'
        "<BkToCstmrStmt><GrpHdr><MsgId>1</MsgId><CreDtTm>2000-01-01T00:00:00+01:00</CreDtTm></GrpHdr>"
        f"{body}</BkToCstmrStmt></Document>\n"
    )


def _camt_account(account: str) -> str:
    inner = _tag("IBAN", account) if is_iban(account) else f"<Othr>{_tag('Id', account or 'NOTPROVIDED')}</Othr>"
    return f"<Id>{inner}</Id>"


def _camt_balance(code: str, amount: Decimal, currency: str, day: date) -> str:
    return (
        f'\n<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="{currency}">{abs(amount):.2f}</Amt>'
        f"<CdtDbtInd>{'DBIT' if amount < 0 else 'CRDT'}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"
    )


def _camt_statement(number: int, statement: AccountStatement) -> str:
    first, last = statement.rows[0].booking_date or date.min, statement.rows[-1].booking_date or date.min
    return (
        f"\n<Stmt><Id>{number}</Id><CreDtTm>{last}T23:59:59+01:00</CreDtTm><Acct>{_camt_account(statement.account)}"
        f"<Ccy>{statement.currency}</Ccy></Acct>"
        + _camt_balance("OPBD", statement.opening, statement.currency, first)
        + _camt_balance("CLBD", statement.closing, statement.currency, last)
        + "".join(_camt_entry(row) for row in statement.rows)
        + "\n</Stmt>"
    )


def _camt_code(kind: str, indicator: str) -> str:
    if kind == "IDEAL":
        return "<BkTxCd><Prtry><Cd>IDEAL</Cd></Prtry></BkTxCd>"
    deposit = kind == "CASH" and indicator == "CRDT"
    domain, family, sub = (CASH_DEPOSIT if deposit else ISO_CODES[kind]).split("-")
    return f"<BkTxCd><Domn><Cd>{domain}</Cd><Fmly><Cd>{family}</Cd><SubFmlyCd>{sub}</SubFmlyCd></Fmly></Domn></BkTxCd>"


def _camt_entry(row: StatementRow) -> str:
    value_date = f"<ValDt><Dt>{row.value_date}</Dt></ValDt>" if row.value_date else ""
    batch = "<Btch><NbOfTxs>2</NbOfTxs></Btch>" if row.kind == "SCT_BATCH" else ""
    return (
        f'\n<Ntry><Amt Ccy="{row.currency}">{row.amount:.2f}</Amt><CdtDbtInd>{row.indicator}</CdtDbtInd>'
        f"<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{row.booking_date}</Dt></BookgDt>{value_date}"
        f"{_tag('AcctSvcrRef', row.reference)}{_camt_code(row.kind, row.indicator)}<NtryDtls>{batch}"
        f"<TxDtls>{_camt_details(row)}</TxDtls>"
        "</NtryDtls></Ntry>"
    )


def _camt_details(row: StatementRow) -> str:
    side = "Dbtr" if row.indicator == "CRDT" else "Cdtr"
    identity = f"<Id><PrvtId><Othr>{_tag('Id', row.creditor_id)}</Othr></PrvtId></Id>" if row.creditor_id else ""
    party = _tag("Nm", row.name)
    if side == "Cdtr":
        party, identity = party + identity, ""
    related = f"<{side}><Pty>{party}</Pty></{side}>" if party else ""
    related += f"<{side}Acct>{_camt_account(row.iban)}</{side}Acct>" if row.iban else ""
    related += f"<Cdtr><Pty>{identity}</Pty></Cdtr>" if identity else ""
    remittance = "".join(_tag("Ustrd", piece) for piece in split_pieces(row.text))
    references = (
        f"<EndToEndId>{escape(row.end_to_end_id or 'NOTPROVIDED')}</EndToEndId>{_tag('MndtId', row.mandate_id)}"
    )
    return (
        f"<Refs>{references}</Refs>"
        + (f"<RltdPties>{related}</RltdPties>" if related else "")
        + (f"<Purp>{_tag('Cd', row.purpose)}</Purp>" if row.purpose else "")
        + (f"<RmtInf>{remittance}</RmtInf>" if remittance else "")
    )


# PSD2 ---------------------------------------------------------------------------------------------------------------


def _psd2(statements: list[AccountStatement]) -> str:
    accounts = [_psd2_account(statement) for statement in statements]
    return json.dumps(accounts[0] if len(accounts) == 1 else accounts, ensure_ascii=False, indent=1)


def _psd2_account(statement: AccountStatement) -> dict[str, object]:
    balances = [
        {"balanceAmount": _psd2_money(amount, statement.currency), "balanceType": kind}
        for kind, amount in (("openingBooked", statement.opening), ("closingBooked", statement.closing))
    ]
    account: dict[str, str] = {"iban": statement.account, "currency": statement.currency}
    booked = [_psd2_booking(row) for row in statement.rows]
    return {"account": account, "balances": balances, "transactions": {"booked": booked, "pending": []}}


def _psd2_money(amount: Decimal, currency: str) -> dict[str, str]:
    return {"currency": currency, "amount": f"{amount:.2f}"}


def _psd2_booking(row: StatementRow) -> dict[str, object]:
    side = "debtor" if row.indicator == "CRDT" else "creditor"
    fields: dict[str, object] = {
        "entryReference": row.reference,
        "bookingDate": str(row.booking_date),
        "valueDate": str(row.value_date) if row.value_date else "",
        "transactionAmount": _psd2_money(row.signed, row.currency),
        f"{side}Name": row.name,
        f"{side}Account": {"iban": row.iban} if row.iban else "",
        "creditorId": row.creditor_id,
        "mandateId": row.mandate_id,
        "endToEndId": row.end_to_end_id,
        "purposeCode": row.purpose,
        "proprietaryBankTransactionCode": row.kind,
        "remittanceInformationUnstructured": row.text,
    }
    if row.balance_after is not None:
        fields["balanceAfterTransaction"] = {"balanceAmount": _psd2_money(row.balance_after, row.currency)}
    return {name: value for name, value in fields.items() if value != ""}
