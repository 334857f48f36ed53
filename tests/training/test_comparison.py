"""Two releases on the same customers: differences worked by hand, what flipped, and how surely."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.candidate import write_candidate
from models.classifier import BookingClassifier
from models.errors import NoReleaseError, UsageError
from models.events import EventDetector
from models.home import Home, find_home
from training.comparison import compare_facts, compare_on_bookings, compare_on_events
from training.comparison_files import compare_files
from training.dataset import Dataset
from training.intervals import paired_f1_differences


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(f"2026-{text}")


def model(*events: str) -> Any:
    return type("Model", (), {"taxonomy": type("Taxonomy", (), {"ids": events})()})()


def test_releases_that_answer_alike_differ_by_nothing_for_sure() -> None:
    counts = np.array([[[1, 1, 1]], [[0, 1, 0]], [[0, 0, 0]]])
    told = paired_f1_differences(counts, counts, seed=0, resamples=200)
    assert (told.per_event, told.macro) == ([[0.0, 0.0]], [0.0, 0.0])
    assert paired_f1_differences(counts * 0, counts * 0, seed=0, resamples=200).macro is None


def test_a_paired_interval_is_that_of_resampled_customers() -> None:
    # Twenty customers with an event each; the candidate finds all, the other release those of the first ten. The
    # other's F1 is 2p / (1 + p) with p the share of the first ten among those drawn: binomial(20, 1/2) / 20, whose
    # 2.5 % and 97.5 % points are 6 and 14 of 20. So the difference lies between 1 - 1.4/1.7 and 1 - .6/1.3.
    other = np.array([[[1, 1, 1]]] * 10 + [[[0, 0, 1]]] * 10)
    candidate = np.array([[[1, 1, 1]]] * 20)
    told = paired_f1_differences(candidate, other, seed=1, resamples=4000)
    assert told.per_event == [[pytest.approx(1 - 1.4 / 1.7), pytest.approx(1 - 0.6 / 1.3)]]
    assert told.macro == told.per_event[0]


DATA = Dataset(
    bookings=pd.DataFrame(
        {"customer_id": [f"c{at}" for at in range(6)], "booking_id": list("abcdef"), "booking_date": day("12-31")}
    ),
    labels=np.array(["move", "move", "move", "none", "none", "car"]),
    events=pd.DataFrame(
        {
            "customer_id": ["c0", "c1", "c2", "c5"],
            "event": ["move", "move", "move", "car"],
            "first_detectable_date": [day("03-01")] * 4,
            "last_useful_date": [day("03-31")] * 4,
        }
    ),
    counts={},
    permission={},
    problems=[],
)


def test_detections_gained_lost_and_kept_are_counted_with_those_that_are_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = {
        # c0 both, some days apart; c1 the candidate alone, rightly; c3 the candidate alone, wrongly
        "new": [("c0", "move", "03-10"), ("c1", "move", "03-10"), ("c3", "move", "03-10")],
        # c2 the other alone, rightly; c4 the other alone, wrongly
        "old": [("c0", "move", "03-15"), ("c2", "move", "03-10"), ("c4", "move", "03-10")],
    }

    def detect(bookings: pd.DataFrame, *, release: Any, **_: Any) -> pd.DataFrame:
        rows = [(c, e, day(d)) for c, e, d in answers[release.name]]
        return pd.DataFrame(rows, columns=["customer_id", "event", "detected_on"])

    monkeypatch.setattr("training.comparison.detect_events", detect)
    new, old = model("move", "car", "gone"), model("move", "car", "gone")
    new.name, old.name = "new", "old"
    told = compare_on_events(new, old, DATA)
    assert list(told["per_event"]) == ["move", "car"]
    move = told["per_event"]["move"]
    # Both have 2 hits of 3 detections and 3 true moves: F1 = 4 / 6.
    assert (move["f1"], move["f1_other"], move["difference"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3), 0.0)
    assert [move[name] for name in ("gained", "gained_right", "lost", "lost_right", "kept")] == [2, 1, 2, 1, 1]
    # Five customers are concerned: enough to draw from. With the car, which neither tells, it is one.
    assert (move["customers"], told["per_event"]["car"]["customers"]) == (5, 1)
    low, high = move["interval"]
    assert low < 0 < high
    assert told["per_event"]["car"]["interval"] is None
    assert told["macro_f1"] == pytest.approx(1 / 3)


def test_labels_of_single_bookings_are_compared_too(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"new": ["move", "move", "move", "none", "move", "none"], "old": ["move", "none", "none"] + ["none"] * 3}

    def classify(bookings: pd.DataFrame, *, release: Any) -> pd.DataFrame:
        return pd.DataFrame({"label": answers[release.name]})

    monkeypatch.setattr("training.comparison.classify_bookings", classify)
    new, old = model(), model()
    new.name, old.name = "new", "old"
    told = compare_on_bookings(new, old, DATA)
    move = told["per_event"]["move"]
    # The candidate: 3 of 4 told, 3 true: 6/7. The other: 1 of 1 told: 2/4.
    assert (move["f1"], move["f1_other"]) == (pytest.approx(6 / 7), pytest.approx(0.5))
    assert [move[name] for name in ("gained", "gained_right", "lost", "lost_right", "kept")] == [3, 2, 0, 0, 1]
    assert told["difference"] == pytest.approx((6 / 7 - 0.5) / 2)  # macro over move and car, which neither tells


def test_stored_facts_are_compared_without_intervals() -> None:
    mine = {"events": {"macro_f1": 0.5, "per_event": {"move": {"n_true": 4, "f1": 0.75}}}}
    theirs = {"events": {"macro_f1": None, "per_event": {"car": {"n_true": 2, "f1": 0.5}}}}
    told = compare_facts(mine, theirs)
    assert told["difference"] is None
    assert told["per_event"]["move"] == {
        "n_true": 4, "n_true_other": None, "f1": 0.75, "f1_other": None, "difference": None,
    }  # fmt: skip
    assert list(told["per_event"]) == ["move", "car"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return find_home({**os.environ, "LEVENSLOOP_HOME": str(tmp_path_factory.mktemp("home"))})


BOOKINGS = """customer_id,booking_id,booking_date,amount,credit_debit_indicator,counterparty_name,remittance_information
{rows}"""


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    paid = ("295.07,CRDT,SVB,kinderbijslag", "4.10,DBIT,Bakker,brood")
    rows = [f"c{at},b{at},2026-07-{at + 1:02},{paid[at % 2]}\n" for at in range(20)]
    labels = [f"b{at},{('child_birth', 'none')[at % 2]}\n" for at in range(20)]
    sides = [f"c{at},{'test' if at < 8 else 'train'}\n" for at in range(20)]
    (folder / "b.csv").write_text(BOOKINGS.format(rows="".join(rows)))
    (folder / "l.csv").write_text("booking_id,event\n" + "".join(labels))
    (folder / "s.csv").write_text("customer_id,split\n" + "".join(sides))
    return folder


def candidate(home: Home, labels: list[str], f1: float) -> str:
    from importlib import resources

    bookings = pd.DataFrame(
        {
            "counterparty_name": ["SVB", "Bakker"] * 20,
            "remittance_information": ["kinderbijslag", "brood"] * 20,
            "amount": [295.07, 4.10] * 20,
            "credit_debit_indicator": ["CRDT", "DBIT"] * 20,
        }
    )
    classifier = BookingClassifier(calibrate=False).fit(bookings, labels * 20)
    facts = {"events": {"macro_f1": f1, "per_event": {"move": {"n_true": 3, "f1": f1}}}}
    return write_candidate(
        home,
        classifier=classifier,
        detector=EventDetector(),
        taxonomy_toml=resources.files("models").joinpath("taxonomy.toml").read_text("utf-8"),
        screening=resources.files("models").joinpath("screening.toml").read_text("utf-8"),
        facts=facts,
        permission={"permission_not_shown": True},
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    ).id


def compare(home: Home, one: str, other: str, **given: Any) -> dict[str, Any]:
    tables = dict.fromkeys(("bookings", "labels", "events", "permissions", "splits", "out"))
    return compare_files(one, other, **{**tables, **given}, home=home)


def test_two_candidates_are_compared_by_facts_or_on_data(
    home: Home, tables: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = candidate(home, ["child_birth", "none"], 0.9), candidate(home, ["none", "child_birth"], 0.4)
    out = tables / "out.json"
    told = compare(home, good[:12], bad, out=out)
    assert told["events"]["difference"] == pytest.approx(0.5)
    assert json.loads(out.read_text("utf-8")) == told
    assert "paired intervals" in capsys.readouterr().err
    told = compare(home, good, bad, bookings=tables / "b.csv", labels=tables / "l.csv", splits=tables / "s.csv")
    # Eight customers are tested, every second with a benefit; the good release is right everywhere, the bad nowhere.
    births = told["bookings"]["per_event"]["child_birth"]
    assert (births["n_true"], births["f1"], births["f1_other"]) == (4, 1.0, 0.0)
    assert births["interval"] == [1.0, 1.0]
    assert (births["gained"], births["lost"], births["kept"]) == (4, 4, 0)
    said = capsys.readouterr().err
    assert "Better for sure: child_birth" in said
    assert "kinderbijslag" not in said


def test_what_is_not_there_or_not_whole_is_said(home: Home, tables: Path) -> None:
    known = candidate(home, ["child_birth", "none"], 0.9)
    with pytest.raises(NoReleaseError, match="There is no champion yet"):
        compare(home, known, "champion")
    with pytest.raises(NoReleaseError):
        compare(home, known, "0" * 64)
    with pytest.raises(UsageError, match="--bookings and --labels together"):
        compare(home, known, known, bookings=tables / "b.csv")
