"""Training on what strangers bring: labels in any language, one label, two bookings, missing columns, odd tables."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from models.candidate import read_candidate
from models.errors import UnreadableDataError, UsageError
from models.home import Home, find_home
from training.run import train_candidate

HEADER = "customer_id,booking_id,booking_date,amount,credit_debit_indicator,counterparty_name,remittance_information\n"
KINDS = ("295.07,CRDT,SVB,kinderbijslag", "4.10,DBIT,Kapsalon,knippen", "812.00,DBIT,Reisbureau,vliegticket Rome")


def rows(count: int, *, customers: int = 12) -> str:
    return "".join(
        f"c{at % customers},b{at},2026-0{1 + at % 9}-{1 + at % 27:02},{KINDS[at % 3]}\n" for at in range(count)
    )


def labels(count: int, *names: str) -> str:
    return "booking_id,event\n" + "".join(f'b{at},"{names[at % len(names)]}"\n' for at in range(count))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home whose training is not logged to MLflow, which takes seconds and is tested elsewhere."""
    monkeypatch.setattr("training.tracking.log_training", lambda *_, **__: "1")
    return find_home({**os.environ, "LEVENSLOOP_HOME": str(tmp_path / "home")})


def train(home: Home, folder: Path, bookings: str, told: str, **given: Any) -> dict[str, Any]:
    """The facts of a training on these tables; `taxonomy` names its events."""
    taxonomy = given.pop("taxonomy", None)
    (folder / "b.csv").write_text(bookings, "utf-8")
    (folder / "l.csv").write_text(told, "utf-8")
    if taxonomy:
        entries = "".join(f"[[event]]\nid = {json.dumps(name, ensure_ascii=False)}\n" for name in taxonomy)
        (folder / "t.toml").write_text(entries, "utf-8")
    found = train_candidate(
        bookings=folder / "b.csv", labels=folder / "l.csv", events=None, permissions=None,
        taxonomy_file=folder / "t.toml" if taxonomy else None, test_share=0.2, seed=0, home=home, **given,
    )  # fmt: skip
    return dict(read_candidate(home.candidates / found).facts)


def test_two_bookings_make_a_candidate_that_was_not_tested(home: Home, tmp_path: Path) -> None:
    facts = train(home, tmp_path, HEADER + rows(2), labels(2, "child_birth", "none"))
    assert facts["headline"]["value"] is None
    assert {kind: told["n_test"] for kind, told in facts["splits"].items()} == {
        "counterparty": 0, "customer": 0, "row": 0, "time": 1,
    }  # fmt: skip


def test_one_label_alone_is_said_and_trained(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = train(home, tmp_path, HEADER + rows(60), labels(60, "child_birth"), learning_curve=True)
    assert facts["bookings"]["macro_f1"] == 1.0
    assert "every booking will get that label" in " ".join(capsys.readouterr().err.split())


def test_labels_in_other_languages_and_scripts_are_learned(home: Home, tmp_path: Path) -> None:
    names = ("naissance d'un enfant", "出生", "none")
    facts = train(home, tmp_path, HEADER + rows(90), labels(90, *names), taxonomy=names[:2])
    assert facts["bookings"]["macro_f1"] == 1.0
    assert facts["labels"]["bookings"] == dict.fromkeys(names, 30)


def test_a_reviewed_queue_changes_what_is_trained_on_and_rare_labels_are_named(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "q.csv").write_text("booking_id,event\nb0,marriage\nb1,\nb2,marriage\n")
    facts = train(
        home, tmp_path, HEADER + rows(60), labels(60, "child_birth", "none", "none"), reviewed=[tmp_path / "q.csv"]
    )
    assert facts["labels"]["few"] == {"marriage": 2}
    said = " ".join(capsys.readouterr().err.split())
    assert "q.csv: 2 bookings reviewed: 2 labels changed, 0 added, 0 confirmed; 1 rows left empty." in said
    assert "1 labels have fewer than 10 bookings: marriage (2 bookings)." in said


def test_a_table_without_customers_or_texts_is_trained_on(home: Home, tmp_path: Path) -> None:
    header = "booking_id,booking_date,amount,credit_debit_indicator,counterparty_name\n"
    shops = "".join(f"b{at},2026-01-{1 + at % 28:02},1.00,DBIT,shop {chr(97 + at % 26)}\n" for at in range(78))
    facts = train(home, tmp_path, header + shops, labels(78, "marriage", "none"))
    assert facts["names"] == "as_merchants"
    assert facts["splits"]["customer"]["n_test"] == 0
    assert facts["splits"]["counterparty"]["n_test"] > 0
    assert facts["events"]["per_event"] == {}


def test_a_frame_of_four_columns_cannot_be_joined_with_labels_and_says_what_it_misses(
    home: Home, tmp_path: Path
) -> None:
    four = "counterparty_name,remittance_information,amount,credit_debit_indicator\nSVB,x,1.00,CRDT\n"
    with pytest.raises(UnreadableDataError, match="no column booking_id, booking_date"):
        train(home, tmp_path, four, labels(1, "none"))


def test_every_label_of_a_stranger_that_is_not_known_is_named(home: Home, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"geboorte \(20 bookings\), reis \(20 bookings"):
        train(home, tmp_path, HEADER + rows(60), labels(60, "geboorte", "none", "reis"))
