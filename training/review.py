"""Which bookings are most worth a person's look: likely mislabelled ones first, then those the classifier doubts.

A label is suspected when a classifier that did not see the customer finds it improbable and finds another label as
probable as it usually finds that label where it is given (confident learning: Northcutt, Jiang and Chuang, 2021,
Confident Learning: Estimating Uncertainty in Dataset Labels).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.classifier import BookingClassifier
from models.taxonomy import NONE
from training.fitting import cross_fitted
from training.settings import settings
from training.splits import customer_groups, describe_bookings

MISLABELLED, DOUBTFUL, FEW_WORDS = "label is likely wrong", "two labels are close", "hardly a word is known"
# What the customer said, by the code of `levensloop corrections`.
SAID_BY_CUSTOMER = {
    "not_right": "customer says it is not right",
    "not_mine": "customer says it is somebody else's",
}
SHOWN = (
    "booking_date", "amount", "currency", "credit_debit_indicator", "counterparty_name", "remittance_information",
    "bank_transaction_code",
)  # fmt: skip
QUEUE_COLUMNS = (
    "booking_id", "reason", "suggested_label", "probability", "given_label", "alike", "event", *SHOWN,
)  # fmt: skip


@dataclass(frozen=True)
class Suspicion:
    """Per booking: the label that is suggested instead, its probability, and how far it is ahead of the given one.

    `suggested` is "" where the given label is not suspected.
    """

    suggested: np.ndarray
    probability: np.ndarray
    lead: np.ndarray


def build_queue(
    classifier: BookingClassifier, bookings: pd.DataFrame, labels: np.ndarray, *, size: int, fresh: BookingClassifier
) -> pd.DataFrame:
    """The `size` bookings most worth a look (QUEUE_COLUMNS), `event` left empty to be filled in.

    Parameters
    ----------
    classifier : BookingClassifier
        Of the release; it says what is doubtful among bookings without a label.
    bookings : DataFrame
        Bookings that passed screening.
    labels : ndarray of str
        The given label per booking, "" where there is none.
    fresh : BookingClassifier
        Unfitted; given labels are judged by copies of it.

    Notes
    -----
    Bookings with the same description and label are one row, with their number in `alike`: who reviews sees every
    wording once.
    """
    given = labels != ""
    parts = []
    if given.any():
        at = np.flatnonzero(given)
        mine = bookings.iloc[at].reset_index(drop=True)
        suspicion = find_mislabelled(fresh, mine, labels[at])
        hit = np.flatnonzero(suspicion.suggested != "")
        parts.append(
            _rows(bookings, labels, at[hit], MISLABELLED, suspicion.suggested[hit], suspicion.probability[hit]).assign(
                order=-suspicion.lead[hit]
            )
        )
    if not given.all():
        parts.append(_doubtful(classifier, bookings, labels, np.flatnonzero(~given)))
    queue = pd.concat([part.sort_values(["order", "booking_id"], kind="stable") for part in parts], ignore_index=True)
    key = [queue["described"], queue["given_label"], queue["credit_debit_indicator"]]
    queue["alike"] = queue.groupby(key)["booking_id"].transform("size")
    distinct = queue[~queue.duplicated(["described", "given_label", "credit_debit_indicator"])]
    return distinct.head(size).reset_index(drop=True)[list(QUEUE_COLUMNS)]


def put_corrections_first(queue: pd.DataFrame, bookings: pd.DataFrame, corrections: pd.DataFrame) -> pd.DataFrame:
    """The queue with the bookings that customers spoke about in front of all others, each booking once.

    A customer knows better than a classifier, but may mean the event and not this booking, so a person decides.

    Parameters
    ----------
    bookings : DataFrame
        Bookings that passed permission and screening; a correction of any other stays out.
    corrections : DataFrame
        booking_id, customer_id, event and correction, as `levensloop corrections` writes them.
    """
    keys = ["customer_id", "booking_id"]
    said = corrections.drop_duplicates(keys, keep="last")
    mine = bookings.merge(said[[*keys, "event", "correction"]], on=keys, how="inner").drop_duplicates("booking_id")
    front = mine.assign(
        reason=mine["correction"].map(SAID_BY_CUSTOMER), suggested_label=NONE, probability=0.0,
        given_label=mine["event"], alike=1, event="",
    )  # fmt: skip
    rest = queue[~queue["booking_id"].isin(front["booking_id"])]
    return pd.concat([front[list(QUEUE_COLUMNS)], rest], ignore_index=True)


def find_mislabelled(fresh: BookingClassifier, bookings: pd.DataFrame, labels: np.ndarray) -> Suspicion:
    """Suspected labels by classifiers fitted on other customers; without customers, on other wordings.

    A label that stands with the customers of one fold alone cannot be judged and is not suspected.
    """
    whole = fresh.fit(bookings, labels)
    groups = customer_groups(bookings)
    if len(np.unique(groups)) == len(bookings):
        groups = pd.factorize(describe_bookings(bookings))[0]
    folds = settings("review")["folds"]
    if len(whole.classes_) < 2 or len(np.unique(groups)) < folds:
        nothing = np.zeros(len(labels))
        return Suspicion(np.full(len(labels), "", dtype=object), nothing, nothing)
    probabilities = cross_fitted(whole, bookings, labels, groups, folds=folds, not_learned=np.nan)
    return suspect_labels(probabilities, labels, whole.classes_)


def suspect_labels(probabilities: np.ndarray, labels: np.ndarray, classes: np.ndarray) -> Suspicion:
    """Confident learning on probabilities of classifiers that did not see the bookings.

    Parameters
    ----------
    probabilities : ndarray, shape (n_bookings, n_classes)
        nan where a class could not be judged.
    labels, classes : ndarray of str
        Given labels; names of the columns, sorted.
    """
    given = np.searchsorted(classes, labels)
    own = probabilities[np.arange(len(labels)), given]
    # How probable a label is on average where it is given: a class that is hard to tell asks for less.
    thresholds = np.array([_mean_or_inf(own[given == at]) for at in range(len(classes))])
    convincing = np.where(probabilities >= thresholds, probabilities, -1.0)
    best = np.nanargmax(np.where(np.isnan(convincing), -1.0, convincing), axis=1)
    top = convincing[np.arange(len(labels)), best]
    suspected = (top > own) & (best != given)  # nan, which cannot be judged, is never less
    return Suspicion(
        np.where(suspected, classes[best], ""),
        np.where(suspected, top, 0.0),
        np.where(suspected, top - own, 0.0),
    )


def _doubtful(
    classifier: BookingClassifier, bookings: pd.DataFrame, labels: np.ndarray, at: np.ndarray
) -> pd.DataFrame:
    """Bookings without a label, the closest call between two labels first."""
    mine = bookings.iloc[at].reset_index(drop=True)
    probabilities, told = classifier.predict_proba(mine), classifier.classify(mine)
    ranked = np.sort(probabilities, axis=1)
    top, second = ranked[:, -1], ranked[:, -2] if probabilities.shape[1] > 1 else np.zeros(len(mine))
    best = told["label"].to_numpy(dtype=object).astype(str)
    # Abstained from although certain enough: nothing but the amount speaks, which is as doubtful as can be.
    certain = top >= classifier.thresholds_[np.searchsorted(classifier.classes_, best)]
    few_words = told["abstained"].to_numpy() & certain
    reason = np.where(few_words, FEW_WORDS, DOUBTFUL)
    return _rows(bookings, labels, at, reason, best, top).assign(order=np.where(few_words, 0.0, top - second))


def _rows(
    bookings: pd.DataFrame,
    labels: np.ndarray,
    at: np.ndarray,
    reason: str | np.ndarray,
    suggested: np.ndarray,
    probability: np.ndarray,
) -> pd.DataFrame:
    mine = bookings.iloc[at].reset_index(drop=True)
    told = {
        "booking_id": mine["booking_id"],
        "reason": reason,
        "suggested_label": suggested,
        "probability": np.round(probability.astype(float), 4),
        "given_label": labels[at],
        "event": "",
        "described": describe_bookings(mine),
    }
    return pd.concat([pd.DataFrame(told), mine[list(SHOWN)]], axis=1)


def _mean_or_inf(values: np.ndarray) -> float:
    judged = values[~np.isnan(values)]
    return float(judged.mean()) if len(judged) else np.inf
