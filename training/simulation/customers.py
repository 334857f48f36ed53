"""One customer from (seed, number): the same whatever the number of customers, so that chunks can be made anywhere."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from training.simulation import (
    care,
    children,
    confusers,
    everyday,
    giving,
    housing,
    income,
    noise,
    occasions,
    screened,
    states,
    travel,
)  # fmt: skip
from training.simulation.accounts import customer_iban
from training.simulation.dice import Dice
from training.simulation.finishing import settle
from training.simulation.households import draw_household
from training.simulation.ledger import STYLE_OF_BANK, Ledger, Row
from training.simulation.life import Happening, Life
from training.simulation.parameters import figure
from training.simulation.paydays import months_until
from training.simulation.planning import draw_plan, fit_household


@dataclass(frozen=True, slots=True)
class Customer:
    """A finished customer: the bookings in order with the balance after each, and the truth about them."""

    customer_id: str
    account_iban: str
    life: Life
    rows: list[Row]
    balances: list[int]
    happenings: list[Happening]


# What a customer's statement is written from, in this order; the first part is one that a splitter may have elsewhere.
_PARTS: tuple[Callable[[Life], None], ...] = (
    income.live_income,
    children.live_children,
    children.live_childcare,
    housing.live_housing,
    everyday.live_everyday,
    occasions.live_occasions,
    care.live_care,
    travel.live_travel,
    states.live_states,
    confusers.live_confusers,
    giving.live_giving,
    screened.live_screened,
    noise.add_noise,
)
# A child has pocket money and spends it.
_PARTS_OF_MINORS = (states.live_pocket_money, everyday.live_spending, noise.add_noise)
_MAY_BE_ELSEWHERE = {"live_income", "live_children", "live_childcare", "live_housing"}


def begin_life(
    number: int,
    *,
    seed: int,
    until: date,
    months: int,
    rates: str = "natural",
    real_rates: bool = False,
    plan: dict[str, list[int]] | None = None,
) -> Life:
    """The household and the plan of a customer, before any booking is written.

    A given `plan` takes the place of the drawn one (for personas); such a customer holds one account at one bank.
    """
    dice = Dice(seed, number)
    split = "test" if dice.chance(figure("groups", "test_customers")) else "train"
    span = months_until(until, months)
    home = draw_household(dice, split=split, start=span[0].first, months=months)
    drawn = draw_plan(dice, home.stage, home.origin, span, rates=rates, real_rates=real_rates)
    chosen = drawn if plan is None else plan
    fit_household(home, chosen, dice)
    if plan is None and dice.chance(figure("groups", "minors")):
        home.is_adult, home.stage, home.age, home.car, chosen = False, "student", dice.whole(12, 17), False, {}
    visible = span[0].first
    if plan is not None:
        home.splitter, home.receives_child_benefit, home.children_born = False, True, []
    elif dice.chance(figure("groups", "switchers")):
        visible += dice.whole(20, max(21, months * 20))
    ledger = Ledger(dice, STYLE_OF_BANK[home.bank], dice.whole(1, 12))
    plan = {event: list(days) for event, days in chosen.items()}
    return Life(number, dice, split, home, ledger, span, visible, plan, intended=frozenset(plan))


def finish_life(life: Life, *, customer_id: str | None = None) -> Customer:
    """Write the bookings of a life that has begun, and settle its balances."""
    hidden = figure("groups", "hidden_stream")
    for part in _PARTS if life.home.is_adult else _PARTS_OF_MINORS:
        life.ledger.elsewhere = life.home.splitter and part.__name__ in _MAY_BE_ELSEWHERE and life.dice.chance(hidden)
        part(life)
    life.ledger.elsewhere = False
    statement = settle(life)
    return Customer(
        customer_id or f"C{life.number:07d}",
        customer_iban(life.number, 0, life.home.bank),
        life,
        statement.rows,
        statement.balances,
        list(life.happenings),
    )
