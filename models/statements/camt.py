"""CAMT.052, 053 and 054 of any version, streamed: every entry (or each of its details) becomes a row.

Elements are found by local name, so versions and namespaces make no difference. Entities are not resolved, nothing is
fetched, and a document type declaration is refused: no bank sends one.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import IO, Any

from lxml import etree

from models.errors import UnreadableDataError
from models.statements.abn_text import split_abn_text
from models.statements.codes import transaction_kind
from models.statements.rows import (
    StatementNote,
    StatementPart,
    StatementRow,
    StatementTotal,
    clean_text,
    name_behind,
    parse_amount,
    parse_moment,
    provided,
    say_currency,
)

_STATEMENTS = ("Stmt", "Rpt", "Ntfctn")
_OPENING = ("OPBD", "PRCD", "ITBD")
_CLOSING = ("CLBD", "ITBD")
_BOOKED = ("BOOK", "")


def read_camt(handle: IO[bytes], *, source: str) -> Iterator[StatementPart]:
    """Rows, notes and totals of a CAMT message.

    Raises
    ------
    UnreadableDataError
        The XML declares entities or a document type, or is broken before the first entry.
    """
    events = etree.iterparse(
        handle, events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    rows = 0
    try:
        for part in _walk(events, source):
            rows += isinstance(part, StatementRow)
            yield part
    except etree.XMLSyntaxError as error:
        if rows == 0:
            raise UnreadableDataError(
                f"{source} is broken XML: it cannot be read as a CAMT message. Export or download it again."
            ) from error
        line = int(error.lineno or 0)
        yield StatementRow(
            line, refused="the file breaks off or is broken here; what follows is missing", moves_balance=False
        )


def _walk(events: Any, source: str) -> Iterator[StatementPart]:
    statement = _Statement()
    for number, (event, element) in enumerate(events):
        if number == 0:
            _refuse_doctype(element, source)
        if not isinstance(element.tag, str):
            continue
        name = _bare(element.tag)
        if event == "start":
            statement = _Statement() if name in _STATEMENTS else statement
        elif name in _STATEMENTS:
            yield from statement.totals()
            _release(element)
        elif _local(element.getparent()) in _STATEMENTS:
            yield from statement.take(name, element)
            if name != "Acct":
                _release(element)


def _refuse_doctype(element: Any, source: str) -> None:
    info = element.getroottree().docinfo
    if info.doctype or info.internalDTD is not None:
        raise UnreadableDataError(
            f"{source} declares a document type, as attacks with entities do. No statement needs one; it is refused."
        )


def _release(element: Any) -> None:
    """Forget an element and the siblings before it: memory stays the same for a file of any size."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        if _local(element.getprevious()) == "Acct":
            break
        del parent[0]


def _local(element: Any) -> str:
    return _bare(element.tag) if element is not None and isinstance(element.tag, str) else ""


class _Statement:
    """Account and balances of the statement that is being read."""

    def __init__(self) -> None:
        self.account = self.currency = ""
        self.balances: dict[str, tuple[Decimal, str]] = {}
        self.interim: list[tuple[Decimal, str]] = []

    def take(self, name: str, element: Any) -> Iterator[StatementPart]:
        """One part of the statement; entries give rows."""
        if name == "Acct":
            self.take_account(element)
        elif name == "Bal":
            self.take_balance(element)
        elif name == "Ntry":
            yield from _entry_rows(element, self)

    def take_account(self, element: Any) -> None:
        self.account = (_text(element, "Id/IBAN") or _text(element, "Id/Othr/Id") or _text(element, "Id/PrtryAcct/Id")
                        or _text(element, "Id/BBAN")).replace(" ", "")  # fmt: skip
        self.currency = _text(element, "Ccy")

    def take_balance(self, element: Any) -> None:
        code = _text(element, "Tp/CdOrPrtry/Cd") or _text(element, "Tp/CdOrPrtry/Prtry")
        amount = parse_amount(_text(element, "Amt"), decimal=".")
        if amount is None:
            return
        signed = -amount if _text(element, "CdtDbtInd") == "DBIT" else amount
        currency = _attribute(element, "Amt", "Ccy") or self.currency
        if code == "ITBD":
            self.interim.append((signed, currency))
        else:
            self.balances.setdefault(code, (signed, currency))
        self.currency = self.currency or currency

    def totals(self) -> Iterator[StatementPart]:
        opening = self.balances.get("OPBD") or self.balances.get("PRCD")
        closing = self.balances.get("CLBD")
        if opening is None and len(self.interim) == 2:
            opening = self.interim[0]
        if closing is None and self.interim:
            closing = self.interim[-1]
        currency = (opening or closing or (Decimal(0), self.currency))[1] or self.currency or "EUR"
        if opening and closing and opening[1] != closing[1]:
            yield StatementNote(
                f"opening balance is in {opening[1]}, closing balance in {closing[1]}: totals not checked"
            )
            closing = None
        yield StatementTotal(self.account, currency, opening[0] if opening else None, closing[0] if closing else None)


def _entry_rows(entry: Any, statement: _Statement) -> Iterator[StatementPart]:
    whole = _entry_row(entry, statement)
    details = _find_all(entry, "NtryDtls/TxDtls")
    status = _text(entry, "Sts/Cd") or _text(entry, "Sts/Prtry") or _text(entry, "Sts")
    if status not in _BOOKED:
        whole.refused, whole.moves_balance = f"is not booked yet (status {status[:4]})", False
        yield whole
        return
    amounts = [_detail_amount(detail, whole.currency) for detail in details]
    if len(details) > 1 and whole.amount is not None and _adds_up(amounts, details, whole):
        for number, (detail, amount) in enumerate(zip(details, amounts, strict=True), start=1):
            yield _detail_row(detail, whole, amount, number)
        return
    if len(details) == 1:
        _fill_details(whole, details[0])
    elif details:
        _fill_batch(whole, details)
        yield StatementNote("an entry whose details do not add up to its amount was booked as one")
    batch = _text(entry, "NtryDtls/Btch/NbOfTxs")
    if batch.isdigit() and int(batch[:9]) > 1 and transaction_kind(whole.kind) in ("SCT", "OTHER"):
        whole.kind = "SCT_BATCH"
    yield _with_text(whole, entry)


def _entry_row(entry: Any, statement: _Statement) -> StatementRow:
    row = StatementRow(int(entry.sourceline or 0), account=statement.account)
    row.amount = parse_amount(_text(entry, "Amt"), decimal=".")
    row.currency = _attribute(entry, "Amt", "Ccy") or statement.currency
    row.indicator = _text(entry, "CdtDbtInd")
    if row.amount is not None and row.amount < 0:
        row.amount, row.indicator = -row.amount, "DBIT" if row.indicator == "CRDT" else "CRDT"
    row.booking_date = _day(entry, "BookgDt") or _day(entry, "ValDt")
    row.value_date = _day(entry, "ValDt")
    row.kind = _code(entry)
    if _text(entry, "RvslInd").lower() in ("true", "1"):
        row.kind = "RETURN"
    row.reference = _text(entry, "AcctSvcrRef") or ""
    return row


def _code(element: Any) -> str:
    base = "BkTxCd/Domn"
    parts = (_text(element, f"{base}/Cd"), _text(element, f"{base}/Fmly/Cd"), _text(element, f"{base}/Fmly/SubFmlyCd"))
    return "-".join(parts) if all(parts) else _text(element, "BkTxCd/Prtry/Cd")


def _detail_amount(detail: Any, currency: str) -> Decimal | None:
    """The amount of a detail in the currency of the entry."""
    for path in ("AmtDtls/TxAmt/Amt", "Amt", "AmtDtls/InstdAmt/Amt"):
        if _text(detail, path) and _attribute(detail, path, "Ccy") in ("", currency):
            return parse_amount(_text(detail, path), decimal=".")
    return None


def _adds_up(amounts: list[Decimal | None], details: list[Any], whole: StatementRow) -> bool:
    signs = [_text(detail, "CdtDbtInd") or whole.indicator for detail in details]
    if any(amount is None or amount == 0 for amount in amounts):
        return False
    total = sum(
        (amount or Decimal(0)) * (1 if sign == whole.indicator else -1)
        for amount, sign in zip(amounts, signs, strict=True)
    )
    return total == whole.amount


def _detail_row(detail: Any, whole: StatementRow, amount: Decimal | None, number: int) -> StatementRow:
    row = StatementRow(
        int(detail.sourceline or whole.line), account=whole.account, booking_date=whole.booking_date,
        value_date=whole.value_date, amount=amount, currency=whole.currency, indicator=whole.indicator, kind=whole.kind,
        reference=f"{whole.reference}/{number}" if whole.reference else "",
    )  # fmt: skip
    row.indicator = _text(detail, "CdtDbtInd") or row.indicator
    _fill_details(row, detail)
    return _with_text(row, detail)


def _fill_details(row: StatementRow, detail: Any) -> None:
    side = _other_side(row, detail)
    name, ultimate = _party_name(detail, side), _party_name(detail, f"Ultmt{side}")
    row.name = name_behind(name, ultimate) if row.indicator == "DBIT" else name or ultimate
    row.iban = _account_of(detail, side)
    row.end_to_end_id = provided(_text(detail, "Refs/EndToEndId"))
    row.mandate_id = provided(_text(detail, "Refs/MndtId"))
    row.creditor_id = _creditor_id(detail)
    row.purpose = _text(detail, "Purp/Cd")
    if _text(detail, "RtrInf/Rsn/Cd") or _text(detail, "RtrInf/Rsn/Prtry"):
        row.kind = "RETURN"
    row.kind = row.kind or _code(detail)
    row.reference = row.reference or provided(_text(detail, "Refs/AcctSvcrRef"))
    unstructured = [clean_text(part.text or "") for part in _find_all(detail, "RmtInf/Ustrd")]
    structured = [
        _text(part, "CdtrRefInf/Ref") or _text(part, "CdtrRefInf/CdtrRef") or _text(part, "AddtlRmtInf")
        for part in _find_all(detail, "RmtInf/Strd")
    ]
    row.text = clean_text(" ".join(text for text in [*unstructured, *structured] if text))
    instructed = "AmtDtls/InstdAmt/Amt"
    amount, currency = _text(detail, instructed), _attribute(detail, instructed, "Ccy")
    row.text = say_currency(row.text, amount=amount, currency=currency, own=row.currency or "EUR")


def _other_side(row: StatementRow, detail: Any) -> str:
    """The counterparty's side. What is given back keeps debtor and creditor of the payment that it undoes."""
    side, opposite = ("Dbtr", "Cdtr") if row.indicator == "CRDT" else ("Cdtr", "Dbtr")
    given_back = transaction_kind(row.kind) == "RETURN" or _find(detail, "RtrInf") is not None
    own = row.account != "" and _account_of(detail, side) == row.account
    return opposite if _party_name(detail, opposite) and (given_back or own) else side


def _account_of(detail: Any, side: str) -> str:
    account = f"RltdPties/{side}Acct/Id"
    return (_text(detail, f"{account}/IBAN") or _text(detail, f"{account}/Othr/Id")).replace(" ", "")


def _creditor_id(detail: Any) -> str:
    """The SEPA creditor identifier: under the creditor, or (Dutch use) among the references."""
    for path in (
        "RltdPties/Cdtr/Id/PrvtId/Othr/Id", "RltdPties/Cdtr/Pty/Id/PrvtId/Othr/Id", "RltdPties/Cdtr/Id/OrgId/Othr/Id",
        "RltdPties/Cdtr/Pty/Id/OrgId/Othr/Id", "CdtrSchmeId/Id/PrvtId/Othr/Id", "RltdPties/Prtry/Pty/Id/PrvtId/Othr/Id",
    ):  # fmt: skip
        value = _text(detail, path)
        if len(value) >= 8 and value[:2].isalpha() and value[2:4].isdigit():
            return value
    for proprietary in _find_all(detail, "Refs/Prtry"):
        if _text(proprietary, "Tp").upper() in ("CREDITORREFERENCE", "CSID", "CREDITORID"):
            return _text(proprietary, "Ref")
    return ""


def _fill_batch(row: StatementRow, details: list[Any]) -> None:
    """Several details that are booked as one: what they all share."""
    first = StatementRow(row.line, indicator=row.indicator, kind=row.kind)
    _fill_details(first, details[0])
    row.text = first.text
    if transaction_kind(row.kind) in ("SCT", "OTHER"):
        row.kind = "SCT_BATCH"


def _with_text(row: StatementRow, element: Any) -> StatementRow:
    """A row without any words takes the bank's additional information, else the bank's code."""
    if not row.name and not row.text:
        additional = _text(element, "AddtlNtryInf") or _text(element, "AddtlTxInf")
        parent = element.getparent().getparent() if element.getparent() is not None else None
        if not additional and parent is not None and _local(parent) == "Ntry":
            additional = _text(parent, "AddtlNtryInf")
        row.text = clean_text(additional) or row.kind or row.reference or "-"
        if additional:
            # ABN AMRO writes its own text here where it has no details, as for cards.
            split_abn_text(row)
    elif not row.text:
        row.text = clean_text(_text(element, "AddtlNtryInf") or _text(element, "AddtlTxInf"))
    return row


def _party_name(detail: Any, side: str) -> str:
    base = f"RltdPties/{side}"
    return clean_text(
        _text(detail, f"{base}/Nm") or _text(detail, f"{base}/Pty/Nm") or _text(detail, f"{base}/Agt/FinInstnId/Nm")
    )


def _day(element: Any, name: str) -> date | None:
    return parse_moment(_text(element, f"{name}/Dt") or _text(element, f"{name}/DtTm"))


def _find_all(element: Any, path: str) -> list[Any]:
    found = [element]
    for step in path.split("/"):
        found = [
            child for parent in found for child in parent if isinstance(child.tag, str) and _bare(child.tag) == step
        ]
    return found


def _bare(tag: str) -> str:
    return tag.rpartition("}")[2]


def _find(element: Any, path: str) -> Any:
    for step in path.split("/"):
        for child in element:
            if isinstance(child.tag, str) and _bare(child.tag) == step:
                element = child
                break
        else:
            return None
    return element


def _text(element: Any, path: str) -> str:
    found = _find(element, path)
    return (found.text or "").strip() if found is not None else ""


def _attribute(element: Any, path: str, name: str) -> str:
    found = _find(element, path)
    return (found.get(name) or "").strip() if found is not None else ""
