"""Fitting both estimators: the classifier on bookings, the detector on what an honest classifier says of them.

The detector must meet doubt as it will meet it in use. So it sees every customer three times, never through the
classifier that was fitted on them: through classifiers that do not know the customer, through classifiers that do not
know the wording, and as one bank of two would see them, with half of the counterparties that tell something gone.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits

from models.classifier import BookingClassifier
from models.detection import Prepared, prepare_screened
from models.events import EventDetector
from models.history import party_keys
from models.points import STRONG, Points
from models.screening import Screening
from models.taxonomy import NONE, Taxonomy
from models.text import read_texts
from training.dataset import Dataset
from training.splits import customer_groups

_CROSS_FITS = 2
_SEEN_ELSEWHERE = 0.5
_DAYS_A_YEAR = 365.25


@dataclass(frozen=True)
class Fitted:
    """Both estimators with the data they go by; enough of a release to detect with."""

    classifier: BookingClassifier
    detector: EventDetector
    screening: Screening
    taxonomy: Taxonomy


def one_thread() -> threadpool_limits:
    """A block in which linear algebra keeps to one thread.

    Fitting takes many short steps, for which threads wait on each other longer than they work: on two shared cores a
    training took four times as long with the default number of threads.
    """
    return threadpool_limits(limits=1, user_api="blas")


def fit_models(
    dataset: Dataset,
    *,
    taxonomy: Taxonomy,
    screening: Screening,
    seed: int,
    step: Callable[[str], None] = lambda _: None,
) -> Fitted:
    """Fit the classifier on all bookings given, and the detector on cross-fitted probabilities and true events."""
    classifier = BookingClassifier(random_state=seed)
    step("learning words and concepts of bookings")
    classifier.fit(dataset.bookings, dataset.labels)
    detector = EventDetector(history_days={e.id: e.history_days for e in taxonomy.events}, random_state=seed)
    fitted = Fitted(classifier, detector, screening, taxonomy)
    step("reading the same customers with classifiers that do not know them")
    by_customer = cross_fitted(classifier, dataset.bookings, dataset.labels, customer_groups(dataset.bookings))
    step("reading them with classifiers that do not know the wordings")
    by_wording = by_customer
    if len(classifier.classes_) > 1:  # where all bookings have one label, no wording says anything
        by_wording = cross_fitted(classifier, dataset.bookings, dataset.labels, classifier.wordings(dataset.bookings))
    step("learning events from customers' histories")
    last_day = dataset.bookings["booking_date"].max().date()
    texts = read_texts(dataset.bookings, names=classifier.names_)
    views = [
        prepare_screened(dataset.bookings, texts, probabilities, as_of=last_day, model=fitted)
        for probabilities in (by_customer, by_wording)
    ]
    customers = views[0].course.customers
    telling = by_customer[:, classifier.classes_ != NONE].max(axis=1, initial=0.0)
    seen = seen_in_part(dataset.bookings, telling, seed=seed)
    bookings = dataset.bookings[seen].reset_index(drop=True)
    part = prepare_screened(
        bookings, replace(texts, at=texts.at[seen]), by_customer[seen], as_of=last_day, model=fitted
    )
    points = [view.points for view in views] + [renumbered(part, customers)]
    years = customer_years(dataset.bookings)
    detector.fit(points, customers, dataset.events, customer_years=years, partial=1)
    return fitted


def renumbered(part: Prepared, customers: np.ndarray) -> Points:
    """The points of some customers, numbered among all of them (sorted)."""
    return replace(part.points, customer=np.searchsorted(customers, part.course.customers)[part.points.customer])


def seen_in_part(bookings: pd.DataFrame, telling: np.ndarray, *, seed: int) -> np.ndarray:
    """A mask of the bookings that one bank of two sees: half of the counterparties that speak to an event are gone.

    Parameters
    ----------
    telling : ndarray of float
        Per booking the probability that it speaks to any event.
    """
    keys = pd.DataFrame({"customer": bookings["customer_id"].to_numpy(), "party": party_keys(bookings)})
    group = keys.groupby(["customer", "party"], sort=True).ngroup().to_numpy()
    speaks = np.zeros(group.max(initial=-1) + 1, dtype=bool)
    speaks[group[telling >= STRONG]] = True
    gone = speaks & (np.random.default_rng(seed).random(len(speaks)) < _SEEN_ELSEWHERE)
    return ~gone[group]


def customer_years(bookings: pd.DataFrame) -> float:
    """How long all customers together were seen, from each one's first booking to the last."""
    seen = bookings.groupby("customer_id")["booking_date"].agg(["min", "max"])
    return float((seen["max"] - seen["min"]).dt.days.sum()) / _DAYS_A_YEAR


def cross_fitted(
    classifier: BookingClassifier,
    bookings: pd.DataFrame,
    labels: np.ndarray,
    groups: np.ndarray,
    *,
    folds: int = _CROSS_FITS,
    not_learned: float = 0.0,
) -> np.ndarray:
    """Probabilities of each booking, columns as `classifier.classes_`, by a classifier fitted on other groups.

    Parameters
    ----------
    classifier : BookingClassifier
        Fitted on all of these bookings; its settings and temperature are used.
    not_learned : float
        What stands for a label that the other groups do not have.
    """
    probabilities = np.full((len(bookings), len(classifier.classes_)), not_learned, dtype=np.float32)
    if len(np.unique(groups)) < folds:
        return classifier.predict_proba(bookings)
    for fit, rest in GroupKFold(folds).split(bookings, groups=groups):
        other = clone(classifier).set_params(calibrate=False)
        other.fit(bookings.iloc[fit].reset_index(drop=True), labels[fit])
        other.temperature_ = classifier.temperature_
        columns = np.searchsorted(classifier.classes_, other.classes_)
        probabilities[np.ix_(rest, columns)] = other.predict_proba(bookings.iloc[rest].reset_index(drop=True))
    return probabilities
