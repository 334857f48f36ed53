"""Bookings read day by day, late and corrected ones too, give what all of them give at once."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as arrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.bookings import load_bookings
from models.course_state import Digest, course_of, detect_state, digest, no_state, update
from models.detection import detect_events
from models.text import read_texts
from training.fitting import Fitted

SECRET = "0123456789abcdef"  # noqa: S105 - of hashes in a test
TEXTS = ("SVB KINDERBIJSLAG", "huur", "salaris")


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


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), days=st.integers(1, 5), late=st.floats(0, 0.3), corrected=st.floats(0, 0.2))
def test_day_by_day_equals_all_at_once(
    bookings: pd.DataFrame, small_release: Fitted, seed: int, days: int, late: float, corrected: float
) -> None:
    rng = np.random.default_rng(seed)
    customers = rng.choice(bookings["customer_id"].unique(), 4, replace=False)
    mine = bookings[bookings["customer_id"].isin(customers)].reset_index(drop=True)
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
    one = bookings[paid & bookings["remittance_information"].str.contains("kinderbijslag", case=False)][:1]
    one = one.reset_index(drop=True)
    texts = read_texts(one, names=small_release.classifier.names_)
    classes = small_release.classifier.classes_
    expected = small_release.classifier.probabilities_of(one, texts)[0, classes.tolist().index("retirement")]
    state = update(no_state(), read(one, small_release))
    course = course_of(state, classes=classes, as_of=date(2026, 10, 31))
    assert 0 < expected < 0.05
    assert course.likely("retirement").tolist() == [expected]
    assert course.likely("none").tolist() == [0]
