"""PSD2 account information in JSON: the Berlin Group's form, and what GoCardless and other aggregators make of it.

Keys may be written `bookingDate` or `booking_date`. A file holds one account, a list of accounts, or a bare list of
bookings. JSON has no end of a row to start again from, so a file that breaks off is refused whole.
"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import IO, Any

from models.errors import UnreadableDataError
from models.statements.abn_text import split_abn_text
from models.statements.detect import detect_encoding, refuse
from models.statements.ing_text import apply_ing_text
from models.statements.rows import (
    StatementPart,
    StatementRow,
    StatementTotal,
    clean_text,
    parse_amount,
    parse_moment,
)

LARGEST_BYTES = 256 << 20
_OPENING = ("openingBooked", "OPBD", "prevClosingBooked", "PRCD")
_CLOSING = ("closingBooked", "CLBD")
_PENDING = ("PDNG", "PENDING", "INFO", "OTHR", "HOLD", "FUTR", "RJCT", "CNCL", "SCHD")
_BREAK = re.compile(r"<br ?/?>", re.IGNORECASE)
_STATES = ("booked", "pending", "information")
_AMOUNT_KEYS = ("transactionAmount", "amount")


def read_psd2(handle: IO[bytes], *, source: str) -> Iterator[StatementPart]:
    """Rows and totals of PSD2 account information.

    Raises
    ------
    UnreadableDataError
        The file is no JSON, is too large to hold, or holds no bookings in a known form.
    """
    accounts = list(_find_accounts(_load(handle, source), {}))
    if not accounts:
        raise refuse(source, "JSON without bookings in the Berlin Group's form")
    line = 0
    for account in accounts:
        identifier, currency = _account(account)
        for state in _STATES:
            for item in account["lists"].get(state, ()):
                line += 1
                yield _row(item, line, identifier, currency, booked=state == "booked")
        yield _total(account, identifier, currency)


def _load(handle: IO[bytes], source: str) -> Any:
    data = handle.read(LARGEST_BYTES + 1)
    if len(data) > LARGEST_BYTES:
        raise UnreadableDataError(f"{source} is more than 256 MB of JSON. Ask the bank for shorter periods.")
    try:
        text = data.decode(detect_encoding(data), "strict")
        return json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise UnreadableDataError(
            f"{source} is no sound JSON: it breaks off or is damaged. Download it again."
        ) from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _camel(key: str) -> str:
    head, *rest = key.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)


def _camel_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {_camel(str(key)): inner for key, inner in value.items()}
    return value


def _is_booking(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    item = _camel_keys(value)
    # An amount without a currency beside it is some other JSON, whose sign we would have to guess.
    return any(isinstance(item.get(key), dict) for key in _AMOUNT_KEYS) and any(
        key in item for key in ("bookingDate", "valueDate", "transactionId", "entryReference", "bookingDateTime")
    )


def _find_accounts(value: Any, around: dict[str, Any], depth: int = 0) -> Iterator[dict[str, Any]]:
    """Everything that holds bookings, with what stands around it: account and balances."""
    if depth > 6:
        return
    if isinstance(value, list):
        # One that is no booking is told by its row; it takes none of the others with it.
        if any(_is_booking(item) for item in value):
            yield {**around, "lists": {"booked": value}}
            return
        for item in value:
            yield from _find_accounts(item, around, depth + 1)
        return
    if not isinstance(value, dict):
        return
    item = _camel_keys(value)
    lists = {state: item[state] for state in _STATES if isinstance(item.get(state), list)}
    if lists:
        yield {**around, **_surroundings(item), "lists": lists}
        return
    around = {**around, **_surroundings(item)}
    for inner in item.values():
        if isinstance(inner, dict | list):
            yield from _find_accounts(inner, around, depth + 1)


def _surroundings(item: dict[str, Any]) -> dict[str, Any]:
    return {
        key: item[key]
        for key in ("account", "cardAccount", "iban", "bban", "currency", "balances", "accountId")
        if item.get(key)
    }


def _account(around: dict[str, Any]) -> tuple[str, str]:
    account = _camel_keys(around.get("account") or around.get("cardAccount"))
    if isinstance(account, str):
        return account.replace(" ", ""), ""
    holder = account if isinstance(account, dict) else around
    identifier = _words(holder.get("iban") or holder.get("bban") or holder.get("maskedPan") or around.get("iban"))
    return identifier.replace(" ", ""), _words(holder.get("currency"))


def _total(around: dict[str, Any], identifier: str, currency: str) -> StatementTotal:
    stated: dict[str, tuple[Decimal, str]] = {}
    balances = around.get("balances")
    for entry in balances if isinstance(balances, list) else []:
        balance = _camel_keys(entry)
        if not isinstance(balance, dict):
            continue
        amount, unit = _money(balance.get("balanceAmount") or balance.get("amount"))
        if amount is not None:
            stated.setdefault(_words(balance.get("balanceType")), (amount, unit))
    opening = next((stated[name] for name in _OPENING if name in stated), None)
    closing = next((stated[name] for name in _CLOSING if name in stated), None)
    unit = (opening or closing or (None, currency or "EUR"))[1]
    return StatementTotal(identifier, unit, opening[0] if opening else None, closing[0] if closing else None)


def _words(value: Any) -> str:
    """Texts and numbers as text; everything else is no text."""
    return clean_text(str(value)) if isinstance(value, str | Decimal) else ""


def _money(value: Any) -> tuple[Decimal | None, str]:
    money = _camel_keys(value)
    if not isinstance(money, dict):
        return (parse_amount(_words(value), decimal="."), "") if value is not None else (None, "")
    amount = money.get("amount", money.get("value"))
    return parse_amount(_words(amount), decimal="."), _words(money.get("currency")).upper()


def _row(value: Any, line: int, account: str, currency: str, *, booked: bool) -> StatementRow:
    row = StatementRow(line, account=account)
    if not isinstance(value, dict):
        row.refused, row.moves_balance = "is no JSON object", False
        return row
    item = _camel_keys(value)
    amount, unit = _money(item.get("transactionAmount", item.get("amount")))
    row.currency = unit or _words(item.get("currency")) or currency or "EUR"
    if amount is not None:
        row.indicator = _indicator(item, amount)
        row.amount = abs(amount)
    row.booking_date = parse_moment(_first(item, "bookingDate", "bookingDateTime", "valueDate"))
    row.value_date = parse_moment(_first(item, "valueDate", "valueDateTime"))
    status = _first(item, "status", "transactionStatus").upper()
    if not booked or status in _PENDING:
        row.refused, row.moves_balance = "is pending or for information, not booked", False
        return row
    _fill_party(row, item)
    _fill_fields(row, item)
    return row


def _indicator(item: dict[str, Any], amount: Decimal) -> str:
    stated = _first(item, "creditDebitIndicator").upper()
    if stated in ("CRDT", "DBIT"):
        return stated
    return "DBIT" if amount < 0 else "CRDT"


def _first(item: dict[str, Any], *names: str) -> str:
    return next((text for name in names if (text := _words(item.get(name)))), "")


def _fill_party(row: StatementRow, item: dict[str, Any]) -> None:
    side = "debtor" if row.indicator == "CRDT" else "creditor"
    party = _camel_keys(item.get(side))
    row.name = _first(item, f"{side}Name") or (_words(party.get("name")) if isinstance(party, dict) else _words(party))
    row.name = row.name or _first(
        item, f"ultimate{side.capitalize()}", "counterpartName", "counterPartyName", "merchantName"
    )
    account = _camel_keys(item.get(f"{side}Account"))
    if isinstance(account, dict):
        row.iban = _words(account.get("iban") or account.get("bban")).replace(" ", "")
    elif isinstance(account, str):
        row.iban = account.replace(" ", "")


def _fill_fields(row: StatementRow, item: dict[str, Any]) -> None:
    row.reference = _first(item, "entryReference", "transactionId", "internalTransactionId")
    row.creditor_id, row.mandate_id = _first(item, "creditorId"), _first(item, "mandateId")
    row.end_to_end_id = re.sub(r"^NOT ?PROVIDED$", "", _first(item, "endToEndId"), flags=re.IGNORECASE)
    row.purpose = _first(item, "purposeCode")
    row.kind = _kind(item)
    row.text = _remittance(item)
    _split_bank_text(row)
    row.text = row.text or ("" if row.name else _first(item, "additionalInformation") or row.kind)
    after = _camel_keys(item.get("balanceAfterTransaction") or item.get("balanceAfter"))
    if isinstance(after, dict):
        row.balance_after = _money(after.get("balanceAmount", after))[0]


def _split_bank_text(row: StatementRow) -> None:
    """Banks put the text of their own statements here: ING with `<br>` between its keys, ABN AMRO with codewords."""
    if _BREAK.search(row.text):
        row.text = clean_text(_BREAK.sub(" ", row.text))
        apply_ing_text(row)
    elif row.text.startswith("/TRTP/") and ("/NAME/" in row.text or "/REMI/" in row.text):
        split_abn_text(row)


def _kind(item: dict[str, Any]) -> str:
    code = _camel_keys(item.get("bankTransactionCode"))
    if isinstance(code, dict):
        code = "-".join(filter(None, (_words(code.get("code")), _words(code.get("subCode"))))) or _words(
            code.get("description")
        )
    return _words(code) or _first(item, "proprietaryBankTransactionCode", "proprietaryBankTransactionCodeDescription")


def _remittance(item: dict[str, Any]) -> str:
    for name in (
        "remittanceInformationUnstructured", "remittanceInformationUnstructuredArray", "remittanceInformation",
        "remittanceInformationStructured", "remittanceInformationStructuredArray", "description", "transactionDetails",
    ):  # fmt: skip
        value = item.get(name)
        parts = value if isinstance(value, list) else [value]
        texts = [
            _words(_camel_keys(part).get("reference")) if isinstance(part, dict) else _words(part) for part in parts
        ]
        if joined := clean_text(" ".join(text for text in texts if text)):
            return joined
    return ""
