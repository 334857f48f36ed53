"""The files of a synthetic bank: the same for a seed, within the contract, and consistent with each other."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from stdnum import iban
from stdnum.eu import at_02

from models.bookings import bookings_schema, load_bookings, signed_cents
from models.errors import UsageError
from models.taxonomy import default_taxonomy
from training.simulation import persona, simulate

FILES = (
    "bookings.parquet", "labels.csv", "events.csv", "permissions.csv", "customers.csv", "accounts.csv", "splits.csv",
    "vault/groups.csv",
)  # fmt: skip


def test_two_runs_of_a_seed_are_equal_byte_for_byte(tmp_path: Path) -> None:
    for name in ("one", "two"):
        simulate(customers=12, months=4, seed=3, out=tmp_path / name)
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_another_seed_gives_other_bookings(tmp_path: Path) -> None:
    for seed in (3, 4):
        simulate(customers=2, months=2, seed=seed, out=tmp_path / str(seed))
    assert (tmp_path / "3/labels.csv").read_bytes() != (tmp_path / "4/labels.csv").read_bytes()


def test_a_customer_is_the_same_whatever_the_number_of_customers(tmp_path: Path) -> None:
    simulate(customers=3, months=3, seed=3, out=tmp_path / "few")
    simulate(customers=6, months=3, seed=3, out=tmp_path / "many")
    few = load_bookings(tmp_path / "few/bookings.parquet").frame
    many = load_bookings(tmp_path / "many/bookings.parquet").frame
    pd.testing.assert_frame_equal(few, many[many["customer_id"].isin(few["customer_id"])])


def test_csv_and_parquet_hold_the_same_bookings(tmp_path: Path) -> None:
    simulate(customers=3, months=2, seed=5, out=tmp_path, bookings_format="csv")
    csv = load_bookings(tmp_path / "bookings.csv")
    assert csv.problems == []
    pd.testing.assert_frame_equal(csv.frame, load_bookings(tmp_path / "bookings.parquet").frame)


def test_bookings_keep_the_contract(bank) -> None:
    bookings_schema().validate(bank.bookings)
    assert not bank.bookings.duplicated(["customer_id", "booking_id"]).any()
    assert bank.summary.bookings == len(bank.bookings)


def test_every_booking_has_one_label_that_the_taxonomy_knows(bank) -> None:
    assert bank.labels["booking_id"].is_unique
    assert set(bank.labels["booking_id"]) == set(bank.bookings["booking_id"])
    assert set(bank.labels["event"]) <= set(default_taxonomy().booking_labels)
    assert set(bank.labels["role"]) == {"primary", "supporting", "background", "confuser", "screened"}
    by_role = bank.labels.groupby("role")["event"].unique()
    assert list(by_role["confuser"]) == ["none"]
    assert list(by_role["screened"]) == ["none"]


def test_running_balances_add_up(bank) -> None:
    cents = pd.Series(signed_cents(bank.bookings))
    balance = (bank.bookings["balance_after"].astype(float) * 100).round().astype(int)
    steps = balance.groupby([bank.bookings["customer_id"], bank.bookings["account_iban"]]).diff()
    inside = steps.notna()
    assert (steps[inside].astype(int) == cents[inside]).all()


def test_account_numbers_and_creditor_identifiers_have_valid_check_digits(bank) -> None:
    accounts = bank.bookings["account_iban"].unique()
    own = bank.bookings["bank_transaction_code"].isin(("INTERNAL", ""))  # some banks tell no kinds
    others = bank.bookings.loc[~own, "counterparty_iban"].drop_duplicates().loc[lambda texts: texts != ""]
    creditors = bank.bookings["creditor_id"].drop_duplicates().loc[lambda texts: texts != ""]
    assert all(iban.is_valid(text, check_country=False) for text in accounts)
    assert all(iban.is_valid(text, check_country=False) for text in others)
    assert all(at_02.is_valid(text) for text in creditors)
    assert not set(accounts) & set(others)


def test_debits_and_batches_are_booked_on_days_that_banks_are_open(bank) -> None:
    moved = bank.bookings[bank.bookings["bank_transaction_code"].isin(["SDD", "SALARY", "CARD", "CASH"])]
    assert (moved["booking_date"].dt.day_of_week < 5).all()
    assert not moved["booking_date"].isin(pd.to_datetime(["2026-01-01", "2026-04-03", "2026-04-06"])).any()


def test_kings_day_and_ascension_are_booking_days(bank) -> None:
    # 27 April 2026 is a Monday, 14 May 2026 a Thursday; the European payment system is open on both.
    assert bank.bookings["booking_date"].isin(pd.to_datetime(["2026-04-27"])).any()
    assert bank.bookings["booking_date"].isin(pd.to_datetime(["2026-05-14"])).any()


def test_event_dates_are_in_order_and_useful_days_come_from_the_taxonomy(bank) -> None:
    events = bank.events
    assert (events["onset_date"] <= events["first_detectable_date"]).all()
    useful = events["event"].map({event.id: event.useful_days for event in default_taxonomy().events})
    assert ((events["last_useful_date"] - events["first_detectable_date"]).dt.days == useful).all()


def test_every_life_event_of_the_taxonomy_happens_in_a_small_enriched_bank(bank) -> None:
    assert len(default_taxonomy().ids) == 28
    assert set(bank.events["event"]) == set(default_taxonomy().ids)


def test_an_event_is_only_told_with_the_history_that_tells_a_first_from_a_running_one(bank) -> None:
    seen_from = bank.bookings.groupby("customer_id")["booking_date"].min()
    history = bank.events["event"].map({event.id: event.history_days for event in default_taxonomy().events})
    known = (bank.events["onset_date"] - bank.events["customer_id"].map(seen_from)).dt.days
    assert (known >= history).all()


@pytest.mark.parametrize("event", ["child_birth", "job_loss", "retirement", "bereavement", "inheritance", "home_sale"])
def test_a_booking_of_its_own_stands_on_the_day_an_event_can_be_told(bank, event: str) -> None:
    told = bank.events[bank.events["event"] == event]
    evidence = bank.labelled[(bank.labelled["event"] == event) & (bank.labelled["role"] == "primary")]
    days = set(zip(evidence["customer_id"], evidence["booking_date"], strict=True))
    assert len(told) > 0
    assert set(zip(told["customer_id"], told["first_detectable_date"], strict=True)) <= days


def test_groups_appear_in_no_file_but_the_vault(bank) -> None:
    columns = pd.read_csv(bank.folder / "vault/groups.csv").columns.drop("customer_id")
    for name in FILES[1:-1]:
        text = (bank.folder / name).read_text(encoding="utf-8")
        header = text.split("\n", 1)[0].split(",")
        assert not set(columns) & set(header), name
        assert not any(word in text for word in ("moroccan", "turkish", "muslim", "catholic")), name
    assert not set(columns) & set(bank.bookings.columns)


@pytest.mark.parametrize("before", [False, True])
def test_the_vault_can_be_opened_by_its_owner_alone(tmp_path: Path, before: bool) -> None:
    groups = tmp_path / "vault" / "groups.csv"
    if before:  # a bank of before, which everybody could read
        groups.parent.mkdir(mode=0o755)
        groups.write_text("of before")
        groups.chmod(0o644)
    simulate(customers=1, months=1, seed=1, out=tmp_path)
    assert (groups.parent.stat().st_mode & 0o777, groups.stat().st_mode & 0o777) == (0o700, 0o600)
    assert "of before" not in groups.read_text()


def test_about_four_in_five_customers_allow_training(bank) -> None:
    rows = pd.read_csv(bank.folder / "permissions.csv", parse_dates=["at"])
    assert set(rows["purpose"]) == {
        "own_product_offers", "overdraft_signal", "model_training", "service_contact", "fairness_audit",
    }  # fmt: skip
    asked = rows[rows["purpose"] == "model_training"].sort_values("at", kind="stable")
    last = asked.groupby("customer_id")["action"].last()
    # 160 customers: two standard errors of a share of .80 are .063, and one in fifty withdraws.
    assert 0.70 <= (last == "consented").mean() <= 0.88
    assert set(rows["notice_version"]) == {"2026-01"}


def test_a_bank_without_customers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least one customer"):
        simulate(customers=0, months=1, seed=1, out=tmp_path)


def test_progress_counts_every_customer_once(tmp_path: Path) -> None:
    seen: list[int] = []
    simulate(customers=5, months=1, seed=1, out=tmp_path, progress=seen.append)
    assert sum(seen) == 5


def test_the_child_benefit_persona_gets_its_first_benefit_on_the_last_quarter_day() -> None:
    frame = persona("child_benefit", 1, date(2026, 11, 21))
    benefit = frame[frame["amount"].astype(str) == "298.02"]
    assert list(benefit["booking_date"].dt.strftime("%Y-%m-%d")) == ["2026-10-01"]
    assert (pd.Timestamp("2026-10-01") - frame["booking_date"].min()).days > 240
    assert set(frame["customer_id"]) == {"demo-child"}


def test_the_plane_ticket_persona_books_a_trip_in_the_last_weeks() -> None:
    frame = persona("plane_ticket", 1, date(2026, 11, 21))
    late = frame[frame["booking_date"] >= "2026-11-10"]
    assert set(frame["customer_id"]) == {"demo-travel"}
    assert (late["amount"].astype(float) >= 80).any()
    assert np.isin(late["bank_transaction_code"], ["IDEAL", "CARD", "SCT"]).any()


def test_an_unknown_persona_is_refused() -> None:
    with pytest.raises(UsageError, match="no persona"):
        persona("lottery", 1, date(2026, 11, 21))


def test_children_hold_accounts_and_have_no_life_events(bank) -> None:
    customers = pd.read_csv(bank.folder / "customers.csv").set_index("customer_id")
    minors = set(customers.index[~customers["is_adult"]])
    assert minors
    assert not minors & set(bank.events["customer_id"])
    assert minors <= set(bank.bookings["customer_id"])


def test_unknown_rates_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="natural or enriched"):
        simulate(customers=1, months=1, seed=1, out=tmp_path, rates="wild")


def test_years_before_the_first_amounts_can_be_simulated(tmp_path: Path) -> None:
    summary = simulate(customers=4, months=3, seed=1, out=tmp_path, until=date(2017, 12, 31))
    assert summary.bookings > 100
    assert "4 customers" in str(summary)
