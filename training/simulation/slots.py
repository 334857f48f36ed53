"""Fills the `{slots}` of the text templates, each only when a template asks for it."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from training.simulation.parameters import choices, load_table
from training.simulation.paydays import MONTHS_NL, add_months, day_text, parts

if TYPE_CHECKING:
    from training.simulation.life import Life

_LETTERS = "BDFGHJKLNPRSTVXZ"


# Slots whose value changes with every booking of a counterparty.
_LIVE = frozenset(
    (
        "year", "yy", "mm", "dmy", "iso", "week", "month", "Month", "MONTH", "mon", "nextmonth", "NEXTMONTH", "nextmon",
        "nextyear", "pq", "pqyear", "pmm", "pyear", "from", "to", "term", "note",
    )
)  # fmt: skip


# Origins of names met everywhere.
_COUNTRYWIDE = ("dutch",) * 9 + ("frisian",)
# Friends and family a customer often has payments with.
_CIRCLE = 16


class Slots(dict[str, str]):
    """A mapping that computes a slot's value at the first look.

    With `keep_live` the slots that change with every booking of a counterparty stay open; contract numbers do not.
    """

    def __init__(
        self, life: "Life", day: int, given: Mapping[str, str] | None = None, *, keep_live: bool = False
    ) -> None:
        super().__init__(given or {})
        self._life = life
        self._day = day
        self._keep_live = keep_live

    def __missing__(self, key: str) -> str:
        if self._keep_live and key in _LIVE:
            return f"{{{key}}}"
        date_slots = {
            "year": "%Y", "yy": "%y", "mm": "%m", "dmy": "%d-%m-%Y", "iso": "%Y-%m-%d", "week": "%V",
        }  # fmt: skip
        if key in date_slots:
            return parts(self._day).strftime(date_slots[key])
        if key[0] == "d" and key[1:].isdigit():
            return self.number(int(key[1:]))
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
        """A private person, mostly one of the customer's circle of friends and family."""
        life = self._life
        if len(life.circle) < _CIRCLE or life.dice.chance(0.15):
            first, last = self.first(), self.last()
            forms = (f"{first} {last}", f"{first[0]} {last}", f"Hr {first[0]} {last}", f"Mw {first[0]} {last}")
            life.circle.append(life.dice.pick(forms))
            return life.circle[-1]
        return life.dice.pick(life.circle)

    def first(self) -> str:
        """A first name of the origin most of the customer's circle has."""
        return self._life.dice.pick(self._names()["first"])

    def last(self) -> str:
        """A family name of that origin."""
        return self._life.dice.pick(self._names()["last"])

    def _names(self) -> dict[str, list[str]]:
        home = self._life.home
        dice = self._life.dice
        origin = home.name_origin if dice.chance(0.6) else dice.pick(_COUNTRYWIDE)
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

    def this_first(self) -> str:
        """The first of the month, dd-mm-yyyy."""
        return "01" + day_text(self._day)[2:]

    def home(self) -> str:
        """The customer's own town."""
        return self._life.home.city

    def own_name(self) -> str:
        """The customer's own name, as on transfers between own accounts."""
        return self._life.home.own_name

    def mark(self) -> str:
        """A reference of six signs."""
        return self._life.ledger.terminal()

    def intermediary(self) -> str:
        """What a payment intermediary adds to a shop's name."""
        forms: list[str] = load_table("shops")["intermediaries"]["forms"]
        return self._life.dice.pick(forms)

    def next_first(self) -> str:
        """The first of the month after, dd-mm-yyyy."""
        given = parts(self._day)
        year, month = add_months(given.year, given.month, 1)
        return f"01-{month:02d}-{year}"


_SLOTS: dict[str, Callable[[Slots], str]] = {
    "month": Slots.month,
    "Month": lambda slots: slots.month().capitalize(),
    "MONTH": lambda slots: slots.month().upper(),
    "mon": lambda slots: slots.month()[:3].upper(),
    "nextmonth": Slots.coming_month,
    "NEXTMONTH": lambda slots: slots.coming_month().upper(),
    "nextmon": lambda slots: slots.coming_month()[:3].upper(),
    "nextyear": Slots.coming_year,
    "pq": lambda slots: str(slots.quarter_before()[0]),
    "pqyear": lambda slots: str(slots.quarter_before()[1]),
    "pmm": lambda slots: slots.month_before()[0],
    "pyear": lambda slots: slots.month_before()[1],
    "from": lambda slots: slots.this_first(),
    "to": Slots.next_first,
    "person": Slots.person,
    "first": Slots.first,
    "child": Slots.first,
    "last": Slots.last,
    "city": Slots.city,
    "CITY": lambda slots: slots.city().upper(),
    "home": Slots.home,
    "HOME": lambda slots: slots.home().upper(),
    "self": Slots.own_name,
    "plate": Slots.plate,
    "hex": Slots.mark,
    "psp": lambda slots: slots.intermediary(),
}
