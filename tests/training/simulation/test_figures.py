"""The simulator against its parameter tables: amounts, days, rates and shares, with values worked out by hand."""

from collections import Counter
from datetime import date
from importlib import resources
from typing import Any

import pandas as pd
import pytest

from training.simulation.children import benefit_cents
from training.simulation.customers import begin_life, finish_life
from training.simulation.dice import Dice
from training.simulation.giving import feast_days
from training.simulation.income import amount_from
from training.simulation.parameters import figure, load_table
from training.simulation.paydays import months_until, next_open
from training.simulation.planning import draw_plan

TABLES = sorted(entry.name[:-5] for entry in resources.files("training").joinpath("params").iterdir())
UNTIL = date(2026, 10, 31)


def ordinal(year: int, month: int, day: int) -> int:
    return date(year, month, day).toordinal()


def test_two_children_of_four_and_nine_get_the_sum_of_two_amounts() -> None:
    children = [ordinal(2021, 11, 5), ordinal(2016, 6, 20)]
    # Right over 2026 Q1: 295.07 + 358.30 = 653.37; over 2025 Q4: 291.49 + 353.95 = 645.44.
    assert sum(benefit_cents(children, ordinal(2026, 1, 1))) == 65337
    assert sum(benefit_cents(children, ordinal(2025, 10, 1))) == 64544


def test_the_amount_steps_up_the_quarter_after_the_sixth_birthday() -> None:
    child = [ordinal(2020, 2, 10)]
    assert benefit_cents(child, ordinal(2026, 1, 1)) == [29507]
    assert benefit_cents(child, ordinal(2026, 4, 1)) == [35830]


def test_benefit_starts_the_quarter_after_the_birth_and_stops_at_eighteen() -> None:
    assert benefit_cents([ordinal(2026, 2, 10)], ordinal(2026, 1, 1)) == []
    assert benefit_cents([ordinal(2026, 2, 10)], ordinal(2026, 4, 1)) == [29507]
    assert benefit_cents([ordinal(2026, 1, 1)], ordinal(2026, 1, 1)) == [29507]
    assert benefit_cents([ordinal(2008, 5, 2)], ordinal(2026, 4, 1)) == [42153]
    assert benefit_cents([ordinal(2008, 5, 2)], ordinal(2026, 7, 1)) == []


def test_rows_of_child_benefit_keep_the_ratio_of_seventy_and_eighty_five_percent() -> None:
    for row in load_table("amounts_benefits")["child_benefit"]["rows"]:
        small, middle, large = row["cents"]
        assert abs(small - 0.70 * large) <= 1
        assert abs(middle - 0.85 * large) <= 1


def test_quarter_days_of_2026_are_the_first_open_days() -> None:
    days = [next_open(ordinal(2026, month, 1)) for month in (1, 4, 7, 10)]
    assert [date.fromordinal(day).isoformat() for day in days] == [
        "2026-01-02",
        "2026-04-01",
        "2026-07-01",
        "2026-10-01",
    ]


def test_child_benefit_is_booked_on_quarter_days_only(bank) -> None:
    paid = bank.labelled[
        (bank.labelled["event"] == "child_birth") & bank.labelled["booking_date"].dt.month.isin([1, 4, 7, 10])
    ]
    allowed = ["2025-07-01", "2025-10-01", "2026-01-02", "2026-04-01", "2026-07-01", "2026-10-01"]
    credits = paid[paid["counterparty_name"].str.upper().str.contains("SVB|VERZEKERINGSB|AKW")]
    assert len(credits) > 50
    assert set(credits["booking_date"].dt.strftime("%Y-%m-%d")) <= set(allowed)


def test_state_pension_and_study_finance_follow_their_tables() -> None:
    assert amount_from("state_pension", ordinal(2026, 3, 22), 0) == 106770
    assert amount_from("study_finance", ordinal(2024, 3, 1), 1) == 46669
    assert amount_from("study_finance", ordinal(2024, 10, 1), 1) == 30239


@pytest.mark.parametrize(
    ("year", "feast", "expected"),
    [
        (2024, "ramadan", "2024-03-11"),
        (2025, "eid_al_fitr", "2025-03-30"),
        (2026, "eid_al_adha", "2026-05-27"),
        (2026, "easter", "2026-04-05"),
        (2024, "purim", "2024-03-24"),
        (2026, "rosh_hashana", "2026-09-12"),
        (2025, "yom_kippur", "2025-10-02"),
        (2026, "diwali", "2026-11-08"),
        (2026, "holi", "2026-03-03"),
        (2026, "lunar_new_year", "2026-02-17"),
    ],
)
def test_feast_days_are_those_of_the_calendars(year: int, feast: str, expected: str) -> None:
    assert feast_days(year)[feast].isoformat() == expected


def test_planned_events_come_at_the_rates_of_the_table() -> None:
    span, counts, people = months_until(UNTIL, 12), Counter[str](), 6000
    shares = figure("groups", "stages")
    for number in range(people):
        dice = Dice(99, number)
        stage = dice.weigh(shares)
        plan = draw_plan(dice, stage, "dutch", span, rates="natural", real_rates=False)
        counts.update({event: len(days) for event, days in plan.items()})
    for event, entry in load_table("rates_events")["rates"].items():
        if isinstance(entry, dict):
            expected = entry["per_1000"] * people / 1000
            assert abs(counts[event] - expected) <= 4 * expected**0.5 + 1, event


def test_every_group_has_the_same_plan_by_default_and_another_with_real_rates() -> None:
    span = months_until(UNTIL, 24)

    def plans(origin: str, *, real: bool) -> list[dict[str, list[int]]]:
        return [draw_plan(Dice(5, n), "worker", origin, span, rates="natural", real_rates=real) for n in range(300)]

    assert plans("dutch", real=False) == plans("moroccan", real=False) == plans("european", real=False)
    assert plans("dutch", real=True) != plans("moroccan", real=True)


def test_what_is_planned_is_lived_in_every_group() -> None:
    planned, lived = Counter[bool](), Counter[bool]()
    income = {"first_job", "job_change", "income_rise", "study_start", "child_comes_of_age"}
    for number in range(260):
        life = begin_life(number, seed=21, until=UNTIL, months=12, rates="enriched")
        dutch, wanted = life.home.origin == "dutch", {e: len(d) for e, d in life.plan.items() if e not in income}
        finish_life(life)
        planned[dutch] += sum(wanted.values())
        lived[dutch] += sum(min(life.lived.get(event, 0), number) for event, number in wanted.items())
    shares = [lived[dutch] / planned[dutch] for dutch in (True, False)]
    assert min(shares) > 0.85
    # Each share rests on more than 80 events; .10 is above two standard errors of a difference.
    assert abs(shares[0] - shares[1]) < 0.10


def test_at_least_two_in_five_bookings_with_an_events_words_are_look_alikes(bank) -> None:
    evidence = (bank.labels["event"] != "none").sum()
    look_alikes = (bank.labels["role"] == "confuser").sum()
    assert look_alikes / (look_alikes + evidence) >= 0.40


def test_bookings_a_month_lie_in_the_range_of_a_household(bank) -> None:
    sizes = bank.bookings.groupby("customer_id").size()
    spans = bank.bookings.groupby("customer_id")["booking_date"].agg(lambda days: (days.max() - days.min()).days / 30.4)
    assert 45 <= (sizes / spans)[spans > 6].median() <= 80


def test_between_ten_and_fifteen_percent_of_account_months_go_below_zero(bank) -> None:
    below = bank.bookings["balance_after"].astype(float) < 0
    months = below.groupby([bank.bookings["customer_id"], bank.bookings["booking_date"].dt.to_period("M")]).any()
    assert 0.07 <= months.mean() <= 0.19  # 160 customers; measured .125 on 1,000


def test_wordings_of_the_two_splits_never_meet() -> None:
    for name in TABLES:
        if not name.startswith(("texts_", "shops")):
            continue
        for key, entry in load_table(name).items():
            if isinstance(entry, dict) and "train" in entry and "test" in entry:
                train, test = ({str(item).lower() for item in entry[split]} for split in ("train", "test"))
                assert train
                assert test
                assert not train & test, f"{name}.{key}"


def test_training_customers_never_see_a_wording_of_the_test_split(bank) -> None:
    splits = pd.read_csv(bank.folder / "splits.csv").set_index("customer_id")["split"]
    frame = bank.labelled.assign(split=bank.labelled["customer_id"].map(splits))
    benefit = frame[frame["event"] == "child_birth"]
    own = benefit["counterparty_name"].str.upper().isin(["SOC VERZEKERINGSBANK", "SVB ROERMOND"])
    assert set(frame["split"]) == {"train", "test"}
    assert own.any()
    assert set(benefit.loc[own, "split"]) == {"test"}


def _entries(table: dict[str, Any], path: str) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for key, entry in table.items():
        if isinstance(entry, dict):
            if "value" in entry or "rows" in entry:
                found.append((f"{path}.{key}", entry))
            else:
                found.extend(_entries(entry, f"{path}.{key}"))
    return found


def test_every_figure_names_its_source_marker_and_date() -> None:
    entries = [pair for name in TABLES for pair in _entries(load_table(name), name)]
    assert len(entries) > 40
    for path, entry in entries:
        assert {"source", "date"} <= entry.keys(), path
        assert entry["marker"] in {"R", "C", "A", "M", "D"}, path


def test_salary_and_rent_surprises_make_no_event_of_work_or_home() -> None:
    told = Counter[str]()
    for number in range(120):
        life = begin_life(number, seed=31, until=UNTIL, months=14, plan={})
        told.update(happening.event for happening in finish_life(life).happenings)
    assert set(told) <= {"overdraft"}
