"""Life events that call for care and never for a sale: separation, bereavement and payment arrears.

Job loss and social assistance are part of `income`; an overdraft follows from the balance in `finishing`.
"""

from training.simulation.life import Life
from training.simulation.parameters import choices, figure

# Whose debits bounce.
_DEBITED = ("energy", "telecom", "health_insurance", "insurance", "water")


def live_care(life: Life) -> None:
    """Write every planned event of this module."""
    for event, write in CARE.items():
        for day in life.planned(event):
            write(life, day)


def separation(life: Life, day: int) -> None:
    """Alimony every month, with or without a mediator or lawyer before it; or some bills of these alone."""
    dice = life.dice
    helped = []
    alone = life.side.chance(figure("everyday", "evidence_elsewhere")["separation"])
    for _ in range(dice.whole(2 if alone else 0, 3)):
        at, cents = day + dice.whole(0, 50), -dice.whole(15_000, 250_000)
        helped.append(life.once("events", "separation_help", at, cents, event="separation", role="primary"))
    paid = [] if alone else _pay_alimony(life, day + 15)
    helped.sort()
    # Two bills, a bill and alimony, or three months of alimony tell it, whichever is there first.
    told = [*helped[1:2], *paid[2:3], *(max(bill, first) for bill in helped[:1] for first in paid[:1])]
    if told:
        life.happen("separation", min(helped + paid), min(told))


def _pay_alimony(life: Life, day: int) -> list[int]:
    key = "alimony_foreign" if life.home.foreign_text and life.dice.chance(0.5) else "alimony"
    party = life.party("events", key, person=True)
    cents = life.dice.pick((1, -1)) * life.dice.whole(12_000, 120_000)
    days: list[int] = []
    for month in life.months:
        if month.first >= day:
            role = "primary" if len(days) < 3 else "background"
            days.append(life.pay(party, month.day(1), cents, event="separation", role=role))
    return days


def bereavement(life: Life, day: int) -> None:
    """An undertaker first, then a grave, a deed, sometimes a survivor's benefit; or all but the undertaker."""
    dice = life.dice
    alone = life.side.chance(figure("everyday", "evidence_elsewhere")["bereavement"])
    days = []
    if not alone:
        cents = -dice.whole(200_000, 1_100_000)
        days.append(life.once("events", "funeral", day, cents, event="bereavement", role="primary"))
    for _ in range(dice.whole(1 if alone else 0, 2)):
        at, cents = day + dice.whole(2, 60), -dice.whole(30_000, 350_000)
        days.append(life.once("events", "grave", at, cents, event="bereavement", role="primary"))
    life.happen("bereavement", min(days), min(days))
    if dice.chance(0.4):
        at, cents = min(days) + dice.whole(10, 45), -dice.whole(40_000, 110_000)
        life.once("events", "estate_deed", at, cents, event="bereavement", role="supporting")
    if life.home.couple and dice.chance(0.4):
        _receive_survivor_benefit(life, min(days) + 20)


def _receive_survivor_benefit(life: Life, day: int) -> None:
    party, cents = life.party("benefits", "survivor"), life.dice.whole(60_000, 150_000)
    for at, month in enumerate(month for month in life.months if month.first >= day):
        role = "supporting" if at == 0 else "background"
        life.pay(party, month.day(22), cents, code="SCT_BATCH", event="bereavement", role=role)


def payment_arrears(life: Life, day: int) -> None:
    """Debits that bounce, then a bailiff or an arrangement, or one of both alone: at least two within sixty days."""
    dice, elsewhere = life.dice, figure("everyday", "evidence_elsewhere")
    alone = life.side.chance(elsewhere["payment_arrears"])
    bounced = not alone and life.side.chance(elsewhere["bailiff"])
    days = []
    for _ in range(0 if alone else dice.whole(2 if bounced else 1, 4 if bounced else 3)):
        told = life.party("events", "storno")
        creditor = dice.pick(choices("shops", dice.pick(_DEBITED), life.split)).split("|")[0]
        party = life.known_party(life.fill(creditor, day), told.text)
        at, cents = day + dice.whole(0, 45), dice.whole(2_000, 60_000)
        days.append(life.pay(party, at, cents, code="RETURN", event="payment_arrears", role="primary"))
    bailiff, term = life.party("events", "bailiff"), -dice.whole(3_000, 20_000)
    if life.side.chance(elsewhere["arrangement_with_creditor"]):
        creditor = life.fill(dice.pick(choices("shops", "creditors", life.split)), day)
        bailiff = life.known_party(creditor, life.party("events", "arrangement").text)
    for at in range(0 if bounced else dice.whole(2 if alone else 1, 5)):
        days.append(life.pay(bailiff, day + 20 + 30 * at, term, event="payment_arrears", role="primary"))
    days.sort()
    life.happen("payment_arrears", days[0], days[1])


CARE = {"separation": separation, "bereavement": bereavement, "payment_arrears": payment_arrears}
