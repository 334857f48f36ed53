"""The words of the pages: one TOML per page and language in `words/`, and which language a visitor reads.

Sentences are for everybody, in plain words (B1); a test lets the reading level of letters look at them. A page without
words in a language fails, it does not show another.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from http.cookies import CookieError, SimpleCookie
from importlib import resources
from typing import Any, Literal
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import Scope

from models.purposes import AMSTERDAM
from serving.contact.promise import say_day

Language = Literal["nl", "en"]
LANGUAGES: tuple[Language, ...] = ("nl", "en")
LANGUAGE_COOKIE = "levensloop-language"


@dataclass(frozen=True, slots=True)
class Words:
    """The words of all pages in one language; called with a key such as `customer.title`."""

    language: Language
    words: Mapping[str, Any]

    def __call__(self, key: str, **values: object) -> str:
        """The sentence under a key, with its values filled in; KeyError when there is none."""
        found: Any = self.words
        for step in key.split("."):
            found = found[step]
        return str(found).format(**values)

    def code(self, kind: str, code: str) -> str:
        """What a code of ours means; a code that has no words stays as it is."""
        return str(self.words["codes"][kind].get(code, code))

    def has(self, key: str) -> bool:
        """Whether there is such a sentence."""
        found: Any = self.words
        for step in key.split("."):
            if not isinstance(found, Mapping) or step not in found:
                return False
            found = found[step]
        return True

    @property
    def other(self) -> Language:
        """The language one can change to."""
        return "en" if self.language == "nl" else "nl"

    def day(self, day: date) -> str:
        """A day, or that of a moment in Europe/Amsterdam, such as 3 oktober 2026."""
        return say_day(day.astimezone(AMSTERDAM).date() if isinstance(day, datetime) else day, self.language)

    def moment(self, at: datetime) -> str:
        """A moment of Europe/Amsterdam, such as 3 oktober 2026, 14.05 uur."""
        local = at.astimezone(AMSTERDAM)
        clock = f"{local:%H.%M} uur" if self.language == "nl" else f"{local:%H:%M}"
        return f"{self.day(at)}, {clock}"

    def amount(self, amount: Decimal) -> str:
        """An amount in euros, such as € 1.279,49."""
        text = f"{amount:,.2f}"
        if self.language == "nl":
            text = text.translate(str.maketrans(",.", ".,"))
        return f"€\u00a0{text}"


@cache
def load_words(language: Language) -> Words:
    """All words of one language: `words/NAME_nl.toml` stands under NAME."""
    folder = resources.files("serving.pages").joinpath("words")
    ending = f"_{language}.toml"
    files = sorted((path for path in folder.iterdir() if path.name.endswith(ending)), key=lambda path: path.name)
    return Words(language, {path.name.removesuffix(ending): tomllib.loads(path.read_text("utf-8")) for path in files})


def find_language(scope: Scope) -> Language:
    """What was asked for just now, else at an earlier page, else what the browser prefers, else Dutch."""
    asked = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("lang", [""])[-1]
    headers = Headers(scope=scope)
    wanted = (asked, read_cookie(headers, LANGUAGE_COOKIE), *_preferred(headers.get("accept-language", "")))
    return next((language for one in wanted for language in LANGUAGES if one == language), "nl")


def read_cookie(headers: Headers, name: str) -> str:
    """The value of a cookie; empty when there is none or the header cannot be read."""
    for line in headers.getlist("cookie"):
        for part in line.split(";"):
            try:
                found = SimpleCookie(part)
            except CookieError:
                continue
            if name in found:
                return found[name].value
    return ""


def _preferred(header: str) -> list[str]:
    """Languages of an Accept-Language header, the most wanted first."""
    ranked = []
    for part in header.split(",")[:20]:
        name, _, weight = part.strip().partition(";q=")
        try:
            ranked.append((-float(weight or 1), name.split("-")[0].lower()))
        except ValueError:
            continue
    return [name for _, name in sorted(ranked, key=lambda one: one[0])]
