"""Documents as terms: words, pairs of words, concepts and facts, and the characters of merchants' names.

A document is a row of two blocks, the characters of the merchant and everything else. Every term weighs its inverse
document frequency and each block has length one (TF-IDF without damping of repeats: so a block is a plain sum over its
words, and what the characters of a word add is worked out once per distinct word).
"""

from collections import Counter
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from models.features import STEPS, Documents, Facts
from models.lexicon import default_lexicon
from models.lookback import expand
from models.ragged import Ragged, join_rows, ragged
from models.statements.codes import KINDS
from models.text import PARTIES, Texts

_SHORTEST_GRAM, _LONGEST_GRAM = 2, 5


class TermSpace:
    """The terms of documents and their numbers.

    Parameters
    ----------
    words : list of str
        Words that are terms, most frequent first.
    spoken : list of str
        Words of remittance texts that may be looked at; words of merchants always may.
    pairs : ndarray of int
        Sorted numbers `first * len(words) + second` of the pairs of neighbouring words that are terms.
    grams : list of str
        Pieces of words of 2 to 5 characters, with a space where the word begins or ends.
    purposes : list of str
        Purpose codes.
    """

    def __init__(
        self, words: list[str], spoken: list[str], pairs: np.ndarray, grams: list[str], purposes: list[str]
    ) -> None:
        self.words = words
        self.spoken = spoken
        self.pairs = pairs
        self.grams = grams
        self.purposes = purposes

    def __getstate__(self) -> dict[str, Any]:
        """What is kept in a file: the lists, not the tables derived from them."""
        return {name: vars(self)[name] for name in ("words", "spoken", "pairs", "grams", "purposes")}

    @cached_property
    def _word_number(self) -> dict[str, int]:
        return {word: at for at, word in enumerate(self.words)}

    @cached_property
    def _spoken(self) -> frozenset[str]:
        return frozenset(self.spoken)

    @cached_property
    def _gram_number(self) -> dict[str, int]:
        return {gram: at for at, gram in enumerate(self.grams)}

    @cached_property
    def _layout(self) -> dict[str, int]:
        """Where each kind of term begins; `end` is the number of terms."""
        concepts, kinds, parties = len(default_lexicon().concepts), len(KINDS), len(PARTIES)
        sizes = {
            "word": len(self.words), "pair": len(self.pairs), "concept": concepts, "concept_credit": 2 * concepts,
            "concept_kind": 2 * kinds * concepts, "concept_party": parties * concepts,
            "concept_pair": concepts * concepts, "credit": 2, "kind": 2 * kinds, "step": 2 * STEPS,
            "round": 4 * parties, "party": 2 * parties, "purpose": len(self.purposes), "mandate": 1,
        }  # fmt: skip
        starts = np.cumsum([0, *sizes.values()]).tolist()
        return dict(zip((*sizes, "end"), starts, strict=True))

    def __len__(self) -> int:
        return self._layout["end"]

    def said_words(self, texts: Texts) -> Ragged:
        """Words of each distinct text, the merchant's first, by their number among the terms; -1 for an unknown one.

        Where the other side is no company, an unknown word may be somebody's name: it is left out, so that not even the
        number of words in a name counts.
        """
        number, spoken = self._word_number, self._spoken
        known = np.array([number.get(word, -1) for word in texts.table], dtype=np.int64)
        heard = np.array([number.get(w, -1) if w in spoken else -1 for w in texts.table], dtype=np.int64)
        said = _numbered(texts.spoken, heard)
        private = np.repeat(texts.party != PARTIES.index("company"), said.lengths)
        return join_rows(_numbered(texts.merchant, known), said.where((said.flat >= 0) | ~private))

    def novelty(self, said: Ragged, seen: np.ndarray | None = None) -> np.ndarray:
        """Share (0..1) of each text's words and of its pairs of words that are not known; shape (texts, 2).

        A text without words is all new, one of a single word has as many new pairs as new words. `seen` flags the
        terms that count as known; absent, all do.
        """
        seen = np.ones(len(self), dtype=bool) if seen is None else seen
        known = (said.flat >= 0) & seen[said.flat]
        words = 1 - _share(said.where(known).lengths, said.lengths)
        pairs = self._pair_terms(said)
        both = _share(pairs.where(seen[pairs.flat]).lengths, said.lengths - 1)
        return np.stack([words, np.where(said.lengths > 1, 1 - both, words)], axis=1)

    def document_terms(self, said: Ragged, texts: Texts, documents: Documents) -> Ragged:
        """All terms of each document, given the words of each text (none for what is left without them)."""
        words = said.where(said.flat >= 0)
        terms = join_rows(words, self._pair_terms(said), self.concept_terms(texts))
        concepts, party = texts.concepts.take(documents.text), texts.party[documents.text]
        return join_rows(terms.take(documents.text), self._fact_terms(concepts, party, documents.facts))

    def _pair_terms(self, said: Ragged) -> Ragged:
        first, keys = pair_keys(said, words=len(self.words))
        place = np.minimum(np.searchsorted(self.pairs, keys), max(len(self.pairs) - 1, 0))
        found = self.pairs[place] == keys if len(self.pairs) else np.zeros(len(keys), dtype=bool)
        kept = np.zeros(len(said.flat), dtype=bool)
        kept[first[found]] = True
        terms = np.zeros(len(said.flat), dtype=np.int64)
        terms[first[found]] = self._layout["pair"] + place[found]
        return Ragged(terms, said.starts).where(kept)

    def concept_terms(self, texts: Texts) -> Ragged:
        """Each concept, with the party, and in pairs with the text's other concepts."""
        at, concepts = self._layout, texts.concepts
        count = len(default_lexicon().concepts)
        alone = Ragged(at["concept"] + concepts.flat, concepts.starts)
        party = np.repeat(texts.party, concepts.lengths)
        with_party = Ragged(at["concept_party"] + concepts.flat * len(PARTIES) + party, concepts.starts)
        first, second = expand(np.arange(len(concepts.flat)) + 1, np.repeat(concepts.starts[1:], concepts.lengths))
        both = concepts.flat[first] * count + concepts.flat[second]
        pairs = Ragged(at["concept_pair"] + both, np.searchsorted(first, concepts.starts))
        return join_rows(alone, with_party, pairs)

    def _fact_terms(self, concepts: Ragged, party: np.ndarray, facts: Facts) -> Ragged:
        """Terms of payments' facts, alone and with the concepts of their texts; one row per payment."""
        at, kinds, parties = self._layout, len(KINDS), len(PARTIES)
        credit, paid = facts.credit, facts.credit * kinds + facts.kind
        columns = [
            at["credit"] + credit,
            at["kind"] + paid,
            at["step"] + credit * STEPS + facts.step,
            at["round"] + (credit * 2 + facts.is_round) * parties + party,
            at["party"] + credit * parties + party,
        ]
        rows = len(party)
        fixed = Ragged(np.stack(columns, axis=1).ravel(), np.arange(rows + 1) * len(columns))
        said = _where_set(facts.purpose, at["purpose"] - 1), _where_set(facts.mandate, at["mandate"] - 1)
        spread = concepts.lengths
        by_credit = at["concept_credit"] + concepts.flat * 2 + np.repeat(credit, spread)
        by_kind = at["concept_kind"] + concepts.flat * (2 * kinds) + np.repeat(paid, spread)
        return join_rows(fixed, *said, Ragged(by_credit, concepts.starts), Ragged(by_kind, concepts.starts))

    def describe(self, term: int) -> tuple[str, tuple[int, ...]]:
        """The kind of a term and its coordinates in that kind, as `_layout` and `_fact_terms` number them."""
        starts = self._layout
        kind = [name for name, begin in starts.items() if begin <= term and name != "end"][-1]
        at, concepts, kinds, parties = term - starts[kind], len(default_lexicon().concepts), len(KINDS), len(PARTIES)
        shapes = {
            "concept_credit": (concepts, 2), "concept_kind": (concepts, 2, kinds), "concept_party": (concepts, parties),
            "concept_pair": (concepts, concepts), "kind": (2, kinds), "step": (2, STEPS), "round": (2, 2, parties),
            "party": (2, parties),
        }  # fmt: skip
        if kind == "pair":
            return kind, tuple(int(word) for word in np.divmod(self.pairs[at], len(self.words)))
        shape = shapes.get(kind, (starts["end"],))
        return kind, tuple(int(part) for part in np.unravel_index(at, shape))

    def word_grams(self, words: list[str]) -> Ragged:
        """Numbers of the pieces of each word, as many times as they stand in it."""
        number = self._gram_number
        return ragged([[number[gram] for gram in grams_of(word) if gram in number] for word in words])

    def word_idf(self, words: list[str], idf: np.ndarray) -> np.ndarray:
        """The inverse document frequency of each word; that of the rarest for a word that is no term."""
        rarest = idf.max(initial=1.0)
        return np.array([idf[self._word_number[word]] if word in self._word_number else rarest for word in words])


def learn_terms(
    texts: Texts, documents: Documents, *, spoken: list[str], purposes: list[str], max_features: int
) -> TermSpace:
    """Choose words, pairs and pieces of words that more than one document has (any, in a small set)."""
    fewest = 2 if len(documents.text) > _SMALL else 1
    allowed = np.isin(np.array(texts.table, dtype=object), np.array(spoken, dtype=object))
    said = join_rows(texts.merchant, texts.spoken.where(allowed[texts.spoken.flat])).take(documents.text)
    counted = Counter(dict(enumerate(np.bincount(said.flat, minlength=len(texts.table)).tolist())))
    words = _most_frequent({texts.table[at]: n for at, n in counted.items()}, fewest=fewest, most=max_features)
    number = {word: at for at, word in enumerate(words)}
    renumbered = np.array([number.get(word, -1) for word in texts.table], dtype=np.int64)
    known = _numbered(said, renumbered)
    keys, times = np.unique(pair_keys(known, words=len(words))[1], return_counts=True)
    order = np.argsort(-times, kind="stable")[:max_features]
    pairs = np.sort(keys[order[times[order] >= fewest]])
    merchants = np.bincount(texts.merchant.take(documents.text).flat, minlength=len(texts.table))
    grams: Counter[str] = Counter()
    for at in np.flatnonzero(merchants).tolist():
        for gram in set(grams_of(texts.table[at])):
            grams[gram] += int(merchants[at])
    return TermSpace(words, spoken, pairs, _most_frequent(grams, fewest=fewest, most=max_features), purposes)


_SMALL = 2_000  # documents: in a smaller set a word that stands there once may be all there is


def _most_frequent(counted: dict[str, int], *, fewest: int, most: int) -> list[str]:
    kept = [(word, n) for word, n in counted.items() if n >= fewest]
    return [word for word, _ in sorted(kept, key=lambda one: (-one[1], one[0]))[:most]]


def grams_of(word: str) -> list[str]:
    """Pieces of 2 to 5 characters of a word between two spaces (a word shorter than a piece gives one piece)."""
    padded = f" {word} "
    sizes = range(_SHORTEST_GRAM, min(_LONGEST_GRAM, len(padded)) + 1)
    return [padded[at : at + n] for n in sizes for at in range(len(padded) - n + 1)]


def pair_keys(said: Ragged, *, words: int) -> tuple[np.ndarray, np.ndarray]:
    """Neighbours within rows that are both known: the place of each first word, and `first * words + second`."""
    inner = said.flat >= 0
    inner[:-1] &= said.flat[1:] >= 0
    inner[said.starts[1:][said.lengths > 0] - 1] = False
    first = np.flatnonzero(inner)
    return first, said.flat[first] * words + said.flat[first + 1]


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)


def _numbered(rows: Ragged, numbers: np.ndarray) -> Ragged:
    return Ragged(numbers[rows.flat] if len(numbers) else rows.flat, rows.starts)


def _where_set(values: np.ndarray, offset: int) -> Ragged:
    """One entry, `offset` plus the value, in rows whose value is not 0."""
    return Ragged(offset + values[values > 0], np.append(0, np.cumsum(values > 0)))


def block_matrix(rows: Ragged, weights: np.ndarray, *, terms: int) -> sparse.csr_matrix:
    """Rows of terms, each entry with its weight, as a matrix whose rows have length one (Euclidean); float32."""
    length = np.sqrt(np.bincount(rows.rows, weights=weights * weights, minlength=len(rows)))
    data = weights / np.repeat(np.where(length > 0, length, 1.0), rows.lengths)
    return sparse.csr_matrix((data.astype(np.float32), rows.flat, rows.starts), shape=(len(rows), terms))


def piece_weights(pieces: Ragged, idf: np.ndarray, word_idf: np.ndarray) -> np.ndarray:
    """The weight of each piece of each word, so that a long word does not drown the short ones beside it.

    A word's pieces, weighing their idf, are scaled to the square root of their length (Euclidean) and of the word's own
    idf: what does best on names of shops that were never seen (`tests/benchmarks/bench_classifier.py`).
    """
    weights = idf[pieces.flat]
    length = np.sqrt(np.bincount(pieces.rows, weights=weights * weights, minlength=len(pieces)))
    scale = np.sqrt(word_idf / np.where(length > 0, length, 1.0))
    return np.asarray(weights * np.repeat(scale, pieces.lengths))


def inverse_document_frequency(rows: Ragged, *, terms: int) -> np.ndarray:
    """ln((1 + n) / (1 + df)) + 1 as scikit-learn's TfidfTransformer has it; 0 for terms that no row has."""
    times = np.bincount(rows.flat, minlength=terms)
    return np.where(times > 0, np.log((1 + len(rows)) / (1 + np.minimum(times, len(rows)))) + 1, 0.0)
