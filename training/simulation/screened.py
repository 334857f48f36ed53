"""Bookings that must never reach a feature: health, gambling, union, party, fines, and money sent to family abroad."""

from training.simulation.accounts import person_iban
from training.simulation.ledger import Party
from training.simulation.life import Life
from training.simulation.parameters import figure, load_table


def live_screened(life: Life) -> None:
    """Write them at the rates of the parameter table, the same for every group except for remittances."""
    dice = life.dice
    for key, mean in figure("everyday", "screened_per_month").items():
        for day in dice.days(life.start, life.until, dice.count(mean * len(life.months))):
            life.once("screened", key, day, -dice.whole(800, 9_000), role="screened", shifted=False)
    for key, share in figure("everyday", "screened_monthly").items():
        if dice.chance(share):
            party, cents, day = life.party("screened", key, collects=True), -dice.whole(500, 2_500), dice.whole(20, 28)
            for month in life.months:
                life.pay(party, month.day(day), cents, role="screened")
    if life.home.stage == "worker" and dice.chance(0.03):
        _receive_unknown_benefit(life)
    if life.home.stage == "retired" and life.home.born_abroad and dice.chance(0.3):
        _receive_other_svb(life)
    if life.home.remits:
        _remit(life)


def _receive_unknown_benefit(life: Life) -> None:
    """A benefit of the UWV whose kind the text does not tell: it may be for illness, so it is screened."""
    party, cents = life.party("income", "unknown_uwv"), life.dice.whole(90_000, 190_000)
    for month in life.months[life.dice.whole(0, len(life.months) - 1) :]:
        life.pay(party, month.day(23), cents, code="SCT_BATCH", role="screened")


def _receive_other_svb(life: Life) -> None:
    """Payments of the SVB that are no child benefit and no state pension; they tell of origin or health."""
    party, cents = life.party("screened", "other_svb"), life.dice.whole(15_000, 70_000)
    for month in life.months:
        life.pay(party, month.day(23), cents, code="SCT_BATCH", role="screened")


def _remit(life: Life) -> None:
    """A fixed monthly transfer to a parent abroad, or remittances now and then, and cash before the summer."""
    dice = life.dice
    traits = load_table("groups")["traits"][life.home.origin]
    cents = int(traits["remit_median"]) * 100
    for month in life.months:
        if month.month == 6 and dice.chance(0.5):
            life.ledger.cash(month.day(24), -dice.whole(6, 30) * 5_000, life.home.city)
    if dice.chance(0.4):
        country = str(traits["remit_country"])
        key = f"parent_abroad_{country}" if country in ("TR", "PL") else "parent_abroad"
        told = life.party("screened", key, person=True)
        party = Party(told.name, told.text, person_iban(told.name, life.number, country))
        # A label is judged from the booking alone: without an account number nothing tells that it went abroad.
        role = "screened" if party.iban else "background"
        for month in life.months:
            life.pay(party, month.day(2), -cents, role=role)
        return
    for day in dice.days(life.start, life.until, dice.count(0.5 * len(life.months))):
        life.once("screened", "remittance", day, -int(cents * dice.between(0.5, 2.5)), role="screened", shifted=False)
