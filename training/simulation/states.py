"""What already runs when the window opens: childcare, alimony, a shared home, a business, study debt, a second salary.

These bookings look like those of a life event that began, but they have no beginning here, so they are no events.
"""

from collections.abc import Callable

from training.simulation.ledger import Party
from training.simulation.life import Life
from training.simulation.parameters import figure


def live_states(life: Life) -> None:
    """Write running states; shares come from the parameter table, and a state gives way to a planned event."""
    shares = figure("everyday", "running_states")
    for name, (event, write) in _STATES.items():
        drawn = life.dice.chance(shares[name])
        if drawn and event not in life.intended and life.home.stage in ("worker", "student"):
            write(life)


def live_pocket_money(life: Life) -> None:
    """A parent's monthly transfer to a child's account."""
    party, cents = life.party("everyday", "pocket_money", person=True), life.dice.whole(20, 120) * 100
    for month in life.months:
        life.pay(party, month.day(1), cents)


def _run(
    life: Life, theme: str, key: str, day: int, cents: int, event: str, *, person: bool = False, collects: bool = False
) -> None:
    """The same booking every month with one counterparty."""
    party = life.party(theme, key, person=person, collects=collects)
    code = "SCT_BATCH" if theme == "benefits" else "SCT"
    for month in life.months:
        life.pay(party, month.day(day), cents, event=event, code=code)


def _childcare(life: Life) -> None:
    if life.home.children_born and life.home.children_born[-1] > life.start - 4 * 365:
        cents = life.dice.whole(30_000, 160_000)
        _run(life, "events", "childcare", 3, -cents, "childcare_start", collects=True)
        _run(life, "benefits", "childcare_allowance", 20, int(cents * 0.7), "childcare_start")


def _alimony(life: Life) -> None:
    if life.home.household in ("single", "single_parent"):
        sign = 1 if life.home.household == "single_parent" else -1
        _run(life, "events", "alimony", 1, sign * life.dice.whole(12_000, 90_000), "separation", person=True)


def _shared_home(life: Life) -> None:
    if life.home.couple or life.home.stage == "student":
        cents = life.dice.pick((1, -1)) * life.dice.whole(20_000, 90_000)
        _run(life, "events", "shared_home", 2, cents, "cohabitation_start", person=True)


def _business(life: Life) -> None:
    if life.home.stage == "worker":
        _run(life, "events", "bookkeeping", 12, -2_400, "business_start", collects=True)
        tax = life.party("events", "vat")
        for month in life.months:
            if month.month in (1, 4, 7, 10):
                life.pay(tax, month.day(28), -life.dice.whole(20_000, 300_000), event="business_start")


def _study_debt(life: Life) -> None:
    if life.home.stage == "worker" and life.home.age < 40:
        _run(life, "income", "study_debt", 28, -life.dice.whole(2_500, 25_000), "graduation", collects=True)


def _partner(life: Life) -> None:
    """A joint account on which a second salary comes in."""
    if life.home.joint and life.home.stage == "worker":
        party, day, cents = life.party("income", "salary"), life.dice.whole(20, 27), life.dice.whole(120_000, 290_000)
        for month in life.months:
            extra = int(cents * 0.6) if month.month == 5 else 0
            life.pay(party, month.day(day), cents + extra, code="SCT_BATCH")


def _savings_elsewhere(life: Life) -> None:
    """Savings at another bank, mostly under the customer's own name; now and then much of it comes back."""
    dice, habits = life.dice, figure("everyday", "savings_elsewhere")
    into = life.party("everyday", "savings_elsewhere_out")
    back = Party(into.name, life.party("everyday", "savings_elsewhere_in").text, into.iban)
    day, cents = dice.whole(1, 28), 1_000 * dice.whole(*habits["tens_a_month"])
    for month in life.months:
        life.pay(into, month.day(day), -cents)
    for at in dice.days(life.start, life.until, dice.count(habits["withdrawals_a_year"] * len(life.months) / 12)):
        seen = cents * sum(month.last < at for month in life.months)
        most = min(habits["most_cents"], int(seen * habits["times_what_was_seen"]))
        if most:
            life.pay(back, at, dice.whole(most // 4, most), role="confuser")


_STATES: dict[str, tuple[str, Callable[[Life], None]]] = {
    "childcare": ("childcare_start", _childcare),
    "alimony": ("separation", _alimony),
    "shared_home": ("cohabitation_start", _shared_home),
    "business": ("business_start", _business),
    "study_debt": ("graduation", _study_debt),
    "savings_elsewhere": ("", _savings_elsewhere),
    "partner": ("", _partner),
}
