"""What each statement format can carry of a booking: its characters, lengths, codes and fields.

Texts are cut and characters replaced here, before writing, so that what a file holds can be told without reading it.
"""

import re
import textwrap
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from models.errors import UsageError
from models.statements.identity import usable_reference
from models.statements.ing_text import is_iban, is_internal_text, twin_text
from models.statements.rows import StatementRow, clean_text

StatementFormat = Literal["ing", "camt", "mt940", "psd2"]
SWIFT_LINE = 65
_SWIFT_OUTSIDE = re.compile(r"[^A-Za-z0-9/?:().,'+\- ]")
_SWIFT_LINES = 6
_KEYS = (
    "Naam|Name|Omschrijving|Description|IBAN|BIC|Kenmerk|Reference|Machtiging ID|Mandate ID|Incassant ID|Creditor ID|"
    "Overige partij|Other party|Uiteindelijke incassant|Ultimate creditor|Datum/Tijd|Date/time|Valutadatum|Value date"
)
_KEY_WORD = re.compile(rf"(?<!\S)({_KEYS}):(?=\s|$)", re.IGNORECASE)
_SEQUENCE_END = re.compile(
    r"(eerste incasso|doorlopende incasso|eenmalige incasso|laatste incasso|direct debit|incasso \w+|"
    r"europese incasso.*)$",
    re.IGNORECASE,
)
_ING_TAGS = re.compile(
    r"^(?:RTRN|BUSP|BENM|ORDP|CNTP|CSID|MARF|EREF|PREF|PURP|REMI|ULTC|ULTD|ULTB|ISDT|CREF|IREF|NRTX|EXCH|CHGS|OCMT|"
    r"TRCD|SVCL|ULCR|ULDR|USTD|STRD|CD|PRTRY)(?:/|$)"
)
_CREDITOR_ID = re.compile(r"[A-Z]{2}\d{2}[A-Za-z0-9]{3,31}")
_XML_OUTSIDE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ING_CODES = {"CARD": "BA", "CASH": "GM", "SCT": "GT", "SCT_BATCH": "VZ", "SALARY": "OV", "SDD": "IC", "IDEAL": "ID"}
_MT_CODES = {
    "SCT": ("NTRF", "00100"), "INTERNAL": ("NTRF", "00100"), "SALARY": ("NTRF", "00203"),
    "SCT_BATCH": ("NTRF", "00200"), "IDEAL": ("NTRF", "00106"), "SDD": ("NDDT", "01018"),
    "RETURN": ("NRTI", "00190"), "FEE": ("NCHG", ""),
}  # fmt: skip
ISO_CODES = {
    "CARD": "PMNT-CCRD-POSD", "CASH": "PMNT-CCRD-CWDL", "SCT": "PMNT-ICDT-ESCT", "SCT_BATCH": "PMNT-ICDT-ESCT",
    "SALARY": "PMNT-RCDT-SALA", "SDD": "PMNT-RDDT-ESDD", "INTERNAL": "PMNT-ICDT-BOOK", "FEE": "ACMT-MDOP-CHRG",
    "RETURN": "PMNT-RCDT-RRTN", "OTHER": "PMNT-OTHR-OTHR",
}  # fmt: skip


CASH_DEPOSIT = "PMNT-CNTR-CDPT"


def carry_ing(row: StatementRow) -> StatementRow:
    """Euros, no purpose code, no bank reference; words that ING uses as keys lose their colon."""
    if row.currency != "EUR":
        raise UsageError(f"ING CSV has no column for a currency, and a booking is in {row.currency}. Leave it out.")
    carried = replace(
        row,
        name=_without_keys(row.name),
        text=_without_keys(row.text),
        end_to_end_id=_without_sequence(_without_keys(row.end_to_end_id))[:140],
        mandate_id=_without_sequence(_without_keys(row.mandate_id))[:70],
        creditor_id=row.creditor_id if _CREDITOR_ID.fullmatch(row.creditor_id) else "",
        purpose="",
        kind=_ING_CODES.get(row.kind, "GT" if row.kind == "INTERNAL" else "DV"),
        reference="",
    )
    if not is_structured(carried):
        carried.text = _without_sequence(carried.text)
    if is_internal_text(carried.text):
        carried.kind = "INTERNAL"
    carried.fingerprint = twin_text(carried.text)
    return carried


def _without_keys(text: str) -> str:
    return clean_text(_KEY_WORD.sub(r"\1", text))


def _without_sequence(text: str) -> str:
    """Words such as `Doorlopende incasso` at the end of a value would be read as ING's own."""
    while found := _SEQUENCE_END.search(text):
        text = text[: found.start()].rstrip()
    return text


def is_structured(row: StatementRow) -> bool:
    return bool(is_iban(row.iban) or row.end_to_end_id or row.mandate_id or row.creditor_id)


def _swift(text: str, length: int) -> str:
    """Text in SWIFT's character set: accents go, other characters become a space; no doubled slash, colon or hyphen."""
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    plain = clean_text(_SWIFT_OUTSIDE.sub(" ", plain))
    plain = re.sub(r"/{2,}", "/", re.sub(r"[:\-](?: ?[:\-])+", "-", plain)).strip("/ ")
    while found := _ING_TAGS.match(plain):
        plain = plain[found.end() :].strip("/ ")
    return plain[:length].strip("/ ")


def carry_mt940(row: StatementRow) -> StatementRow:
    """SWIFT characters, ING's lengths, 390 characters in all, value date within half a year; no balances."""
    day = row.booking_date
    if day is None or not 1980 <= day.year <= 2079:
        raise UsageError("MT940 has years of two digits: only bookings from 1980 to 2079 can be written.")
    near = row.value_date is not None and abs(row.value_date - day) <= timedelta(days=150)
    carried = replace(
        row,
        value_date=row.value_date if near else day,
        name=_swift(row.name, 70),
        iban=_swift(row.iban, 34).replace("/", ""),
        end_to_end_id=_provided(_swift(row.end_to_end_id, 35)),
        mandate_id=_swift(row.mandate_id, 35),
        creditor_id=_swift(row.creditor_id, 35).replace(" ", ""),
        purpose=_swift(row.purpose, 4),
        text="",
        balance_after=None,
        reference=row.reference if re.fullmatch(r"[A-Za-z0-9]{8,16}", row.reference) else "",
    )
    room = SWIFT_LINE * _SWIFT_LINES - len(mt940_details(carried)) - len("/REMI/USTD//") - 8
    carried.text = _swift(row.text, max(0, min(140, room)))
    code, trcd = _MT_CODES.get(row.kind, ("NMSC", ""))
    carried.kind = f"{code}/{trcd}" if trcd else code
    return carried


def _provided(text: str) -> str:
    return "" if text.upper() in ("NOTPROVIDED", "NONREF", "NOT PROVIDED") else text


def mt940_details(row: StatementRow) -> str:
    """The `:86:` text in ING's order."""
    parts = []
    parts += [f"/EREF/{row.end_to_end_id}/"] if row.end_to_end_id else []
    parts += [f"/MARF/{row.mandate_id}/"] if row.mandate_id else []
    parts += [f"/CSID/{row.creditor_id}/"] if row.creditor_id else []
    parts += [f"/CNTP/{row.iban}//{row.name}//"] if row.name or row.iban else []
    parts += [f"/PURP/CD/{row.purpose}/"] if row.purpose else []
    parts += [f"/REMI/USTD//{row.text}/"] if row.text else []
    return "".join(parts)


def _xml_text(text: str, length: int) -> str:
    return clean_text(_XML_OUTSIDE.sub("", text))[:length].strip()


def carry_camt(row: StatementRow) -> StatementRow:
    """Lengths of ISO 20022 (texts in pieces of 140); no balance per booking."""
    return replace(
        row,
        name=_xml_text(row.name, 140),
        text=" ".join(split_pieces(_xml_text(row.text, 10_000))),
        end_to_end_id=_provided(_xml_text(row.end_to_end_id, 35)),
        mandate_id=_provided(_xml_text(row.mandate_id, 35)),
        creditor_id=row.creditor_id if _CREDITOR_ID.fullmatch(row.creditor_id) and len(row.creditor_id) >= 8 else "",
        iban=_xml_text(row.iban, 34).replace(" ", ""),
        purpose=_xml_text(row.purpose, 4),
        kind="IDEAL" if row.kind == "IDEAL" else row.kind if row.kind in ISO_CODES else "OTHER",
        balance_after=None,
        reference=usable_reference(_xml_text(row.reference, 35)) if len(row.reference) <= 35 else "",
    )


def split_pieces(text: str) -> list[str]:
    return textwrap.wrap(text, 140, break_on_hyphens=False)


def carry_psd2(row: StatementRow) -> StatementRow:
    """Everything; the reference only when it can identify a booking."""
    return replace(
        row,
        iban=row.iban.replace(" ", ""),
        end_to_end_id=_provided(row.end_to_end_id),
        reference=usable_reference(row.reference),
    )


_CARRIERS: dict[StatementFormat, Callable[[StatementRow], StatementRow]] = {
    "ing": carry_ing,
    "camt": carry_camt,
    "mt940": carry_mt940,
    "psd2": carry_psd2,
}


def carry_row(row: StatementRow, *, format: StatementFormat) -> StatementRow:
    """What is left of a booking in a format; a booking that loses all its words keeps a hyphen as text."""
    carried = _CARRIERS[format](row)
    if not carried.name and not carried.text:
        carried.text = carried.fingerprint = "-" if format != "mt940" else "NONREF"
    return carried
