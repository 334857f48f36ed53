"""Bookings in, detections out: the one pure function that the nightly batch, the service and the command line call.

Screening comes first here, so no screened booking reaches a feature whoever asks.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Protocol

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.compute as compute

from models.classifier import BookingClassifier
from models.errors import UsageError
from models.events import EventDetector, describe_hits, no_detections
from models.history import Course, build_background, build_course
from models.payments import kind_codes
from models.places import ABROAD, is_abroad
from models.points import Points, collect_points, draft_signs
from models.screening import NAMELESS, STOPPED, Screening
from models.series import draft_series, find_refunds
from models.statements.codes import KINDS
from models.taxonomy import SCREENED, Taxonomy
from models.text import Texts, read_texts
from models.words import text_column

EMPLOYER, PAY = "werkgever", "salaris"  # all that is read of pay whose payer is telling


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


class Judge(Protocol):
    """What says of each booking how much of it may be read (`Screening.judge`)."""

    def judge(self, frame: pd.DataFrame) -> np.ndarray: ...


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
    known = (bookings["booking_date"] <= pd.Timestamp(as_of)).to_numpy()
    ordered = bookings if known.all() else bookings[known]
    return join_detections(
        detect_prepared(prepare(chunk, as_of=as_of, model=release), release.detector, release.taxonomy, as_of=as_of)
        for chunk in by_customers(ordered)
    )


def detect_prepared(prepared: Prepared, detector: EventDetector, taxonomy: Taxonomy, *, as_of: date) -> pd.DataFrame:
    """The table of `detect_events` for customers who were prepared already."""
    hits = detector.detect(prepared.points, prepared.course)
    ids = text_column(prepared.bookings, "booking_id")
    refunds = find_refunds(prepared.course)
    return describe_hits(hits, prepared.course, ids, refunds, taxonomy=taxonomy, as_of=as_of)


def join_detections(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Tables of detections as one."""
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else no_detections()


def classify_bookings(bookings: pd.DataFrame, *, release: Model) -> pd.DataFrame:
    """booking_id, label (event id, `none` or `screened`), probability (0..1) and abstained, in the order given."""
    screened, passed = let_through(bookings, release.screening)
    told = release.classifier.classify(generalise(passed, release.screening))
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
    return generalise(let_through(bookings, screening)[1], screening)


def let_through(bookings: pd.DataFrame, screening: Judge) -> tuple[np.ndarray, pd.DataFrame]:
    """Which bookings are screened (bool per row), and the others; of pay by a telling employer only that it is."""
    verdicts = screening.judge(bookings)
    screened = verdicts == STOPPED
    passed = (bookings[~screened] if screened.any() else bookings).reset_index(drop=True)
    nameless = arrow.array(verdicts[~screened] == NAMELESS)
    if not compute.any(nameless).as_py():
        return screened, passed
    names, texts = (text_column(passed, column) for column in ("counterparty_name", "remittance_information"))
    extra = compute.match_substring_regex(texts, "(?i)vakantie ?(?:geld|toeslag)")  # income compares pay without it
    pay = compute.if_else(extra, f"{PAY} vakantiegeld", PAY)
    told = {
        "counterparty_name": compute.if_else(nameless, EMPLOYER, names),
        "remittance_information": compute.if_else(nameless, pay, texts),
    }
    return screened, _retold(passed, told)


def generalise(bookings: pd.DataFrame, screening: Screening) -> pd.DataFrame:
    """Replace names that tell origin or faith by their plain category; such a shop is a shop like any other.

    The text of a card payment repeats the name, so it goes too; of a payment abroad it stays known that it was one, or
    whoever buys from such shops there would never be seen to travel.
    """
    categories = screening.generalise_names(bookings["counterparty_name"])
    telling = np.asarray(categories != "", dtype=bool)
    rows = np.flatnonzero(telling)
    if not len(rows):
        return bookings
    names, texts = text_column(bookings, "counterparty_name"), text_column(bookings, "remittance_information")
    plain = arrow.array(categories[rows], arrow.large_string())
    repeated = rows[kind_codes(bookings.iloc[rows]) == KINDS.index("CARD")]
    by_card = np.zeros(len(bookings), dtype=bool)
    by_card[repeated] = True
    said = arrow.array(np.where(is_abroad(bookings.iloc[repeated]), ABROAD, ""), arrow.large_string())
    told = {
        "counterparty_name": compute.replace_with_mask(names, arrow.array(telling), plain),
        "remittance_information": compute.replace_with_mask(texts, arrow.array(by_card), said),
    }
    return _retold(bookings, told)


def _retold(bookings: pd.DataFrame, told: Mapping[str, arrow.Array]) -> pd.DataFrame:
    """The same bookings with other texts in some columns."""
    columns = {name: pd.Series(column, dtype="str", index=bookings.index) for name, column in told.items()}
    return bookings.assign(**columns)


def prepare(bookings: pd.DataFrame, *, as_of: date, model: Model) -> Prepared:
    """Screen, classify and lay out the courses and points of some customers."""
    kept = admit(bookings, model.screening)
    texts = read_texts(kept, names=model.classifier.names_)
    judged = model.classifier.judge(kept, texts)
    return prepare_screened(kept, texts, judged.probabilities, as_of=as_of, model=model, documents=judged.at)


def prepare_screened(
    kept: pd.DataFrame,
    texts: Texts,
    probabilities: np.ndarray,
    *,
    as_of: date,
    model: Model,
    documents: np.ndarray | None = None,
) -> Prepared:
    """Courses and points of bookings that passed screening, with their texts read and their probabilities given.

    `documents` is the row of probabilities of each booking, where bookings share rows.
    """
    classes = model.classifier.classes_
    course = build_course(kept, texts, probabilities, classes=classes, as_of=as_of, documents=documents)
    background, events = build_background(course), tuple(sorted(model.taxonomy.ids))
    drafts = [draft_signs(course, background, events), *draft_series(course, background, events)]
    return Prepared(kept, course, collect_points(drafts, course, events))


def by_customers(bookings: pd.DataFrame, *, rows: int = 200_000) -> Iterator[pd.DataFrame]:
    """Whole customers together, so that memory does not grow with the bank: pieces of one size, about `rows` bookings.

    They hold half as many more at most, unless one customer has more.
    """
    order, cuts = _order_of(text_column(bookings, "customer_id"), rows=rows)
    for begin, end in pairwise(cuts):
        # Bookings that are in order already are not copied.
        some = bookings[begin:end] if order is None else bookings.iloc[order[begin:end]]
        yield some.reset_index(drop=True)


def rows_by_customers(bookings: pd.DataFrame, *, rows: int = 200_000) -> Iterator[np.ndarray]:
    """As `by_customers`, but the positions of the rows."""
    order, cuts = _order_of(text_column(bookings, "customer_id"), rows=rows)
    order = np.arange(len(bookings)) if order is None else order
    yield from (order[begin:end] for begin, end in pairwise(cuts))


def arrow_by_customers(bookings: arrow.Table, *, rows: int) -> Iterator[arrow.Table]:
    """As `by_customers`, for a table of `bookings_to_arrow`."""
    order, cuts = _order_of(bookings["customer_id"].combine_chunks(), rows=rows)
    for begin, end in pairwise(cuts):
        whole = bookings.slice(begin, end - begin)
        yield whole if order is None else bookings.take(arrow.array(order[begin:end]))


def _order_of(customers: arrow.Array, *, rows: int) -> tuple[np.ndarray | None, list[int]]:
    """Positions in order of customer (None: as they are), and where to cut them into whole customers."""
    if not len(customers):
        return None, []
    encoded = customers.dictionary_encode()
    at, names = encoded.indices.to_numpy(), encoded.dictionary.to_numpy(zero_copy_only=False)
    place = np.empty(len(names), dtype=np.int32)
    place[np.argsort(names)] = np.arange(len(names))
    owner, order = place[at], None
    if (owner[1:] < owner[:-1]).any():
        order = np.argsort(owner, kind="stable")
        owner = owner[order]
    parts = max(1, round(len(owner) / rows))  # of about one size: a rest of a few bookings costs as much as many
    firsts = np.append(np.flatnonzero(owner[1:] != owner[:-1]) + 1, len(owner))
    cuts = firsts[np.searchsorted(firsts, np.arange(1, parts + 1) * len(owner) / parts)]
    return order, [0, *np.unique(cuts).tolist()]


def _validate(bookings: pd.DataFrame) -> None:
    if "customer_id" not in bookings or bool((bookings["customer_id"] == "").any()):
        raise UsageError(
            "Some bookings have no customer_id, which detection needs. "
            "Give them one with `levensloop read --customer ID` or `--customers accounts.csv`."
        )
