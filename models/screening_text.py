"""How texts on statements are made comparable for the screening, and how its word lists become patterns.

Patterns run in Arrow (RE2), because a list of some thousand words then costs a microsecond per text. RE2 has no
look-around, so near misses are erased before anything is matched.

A word of the lists is written in lower case without diacritics; `*` at either end stands for any further letters,
a space for the space between two words.
"""

import math
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.compute as compute

from models.words import keep_bytes, text_bytes

# Letters that Unicode does not decompose, as they are written without their own key (also Turkish dotless i).
_LETTERS = {"ı": "i", "ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ß": "ss", "æ": "ae", "œ": "oe", "ĳ": "ij"}
PARTS_BREAK = " | "
# From this many letters on, a phrase is also found when its spaces got lost.
_GLUE_FROM = 9
_SPACE = 0x20
_PLAIN_BYTES = np.array([ord(chr(at).lower()) if chr(at).isalnum() else _SPACE for at in range(128)], dtype=np.uint8)
_WORD_START = re.compile(r"\b\w", re.ASCII)  # as `\b` is in the other patterns
# A cut word counts from this many letters and this share of the whole on; a cut phrase needs part of a second word.
_CUT_FROM, _CUT_SHARE = 5, 0.7


@dataclass(frozen=True, slots=True)
class CutWords:
    """Beginnings of words and phrases that a name ends in when it was cut off; sets, not a pattern.

    `bounded` begin a word of the name, `parts` may stand at the end of one. RE2 keeps every beginning in mind that may
    still go on: one pattern for all of them costs seven times as much as looking them up.
    """

    bounded: frozenset[str]
    parts: frozenset[str]

    def end(self, names: arrow.Array) -> np.ndarray:
        """Which names (as the screening judges them) end in one of the beginnings."""
        lengths = sorted({len(part) for part in self.parts})
        return np.array([self._ends(name, lengths) for name in names.to_pylist()], dtype=bool)

    def _ends(self, name: str, lengths: list[int]) -> bool:
        begins = (found.start() for found in _WORD_START.finditer(name))
        return any(name[at:] in self.bounded for at in begins) or any(name[-n:] in self.parts for n in lengths)


def as_arrow(texts: pd.Series) -> arrow.Array:
    """Texts of a column as one Arrow array, "" where one is missing."""
    array = arrow.array(texts, arrow.string(), from_pandas=True)
    combined = array.combine_chunks() if isinstance(array, arrow.ChunkedArray) else array
    return compute.fill_null(combined, "")


def encode(texts: arrow.Array) -> tuple[arrow.Array, np.ndarray]:
    """The distinct texts in order of appearance, and for each text which of them it is."""
    encoded = texts.dictionary_encode()
    return encoded.dictionary, encoded.indices.to_numpy()


def level_digits(texts: arrow.Array) -> arrow.Array:
    """Texts with 0 for every digit: most texts differ in dates and numbers alone."""
    count, offsets, data = len(texts), texts.buffers()[1], np.frombuffer(texts.buffers()[2] or b"", np.uint8)
    levelled = np.where((data >= ord("0")) & (data <= ord("9")), np.uint8(ord("0")), data)
    return arrow.Array.from_buffers(
        texts.type, count, [None, offsets, arrow.py_buffer(levelled)], null_count=0, offset=texts.offset
    )


def is_one_of(texts: arrow.Array, values: Iterable[str]) -> np.ndarray:
    """Which texts equal one of the values."""
    found = compute.is_in(texts, arrow.array(sorted(values), arrow.string()))
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)


def normalise_text(texts: arrow.Array) -> arrow.Array:
    """Lower case without diacritics, invisible characters and punctuation, one space between words."""
    # Most texts are ASCII without a quote: all that happens to them happens to their bytes, in a fifth of the time.
    quoted = compute.or_(compute.match_substring(texts, "'"), compute.match_substring(texts, "`"))
    simple = np.asarray(compute.and_not(compute.string_is_ascii(texts), quoted), dtype=bool)
    if simple.all():
        return _normalise_bytes(texts)
    parts = [
        _normalise_bytes(texts.filter(arrow.array(simple))),
        _normalise_letters(texts.filter(arrow.array(~simple))),
    ]
    place = np.empty(len(texts), dtype=np.int64)
    place[np.argsort(~simple, kind="stable")] = np.arange(len(texts))
    return arrow.concat_arrays(parts).take(arrow.array(place))


def _normalise_bytes(texts: arrow.Array) -> arrow.Array:
    """ASCII texts: bytes other than letters and digits become one space between words."""
    data, starts = text_bytes(texts)
    data = _PLAIN_BYTES[data]
    kept = data != _SPACE
    behind = np.append(False, kept[:-1])[: len(data)]  # a space behind a word stays, unless its row begins with it
    behind[starts[starts < len(data)]] = False
    levelled = compute.ascii_rtrim_whitespace(keep_bytes(data, starts, kept | behind))
    return compute.cast(levelled, texts.type)


def _normalise_letters(texts: arrow.Array) -> arrow.Array:
    texts = compute.utf8_normalize(texts, form="NFKD")
    texts = compute.replace_substring_regex(texts, r"[\p{Mn}\p{Cf}]+", "")
    texts = compute.utf8_lower(texts)
    for letter, plain in _LETTERS.items():
        texts = compute.replace_substring(texts, letter, plain)
    texts = compute.replace_substring_regex(texts, r"\b([dl])['’`´ʼ]", r"\1 ")
    texts = compute.replace_substring_regex(texts, "['’`´ʼ‘]", "")
    texts = compute.replace_substring_regex(texts, r"[^\pL\pN\p{Mc}]+", " ")
    return compute.utf8_trim_whitespace(texts)


def join_spelled_letters(texts: arrow.Array) -> arrow.Array:
    """Turn `r k parochie` and `c n v` (once R.K. and C.N.V.) into `rk parochie` and `cnv`."""
    texts = compute.replace_substring_regex(texts, r"\b([a-z]) ([a-z]) ([a-z])\b", r"\1\2\3")
    return compute.replace_substring_regex(texts, r"\b([a-z]) ([a-z])\b", r"\1\2")


def strip_prefixes(names: arrow.Array, prefixes: str) -> arrow.Array:
    """Names without what a card terminal or payment service put in front."""
    return compute.replace_substring_regex(names, rf"^(?:{prefixes} ?)+\b", "")


def erase(texts: arrow.Array, pattern: str) -> arrow.Array:
    """Texts without their near misses; a mark stays, so that their neighbours do not become a phrase."""
    return compute.replace_substring_regex(texts, pattern, " | ") if pattern else texts


def turn_around(names: arrow.Array) -> arrow.Array:
    """Names with their words in other orders: turned (`Gemeente, Protestantse`) and backwards."""
    backwards = arrow.array([" ".join(reversed(name.split(" "))) for name in names.to_pylist()], arrow.string())
    turned = compute.binary_join_element_wise(names, names, " ")
    return compute.binary_join_element_wise(turned, backwards, PARTS_BREAK)


def match(texts: arrow.Array, pattern: str) -> np.ndarray:
    """Which texts hold the pattern; an empty pattern is held by none."""
    if not pattern or not len(texts):
        return np.zeros(len(texts), dtype=bool)
    return np.asarray(compute.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False), dtype=bool)


def compile_words(words: Iterable[str]) -> str:
    """One pattern for a list of words and phrases."""
    return any_of(compile_word(word) for word in words)


def cut_words(words: Iterable[str]) -> CutWords:
    """The beginnings of the words of a list that are long enough to tell their word."""
    listed = list(words)
    bounded = {cut for word in listed if not word.startswith("*") for cut in _cuts(word)}
    return CutWords(
        frozenset(bounded), frozenset(cut for word in listed if word.startswith("*") for cut in _cuts(word))
    )


def place_of_account(accounts: arrow.Array, *, home_country: str, sepa_countries: frozenset[str]) -> np.ndarray:
    """Per account number or BIC (upper case, no spaces): `home`, `sepa`, `outside`, or "" when it does not tell."""
    is_iban = compute.match_substring_regex(accounts, r"^[A-Z]{2}[0-9]{2}[A-Z0-9]{8,30}$")
    is_bic = compute.match_substring_regex(accounts, r"^[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?$")
    country = compute.if_else(
        is_iban,
        compute.utf8_slice_codeunits(accounts, 0, 2),
        compute.if_else(is_bic, compute.utf8_slice_codeunits(accounts, 4, 6), ""),
    )
    countries = country.to_numpy(zero_copy_only=False)
    place = np.where(is_one_of(country, sepa_countries), "sepa", "outside")
    place = np.where(countries == home_country, "home", place)
    return np.where(countries == "", "", place)


def any_of(patterns: Iterable[str]) -> str:
    """An alternation; none for an empty list."""
    alternatives = "|".join(patterns)
    return f"(?:{alternatives})" if alternatives else ""


def plain_letters(word: str) -> str:
    """A word of the lists without its diacritics."""
    return "".join(letter for letter in unicodedata.normalize("NFKD", word) if unicodedata.category(letter) != "Mn")


def is_glued(words: list[str]) -> bool:
    """Whether a phrase of these words is also found without its spaces."""
    return len(words) > 1 and sum(map(len, words)) >= _GLUE_FROM


def compile_word(word: str) -> str:
    """A pattern for one word or phrase. `\\b` knows Latin letters only, so other scripts go without."""
    word = plain_letters(word)
    if not word.strip("* ") or word != word.lower().strip():
        raise ValueError(f"word {word!r}, which is empty or not in lower case")
    inner = word.strip("*")
    gap = " ?" if is_glued(inner.split(" ")) else " "
    body = gap.join(
        r"\w*".join(re.escape(part) for part in token.split("*")).replace(r"\#", r"\d{4,}")
        for token in inner.split(" ")
    )
    if not word.isascii():
        return body
    return (r"\w*" if word.startswith("*") else r"\b") + body + (r"\w*" if word.endswith("*") else r"\b")


def _cuts(word: str) -> list[str]:
    """Every beginning of the word that is long enough to tell it and is not all of it; none for short words."""
    stem = word.strip("*").split("*")[0]
    shortest = max(_CUT_FROM, math.ceil(len(stem) * _CUT_SHARE), stem.find(" ") + 3)
    return [stem[:length] for length in range(shortest, len(stem))] if stem.isascii() else []
