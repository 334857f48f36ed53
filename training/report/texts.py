"""The words of the report, from one TOML file per language, and numbers and dates as that language writes them."""

import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any, Literal, get_args

Language = Literal["nl", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
_SEPARATORS = {"nl": str.maketrans(",.", ".,"), "en": {}}
_MINUS = "\N{MINUS SIGN}"
_TINY = 0.0001


@dataclass(frozen=True)
class Texts:
    """Sentences, names and numbers in one language."""

    language: Language
    strings: Mapping[str, Any]

    def __call__(self, key: str, /, **values: Any) -> str:
        """The sentence at a dotted key, with its blanks filled in; KeyError when there is none."""
        return str(self._at(key)).format(**values)

    def lines(self, key: str) -> list[str]:
        """A list of sentences."""
        return [str(line) for line in self._at(key)]

    def pairs(self, key: str) -> list[tuple[str, str]]:
        """A list of terms with their explanations."""
        return [(str(term), str(meaning)) for term, meaning in self._at(key)]

    def name(self, table: str, key: str) -> str:
        """What something is called; its own id in words where a policy or taxonomy has more than this file."""
        names: Any = self.strings["names"]
        for part in table.split("."):
            names = names.get(part, {})
        return str(names.get(key, key.replace("_", " ")))

    def _at(self, key: str) -> Any:
        found: Any = self.strings
        for part in key.split("."):
            found = found[part]
        return found

    # ---- numbers and dates ------------------------------------------------------------------------------------------

    def count(self, value: float) -> str:
        """A whole number with separators of thousands."""
        return self.decimal(value, 0)

    def decimal(self, value: float, digits: int) -> str:
        """A number with that many digits after the point; a zero has no sign."""
        told = f"{value:,.{digits}f}"
        if not told.strip("-0.,"):
            told = told.lstrip("-")
        return told.translate(_SEPARATORS[self.language]).replace("-", _MINUS)

    def percent(self, share: float, digits: int = 1) -> str:
        """A share as a percentage."""
        return f"{self.decimal(100 * share, digits)}%"

    def number(self, value: float) -> str:
        """Any number: whole ones as such, others with three digits that count; a tiny one is not shown as zero."""
        if float(value).is_integer():
            return self.count(value)
        if abs(value) < _TINY:
            return self("units.less_than", value=self.decimal(_TINY, 4))
        digits = 4 if abs(value) < 0.01 else 3 if abs(value) < 1 else 2
        return self.decimal(value, digits)

    def span(self, low: str, high: str) -> str:
        """From one to another."""
        return self("units.span", low=low, high=high)

    def day(self, text: str) -> str:
        """The date at the beginning of an ISO text, in words."""
        day = date.fromisoformat(text[:10])
        return f"{day.day} {self.lines('units.months')[day.month - 1]} {day.year}"

    def month(self, text: str) -> str:
        """A month such as 2026-10 in words."""
        return f"{self.lines('units.months')[int(text[5:7]) - 1]} {text[:4]}"


@cache
def load_texts(language: Language) -> Texts:
    """The texts of a language."""
    text = resources.files("training.report").joinpath(f"texts_{language}.toml").read_text("utf-8")
    return Texts(language, tomllib.loads(text))


def list_blanks(sentence: str) -> set[str]:
    """The names of the blanks in a sentence."""
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}
