"""The giving calendar: computed feasts against published tables, and peaks of synthetic organisations."""

import random
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from models.bookings import bookings_from_records
from models.errors import UnreadableDataError, UsageError
from models.feasts import feast_days
from serving.contact.giving import build_calendar, default_giving, load_giving, parse_giving
from serving.contact.peaks import Peak, explain_peaks

# Typed in by hand. Muslim days: as kept in Saudi Arabia and by Diyanet 2020-2025, later the published Umm al-Qura
# forecast. Jewish days: calendars of congregations (jewishcongregationvenice.com 2020-2022, istanbullife.org
# 2021-2026), later hebcal.com. Easter: tables of the Churches (United States Census Bureau; Orthodox: Greek
# Archdiocese). Chinese days: Hong Kong Observatory. Diwali and Holi: drikpanchang.com for India.
PUBLISHED = {
    "ramadan": "2020-04-24 2021-04-13 2022-04-02 2023-03-23 2024-03-11 2025-03-01 2026-02-18 2027-02-08 2028-01-28 "
    "2029-01-16 2030-01-05 2030-12-26",
    "eid_al_fitr": "2020-05-24 2021-05-13 2022-05-02 2023-04-21 2024-04-10 2025-03-30 2026-03-20 2027-03-09 2028-02-26 "
    "2029-02-14 2030-02-04",
    "eid_al_adha": "2020-07-31 2021-07-20 2022-07-09 2023-06-28 2024-06-16 2025-06-06 2026-05-27 2027-05-16 2028-05-05 "
    "2029-04-24 2030-04-13",
    "easter": "2020-04-12 2021-04-04 2022-04-17 2023-04-09 2024-03-31 2025-04-20 2026-04-05 2027-03-28 2028-04-16 "
    "2029-04-01 2030-04-21",
    "orthodox_easter": "2020-04-19 2021-05-02 2022-04-24 2023-04-16 2024-05-05 2025-04-20 2026-04-12 2027-05-02 "
    "2028-04-16 2029-04-08 2030-04-28",
    "purim": "2020-03-10 2021-02-26 2022-03-17 2023-03-07 2024-03-24 2025-03-14 2026-03-03 2027-03-23 2028-03-12 "
    "2029-03-01 2030-03-19",
    "pesach": "2020-04-09 2021-03-28 2022-04-16 2023-04-06 2024-04-23 2025-04-13 2026-04-02 2027-04-22 2028-04-11 "
    "2029-03-31 2030-04-18",
    "rosh_hashana": "2020-09-19 2021-09-07 2022-09-26 2023-09-16 2024-10-03 2025-09-23 2026-09-12 2027-10-02 "
    "2028-09-21 2029-09-10 2030-09-28",
    "yom_kippur": "2020-09-28 2021-09-16 2022-10-05 2023-09-25 2024-10-12 2025-10-02 2026-09-21 2027-10-11 2028-09-30 "
    "2029-09-19 2030-10-07",
    "hanukka": "2020-12-11 2021-11-29 2022-12-19 2023-12-08 2024-12-26 2025-12-15 2026-12-05 2027-12-25 2028-12-13 "
    "2029-12-02 2030-12-21",
    "lunar_new_year": "2020-01-25 2021-02-12 2022-02-01 2023-01-22 2024-02-10 2025-01-29 2026-02-17 2027-02-06 "
    "2028-01-26 2029-02-13 2030-02-03",
    "mid_autumn": "2020-10-01 2021-09-21 2022-09-10 2023-09-29 2024-09-17 2025-10-06 2026-09-25 2027-09-15 2028-10-03 "
    "2029-09-22 2030-09-12",
    "diwali": "2020-11-14 2021-11-04 2022-10-24 2023-11-12 2024-10-31 2025-10-20 2026-11-08 2027-10-29 2028-10-17 "
    "2029-11-05 2030-10-26",
    "holi": "2020-03-10 2021-03-29 2022-03-18 2023-03-08 2024-03-25 2025-03-14 2026-03-04 2027-03-22 2028-03-11 "
    "2029-03-01 2030-03-20",
}  # fmt: skip
# A sighting of the moon, or the place from which a moment in the night is counted, moves these by a day at most.
BY_MOON = frozenset({"ramadan", "eid_al_fitr", "eid_al_adha", "diwali", "holi"})
STICHTING = {"islam": "mosque", "christian": "church", "jewish": "synagogue", "hindu": "temple"}


@pytest.mark.parametrize("feast", PUBLISHED)
def test_feasts_fall_on_their_published_days(feast: str) -> None:
    published = [date.fromisoformat(day) for day in PUBLISHED[feast].split()]
    computed = [day for year in range(2020, 2031) for day in feast_days(year).get(feast, ())]
    apart = [abs((mine - theirs).days) for mine, theirs in zip(computed, published, strict=True)]
    assert max(apart) <= (1 if feast in BY_MOON else 0)


def test_year_with_two_ramadans_has_both() -> None:
    assert feast_days(2030)["ramadan"] == (date(2030, 1, 5), date(2030, 12, 26))


def test_days_of_prayer_and_thanks_are_wednesdays_of_march_and_november() -> None:
    assert feast_days(2026)["prayer_day"] == (date(2026, 3, 11),)
    assert feast_days(2026)["thanksgiving_day"] == (date(2026, 11, 4),)


def test_feast_whose_day_no_list_knows_is_named_and_not_guessed() -> None:
    found = build_calendar(date(2040, 1, 1), date(2040, 12, 31), knowledge=default_giving(), traditions=["hindu"])
    assert found.feast_days == ()
    assert found.unknown == (("holi", 2040), ("diwali", 2040))


def test_calendar_of_a_period_holds_feasts_and_habits_that_touch_it() -> None:
    found = build_calendar(date(2026, 3, 10), date(2026, 3, 25), knowledge=default_giving(), traditions=["islam"])
    assert [(one.feast.id, one.day.isoformat()) for one in found.feast_days] == [
        ("laylat_al_qadr", "2026-03-16"),
        ("eid_al_fitr", "2026-03-20"),
    ]
    # 18 February less a day of tolerance, to 30 days and a day after it: the period begins inside.
    ramadan = next(one for one in found.occasions if one.habit.id == "ramadan_collections")
    assert (ramadan.first_day, ramadan.last_day) == (date(2026, 2, 17), date(2026, 3, 21))


def test_season_over_the_turn_of_the_year_is_one_occasion() -> None:
    found = build_calendar(date(2026, 1, 1), date(2026, 1, 3), knowledge=default_giving(), traditions=["charity"])
    assert [(one.first_day, one.last_day) for one in found.occasions] == [(date(2025, 11, 25), date(2026, 1, 5))]


@pytest.mark.parametrize(
    ("first", "last", "traditions"),
    [
        (date(2026, 2, 1), date(2026, 1, 1), ["islam"]),
        (date(2020, 1, 1), date(2030, 1, 1), ["islam"]),
        (date(1924, 1, 1), date(1924, 2, 1), ["islam"]),
        (date(2026, 1, 1), date(2026, 2, 1), ["pastafari"]),
    ],
)
def test_period_or_tradition_that_cannot_be_answered_is_refused(first: date, last: date, traditions: list[str]) -> None:
    with pytest.raises(UsageError):
        build_calendar(first, last, knowledge=default_giving(), traditions=traditions)


TALK = """
[[habit]]
id = "open_day"
tradition = "islam"
season = ["09-10", "09-20"]
direction = "in"
times = [1.5, 4.0]
nl = "Open dag met markt"
en = "Open day with a market"
source = "talk with the board, 3 September 2026"
marker = "R"
reviewer = "board of the organisation"
reviewed_on = 2026-09-03
"""


def test_what_an_organisation_tells_in_a_talk_improves_the_calendar(tmp_path: Path) -> None:
    (tmp_path / "talk.toml").write_text(TALK)
    knowledge = load_giving([tmp_path / "talk.toml"])
    found = build_calendar(date(2026, 9, 1), date(2026, 9, 30), knowledge=knowledge, traditions=["islam"])
    assert "open_day" in [one.habit.id for one in found.occasions]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('reviewer = "board of the organisation"', 'reviewer = " "'),
        ('source = "talk with the board, 3 September 2026"\n', ""),
        ("reviewed_on = 2026-09-03", 'reviewed_on = "soon"'),
        ('tradition = "islam"', 'tradition = "none"'),
        ('season = ["09-10", "09-20"]', 'feast = "pancake_day"'),
        ("times = [1.5, 4.0]", "times = [4.0, 1.5]"),
        ('direction = "in"', 'direction = "sideways"'),
    ],
)
def test_habit_without_source_reviewer_or_sense_is_not_loaded(before: str, after: str) -> None:
    shipped = (Path(__file__).parents[3] / "serving/contact/giving.toml").read_text("utf-8")
    assert before in TALK
    with pytest.raises(UnreadableDataError):
        parse_giving(shipped, ("talk", TALK.replace(before, after)))


def account(gifts: dict[date, int], *, weekday: int, ordinary: int = 400, seed: int = 3) -> pd.DataFrame:
    """Fourteen months of collections on one weekday (euros, give or take a fifth), and gifts on single days."""
    dice = random.Random(seed)
    first = date(2025, 9, 1)
    rows = []
    for day in (first + timedelta(days=at) for at in range(425)):
        euros = gifts.get(day, 0)
        if day.weekday() == weekday:
            euros += round(ordinary * dice.uniform(0.8, 1.2))
        if euros:
            row = {"booking_id": f"b{len(rows)}", "booking_date": day.isoformat(), "amount": f"{euros}.00"}
            rows.append({**row, "credit_debit_indicator": "CRDT", "counterparty_name": "Gevers"})
    return bookings_from_records(rows, source="account").frame


def explain(gifts: dict[date, int], tradition: str, *, weekday: int = 4) -> tuple[Peak, ...]:
    return explain_peaks(account(gifts, weekday=weekday), traditions=[tradition], knowledge=default_giving())


# The week before Eid al-Fitr 2026 (20 March): zakat al-fitr; qurbani before 27 May.
MOSQUE = {date(2026, 3, 16): 900, date(2026, 3, 18): 1400, date(2026, 5, 19): 2500, date(2026, 5, 21): 1200}
CHURCH = {date(2026, 1, 20): 1800, date(2026, 1, 27): 2100, date(2026, 11, 4): 0, date(2025, 12, 24): 900}
SYNAGOGUE = {date(2026, 9, 8): 1300, date(2026, 3, 2): 800}
TEMPLE = {date(2025, 10, 20): 1500, date(2026, 3, 3): 900}


@pytest.mark.parametrize(
    ("tradition", "gifts", "weekday", "expected"),
    [
        ("islam", MOSQUE, 4, {"2026-03-16": "zakat_al_fitr", "2026-05-18": "qurbani"}),
        ("christian", CHURCH, 6, {"2025-12-22": "christmas_collection", "2026-01-19": "kerkbalans"}),
        ("jewish", SYNAGOGUE, 0, {"2026-03-02": "gifts_of_purim", "2026-09-07": "high_holy_days"}),
        ("hindu", TEMPLE, 6, {"2025-10-20": "diwali_gifts", "2026-03-02": "holi_gifts"}),
    ],
    ids=STICHTING.values(),
)
def test_peaks_of_a_house_of_worship_are_explained(
    tradition: str, gifts: dict[date, int], weekday: int, expected: dict[str, str]
) -> None:
    peaks = explain(gifts, tradition, weekday=weekday)
    assert {peak.first_day.isoformat() for peak in peaks} == set(expected)
    for peak in peaks:
        assert peak.needs_no_question
        assert expected[peak.first_day.isoformat()] in [one.habit.id for one in peak.occasions]
        assert peak.expected_cents is not None
        assert peak.expected_cents[0] <= peak.total_cents <= peak.expected_cents[1]


@pytest.mark.parametrize("tradition", STICHTING)
def test_planted_peak_without_a_feast_is_not_explained(tradition: str) -> None:
    # 4 August 2026: no feast of these four traditions is near.
    (peak,) = explain({date(2026, 8, 4): 3000}, tradition)
    assert (peak.verdict, peak.occasions, peak.expected_cents) == ("no_feast", (), None)
    assert peak.first_day == date(2026, 8, 3)


def test_feast_of_another_tradition_explains_nothing() -> None:
    # The days before Eid al-Adha 2026, on which only Muslims give more.
    (peak,) = explain({date(2026, 5, 12): 2500}, "jewish")
    assert peak.verdict == "no_feast"


def test_peak_far_larger_than_the_habit_is_told_as_larger() -> None:
    (peak,) = explain({date(2026, 3, 18): 40_000}, "islam")
    assert peak.verdict == "larger_than_expected"
    assert not peak.needs_no_question


def test_peak_beside_a_feast_is_not_covered_by_it() -> None:
    # Ramadan's last week and, two weeks after Eid, a sum that no habit has.
    peaks = explain({date(2026, 3, 18): 1400, date(2026, 4, 7): 3000}, "islam")
    assert [(peak.first_day.isoformat(), peak.verdict) for peak in peaks] == [
        ("2026-03-16", "fits"),
        ("2026-04-06", "no_feast"),
    ]


def test_even_account_has_no_peak() -> None:
    assert explain({}, "islam") == ()


def test_gifts_passed_on_are_explained_on_the_way_out() -> None:
    came_in = account({}, weekday=4)
    went_out = account({date(2026, 3, 24): 2000}, weekday=1, ordinary=300).assign(credit_debit_indicator="DBIT")
    (peak,) = explain_peaks(
        pd.concat([came_in, went_out], ignore_index=True), traditions=["islam"], knowledge=default_giving()
    )
    assert (peak.direction, peak.verdict) == ("out", "fits")
    assert [one.habit.id for one in peak.occasions] == ["zakat_al_fitr_passed_on"]


def test_adjoining_weeks_of_one_reason_are_one_peak() -> None:
    gifts = {date(2026, 2, 23): 900, date(2026, 3, 2): 900}
    (peak,) = explain(gifts, "islam")
    assert (peak.first_day, peak.last_day) == (date(2026, 2, 23), date(2026, 3, 8))
    assert peak.total_cents > 180_000


def test_too_few_weeks_and_no_tradition_are_refused() -> None:
    few = account({}, weekday=4).head(8)
    with pytest.raises(UsageError, match="12 weeks"):
        explain_peaks(few, traditions=["islam"], knowledge=default_giving())
    with pytest.raises(UsageError, match="traditions"):
        explain_peaks(few, traditions=[], knowledge=default_giving())


def test_week_of_which_half_falls_outside_the_feast_is_not_explained() -> None:
    # Gifts before Rosh Hashana (12 September 2026) begin on Saturday 29 August: one comes before, one on that weekend.
    (peak,) = explain({date(2026, 8, 25): 1500, date(2026, 8, 30): 1500}, "jewish", weekday=0)
    assert (peak.first_day, peak.verdict) == (date(2026, 8, 24), "no_feast")
    assert 0.4 < peak.share_explained < 0.6
