"""The bookings every household has: shops, fixed costs, payment requests, cash, and allowances."""

from typing import NamedTuple

from training.simulation.accounts import company_iban
from training.simulation.giving import feast_days
from training.simulation.ledger import Row
from training.simulation.life import Life
from training.simulation.parameters import choices, figure, load_table
from training.simulation.paydays import next_open
from training.simulation.slots import Slots

_REQUESTS = (
    ("payment_request_in", 1, 2.2, "SCT"),
    ("payment_request_out", -1, 3.4, "IDEAL"),
    ("transfer", -1, 0.8, "SCT"),
)


class CardHabit(NamedTuple):
    """How often and how much a category is bought; euros are the median of a lognormal."""

    per_month: float
    euros: float
    spread: float
    favourites: int
    code: str


def live_everyday(life: Life) -> None:
    """Write shops, fixed costs, allowances and payment requests over the whole window."""
    live_spending(life)
    for category, share in figure("everyday", "fixed_costs").items():
        if life.dice.chance(share):
            _collect(life, category)
    _subscribe(life)
    if life.home.car:
        _keep_car(life)
    _withdraw(life)
    _deposit(life)
    _allow(life)
    _pay_small(life)


def live_spending(life: Life) -> None:
    """Write what is bought with a card or online, and payments between people."""
    for category, entry in load_table("everyday")["cards"].items():
        _buy(life, category, CardHabit(*entry["value"]))
    _request(life)


def _buy(life: Life, category: str, habit: CardHabit) -> None:
    dice, months = life.dice, len(life.months)
    if category == "fuel" and not life.home.car:
        return
    mean = habit.per_month * months * dice.between(0.6, 1.4) * life.home.spending
    if category == "groceries":
        mean *= 1 - life.home.ethnic_share
    elif category == "ethnic_groceries":
        mean *= life.home.ethnic_share
    if habit.code == "CARD":
        mean *= 1 - life.home.cash_share / 2
    number = dice.count(mean)
    places = [_place(life, category) for _ in range(habit.favourites)]
    amounts = (dice.generator.lognormal(0.0, habit.spread, number) * habit.euros * 100).astype(int).tolist()
    days = dice.days(life.start, life.until - 3, number)
    if category in ("groceries", "ethnic_groceries"):
        days += _festive_days(life, days)
        amounts += amounts[: len(days) - len(amounts)]
    for day, cents in zip(days, amounts, strict=True):
        merchant, city = dice.pick(places)
        if habit.code == "CARD":
            life.ledger.card(day, -max(cents, 95), merchant, city)
        else:
            text = f"{dice.whole(10**9, 10**10 - 1)} {life.ledger.terminal()} bestelling"
            life.ledger.add(Row(day, -max(cents, 195), merchant, text, company_iban(merchant), code=habit.code))


def _festive_days(life: Life, days: list[int]) -> list[int]:
    """Some of the days again, in the four weeks before the great feast of the household."""
    feast = "eid_al_fitr" if life.home.religion == "muslim" else "christmas"
    share = figure("everyday", "festive_groceries")
    ends = [feast_days(year)[feast].toordinal() for year in {month.year for month in life.months}]
    return [day for day in days if any(0 <= end - day < 28 for end in ends) and life.dice.chance(share)]


def _place(life: Life, category: str) -> tuple[str, str]:
    form = life.dice.pick(choices("shops", category, life.split))
    given = {"n": str(life.dice.whole(1001, 8999)), "x": life.ledger.terminal(), "city": life.home.city}
    return life.fill(form, life.start, given), life.home.city


def _collect(life: Life, category: str) -> None:
    """One fixed cost of a category by direct debit."""
    _debit_monthly(life, life.dice.pick(choices("shops", category, life.split)), local_tax=category == "local_taxes")


def _subscribe(life: Life) -> None:
    for form in choices("shops", "subscriptions", life.split):
        if life.dice.chance(figure("everyday", "subscriptions_share")):
            _debit_monthly(life, form)


def _debit_monthly(life: Life, form: str, *, local_tax: bool = False) -> None:
    """Debits of one `name|text|cents` of the table, the amount different for everyone; local taxes in ten terms."""
    name, text, cents = form.split("|")
    open_text = text.format_map(Slots(life, life.start, keep_live=True))
    party = life.known_party(life.fill(name, life.start), open_text, collects=True)
    amount, day = int(int(cents) * life.dice.between(0.8, 1.25)), life.dice.whole(1, 28)
    for month in life.months:
        if not local_tax or 2 <= month.month <= 11:
            life.pay(party, month.day(day), -amount, given={"term": str(month.month - 1)})


def _keep_car(life: Life) -> None:
    """Road tax and insurance of a car that was always there; now and then another insurer takes over."""
    tax, insurance = (
        life.party("events", "road_tax", collects=True),
        life.party("events", "car_insurance", collects=True),
    )
    quarterly = life.dice.chance(0.6)
    cents, plate = life.dice.whole(3_000, 11_000), life.fill("{plate}", life.start)
    for month in life.months:
        if life.side.chance(figure("everyday", "new_insurer") / 12):
            insurance = life.party("events", "car_insurance", collects=True)
        if not quarterly or month.month % 3 == 0:
            life.pay(tax, month.day(27), -cents * (3 if quarterly else 1), event="car_purchase", given={"plate": plate})
        life.pay(insurance, month.day(1), -cents, event="car_purchase", given={"plate": plate})


def _request(life: Life) -> None:
    """Payment requests and transfers between people."""
    dice = life.dice
    texts = [*choices("texts_everyday", "notes", life.split)]
    if life.home.foreign_text:
        texts += choices("texts_everyday", "foreign_notes", life.split) * 3
    for key, sign, mean, code in _REQUESTS:
        for day in dice.days(life.start, life.until, dice.count(mean * life.home.spending * len(life.months))):
            given = {"note": life.fill(dice.pick(texts), day)}
            cents = sign * (int(100 * dice.around(16, 0.8)) + 1)
            life.once("everyday", key, day, cents, person=True, given=given, shifted=False, code=code)


def _withdraw(life: Life) -> None:
    number = life.dice.count(len(life.months) * (0.5 + 4 * life.home.cash_share))
    for day in life.dice.days(life.start, life.until - 3, number):
        life.ledger.cash(day, -life.dice.pick((2_000, 5_000, 5_000, 10_000, 20_000)), life.home.city)


def _deposit(life: Life) -> None:
    """Cash paid in: small takings of people who live by cash, now and then a sum that looks like a windfall."""
    dice, habits = life.side, figure("everyday", "cash_deposits")
    kind = "heavy" if life.home.lives_by_cash else "other"
    if not dice.chance(habits[f"{kind}_depositors"]):
        return
    number = dice.count(habits[f"{kind}_per_month"] * len(life.months))
    for day in dice.days(life.start, life.until - 3, number):
        euros = int(dice.around(habits["euros"], habits["spread"]))
        large = dice.chance(habits["large"])
        if large:
            euros = dice.whole(*habits["large_euros"])
        cents = 100 * max(20, euros // 5 * 5)
        life.once("everyday", "cash_deposit", day, cents, code="CASH", role="confuser" if large else "background")


def _allow(life: Life) -> None:
    """Health and rent allowance on the 20th of the month before."""
    given = []
    income = life.home.net_month + life.home.partner_net
    if income < 230_000 and life.dice.chance(0.7):
        given.append(("health_allowance", life.dice.whole(20, 129) * 100))
    if life.home.tenure == "rent" and income < 220_000 and life.dice.chance(0.5):
        given.append(("rent_allowance", life.dice.whole(60, 390) * 100))
    for key, cents in given:
        party = life.party("benefits", key)
        for month in life.months:
            life.pay(party, next_open(month.day(20)), cents, code="SCT_BATCH")


def _pay_small(life: Life) -> None:
    """The bank's fee, a tax refund in spring, and the premium of a travel policy that runs all year."""
    small = figure("everyday", "small_money")
    if life.dice.chance(small["bank_fee_share"]):
        fee = life.party("everyday", "bank_fee")
        for month in life.months:
            life.pay(fee, month.last, -small["bank_fee_cents"], code="FEE")
    if life.home.annual_travel_policy:
        policy = life.party("everyday", "travel_policy", collects=True)
        for month in life.months:
            life.pay(policy, month.day(4), -small["travel_policy_cents"])
    if life.dice.chance(small["tax_refund_share"]):
        for month in life.months:
            if month.month == 4:
                day, cents = month.first + life.dice.whole(-10, 80), life.dice.whole(4_000, 95_000)
                life.once("benefits", "tax_refund", day, cents, code="SCT_BATCH")
