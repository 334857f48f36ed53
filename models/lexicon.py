"""Words of one meaning share a concept, so that a wording the training set does not have still counts.

What a concept means for a life event is learned; the lexicon (`lexicon.toml`) only says which words belong together and
which of them name an organisation.
"""

import tomllib
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib import resources
from typing import Any

from models.phrases import Openings, openings
from models.words import clean_many

_SHORTEST_BEGINNING = 3  # characters
_SHORTEST_ORGANISATION = 4  # characters of a beginning that names an organisation
_SHORTEST_PART = 6  # characters: shorter words stand at the edge of others by chance
_SHORTEST_TRUNCATED = 8  # characters: shorter stubs fit too many words


@dataclass(frozen=True, eq=False)
class Lexicon:
    """Concepts by word and by beginning of a word; which of those words name an organisation."""

    words: dict[str, str]
    beginnings: dict[str, str]
    organisations: frozenset[str]
    legal_forms: frozenset[str]
    legal_beginnings: tuple[str, ...]
    trades: tuple[str, ...]
    estates: frozenset[str]
    web_shops: tuple[str, ...]
    terminal_prefixes: frozenset[str]
    intermediaries: frozenset[str]
    payment_requests: frozenset[str]
    noise: frozenset[str]

    @cached_property
    def concepts(self) -> list[str]:
        """All concepts, sorted."""
        return sorted({*self.words.values(), *self.beginnings.values()})

    @cached_property
    def organisation_beginnings(self) -> frozenset[str]:
        """Beginnings of names of organisations."""
        listed = self.organisations & self.beginnings.keys()
        return frozenset(beginning for beginning in listed if len(beginning) >= _SHORTEST_ORGANISATION)

    @cached_property
    def single_words(self) -> tuple[str, ...]:
        """All words that stand in the lexicon, also in phrases, sorted."""
        return tuple(sorted({word for phrase in (*self.words, *self.beginnings) for word in phrase.split()}))

    @cached_property
    def phrase_openings(self) -> Openings:
        """How phrases of several words begin that have a concept or name an organisation."""
        return openings(p for p in (*self.words, *self.beginnings, *self.organisations) if " " in p)

    def concept(self, word: str) -> str:
        """Concept of a single clean word, "" when it has none; Dutch compounds are told by their start or end."""
        return _concept_of_word(self, word)

    def concept_of_phrase(self, phrase: str) -> str:
        """Concept of several words, "" for none; only the last one may go on beyond what the lexicon lists."""
        if " " not in phrase:
            return ""
        if phrase in self.words:
            return self.words[phrase]
        last = phrase.rindex(" ")
        ends = (phrase[:n] for n in range(len(phrase), last + 2, -1))
        return next((self.beginnings[end] for end in ends if end in self.beginnings), "")

    def is_organisation(self, phrase: str) -> bool:
        """Whether a word or phrase names an organisation, also when its listed beginning goes on."""
        begun = (phrase[:n] for n in range(_SHORTEST_ORGANISATION, len(phrase) + 1))
        return phrase in self.organisations or any(part in self.organisation_beginnings for part in begun)

    def completed(self, stub: str) -> str:
        """The only word that a cut-off last word can be, else the stub itself."""
        return _completed(self, stub)


@lru_cache(maxsize=131_072)
def _concept_of_word(lexicon: Lexicon, word: str) -> str:
    if word in lexicon.noise:
        return ""
    if word in lexicon.words:
        return lexicon.words[word]
    for n in range(len(word), _SHORTEST_BEGINNING - 1, -1):
        if word[:n] in lexicon.beginnings:
            return lexicon.beginnings[word[:n]]
    for n in range(len(word) - 1, _SHORTEST_PART - 1, -1):
        for part in (word[:n], word[-n:]):
            if part in lexicon.words or part in lexicon.beginnings:
                return lexicon.words.get(part) or lexicon.beginnings[part]
    return ""


@lru_cache(maxsize=131_072)
def _completed(lexicon: Lexicon, stub: str) -> str:
    if len(stub) < _SHORTEST_TRUNCATED or stub in lexicon.noise:
        return stub
    at = bisect_left(lexicon.single_words, stub)
    whole = [word for word in lexicon.single_words[at : at + 2] if word.startswith(stub)]
    return whole[0] if len(whole) == 1 else stub


@cache
def default_lexicon() -> Lexicon:
    """The lexicon that ships with Levensloop."""
    data = tomllib.loads(resources.files("models").joinpath("lexicon.toml").read_text("utf-8"))
    words: dict[str, str] = {}
    beginnings: dict[str, str] = {}
    organisations: set[str] = set()
    listed = [
        (concept, entry, kind == "organisations")
        for concept, lists in data["concepts"].items()
        for kind in ("organisations", "words")
        for entry in lists.get(kind, [])
    ]
    phrases = _phrases(entry for _, entry, _ in listed)  # all at once, which takes a tenth of the time
    for (concept, entry, is_named), phrase in zip(listed, phrases, strict=True):
        (beginnings if entry.endswith("*") else words).setdefault(phrase, concept)
        if is_named:
            organisations.add(phrase)
    evidence: dict[str, Any] = data["evidence"]
    forms = evidence["legal_forms"]
    return Lexicon(
        words,
        beginnings,
        frozenset(organisations),
        frozenset(form for form in forms if not form.endswith("*")),
        tuple(form[:-1] for form in forms if form.endswith("*")),
        tuple(evidence["trades"]),
        frozenset(evidence["estates"]),
        tuple(evidence["web_shops"]),
        frozenset(evidence["terminal_prefixes"]),
        frozenset(evidence["intermediaries"]),
        frozenset(evidence["payment_requests"]),
        frozenset(data["noise"]["words"]),
    )


def _phrases(listed: Iterable[str]) -> list[str]:
    return [" ".join(words) for words in clean_many(list(listed))]
