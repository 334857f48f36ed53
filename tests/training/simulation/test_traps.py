"""The eleven ways a naive model gets biased have to stand in the data, or no audit could find them."""

from collections.abc import Callable
from datetime import date
from functools import cache
from itertools import pairwise

import pytest

from training.simulation.customers import Customer, begin_life, finish_life
from training.simulation.households import Household
from training.simulation.ledger import Row
from training.simulation.parameters import load_table

UNTIL = date(2026, 10, 31)


@cache
def households() -> list[tuple[int, Household]]:
    return [(n, begin_life(n, seed=8, until=UNTIL, months=13).home) for n in range(2500)]


def live_like(
    fits: Callable[[Household], bool], number: int, plan: dict[str, list[int]] | None = None
) -> list[Customer]:
    chosen = [n for n, home in households() if fits(home) and not home.splitter][:number]
    assert len(chosen) == number
    return [finish_life(begin_life(n, seed=8, until=UNTIL, months=13, plan=plan)) for n in chosen]


def rows_of(customers: list[Customer], keep: Callable[[Row], bool]) -> list[Row]:
    return [row for customer in customers for row in customer.rows if keep(row)]


def test_1_large_families_have_age_steps_that_are_no_birth() -> None:
    families = live_like(lambda home: home.household == "large_family" and home.receives_child_benefit, 8)
    steps = 0
    for family in families:
        amounts = [row.cents for row in family.rows if row.event == "child_birth" and row.day > 0]
        steps += sum(later > 1.05 * before for before, later in pairwise(amounts))
    births = sum(happening.event == "child_birth" for family in families for happening in family.happenings)
    assert steps > births


def test_2_summers_abroad_lie_in_the_country_of_origin_for_some_groups() -> None:
    july = [date(2026, 7, 3).toordinal()]
    visits = live_like(lambda home: home.origin in ("turkish", "moroccan"), 12, {"travel_in_progress": july})
    abroad = rows_of(visits, lambda row: " TRY " in row.text or " MAD " in row.text)
    assert len(abroad) > 10


def test_3_weekly_pay_has_weeks_without_work_and_no_event() -> None:
    weekly = live_like(lambda home: home.pay_period == "weekly" and home.stage == "worker" and not home.joint, 6, {})
    for customer in weekly:
        assert not {h.event for h in customer.happenings} & {"job_change", "job_loss", "income_rise", "first_job"}
    assert len(rows_of(weekly, lambda row: row.code in ("SALARY", "SCT_BATCH", "SCT") and row.cents > 15_000)) > 6 * 30


def test_4_a_fixed_transfer_to_a_parent_abroad_is_screened_and_no_alimony() -> None:
    senders = live_like(lambda home: home.remits and home.origin != "dutch", 60, {})
    table = load_table("texts_screened")
    keys = ("parent_abroad", "parent_abroad_TR", "parent_abroad_PL")
    texts = {text.lower() for key in keys for split in ("train", "test") for _, text in table[key][split]}
    fixed = rows_of(senders, lambda row: row.code == "SCT" and row.text.lower() in texts)
    assert len(fixed) >= 12
    # Where the account shows that it went abroad; without one nothing in the booking tells.
    assert {(row.event, row.role) for row in fixed if row.iban} == {("none", "screened")}
    assert {(row.event, row.role) for row in fixed if not row.iban} <= {("none", "background")}


def test_5_cash_goes_along_before_the_summer() -> None:
    senders = live_like(lambda home: home.remits, 12, {})
    assert rows_of(senders, lambda row: row.code == "CASH" and row.cents <= -30_000)


def test_6_giving_peaks_at_ramadan_and_at_the_january_church_appeal() -> None:
    muslim = live_like(lambda home: home.religion == "muslim", 15, {})
    first, last = date(2026, 2, 18).toordinal(), date(2026, 3, 20).toordinal()
    gifts = [row.day for row in rows_of(muslim, lambda row: row.role == "screened" and row.code == "IDEAL")]
    inside = sum(first <= day <= last for day in gifts)
    assert inside / 31 > 2 * (len(gifts) - inside) / 365
    church = live_like(lambda home: home.religion == "protestant", 25, {})
    january = rows_of(church, lambda row: "kerkbalans" in row.text.lower() or "kerkbalans" in row.name.lower())
    assert january
    assert {date.fromordinal(row.day).month for row in january} <= {1, 2}


def test_7_some_evidence_is_written_in_another_language() -> None:
    day = [date(2026, 3, 1).toordinal()]
    foreign = live_like(lambda home: home.foreign_text and home.stage == "worker", 12, {"cohabitation_start": day})
    texts = [row.text.lower() for row in rows_of(foreign, lambda row: row.event == "cohabitation_start")]
    assert any(word in text for text in texts for word in ("rent", "kira", "czynsz", "masraf", "oplaty"))


def test_8_food_shops_of_a_group_are_bought_at_without_any_event() -> None:
    customers = live_like(lambda home: home.origin in ("turkish", "moroccan", "asian"), 6, {})
    table = load_table("shops")["ethnic_groceries"]
    shops = [name.upper() for name in [*table["train"], *table["test"]]]
    bought = rows_of(customers, lambda row: any(shop in row.name.upper() for shop in shops))
    assert len(bought) > 60
    assert {(row.event, row.role) for row in bought} == {("none", "background")}


def test_9_people_born_abroad_get_part_of_the_state_pension_and_often_no_fund() -> None:
    retired = live_like(lambda home: home.stage == "retired" and home.born_abroad, 8, {})
    full = {106770, 155815}
    paid = rows_of(retired, lambda row: row.event == "retirement" and "AOW" in row.text.upper())
    assert paid
    assert not {row.cents for row in paid} & full
    funds = [any(r.event == "retirement" and "AOW" not in r.text.upper() for r in c.rows) for c in retired]
    assert not all(funds)


def test_10_people_who_pay_cash_leave_gaps_in_the_evidence() -> None:
    day = [date(2026, 4, 10).toordinal()]
    payers = live_like(lambda home: home.cash_share > 0.24 and home.stage == "worker", 16, {"rental_move": day})
    deposits = rows_of(payers, lambda row: row.code == "CASH" and row.cents <= -45_000)
    assert deposits


@pytest.mark.parametrize(("gender", "low", "high"), [("f", 0.85, 0.95), ("m", 0.35, 0.55)])
def test_11_women_are_the_usual_payee_of_child_benefit(gender: str, low: float, high: float) -> None:
    payee = [home.receives_child_benefit for _, home in households() if home.gender == gender]
    assert low <= sum(payee) / len(payee) <= high
