"""Customers of a bank in the order of their numbers; some of them share an account with the one before.

Both holders see every booking of the joint account. What calls for care (a separation, a death, a lost job) stands on
the account of the holder it happens to, and is never shown to the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from training.simulation import care, confusers, everyday, giving, income, noise, screened
from training.simulation.accounts import customer_iban
from training.simulation.customers import (
    PARTS,
    Customer,
    Part,
    begin_life,
    close_account,
    customer_name,
    finish_life,
    write_parts,
)
from training.simulation.dice import Dice
from training.simulation.households import Household, draw_partner
from training.simulation.ledger import STYLE_OF_BANK, Ledger, Party, Row
from training.simulation.life import Life
from training.simulation.parameters import figure, wordings
from training.simulation.planning import draw_plan

# Accounts of a holder by their place: the joint one is the first of the holder who opened it.
_JOINT, _OWN = 0, 1
_OWN_KEY = 1
_INCOME_OF_CARE = frozenset(("job_loss", "social_assistance_start"))
_CARE = frozenset(care.CARE) | _INCOME_OF_CARE
_OWN_PARTS: tuple[Part, ...] = (care.live_care, everyday.live_spending, confusers.live_confusers)
# Giving and what is screened stand on the joint account for the holder who opened it.
_PARTNER_PARTS: tuple[Part, ...] = (*_OWN_PARTS, giving.live_giving, screened.live_screened)


@dataclass(frozen=True, slots=True)
class Holder:
    """One of two holders: the life on the own account, and whether the income comes in there."""

    life: Life
    private_income: bool


def make_customers(
    number: int, *, seed: int, until: date, months: int, rates: str, real_rates: bool
) -> Iterator[Customer]:
    """Customers 0 to `number` - 1; each is the same whatever `number` is."""
    for at in range(0, number, 2):
        life = begin_life(at, seed=seed, until=until, months=months, rates=rates, real_rates=real_rates)
        if shares_account(life):
            yield from finish_couple(life, seed=seed, rates=rates, real_rates=real_rates)[: number - at]
            continue
        yield finish_life(life)
        if at + 1 < number:
            yield finish_life(
                begin_life(at + 1, seed=seed, until=until, months=months, rates=rates, real_rates=real_rates)
            )


def shares_account(life: Life) -> bool:
    """Whether the other holder of this customer's joint account is the next customer of the bank."""
    share = figure("groups", "both_holders")
    return life.number % 2 == 0 and life.home.joint and life.home.is_adult and life.side.chance(share)


def finish_couple(joint: Life, *, seed: int, rates: str, real_rates: bool) -> tuple[Customer, Customer]:
    """Both holders of a joint account, from the life of the first, which becomes that of the account."""
    joint.shared = True
    first = _begin_first(joint, seed)
    second = _begin_second(joint, seed, rates=rates, real_rates=real_rates)
    joint.home = replace(
        joint.home, joint=False, thin_buffer=False, receives_child_benefit=True,
        partner_net=0 if second.private_income else second.life.home.net_month,
    )  # fmt: skip
    kept = [part for part in PARTS if part not in (income.live_income, care.live_care, noise.add_noise)]
    if not first.private_income:
        write_parts(joint, (income.live_income,))
    if not second.private_income:
        write_parts(replace(second.life, ledger=joint.ledger, shared=True), (income.live_income,))
    write_parts(joint, tuple(kept))
    for holder in (first, second):
        _move_money(holder, joint)
        own = _PARTNER_PARTS if holder is second else _OWN_PARTS
        parts = (income.live_income, *own) if holder.private_income else own
        write_parts(holder.life, (*parts, noise.add_noise))
    write_parts(joint, (noise.add_noise,))
    return _close(joint, first, second)


def _close(joint: Life, first: Holder, second: Holder) -> tuple[Customer, Customer]:
    opener = customer_name(joint.number)
    shared = close_account(joint, name=opener, opened_by=opener, at=_JOINT)
    customers = []
    for holder in (first, second):
        name = customer_name(holder.life.number)
        own = close_account(holder.life, name=f"{name}-{_OWN}", opened_by=name, at=_OWN)
        happenings = [*joint.happenings, *holder.life.happenings]
        customers.append(Customer(name, holder.life, (shared, own), happenings))
    return customers[0], customers[1]


def _begin_first(joint: Life, seed: int) -> Holder:
    """The holder who opened the account: takes along what calls for care, and the income when that must be private."""
    private = bool(_INCOME_OF_CARE & joint.plan.keys()) or joint.side.chance(figure("groups", "private_income"))
    taken = _CARE | (frozenset(income.EVENTS) if private else frozenset())
    plan = {event: joint.plan.pop(event) for event in sorted(taken & joint.plan.keys())}
    return Holder(_own_life(joint, Dice(seed, joint.number, _OWN_KEY), joint.number, joint.home, plan), private)


def _begin_second(joint: Life, seed: int, *, rates: str, real_rates: bool) -> Holder:
    """The other holder. What happens to the home is in the plan of the first already, or it would happen twice."""
    dice = Dice(seed, joint.number + 1, _OWN_KEY)
    home = draw_partner(dice, joint.home)
    drawn = draw_plan(dice, home.stage, home.origin, joint.months, rates=rates, real_rates=real_rates)
    plan = {event: days for event, days in drawn.items() if event in _CARE}
    private = bool(_INCOME_OF_CARE & plan.keys()) or joint.side.chance(figure("groups", "private_income"))
    return Holder(_own_life(joint, dice, joint.number + 1, home, plan), private)


def _own_life(joint: Life, dice: Dice, number: int, home: Household, plan: dict[str, list[int]]) -> Life:
    spending = figure("groups", "own_account_spending")
    return Life(
        number, dice, joint.side, joint.split, replace(home, spending=spending, joint=False, splitter=False),
        Ledger(dice, STYLE_OF_BANK[home.bank], dice.whole(1, 12)), joint.months, joint.visible_from, plan,
        intended=frozenset(plan),
    )  # fmt: skip


def _move_money(holder: Holder, joint: Life) -> None:
    """A share for the household from a private income, or pocket money from the joint account; it stands on both.

    It ends some months after a separation.
    """
    life, dice = holder.life, holder.life.dice
    if holder.private_income:
        key, sign, cents = "to_joint_account", -1, int(life.home.net_month * dice.between(0.5, 0.8))
    else:
        key, sign, cents = "own_pocket_money", 1, dice.whole(15, 70) * 1_000
    text = dice.pick(wordings("everyday", key, life.split))[1]
    here = Party(life.home.own_name, text, customer_iban(joint.number, _JOINT, joint.home.bank))
    there = Party(life.home.own_name, text, customer_iban(life.number, _OWN, life.home.bank))
    day, event = dice.whole(25, 28), "cohabitation_start" if holder.private_income else "none"
    last = min(life.plan.get("separation", [life.until])) + 75
    for month in life.months:
        if month.first > last:
            break
        booked = life.pay(here, month.day(day), sign * cents, code="INTERNAL", event=event)
        words = life.fill(text, month.day(day))
        if booked <= life.until:
            joint.ledger.add(Row(booked, -sign * cents, there.name, words, there.iban, code="INTERNAL", event=event))
