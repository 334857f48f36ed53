"""Asks a release about the audited bookings once, so that every part of an audit is about the very same answers.

Reading texts takes longest; screening, words, probabilities and detections all come from one reading.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from models.detection import (
    Model,
    add_screened,
    detect_prepared,
    generalise,
    join_detections,
    let_through,
    prepare_screened,
    rows_by_customers,
)
from models.events import EventDetector
from models.screening import PASSES
from models.text import Texts, read_texts


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a release said of some bookings.

    Parameters
    ----------
    bookings : DataFrame
        As given.
    answers : DataFrame
        Per booking given, as `classify_bookings`.
    detections : DataFrame
        As `detect_events`.
    others : dict of str to DataFrame
        Detections of other detectors on the same points.
    """

    bookings: pd.DataFrame
    answers: pd.DataFrame
    detections: pd.DataFrame
    others: Mapping[str, pd.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True)
class Part:
    """Bookings of some whole customers that screening lets pass, the same as features see them, and their words."""

    passed: pd.DataFrame
    admitted: pd.DataFrame
    texts: Texts


class Unscreened:
    """A screening that lets everything pass, to see what screening keeps out."""

    def screen(self, frame: pd.DataFrame) -> np.ndarray:
        """No booking is stopped."""
        return np.zeros(len(frame), dtype=bool)

    def judge(self, frame: pd.DataFrame) -> np.ndarray:
        """All bookings pass."""
        return np.full(len(frame), PASSES)

    def generalise_names(self, names: pd.Series) -> np.ndarray:
        """No name is replaced."""
        return np.full(len(names), "", dtype=object)


@dataclass(frozen=True)
class Changed:
    """A release of which the audit changed a part, to see what that part does; measured, never served."""

    classifier: Any
    detector: EventDetector
    screening: Any
    taxonomy: Any


def without_screening(release: Model) -> Changed:
    """The release with its screening taken away."""
    return Changed(release.classifier, release.detector, Unscreened(), release.taxonomy)


def ask(
    bookings: pd.DataFrame, release: Model, *, as_of: date, detectors: Mapping[str, EventDetector] | None = None,
    look: Callable[[Part], None] = lambda _: None,
) -> Asked:  # fmt: skip
    """Everything that a release says of bookings, none of which may lie after `as_of`.

    Parameters
    ----------
    detectors : dict of str to EventDetector, optional
        Asked beside the release's own about the same points.
    look
        Called with each part of the bookings as the release reads it.
    """
    asked = {"": release.detector, **(detectors or {})}
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in asked}
    answers, at = [], []
    for rows in rows_by_customers(bookings):
        given = bookings.iloc[rows].reset_index(drop=True)
        screened, passed = let_through(given, release.screening)
        admitted = generalise(passed, release.screening)
        texts = read_texts(admitted, names=release.classifier.names_)
        look(Part(passed, admitted, texts))
        judged = release.classifier.judge(admitted, texts)
        answers.append(add_screened(given, screened, release.classifier.answer(judged)))
        at.append(rows)
        prepared = prepare_screened(
            admitted, texts, judged.probabilities, as_of=as_of, model=release, documents=judged.at
        )
        for name, detector in asked.items():
            found[name].append(detect_prepared(prepared, detector, release.taxonomy, as_of=as_of))
    tables = {name: join_detections(parts) for name, parts in found.items()}
    as_given = np.argsort(np.concatenate(at))
    return Asked(
        bookings=bookings, answers=pd.concat(answers, ignore_index=True).iloc[as_given].reset_index(drop=True),
        detections=tables.pop(""), others=tables,
    )  # fmt: skip
