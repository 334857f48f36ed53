"""Private names in bookings of synthetic histories, found by the simulator's own name lists and open to be filled.

Found without the release's help: what a release takes for a person is what a swap has to test.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from models.payments import is_credit, kinds_of
from models.screening import Screening
from training.fairness.swap_suite import Names
from training.simulation.parameters import load_table

_TITLE = r"(?:(?:de heer|heer|hr|dhr|mw|mevr|mevrouw|mej|fam|familie)\.? +)*"
_SHAPE = re.compile(rf"(?i)^(?P<title>{_TITLE})(?P<name>.+?)(?P<rest> +(?:v|vi|(?:via|inz)\b.*))?$")
_CUT_LENGTHS = (24, 27, 32, 35)  # at which the simulator's banks cut names, as real ones do
_WORD = re.compile(r"[^\W\d_]+")
_PARTICLES = frozenset(("van", "de", "der", "den", "ten", "ter", "el", "al", "en", "of"))
_LEGAL_FORMS = frozenset(("bv", "nv", "vof", "cv", "stichting", "holding", "maatschap"))
_SHOPS = ("CARD", "SDD", "CASH", "FEE", "INTERNAL")  # kinds of payment whose other side is no private person
_SHORTEST_ALONE = 4  # letters of a first name that is told without a family name behind it ("na" is a word)


class Slot(NamedTuple):
    """A place for a name: the first or family name with this number, in capitals where it stood so."""

    kind: str
    number: int
    upper: bool


Parts = tuple[str | Slot, ...]


@dataclass(frozen=True)
class NamedBookings:
    """Bookings with a private name (`at`, positions in the frame) and their name and text with the names left open.

    `lengths` are those at which the bank cut the name.
    """

    at: np.ndarray
    lengths: list[int | None]
    names: list[Parts]
    texts: list[Parts]

    def fill(self, bookings: pd.DataFrame, names: Names, *, shift: int = 0) -> pd.DataFrame:
        """The bookings with these names; `shift` gives every person the name of another."""
        swapped = bookings.copy()
        uncut: list[int | None] = [None] * len(self.at)
        columns = {"counterparty_name": (self.names, self.lengths), "remittance_information": (self.texts, uncut)}
        for column, (parts, lengths) in columns.items():
            values = bookings[column].to_numpy(dtype=object).copy()
            filled = ["".join(_filled(part, names, shift) for part in row) for row in parts]
            values[self.at] = [text[:length].rstrip() for text, length in zip(filled, lengths, strict=True)]
            swapped[column] = pd.Series(values, dtype="str", index=bookings.index)
        return swapped


def _filled(part: str | Slot, names: Names, shift: int) -> str:
    if isinstance(part, str):
        return part
    listed = names.first if part.kind == "first" else names.last
    name = listed[(part.number + shift) % len(listed)]
    return name.upper() if part.upper else name


def open_names(bookings: pd.DataFrame, screening: Screening, *, seed: int) -> NamedBookings:
    """Find private persons and payers of salaries by name, and leave open their names, in the text too.

    One person keeps one number within a customer's bookings, two persons never share both initial and family name
    until a customer has more of them than there are family names. Titles, initials and what an app of payment
    requests adds stay. Bookings that screening stops are left alone, since no feature looks at them, and so are shops
    named after persons.
    """
    kinds = kinds_of(bookings)
    looked_at = ~screening.screen(bookings) & (screening.generalise_names(bookings["counterparty_name"]) == "")
    looked_at &= ~np.isin(kinds, _SHOPS)
    paid = (kinds == "SALARY") & is_credit(bookings)
    rng = np.random.default_rng(seed)
    people = {customer: _People(int(rng.integers(0, 1000))) for customer in sorted(set(bookings["customer_id"]))}
    at, lengths, names, texts = [], [], [], []
    columns = ("customer_id", "counterparty_name", "remittance_information")
    rows = zip(*(bookings[column].tolist() for column in columns), paid.tolist(), looked_at.tolist(), strict=True)
    for row, (customer, name, text, salary, look) in enumerate(rows):
        found = _open_row(name, text, people[customer], salary=salary) if look else None
        if found is not None:
            at.append(row)
            lengths.append(len(name) if len(name) in _CUT_LENGTHS else None)
            names.append(found[0])
            texts.append(found[1])
    return NamedBookings(np.array(at, dtype=np.int64), lengths, names, texts)


class _People:
    """The persons of one customer's bookings, numbered as they are met."""

    def __init__(self, begin: int) -> None:
        self._begin = begin
        self._numbers: dict[tuple[str, ...], int] = {}
        self._met: dict[str, int] = defaultdict(int)

    def number(self, words: tuple[str, ...]) -> int:
        """The number of a person; the next one for persons with another initial counts apart."""
        if words not in self._numbers:
            group = words[0] if len(words[0]) == 1 else ""
            self._numbers[words] = self._begin + self._met[group]
            self._met[group] += 1
        return self._numbers[words]


def _open_row(name: str, text: str, people: _People, *, salary: bool) -> tuple[Parts, Parts] | None:
    shape = _SHAPE.match(name)
    words = tuple(word.casefold() for word in _WORD.findall(shape["name"])) if shape else ()
    is_person = shape is not None and _is_private(words, titled=bool(shape["title"]))
    if shape is not None and (is_person or (salary and words)):
        number = people.number(words)
        opened = _open_words(shape["name"], number)
        own = {word: part for word, part in zip(words, opened[1], strict=True) if isinstance(part, Slot)}
        own = {word: part for word, part in own.items() if is_person and len(word) > 2 and word not in _PARTICLES}
        # A shorter name lets the bank show more of what stands behind it.
        rest = " via Tikkie" if (shape["rest"] or "").strip().lower() in ("v", "vi") else shape["rest"] or ""
        return (shape["title"], *opened[0], rest), _open_text(text, people, own)
    told = _open_text(text, people, {})
    return ((name,), told) if len(told) > 1 else None


def _is_private(words: tuple[str, ...], *, titled: bool) -> bool:
    firsts, lasts = _listed()
    known = bool(words) and all(len(word) == 1 or word in firsts | lasts | _PARTICLES for word in words)
    begins = titled or len(words[0]) == 1 or words[0] in firsts if known else False
    return known and begins and any(len(word) > 1 and word in lasts for word in words)


def _open_words(name: str, number: int) -> tuple[list[str | Slot], list[str | Slot]]:
    """A name with its words open, and the words alone; initials and legal forms stay, the first of several is a first
    name.
    """
    parts: list[str | Slot] = []
    alone: list[str | Slot] = []
    begin, lasts = 0, 0
    found = list(_WORD.finditer(name))
    for n, match in enumerate(found):
        word = match[0]
        part: str | Slot = word
        if len(word) > 1 and word.casefold() not in _LEGAL_FORMS:
            is_first = n == 0 and len(found) > 1 and word.casefold() in _listed()[0]
            # Further words of a family name are other family names: seven on, so that they differ.
            part = Slot("first" if is_first else "last", number + (0 if is_first else 7 * lasts), word.isupper())
            lasts += not is_first
        parts += [name[begin : match.start()], part]
        alone.append(part)
        begin = match.end()
    return [*parts, name[begin:]], alone


def _open_text(text: str, people: _People, own: Mapping[str, Slot]) -> Parts:
    """A text with the names in it open: those of the counterparty, and others by their form."""
    parts: list[str | Slot] = []
    begin = 0
    for match in _names_in(text, own):
        word = match[0]
        if word.casefold() in own:
            opened: Sequence[str | Slot] = [own[word.casefold()]._replace(upper=word.isupper())]
        elif match.re.groups and match["solo"]:
            opened = [Slot("first", people.number((word.casefold(),)), word.isupper())]
        else:
            number = people.number(tuple(one.casefold() for one in _WORD.findall(word)))
            opened = _open_words(word, number)[0]
        parts += [text[begin : match.start()], *opened]
        begin = match.end()
    return (*parts, text[begin:])


def _names_in(text: str, own: Mapping[str, Slot]) -> Iterator[re.Match[str]]:
    """Names from left to right, one of `own` before another that begins with it."""
    mine = re.compile(rf"(?i)\b(?:{'|'.join(map(re.escape, sorted(own)))})\b") if own else None
    at = 0
    while at <= len(text):
        found = [one for one in (mine.search(text, at) if mine else None, _pattern().search(text, at)) if one]
        if not found:
            return
        first = min(found, key=lambda one: one.start())
        yield first
        at = first.end()


@cache
def _pattern() -> re.Pattern[str]:
    """Names by their form; long to compile, so that it is done once and not for every counterparty."""
    firsts = sorted({name for one in load_table("names").values() for name in one["first"]}, key=len, reverse=True)
    lasts = sorted({name for one in load_table("names").values() for name in one["last"]}, key=len, reverse=True)
    first, last = "|".join(map(re.escape, firsts)), "|".join(map(re.escape, lasts))
    alone = "|".join(re.escape(name) for name in firsts if len(name) >= _SHORTEST_ALONE)
    return re.compile(rf"(?i)\b(?:(?:[A-Z]|{first}) (?:{last})|(?P<solo>{alone}))\b")


@cache
def _listed() -> tuple[frozenset[str], frozenset[str]]:
    """Words of first names and of family names that the simulator gives to persons."""
    tables = load_table("names").values()
    firsts = (word for one in tables for name in one["first"] for word in _WORD.findall(name))
    lasts = (word for one in tables for name in one["last"] for word in _WORD.findall(name))
    return frozenset(word.casefold() for word in firsts), frozenset(word.casefold() for word in lasts) - _PARTICLES
