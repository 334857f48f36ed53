"""Texts of ABN AMRO, alike in TAB files and MT940.

They are `/TRTP/...` codewords, SEPA columns of 33 characters, or card lines that begin with BEA or GEA.
"""

import itertools
import re

from models.statements.rows import StatementRow, clean_text, provided

# Codewords in the order of ABN AMRO's description; a value may hold slashes, so only these words end a value.
_CODEWORDS = (
    "TRTP", "IBAN", "BBAN", "BIC", "NAME", "CSID", "MARF", "REMI", "EREF", "RTRN", "ORDP", "BENM", "PREF", "NRTX",
    "PIND", "ID", "ADDR", "ISDT", "SVCL", "PURP", "ULTD", "ULTB", "ULTC", "CHGS", "OCMT", "EXCH", "RREF", "CNTP",
    "INIT", "BAI", "CSIM", "MSID", "KREF", "ACCW",
)  # fmt: skip
_CODEWORD = re.compile(r"/(" + "|".join(_CODEWORDS) + r")/")
_LABEL = re.compile(
    r"(?:(?<=^)|(?<=\s)|(?<=[A-Za-z0-9.)])(?=[A-Z][a-z]))(IBAN|BIC|Naam|Name|Omschrijving|Description|Kenmerk|Reference|"
    r"Incassant|Creditor|Machtiging|"
    r"Mandate|Voor|For|Betalingskenm\.|Uw kenmerk|Reden|Aantal transacties):\s"
)
_CARD = re.compile(r"^(?:BEA|GEA|eCom|ECOM)\b[, ]")
_PASS = re.compile(r",\s?PAS\d{3}")
_OLD_CARD = re.compile(r"^(BEA|GEA)\s+NR:(\S+)\s+(\d\d\.\d\d\.\d\d/\d\d\.\d\d)\s*(.*)$", re.DOTALL)
# Texts without codewords are lines of 65 characters with two cells of 32, the first with a space behind it; a value
# that fills its cell goes on in the next one.
_CELL = 32
_CELLS = (33, 32)


def split_codewords(text: str) -> dict[str, str]:
    """Values by codeword of `/TRTP/iDEAL/Wero/IBAN/...`; a slash inside a value stays there. The first value counts."""
    parts = _CODEWORD.split(text)
    found: dict[str, str] = {"": parts[0].strip()}
    for word, value in zip(parts[1::2], parts[2::2], strict=True):
        found.setdefault(word, value.strip().removesuffix("/").strip())
    return found


def join_cells(text: str) -> str:
    """A text in cells with the words whole that were cut at the end of a cell; codeword and card texts stay."""
    if text.startswith("/") or _CARD.match(text) or not _LABEL.search(text):
        return text
    joined, at = "", 0
    for width in itertools.cycle(_CELLS):
        cell, at = text[at : at + width], at + width
        following = text[at : at + _CELLS[0]]
        joined += cell
        if not following:
            return joined
        if cell[_CELL - 1] != " " and cell[_CELL:] in ("", " ") and following[0] != " ":
            joined = joined[: len(joined) - width + _CELL] + (" " if _LABEL.match(following) else "")
    return joined


def split_abn_text(row: StatementRow) -> None:
    """Fill the fields of a row from its `text`, which stays the payer's words or the whole text."""
    text = row.text
    if text.startswith("/") and _CODEWORD.match(text):
        apply_codewords(row, split_codewords(text))
    elif _LABEL.search(text) and not _CARD.match(text):
        _apply_labels(row, text)
    elif _CARD.match(text):
        row.kind = row.kind if row.kind and not row.kind.startswith("N") else text.split()[0].strip(",")
        row.name = row.name or _card_name(text)
    else:
        row.kind = row.kind or text[:_CELL].strip()


def apply_codewords(row: StatementRow, words: dict[str, str]) -> None:
    """Codewords of ABN AMRO, Knab and Rabobank as fields."""
    row.kind = words.get("TRTP", row.kind)
    row.iban = row.iban or words.get("IBAN", words.get("BBAN", "")).replace(" ", "")
    # Deutsche Bank and others put the name where Rabobank puts none: behind ORDP or BENM.
    row.name = row.name or clean_text(words.get("NAME") or words.get("ORDP") or words.get("BENM", ""))
    row.creditor_id = row.creditor_id or words.get("CSID", "").replace(" ", "")
    row.mandate_id = row.mandate_id or words.get("MARF", "")
    row.end_to_end_id = row.end_to_end_id or provided(words.get("EREF", ""))
    row.purpose = row.purpose or words.get("PURP", "")
    row.text = clean_text(words.get("REMI", words.get("PREF", words.get("", ""))))


def _apply_labels(row: StatementRow, text: str) -> None:
    parts = _LABEL.split(text)
    row.kind = row.kind or clean_text(parts[0])
    found: dict[str, str] = {}
    for label, value in zip(parts[1::2], parts[2::2], strict=True):
        found.setdefault(label, clean_text(value))
    row.iban = row.iban or found.get("IBAN", "").replace(" ", "")
    row.name = row.name or found.get("Naam", found.get("Name", ""))
    row.creditor_id = found.get("Incassant", found.get("Creditor", "")).replace(" ", "")
    row.mandate_id = found.get("Machtiging", found.get("Mandate", ""))
    row.end_to_end_id = provided(found.get("Kenmerk", found.get("Reference", "")))
    row.text = found.get("Omschrijving", found.get("Description", "")) or ("" if row.name else clean_text(parts[0]))


def _card_name(text: str) -> str:
    """The shop of a BEA or GEA line: before `,PAS123` in new lines, behind the time in old ones."""
    old = _OLD_CARD.match(text)
    if old:
        return clean_text(_PASS.split(old[4])[0])
    shop = _PASS.split(text)[0]
    shop = re.sub(r"^(?:BEA|GEA|eCom|ECOM),?\s+", "", shop)
    return clean_text(re.sub(r"^(?:Betaalpas|Google Pay|Apple Pay|Debitcard|Creditcard)\s+", "", shop))
