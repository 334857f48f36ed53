"""Joint accounts: one statement for two customers, and what happens to one of them stays on the own account."""

from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from models.bookings import load_bookings
from training.simulation import simulate
from training.simulation.couples import finish_couple, make_customers, shares_account
from training.simulation.customers import Customer, begin_life
from training.simulation.ledger import Row
from training.splits import customer_groups, split_by_customer

UNTIL = date(2026, 10, 31)
CARE = {"separation", "bereavement", "payment_arrears", "job_loss", "social_assistance_start", "overdraft"}


@cache
def couples() -> list[tuple[Customer, Customer]]:
    made = list(make_customers(360, seed=4, until=UNTIL, months=14, rates="enriched", real_rates=False))
    return [(a, b) for a, b in zip(made[::2], made[1::2], strict=True) if a.accounts[0] == b.accounts[0]]


def test_both_holders_see_every_booking_of_the_joint_account_under_the_same_id(bank) -> None:
    holders = bank.bookings.groupby("account_iban")["customer_id"].nunique()
    joint = holders[holders == 2].index
    assert holders.max() == 2
    assert len(joint) >= 5
    for account in joint:
        views = [view.drop(columns="customer_id") for _, view in
                 bank.bookings[bank.bookings["account_iban"] == account].groupby("customer_id")]  # fmt: skip
        pd.testing.assert_frame_equal(*(view.reset_index(drop=True) for view in views))
        assert views[0]["booking_id"].is_unique


def is_wage(row: Row) -> bool:
    """A month's pay, however the employer pays it."""
    return row.code in ("SALARY", "SCT_BATCH", "SCT") and row.event == "none" and 100_000 < row.cents < 700_000


def test_two_incomes_come_in_on_the_account_unless_a_holder_keeps_the_own_one_apart() -> None:
    shared = [len({row.iban for row in a.accounts[0].rows if is_wage(row)}) for a, _ in couples()]
    apart = [any(map(is_wage, holder.accounts[1].rows)) for pair in couples() for holder in pair]
    assert sum(number >= 2 for number in shared) > 1
    assert any(apart)
    assert not all(apart)


def test_what_calls_for_care_stands_on_the_account_of_one_holder_alone() -> None:
    shown = {row.event for a, _ in couples() for row in a.accounts[0].rows}
    assert not shown & CARE
    assert not [b for a, _ in couples() for b in a.accounts[0].balances if b < 0]
    told = 0
    for pair in couples():
        for holder, other in (pair, pair[::-1]):
            mine = {(h.event, h.onset) for h in holder.happenings if h.event in CARE}
            theirs = {(h.event, h.onset) for h in other.happenings if h.event in CARE}
            own = {row.day for row in holder.accounts[1].rows}
            assert not mine & theirs
            assert all(onset in own for _, onset in mine)
            told += len(mine)
    assert told > 5


def test_an_event_of_the_household_is_one_of_both_holders() -> None:
    for first, second in couples():
        homely = [{h for h in holder.happenings if h.event in ("child_birth", "home_purchase", "travel_booked")}
                  for holder in (first, second)]  # fmt: skip
        assert homely[0] == homely[1]


def test_holders_share_the_home_and_the_split_but_are_two_persons() -> None:
    homes = [(a.life.home, b.life.home) for a, b in couples()]
    assert all(a.life.split == b.life.split for a, b in couples())
    assert all((a.household, a.city, a.tenure, a.stage) == (b.household, b.city, b.tenure, b.stage) for a, b in homes)
    assert all(abs(a.age - b.age) <= 6 for a, b in homes)
    for trait in ("gender", "own_name", "net_month"):
        assert sum(getattr(a, trait) != getattr(b, trait) for a, b in homes) > len(homes) / 2, trait


def test_money_moves_between_the_own_and_the_joint_account_on_both_statements() -> None:
    for holders in couples():
        for holder in holders:
            joint, own = holder.accounts
            # Sets: an export may repeat a row on one of the two statements.
            here = {(row.day, row.cents) for row in own.rows if row.iban == joint.iban}
            there = {(row.day, -row.cents) for row in joint.rows if row.iban == own.iban}
            assert here
            assert here == there


def test_each_holder_is_asked_for_permission(bank) -> None:
    holders = bank.bookings.groupby("account_iban")["customer_id"].unique()
    rows = pd.read_csv(bank.folder / "permissions.csv")
    given = rows[rows["action"] == "consented"].groupby("customer_id")["purpose"].agg(frozenset)
    pairs = [pair for pair in holders if len(pair) == 2]
    assert any(given.get(a) != given.get(b) for a, b in pairs)


def test_the_first_holder_stays_the_same_without_the_second(tmp_path: Path) -> None:
    first = next(n for n in range(0, 60, 2) if shares_account(begin_life(n, seed=3, until=UNTIL, months=2)))
    for name, number in (("alone", first + 1), ("both", first + 2)):
        simulate(customers=number, months=2, seed=3, out=tmp_path / name, until=UNTIL)
    alone, both = (load_bookings(tmp_path / name / "bookings.parquet").frame for name in ("alone", "both"))
    mine = f"C{first:07d}"
    pd.testing.assert_frame_equal(
        alone[alone["customer_id"] == mine].reset_index(drop=True),
        both[both["customer_id"] == mine].reset_index(drop=True),
    )
    assert set(alone["customer_id"]) == set(both["customer_id"]) - {f"C{first + 1:07d}"}


def test_a_dismissal_brings_the_income_to_the_own_account() -> None:
    day = [date(2026, 3, 1).toordinal()]
    numbers = [n for n in range(0, 400, 2) if shares_account(begin_life(n, seed=4, until=UNTIL, months=14))]
    lives = [begin_life(n, seed=4, until=UNTIL, months=14) for n in numbers]
    worker = next(life for life in lives if life.home.stage == "worker" and not life.home.splitter)
    worker.plan.clear()
    worker.plan["job_loss"] = day
    first, second = finish_couple(worker, seed=4, rates="natural", real_rates=False)
    assert "job_loss" in {h.event for h in first.happenings}
    assert "job_loss" not in {h.event for h in second.happenings}
    assert any(row.event == "job_loss" for row in first.accounts[1].rows)


def test_holders_of_one_account_are_never_on_both_sides_of_a_split(bank) -> None:
    split = split_by_customer(bank.bookings, test_share=0.3, seed=1)
    account = bank.bookings["account_iban"].to_numpy()
    assert not set(account[split.fit]) & set(account[split.test])


def test_customers_are_grouped_by_the_accounts_they_share() -> None:
    # a and b share X, b and c share Y: one group of three; d has no account number, like e, and stands alone.
    frame = pd.DataFrame({"customer_id": list("abbcde"), "account_iban": ["X", "X", "Y", "Y", "", ""]})
    groups = customer_groups(frame)
    assert len(set(groups[:4])) == 1
    assert len(np.unique(groups)) == 3


def test_an_account_number_of_a_whole_bank_groups_nobody() -> None:
    frame = pd.DataFrame({"customer_id": list("abcdef"), "account_iban": ["X"] * 6})
    assert len(np.unique(customer_groups(frame))) == 6
