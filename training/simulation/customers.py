"""One customer from (seed, number): the same whatever the number of customers, so that chunks can be made anywhere.

Two customers who share an account are made in `couples`.
"""

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
from training.simulation.currency import CURRENCY_ACCOUNT, Foreign, open_currency_account
from training.simulation.dice import Dice
from training.simulation.finishing import settle
from training.simulation.households import draw_household
from training.simulation.ledger import STYLE_OF_BANK, Ledger, Row
from training.simulation.life import Happening, Life
from training.simulation.parameters import figure
from training.simulation.paydays import months_until
from training.simulation.planning import draw_plan, fit_household


@dataclass(frozen=True, slots=True)
class Account:
    """One account's statement: bookings in order with the balance after each, in cents of its currency.

    `name` begins its booking ids; `opened_by` is the customer whose files tell the truth about it, one of two holders.
    """

    iban: str
    currency: str
    name: str
    opened_by: str
    rows: list[Row]
    balances: list[int]


@dataclass(frozen=True, slots=True)
class Customer:
    """A finished customer: what stands on each account this person sees, and the truth about it."""

    customer_id: str
    life: Life
    accounts: tuple[Account, ...]
    happenings: list[Happening]

    @property
    def rows(self) -> list[Row]:
        """The bookings of all accounts, account by account."""
        return [row for account in self.accounts for row in account.rows]


Part = Callable[[Life], None]
# The key of the chance that few customers need.
_SIDE = 2
# What a customer's statement is written from, in this order; the first part is one that a splitter may have elsewhere.
PARTS: tuple[Part, ...] = (
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
    dice, side = Dice(seed, number), Dice(seed, number, _SIDE)
    split = "test" if dice.chance(figure("groups", "test_customers")) else "train"
    span = months_until(until, months)
    home = draw_household(dice, split=split, start=span[0].first, months=months, rates=rates)
    drawn = draw_plan(dice, home.stage, home.origin, span, rates=rates, real_rates=real_rates)
    chosen = drawn if plan is None else plan
    fit_household(home, chosen, dice)
    if plan is None and dice.chance(figure("groups", "minors")):
        home.is_adult, home.stage, home.age, home.car, chosen = False, "student", dice.whole(12, 17), False, {}
        home.spending = 0.25
    visible = span[0].first
    if plan is not None:
        home.splitter, home.receives_child_benefit, home.children_born = False, True, []
    elif dice.chance(figure("groups", "switchers")):
        visible += dice.whole(20, max(21, months * 20))
    ledger = Ledger(dice, STYLE_OF_BANK[home.bank], dice.whole(1, 12))
    plan = {event: list(days) for event, days in chosen.items()}
    return Life(number, dice, side, split, home, ledger, span, visible, plan, intended=frozenset(plan))


def finish_life(life: Life, *, customer_id: str | None = None) -> Customer:
    """Write the bookings of a life that has begun, and settle its balances."""
    name = customer_id or customer_name(life.number)
    write_parts(life, PARTS if life.home.is_adult else _PARTS_OF_MINORS)
    foreign = open_currency_account(life) if customer_id is None else None
    account = close_account(life, name=name, opened_by=name, at=0)
    accounts = (account, _currency_account(life, foreign, name)) if foreign else (account,)
    return Customer(name, life, accounts, list(life.happenings))


def write_parts(life: Life, parts: tuple[Part, ...]) -> None:
    """Write parts of a statement; those that a splitter has at another bank are written there, so not here."""
    hidden = figure("groups", "hidden_stream")
    for part in parts:
        life.ledger.elsewhere = life.home.splitter and part.__name__ in _MAY_BE_ELSEWHERE and life.dice.chance(hidden)
        part(life)
    life.ledger.elsewhere = False


def close_account(life: Life, *, name: str, opened_by: str, at: int) -> Account:
    """The statement of what a life has written; `at` counts the accounts of a customer."""
    statement = settle(life)
    iban = customer_iban(life.number, at, life.home.bank)
    return Account(iban, "EUR", name, opened_by, statement.rows, statement.balances)


def _currency_account(life: Life, foreign: Foreign, name: str) -> Account:
    iban = customer_iban(life.number, CURRENCY_ACCOUNT, life.home.bank)
    return Account(iban, foreign.currency, f"{name}-{CURRENCY_ACCOUNT}", name, foreign.rows, foreign.balances)


def customer_name(number: int) -> str:
    """The customer_id of a number."""
    return f"C{number:07d}"
