"""A sieve in front of the screening: few bookings hold anything that a rule looks for, so few are judged rule by rule.

It stops more than the rules do and never less: a booking that it lets pass is one that no rule can stop. Every word of
a rule is looked for here in a form that each text with that word has too.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from models.screening_text import CutWords, any_of, compile_word, cut_words, is_glued, plain_letters

_TELLING = 4  # letters from which on a part stands for its phrase; shorter parts stand in too many other words
_GAP = re.compile(r"[*#]")
_DIGITS = re.compile(r"(\\.|\{[\d,]*\}|0-9)|\d")  # what stands for any digit or counts, or else one digit


@dataclass(frozen=True, slots=True)
class Sieve:
    """What a judged name, a judged text, a cut name, a whole name or a creditor must hold to be judged at all.

    Where it is digit-blind, what a text holds does not change with its digits.
    """

    name: str
    text: str
    is_digit_blind: bool
    cut: CutWords
    whole_names: frozenset[str]
    creditor_ids: frozenset[str]


def build_sieve(categories: Iterable[Mapping[str, Any]], ordinary: Iterable[str], *, same: Iterable[str]) -> Sieve:
    """The sieve of the categories of a screening file; `ordinary` words stand in too many texts to look for.

    `same` are the other patterns that texts meet before they are judged.
    """
    name: list[str] = []
    text: list[str] = []
    cut: list[str] = []
    whole: set[str] = set()
    creditors: set[str] = set()
    for category in categories:
        words = category.get("words", [])
        name += [*words, *category.get("name_words", [])]
        text += [*words, *category.get("text_words", [])]
        cut += [*words, *category.get("name_words", [])]
        for rule in category.get("rule", []):
            where = rule.get("where", "any")
            name += rule["words"] if where != "text" else []
            text += rule["words"] if where != "name" else []
        whole.update(category.get("whole_names", []))
        creditors.update(category.get("creditor_ids", []))
    avoided = frozenset(ordinary)
    return Sieve(
        name=any_of(dict.fromkeys(_part(word, avoided) for word in name)),
        text=_any_digits(any_of(dict.fromkeys(_part(word, avoided) for word in text))),
        is_digit_blind=all(_any_digits(pattern) == pattern for pattern in same),
        cut=cut_words(dict.fromkeys(cut)),
        whole_names=frozenset(whole),
        creditor_ids=frozenset(creditors),
    )


def _any_digits(pattern: str) -> str:
    """The pattern with any digit where it names one: it finds more, and the same whatever the digits are."""
    return _DIGITS.sub(lambda found: found[1] or r"\d", pattern)


def _part(word: str, ordinary: frozenset[str]) -> str:
    """The pattern of one word, or of a phrase its longest part that is no ordinary word.

    Patterns go without ends that match anything. All phrases whole in one pattern would be exact and too slow: every
    gap in them doubles what RE2 has to keep in mind.
    """
    parts = _parts(word) if " " in word.strip("*") else []
    rare = [part for part in parts if len(part[0]) >= _TELLING and part[0] not in ordinary]
    if not rare:
        return compile_word(word).removeprefix(r"\w*").removesuffix(r"\w*")
    return max(rare, key=lambda part: len(part[0]))[1]


def _parts(word: str) -> list[tuple[str, str]]:
    """The letters and the pattern of each part of a phrase, with the boundaries that it always has.

    Long phrases are found without their spaces too, so that only their two ends are boundaries.
    """
    plain = plain_letters(word)
    words = plain.strip("*").split(" ")
    bounded, glued = word.isascii(), is_glued(words)
    parts = []
    for at, one in enumerate(words):
        pieces = _GAP.split(one)
        longest = max(range(len(pieces)), key=lambda n: len(pieces[n]))
        begins = longest == 0 and (not plain.startswith("*") if at == 0 else not glued)
        ends = longest == len(pieces) - 1 and (not plain.endswith("*") if at == len(words) - 1 else not glued)
        before, after = (r"\b" if bounded and edge else "" for edge in (begins, ends))
        parts.append((pieces[longest], f"{before}{re.escape(pieces[longest])}{after}"))
    return parts
