"""How a booking was paid, in one word, from whatever code a bank gives it. The table is `codes.toml`."""

import re
import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any

from babel import Locale
from babel.core import get_global

KINDS = ("CARD", "CASH", "SCT", "SCT_BATCH", "SALARY", "SDD", "IDEAL", "INTERNAL", "FEE", "RETURN", "OTHER")
_ISO = re.compile(r"([A-Z]{4})[-/.+_ ]([A-Z]{4})[-/.+_ ]([A-Z]{4})")
_TRCD = re.compile(r"(?:^|/)(\d{5})(?:/|$)")
_GVC = re.compile(r"GVC[/ ]?(\d{3})")
# Lines of terminals: of ASN, SNS or RegioBank; the number of a card behind a time; shop, town and country.
_TERMINAL = re.compile(
    r">.{2,24}? \d{1,2}\.\d\d\.\d{4} \d{1,2}U\d\d KV\d{3}"
    r"|\b\d\d-\d\d-\d{4} \d\d:\d\d\b.{0,60}\bPAS[.:]*\s?\d{2,4}\b"
    r"|\b\d\d[:.]\d\d\b.{0,60}\bPAS(?:NR|VOLGNR)[.:]*\s?\d{2,4}\b"
)
WORDS_LIKE_COUNTRIES = frozenset({"PER", "VAT"})  # no countries in capitals, but words
_FORMS = frozenset({"BV", "CV"})  # nor these, but forms of companies
# Where a country stands in a terminal's line: beside date and time, behind a town.
_MOMENT = r"\d\d-\d\d-\d{4}\s\d\d:\d\d\b"
_BESIDE_MOMENT = (re.compile(rf"\b([A-Z]{{3}}),?\s{_MOMENT}"), re.compile(rf"\b{_MOMENT}\s([A-Z]{{3}})\b"))
_BEHIND_TOWN = (
    re.compile(r"^[^\\]{2,40}\\[^\\\d]{2,40}\\([A-Z]{2,3})\b"),
    re.compile(r"^.{0,60}\b[A-Z][A-Z' .-]{2,30}, ([A-Z]{2})$"),
)
_PURPOSES = frozenset({"SALA", "PAYR"})


@lru_cache(maxsize=1)
def _tables() -> dict[str, Any]:
    return tomllib.loads(files("models.statements").joinpath("codes.toml").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def _whole_codes() -> dict[str, str]:
    return {code: kind for kind, codes in _tables()["codes"].items() for code in codes} | {kind: kind for kind in KINDS}


@lru_cache(maxsize=65_536)
def transaction_kind(raw: str) -> str:
    """CARD, CASH, SCT, SCT_BATCH, SALARY, SDD, IDEAL, INTERNAL, FEE, RETURN or OTHER.

    Takes any bank's own code (ING letters, SWIFT `NTRF` or `NTRF/00203` with ING's TRCD, ISO 20022 `PMNT-RDDT-ESDD`,
    Rabobank letters, German `GVC/166`), the first words of a description, or one of these words; unknown is OTHER.
    """
    code = " ".join(raw.upper().split())
    if code in _whole_codes():
        return _whole_codes()[code]
    for found in (_trcd_kind(code), _iso_kind(code), _gvc_kind(code), _word_kind(code)):
        if found:
            return found
    head = code.split("/")[0].strip()
    # SWIFT codes put N, S or F before a bank's own letters.
    bare = head[1:] if len(head) == 4 and head[0] in "NSF" else head
    return _whole_codes().get(head) or _whole_codes().get(bare, "OTHER")


def kind_from_text(text: str) -> str:
    """The kind that the first words of a text tell where the bank's code tells nothing; OTHER when they do not.

    A terminal's line (`is_terminal_line`) tells a card wherever it stands.
    """
    capitals = text[:32].upper()
    for kind, starts in _tables()["text"].items():
        if capitals.startswith(tuple(starts)):
            return str(kind)
    return "CARD" if is_terminal_line(text) else "OTHER"


def is_terminal_line(text: str, *, with_time: bool = False) -> bool:
    """Whether a text is what a card terminal writes; `with_time`: with the time of the payment, as it is surest.

    `SHOP >TOWN 24.12.2025 18U51 KV005 ..`, `24-12-2025 18:51 TOWN .. Pas: 005`, `SHOP TOWN NLD 24-12-2025 18:51`; and
    without a time `SHOP\\TOWN\\NL ..` and `Shop TOWN, NL`. Countries are those of ISO 3166, in capitals.
    """
    if _TERMINAL.search(text.upper()) is not None:
        return True
    places = _BESIDE_MOMENT if with_time else (*_BESIDE_MOMENT, *_BEHIND_TOWN)
    return any(code in _countries() for place in places for code in place.findall(text))


@lru_cache(maxsize=1)
def _countries() -> frozenset[str]:
    """Codes of countries, of two letters and of three."""
    known = {code for code in map(str, Locale("en").territories) if len(code) == 2}
    known |= {code for code in map(str, get_global("territory_aliases")) if len(code) == 3 and code.isalpha()}
    return frozenset(known) - WORDS_LIKE_COUNTRIES - _FORMS


def says_benefit(text: str) -> bool:
    """Whether a text tells of a benefit or pension and not of a salary, whatever the bank's code calls it."""
    words, salary = _benefit_words()
    return words.search(text) is not None and salary.search(text) is None


@lru_cache(maxsize=1)
def _benefit_words() -> tuple[re.Pattern[str], re.Pattern[str]]:
    listed = _tables()["benefit"]
    words, salary = "|".join(listed["words"]), "|".join(listed["salary"])
    return re.compile(rf"\b(?:{words})\b", re.IGNORECASE), re.compile(salary, re.IGNORECASE)


def salary_purpose(purpose: str) -> bool:
    """Whether an ISO 20022 purpose code says that this is pay."""
    return purpose.upper() in _PURPOSES


def _trcd_kind(code: str) -> str:
    match = _TRCD.search(code)
    if not match:
        return ""
    number = int(match[1])
    return next((span["kind"] for span in _tables()["trcd"] if span["from"] <= number <= span["to"]), "")


def _iso_kind(code: str) -> str:
    match = _ISO.search(code)
    if not match:
        return ""
    for rule in _tables()["iso"]:
        if all(want in ("*", got) for want, got in zip(rule["code"].split("-"), match.groups(), strict=True)):
            return str(rule["kind"])
    return "OTHER"


def _gvc_kind(code: str) -> str:
    match = _GVC.search(code)
    if not match:
        return ""
    return next((kind for kind, numbers in _tables()["gvc"].items() if match[1] in numbers), "OTHER")


def _word_kind(code: str) -> str:
    return next((str(rule["kind"]) for rule in _tables()["words"] if code.startswith(rule["word"])), "")
