"""Asking the detector about customers whose bookings came with a request, and checking what it says.

All customers of a request are asked about together, because the detector is a pure function of each customer's own
bookings: a table of a thousand customers gives what a thousand tables give, in a fraction of the time.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import pandas as pd

from models.errors import IntegrityError
from models.screening import READ_COLUMNS, STOPPED, Screening
from models.taxonomy import Taxonomy
from serving.care import Detection
from serving.problems import Problem
from serving.records import as_date

Found = Mapping[str, tuple[Detection, ...]]  # by customer


class ServedRelease(Protocol):
    """What serving needs of a verified release."""

    @property
    def id(self) -> str: ...
    @property
    def model_version(self) -> str: ...
    @property
    def taxonomy(self) -> Taxonomy: ...
    @property
    def screening(self) -> Screening: ...


class Detect(Protocol):
    """The pure function from bookings to detections (`models.detection.detect_events`)."""

    def __call__(self, bookings: pd.DataFrame, /, *, as_of: date, release: Any) -> pd.DataFrame: ...


NO_NAMES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Brought:
    """Bookings that came with a request: one table, and the problem of each customer whose rows break the contract."""

    bookings: pd.DataFrame
    problems: Mapping[str, Problem] = field(default_factory=dict)

    def counts(self) -> Mapping[Any, int]:
        """Bookings per customer."""
        return self.bookings["customer_id"].value_counts().to_dict()


class ScreeningOnce:
    """The screening of a release for the time of one request: a booking that it has judged is not judged again.

    It judges each booking alone, and half of its work is the same for one booking as for a thousand.
    """

    def __init__(self, screening: Screening) -> None:
        self._screening = screening
        self._known: dict[tuple[Any, ...], int] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._screening, name)

    def screen(self, frame: pd.DataFrame) -> np.ndarray:
        """As `Screening.screen`."""
        return self.judge(frame) == STOPPED

    def judge(self, frame: pd.DataFrame) -> np.ndarray:
        """As `Screening.judge`."""
        absent = pd.Series("", index=frame.index, dtype="str")
        rows = list(zip(*(frame.get(name, absent).fillna("") for name in READ_COLUMNS), strict=True))
        if not all(row in self._known for row in rows):
            self._known.update(zip(rows, self._screening.judge(frame).tolist(), strict=True))
        return np.array([self._known[row] for row in rows], dtype=np.int64)


class ReleaseOnce:
    """A release with its screening for the time of one request."""

    def __init__(self, release: ServedRelease) -> None:
        self._release = release
        self.screening = ScreeningOnce(release.screening)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._release, name)


def find_detections(
    bookings: pd.DataFrame, *, customers: Collection[str], as_of: date, release: ReleaseOnce, detect: Detect
) -> Found:
    """Detections per customer whose evidence never names a screened booking; what rests on such alone is not told.

    Raises
    ------
    IntegrityError
        The detector answered about somebody else.
    """
    names, renamed = _spaceless(bookings)
    frame = detect(renamed, as_of=as_of, release=release)
    if frame.empty:
        return {}
    if not set(frame["customer_id"]) <= set(customers):
        raise IntegrityError("The detector answered about another customer. Nothing was told; call the operator.")
    found = [(str(row["customer_id"]), read_detection(row, names)) for row in frame.to_dict("records")]
    screened = _screened_evidence(found, bookings, release.screening)
    told: dict[str, tuple[Detection, ...]] = defaultdict(tuple)
    for customer_id, one in found:
        evidence = tuple(booking for booking in one.evidence if (customer_id, booking) not in screened)
        if evidence:
            told[customer_id] += (replace(one, evidence=evidence),)
    return told


def _screened_evidence(
    found: list[tuple[str, Detection]], bookings: pd.DataFrame, screening: ScreeningOnce
) -> set[tuple[str, str]]:
    """Bookings named as evidence that the screening holds back.

    The detector screens too; here nobody has to believe it. Only those that are named are looked at.
    """
    named = bookings[bookings["booking_id"].isin({booking for _, one in found for booking in one.evidence})]
    held = named[screening.screen(named)]
    return set(zip(held["customer_id"], held["booking_id"], strict=True))


def _spaceless(bookings: pd.DataFrame) -> tuple[dict[str, str], pd.DataFrame]:
    """Bookings whose ids hold no spaces, and the way back: evidence comes as ids between spaces.

    Ids that need no change stay; otherwise all become their rank, so that their order is kept.
    """
    ids = bookings["booking_id"].astype(str)
    if not ids.str.contains(r"\s").any():
        return {}, bookings
    ranked = sorted(set(ids))
    width = len(str(len(ranked)))
    rank = {name: f"{at:0{width}d}" for at, name in enumerate(ranked)}
    return {new: old for old, new in rank.items()}, bookings.assign(booking_id=ids.map(rank).astype("str"))


def read_detection(row: Mapping[Any, Any], names: Mapping[str, str] = NO_NAMES) -> Detection:
    """A row of `detect_events`; `names` are the ids of evidence that had others there."""
    return Detection(
        event=str(row["event"]),
        onset_date=as_date(row["onset_date"]),
        detected_on=as_date(row["detected_on"]),
        probability=float(row["probability"]),
        status=str(row["status"]),
        evidence=tuple(names.get(name, name) for name in str(row["evidence"]).split()),
    )
