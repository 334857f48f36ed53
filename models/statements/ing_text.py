"""The text of an ING row: which parts are fields (`Naam:`, `Omschrijving:`, `IBAN:` ...) and which the payer's words.

The payer's words stand in the middle and may hold anything, also words that look like keys. So `Naam:` counts only at
the start, `Omschrijving:` at its first place, and the keys behind it are taken from the end, in ING's order, as long
as their values look right.
"""

import re
from dataclasses import dataclass, field
from datetime import date

from models.statements.rows import StatementRow

_START = {"naam": ("Naam:", "Name:"), "omschrijving": ("Omschrijving:", "Description:")}
# Keys behind the payer's words in ING's order, with the shape of their values. English exports translate some of them.
_TAIL = (
    ("iban", ("IBAN:",), re.compile(r"[A-Z]{2}\d{2}[A-Z0-9 ]{6,36}")),
    ("bic", ("BIC:",), re.compile(r"[A-Z0-9]{8,11}")),
    ("kenmerk", ("Kenmerk:", "Reference:"), re.compile(r".{0,140}")),
    ("mandate", ("Machtiging ID:", "Mandate ID:"), re.compile(r".{0,70}")),
    ("creditor", ("Incassant ID:", "Creditor ID:"), re.compile(r"[A-Z]{2}\d{2}[A-Za-z0-9]{3,31}")),
    ("other_party", ("Overige partij:", "Other party:"), re.compile(r".{0,140}")),
    ("ultimate", ("Uiteindelijke incassant:", "Ultimate creditor:"), re.compile(r".{0,140}")),
    ("moment", ("Datum/Tijd:", "Date/time:"), re.compile(r"\d\d[-/]\d\d[-/]\d{4}(?: \d\d:\d\d(?::\d\d)?)?")),
    ("value_date", ("Valutadatum:", "Value date:"), re.compile(r"\d\d[-/]\d\d[-/]\d{4}")),
)  # fmt: skip
_RANK = {name: rank for rank, (name, _, _) in enumerate(_TAIL)}
_SHAPE = {name: shape for name, _, shape in _TAIL}
_KEY_NAME = {key.lower(): name for name, keys, _ in _TAIL for key in keys}
_KEY = re.compile(r"(?<!\S)(?:" + "|".join(re.escape(key) for key in _KEY_NAME) + r")(?=\s|$)", re.IGNORECASE)
_INTERNAL = re.compile(r"(?:naar|van|to|from) (?:uw |your )?oranje spaarrekening", re.IGNORECASE)
_SEQUENCE = re.compile(
    r"\s*(Eerste incasso|Doorlopende incasso|Eenmalige incasso|Laatste incasso|First SEPA direct debit|"
    r"Recurrent SEPA direct debit|One-off SEPA direct debit|Last SEPA direct debit|SEPA Incasso \w+|"
    r"Europese incasso:?(?: \w+)*)\s*$",
    re.IGNORECASE,
)
_NAME = re.compile(r"\s*(?:Naam|Name):\s*", re.IGNORECASE)
_DESCRIPTION = re.compile(r"(?<!\S)(?:Omschrijving|Description):\s?", re.IGNORECASE)
# English words of card texts and their Dutch twins: both exports of one booking must give one id.
_TWINS = (
    ("Card sequence no.:", "Pasvolgnr:"),
    ("Transaction:", "Transactie:"),
    ("Value date:", "Valutadatum:"),
    ("Date/time:", "Datum/Tijd:"),
    ("Exchange rate:", "Koers:"),
    ("Currency:", "Valuta:"),
    ("Surcharge:", "Opslag:"),
    ("Costs:", "Kosten:"),
    ("Contactless payment", "Contactloze betaling"),
    ("Period:", "Periode:"),
    ("Rounding", "Afronding"),
    ("To Oranje Spaarrekening", "Naar Oranje spaarrekening"),
    ("From Oranje Spaarrekening", "Van Oranje spaarrekening"),
)


@dataclass(slots=True)
class IngText:
    """Fields of an ING text; `text` is the payer's part, or the whole text when it has no keys."""

    name: str = ""
    text: str = ""
    value_date: date | None = None
    fields: dict[str, str] = field(default_factory=dict)


def split_ing_text(raw: str) -> IngText:
    """Split the Mededelingen / Notifications of an ING row."""
    found = IngText()
    rest, keys = raw.strip(), dict[str, str]()
    if ":" in rest:
        rest, keys = _take_tail(rest)
    value = keys.pop("value_date", "")
    found.value_date = _parse_date(value) if value else None
    started = _NAME.match(rest)
    description = _DESCRIPTION.search(rest)
    if started:
        end = description.start() if description else len(rest)
        found.name = rest[started.end() : end].strip()
        found.text = rest[description.end() :].strip() if description else ""
    elif description and description.start() == 0:
        found.text = rest[description.end() :].strip()
    else:
        found.text = rest
    found.fields = keys
    return found


def apply_ing_text(row: StatementRow) -> None:
    """Fill the fields of a row from its `text`; what the row already has from elsewhere stays, except a fuller name."""
    split = split_ing_text(row.text)
    fields = split.fields
    row.name = split.name or row.name or fields.get("other_party", "")
    row.text = split.text
    row.value_date = row.value_date or split.value_date
    iban = fields.get("iban", "").replace(" ", "")
    row.iban = row.iban or (iban if is_iban(iban) else "")
    row.end_to_end_id = row.end_to_end_id or fields.get("kenmerk", "")
    row.mandate_id = row.mandate_id or fields.get("mandate", "")
    row.creditor_id = row.creditor_id or fields.get("creditor", "")
    row.fingerprint = twin_text(row.text)
    if is_internal_text(row.text):
        row.kind = "INTERNAL"


def twin_text(text: str) -> str:
    """The Dutch twin of a text from an English export, only for comparing."""
    for english, dutch in _TWINS:
        if english in text:
            text = text.replace(english, dutch)
    return re.sub(r"\b(\d\d)/(\d\d)/(\d{4})\b", r"\1-\2-\3", text)


def is_internal_text(text: str) -> bool:
    """Whether the text says that the money went to or came from a savings account of the same customer."""
    return _INTERNAL.search(text) is not None


def is_iban(text: str) -> bool:
    """Whether the text has the shape of an IBAN; check digits of anonymised exports may be wrong."""
    return bool(re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{8,30}", text))


def _take_tail(text: str) -> tuple[str, dict[str, str]]:
    """Take known keys from the end of the text as long as order and values fit."""
    keys: dict[str, str] = {}
    rank = len(_TAIL)
    for match in reversed(list(_KEY.finditer(text))):
        name = _KEY_NAME[match.group().lower()]
        raw = text[match.end() :]
        value, sequence = _cut_sequence(raw)
        # The moment of payment stands at different places; every other key only where ING writes it.
        placed = _RANK[name] < rank if name != "moment" else name not in keys
        fits = placed and _SHAPE[name].fullmatch(value.strip()) is not None
        if not fits:
            break
        keys[name] = value.strip()
        if sequence:
            keys.setdefault("sequence", sequence)
        rank = _RANK[name] if name != "moment" else rank
        text = text[: match.start()]
    return text.rstrip(), keys


def _cut_sequence(value: str) -> tuple[str, str]:
    # Only the end is looked at, so that no text, however long, takes long.
    start = max(0, len(value) - 80)
    match = _SEQUENCE.search(value[start:])
    return (value[: start + match.start()], match[1]) if match else (value, "")


def _parse_date(text: str) -> date | None:
    try:
        return date(int(text[6:10]), int(text[3:5]), int(text[0:2]))
    except ValueError:
        return None
