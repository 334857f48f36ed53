"""The learners of text that ours is measured beside, each behind the same two calls on a bookings frame.

They read counterparty name and remittance text as one line and know nothing of the payment.
"""

import tempfile
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC


class Learner(Protocol):
    """What a learner of labelled bookings can do."""

    def fit(self, bookings: pd.DataFrame, labels: np.ndarray) -> Self:
        """Learn."""

    def predict(self, bookings: pd.DataFrame) -> np.ndarray:
        """One label per booking."""


def one_line(bookings: pd.DataFrame) -> list[str]:
    """Name and remittance text of every booking, on one line."""
    joined = bookings["counterparty_name"].fillna("") + " " + bookings["remittance_information"].fillna("")
    return [text.replace("\n", " ") for text in joined.tolist()]


class Linear:
    """A scikit-learn pipeline on the line."""

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline

    def fit(self, bookings: pd.DataFrame, labels: np.ndarray) -> Self:
        """Learn."""
        self.pipeline.fit(one_line(bookings), labels.astype(str))
        return self

    def predict(self, bookings: pd.DataFrame) -> np.ndarray:
        """One label per booking."""
        return self.pipeline.predict(one_line(bookings))

    def predict_proba(self, bookings: pd.DataFrame) -> np.ndarray:
        """Probabilities, shape (n_bookings, n_classes)."""
        return self.pipeline.predict_proba(one_line(bookings))


class FastText:
    """fastText on the line in lower case; its defaults (5 epochs, no subwords) do not learn sets this small."""

    def fit(self, bookings: pd.DataFrame, labels: np.ndarray) -> Self:
        """Learn; labels are numbered, because fastText's may hold no space."""
        import fasttext

        self.classes_, numbers = np.unique(labels.astype(str), return_inverse=True)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "train.txt"
            lines = [f"__label__{n} {text}" for n, text in zip(numbers, self._lines(bookings), strict=True)]
            file.write_text("\n".join(lines) + "\n", "utf-8")
            self.model = fasttext.train_supervised(
                str(file), lr=0.5, epoch=50 if len(lines) < 5_000 else 25, wordNgrams=2, minn=2, maxn=5,
                bucket=200_000, thread=1, verbose=0, seed=0,
            )  # fmt: skip
        return self

    def predict(self, bookings: pd.DataFrame) -> np.ndarray:
        """One label per booking; fastText gives its probability along with it."""
        found, _ = self.model.predict(self._lines(bookings), k=1)
        return self.classes_[[int(labels[0].removeprefix("__label__")) if labels else 0 for labels in found]]

    @staticmethod
    def _lines(bookings: pd.DataFrame) -> list[str]:
        return [text.lower() for text in one_line(bookings)]


def characters_with_regression() -> Linear:
    """TF-IDF of character n-grams (2 to 5, within words) and a logistic regression with balanced classes."""
    return Linear(
        make_pipeline(
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5)),
            LogisticRegression(class_weight="balanced", max_iter=1_000),
        )
    )


def words_with_svc() -> Linear:
    """TF-IDF of one to three words and a linear support vector classifier."""
    return Linear(make_pipeline(TfidfVectorizer(ngram_range=(1, 3)), LinearSVC()))
