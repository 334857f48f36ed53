"""Rent, mortgage and the life events of a home: rental_move, home_purchase, home_sale and home_renovation."""

from dataclasses import dataclass
from typing import Any

from training.simulation.ledger import Party
from training.simulation.life import Life
from training.simulation.parameters import choices, figure
from training.simulation.paydays import Month


@dataclass(slots=True)
class Home:
    """Where the customer lives now; cents a month.

    `new_event` is the event a first payment still has to show; `first_sign` the day of the first sign of a purchase
    that only this payment tells.
    """

    tenure: str
    cents: int
    payer: Party
    new_event: str = ""
    first_sign: int | None = None


def live_housing(life: Life) -> None:
    """Write the monthly housing costs and what moves, purchases and sales change about them."""
    changes = sorted((day, event) for event in _CHANGES for day in life.planned(event))
    home = Home(life.home.tenure, life.home.housing_month, _payer(life, life.home.tenure))
    for month in life.months:
        _surprise(life, home, month)
        _pay_home(life, home, month)
        while changes and changes[0][0] <= month.last:
            day, event = changes.pop(0)
            _CHANGES[event](life, home, max(day, month.first))
    _renovate(life)


def _surprise(life: Life, home: Home, month: Month) -> None:
    """Rent rises in July; now and then another landlord or lender takes over. Neither is a move."""
    surprises = figure("everyday", "housing_surprises")
    if home.tenure == "rent" and month.month == 7:
        home.cents = int(home.cents * life.dice.between(*surprises["rent_rise"]))
    if not home.new_event and life.dice.chance(surprises["new_payee"] / 12):
        home.payer = _payer(life, home.tenure)


def _payer(life: Life, tenure: str) -> Party:
    if tenure == "own":
        return life.party("housing", "mortgage", collects=True)
    return life.party(
        "housing", "student_rent" if life.home.stage == "student" else "rent", collects=life.dice.chance(0.8)
    )


def _pay_home(life: Life, home: Home, month: Month) -> None:
    if home.tenure == "none":
        return
    if home.tenure == "cash":
        life.ledger.cash(month.day(1), -(home.cents // 5_000) * 5_000, life.home.city)
        return
    event, day = (
        ("rental_move", 1) if home.tenure == "rent" else ("home_purchase", 1 if home.payer.mandate_id[:1] < "5" else 28)
    )
    new = home.new_event == event
    tells = home.tenure == "rent" or home.first_sign is not None
    role = "background" if not new else ("primary" if tells else "supporting")
    booked = life.pay(home.payer, month.day(day), -home.cents, event=event, role=role)
    if new and event == "rental_move":
        _tell_move(life, booked, booked)
    if new and home.first_sign is not None:
        life.happen("home_purchase", min(home.first_sign, booked), booked)
    home.new_event, home.first_sign = "", None


def _tell_move(life: Life, moved: int, first_rent: int | None) -> None:
    """A move is told by its deposit, by two firms that movers need, else by the first rent if there is one."""
    near = [
        row
        for row in life.ledger.rows
        if row.event == "rental_move" and row.role != "background" and row.day > moved - 70
    ]
    if near:
        told = [row.day for row in near if row.role == "primary"]
        firms: dict[str, int] = {}
        for row in sorted(near, key=lambda row: row.day):
            firms.setdefault(row.name if row.role == "supporting" else "", row.day)
        firms.pop("", None)
        told += sorted(firms.values())[1:2]
        if told or first_rent:
            life.happen("rental_move", min(row.day for row in near), min(told or [first_rent or 0]))


def _move(life: Life, home: Home, day: int) -> None:
    """Deposit, mover and new contracts, or none of them; the first rent follows on the first of the month after.

    Some pay deposit and rent in cash or from another account: then two firms that movers need tell the move.
    """
    if home.tenure == "own":
        return
    shares = figure("everyday", "evidence_elsewhere")
    unseen = life.side.chance(shares["rent_in_cash" if life.home.lives_by_cash else "rent"])
    alone = not unseen and life.side.chance(shares["rental_move"])
    dice, was_rented = life.dice, home.tenure == "rent"
    home.tenure, home.new_event = "rent", "rental_move"
    if unseen:
        home.tenure, home.new_event = ("cash" if life.home.lives_by_cash else "none"), ""
    surprises, before = figure("everyday", "housing_surprises"), home.cents
    home.cents = int(home.cents * dice.between(0.7, 1.5))
    stays = was_rented and dice.chance(surprises["same_landlord"])
    told = life.side.between(*surprises["same_landlord_rent"])
    if stays and 2 - told < home.cents / before < told:  # between one landlord's rents only a jump is another home
        home.cents = int(before * told)
    if not stays:
        home.payer = _payer(life, "rent")
    deposit = int(home.cents * dice.between(1, 2))
    if not alone and (not unseen or life.home.lives_by_cash) and dice.chance(0.7):
        if life.home.lives_by_cash and (unseen or dice.chance(0.4)):
            life.ledger.cash(day, -(deposit // 5_000) * 5_000, life.home.city)
        else:
            terms = life.party("housing", "deposit")
            life.pay(
                Party(home.payer.name, terms.text, home.payer.iban), day, -deposit, event="rental_move", role="primary"
            )
    for _ in range(0 if alone else dice.whole(2 if unseen else 1, 4)):
        life.once(
            "housing",
            "mover",
            day + dice.whole(0, 25),
            -dice.whole(2_500, 120_000),
            event="rental_move",
            role="supporting",
        )
    if unseen:
        _tell_move(life, day, None)


def _buy(life: Life, home: Home, day: int) -> None:
    """Valuation, adviser and inspection come before the notary; the first instalment follows the month after.

    Some pay their own means from another account: then the first instalment ever tells the purchase. Another lender's
    alone tells none, for a mortgage may move.
    """
    dice, signs = life.dice, [life.until]
    alone = life.side.chance(figure("everyday", "evidence_elsewhere")["home_purchase"]) and home.tenure != "own"
    for _ in range(dice.whole(0, 2) if alone else dice.whole(1, 3)):
        cents = -dice.whole(15_000, 450_000)
        booked = life.once(
            "housing", "home_support_out", day - dice.whole(10, 55), cents, event="home_purchase", role="supporting"
        )
        if booked >= max(life.visible_from, life.start):
            signs.append(booked)
    home.first_sign = min(signs)
    if not alone:
        means = -dice.whole(500_000, 6_000_000)
        paid = life.once("housing", "home_notary_out", day, means, event="home_purchase", role="primary")
        life.happen("home_purchase", min(*signs, paid), paid)
        home.first_sign = None
    home.tenure, home.cents, home.new_event = "own", int(home.cents * dice.between(1.1, 1.6)), "home_purchase"
    home.payer = _payer(life, "own")


def _sell(life: Life, home: Home, day: int) -> None:
    """The notary pays what is left of the price, or the mortgage alone is paid off here; the agent bills near it."""
    if home.tenure != "own":
        return
    dice = life.dice
    key, cents = "home_notary_in", dice.whole(1_000_000, 32_000_000)
    if life.side.chance(figure("everyday", "evidence_elsewhere")["home_sale"]):
        key, cents = "home_payoff", -life.side.whole(800_000, 30_000_000)
    first = booked = life.once("housing", key, day, cents, event="home_sale", role="primary")
    if dice.chance(0.6):
        at, cents = booked + dice.whole(-12, 14), -dice.whole(300_000, 700_000)
        first = min(booked, life.once("housing", "home_sale_support", at, cents, event="home_sale", role="supporting"))
    life.happen("home_sale", first, booked)
    home.tenure = "none"
    if dice.chance(0.5):
        _move(life, home, day)


def _renovate(life: Life) -> None:
    for day in life.planned("home_renovation"):
        dice = life.dice
        forms = figure("everyday", "renovation_forms")
        form = dice.weigh(forms["shares"])
        if form == "materials":
            _buy_materials(life, day, forms)
            continue
        span, days = dice.whole(50, 110), []
        in_cash = life.home.lives_by_cash and dice.chance(0.5)
        for _ in range(dice.whole(*forms["bills"][form])):
            at, cents = day + dice.whole(0, span), -dice.whole(*forms["cents"][form])
            if in_cash and dice.chance(0.4):
                life.ledger.cash(at, -min(-cents // 5_000 * 5_000, 200_000), life.home.city)
                continue
            days.append(life.once("housing", "contractor", at, cents, event="home_renovation", role="primary"))
        if dice.chance(0.3):
            cents = dice.whole(60_000, 400_000)
            life.once("housing", "subsidy", day + span + 30, cents, event="home_renovation", role="supporting")
        days.sort()
        needed = 1 if form == "one_bill" else 2
        if len(days) >= needed:
            life.happen("home_renovation", days[0], days[needed - 1])


def _buy_materials(life: Life, day: int, forms: dict[str, Any]) -> None:
    """A series at building markets by card; it tells once it has passed what shelves and paint cost."""
    dice, spent, first = life.dice, 0, 0
    shops = [_building_market(life, day) for _ in range(2)]
    days = sorted(day + dice.whole(0, 55) for _ in range(dice.whole(*forms["bills"]["materials"])))
    bills = [dice.whole(*forms["cents"]["materials"]) for _ in days]
    event, role = ("home_renovation", "primary") if sum(bills) >= forms["told_cents"] else ("none", "confuser")
    for at, cents in zip(days, bills, strict=True):
        booked = life.ledger.card(at, -cents, dice.pick(shops), life.home.city, event=event, role=role)
        first = first or booked
        if spent < forms["told_cents"] <= spent + cents:
            life.happen("home_renovation", first, booked)
        spent += cents


def _building_market(life: Life, day: int) -> str:
    form = life.dice.pick(choices("shops", "building_markets", life.split))
    return life.fill(form, day, {"n": str(life.dice.whole(1001, 8999)), "city": life.home.city})


_CHANGES = {"rental_move": _move, "home_purchase": _buy, "home_sale": _sell}
