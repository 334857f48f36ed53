"""The proof that no objector's booking is in a release holds for the files that were trained on, and for no others."""

import json
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from models.candidate import write_candidate
from models.errors import IntegrityError, UsageError
from models.home import Home
from models.purposes import default_purposes
from models.screening import default_screening
from models.taxonomy import default_taxonomy
from models.training_permission import hash_admitted
from training.dataset import load_dataset
from training.exclusion import prove_exclusion_of_files

NOTICE = default_purposes().purpose("model_training").notice_version
PERMISSIONS = "customer_id,purpose,action,at,notice_version\n" + "".join(
    f"{row},{NOTICE}\n"
    for row in (
        "anna,model_training,consented,2026-02-01",
        "bert,model_training,consented,2026-02-01",
        "bert,model_training,objected,2026-03-01",
        "carl,own_product_offers,consented,2026-02-01",
        "dora,model_training,consented,2026-02-01",
        "emma,model_training,consented,2026-02-01",
        "emma,model_training,withdrawn,2026-03-01",
        "emma,model_training,consented,2026-04-01",
    )
)
BOOKINGS = (
    "customer_id,booking_id,booking_date,amount,credit_debit_indicator,counterparty_name,remittance_information\n"
    + "".join(
        f"{customer},{number},2026-05-0{number},10.00,DBIT,Bakker,brood {number}\n"
        for customer in ("anna", "bert", "carl", "dora", "emma")
        for number in (1, 2)
    )
)


def write_files(folder: Path) -> tuple[Path, Path]:
    paths = folder / "bookings.csv", folder / "permissions.csv"
    for path, text in zip(paths, (BOOKINGS, PERMISSIONS), strict=True):
        path.write_text(text)
    return paths


def train(folder: Path, home: Home, **changes: Any) -> str:
    """A candidate that states what a training on these files read."""
    bookings, permissions = write_files(folder)
    (folder / "labels.csv").write_text("booking_id,event\n1,none\n2,none\n")
    permission = load_dataset(
        bookings, folder / "labels.csv", taxonomy=default_taxonomy(), screening=default_screening(),
        permissions=permissions,
    ).permission  # fmt: skip
    assert permission["bookings"] == 6  # anna, dora and emma
    model = LogisticRegression().fit(np.array([[0.0], [1.0]]), ["none", "move"])
    files = resources.files("models")
    return write_candidate(
        home, classifier=model, detector=model, taxonomy_toml=files.joinpath("taxonomy.toml").read_text("utf-8"),
        screening=files.joinpath("screening.toml").read_text("utf-8"), facts={},
        permission={**permission, **changes}, created_at=datetime.now(UTC),
    ).id  # fmt: skip


def prove(folder: Path, home: Home, release: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    prove_exclusion_of_files(
        release, bookings=folder / "bookings.csv", permissions=folder / "permissions.csv", home=home
    )
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_proof_holds_for_the_files_that_were_trained_on(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = prove(tmp_path, home, train(tmp_path, home), capsys)
    assert told.pop("trained_at").startswith("20")
    assert len(told.pop("release")) == 64
    assert told == {
        "snapshot_is_equal": True,
        "bookings_are_equal": True,
        "customers_allowed": 3,
        "bookings_read": 6,
        "objectors": 1,  # bert; emma came back, carl never said anything about training
        "objectors_bookings_in_file": 2,
        "objectors_bookings_in_release": 0,
        "left_since": 0,
        "left_since_bookings_in_release": 0,
        "holds": True,
    }


def test_who_leaves_after_the_training_is_counted_and_the_proof_still_holds(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release = train(tmp_path, home)
    later = PERMISSIONS + f"dora,model_training,withdrawn,{datetime.now(UTC).isoformat()},{NOTICE}\n"
    (tmp_path / "permissions.csv").write_text(later)
    told = prove(tmp_path, home, release, capsys)
    assert (told["holds"], told["left_since"], told["left_since_bookings_in_release"]) == (True, 1, 2)


@pytest.mark.parametrize(
    ("file", "old", "new", "equal"),
    [
        ("bookings.csv", "anna,1,", "anna,9,", (True, False)),
        ("bookings.csv", "dora,2,2026-05-02,10.00,DBIT,Bakker,brood 2\n", "", (True, False)),
        ("permissions.csv", "dora,model_training,consented", "dora,model_training,objected", (False, False)),
        ("permissions.csv", "bert,model_training,objected", "bert,model_training,shown", (False, False)),
    ],
    ids=["another booking", "one booking less", "an objector more", "an objector less"],
)
def test_proof_fails_for_other_files(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, old: str, new: str,
    equal: tuple[bool, bool],
) -> None:  # fmt: skip
    release = train(tmp_path, home)
    path = tmp_path / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(IntegrityError, match="give the files it read"):
        prove(tmp_path, home, release, capsys)
    told = json.loads(capsys.readouterr().out)
    assert (told["snapshot_is_equal"], told["bookings_are_equal"], told["holds"]) == (*equal, False)


def test_release_that_read_an_objectors_booking_cannot_hide_it(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The control: a training that forgot the door states the hash of all it read."""
    rows = pd.read_csv(write_files(tmp_path)[0], dtype=str)
    read = hash_admitted(zip(rows["customer_id"], rows["booking_id"], strict=True))
    with pytest.raises(IntegrityError):
        prove(tmp_path, home, train(tmp_path, home, bookings_sha256=read), capsys)


def test_release_that_states_nothing_proves_nothing(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release = train(tmp_path, home, bookings_sha256=None)
    with pytest.raises(UsageError, match="does not state which bookings"):
        prove(tmp_path, home, release, capsys)


def test_hash_of_what_was_read_knows_no_order_and_no_seams() -> None:
    assert hash_admitted([("a", "1"), ("b", "2")]) == hash_admitted([("b", "2"), ("a", "1"), ("a", "1")])
    assert hash_admitted([("a", "12")]) != hash_admitted([("a1", "2")])
