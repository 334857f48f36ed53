"""The classifier of single bookings: which life event does this booking speak to, judged from the booking alone.

Character n-grams over merchants, words and concepts over the text, coarse payment facts, one linear model. Documents
repeat, so everything runs once per distinct one. Probabilities are calibrated on customers that were not fitted on.
"""

from typing import Any, Literal, NamedTuple, Self

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupShuffleSplit
from sklearn.svm import LinearSVC
from sklearn.utils.validation import check_is_fitted

from models.calibration import fit_temperature, risk_thresholds, temper
from models.errors import UsageError
from models.features import Facts, build_documents, learn_vocabulary, list_purposes
from models.payments import has_party_evidence, is_credit, is_direct_debit
from models.ragged import Ragged, distinct_rows, entries_in_rows, join_below, join_rows, ragged, spread, spread_values
from models.taxonomy import NONE
from models.terms import block_matrix, inverse_document_frequency, learn_terms, piece_weights
from models.text import PARTIES, Texts, read_texts

ABSTAINED = ""
_NEEDED = ("amount", "credit_debit_indicator")
_TEXTS = ("counterparty_name", "remittance_information")


_FEWEST_GROUPS = 10  # fewer customers or wordings are not split to calibrate on
_PAID, _RECEIVED, _COLLECTED = _WAYS = range(3)
_ENOUGH_FOR_WAYS = 30  # bookings of a class that tell which ways it goes
_STRAY = 0.005  # a smaller share that goes another way is a mistake in the labels
_HELD_OUT = 0.2  # share of the customers, and of the wordings


_LABEL_NAMES = 4  # rows of one text weigh the square root of their number
_LARGEST_FOR_MARGINS = 100_000  # documents: beyond, a support vector classifier takes too long
_TERMS_OF_MERCHANTS = 0.3  # weight of words, concepts and facts beside the characters of names
_Linear = Any  # a fitted LogisticRegression or LinearSVC; scikit-learn has no types


class _Learned(NamedTuple):
    """Distinct documents as a matrix, then the same with half their words, then without.

    `at` is the document of each booking, `half` and `blind` the rows of each document with fewer words, `said` its
    words by number, `wording` a number that documents of the same words share.
    """

    matrix: sparse.csr_matrix
    at: np.ndarray
    half: np.ndarray
    blind: np.ndarray
    said: Ragged
    wording: np.ndarray


class Judged(NamedTuple):
    """Probabilities and the known share of words (0..1) per distinct document, and the document of each booking."""

    probabilities: np.ndarray
    known: np.ndarray
    at: np.ndarray


class BookingClassifier(ClassifierMixin, BaseEstimator):
    """Life-event label and calibrated probability per booking.

    Parameters
    ----------
    names : "auto", "as_persons" or "as_merchants"
        Whether an unproven counterparty is masked as a private person. "auto" masks when the frame has columns that
        tell companies from persons; sets of merchant names alone are read in full, which no promotion accepts.
    min_customers : int
        A word of a remittance text is learned only when this many customers share it.
    max_features : int
        Character n-grams and words kept, each.
    cap : int
        Bookings of one label and one distinct document count at most this often.
    known_share : float
        A booking whose text knows no larger share (0..1) of words is abstained from; the limit of one in ten is that of
        Cozy's guard against answers from the amount alone.
    risk : float
        Share of errors (0..1) accepted among the answers of a class; doubtful bookings are abstained from.
    blind : float
        Weight (0..1) of each document with half of its words, and of its concepts and payment facts alone, beside the
        whole one.
    calibrate : bool
        Whether to hold out a fifth of the customers for temperature and thresholds.
    C : float
        Inverse strength of regularisation.
    random_state : int
        Seed of the calibration split.

    Attributes
    ----------
    classes_ : ndarray of str
        Labels, sorted.
    names_ : str
        The mode that "auto" stood for.
    space_ : TermSpace
        The terms that were learned; absent, like all weights, where all bookings have one label.
    temperature_ : ndarray of float, shape (3,)
        Log temperature of a text that is all known, and what new words and new pairs add to it; zeros where nothing was
        held out.
    never_by_ : ndarray of bool, shape (3, classes)
        For transfers and payments, for credits and for direct debits the classes whose bookings never go that way.
    thresholds_ : ndarray of float
        Lowest probability per class that is answered.

    Examples
    --------
    >>> import pandas as pd
    >>> bookings = pd.DataFrame({
    ...     "counterparty_name": ["SVB", "Bakker Bart"] * 10, "remittance_information": ["kinderbijslag", ""] * 10,
    ...     "amount": [295.07, 4.10] * 10, "credit_debit_indicator": ["CRDT", "DBIT"] * 10})
    >>> classifier = BookingClassifier().fit(bookings, ["child_birth", "none"] * 10)
    >>> [str(label) for label in classifier.predict(bookings.head(2))]
    ['child_birth', 'none']
    """

    def __init__(
        self,
        *,
        names: Literal["auto", "as_persons", "as_merchants"] = "auto",
        min_customers: int = 5,
        max_features: int = 40_000,
        cap: int = 30,
        known_share: float = 0.1,
        risk: float = 0.05,
        blind: float = 0.5,
        calibrate: bool = True,
        C: float = 30.0,  # noqa: N803 - scikit-learn's name for it
        random_state: int = 0,
    ) -> None:
        self.names = names
        self.min_customers = min_customers
        self.max_features = max_features
        self.cap = cap
        self.known_share = known_share
        self.risk = risk
        self.blind = blind
        self.calibrate = calibrate
        self.C = C
        self.random_state = random_state

    def fit(self, bookings: pd.DataFrame, labels: Any) -> Self:
        """Learn from bookings (any columns of the bookings table) and one label per booking.

        Raises
        ------
        UsageError
            No bookings, missing columns, or another number of labels than bookings.
        """
        labels = np.asarray(labels, dtype=object).astype(str)
        _validate(bookings, labels)
        self.names_ = self._resolved_names(bookings)
        self.classes_ = np.unique(labels)
        self.n_features_in_ = bookings.shape[1]
        self.temperature_, self.thresholds_ = np.zeros(3), np.zeros(len(self.classes_))
        if len(self.classes_) == 1:
            return self
        bookings, labels, named = self._with_label_names(bookings, labels)
        learned = self._learn_terms(bookings)
        rows = pd.DataFrame({"document": learned.at, "label": np.searchsorted(self.classes_, labels)})
        rows["half"] = learned.half[learned.at]
        rows["blind"] = learned.blind[learned.at]
        ways = _ways(is_credit(bookings), is_direct_debit(bookings))
        self.never_by_ = _never_by(rows["label"].to_numpy(), ways, classes=self.classes_)
        begun = self._calibrate(learned, rows, bookings, named=named) if self.calibrate else None
        self._keep(self._fit_model(learned.matrix, self._weigh(rows), begun))
        return self

    def predict_proba(self, bookings: pd.DataFrame) -> np.ndarray:
        """Calibrated probabilities, shape (n_bookings, n_classes), rows sum to 1, columns as `classes_`."""
        judged = self.judge(bookings)
        return judged.probabilities[judged.at]

    def predict(self, bookings: pd.DataFrame) -> np.ndarray:
        """The most probable label per booking, never abstaining."""
        probabilities = self.predict_proba(bookings)
        return self.classes_[probabilities.argmax(axis=1)]

    def classify(self, bookings: pd.DataFrame) -> pd.DataFrame:
        """Columns label, probability and abstained; an abstained booking keeps its most probable label."""
        return self.answer(self.judge(bookings))

    def answer(self, judged: Judged) -> pd.DataFrame:
        """As `classify`, of bookings that were judged already."""
        best = judged.probabilities.argmax(axis=1)
        top = judged.probabilities[np.arange(len(best)), best]
        is_event = self.classes_[best] != NONE
        # Few known words: the amount alone would decide, with a confidence it does not deserve.
        doubtful = is_event & ((top < self.thresholds_[best]) | (judged.known <= self.known_share))
        answers = {"label": self.classes_[best], "probability": top, "abstained": doubtful}
        return pd.DataFrame({name: values[judged.at] for name, values in answers.items()})

    def wordings(self, bookings: pd.DataFrame) -> np.ndarray:
        """One number per booking that bookings of the same merchant and words share, for splitting by wording."""
        texts = read_texts(bookings, names=self.names_)
        said = texts.spoken if len(self.classes_) == 1 else self.space_.said_words(texts)
        return distinct_rows(join_rows(texts.merchant, said))[texts.at]

    def judge(self, bookings: pd.DataFrame, texts: Texts | None = None) -> Judged:
        """What `classify` and `predict_proba` go by, once per distinct document.

        `texts` are for whoever has read them already (`models.text.read_texts` with `names_`).
        """
        check_is_fitted(self, "classes_")
        if len(self.classes_) == 1 or not len(bookings):
            some = len(bookings)
            return Judged(np.ones((some, len(self.classes_))), np.ones(some), np.arange(some))
        texts = read_texts(bookings, names=self.names_) if texts is None else texts
        documents = build_documents(bookings, texts, self.space_.purposes)
        said = self.space_.said_words(texts)
        novelty = self.space_.novelty(said)
        rows = self.space_.document_terms(said, texts, documents)
        matrix = self.weigh_terms(rows)
        scores = matrix @ self.term_weights_ + self.intercept_
        scores += self._merchant_scores(texts)[documents.text]
        probabilities = temper(scores, novelty[documents.text], self.temperature_)
        known = 1 - novelty[documents.text, 0]
        if NONE in self.classes_:
            probabilities[self._unheard(texts)[documents.text] & (known <= self.known_share)] = self.classes_ == NONE
            self._tell_way(probabilities, documents.facts)
        return Judged(probabilities, known, documents.at)

    def _tell_way(self, probabilities: np.ndarray, facts: Facts) -> None:
        """Let no booking speak to an event whose bookings never go its way, in place: driving schools pay wages."""
        moved = np.where(self.never_by_[_ways(facts.credit, facts.mandate)], probabilities, 0.0)
        probabilities -= moved
        probabilities[:, self.classes_ == NONE] += np.ascontiguousarray(moved).sum(axis=1, keepdims=True)

    def _unheard(self, texts: Texts) -> np.ndarray:
        """Texts between people (or nobody knows who) without a concept: what they say, if anything, nobody taught."""
        return (texts.party != PARTIES.index("company")) & (texts.concepts.lengths == 0)

    def _merchant_scores(self, texts: Texts) -> np.ndarray:
        """What the characters of each text's merchant add; pieces are added up once per distinct word."""
        used, at = np.unique(texts.merchant.flat, return_inverse=True)
        words = [texts.table[word] for word in used]
        pieces = self.space_.word_grams(words)
        weights = self.weigh_pieces(words, pieces)
        named = sparse.csr_matrix((weights, pieces.flat, pieces.starts), shape=(len(used), len(self.gram_idf_)))
        merchants = texts.merchant
        shape = len(merchants), len(used)
        which = sparse.csr_matrix((np.ones(len(at)), at, merchants.starts), shape=shape)
        length = np.sqrt(which @ np.bincount(pieces.rows, weights=weights * weights, minlength=len(used)))
        return (which @ (named @ self.gram_weights_)) / np.where(length > 0, length, 1.0)[:, None]

    def weigh_terms(self, rows: Ragged) -> sparse.csr_matrix:
        """Rows of terms (`space_.document_terms`) as the block of a document that is not its merchant."""
        return block_matrix(rows, self.term_idf_[rows.flat], terms=len(self.term_idf_))

    def weigh_pieces(self, words: list[str], pieces: Ragged) -> np.ndarray:
        """The weight of each piece (`space_.word_grams`) of each word of a merchant."""
        return piece_weights(pieces, self.gram_idf_, self.space_.word_idf(words, self.term_idf_))

    def _resolved_names(self, bookings: pd.DataFrame) -> Literal["as_persons", "as_merchants"]:
        if self.names != "auto":
            return self.names
        return "as_persons" if has_party_evidence(bookings) else "as_merchants"

    def _learn_terms(self, bookings: pd.DataFrame) -> "_Learned":
        """Choose the terms; the distinct documents as a matrix, followed by the same with half and without their words.

        So the model also learns what the concepts mean by themselves, which is all it has for an unknown wording.
        """
        texts = read_texts(bookings, names=self.names_)
        purposes = list_purposes(bookings)
        documents = build_documents(bookings, texts, purposes)
        spoken = learn_vocabulary(bookings, texts, names=self.names_, min_customers=self.min_customers)
        self.space_ = learn_terms(texts, documents, spoken=spoken, purposes=purposes, max_features=self.max_features)
        space, said = self.space_, self.space_.said_words(texts)
        half = np.random.default_rng(self.random_state).random(len(said.flat)) < 0.5
        whole, part, silent = (
            space.document_terms(Ragged(np.where(kept, said.flat, -1), said.starts), texts, documents)
            for kept in (True, half, False)
        )
        pieces = space.word_grams(texts.table)
        named = half[np.repeat(said.starts[:-1], texts.merchant.lengths) + entries_in_rows(texts.merchant)]
        merchants, halved = texts.merchant.take(documents.text), texts.merchant.where(named).take(documents.text)
        blind = distinct_rows(silent)
        first = np.unique(blind, return_index=True)[1]
        self.term_idf_ = inverse_document_frequency(whole, terms=len(space))
        self.gram_idf_ = inverse_document_frequency(spread(merchants, pieces), terms=len(space.grams))
        named = join_below(merchants, halved, ragged([[]] * len(first)))
        weights = spread_values(named, pieces, self.weigh_pieces(texts.table, pieces))
        terms = join_below(whole, part, silent.take(first))
        blocks = [
            block_matrix(spread(named, pieces), weights, terms=len(space.grams)),
            self._terms_weight() * self.weigh_terms(terms),
        ]
        return _Learned(
            matrix=sparse.hstack(blocks, format="csr"),
            at=documents.at,
            half=len(whole) + np.arange(len(whole)),
            blind=2 * len(whole) + blind,
            said=said.take(documents.text),
            wording=distinct_rows(join_rows(texts.merchant, said))[documents.text],
        )

    def _keep(self, model: _Linear) -> None:
        """The model as plain arrays: weights per piece of a word and per term, shape (terms, classes)."""
        weights = model.coef_.astype(np.float64)
        intercept = model.intercept_.astype(np.float64)
        if len(weights) == 1:  # two classes share one row: the second's score against the first's 0
            weights, intercept = np.vstack([np.zeros_like(weights), weights]), np.append(0.0, intercept)
        grams = len(self.space_.grams)
        self.gram_weights_ = np.ascontiguousarray(weights[:, :grams].T)
        self.term_weights_ = np.ascontiguousarray(weights[:, grams:].T) * self._terms_weight()
        self.intercept_ = intercept

    def _weigh(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Distinct (document, label) with weights: whole, and - weighing `blind` as much - with fewer words."""
        parts = [_collapse(rows, "document", cap=self.cap)]
        for kind in ("half", "blind"):
            fewer = _collapse(rows, kind, cap=self.cap)
            fewer["weight"] *= self.blind
            parts.append(fewer[fewer["weight"] > 0])
        return pd.concat(parts, ignore_index=True)

    def _held_out(self, bookings: pd.DataFrame, learned: "_Learned") -> np.ndarray:
        """A part of the customers and a part of the wordings, as a mask over bookings; empty when there are too few."""
        held = np.zeros(len(bookings), dtype=bool)
        groups = [learned.wording[learned.at]]
        if "customer_id" in bookings:
            groups.append(pd.factorize(bookings["customer_id"].to_numpy(dtype=object))[0])
        for group in groups:
            if len(np.unique(group)) >= _FEWEST_GROUPS:
                split = GroupShuffleSplit(1, test_size=_HELD_OUT, random_state=self.random_state)
                held[next(split.split(held, groups=group))[1]] = True
        return held

    def _with_label_names(self, bookings: pd.DataFrame, labels: np.ndarray) -> tuple[pd.DataFrame, np.ndarray, int]:
        """In sets of merchants the name of a category is a text of that category too; so many rows were added.

        Its few words are the only ones that are certain, so each stands there as often as to weigh double.
        """
        if self.names_ != "as_merchants":
            return bookings, labels, 0
        names = np.repeat(self.classes_, _LABEL_NAMES)
        texts = {name: [label.replace("_", " ") if name == _TEXTS[0] else "" for label in names] for name in _TEXTS}
        added = pd.DataFrame({**texts, "amount": 1.0, "credit_debit_indicator": "DBIT"})
        kept = bookings[[name for name in added if name in bookings]].astype({"amount": float})
        return pd.concat([kept, added], ignore_index=True), np.concatenate([labels, names]), len(added)

    def _fit_model(
        self, matrix: sparse.csr_matrix, weighted: pd.DataFrame, begun: "_Linear | None" = None
    ) -> "_Linear":
        """A fitted linear model; one that was fitted on a part of the same classes may shorten the way."""
        at, labels = weighted["document"].to_numpy(), weighted["label"].to_numpy()
        weights = weighted["weight"].to_numpy(dtype=np.float32)
        if self._is_margin_based(matrix):
            # Margins hold better than likelihoods where most classes have a few dozen texts.
            shares = pd.Series(weights).groupby(labels).transform("sum").to_numpy()
            balanced = weights / np.sqrt(shares)
            model = LinearSVC(C=1.0, tol=1e-3, max_iter=20_000, random_state=self.random_state)
            return model.fit(matrix[at], labels, sample_weight=balanced / balanced.mean())
        model = begun
        if model is None or len(model.classes_) != weighted["label"].nunique():
            model = LogisticRegression(C=self.C, max_iter=400, tol=1e-5, warm_start=True)
        return _fit_on_used(model, matrix[at], labels, weights)

    def _terms_weight(self) -> float:
        return _TERMS_OF_MERCHANTS if self.names_ == "as_merchants" else 1.0

    def _is_margin_based(self, matrix: sparse.csr_matrix) -> bool:
        return self.names_ == "as_merchants" and matrix.shape[0] <= _LARGEST_FOR_MARGINS

    def _calibrate(self, learned: "_Learned", rows: pd.DataFrame, bookings: pd.DataFrame, *, named: int) -> "_Linear":
        """Temperature and thresholds from bookings that a first model has not seen; returns it, None without any."""
        held = self._held_out(bookings, learned)
        held[len(held) - named :] = False
        fitted = self._weigh(rows[~held])
        if not held.any() or fitted["label"].nunique() < 2:
            return None
        model = self._fit_model(learned.matrix, fitted)
        test = _collapse(rows[held], "document", cap=None)
        test = test[test["label"].isin(model.classes_)]
        if not len(test):
            return None
        at, weight = test["document"].to_numpy(), test["weight"].to_numpy()
        seen = np.zeros(len(self.space_), dtype=bool)
        kept = learned.matrix[np.unique(rows.loc[~held, "document"])]
        seen[np.unique(kept.indices[kept.indices >= len(self.space_.grams)]) - len(self.space_.grams)] = True
        novelty = self.space_.novelty(learned.said.take(at), seen)
        scores = _logits(model, learned.matrix[at])
        truth = np.searchsorted(model.classes_, test["label"])
        self.temperature_ = fit_temperature(scores, truth, weight, novelty)
        probabilities = temper(scores, novelty, self.temperature_)
        self.thresholds_[model.classes_] = risk_thresholds(probabilities, truth, weight, self.risk)
        return model


def _ways(credit: np.ndarray, mandate: np.ndarray) -> np.ndarray:
    """Whether each was paid, received or collected."""
    return np.where(credit, _RECEIVED, np.where(mandate, _COLLECTED, _PAID))


def _never_by(labels: np.ndarray, ways: np.ndarray, *, classes: np.ndarray) -> np.ndarray:
    """For each way the classes that had enough bookings, and next to none of them that way.

    Many banks do not tell what was collected from what was paid, so what is collected may look paid.
    """
    counted = np.stack([np.bincount(labels[ways == way], minlength=len(classes)) for way in _WAYS])
    total = counted.sum(axis=0)
    counted[_PAID] += counted[_COLLECTED]
    return (counted <= _STRAY * total) & (total >= _ENOUGH_FOR_WAYS) & (classes != NONE)


def _validate(bookings: pd.DataFrame, labels: np.ndarray) -> None:
    missing = [name for name in _NEEDED if name not in bookings]
    if missing or not set(_TEXTS) & set(bookings.columns):
        raise UsageError(
            f"bookings miss {', '.join(missing) or 'counterparty_name and remittance_information'}; "
            "a classifier needs amount, credit_debit_indicator and a text."
        )
    if not len(bookings) or len(labels) != len(bookings):
        raise UsageError(f"{len(labels)} labels were given for {len(bookings)} bookings; give one label per booking.")


def _fit_on_used(
    model: LogisticRegression, matrix: sparse.csr_matrix, labels: np.ndarray, weights: np.ndarray
) -> LogisticRegression:
    """Fit on the columns that say something here: the others keep weight zero, and most of the time goes per weight."""
    used = np.flatnonzero(matrix.getnnz(axis=0))
    if hasattr(model, "coef_"):
        model.coef_ = model.coef_[:, used]
    model.fit(matrix[:, used], labels, sample_weight=weights)
    coefficients = np.zeros((len(model.coef_), matrix.shape[1]), dtype=model.coef_.dtype)
    coefficients[:, used] = model.coef_
    model.coef_, model.n_features_in_ = coefficients, matrix.shape[1]
    return model


def _collapse(rows: pd.DataFrame, kind: str, *, cap: int | None) -> pd.DataFrame:
    """Distinct (document, label) with its weight: how often it stands there, damped by a square root up to the cap."""
    counted = rows.groupby([kind, "label"], as_index=False).size().rename(columns={"size": "weight", kind: "document"})
    if cap is not None:
        counted["weight"] = np.sqrt(np.minimum(counted["weight"], cap))
    return counted


def _logits(model: _Linear, matrix: sparse.csr_matrix) -> np.ndarray:
    scores = model.decision_function(matrix).astype(np.float64)
    return np.column_stack([np.zeros(len(scores)), scores]) if scores.ndim == 1 else scores
