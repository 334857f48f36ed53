"""What may be trained on: permission first, screening second, every booking accounted for."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.bookings import load_bookings
from models.canonical import framed_sha256, moment_text
from models.errors import IntegrityError, LevensloopError, UnreadableDataError, UsageError
from models.purposes import default_purposes
from models.screening import default_screening
from models.taxonomy import default_taxonomy
from training.dataset import Dataset, load_dataset, split_as_given
from training.splits import Split, customer_groups, split_by_customer, validate_disjoint

BOOKINGS = """customer_id,booking_id,booking_date,amount,credit_debit_indicator,counterparty_name,remittance_information
anna,a1,2026-07-01,295.07,CRDT,SVB,KINDERBIJSLAG 2E KWARTAAL
anna,a2,2026-07-02,25.00,DBIT,Protestantse Gemeente te Voorbeeld,Kerkbalans 2026
bert,b1,2026-07-01,10.00,DBIT,Bakker,brood
carl,c1,2026-07-01,10.00,DBIT,Bakker,brood
dora,d1,2026-07-01,10.00,DBIT,Bakker,brood
"""
LABELS = "booking_id,event,role\na1,child_birth,primary\na2,none,screened\nb1,none,\nc1,none,\n"
PERMISSIONS = """customer_id,purpose,action,at,notice_version
anna,model_training,consented,2026-01-01T10:00:00+01:00,{notice}
bert,model_training,consented,2026-01-01T10:00:00+01:00,{notice}
bert,model_training,withdrawn,2026-02-01T10:00:00+01:00,{notice}
carl,own_product_offers,consented,2026-01-01T10:00:00+01:00,{notice}
dora,model_training,consented,2026-01-01T10:00:00+01:00,{notice}
"""


def load(folder: Path, *, permissions: str | None = PERMISSIONS, notice: str = "", **texts: str) -> Dataset:
    notice = notice or default_purposes().purpose("model_training").notice_version
    (folder / "b.csv").write_text(texts.get("bookings", BOOKINGS))
    (folder / "l.csv").write_text(texts.get("labels", LABELS))
    if permissions is not None:
        (folder / "p.csv").write_text(permissions.format(notice=notice))
    return load_dataset(
        folder / "b.csv", folder / "l.csv", taxonomy=default_taxonomy(), screening=default_screening(),
        permissions=folder / "p.csv" if permissions is not None else None,
    )  # fmt: skip


def test_only_bookings_with_permission_that_pass_screening_and_have_a_label_are_kept(tmp_path: Path) -> None:
    dataset = load(tmp_path)
    assert dataset.bookings["booking_id"].tolist() == ["a1"]
    assert dataset.labels.tolist() == ["child_birth"]
    # read 5 = no permission (bert's withdrawal, carl's other purpose) 2 + screened 1 + no label 1 + kept 1
    assert dataset.counts == {"read": 5, "problems": 0, "no_permission": 2, "screened": 1, "no_label": 1, "kept": 1}


def test_permission_of_another_banks_notice_counts_too(tmp_path: Path) -> None:
    assert load(tmp_path, notice="v7 of our own").bookings["customer_id"].tolist() == ["anna"]


def test_the_permission_snapshot_names_nobody(tmp_path: Path) -> None:
    permission = load(tmp_path).permission
    assert permission["customers"] == 2
    assert len(permission["snapshot_sha256"]) == 64
    assert "anna" not in str(permission)


def test_without_permissions_all_are_kept_and_the_release_is_marked(tmp_path: Path) -> None:
    dataset = load(tmp_path, permissions=None)
    assert dataset.permission == {"permission_not_shown": True}
    assert dataset.counts["no_permission"] == 0
    assert "cannot be promoted" in dataset.notes[-1]


def test_a_label_that_the_taxonomy_does_not_have_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="moved_to_mars"):
        load(tmp_path, labels=LABELS.replace("child_birth", "moved_to_mars"))


def test_labels_of_other_bookings_leave_nothing_to_train_on(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No labelled booking is left"):
        load(tmp_path, labels="booking_id,event,role\nzz,none,\n")


def test_permission_that_leaves_nobody_is_said_as_permission(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No customer of these bookings allows model_training"):
        load(tmp_path, permissions=PERMISSIONS.replace("consented", "withdrawn"))


def test_permission_of_other_customers_is_said_as_permission(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="customer_id in permissions and bookings"):
        load(tmp_path, bookings=BOOKINGS.replace("anna", "zoe").replace("dora", "yara"))


def test_screening_that_leaves_nothing_is_said_as_screening(tmp_path: Path) -> None:
    church = BOOKINGS.splitlines()[2]
    with pytest.raises(UsageError, match="Screening stops every booking"):
        load(tmp_path, bookings=f"{BOOKINGS.splitlines()[0]}\n{church}\n")


def test_a_table_without_a_usable_row_is_said_with_its_first_fault(tmp_path: Path) -> None:
    header, row = BOOKINGS.splitlines()[:2]
    with pytest.raises(UsageError, match=r"no row that can be used; the first of 1 faults is b\.csv:2: "):
        load(tmp_path, bookings=f"{header}\n{row.replace('2026-07-01', 'yesterday')}\n", permissions=None)


def test_the_snapshot_of_another_notice_claims_no_notice_of_ours(tmp_path: Path) -> None:
    ours, theirs = load(tmp_path).permission, load(tmp_path, notice="v7 of our own").permission
    registry = default_purposes()
    at = datetime.fromisoformat(theirs["at"])
    # Written out as the framing says: what a snapshot is made of, with an empty place where the notice's hash stands.
    told = framed_sha256("permission-snapshot-1", "model_training", "opt_in", "", moment_text(at), "anna", "dora")
    assert ours["purposes_sha256"] == registry.sha256
    assert (theirs["purposes_sha256"], theirs["notice_version"]) == (None, "v7 of our own")
    assert theirs["snapshot_sha256"] == told


def split(folder: Path, rows: str) -> tuple[Split, list[str]]:
    (folder / "s.csv").write_text(f"customer_id,split\n{rows}")
    dataset = load(folder, permissions=None, labels="booking_id,event,role\na1,child_birth,primary\n")
    notes: list[str] = []
    return split_as_given(dataset.bookings, folder / "s.csv", notes), notes


def test_a_given_split_tests_on_its_customers_and_fits_on_all_others(tmp_path: Path) -> None:
    # Bookings kept: a1 (anna), b1 (bert), c1 (carl), d1 (dora); dora stands in no row.
    given, notes = split(tmp_path, "anna,train\nbert,test\ncarl,test\neve,test\n")
    assert (given.fit.tolist(), given.test.tolist()) == ([0, 3], [1, 2])
    assert notes == ["1 customers are not in s.csv; they are fitted on, not tested on."]


@pytest.mark.parametrize(
    ("rows", "error", "said"),
    [
        ("anna,train\nbert,validation\n", UnreadableDataError, r"s\.csv:3: give"),
        ("anna,train\nanna,test\n", IntegrityError, r"1 customers of s\.csv are in train and in test"),
        ("eve,test\n", UsageError, "no booking to test on"),
        ("anna,test\nbert,test\ncarl,test\ndora,test\n", UsageError, "no booking to fit on"),
    ],
)
def test_a_split_that_cannot_be_used_is_refused(
    tmp_path: Path, rows: str, error: type[LevensloopError], said: str
) -> None:
    with pytest.raises(error, match=said):
        split(tmp_path, rows)


def test_labels_of_events_alone_make_all_other_bookings_none(tmp_path: Path) -> None:
    dataset = load(tmp_path, labels="booking_id,event,role\na1,child_birth,primary\n", permissions=None)
    assert dict(zip(dataset.bookings["booking_id"], dataset.labels, strict=True)) == {
        "a1": "child_birth", "b1": "none", "c1": "none", "d1": "none",
    }  # fmt: skip


def test_a_second_label_of_one_booking_is_said(tmp_path: Path) -> None:
    dataset = load(tmp_path, labels=LABELS + "a1,none,\n")
    assert dataset.labels.tolist() == ["child_birth"]
    assert "1 labels name a booking for a second time" in dataset.notes[-1]


def test_a_labels_file_without_its_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDataError, match="no column event"):
        load(tmp_path, labels="booking_id,label\na1,x\n")


def test_a_withdrawn_customer_of_a_whole_bank_is_in_no_training_set(
    small_bank: Path, small_dataset: Dataset, tmp_path: Path
) -> None:
    kept = set(small_dataset.bookings["customer_id"])
    everybody = set(load_bookings(small_bank / "bookings.parquet").frame["customer_id"])
    assert 0.6 < len(kept) / len(everybody) < 1.0
    told = pd.read_csv(small_bank / "permissions.csv", dtype=str)
    leaving = min(kept)
    mine = told[(told["customer_id"] == leaving) & (told["purpose"] == "model_training")]
    later = (pd.to_datetime(mine["at"]).max() + pd.Timedelta(minutes=1)).isoformat()
    goodbye = mine.tail(1).assign(action="withdrawn", at=later)
    pd.concat([told, goodbye]).to_csv(tmp_path / "p.csv", index=False)
    after = load_dataset(
        small_bank / "bookings.parquet", small_bank / "labels.csv", taxonomy=default_taxonomy(),
        screening=default_screening(), permissions=tmp_path / "p.csv",
    )  # fmt: skip
    assert set(after.bookings["customer_id"]) == kept - {leaving}


def test_customers_are_never_on_both_sides_of_a_split(small_dataset: Dataset) -> None:
    split = split_by_customer(small_dataset.bookings, test_share=0.25, seed=0)
    customers = small_dataset.bookings["customer_id"].to_numpy()
    assert not set(customers[split.fit]) & set(customers[split.test])
    assert len(split.fit) + len(split.test) == len(customers)


def test_an_overlap_of_customers_fails_the_run(small_dataset: Dataset) -> None:
    groups = customer_groups(small_dataset.bookings)
    with pytest.raises(IntegrityError, match="1 customers are in the fitted and in the tested part"):
        validate_disjoint(groups, Split(np.array([0, 1]), np.array([1])))
