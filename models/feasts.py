"""On which days the feasts of religions and cultures in the Netherlands fall, computed with calendar libraries.

Two parties need it: the simulator, which gives on these days, and the analysts' giving calendar for organisations. No
feature, no event and no customer of this bank ever meets it: `tests/test_layers.py` names who may import it.

Muslim days follow Umm al-Qura; a sighting of the moon may move them by a day. No library of ours computes Diwali,
Holi, Vesak or the birthday of Guru Nanak: they are read from the public holidays of Suriname, India and Singapore, and
are left out of years for which those are not known.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from types import MappingProxyType

import holidays
from convertdate import persian
from convertdate.holidays import easter as easter_sunday
from hijridate import Gregorian, Hijri
from lunardate import LunarDate
from pyluach.dates import HebrewDate

FIRST_YEAR, LAST_YEAR = 1925, 2076  # what Umm al-Qura's tables hold in full

# Month and day of the calendar of each.
_MUSLIM = {
    "muslim_new_year": (1, 1),
    "ashura": (1, 10),
    "mawlid": (3, 12),
    "ramadan": (9, 1),
    "laylat_al_qadr": (9, 27),
    "eid_al_fitr": (10, 1),
    "eid_al_adha": (12, 10),
}
_JEWISH = {
    "pesach": (1, 15),
    "shavuot": (3, 6),
    "rosh_hashana": (7, 1),
    "yom_kippur": (7, 10),
    "sukkot": (7, 15),
    "simchat_torah": (7, 23),
    "hanukka": (9, 25),
}
_CHINESE = {"lunar_new_year": (1, 1), "ullambana": (7, 15), "mid_autumn": (8, 15)}
_FIXED = {
    "epiphany": (1, 6),
    "orthodox_christmas": (1, 7),
    "vaisakhi": (4, 13),
    "keti_koti": (7, 1),
    "saint_nicholas": (12, 5),
    "christmas": (12, 25),
    "new_years_eve": (12, 31),
}
# Days after Easter Sunday.
_AROUND_EASTER = {"ash_wednesday": -46, "good_friday": -2, "easter": 0, "ascension": 39, "pentecost": 49}
_WEDNESDAY = 2
# Years for which the lists of public holidays hold days of feasts that follow the moon.
_LISTED_YEARS = {"IN": range(2001, 2036), "SR": range(2001, 2036), "SG": range(1969, 2077)}
# Two lists of one feast may differ by a day or two; more is an estimate that missed the moon.
_LISTS_AGREE_DAYS = 2


@cache
def feast_days(year: int) -> MappingProxyType[str, tuple[date, ...]]:
    """The days of each feast that fall in a year, in order; a lunar feast may fall twice or, rarely, not at all.

    Parameters
    ----------
    year : int
        1925 to 2076.

    Raises
    ------
    ValueError
        The year lies outside the tables of Umm al-Qura.
    """
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(f"feasts are known from {FIRST_YEAR} to {LAST_YEAR}")
    days: dict[str, list[date]] = {}
    for name, day in (*_muslim(year), *_jewish(year), *_christian(year), *_asian(year), *_fixed(year)):
        if day.year == year:
            days.setdefault(name, []).append(day)
    return MappingProxyType({name: tuple(sorted(set(found))) for name, found in sorted(days.items())})


def _muslim(year: int) -> Iterator[tuple[str, date]]:
    first = Gregorian(year, 1, 1).to_hijri().year
    for hijri_year in (first, first + 1):
        for name, (month, day) in _MUSLIM.items():
            found = Hijri(hijri_year, month, day).to_gregorian()
            yield name, date(found.year, found.month, found.day)


def _jewish(year: int) -> Iterator[tuple[str, date]]:
    for hebrew_year in (year + 3760, year + 3761):
        for name, (month, day) in _JEWISH.items():
            yield name, HebrewDate(hebrew_year, month, day).to_pydate()
        # The last month before Nisan, Adar or second Adar, always has 29 days.
        yield "purim", HebrewDate(hebrew_year, 1, 15).to_pydate() - timedelta(days=30)


def _christian(year: int) -> Iterator[tuple[str, date]]:
    sunday = date(*easter_sunday(year))
    for name, days in _AROUND_EASTER.items():
        yield name, sunday + timedelta(days=days)
    yield "orthodox_easter", date(*easter_sunday(year, church="eastern"))
    # Days of prayer and thanks for crops and work of the Dutch Protestant churches.
    yield "prayer_day", _wednesday(year, 3, number=2)
    yield "thanksgiving_day", _wednesday(year, 11, number=1)


def _asian(year: int) -> Iterator[tuple[str, date]]:
    for name, (month, day) in _CHINESE.items():
        yield name, LunarDate(year, month, day).to_solar_date()
    yield "nowruz", date(*persian.to_gregorian(year - 621, 1, 1))
    yield from ((name, day) for name, word in (("holi", "Holi"), ("diwali", "Diwali")) for day in _hindu(word, year))
    yield from (("gurpurab", day) for day in _listed("IN", "Guru Nanak", year))
    yield from (("vesak", day) for day in _listed("SG", "Vesak", year))


def _fixed(year: int) -> Iterator[tuple[str, date]]:
    yield from ((name, date(year, month, day)) for name, (month, day) in _FIXED.items())


def _hindu(word: str, year: int) -> list[date]:
    """As in Suriname, where most Dutch Hindus come from, unless India's list shows its day to be a guess."""
    india, suriname = _listed("IN", word, year), _listed("SR", word, year)
    near = [day for day in suriname if any(abs((day - other).days) <= _LISTS_AGREE_DAYS for other in india)]
    return near or india


def _listed(country: str, word: str, year: int) -> list[date]:
    """Public holidays of a country whose name holds a word; none for years that its list does not know."""
    if year not in _LISTED_YEARS[country]:
        return []
    named = holidays.country_holidays(country, years=year, language="en_US").items()
    return [day for day, title in named if word in title and "observed" not in title]


def _wednesday(year: int, month: int, *, number: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(_WEDNESDAY - first.weekday()) % 7 + 7 * (number - 1))
