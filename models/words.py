"""Texts to words: lower case without accents, without what only tells bookings apart, each distinct word a number.

Bookings repeat once their references are gone, so texts are levelled first and split once per distinct one. Levelling
works on all bytes of a column at a time: regular expressions over a million texts cost several times as much.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.compute as compute

from models.ragged import Ragged, ragged

_SPACE, _ZERO, _DROPPED, _QUOTE = 0x20, 0x30, 0x00, 0x27
_BLOCK = 16_384  # texts levelled at a time: their bytes stay in the cache and below the 2 GiB of an Arrow array
_LEADING_LETTERS = 5  # "SALARIS2026" keeps its word, "ABC123" is a reference
_SHORT = 4  # characters: "MD01" and "13e" are codes, longer mixtures are references
_LONGEST = 24  # characters of a word in Latin letters
_WORD = re.compile(r"[^\W_]+")
# Number plates of Dutch cars; source: RDW, sidecodes 1 to 14. Whose car it is must not be read, that it is one may.
_PLATES = r"(?i)(^|[\s(:,/])(?:" + "|".join(
    re.sub("X+|9+", lambda part: f"{'[a-z]' if part[0][0] == 'X' else '[0-9]'}{{{len(part[0])}}}", code)
    for code in (
        "XX-99-99", "99-99-XX", "99-XX-99", "XX-99-XX", "XX-XX-99", "99-XX-XX", "99-XXX-9", "9-XXX-99", "XX-999-X",
        "X-999-XX", "XXX-99-X", "X-99-XXX", "9-XX-999", "999-XX-9",
    )
) + r")($|[\s):,/.])"  # fmt: skip
_PLATE = r"\1kenteken\2"
_FOREIGN_LETTERS = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe"})


def _byte_table() -> np.ndarray:
    table = np.full(256, _SPACE, dtype=np.uint8)
    table[0x80:] = np.arange(0x80, 0x100)  # parts of letters beyond ASCII
    table[0x30:0x3A] = _ZERO
    table[0x61:0x7B] = table[0x41:0x5B] = np.arange(0x61, 0x7B)
    table[_QUOTE] = _DROPPED  # McDonald's is one word
    return table


_BYTES = _byte_table()


def level_texts(texts: arrow.Array) -> arrow.Array:
    """Texts as words between single spaces: lower-case ASCII, every digit 0, references gone.

    A word with two digits or more is a reference and goes, unless it is short ("MD01") or letters with a number behind
    ("SALARIS2026", of which the letters stay). A number plate becomes the word for one.
    """
    texts = compute.cast(compute.replace_substring_regex(texts, _PLATES, _PLATE), arrow.large_string())
    blocks = [_level_block(texts.slice(at, _BLOCK)) for at in range(0, len(texts), _BLOCK)]
    return arrow.concat_arrays(blocks) if blocks else arrow.array([], arrow.large_string())


def _level_block(texts: arrow.Array) -> arrow.Array:
    data, offsets = text_bytes(texts)
    if not len(data):
        return texts
    plain = _BYTES[data]
    row_start = np.zeros(len(plain) + 1, dtype=bool)
    row_start[offsets] = True
    inside = plain != _SPACE
    begins = inside.copy()
    begins[1:] &= ~inside[:-1] | row_start[1:-1]
    word = np.cumsum(begins, dtype=np.int32) - 1
    kept, alive = _kept_bytes(plain, inside, np.flatnonzero(begins), word)
    # One space stays behind each word that stays; a row's last is trimmed, so that equal texts are equal.
    space = np.zeros(len(plain), dtype=bool)
    space[1:] = ~inside[1:] & alive[:-1] & ~row_start[1:-1]
    stays = (kept & (plain != _DROPPED)) | space
    return compute.ascii_rtrim_whitespace(keep_bytes(plain, offsets, stays))


def text_bytes(texts: arrow.Array) -> tuple[np.ndarray, np.ndarray]:
    """All bytes of texts without a missing one, and where each text begins among them (and the last one ends)."""
    texts = compute.cast(texts, arrow.large_string())
    if not len(texts):
        return np.zeros(0, dtype=np.uint8), np.zeros(1, dtype=np.int64)
    offsets = np.frombuffer(texts.buffers()[1], np.int64, len(texts) + 1, texts.offset * 8)
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)[offsets[0] : offsets[-1]]
    return data, offsets - offsets[0]


def keep_bytes(data: np.ndarray, offsets: np.ndarray, kept: np.ndarray) -> arrow.Array:
    """The texts of `text_bytes` (large strings) without the bytes that a mask does not keep."""
    counted = np.zeros(len(data) + 1, dtype=np.int64)
    np.cumsum(kept, out=counted[1:])
    return arrow.LargeStringArray.from_buffers(
        len(offsets) - 1, arrow.py_buffer(counted[offsets]), arrow.py_buffer(data[kept])
    )


def _kept_bytes(
    plain: np.ndarray, inside: np.ndarray, starts: np.ndarray, word: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Which bytes stay, and which lie in words of which something stays.

    `starts` is where words begin, `word` the word of each byte that is inside one.
    """
    if not len(starts):
        return inside, inside
    digit = plain == _ZERO
    digits = np.add.reduceat(digit, starts, dtype=np.int32)
    if not digits.any():
        return inside, inside
    letters = np.add.reduceat(inside, starts, dtype=np.int32) - digits
    counted = np.cumsum(digit, dtype=np.int32)
    leading = inside & (counted == (counted[starts] - digit[starts])[word])
    lead = np.add.reduceat(leading, starts, dtype=np.int32)
    stays = (digits < 2) | ((digits == 2) & (letters > 0) & (letters + digits <= _SHORT))
    shortened = ~stays & (lead >= _LEADING_LETTERS) & (lead == letters)
    whole = stays[word]
    return inside & (whole | (shortened[word] & leading)), inside & (whole | shortened[word])


def split_words(*columns: arrow.Array) -> tuple[list[str], list[Ragged]]:
    """Words of levelled texts, numbered by one table for all columns; words of digits alone are dropped."""
    parts = [compute.split_pattern(column, " ") for column in columns]
    chunks = arrow.concat_arrays([part.flatten() for part in parts]).dictionary_encode()
    table, words_of = _words_of_chunks(chunks.dictionary)
    codes = np.asarray(chunks.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
    split, begin = [], 0
    for part in parts:
        starts = np.asarray(part.offsets.to_numpy(), dtype=np.int64)
        starts = starts - starts[0]
        words = words_of.take(codes[begin : begin + starts[-1]])
        split.append(Ragged(words.flat, words.starts[starts]))
        begin += int(starts[-1])
    return table, split


def _words_of_chunks(chunks: arrow.Array) -> tuple[list[str], Ragged]:
    """The words of what stands between two spaces: itself, unless it has other than ASCII letters or is no word."""
    ascii_only = np.asarray(compute.string_is_ascii(chunks), dtype=bool)
    length = np.asarray(compute.utf8_length(chunks))
    is_number = np.asarray(compute.match_substring_regex(chunks, "^0*$"), dtype=bool)
    number: dict[str, int] = {chunk: at for at, chunk in enumerate(chunks.to_pylist())}
    is_word = ascii_only & ~is_number & (length <= _LONGEST)
    rows: list[Sequence[int]] = [(at,) if kept else () for at, kept in enumerate(is_word.tolist())]
    texts = list(number)
    for at in np.flatnonzero(~ascii_only).tolist():
        rows[at] = [number.setdefault(word, len(number)) for word in _plain(texts[at])]
    return list(number), ragged(rows)


@lru_cache(maxsize=65_536)
def _plain(chunk: str) -> tuple[str, ...]:
    """Words of a chunk with letters beyond ASCII: without accents, in lower case, split at other signs."""
    folded = unicodedata.normalize("NFKD", chunk).casefold().translate(_FOREIGN_LETTERS).replace("’", "")
    words = _WORD.findall("".join(c for c in folded if not unicodedata.combining(c)))
    return tuple(word for word in words if not word.isdecimal())


def clean_words(text: str) -> list[str]:
    """The words of one text, as `level_texts` and `split_words` give them."""
    return clean_many([text])[0]


def clean_many(texts: Sequence[str]) -> list[list[str]]:
    """The words of each text."""
    table, (rows,) = split_words(level_texts(arrow.array(texts, arrow.large_string())))
    return [[table[at] for at in rows.row(row)] for row in range(len(rows))]


def text_column(bookings: pd.DataFrame, name: str) -> arrow.Array:
    """A column of texts as Arrow, "" where one is missing or where there is no such column."""
    if name not in bookings:
        return arrow.array(np.full(len(bookings), ""), arrow.large_string())
    values = bookings[name]
    if values.dtype == object:
        values = values.where(values.notna(), "").astype(str)
    return compute.fill_null(as_large(values), "")


def as_large(texts: pd.Series) -> arrow.Array:
    """A column of texts as one Arrow array; what is missing stays missing."""
    array = arrow.array(texts, from_pandas=True)
    whole = array.combine_chunks() if isinstance(array, arrow.ChunkedArray) else array
    return compute.cast(whole, arrow.large_string())
