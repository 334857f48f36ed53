"""What a screening file says, compiled: its categories, and what tells persons, salaries and money from abroad."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from models.screening_text import CutWords, compile_words, cut_words

Where = Literal["any", "name", "text"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that needs more than a word: `words` at `where`, with one of `also`, without any of `unless`."""

    words: str
    where: Where
    also: str
    unless: str


@dataclass(frozen=True, slots=True)
class Category:
    """One reason to stop a booking, compiled. `employer`: a salary from such a payer may pass (see `_spare_salary`)."""

    id: str
    employer: Literal["", "coded", "worded"]
    words: str
    name_words: str
    text_words: str
    cut_words: CutWords
    whole_names: frozenset[str]
    creditor_ids: frozenset[str]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Abroad:
    """What tells a transfer to or from outside SEPA, and a transfer to a person abroad."""

    home_country: str
    sepa_countries: frozenset[str]
    transfer_codes: frozenset[str]
    organisation_words: str
    text_patterns: str


@dataclass(frozen=True, slots=True)
class Persons:
    """What tells the name of a private person, whose words are not judged."""

    forms: str
    trade_words: str
    not_initials: str


@dataclass(frozen=True, slots=True)
class Salary:
    """What tells that a credit is a salary: codes always, `words` without `unless` where a category allows it."""

    transaction_codes: frozenset[str]
    purpose_codes: frozenset[str]
    words: str
    unless: str


def build_category(raw: dict[str, Any]) -> Category:
    """A category of the file; KeyError or ValueError says what is wrong with it."""
    unknown = set(raw) - {
        "id", "why", "source", "marker", "employer", "words", "name_words", "text_words", "whole_names",
        "creditor_ids", "rule",
    }  # fmt: skip
    if unknown:
        raise ValueError(f"{raw['id']}: unknown {', '.join(sorted(unknown))}")
    if not raw["why"] or not raw["source"]:
        raise ValueError(f"{raw['id']}: a category says why it is there and its source")
    words = list(raw.get("words", []))
    name_words = list(raw.get("name_words", []))
    return Category(
        id=str(raw["id"]),
        employer=raw.get("employer", ""),
        words=compile_words(words),
        name_words=compile_words(name_words),
        text_words=compile_words(raw.get("text_words", [])),
        cut_words=cut_words(words + name_words),
        whole_names=frozenset(raw.get("whole_names", [])),
        creditor_ids=frozenset(raw.get("creditor_ids", [])),
        rules=tuple(_build_rule(rule) for rule in raw.get("rule", [])),
    )


def _build_rule(raw: dict[str, Any]) -> Rule:
    where = raw.get("where", "any")
    if where not in get_args(Where):
        raise ValueError(f"where = {where}")
    also, unless = raw.get("also", []), raw.get("unless", [])
    return Rule(words=compile_words(raw["words"]), where=where, also=compile_words(also), unless=compile_words(unless))


def build_abroad(raw: dict[str, Any]) -> Abroad:
    """What the file says of money from and to abroad."""
    return Abroad(
        home_country=str(raw["home_country"]),
        sepa_countries=frozenset(raw["sepa_countries"]),
        transfer_codes=frozenset(raw["transfer_codes"]),
        organisation_words=compile_words(raw["organisation_words"]),
        text_patterns=any_pattern(raw["text_patterns"]),
    )


def build_persons(raw: dict[str, Any], lists: dict[str, str]) -> Persons:
    """What the file says of private persons."""
    return Persons(
        forms=any_pattern(fill(pattern, lists) for pattern in raw["forms"]),
        trade_words=compile_words(raw["trade_words"]),
        not_initials=any_pattern(raw["not_initials"]),
    )


def build_salary(raw: dict[str, Any]) -> Salary:
    """What the file says of salaries."""
    return Salary(
        transaction_codes=frozenset(raw["transaction_codes"]),
        purpose_codes=frozenset(raw["purpose_codes"]),
        words=compile_words(raw["words"]),
        unless=compile_words(raw["unless"]),
    )


def fill(pattern: str, lists: dict[str, str]) -> str:
    """A pattern with its lists filled in."""
    for name, words in lists.items():
        pattern = pattern.replace(f"<{name}>", words)
    if "<" in pattern:
        raise ValueError(f"a list that is not there in {pattern}")
    return pattern


def one_of(words: Iterable[str]) -> str:
    """An alternation; words of lists for near misses may hold patterns."""
    return "(?:" + "|".join(words) + ")"


def any_pattern(patterns: Iterable[str]) -> str:
    """One pattern for many."""
    return "|".join(f"(?:{pattern})" for pattern in patterns)
