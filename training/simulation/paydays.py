"""Days on which banks book: the closing days of the European payment system decide, not Dutch public holidays."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import holidays

MONTHS_NL = (
    "januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november",
    "december",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month; days are proleptic ordinals."""

    year: int
    month: int
    first: int
    last: int

    def day(self, number: int) -> int:
        """The ordinal of this day of the month, at most the month's last day."""
        return min(self.first + number - 1, self.last)


@cache
def _closing_days(year: int) -> frozenset[int]:
    return frozenset(day.toordinal() for day in holidays.financial_holidays("XECB", years=year))


@cache
def is_open(day: int) -> bool:
    """Whether banks book on this day (ordinal)."""
    given = date.fromordinal(day)
    return given.weekday() < 5 and day not in _closing_days(given.year)


@cache
def next_open(day: int) -> int:
    """The day itself when banks book on it, else the first one after it."""
    while not is_open(day):
        day += 1
    return day


@cache
def previous_open(day: int) -> int:
    """The day itself when banks book on it, else the last one before it."""
    while not is_open(day):
        day -= 1
    return day


@cache
def day_text(day: int) -> str:
    """dd-mm-yyyy."""
    return date.fromordinal(day).strftime("%d-%m-%Y")


@cache
def parts(day: int) -> date:
    """The date of an ordinal."""
    return date.fromordinal(day)


def add_months(year: int, month: int, number: int) -> tuple[int, int]:
    """The (year, month) that lies `number` months away."""
    at = year * 12 + month - 1 + number
    return at // 12, at % 12 + 1


@cache
def month_of(year: int, month: int) -> Month:
    """A calendar month with its first and last day."""
    first = date(year, month, 1).toordinal()
    following = date(*add_months(year, month, 1), 1)
    return Month(year, month, first, (following - timedelta(days=1)).toordinal())


@cache
def months_until(until: date, number: int) -> tuple[Month, ...]:
    """`number` whole months, the last one being the month of `until` (cut at `until`)."""
    months = [month_of(*add_months(until.year, until.month, -back)) for back in range(number - 1, -1, -1)]
    final = months[-1]
    return (*months[:-1], Month(final.year, final.month, final.first, until.toordinal()))
