"""Peaks in the account of an organisation, and which feast or season explains them.

An account is compared with itself: its ordinary week is the median week, and what a weekday brings above its own
median is extra. A week that stands out is explained when nearly all of its extra falls in the days of known habits and
its size is one that these habits have. An unexplained peak says that we do not know, not that anything is wrong.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import groupby
from string import Template
from typing import Literal

import numpy as np
import pandas as pd

from models.bookings import amount_cents
from models.errors import UsageError
from serving.contact.giving import Direction, Feast, GivingKnowledge, Occasion, Words, find_occasions
from serving.contact.promise import say_day
from serving.contact.reading_level import LANGUAGES

Verdict = Literal["fits", "larger_than_expected", "no_feast"]
_SIDES: dict[Direction, str] = {"in": "CRDT", "out": "DBIT"}
# Of habits that explain a week only together, each covers at least this share of its extra.
_NAMED_SHARE = 0.1
_CENTS = 100


@dataclass(frozen=True, slots=True)
class Peak:
    """Adjoining weeks that stand out for one reason.

    Attributes
    ----------
    total_cents, ordinary_cents : int
        What came in (or went out) in these weeks, and what that would be in as many ordinary weeks.
    expected_cents : (int, int) or None
        What a week of the explaining habits brings, from and to, as many weeks; None when nothing explains it.
    share_explained : float
        Share of the extra that falls in days of known habits, 0..1.
    """

    direction: Direction
    first_day: date
    last_day: date
    total_cents: int
    ordinary_cents: int
    expected_cents: tuple[int, int] | None
    share_explained: float
    verdict: Verdict
    occasions: tuple[Occasion, ...]

    @property
    def needs_no_question(self) -> bool:
        """Whether the calendar says enough, so that nobody has to be asked."""
        return self.verdict == "fits"


def explain_peaks(bookings: pd.DataFrame, *, traditions: Iterable[str], knowledge: GivingKnowledge) -> tuple[Peak, ...]:
    """The peaks of one account, both directions, in order of time.

    Parameters
    ----------
    bookings : DataFrame
        Bookings of one organisation's account, as the bookings table has them.
    traditions : iterable of str
        Those the organisation lives by; feasts of others explain nothing.

    Raises
    ------
    UsageError
        Fewer weeks than show what is ordinary, or an unknown tradition.
    """
    wanted = tuple(traditions)
    if not wanted or not set(wanted) <= set(knowledge.traditions):
        raise UsageError(f"Name the traditions of the organisation: {', '.join(sorted(knowledge.traditions))}.")
    peaks: list[Peak] = []
    for direction, side in _SIDES.items():
        days = _daily_cents(bookings, side)
        if days.any():
            peaks += _peaks_of(days, direction, wanted, knowledge)
    return tuple(sorted(peaks, key=lambda peak: (peak.first_day, peak.direction)))


def _daily_cents(bookings: pd.DataFrame, side: str) -> pd.Series:
    """Cents per day from the Monday of the first booking to the Sunday of the last, zero where there was none."""
    when = pd.to_datetime(bookings["booking_date"])
    if when.empty:
        return pd.Series(dtype="int64")
    first, last = when.min(), when.max()
    days = pd.date_range(first - timedelta(days=first.weekday()), last + timedelta(days=6 - last.weekday()))
    mine = (bookings["credit_debit_indicator"] == side).to_numpy(dtype=bool)
    cents = pd.Series(amount_cents(bookings["amount"]), index=bookings.index)
    return cents[mine].groupby(when[mine]).sum().reindex(days, fill_value=0)


def _peaks_of(
    days: pd.Series, direction: Direction, traditions: Sequence[str], knowledge: GivingKnowledge
) -> list[Peak]:
    rule = knowledge.peak
    table = days.to_numpy().reshape(-1, 7)  # a row per week, Monday first
    if len(table) < rule.fewest_weeks:
        raise UsageError(f"Give bookings of at least {rule.fewest_weeks} weeks: fewer do not show what is ordinary.")
    weeks = table.sum(axis=1)
    ordinary = float(np.median(weeks))
    spread = 1.4826 * float(np.median(np.abs(weeks - ordinary)))
    raised = weeks > max(rule.least_times * ordinary, ordinary + rule.spreads * spread)
    extra = np.clip(table - np.median(table, axis=0), 0, None)
    first = days.index[0].date()
    occasions = [
        occasion
        for occasion in find_occasions(first, days.index[-1].date(), knowledge=knowledge, traditions=traditions)
        if occasion.habit.direction == direction
    ]
    judged = [
        _judge_week(first + timedelta(weeks=int(at)), int(weeks[at]), extra[at], ordinary, occasions, knowledge)
        for at in np.flatnonzero(raised)
    ]
    return _join([replace(peak, direction=direction) for peak in judged])


def _judge_week(
    monday: date, total: int, extra: np.ndarray, ordinary: float, occasions: list[Occasion], knowledge: GivingKnowledge
) -> Peak:
    """One week that stands out, against the habits of that time."""
    days = [monday + timedelta(days=at) for at in range(7)]
    named, share = _name_occasions(days, extra, occasions, knowledge)
    fits = share >= knowledge.peak.least_share
    verdict: Verdict = "no_feast"
    expected = None
    if fits:
        least = min(occasion.habit.times[0] for occasion in named)
        most = max(occasion.habit.times[1] for occasion in named)
        expected = (round(least * ordinary), round(most * ordinary))
        # An account that is empty in ordinary weeks has no size to compare with.
        verdict = "fits" if ordinary > 0 and total <= expected[1] else "larger_than_expected"
    return Peak("in", monday, days[-1], total, round(ordinary), expected, share, verdict, named if fits else ())


def _name_occasions(
    days: list[date], extra: np.ndarray, occasions: list[Occasion], knowledge: GivingKnowledge
) -> tuple[tuple[Occasion, ...], float]:
    """The habits that cover the week's extra, and the share that they cover.

    Every habit that covers enough alone, the one with the fewest days first; where none does, those that do together.
    """
    whole, late = float(extra.sum()), timedelta(days=knowledge.late_days)
    covers = {one: np.array([one.first_day <= day <= one.last_day + late for day in days]) for one in occasions}
    shares = {one: float(extra[covered].sum()) / whole if whole else 0.0 for one, covered in covers.items()}
    alone = sorted((one for one in occasions if shares[one] >= knowledge.peak.least_share), key=_length)
    if alone:
        return tuple(alone), round(max(shares.values()), 4)
    together = [one for one in occasions if shares[one] >= _NAMED_SHARE]
    covered = np.any([covers[one] for one in together], axis=0) if together else np.zeros(7, dtype=bool)
    return tuple(together), round(float(extra[covered].sum()) / whole, 4) if whole else 0.0


def _length(occasion: Occasion) -> int:
    return (occasion.last_day - occasion.first_day).days


def _join(weeks: list[Peak]) -> list[Peak]:
    """Adjoining weeks with one verdict become one peak."""

    def run_of(numbered: tuple[int, Peak]) -> tuple[str, int]:
        at, peak = numbered
        return peak.verdict, peak.first_day.toordinal() - 7 * at

    return [_sum_of([peak for _, peak in run]) for _, run in groupby(enumerate(weeks), key=run_of)]


def _sum_of(weeks: list[Peak]) -> Peak:
    ranges = [week.expected_cents for week in weeks if week.expected_cents is not None]
    expected = (sum(low for low, _ in ranges), sum(high for _, high in ranges))
    return replace(
        weeks[0],
        last_day=weeks[-1].last_day,
        total_cents=sum(week.total_cents for week in weeks),
        ordinary_cents=sum(week.ordinary_cents for week in weeks),
        expected_cents=expected if ranges else None,
        share_explained=min(week.share_explained for week in weeks),
        occasions=tuple(dict.fromkeys(occasion for week in weeks for occasion in week.occasions)),
    )


def describe_peak(peak: Peak, knowledge: GivingKnowledge) -> Words:
    """What an analyst reads of a peak."""
    template = knowledge.sentences[peak.verdict]
    least, most = peak.expected_cents or (0, 0)
    spoken = {}
    for language in LANGUAGES:
        named = [_name_feast(one.feast, one.feast_day, language) for one in peak.occasions if one.feast]
        habits = [getattr(occasion.habit.words, language) for occasion in peak.occasions]
        spoken[language] = Template(getattr(template, language)).substitute(
            feasts=_join_words(dict.fromkeys(named), language) or _join_words(habits[:1], language),
            habits="; ".join(habits),
            least=f"{least // _CENTS}",
            most=f"{most // _CENTS}",
            times=f"{peak.total_cents / max(1, peak.ordinary_cents):.0f}",
        )
    return Words(**spoken)


def _name_feast(feast: Feast, day: date | None, language: str) -> str:
    name: str = getattr(feast.words, language)
    return f"{name} ({say_day(day, language)})" if day else name


def _join_words(names: Iterable[str], language: str) -> str:
    *first, last = list(names) or [""]
    return f"{', '.join(first)} {'en' if language == 'nl' else 'and'} {last}" if first else last
