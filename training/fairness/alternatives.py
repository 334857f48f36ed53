"""Other ways to make the model, so that the board can see whether a lighter one would do (fairness notes, L10).

Three change what is read: all names in clear, private names masked, and masked and screened (the release). Two change
what is learned, with groups, which may be looked at here only: weights after Kamiran and Calders, and a demand of equal
recall by fairlearn's ExponentiatedGradient. All are fitted inside the audit, compared and thrown away.

Why these units: a customer is told something at a point of the detector, yes or no per event. There weights of groups
and labels mean what their authors meant, ExponentiatedGradient (which knows two classes only) can be used as it is, and
everything after it - thresholds, dates, what counts as found - is that of the release. So each way differs from the
release in one thing: the reader of bookings with the release's detector, or the learner of points with its reader.
"""

import warnings
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from fairlearn.reductions import ExponentiatedGradient, TruePositiveRateParity
from scipy import sparse

from models.classifier import BookingClassifier
from models.detection import Model, generalise, let_through, prepare_screened
from models.event_learning import Examples
from models.events import EventDetector
from models.text import read_texts
from training.fairness.asking import Changed, Unscreened
from training.fairness.tables import Trained
from training.fitting import cross_fitted, customer_years
from training.settings import settings
from training.splits import customer_groups

AS_IS, MASKED, RELEASE = "as_is", "masked", "masked_and_screened"
REWEIGHED, EQUALISED = "reweighed", "exponentiated_gradient"
UNKNOWN = "unknown"  # customers who do not allow the audit: trained on, but of no group


class InClear(BookingClassifier):
    """The release's learner on names in clear: the modes that sets of merchants need are left out."""

    def _is_margin_based(self, matrix: sparse.csr_matrix) -> bool:
        return False

    def _with_label_names(self, bookings: pd.DataFrame, labels: np.ndarray) -> tuple[pd.DataFrame, np.ndarray, int]:
        return bookings, labels, 0

    def _terms_weight(self) -> float:
        return 1.0


def fit_readers(trained: Trained, release: Model, *, seed: int) -> dict[str, Changed]:
    """Models that read unscreened bookings, with all names in clear and with private names masked."""
    classifiers = {
        AS_IS: InClear(names="as_merchants", random_state=seed),
        MASKED: BookingClassifier(names="as_persons", random_state=seed),
    }
    return {
        name: Changed(
            classifier.fit(trained.bookings, trained.labels), release.detector, Unscreened(), release.taxonomy
        )
        for name, classifier in classifiers.items()
    }


def fit_detectors(trained: Trained, groups: pd.Series, release: Model, *, seed: int) -> dict[str, EventDetector]:
    """Detectors that were told the groups of the customers they learn from.

    Parameters
    ----------
    groups : Series
        The group of each customer, by customer_id; whoever is missing is of none.
    """
    screened, passed = let_through(trained.bookings, release.screening)
    kept, labels = generalise(passed, release.screening), trained.labels[~screened]
    texts = read_texts(kept, names=release.classifier.names_)
    last_day: date = kept["booking_date"].max().date()
    views = [
        prepare_screened(
            kept, texts, cross_fitted(release.classifier, kept, labels, apart), as_of=last_day, model=release
        )
        for apart in (customer_groups(kept), release.classifier.wordings(kept))
    ]
    customers, years = views[0].course.customers, customer_years(kept)
    told = groups.reindex(customers).fillna(UNKNOWN).to_numpy(dtype=str)
    kinds: Mapping[str, type[_KnowingGroups]] = {REWEIGHED: Reweighed, EQUALISED: Equalised}
    history = release.detector.history_days
    return {
        name: kind(groups=told, history_days=history, random_state=seed).fit(
            [view.points for view in views], customers, trained.events, customer_years=years
        )
        for name, kind in kinds.items()
    }


class _KnowingGroups(EventDetector):
    """A detector that knows the group of each customer it is fitted on."""

    def __init__(
        self, *, groups: np.ndarray, history_days: dict[str, int] | None = None, random_state: int = 0
    ) -> None:
        super().__init__(history_days=history_days, random_state=random_state)
        self.groups = groups


class Reweighed(_KnowingGroups):
    """Points weigh as if group and event had nothing to do with each other."""

    def _learn(self, examples: Examples, rows: np.ndarray, columns: np.ndarray, *, trees: str) -> Any:
        labels = examples.labels[rows]
        weights = weigh_groups(self.groups[examples.customer[rows]], labels)
        matrix = examples.points.matrix[np.ix_(rows, columns)]
        return self._forest(trees, columns).fit(matrix, labels, sample_weight=weights)


class Equalised(_KnowingGroups):
    """Points are learned under the demand that true events are found alike in all groups."""

    def _learn(self, examples: Examples, rows: np.ndarray, columns: np.ndarray, *, trees: str) -> Any:
        figures = settings("alternatives")
        labels, group = examples.labels[rows], self.groups[examples.customer[rows]]
        matrix = examples.points.matrix[np.ix_(rows, columns)]
        positives = pd.Series(labels).groupby(group).sum()
        if len(positives) < 2 or positives.min() < figures["fewest_positives"]:
            return self._forest(trees, columns).fit(matrix, labels)  # of so few, equality cannot be asked
        base = self._forest(trees, columns).set_params(n_estimators=figures[trees])
        search = ExponentiatedGradient(
            base, TruePositiveRateParity(difference_bound=figures["most_difference"]), max_iter=figures["rounds"]
        )
        with warnings.catch_warnings():  # fairlearn 0.15 writes into Series in a way that pandas 4 will refuse
            warnings.simplefilter("ignore", category=pd.errors.Pandas4Warning)
            search.fit(matrix, labels, sensitive_features=group)
        weights = np.asarray(search.weights_, dtype=float)
        return _Mixture([model for model, weight in zip(search.predictors_, weights, strict=True) if weight > 0],
                        weights[weights > 0])  # fmt: skip


class _Mixture:
    """The mean of several models. ExponentiatedGradient draws one of them at random; nobody can explain that to a
    customer.
    """

    def __init__(self, models: list[Any], weights: np.ndarray) -> None:
        self.models, self.weights = models, weights / weights.sum()

    def predict_proba(self, matrix: np.ndarray) -> np.ndarray:
        """Shape (rows, 2)."""
        told = sum(weight * _of_event(model, matrix) for model, weight in zip(self.models, self.weights, strict=True))
        return np.column_stack([1 - told, told])


def _of_event(model: Any, matrix: np.ndarray) -> np.ndarray:
    """Probability of 1, also of a model that met one class only."""
    if len(model.classes_) == 1:
        return np.full(len(matrix), float(model.classes_[0]))
    return np.asarray(model.predict_proba(matrix)[:, 1])


def weigh_groups(group: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Weights that make group and label independent: expected over observed number of each pair of them.

    Kamiran and Calders, 2012, Data preprocessing techniques for classification without discrimination, section 4.2.
    """
    rows = pd.DataFrame({"group": group, "label": labels, "one": 1})
    of_group = rows.groupby("group")["one"].transform("sum").to_numpy(dtype=float)
    of_label = rows.groupby("label")["one"].transform("sum").to_numpy(dtype=float)
    of_both = rows.groupby(["group", "label"])["one"].transform("sum").to_numpy(dtype=float)
    return of_group * of_label / len(rows) / of_both
