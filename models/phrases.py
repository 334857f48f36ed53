"""Facts of distinct words, looked up by number, and phrases of several words found in texts of numbers."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.compute as compute

from models.ragged import Ragged


@dataclass(frozen=True)
class Found:
    """Phrases found: position of the first word among all entries, number of words, and what it stands for."""

    at: np.ndarray
    words: np.ndarray
    value: list[str]


@dataclass(frozen=True, eq=False)
class WordTable:
    """The distinct words of a frame; flags have one more entry, False, so that number -1 (no word) is never flagged."""

    words: list[str]

    @cached_property
    def _column(self) -> arrow.Array:
        return arrow.array(self.words, arrow.string())

    @cached_property
    def lengths(self) -> np.ndarray:
        """Letters of each word; 0 for no word."""
        return np.append([len(word) for word in self.words], 0)

    def is_in(self, words: Iterable[str]) -> np.ndarray:
        """Whether each word is one of these."""
        return np.append(compute.is_in(self._column, arrow.array(list(words), arrow.string())), False)

    def begins_with(self, beginnings: Iterable[str]) -> np.ndarray:
        """Whether each word begins with one of these."""
        pattern = "|".join(re.escape(beginning) for beginning in beginnings)
        return np.append(compute.match_substring_regex(self._column, f"^(?:{pattern})"), False)

    def ends_with(self, endings: Iterable[str]) -> np.ndarray:
        """Whether each word ends with one of these."""
        pattern = "|".join(re.escape(ending) for ending in endings)
        return np.append(compute.match_substring_regex(self._column, f"(?:{pattern})$"), False)

    def values(self, of: Mapping[str, int] | Callable[[str], int], *, otherwise: int = -1) -> np.ndarray:
        """A whole number for each word by a table or a function; `otherwise` for an unlisted word and for no word."""
        numbers = np.full(len(self.words) + 1, otherwise, dtype=np.int64)
        if isinstance(of, Mapping):
            place = compute.index_in(self._column, arrow.array(list(of), arrow.string())).fill_null(-1).to_numpy()
            listed = np.append(np.fromiter(of.values(), np.int64, len(of)), otherwise)
            numbers[:-1] = listed[place]
        else:
            numbers[:-1] = [of(word) for word in self.words]
        return numbers

    def find(self, texts: Ragged, begun_by: "Openings", meaning: Callable[[str], str]) -> Found:
        """Phrases that mean something, of each first word the longest, in order of position.

        Parameters
        ----------
        begun_by
            How the phrases of several words begin that mean something. Few words do, so few places are looked at.
        meaning
            What a phrase (words and single spaces) stands for, "" for nothing.
        """
        most = self.values(begun_by.most, otherwise=0)[texts.flat]
        places = np.flatnonzero(most > 0)
        words = np.minimum(np.repeat(texts.starts[1:], texts.lengths)[places] - places, most[places])
        firsts, at = self._distinct_windows(texts.flat, places, words)
        windows = zip(places[firsts].tolist(), words[firsts].tolist(), strict=True)
        told = [self._longest(texts.flat[begin : begin + n].tolist(), begun_by, meaning) for begin, n in windows]
        length = np.array([length for length, _ in told], dtype=np.int64)[at]
        found = np.flatnonzero(length > 0)
        return Found(places[found], length[found], [told[n][1] for n in at[found].tolist()])

    def _distinct_windows(
        self, flat: np.ndarray, places: np.ndarray, words: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Where each distinct run of words begins first, as a position in `places`, and which run each place begins."""
        at = np.zeros(len(places), dtype=np.int64)
        for n in range(words.max(initial=0)):
            inside = words > n
            word = np.full(len(places), len(self.words))
            word[inside] = flat[places[inside] + n]
            at = pd.factorize(at * (len(self.words) + 1) + word)[0]
        return np.unique(at, return_index=True)[1], at

    def _longest(self, numbers: Sequence[int], begun_by: "Openings", meaning: Callable[[str], str]) -> tuple[int, str]:
        words = [self.words[number] for number in numbers]
        goes_on = len(words) > 1 and words[1].startswith(begun_by.seconds[words[0]])
        for n in range(len(words) if goes_on else 1, 0, -1):
            value = meaning(" ".join(words[:n]))
            if value:
                return n, value
        return 0, ""


@dataclass(frozen=True)
class Openings:
    """Of each first word of some phrases the most words of such a phrase, and what its second word begins with."""

    most: dict[str, int]
    seconds: dict[str, tuple[str, ...]]


def openings(phrases: Iterable[str]) -> Openings:
    """How these phrases begin."""
    most: dict[str, int] = {}
    seconds: dict[str, set[str]] = {}
    for phrase in phrases:
        words = phrase.split()
        most[words[0]] = max(most.get(words[0], 0), len(words))
        seconds.setdefault(words[0], set()).update(words[1:2])
    return Openings(most, {first: tuple(listed) for first, listed in seconds.items()})
