"""Bookings in, detections out: the one pure function that the nightly batch, the service and the command line call.

Screening comes first here, so no screened booking reaches a feature whoever asks.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np
import pandas as pd

from models.classifier import BookingClassifier
from models.errors import UsageError
from models.events import EventDetector, describe_hits, no_detections
from models.history import Course, build_background, build_course
from models.payments import kinds_of
from models.places import ABROAD, is_abroad
from models.points import Points, collect_points, draft_signs
from models.screening import Screening
from models.series import draft_series, find_refunds
from models.taxonomy import SCREENED, Taxonomy
from models.text import Texts, read_texts


class Model(Protocol):
    """What detection needs of a release."""

    @property
    def classifier(self) -> BookingClassifier:
        """Labels single bookings."""
        ...

    @property
    def detector(self) -> EventDetector:
        """Turns points into detections."""
        ...

    @property
    def screening(self) -> Screening:
        """The door before features."""
        ...

    @property
    def taxonomy(self) -> Taxonomy:
        """The life events in force."""
        ...


@dataclass(frozen=True)
class Prepared:
    """Screened bookings of some customers with their courses and points."""

    bookings: pd.DataFrame
    course: Course
    points: Points


def detect_events(bookings: pd.DataFrame, *, as_of: date, release: Model) -> pd.DataFrame:
    """Every event of these customers that is detectable up to `as_of` (inclusive), expired ones too.

    Parameters
    ----------
    bookings : DataFrame
        The bookings table, `customer_id` filled; bookings after `as_of` are not looked at.

    Returns
    -------
    DataFrame
        customer_id, event, onset_date, detected_on, probability (0..1), status (open, confirmed, expired or
        contradicted), offer_class, evidence (booking ids, space separated), in order of customer, event and date.

    Raises
    ------
    UsageError
        A booking has no customer_id.
    """
    _validate(bookings)
    ordered = bookings[bookings["booking_date"] <= pd.Timestamp(as_of)]
    return join_detections(
        detect_prepared(prepare(chunk, as_of=as_of, model=release), release.detector, release.taxonomy, as_of=as_of)
        for chunk in by_customers(ordered)
    )


def detect_prepared(prepared: Prepared, detector: EventDetector, taxonomy: Taxonomy, *, as_of: date) -> pd.DataFrame:
    """The table of `detect_events` for customers who were prepared already."""
    hits = detector.detect(prepared.points, prepared.course)
    ids = prepared.bookings["booking_id"].to_numpy(dtype=object)
    refunds = find_refunds(prepared.course)
    return describe_hits(hits, prepared.course, ids, refunds, taxonomy=taxonomy, as_of=as_of)


def join_detections(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Tables of detections as one."""
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else no_detections()


def classify_bookings(bookings: pd.DataFrame, *, release: Model) -> pd.DataFrame:
    """booking_id, label (event id, `none` or `screened`), probability (0..1) and abstained, in the order given."""
    screened = release.screening.screen(bookings)
    told = release.classifier.classify(generalise(bookings[~screened], release.screening))
    return add_screened(bookings, screened, told)


def add_screened(bookings: pd.DataFrame, screened: np.ndarray, told: pd.DataFrame) -> pd.DataFrame:
    """The table of `classify_bookings` from what a classifier told of the bookings that were not screened."""
    table = pd.DataFrame(
        {"booking_id": bookings["booking_id"].to_numpy(), "label": SCREENED, "probability": 1.0, "abstained": False}
    )
    for column in ("label", "probability", "abstained"):
        values = table[column].to_numpy().copy()
        values[~screened] = told[column].to_numpy()
        table[column] = values
    return table


def no_classifications() -> pd.DataFrame:
    """What `classify_bookings` gives for no bookings, with its types."""
    types = {"booking_id": "str", "label": "str", "probability": "float64", "abstained": "bool"}
    return pd.DataFrame({name: pd.Series([], dtype=dtype) for name, dtype in types.items()})


def admit(bookings: pd.DataFrame, screening: Screening) -> pd.DataFrame:
    """The bookings that may be looked at, in training as in serving: screened ones gone, telling shops generalised."""
    return generalise(bookings[~screening.screen(bookings)].reset_index(drop=True), screening)


def generalise(bookings: pd.DataFrame, screening: Screening) -> pd.DataFrame:
    """Replace names that tell origin or faith by their plain category; such a shop is a shop like any other.

    The text of a card payment repeats the name, so it goes too; of a payment abroad it stays known that it was one, or
    whoever buys from such shops there would never be seen to travel.
    """
    categories = screening.generalise_names(bookings["counterparty_name"])
    telling = categories != ""
    if not telling.any():
        return bookings
    names, texts = bookings["counterparty_name"].to_numpy(dtype=object), bookings["remittance_information"]
    repeated = np.flatnonzero(telling & (kinds_of(bookings) == "CARD"))
    said = texts.to_numpy(dtype=object).copy()
    said[repeated] = np.where(is_abroad(bookings.iloc[repeated]), ABROAD, "")
    return bookings.assign(
        counterparty_name=pd.Series(np.where(telling, categories, names), dtype="str", index=bookings.index),
        remittance_information=pd.Series(said, dtype="str", index=bookings.index),
    )


def prepare(bookings: pd.DataFrame, *, as_of: date, model: Model) -> Prepared:
    """Screen, classify and lay out the courses and points of some customers."""
    kept = admit(bookings, model.screening)
    texts = read_texts(kept, names=model.classifier.names_)
    return prepare_screened(kept, texts, model.classifier.probabilities_of(kept, texts), as_of=as_of, model=model)


def prepare_screened(
    kept: pd.DataFrame, texts: Texts, probabilities: np.ndarray, *, as_of: date, model: Model
) -> Prepared:
    """Courses and points of bookings that passed screening, with their texts read and their probabilities given."""
    course = build_course(kept, texts, probabilities, classes=model.classifier.classes_, as_of=as_of)
    background, events = build_background(course), tuple(sorted(model.taxonomy.ids))
    drafts = [draft_signs(course, background, events), *draft_series(course, background, events)]
    return Prepared(kept, course, collect_points(drafts, course, events))


def by_customers(bookings: pd.DataFrame, *, rows: int = 200_000) -> Iterator[pd.DataFrame]:
    """Whole customers together, about `rows` bookings at a time, so that memory does not grow with the bank."""
    for at in rows_by_customers(bookings, rows=rows):
        yield bookings.iloc[at].reset_index(drop=True)


def rows_by_customers(bookings: pd.DataFrame, *, rows: int = 200_000) -> Iterator[np.ndarray]:
    """As `by_customers`, but the positions of the rows."""
    if not len(bookings):
        return
    order = bookings["customer_id"].reset_index(drop=True).sort_values(kind="stable").index.to_numpy()
    codes = pd.factorize(bookings["customer_id"].to_numpy(dtype=object)[order])[0]
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    begin = 0
    for start in (*starts[1:].tolist(), len(order)):
        if start - begin >= rows or start == len(order):
            yield order[begin:start]
            begin = start


def _validate(bookings: pd.DataFrame) -> None:
    if "customer_id" not in bookings or bool((bookings["customer_id"] == "").any()):
        raise UsageError(
            "Some bookings have no customer_id, which detection needs. "
            "Give them one with `levensloop read --customer ID` or `--customers accounts.csv`."
        )
