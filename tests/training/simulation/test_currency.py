"""Accounts in a foreign currency and cash paid in: neither is a life event, both look like one."""

from datetime import date
from functools import cache

import pytest

from training.simulation.customers import Customer, begin_life, finish_life
from training.simulation.parameters import figure

UNTIL = date(2026, 10, 31)


@cache
def customers() -> list[Customer]:
    return [finish_life(begin_life(n, seed=6, until=UNTIL, months=10)) for n in range(260)]


def test_a_few_customers_hold_an_account_in_another_currency() -> None:
    foreign = [account for customer in customers() for account in customer.accounts if account.currency != "EUR"]
    # 260 customers at 3 %: 7.8 expected, a standard deviation of 2.8.
    assert 2 <= len(foreign) <= 17
    assert {account.currency for account in foreign} <= {"USD", "GBP", "CHF", "SEK", "PLN"}
    for account in foreign:
        assert min(account.balances) >= 0
        assert {row.event for row in account.rows} == {"none"}
        assert {row.role for row in account.rows if row.code == "CARD"} <= {"confuser"}


def test_what_is_changed_leaves_the_euro_account_on_the_same_day_at_the_rate() -> None:
    holder = next(customer for customer in customers() if len(customer.accounts) > 1)
    euros, foreign = holder.accounts
    rate = figure("currency", "rates")[foreign.currency]
    paid = [(row.day, int(-row.cents * rate)) for row in euros.rows if row.iban == foreign.iban]
    got = [(row.day, row.cents) for row in foreign.rows if row.iban == euros.iban]
    assert got
    assert sorted(paid) == sorted(got)


@pytest.mark.parametrize(("heavy", "low", "high"), [(True, 0.1, 0.7), (False, 0.0, 0.1)])
def test_people_who_live_by_cash_pay_it_in(heavy: bool, low: float, high: float) -> None:
    chosen = [c for c in customers() if c.life.home.is_adult and (c.life.home.cash_share > 0.24) == heavy]
    paying = [c for c in chosen if any(row.code == "CASH" and row.cents > 0 for row in c.rows)]
    assert low <= len(paying) / len(chosen) <= high


def test_a_large_sum_of_cash_is_a_look_alike_and_no_windfall() -> None:
    deposits = [row for c in customers() for row in c.rows if row.code == "CASH" and row.cents > 0]
    large = [row for row in deposits if row.role == "confuser"]
    assert large
    assert all(520_000 <= row.cents <= 1_600_000 for row in large)
    assert {row.event for row in deposits} == {"none"}
