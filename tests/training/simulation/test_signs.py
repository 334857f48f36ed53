"""Events whose usual sign stands on another account are told by what is left; students pay tuition."""

import re
from datetime import date

import pytest

from training.simulation.customers import begin_life, finish_life
from training.simulation.ledger import Row
from training.simulation.life import Life
from training.simulation.parameters import load_table, wordings

UNTIL = date(2026, 10, 31)


@pytest.fixture(scope="module")
def lives() -> list[Life]:
    """Three hundred customers over two years, with many events."""
    lives = [begin_life(number, seed=21, until=UNTIL, months=24, rates="enriched") for number in range(300)]
    for life in lives:
        finish_life(life)
    return lives


def told_by(lives: list[Life], event: str) -> list[list[Row]]:
    """The new bookings of each told event that speak for it, from its onset to the day it can be told."""
    return [
        [
            row
            for row in life.ledger.rows
            if row.event == event and one.onset <= row.day <= one.detectable and is_new(row)
        ]
        for life in lives
        for one in life.happenings
        if one.event == event
    ]


def is_new(row: Row) -> bool:
    return row.role in ("primary", "supporting")


def is_tuition(row: Row) -> bool:
    return row.event == "study_start" and row.cents < 0


def test_tuition_is_a_study_years_sum_in_up_to_ten_terms(lives: list[Life]) -> None:
    sums = {100 * euros for euros in load_table("amounts_benefits")["tuition"]["value"].values()}
    rows = [row for life in lives for row in life.ledger.rows if is_tuition(row)]
    terms = {n: [row for row in rows if -row.cents in {whole // n for whole in sums}] for n in (1, 2, 5, 10)}
    assert len(terms[1]) > 1
    assert len(terms[2]) + len(terms[5]) > 1
    assert len(terms[10]) > 10
    assert sum(len(some) for some in terms.values()) == len(rows)
    assert not [row for row in terms[10] if date.fromordinal(row.day).month == 8]


def test_companies_pay_and_are_paid_in_more_than_one_way(lives: list[Life]) -> None:
    rows = [row for life in lives for row in life.ledger.rows]
    for event, paid, ways in [
        ("retirement", False, {"SCT", "SCT_BATCH"}),
        ("driving_licence", True, {"SCT", "IDEAL"}),
        ("childcare_start", True, {"SCT", "SDD"}),
    ]:
        seen = {row.code for row in rows if row.event == event and (row.cents < 0) == paid}
        assert ways <= seen, event


def test_a_bank_without_creditors_names_none(lives: list[Life]) -> None:
    named = [[bool(row.creditor_id) for row in life.ledger.rows if row.code == "SDD"] for life in lives]
    silent = [flags for flags in named if flags and not any(flags)]
    assert 0.05 < len(silent) / len([flags for flags in named if flags]) < 0.3


def test_a_sale_is_told_by_the_notary_or_by_the_mortgage_paid_off(lives: list[Life]) -> None:
    lasts = [max(rows, key=lambda row: (row.day, row.role == "primary")) for rows in told_by(lives, "home_sale")]
    assert {row.role for row in lasts} == {"primary"}
    assert {row.cents > 0 for row in lasts} == {True, False}
    # An agent's bill may come before, and does not tell it.
    assert any(len(rows) > 1 for rows in told_by(lives, "home_sale"))


def test_benefit_of_an_older_child_may_begin_without_a_birth(lives: list[Life]) -> None:
    begun = 0
    for life in lives:
        paid = [row for row in life.ledger.rows if row.event == "child_birth" and "kinderbijslag" in row.text.lower()]
        births = any(happening.event == "child_birth" for happening in life.happenings)
        begun += bool(paid) and not births and min(row.day for row in paid) > life.start + 200
    assert begun > 0


def test_a_study_is_told_by_whichever_of_its_signs_comes_first(lives: list[Life]) -> None:
    firsts = [rows[0].cents < 0 for rows in told_by(lives, "study_start")]
    assert any(firsts)
    assert not all(firsts)


def test_a_purchase_without_a_notary_is_told_by_the_first_instalment(lives: list[Life]) -> None:
    lasts = [max(rows, key=lambda row: (row.day, row.role == "primary")) for rows in told_by(lives, "home_purchase")]
    instalments = [row for row in lasts if row.creditor_id]
    assert 0 < len(instalments) < len(lasts)
    assert {row.role for row in instalments} == {"primary"}


@pytest.mark.parametrize(
    ("event", "usual", "other"),
    [
        ("bereavement", ["funeral"], "grave"),
        ("payment_arrears", ["storno"], "bailiff"),
    ],
)
def test_an_event_without_its_usual_sign_has_another(
    lives: list[Life], event: str, usual: list[str], other: str
) -> None:
    told = told_by(lives, event)
    without = [rows for rows in told if not any(says(row, key) for row in rows for key in usual)]
    assert 0 < len(without) < len(told)
    assert any(says(row, other) for rows in without for row in rows)


def says(row: Row, key: str) -> bool:
    """Whether the text of a booking is one of the wordings of a key."""
    templates = [text for split in ("train", "test") for _, text in wordings("events", key, split)]
    patterns = [re.sub(r"\\{.*?\\}", ".*", re.escape(text)) for text in templates]
    return any(re.fullmatch(pattern, row.text, re.IGNORECASE) for pattern in patterns)
