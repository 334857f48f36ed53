"""Bookings read day by day, late and corrected ones too, give what all of them give at once."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as arrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.bookings import bookings_from_columns, load_bookings
from models.course_state import (
    Digest,
    course_of,
    detect_state,
    digest,
    falls_due,
    find_changed,
    find_gathered,
    find_loud,
    keep_customers,
    no_state,
    status_on,
    update,
)
from models.detection import detect_events, join_detections, prepare
from models.text import read_texts
from training.fitting import Fitted

SECRET = "0123456789abcdef"  # noqa: S105 - of hashes in a test
TEXTS = ("SVB KINDERBIJSLAG", "huur", "salaris")
NOTHING = Digest(no_state(), frozenset())


@pytest.fixture(scope="module")
def bookings(small_bank: Path) -> pd.DataFrame:
    return load_bookings(small_bank / "bookings.parquet").frame


def wrong_version(right: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The bookings as they were told before they were corrected: other days and texts."""
    moved = right["booking_date"] + pd.to_timedelta(rng.integers(-40, 40, len(right)), unit="D").astype(
        "timedelta64[s]"
    )
    texts = pd.Series(rng.choice(TEXTS, len(right)), index=right.index, dtype="str")
    return right.assign(booking_date=moved, remittance_information=texts)


def read(rows: pd.DataFrame, release: Fitted) -> Digest:
    return digest(rows.reset_index(drop=True), model=release, secret=SECRET)


def of_four(bookings: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    customers = rng.choice(bookings["customer_id"].unique(), 4, replace=False)
    return bookings[bookings["customer_id"].isin(customers)].reset_index(drop=True)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), days=st.integers(1, 5), late=st.floats(0, 0.3), corrected=st.floats(0, 0.2))
def test_day_by_day_equals_all_at_once(
    bookings: pd.DataFrame, small_release: Fitted, seed: int, days: int, late: float, corrected: float
) -> None:
    rng = np.random.default_rng(seed)
    mine = of_four(bookings, rng)
    as_of = rng.choice(mine["booking_date"].to_numpy()).astype("datetime64[D]").astype(date)
    cuts = np.sort(rng.choice(mine["booking_date"].to_numpy(), days - 1))
    step = np.searchsorted(cuts, mine["booking_date"].to_numpy(), side="right")
    step = np.where(rng.random(len(mine)) < late, rng.integers(step, days), step)
    is_corrected = (rng.random(len(mine)) < corrected) & (step < days - 1)
    state = no_state()
    for day in range(days):
        coming = [mine[(step == day) & ~is_corrected], wrong_version(mine[(step == day) & is_corrected], rng)]
        coming.append(mine[(step == day - 1) & is_corrected])
        for some in coming:
            state = update(state, read(some.sample(frac=1, random_state=1), small_release))
    found = detect_state(state, as_of=as_of, model=small_release)
    pd.testing.assert_frame_equal(found, detect_events(mine, as_of=as_of, release=small_release))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), nights=st.integers(2, 6), late=st.floats(0, 0.1), corrected=st.floats(0, 0.02))
def test_night_after_night_who_did_not_change_is_told_the_same(
    bookings: pd.DataFrame, small_release: Fitted, seed: int, nights: int, late: float, corrected: float
) -> None:
    rng = np.random.default_rng(seed)
    mine = of_four(bookings, rng)
    days = mine["booking_date"].to_numpy().astype("datetime64[D]")
    # Nights that follow one another closely, so that most bookings change nothing.
    first = rng.choice(days)
    ends = np.array([first + np.timedelta64(int(step), "D") for step in np.cumsum(rng.integers(1, 9, nights))])
    step = np.searchsorted(ends, days)
    step = np.where(rng.random(len(mine)) < late, rng.integers(0, nights, len(mine)), step)
    is_corrected = (rng.random(len(mine)) < corrected) & (step < nights - 1)
    state, newer, told, before = no_state(), NOTHING, None, None
    known = mine[:0]
    for night, end in enumerate(ends):
        as_of = end.astype(date)
        fresh = mine[(step == night) & ~is_corrected]
        wrong = wrong_version(mine[(step == night) & is_corrected], rng)
        coming = pd.concat([fresh, wrong, mine[(step == night - 1) & is_corrected]])
        known = pd.concat([known, coming]).drop_duplicates("booking_id", keep="last")
        new = read(coming, small_release)
        changed = set(mine["customer_id"])
        if told is not None:
            changed = find_changed(state, newer, new, after=before, up_to=as_of)
        newer = newer.followed_by(new)
        if rng.random() < 0.3:
            state, newer = update(state, newer), NOTHING
        whole = update(state, newer)
        found = [detect_state(keep_customers(whole, changed), as_of=as_of, model=small_release)]
        if told is not None:
            found.append(status_on(told[~told["customer_id"].isin(changed)], as_of, small_release.taxonomy))
        told = join_detections(found).sort_values("customer_id", kind="stable", ignore_index=True)
        before = as_of
        pd.testing.assert_frame_equal(told, detect_events(known, as_of=as_of, release=small_release))


def test_every_booking_that_makes_a_point_is_loud(bookings: pd.DataFrame, small_release: Fitted) -> None:
    """A new kind of point must be in `find_loud` or `find_gathered`, or a night would be told as the one before."""
    as_of = date(2026, 10, 31)
    mine = bookings[bookings["booking_date"] <= pd.Timestamp(as_of)].reset_index(drop=True)
    prepared = prepare(mine, as_of=as_of, model=small_release)
    state = read(mine, small_release).rows
    points = prepared.points
    last = np.array([row[row >= 0][-1] for row in points.evidence])
    ids = prepared.bookings["booking_id"].to_numpy(dtype=object)
    owners = prepared.bookings["customer_id"].to_numpy(dtype=object)
    loud = set(zip(*(np.array(state[name].to_pylist(), dtype=object)[find_loud(state) | find_gathered(state)]
                     for name in ("customer_id", "booking_id")), strict=True))  # fmt: skip
    assert {points.events[event] for event in np.unique(points.event)} >= {"child_birth", "windfall", "job_change"}
    assert {pair for pair in zip(owners[last], ids[last], strict=True) if pair not in loud} == set()
    assert 0 < len(loud) < len(state) / 3


def shopping(name: str, days: list[str], amounts: list[str], balances: list[str]) -> pd.DataFrame:
    """Card payments of one customer."""
    columns = {
        "customer_id": ["one"] * len(days), "booking_id": days, "booking_date": days, "amount": amounts,
        "credit_debit_indicator": ["DBIT"] * len(days), "counterparty_name": [name] * len(days),
        "balance_after": balances, "bank_transaction_code": ["PMNT-CCRD-POSD"] * len(days),
        "remittance_information": ["betaalautomaat"] * len(days),
    }  # fmt: skip
    return bookings_from_columns(columns, source="test").frame


@pytest.mark.parametrize(
    ("name", "amounts", "balances", "changed"),
    [
        ("GAMMA BOUWMARKT ZWOLLE", ["700.00", "700.00", "50.00", "60.00"], ["90", "80", "70", "60"], [False, True]),
        ("JUMBO ZWOLLE", ["10.00"] * 4, ["20", "10", "-5", "-15"], [True, False]),
        ("JUMBO ZWOLLE", ["10.00"] * 4, ["20", "-10", "-5", "15"], [False, False]),
        ("JUMBO ZWOLLE", ["10.00"] * 4, ["-20", "10", "-5", "-15"], [True, False]),
    ],
    ids=["materials that add up", "below zero", "above zero again", "below zero again"],
)
def test_what_only_adds_to_earlier_bookings_changes_nothing_until_it_is_enough(
    name: str, amounts: list[str], balances: list[str], changed: list[bool], small_release: Fitted
) -> None:
    days = ["2026-05-01", "2026-05-10", "2026-05-20", "2026-05-21"]
    mine = shopping(name, days, amounts, balances)
    for at, told in zip((2, 3), changed, strict=True):
        night, before = date.fromisoformat(days[at]), date.fromisoformat(days[at - 1])
        rows, last, new = (read(mine[a:b], small_release) for a, b in ((0, 1), (1, at), (at, at + 1)))
        found = find_changed(rows.rows, last, new, after=before, up_to=night)
        assert found == ({"one"} if told else set())


def test_a_payment_that_is_overdue_is_noticed_on_that_day(bookings: pd.DataFrame, small_release: Fitted) -> None:
    as_of = date(2026, 10, 31)
    mine = bookings[bookings["booking_date"] <= pd.Timestamp(as_of)].reset_index(drop=True)
    prepared = prepare(mine, as_of=as_of, model=small_release)
    state = read(mine, small_release).rows
    stops = prepared.points.part(prepared.points.figure("is_virtual") > 0)
    assert len(stops.day)
    names = prepared.course.customers
    for customer, day in zip(stops.customer.tolist(), stops.day.tolist(), strict=True):
        end = np.datetime64(day, "D").astype(date)
        due = state.filter(arrow.array(falls_due(state, end - timedelta(days=1), end)))
        assert names[customer] in due["customer_id"].to_pylist()


def test_the_same_bookings_twice_change_nothing(bookings: pd.DataFrame, small_release: Fitted) -> None:
    new = read(bookings[:300], small_release)
    once = update(no_state(), new)
    assert update(once, new).equals(once)
    later = read(bookings[200:400], small_release)
    assert update(update(once, later), later).equals(update(once, later))


def test_a_booking_that_is_screened_after_its_correction_leaves_the_state(
    bookings: pd.DataFrame, small_release: Fitted
) -> None:
    one = bookings[bookings["bank_transaction_code"] == "CARD"][:1]
    state = update(no_state(), read(one, small_release))
    assert len(state) == 1
    mosque = one.assign(counterparty_name="MOSKEE EL VOORBEELD", remittance_information="contributie moskee")
    assert len(update(state, read(mosque.astype(one.dtypes), small_release))) == 0


def test_a_state_holds_neither_text_nor_name(bookings: pd.DataFrame, small_release: Fitted) -> None:
    state = update(no_state(), read(bookings[:500], small_release))
    texts = [field.name for field in state.schema if not arrow.types.is_primitive(field.type)]
    assert texts == ["customer_id", "booking_id", "told"]
    other = digest(bookings[:500], model=small_release, secret="f" * 16)
    assert not set(other.rows["party"].to_pylist()) & set(state["party"].to_pylist())


def test_small_probabilities_that_detection_compares_are_kept(bookings: pd.DataFrame, small_release: Fitted) -> None:
    paid = bookings["counterparty_name"].str.contains("SVB|verzekeringsbank", case=False)
    told = bookings[paid & bookings["remittance_information"].str.contains("kinderbijslag", case=False)]
    told = told.reset_index(drop=True)
    classes = small_release.classifier.classes_
    judged = small_release.classifier.judge(told, read_texts(told, names=small_release.classifier.names_))
    likely = judged.probabilities[judged.at, classes.tolist().index("retirement")]
    at = int(np.flatnonzero((likely > 0) & (likely < 0.05))[0])
    one, expected = told[at : at + 1].reset_index(drop=True), likely[at]
    state = update(no_state(), read(one, small_release))
    course = course_of(state, classes=classes, as_of=date(2026, 10, 31))
    assert course.likely("retirement").tolist() == [expected]
    assert course.likely("none").tolist() == [0]
