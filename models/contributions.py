"""What speaks for a label in a booking: a linear model's own reasons, word by word and term by term."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from models.classifier import BookingClassifier
from models.errors import UsageError
from models.features import build_documents
from models.ragged import Ragged
from models.terms import block_matrix
from models.text import Texts, read_texts


@dataclass(frozen=True)
class Contributions:
    """What speaks for a label in one booking, in units of its score: the words of its merchant, and its terms.

    `texts` and `text` are the reading that the booking is part of, `terms` are numbered by `space_`.
    """

    texts: Texts
    text: int
    merchant: dict[str, float]
    terms: dict[int, float]


def contributions_to(classifier: BookingClassifier, bookings: pd.DataFrame, label: str) -> list[Contributions]:
    """What speaks for a label in each booking, against the mean of all labels: per merchant's word and per term.

    Raises
    ------
    UsageError
        The label is none that this classifier was fitted on, or it was fitted on one label alone.
    """
    check_is_fitted(classifier, "classes_")
    if len(classifier.classes_) == 1 or label not in classifier.classes_:
        raise UsageError(f"This classifier has not learned to tell {label} from other labels.")
    at = int(np.flatnonzero(classifier.classes_ == label)[0])
    texts = read_texts(bookings, names=classifier.names_)
    documents = build_documents(bookings, texts, classifier.space_.purposes)
    rows = classifier.weigh_terms(
        classifier.space_.document_terms(classifier.space_.said_words(texts), texts, documents)
    )
    merchant = _against_mean(classifier.gram_weights_, at)
    told = []
    for document in documents.at.tolist():
        text, row = int(documents.text[document]), rows[document]
        words = [texts.table[word] for word in texts.merchant.row(text)]
        pieces = classifier.space_.word_grams(words)
        weights = classifier.weigh_pieces(words, pieces)
        grams = block_matrix(Ragged(pieces.flat, pieces.starts[[0, -1]]), weights, terms=len(classifier.gram_idf_))
        spoken = np.bincount(pieces.rows, weights=merchant[grams.indices] * grams.data, minlength=len(words))
        terms = _against_mean(classifier.term_weights_[row.indices], at) * row.data
        told.append(
            Contributions(
                texts=texts,
                text=text,
                merchant=dict(zip(words, spoken.tolist(), strict=True)),
                terms=dict(zip(row.indices.tolist(), terms.tolist(), strict=True)),
            )
        )
    return told


def _against_mean(weights: np.ndarray, label: int) -> np.ndarray:
    return np.asarray(weights[:, label] - weights.mean(axis=1))
