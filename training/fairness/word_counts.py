"""How often each customer's bookings say a word, before masking and after it: what an auditor may look for groups in.

Gathered part by part while a release is asked, so that the words of a large bank are never in memory at once.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer

from models.classifier import BookingClassifier
from models.features import build_documents
from models.ragged import Ragged
from models.words import level_texts, split_words, text_column
from training.fairness.asking import Part

_FEWEST_SHARING = 3  # customers who share a word; rarer ones tell single customers, not groups


class WordCounts:
    """Counts of the words in name and text, and of what a classifier reads instead of them."""

    def __init__(self, classifier: BookingClassifier) -> None:
        self._classifier = classifier
        self._raw, self._masked = (_Counts(), _Counts()), (_Counts(), _Counts())

    def add(self, part: Part) -> None:
        """Count the bookings of some customers, of whom no other part may have any."""
        owner, customers = pd.factorize(part.admitted["customer_id"].to_numpy(dtype=object))
        for counts, column in zip(self._raw, ("counterparty_name", "remittance_information"), strict=True):
            levelled = level_texts(text_column(part.passed, column)).dictionary_encode()
            table, (rows,) = split_words(levelled.dictionary)
            said = _per_customer(owner, levelled.indices.to_numpy(), (len(customers), len(rows)))
            counts.add(customers, table, said @ _rows(rows, len(table)))
        space, texts = self._classifier.space_, part.texts
        documents = build_documents(part.admitted, texts, space.purposes)
        terms = space.document_terms(space.said_words(texts), texts, documents)
        by_document = _per_customer(owner, documents.at, (len(customers), len(documents.text)))
        self._masked[0].add(customers, range(len(space)), by_document @ _rows(terms, len(space)))
        by_text = _per_customer(owner, texts.at, (len(customers), len(texts.party)))
        self._masked[1].add(customers, texts.table, by_text @ _rows(texts.merchant, len(texts.table)))

    def raw(self, customers: np.ndarray) -> sparse.csr_matrix:
        """TF-IDF of the words in name and text, a row per customer asked for."""
        return _weighed(self._raw, customers)

    def masked(self, customers: np.ndarray) -> sparse.csr_matrix:
        """TF-IDF of the terms that the classifier reads, and of the words of merchants whose characters it reads."""
        return _weighed(self._masked, customers)


class _Counts:
    """Customers by words, from parts that each have their own customers and their own table of words."""

    def __init__(self) -> None:
        self._number: dict[Any, int] = {}
        self._parts: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, customers: np.ndarray, words: Iterable[Any], said: sparse.csr_matrix) -> None:
        column = np.array([self._number.setdefault(word, len(self._number)) for word in words], dtype=np.int64)
        entries = said.tocoo()
        self._parts.append((customers, entries.row, column[entries.col], entries.data))

    def matrix(self, customers: np.ndarray) -> sparse.csr_matrix:
        at, shape = pd.Index(customers), (len(customers), len(self._number))
        found = [(at.get_indexer(names)[row], word, times) for names, row, word, times in self._parts]
        row, word, times = (np.concatenate(values) for values in zip(*found, strict=True))
        mine = row >= 0  # whose groups are known
        return sparse.csr_matrix((times[mine], (row[mine], word[mine])), shape=shape)


def _rows(rows: Ragged, width: int) -> sparse.csr_matrix:
    return sparse.csr_matrix((np.ones(len(rows.flat)), rows.flat, rows.starts), shape=(len(rows), width))


def _per_customer(owner: np.ndarray, at: np.ndarray, shape: tuple[int, int]) -> sparse.csr_matrix:
    return sparse.csr_matrix((np.ones(len(owner)), (owner, at)), shape=shape)


def _weighed(blocks: Sequence[_Counts], customers: np.ndarray) -> sparse.csr_matrix:
    """TF-IDF of what at least a few customers share; no group is looked at."""
    counts = sparse.hstack([block.matrix(customers) for block in blocks], format="csr")
    shared = np.asarray((counts > 0).sum(axis=0)).ravel() >= _FEWEST_SHARING
    return TfidfTransformer(sublinear_tf=True).fit_transform(counts[:, np.flatnonzero(shared)])
