"""Asks a release about the audited bookings once, so that every part of an audit is about the very same answers.

Reading texts takes longest; screening, words, probabilities and detections all come from one reading.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
    prepare_screened,
    rows_by_customers,
)
from models.events import EventDetector
from models.text import Texts, read_texts


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a release took in of some bookings, and what it said.

    Parameters
    ----------
    bookings : DataFrame
        As given.
    passed : ndarray of bool
        Whether screening lets each booking through.
    admitted : DataFrame
        Those that pass, as features see them; `texts` are their words.
    answers : DataFrame
        Per booking given, as `classify_bookings`.
    detections : DataFrame
        As `detect_events`.
    others : dict of str to DataFrame
        Detections of other detectors on the same points.
    """

    bookings: pd.DataFrame
    passed: np.ndarray
    admitted: pd.DataFrame
    texts: Texts
    answers: pd.DataFrame
    detections: pd.DataFrame
    others: Mapping[str, pd.DataFrame] = field(default_factory=dict)


class Unscreened:
    """A screening that lets everything pass, to see what screening keeps out."""

    def screen(self, frame: pd.DataFrame) -> np.ndarray:
        """No booking is stopped."""
        return np.zeros(len(frame), dtype=bool)

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
    bookings: pd.DataFrame, release: Model, *, as_of: date, detectors: Mapping[str, EventDetector] | None = None
) -> Asked:
    """Everything that a release says of bookings, none of which may lie after `as_of`.

    Parameters
    ----------
    detectors : dict of str to EventDetector, optional
        Asked beside the release's own about the same points.
    """
    passed = ~release.screening.screen(bookings)
    admitted = generalise(bookings[passed].reset_index(drop=True), release.screening)
    texts = read_texts(admitted, names=release.classifier.names_)
    judged = release.classifier.judge(admitted, texts)
    asked = {"": release.detector, **(detectors or {})}
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in asked}
    for rows in rows_by_customers(admitted):
        part = admitted.iloc[rows].reset_index(drop=True)
        likely = judged.probabilities[judged.at[rows]]
        prepared = prepare_screened(part, replace(texts, at=texts.at[rows]), likely, as_of=as_of, model=release)
        for name, detector in asked.items():
            found[name].append(detect_prepared(prepared, detector, release.taxonomy, as_of=as_of))
    tables = {name: join_detections(parts) for name, parts in found.items()}
    return Asked(
        bookings=bookings, passed=passed, admitted=admitted, texts=texts,
        answers=add_screened(bookings, ~passed, release.classifier.answer(judged)), detections=tables.pop(""),
        others=tables,
    )  # fmt: skip
