"""The naive model must be what it says: raw, without history, and only as good as its first booking."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from models.bookings import bookings_from_records
from training.fairness.naive import NaiveModel


def bank(*rows: tuple[str, int, str, str], account: str = "own") -> pd.DataFrame:
    """Rows of (date, euros, counterparty, text) of one customer."""
    records = [
        {"customer_id": "anna", "account_iban": account, "booking_id": f"b{n}", "booking_date": day,
         "amount": str(abs(Decimal(euros))), "credit_debit_indicator": "CRDT" if euros > 0 else "DBIT",
         "counterparty_name": name, "remittance_information": text}
        for n, (day, euros, name, text) in enumerate(rows)
    ]  # fmt: skip
    return bookings_from_records(records, source="test").frame


@pytest.fixture(scope="module")
def naive() -> NaiveModel:
    rows = [(f"2026-01-{1 + n % 28:02d}", -40, "Winkel", f"pas {n}") for n in range(30)]
    rows += [(f"2026-01-{1 + n % 28:02d}", 300 + 10 * n, "Bedrijf BV", f"loon opname bijdrage {n}") for n in range(30)]
    rows += [(f"2026-02-{1 + n % 28:02d}", 290, "SVB", f"kinderbijslag {n}") for n in range(30)]
    labels = np.array(["none"] * 60 + ["child_birth"] * 30)
    return NaiveModel.fit(bank(*rows), labels)


def told(naive: NaiveModel, bookings: pd.DataFrame) -> dict[str, str]:
    found = naive.detect(bookings)
    return dict(zip(found["event"], found["detected_on"].dt.strftime("%m-%d"), strict=True))


def test_the_first_booking_above_one_half_is_the_event_though_it_may_have_run_for_years(naive: NaiveModel) -> None:
    bookings = bank(("2026-03-01", 290, "SVB", "kinderbijslag 7"), ("2026-06-01", 290, "SVB", "kinderbijslag 8"))
    assert told(naive, bookings) == {"child_birth": "03-01"}


def test_pay_that_is_eight_percent_above_the_last_is_a_rise_and_another_payer_a_new_job(naive: NaiveModel) -> None:
    pay = [("2026-03-02", 500, "A BV", "loon wk 9"), ("2026-03-09", 539, "A BV", "loon wk 10")]
    assert told(naive, bank(*pay)) == {}
    assert told(naive, bank(*pay, ("2026-03-16", 590, "B BV", "loon wk 11"))) == {
        "income_rise": "03-16", "job_change": "03-16",
    }  # fmt: skip


def test_one_large_credit_is_a_windfall_whatever_it_is(naive: NaiveModel) -> None:
    assert told(naive, bank(("2026-03-02", 5000, "Spaarrekening", "opname"))) == {}
    assert told(naive, bank(("2026-03-02", 5001, "Spaarrekening", "opname"))) == {"windfall": "03-02"}


def test_a_month_in_which_more_goes_out_than_in_is_an_overdraft(naive: NaiveModel) -> None:
    even = [("2026-01-24", 900, "A BV", "bijdrage"), ("2026-02-24", 900, "A BV", "bijdrage")]
    assert told(naive, bank(*even, ("2026-03-01", -900, "Winkel", "pas"))) == {}
    assert told(naive, bank(*even, ("2026-03-01", -901, "Winkel", "pas"))) == {"overdraft": "03-01"}


def test_only_another_currency_tells_a_stay_abroad(naive: NaiveModel) -> None:
    days = [("2026-07-01", -20, "Winkel TUR", "koers 48"), ("2026-07-01", -20, "Winkel TUR", "koers 48")]
    assert told(naive, bank(*days)) == {}
    assert told(naive, bank(*days, ("2026-07-02", -20, "Winkel TUR", "koers 48"))) == {"travel_in_progress": "07-02"}
    assert told(naive, bank(*[(f"2026-07-0{n}", -20, "Winkel ESP", "pas") for n in range(1, 5)])) == {}


def test_a_booking_of_a_joint_account_counts_for_its_first_holder_only(naive: NaiveModel) -> None:
    mine = bank(("2026-03-01", 290, "SVB", "kinderbijslag 7"), account="joint")
    found = naive.detect(pd.concat([mine, mine.assign(customer_id="ben")], ignore_index=True))
    assert found["customer_id"].tolist() == ["anna"]
