"""Rent, mortgage and the life events of a home: rental_move, home_purchase, home_sale and home_renovation."""

from training.simulation.ledger import Party
from training.simulation.life import Life
from training.simulation.paydays import Month


def live_housing(life: Life) -> None:
    """Write the monthly housing costs and what moves, purchases and sales change about them."""
    home = life.home
    tenure, cents = home.tenure, home.housing_month
    changes = sorted(
        (day, event) for event in ("rental_move", "home_purchase", "home_sale") for day in life.planned(event)
    )
    party = _payer(life, tenure)
    fresh = False
    for month in life.months:
        while changes and changes[0][0] <= month.last:
            day, event = changes.pop(0)
            if event == "home_sale" and tenure != "own":
                continue
            if event == "home_sale":
                _sell(life, day)
                tenure = "rent"
            elif event == "home_purchase":
                _buy(life, day)
                tenure, cents = "own", int(cents * life.dice.between(1.1, 1.6))
            else:
                if tenure == "own":
                    continue
                cents = int(cents * life.dice.between(0.85, 1.35))
            party, fresh = _payer(life, tenure), event == "rental_move" or tenure == "own"
            if event == "rental_move":
                _move(life, max(day, month.first), month, party, cents)
        _pay_home(life, party, tenure, month, cents, fresh=fresh)
        fresh = False
    _renovate(life)


def _payer(life: Life, tenure: str) -> Party:
    if tenure == "own":
        return life.party("housing", "mortgage", collects=True)
    return life.party(
        "housing", "student_rent" if life.home.stage == "student" else "rent", collects=life.dice.chance(0.8)
    )


def _pay_home(life: Life, party: Party, tenure: str, month: Month, cents: int, *, fresh: bool) -> None:
    event, day = ("rental_move", 1) if tenure == "rent" else ("home_purchase", 1 if party.mandate_id[:1] < "5" else 28)
    role = "background" if not fresh else ("primary" if tenure == "rent" else "supporting")
    life.pay(party, month.day(day), -cents, event=event, role=role)


def _move(life: Life, day: int, month: Month, landlord: Party, cents: int) -> None:
    """Deposit, mover and new contracts; the first rent follows on the first of the month after."""
    seen = []
    if life.dice.chance(0.7):
        terms = life.party("housing", "deposit")
        text = Party(landlord.name, terms.text, landlord.iban)
        seen.append(life.pay(text, day, -int(cents * life.dice.between(1, 2)), event="rental_move", role="primary"))
    for _ in range(life.dice.whole(0, 3)):
        life.once("housing", "mover", day + life.dice.whole(0, 25), -life.dice.whole(6_000, 90_000),
                  event="rental_move", role="supporting")  # fmt: skip
    onset = seen[0] if seen else month.first
    rows = [
        row.day
        for row in life.ledger.rows
        if row.event == "rental_move" and row.role != "background" and row.day >= onset - 3
    ]
    if rows:
        life.happen("rental_move", min(rows), min(seen or rows))


def _buy(life: Life, day: int) -> None:
    dice = life.dice
    onset = day
    for _ in range(dice.whole(1, 3)):
        before = day - dice.whole(10, 55)
        booked = life.once(
            "housing",
            "home_support_out",
            before,
            -dice.whole(15_000, 450_000),
            event="home_purchase",
            role="supporting",
        )
        if booked >= life.visible_from:
            onset = min(onset, booked)
    paid = life.once(
        "housing", "home_notary_out", day, -dice.whole(500_000, 6_000_000), event="home_purchase", role="primary"
    )
    life.happen("home_purchase", min(onset, paid), paid)


def _sell(life: Life, day: int) -> None:
    dice = life.dice
    booked = life.once(
        "housing", "home_notary_in", day, dice.whole(1_000_000, 32_000_000), event="home_sale", role="primary"
    )
    if dice.chance(0.6):
        life.once("housing", "home_sale_support", booked + dice.whole(1, 14), -dice.whole(300_000, 700_000), event="home_sale",
                  role="supporting")  # fmt: skip
    life.happen("home_sale", booked, booked)


def _renovate(life: Life) -> None:
    for day in life.planned("home_renovation"):
        dice = life.dice
        span, days = dice.whole(50, 110), []
        for _ in range(dice.whole(4, 14)):
            days.append(life.once("housing", "contractor", day + dice.whole(0, span), -dice.whole(25_000, 900_000),
                                  event="home_renovation", role="primary"))  # fmt: skip
        if dice.chance(0.3):
            life.once(
                "housing",
                "subsidy",
                day + span + 30,
                dice.whole(60_000, 400_000),
                event="home_renovation",
                role="supporting",
            )
        days.sort()
        life.happen("home_renovation", days[0], days[1])
