"""Which bank wrote a CSV file: its header or its rows against the variants of `csv_files.toml`."""

import csv
import re
import tomllib
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from models.bookings import REQUIRED
from models.errors import UnreadableDataError
from models.statements.detect import SUPPORTED

_DELIMITERS = (",", ";", "\t", "|")
_HEAD_LINES = 30
# What banks write in a column that tells debit from credit.
_SIGN_WORDS = frozenset(
    ("af", "bij", "debet", "debit", "credit", "dbit", "crdt", "d", "c", "dr", "cr", "db", "soll", "haben", "s", "h")
)


@dataclass(frozen=True, slots=True)
class Variant:
    """One way in which a bank writes CSV, as `csv_files.toml` describes it."""

    id: str
    bank: str
    columns: dict[str, tuple[str, ...]]
    required: tuple[str, ...]
    positions: tuple[str, ...]
    patterns: dict[str, str]
    decimal: str
    dates: tuple[str, ...]
    debit_words: tuple[str, ...]
    credit_words: tuple[str, ...]
    text: str
    balance: str
    reference: str
    refused_states: tuple[str, ...]
    quote: str


@dataclass(slots=True)
class Layout:
    """A variant found in a file: its delimiter and where each field stands."""

    variant: Variant
    delimiter: str
    places: dict[str, tuple[int, ...]]
    width: int
    has_header: bool


@lru_cache(maxsize=1)
def load_variants() -> tuple[Variant, ...]:
    """All CSV variants, in the order in which they are tried."""
    data = tomllib.loads(files("models.statements").joinpath("csv_files.toml").read_text(encoding="utf-8"))
    return tuple(_variant(entry) for entry in data["variant"])


def _variant(entry: dict[str, Any]) -> Variant:
    columns = {
        name: tuple([words] if isinstance(words, str) else words) for name, words in entry.get("columns", {}).items()
    }
    return Variant(
        id=entry["id"],
        bank=entry["bank"],
        columns={name: tuple(_plain(word) for word in words) for name, words in columns.items()},
        required=tuple(entry.get("required", ("date", "amount"))),
        positions=tuple(entry.get("positions", ())),
        patterns=entry.get("patterns", {}),
        decimal=entry.get("decimal", ","),
        dates=tuple(entry["dates"]),
        debit_words=tuple(word.lower() for word in entry.get("debit_words", ())),
        credit_words=tuple(word.lower() for word in entry.get("credit_words", ())),
        text=entry.get("text", ""),
        balance=entry.get("balance", "after"),
        reference=entry.get("reference", ""),
        refused_states=tuple(word.lower() for word in entry.get("refused_states", ())),
        quote=entry.get("quote", '"'),
    )


def _plain(word: str) -> str:
    """A header word without case, quotes and outer space; bytes that are not UTF-8 do not matter."""
    plain = unicodedata.normalize("NFKD", word.lower())
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    return re.sub(r"[^a-z0-9/()+|&-]+", " ", plain).strip()


def find_layout(head: str, *, source: str) -> tuple[Layout, int]:
    """The layout of a CSV file, and the number of lines before its first row.

    Raises
    ------
    UnreadableDataError
        No known bank writes such a header or such rows.
    """
    lines = head.splitlines()[:_HEAD_LINES]
    for at, line in enumerate(lines):
        for delimiter in _DELIMITERS:
            if line.count(delimiter) >= 2 and (layout := _match_header(line, delimiter, lines[at + 1 :])):
                return layout, at + 1
    if found := _find_positions(lines):
        return found
    if lines and set(REQUIRED) <= set(_split(lines[0], ",")):
        raise UnreadableDataError(
            f"{source} is a bookings table already. Every verb takes it as it is, without `read`."
        )
    raise UnreadableDataError(f"{source} is text that no known bank writes: its header fits no variant. {SUPPORTED}")


def _split(line: str, delimiter: str, quote: str = '"') -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, quotechar=quote), [])
    except csv.Error:
        return []


def _match_header(line: str, delimiter: str, rows: list[str]) -> Layout | None:
    words = [_plain(word) for word in _split(line.lstrip("\ufeff"), delimiter)]
    for variant in load_variants():
        if not variant.columns:
            continue
        places = {
            name: tuple(dict.fromkeys(words.index(choice) for choice in choices if choice in words))
            for name, choices in variant.columns.items()
        }
        if all(places.get(name) for name in variant.required) and not _has_other_sign(places, delimiter, rows):
            if variant.text != "join":
                places = {name: spots if name == "text" else spots[:1] for name, spots in places.items()}
            return Layout(variant, delimiter, places, len(words), has_header=True)
    return None


def _find_positions(lines: list[str]) -> tuple[Layout, int] | None:
    """As `find_layout` of a file without a header: most rows tell its width, and all are read, the odd ones too.

    A title above them, which holds no delimiter, is no row.
    """
    for line in lines:
        for variant in load_variants():
            if variant.positions and _match_positions(line, variant):
                found = [layout for row in lines if (layout := _match_positions(row, variant))]
                widths = Counter(layout.width for layout in found)
                usual = max(found, key=lambda one: (widths[one.width], one.width == len(variant.positions)))
                return usual, next(at for at, row in enumerate(lines) if usual.delimiter in row)
    return None


def _has_other_sign(places: dict[str, tuple[int, ...]], delimiter: str, rows: list[str]) -> bool:
    """Whether a column that the variant does not know tells debit from credit: the amounts would lose their sign."""
    if any(places.get(name) for name in ("indicator", "debit", "credit")):
        return False
    known = {spot for spots in places.values() for spot in spots}
    cells = next((_split(row, delimiter) for row in rows if row.strip(f" {delimiter}")), [])
    return any(at not in known and cell.strip().lower() in _SIGN_WORDS for at, cell in enumerate(cells))


def _match_positions(line: str, variant: Variant) -> Layout | None:
    for delimiter in _DELIMITERS:
        cells = join_apostrophes(_split(line, delimiter, variant.quote), variant, delimiter)
        if len(cells) not in (len(variant.positions), len(variant.positions) + 1):
            continue
        places: dict[str, tuple[int, ...]] = {}
        for at, name in enumerate(variant.positions):
            if name:
                places[name] = (*places.get(name, ()), at)
        if all(re.fullmatch(pattern, cells[places[name][0]].strip()) for name, pattern in variant.patterns.items()):
            return Layout(variant, delimiter, places, len(cells), has_header=False)
    return None


def join_apostrophes(cells: list[str], variant: Variant, delimiter: str) -> list[str]:
    """Cells of a row whose text stands between apostrophes, with a text whole that holds the delimiter itself."""
    at = variant.positions.index("text") if variant.text == "quoted" and variant.positions else len(cells)
    if at >= len(cells) or not cells[at].startswith("'"):
        return cells
    for end in range(at + 1, len(cells) + 1):
        text = delimiter.join(cells[at:end])
        if len(text) > 1 and text.endswith("'"):
            return [*cells[:at], text, *cells[end:]]
    return cells
