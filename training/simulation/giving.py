"""Giving on the real feast days of each religion. Every booking here is screened; it never reaches a feature.

Feast days are computed with calendar libraries, never listed: Umm al-Qura for Muslim days (sightings may differ by a
day), the Hebrew, Chinese and Western church calendars, and the public holidays of Singapore and Suriname for Diwali
and Holi, which no library of ours computes.
"""

from datetime import date, timedelta
from functools import cache
from typing import Any

import holidays
from convertdate.holidays import easter as easter_sunday
from hijridate import Gregorian, Hijri
from lunardate import LunarDate
from pyluach.dates import HebrewDate

from training.simulation.life import Life
from training.simulation.parameters import load_table

_TISHREI, _NISAN, _ADAR_DAY = 7, 1, 14


@cache
def feast_days(year: int) -> dict[str, date]:
    """The feast days of a year by name, as far as they fall in it."""
    days = {**_muslim_days(year), **_jewish_days(year), **_hindu_days(year)}
    sunday = date(*easter_sunday(year))
    days["ash_wednesday"] = sunday - timedelta(days=46)
    days["easter"] = sunday
    days["christmas"] = date(year, 12, 25)
    days["kerkbalans"] = date(year, 1, 17)
    days["lunar_new_year"] = LunarDate(year, 1, 1).to_solar_date()
    days["vaisakhi"] = date(year, 4, 13)
    return days


def _muslim_days(year: int) -> dict[str, date]:
    """Ramadan 1, Eid al-Fitr and Eid al-Adha; when a day falls twice in a year the first one counts."""
    days: dict[str, date] = {}
    first = Gregorian(year, 1, 1).to_hijri().year
    for hijri_year in (first, first + 1):
        for name, month, day in (("ramadan", 9, 1), ("eid_al_fitr", 10, 1), ("eid_al_adha", 12, 10)):
            found = Hijri(hijri_year, month, day).to_gregorian()
            if found.year == year and name not in days:
                days[name] = date(found.year, found.month, found.day)
    return days


def _jewish_days(year: int) -> dict[str, date]:
    spring, autumn = year + 3760, year + 3761
    adar = 13 if HebrewDate(spring, 1, 1).year in _leap_years(spring) else 12
    return {
        "purim": HebrewDate(spring, adar, _ADAR_DAY).to_pydate(),
        "pesach": HebrewDate(spring, _NISAN, 15).to_pydate(),
        "rosh_hashana": HebrewDate(autumn, _TISHREI, 1).to_pydate(),
        "yom_kippur": HebrewDate(autumn, _TISHREI, 10).to_pydate(),
        "hanukka": HebrewDate(autumn, 9, 25).to_pydate(),
    }


def _leap_years(around: int) -> frozenset[int]:
    """Hebrew leap years near a year: seven in each cycle of nineteen."""
    return frozenset(year for year in range(around - 1, around + 2) if (7 * year + 1) % 19 < 7)


def _hindu_days(year: int) -> dict[str, date]:
    days: dict[str, date] = {}
    for country, word, name in (("SG", "Diwali", "diwali"), ("SR", "Holi", "holi")):
        for day, title in holidays.country_holidays(country, years=year, language="en_US").items():
            if word in title and "observed" not in title.lower():
                days.setdefault(name, day)
    return days


def live_giving(life: Life) -> None:
    """Write the giving of this household: monthly, weekly and around feasts, by its religion."""
    table = load_table("giving")
    for entry in table["patterns"]:
        if life.home.religion in entry["religions"] and life.dice.chance(entry["share"]):
            _WRITERS[entry["rhythm"]](life, entry)


def _cents(life: Life, entry: dict[str, Any]) -> int:
    if "choices" in entry:
        return -100 * int(life.dice.pick(entry["choices"]))
    return -max(100, int(100 * life.dice.around(entry["euros"], entry.get("spread", 0.4))))


def _give_monthly(life: Life, entry: dict[str, Any]) -> None:
    party, cents, day = life.party("giving", entry["key"], collects=True), _cents(life, entry), life.dice.whole(20, 28)
    for month in life.months:
        life.pay(party, month.day(day), cents, role="screened")


def _give_weekly(life: Life, entry: dict[str, Any]) -> None:
    """Collections on one weekday, by code or card, most weeks."""
    party = life.party("giving", entry["key"])
    first = life.start + (entry["weekday"] - life.start) % 7
    for day in range(first, life.until + 1, 7):
        if life.dice.chance(entry["weekly"]):
            life.pay(party, day, _cents(life, entry), code="IDEAL", role="screened", shifted=False)


def _give_at_feast(life: Life, entry: dict[str, Any]) -> None:
    """Gifts in the days around a feast: `days` gives the first and last day, counted from it."""
    low, high = entry["days"]
    for year in sorted({month.year for month in life.months}):
        feast = feast_days(year).get(entry["feast"])
        if feast is None:
            continue
        for _ in range(life.dice.whole(*entry["times"])):
            day = feast.toordinal() + life.dice.whole(low, high)
            life.once("giving", entry["key"], day, _cents(life, entry), code="IDEAL", role="screened", shifted=False)


_WRITERS = {"monthly": _give_monthly, "weekly": _give_weekly, "feast": _give_at_feast}
