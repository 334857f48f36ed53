"""Fills the `{slots}` of the text templates, each only when a template asks for it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from training.simulation.parameters import choices, load_table
from training.simulation.paydays import MONTHS_NL, add_months, day_text, parts

if TYPE_CHECKING:
    from training.simulation.life import Life

_LETTERS = "BDFGHJKLNPRSTVXZ"


class Slots(dict[str, str]):
    """A mapping that computes a slot's value at the first look."""

    def __init__(self, life: "Life", day: int, given: Mapping[str, str]) -> None:
        super().__init__(given)
        self._life = life
        self._day = day

    def __missing__(self, key: str) -> str:
        date_slots = {
            "year": "%Y", "yy": "%y", "mm": "%m", "dmy": "%d-%m-%Y", "iso": "%Y-%m-%d", "week": "%V",
        }  # fmt: skip
        if key in date_slots:
            return parts(self._day).strftime(date_slots[key])
        return _SLOTS[key](self)

    def number(self, digits: int) -> str:
        """A number of exactly so many digits."""
        return str(self._life.dice.whole(10 ** (digits - 1), 10**digits - 1))

    def month(self) -> str:
        """The month in Dutch."""
        return MONTHS_NL[parts(self._day).month - 1]

    def quarter_before(self) -> tuple[int, int]:
        """(quarter, year) of the quarter that ended before the day."""
        given = parts(self._day)
        year, month = add_months(given.year, given.month, -3)
        return (month - 1) // 3 + 1, year

    def month_before(self) -> tuple[str, str]:
        """(mm, yyyy) of the month before the day."""
        year, month = add_months(parts(self._day).year, parts(self._day).month, -1)
        return f"{month:02d}", str(year)

    def person(self) -> str:
        """A private person: title or first name, and a family name."""
        first, last = self.first(), self.last()
        return self._life.dice.pick(
            (f"{first} {last}", f"{first[0]} {last}", f"Hr {first[0]} {last}", f"Mw {first[0]} {last}")
        )

    def first(self) -> str:
        """A first name of the origin most of the customer's circle has."""
        return self._life.dice.pick(self._names()["first"])

    def last(self) -> str:
        """A family name of that origin."""
        return self._life.dice.pick(self._names()["last"])

    def _names(self) -> dict[str, list[str]]:
        home = self._life.home
        origin = home.name_origin if self._life.dice.chance(0.6) else "dutch"
        names: dict[str, list[str]] = load_table("names")[origin]
        return names

    def city(self) -> str:
        """A town: mostly the customer's own."""
        home = self._life.home
        return (
            home.city
            if self._life.dice.chance(0.8)
            else self._life.dice.pick(choices("shops", "cities", self._life.split))
        )

    def plate(self) -> str:
        """A number plate."""
        dice = self._life.dice
        letters = "".join(dice.pick(_LETTERS) for _ in range(3))
        return dice.pick(
            (f"{letters[0]}-{dice.whole(100, 999)}-{letters[1:]}", f"{letters[:2]}-{dice.whole(100, 999)}-{letters[2]}")
        )

    def coming_month(self) -> str:
        """The month that benefits paid on the 20th are for."""
        _, month = add_months(parts(self._day).year, parts(self._day).month, 1)
        return MONTHS_NL[month - 1]

    def coming_year(self) -> str:
        """The year of that month."""
        return str(add_months(parts(self._day).year, parts(self._day).month, 1)[0])

    def next_first(self) -> str:
        """The first of the month after, dd-mm-yyyy."""
        given = parts(self._day)
        year, month = add_months(given.year, given.month, 1)
        return f"01-{month:02d}-{year}"


_SLOTS = {
    "d3": lambda s: s.number(3), "d4": lambda s: s.number(4), "d5": lambda s: s.number(5), "d6": lambda s: s.number(6),
    "d7": lambda s: s.number(7), "d8": lambda s: s.number(8), "d12": lambda s: s.number(12), "d9": lambda s: s.number(9), "d16": lambda s: s.number(16),
    "month": lambda s: s.month(), "Month": lambda s: s.month().capitalize(), "MONTH": lambda s: s.month().upper(),
    "mon": lambda s: s.month()[:3].upper(),
    "nextmonth": lambda s: s.coming_month(), "NEXTMONTH": lambda s: s.coming_month().upper(),
    "nextmon": lambda s: s.coming_month()[:3].upper(), "nextyear": lambda s: s.coming_year(),
    "pq": lambda s: str(s.quarter_before()[0]), "pqyear": lambda s: str(s.quarter_before()[1]),
    "pmm": lambda s: s.month_before()[0], "pyear": lambda s: s.month_before()[1],
    "person": lambda s: s.person(), "first": lambda s: s.first(), "last": lambda s: s.last(),
    "city": lambda s: s.city(), "CITY": lambda s: s.city().upper(), "home": lambda s: s._life.home.city,
    "HOME": lambda s: s._life.home.city.upper(),
    "plate": lambda s: s.plate(), "from": lambda s: "01" + day_text(s._day)[2:], "to": lambda s: s.next_first(),
    "hex": lambda s: s._life.ledger.terminal(), "time": lambda s: s._life.ledger.clock(),
    "psp": lambda s: s._life.dice.pick(load_table("shops")["intermediaries"]["forms"]),
    "self": lambda s: s._life.home.own_name, "child": lambda s: s.first(),
}  # fmt: skip
