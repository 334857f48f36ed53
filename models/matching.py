"""Detections against true events: which true event each detection hits, one to one, for many customers at once.

Training chooses thresholds by it and evaluation counts by it, so both mean the same by a hit.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from models.lookback import day_keys, expand, is_first


@dataclass(frozen=True)
class Spans:
    """True events in order of group and last day; a group is one customer's event of one kind.

    `row` is the position of each in the table it comes from.
    """

    group: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    row: np.ndarray

    @classmethod
    def from_truth(
        cls,
        groups: np.ndarray,
        truth: pd.DataFrame,
        *,
        begin: str = "first_detectable_date",
        end: str = "last_useful_date",
    ) -> Self:
        """Spans from column `begin` to column `end` (inclusive) of the events table, `groups` numbering its rows."""
        begins, ends = (days_of(truth[column]) for column in (begin, end))
        order = np.lexsort((begins, ends, groups))
        return cls(np.asarray(groups, dtype=np.int64)[order], begins[order], ends[order], order)

    def part(self, at: np.ndarray) -> "Spans":
        """The true events at these positions (or of this mask), in the same order."""
        return Spans(self.group[at], self.begin[at], self.end[at], self.row[at])

    def around(self, groups: np.ndarray, days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pairs (position asked for, span) where the day lies in the span of the same group."""
        lower, upper = (np.searchsorted(self.group, groups, side=side) for side in ("left", "right"))
        asked, span = expand(lower, upper)
        inside = (self.begin[span] <= days[asked]) & (days[asked] <= self.end[span])
        return asked[inside], span[inside]


def days_of(dates: pd.Series) -> np.ndarray:
    """Dates as days since 1970."""
    return np.asarray(dates.to_numpy().astype("datetime64[D]").astype(np.int64))


def match_hits(groups: np.ndarray, days: np.ndarray, spans: Spans) -> np.ndarray:
    """Per detection the true event it hits, -1 for none; the earliest ending one that is still free is taken.

    Parameters
    ----------
    groups, days : ndarray of int
        Detections in order of group and day.
    """
    hit = np.full(len(groups), -1, dtype=np.int64)
    asked, span = spans.around(groups, days)
    free = np.ones(len(spans.group), dtype=bool)
    begun = np.maximum.accumulate(np.where(is_first(groups), np.arange(len(groups)), 0)) if len(groups) else groups
    turn = np.arange(len(groups)) - begun
    for number in range(int(turn[asked].max(initial=-1)) + 1):  # the n-th detection of every group at a time
        mine = (turn[asked] == number) & free[span]
        first = np.flatnonzero(mine)[is_first(asked[mine])] if mine.any() else np.zeros(0, dtype=np.int64)
        hit[asked[first]] = span[first]
        free[span[first]] = False
    return hit


def choose_detections(groups: np.ndarray, days: np.ndarray, quiet_days: np.ndarray) -> np.ndarray:
    """Positions of detections among convincing points: the first of a group, then each one after the quiet days.

    Parameters
    ----------
    groups, days : ndarray of int
        Convincing points in order of group and day.
    quiet_days : ndarray of int
        Per point the days after a detection of its group in which none is made.
    """
    keys, made = day_keys(groups, days), []
    now = np.flatnonzero(is_first(groups)) if len(groups) else np.zeros(0, dtype=np.int64)
    while len(now):
        made.append(now)
        later = np.searchsorted(keys, keys[now] + quiet_days[now], side="right")
        inside = later < len(groups)
        now = later[inside][groups[later[inside]] == groups[now[inside]]]
    return np.sort(np.concatenate(made)) if made else np.zeros(0, dtype=np.int64)
