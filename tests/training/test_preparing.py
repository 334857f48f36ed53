"""Preparing a training: of a dataset of any size what a training may read, the same by one process and by Spark."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from models.bookings import load_bookings
from models.commands import parse_engine
from models.errors import UsageError
from models.home import Home
from models.purposes import default_purposes
from models.screening import default_screening
from models.taxonomy import default_taxonomy
from training.dataset import load_dataset
from training.preparing import BOOKINGS, LABELS, prepare_files

HEADER = "customer_id,booking_id,booking_date,amount,credit_debit_indicator,counterparty_name,remittance_information\n"
TABLE = HEADER + (
    "anna,a1,2026-07-01,295.07,CRDT,SVB,KINDERBIJSLAG 2E KWARTAAL\n"
    "anna,a2,2026-07-02,25.00,DBIT,Protestantse Gemeente te Voorbeeld,Kerkbalans 2026\n"
    "anna,a3,2026-07-03,10.00,DBIT,Bakker,brood\n"
    "anna,a4,2026-07-03,0.00,DBIT,Bakker,brood\n"
    "bert,b1,2026-07-01,10.00,DBIT,Bakker,brood\n"
    "dora,d1,2026-07-01,10.00,DBIT,Bakker,brood\n"
)
NOTICE = default_purposes().purpose("model_training").notice_version
PERMISSIONS = "customer_id,purpose,action,at,notice_version\n" + "".join(
    f"{name},model_training,{action},2026-0{month}-01,{NOTICE}\n"
    for name, action, month in (("anna", "consented", 1), ("bert", "objected", 2), ("dora", "consented", 1))
)
Prepare = Callable[..., dict[str, int]]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Bookings, labels and permissions of three customers."""
    texts = {
        "bookings": TABLE, "labels": "booking_id,event,role\na1,child_birth,primary\na2,none,\nd1,none,confuser\n",
        "permissions": PERMISSIONS,
    }  # fmt: skip
    for name, text in texts.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return {name: tmp_path / f"{name}.csv" for name in texts}


@pytest.fixture
def prepare(tmp_path: Path, files: dict[str, Path]) -> Prepare:
    def run(**changes: Any) -> dict[str, int]:
        return prepare_files(**{**files, "out": tmp_path / "out", "home": Home(tmp_path / "home"), **changes})

    return run


def test_only_what_may_be_trained_on_is_written_with_its_labels(prepare: Prepare, tmp_path: Path) -> None:
    counts = prepare()
    assert counts == {"read": 6, "problems": 1, "no_permission": 1, "screened": 1, "no_label": 1, "kept": 2}
    kept = load_bookings(tmp_path / "out" / BOOKINGS).frame
    assert kept[["customer_id", "booking_id"]].to_numpy().tolist() == [["anna", "a1"], ["dora", "d1"]]
    told = (tmp_path / "out" / LABELS).read_text()
    assert told == "booking_id,event,role\na1,child_birth,primary\nd1,none,confuser\n"
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "out").iterdir()} == {0o600}


def test_nobody_under_18_is_prepared(prepare: Prepare, tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text("customer_id,is_adult\nanna,true\ndora,false\n")
    for permissions in (None, tmp_path / "permissions.csv"):
        prepare(customers=tmp_path / "customers.csv", permissions=permissions)
        assert "dora" not in set(load_bookings(tmp_path / "out" / BOOKINGS).frame["customer_id"])


def test_customers_are_drawn_whole_from_those_who_allow_it(prepare: Prepare, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("booking_id,event\na1,child_birth\n")  # all others are none
    assert prepare(most_customers=1)["no_permission"] in (2, 5)  # all of bert, and all of anna or of dora
    assert prepare(most_customers=2) == prepare()
    assert prepare()["kept"] == 3
    with pytest.raises(UsageError, match="--permissions"):
        prepare(most_customers=1, permissions=None)


def test_nothing_left_is_said_with_the_step_that_left_nothing(prepare: Prepare, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("booking_id,event\nx,none\n")
    with pytest.raises(UsageError, match="booking_id in labels"):
        prepare()
    (tmp_path / "permissions.csv").write_text(PERMISSIONS.replace("consented", "objected"))
    with pytest.raises(UsageError, match="allows model_training"):
        prepare()
    assert not (tmp_path / "out").exists()


def prepare_bank(bank: Path, bookings: Path, out: Path, **options: Any) -> dict[str, int]:
    return prepare_files(
        bookings, bank / "labels.csv", out=out, permissions=bank / "permissions.csv", home=Home(out / "home"), **options
    )


def test_a_training_reads_the_same_of_prepared_bookings(small_bank: Path, tmp_path: Path) -> None:
    prepare_bank(small_bank, small_bank / "bookings.parquet", tmp_path)
    order = ["customer_id", "booking_date", "account_iban", "booking_id"]
    read = []
    for bookings, labels in (
        (small_bank / "bookings.parquet", small_bank / "labels.csv"),
        (tmp_path / BOOKINGS, tmp_path / LABELS),
    ):
        whole = load_dataset(
            bookings, labels, taxonomy=default_taxonomy(), screening=default_screening(),
            events=small_bank / "events.csv", permissions=small_bank / "permissions.csv",
        )  # fmt: skip
        rows = whole.bookings.assign(label=whole.labels, role=whole.known_roles)
        read.append((rows.sort_values(order, ignore_index=True), whole.events))
    pd.testing.assert_frame_equal(read[0][0], read[1][0])
    pd.testing.assert_frame_equal(read[0][1], read[1][1])


def test_an_engine_that_is_not_there_is_named() -> None:
    assert parse_engine("spark") == "spark"
    with pytest.raises(UsageError, match="--engine local or --engine spark"):
        parse_engine("flink")
