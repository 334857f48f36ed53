"""Whether a text is plain enough for readers of B1: short sentences, active verbs, known words, one way of address.

Syllables come from the hyphenation patterns of LibreOffice (`pyphen`), reading ease from Flesch and Douma. `textstat`
has the same formulas, but drops sentences of two words and loads a word list over the network for English. The passive
is told by patterns: the tagger that would do better (spaCy for Dutch) is not in the package index.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import pyphen

from models.errors import UsageError

LANGUAGES = ("nl", "en")
_SENTENCE_END = re.compile(r"(?<=[.?!:])\s+(?=[\"'(]?[A-Z0-9À-Ý€])|\n+")
_WORD = re.compile(r"[A-Za-zÀ-ÿ]+(?:['’-][A-Za-zÀ-ÿ]+)*")


@dataclass(frozen=True, slots=True)
class ReadingRule:
    """What a text of one language keeps to; the figures are explained in `reading_level.toml`."""

    longest_sentence_words: int
    mean_sentence_words: float
    passive_share: float
    least_ease: float
    ease: Mapping[str, float]
    hyphenation: str
    not_address: frozenset[str]
    passive: tuple[re.Pattern[str], ...]
    hard: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """What was measured on a text, and what is too hard in it; `faults` is empty when it may be sent."""

    sentences: int
    words: int
    longest_sentence_words: int
    mean_sentence_words: float
    passive_share: float
    ease: float
    faults: tuple[str, ...]

    @property
    def is_plain(self) -> bool:
        """Nothing was found that is surely too hard."""
        return not self.faults


@cache
def reading_rule(language: str) -> ReadingRule:
    """The rule for `nl` or `en`.

    Raises
    ------
    UsageError
        Another language.
    """
    if language not in LANGUAGES:
        raise UsageError(f"Texts are checked in {' and '.join(LANGUAGES)} only.")
    data: dict[str, Any] = tomllib.loads(
        resources.files("serving.contact").joinpath("reading_level.toml").read_text("utf-8")
    )
    own = data[language]
    return ReadingRule(
        longest_sentence_words=data["longest_sentence_words"],
        mean_sentence_words=data["mean_sentence_words"],
        passive_share=data["passive_share"],
        least_ease=data["least_ease"],
        ease=own["ease"],
        hyphenation=own["hyphenation"],
        not_address=frozenset(own["not_address"]),
        passive=tuple(re.compile(pattern, re.IGNORECASE) for pattern in own["passive"]),
        hard=own["hard"],
    )


def read_text(text: str, language: str) -> Reading:
    """Measure a text, and name what makes it too hard with what to write instead.

    Parameters
    ----------
    text : str
        Plain text; a line end ends a sentence.
    language : str
        nl or en.
    """
    rule = reading_rule(language)
    sentences = [sentence for sentence in _SENTENCE_END.split(text) if _WORD.search(sentence)]
    words = [_WORD.findall(sentence) for sentence in sentences]
    lengths = [len(found) for found in words] or [0]
    flat = [word.lower() for found in words for word in found]
    mean = len(flat) / max(1, len(sentences))
    passive = [sentence for sentence in sentences if any(pattern.search(sentence) for pattern in rule.passive)]
    share = len(passive) / max(1, len(sentences))
    ease = _ease(flat, mean, rule)
    faults = [
        *_sentence_faults(sentences, lengths, mean, rule),
        *([f"{share:.0%} of the sentences are passive, as in: {passive[0]}"] if share > rule.passive_share else []),
        *_word_faults(flat, rule),
        *(["an exclamation mark shouts"] if "!" in text else []),
        *([f"reading ease is {ease:.0f}, at least {rule.least_ease} is needed"] if ease < rule.least_ease else []),
    ]
    return Reading(
        len(sentences), len(flat), max(lengths), round(mean, 1), round(share, 3), round(ease, 1), tuple(faults)
    )


def _ease(words: list[str], mean_sentence_words: float, rule: ReadingRule) -> float:
    """Flesch's reading ease (Douma's for Dutch), higher is easier; an empty text is not easy."""
    if not words:
        return 0.0
    patterns = _patterns(rule.hyphenation)
    syllables = sum(len(patterns.positions(word)) + 1 for word in words) / len(words)
    return (
        rule.ease["base"] - rule.ease["per_sentence_word"] * mean_sentence_words - rule.ease["per_syllable"] * syllables
    )


@cache
def _patterns(hyphenation: str) -> pyphen.Pyphen:
    # One letter may stand alone here, as a syllable may and a printed line may not.
    return pyphen.Pyphen(lang=hyphenation, left=1, right=1)


def _sentence_faults(sentences: list[str], lengths: list[int], mean: float, rule: ReadingRule) -> list[str]:
    faults = [
        f"a sentence has {length} words, at most {rule.longest_sentence_words} are plain: {sentence}"
        for sentence, length in zip(sentences, lengths, strict=False)
        if length > rule.longest_sentence_words
    ]
    if mean > rule.mean_sentence_words:
        faults.append(f"sentences have {mean:.1f} words on average, at most {rule.mean_sentence_words} are plain")
    return faults


def _word_faults(words: list[str], rule: ReadingRule) -> list[str]:
    hard = [f"'{word}' is hard; write: {rule.hard[word]}" for word in sorted(set(words)) if word in rule.hard]
    return hard + [f"'{word}' is not how we address customers" for word in sorted(set(words) & rule.not_address)]
