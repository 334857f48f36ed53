"""Giving on the real feast days of each religion. Every booking here is screened; it never reaches a feature."""

from datetime import date
from functools import cache
from typing import Any

from models.feasts import feast_days as days_of_feasts
from training.simulation.life import Life
from training.simulation.parameters import load_table


@cache
def feast_days(year: int) -> dict[str, date]:
    """One day per feast of a year, the first where it falls twice, and the start of the churches' yearly pledge."""
    return {"kerkbalans": date(year, 1, 17), **{name: days[0] for name, days in days_of_feasts(year).items()}}


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
