"""Figures worked by hand: matching, delays, errors, doubt, calibration, lift, and intervals that respect customers."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.utils.validation import _validate_metric_name

from models.classifier import BookingClassifier
from training.dataset import Dataset
from training.evaluation import ABSTAINED, booking_figures, risk_coverage
from training.event_evaluation import _event_figures, evaluate_prediction, top_decile_lift
from training.intervals import share_interval
from training.learning_curve import trace_learning
from training.matching import explain_false, explain_missed, match_events
from training.plots import list_plots
from training.run import NO_EVENTS, NOT_TESTED
from training.split_figures import evaluate_splits
from training.splits import KINDS, Split, customer_groups
from training.tables import confused_pairs, confusion_table, event_errors, list_tables, split_table
from training.tracking import list_metrics


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(f"2026-{text}")


def detections(*rows: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame([(c, e, day(d)) for c, e, d in rows], columns=["customer_id", "event", "detected_on"])


def events(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    named = ["customer_id", "event", "onset_date", "first_detectable_date", "last_useful_date"]
    return pd.DataFrame([(c, e, day(a), day(a), day(b)) for c, e, a, b in rows], columns=named)


FOUND = detections(
    ("anna", "move", "01-05"),  # 0 hit, 4 days after the first day
    ("anna", "move", "01-06"),  # 1 the same event told twice
    ("anna", "car", "06-01"),  # 2 the car of another date
    ("bert", "car", "03-10"),  # 3 bert moves then, and buys no car
    ("carl", "move", "03-10"),  # 4 nothing at all
    ("dora", "car", "02-01"),  # 5 hit on the first day
)
TRUTH = events(
    ("anna", "move", "01-01", "01-31"),  # found
    ("anna", "car", "01-01", "01-31"),  # 1 told at another date
    ("bert", "move", "03-01", "03-31"),  # 2 told as another event
    ("dora", "car", "02-01", "02-10"),  # found
    ("dora", "car", "08-01", "08-10"),  # 4 not found
)


def test_each_detection_is_one_true_event_or_is_false_for_a_reason() -> None:
    matched = match_events(FOUND, TRUTH)
    assert matched.of_detection.tolist() == [0, -1, -1, -1, -1, 3]
    assert matched.of_truth.tolist() == [0, -1, -1, 5, -1]
    assert explain_false(FOUND, TRUTH, matched).tolist() == [
        "", "told_twice", "wrong_date", "wrong_event", "no_event", "",
    ]  # fmt: skip
    assert explain_missed(FOUND, TRUTH, matched).tolist() == ["", "wrong_date", "wrong_event", "", "not_found"]


def test_matching_counts_as_the_detector_counts(count_hits: Callable[..., int]) -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        begins = rng.integers(0, 40, size=4)
        spans = [
            (int(begin), int(begin + length)) for begin, length in zip(begins, rng.integers(0, 15, 4), strict=True)
        ]
        days = rng.integers(0, 50, size=5).tolist()
        start = pd.Timestamp("2026-01-01")
        found = pd.DataFrame(
            {"customer_id": "a", "event": "e", "detected_on": [start + pd.Timedelta(days=d) for d in days]}
        )
        truth = pd.DataFrame(
            {
                "customer_id": "a",
                "event": "e",
                "first_detectable_date": [start + pd.Timedelta(days=a) for a, _ in spans],
                "last_useful_date": [start + pd.Timedelta(days=b) for _, b in spans],
            }
        )
        assert int((match_events(found, truth).of_truth >= 0).sum()) == count_hits(days, spans)


def test_figures_of_an_event_are_those_worked_by_hand() -> None:
    cars = FOUND[FOUND["event"] == "car"].reset_index(drop=True)
    real = TRUTH[TRUTH["event"] == "car"].reset_index(drop=True)
    told = _event_figures(cars, real, years=2.0)
    # Three detections, one right; three true cars, one found: F1 = 2 / 6.
    assert (told["n_found"], told["n_true"], told["hits"], told["customers_true"]) == (3, 3, 1, 2)
    assert told["precision"] == pytest.approx(1 / 3)
    assert told["recall"] == pytest.approx(1 / 3)
    assert told["f1"] == pytest.approx(1 / 3)
    assert told["false_share"] == pytest.approx(2 / 3)
    assert told["false_per_1000_customer_years"] == pytest.approx(1000.0)
    assert (told["median_days_to_detect"], told["p90_days_to_detect"]) == (0.0, 0.0)
    moves = FOUND[(FOUND["event"] == "move")].reset_index(drop=True)
    assert _event_figures(moves, TRUTH[TRUTH["event"] == "move"].reset_index(drop=True), 2.0)[
        "median_days_to_detect"
    ] == pytest.approx(4.0)


def test_figures_without_detections_are_undefined_not_zero() -> None:
    told = _event_figures(FOUND.iloc[:0], TRUTH.iloc[:1], years=0.0)
    assert told["precision"] is None
    assert told["precision_interval"] is None
    assert told["median_days_to_detect"] is None
    assert told["false_per_1000_customer_years"] is None
    assert (told["recall"], told["f1"]) == (0.0, 0.0)


def test_a_risk_coverage_curve_is_that_worked_by_hand() -> None:
    confidence = np.array([0.9, 0.8, 0.7, 0.7, 0.6])
    wrong = np.array([False, False, True, False, True])
    told = risk_coverage(confidence, wrong, risk=0.25)
    # The two answers at .7 come together: coverage .4 without error, .8 with 1 of 4, 1 with 2 of 5.
    assert told["curve"] == [[0.2, 0.0], [0.4, 0.0], [0.8, 0.25], [1.0, 0.4]]
    assert told["coverage_at_risk"] == pytest.approx(0.8)
    assert told["aurc"] == pytest.approx(0.4 * 0.25 + 0.2 * 0.4)


def test_a_curve_of_nothing_and_a_curve_of_errors() -> None:
    assert risk_coverage(np.zeros(0), np.zeros(0, dtype=bool), risk=0.05)["coverage_at_risk"] is None
    assert risk_coverage(np.array([0.9]), np.array([True]), risk=0.05)["coverage_at_risk"] == 0.0


def test_a_long_curve_keeps_forty_points_and_both_ends() -> None:
    confidence = np.linspace(1, 0, 1000)
    curve = risk_coverage(confidence, np.arange(1000) % 2 == 1, risk=0.05)["curve"]
    assert len(curve) == 40
    assert (curve[0][0], curve[-1]) == (0.001, [1.0, 0.5])


def test_lift_is_the_share_caught_in_the_top_tenth_over_the_share_of_all() -> None:
    customers = np.array([f"c{at:02}" for at in range(20)])
    scores = pd.DataFrame({"customer_id": ["c00", "c00", "c01", "c02"], "score": [0.2, 0.9, 0.8, 0.7]})
    # The top two are c00 and c01; of four true ones one is among them: (1/2) / (4/20).
    assert top_decile_lift(scores, pd.Series(["c00", "c02", "c10", "c11"]), customers) == pytest.approx(2.5)
    assert top_decile_lift(scores, pd.Series([], dtype="str"), customers) is None


def test_lift_without_any_score_is_that_of_drawing_by_lot() -> None:
    customers = np.array([f"c{at:02}" for at in range(20)])
    nothing = pd.DataFrame({"customer_id": [], "score": []})
    assert top_decile_lift(nothing, pd.Series(["c03", "c04"]), customers) == pytest.approx(1.0)


def test_an_interval_of_single_observations_is_wilsons() -> None:
    # 8 right of 10, each of another customer: nothing hangs together, so it is Wilson's .4902 to .9433.
    low, high = share_interval(np.array([1] * 8 + [0] * 2), np.ones(10)) or [0, 0]
    assert (low, high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))


def test_observations_of_one_customer_count_as_one() -> None:
    alone, together = share_interval(np.ones(10), np.ones(10)), share_interval(np.array([10]), np.array([10]))
    # All right by ten customers: Wilson at 10 of 10, low end 10 / (10 + 1.96²) = .722; by one: 1 / (1 + 3.84) = .207.
    assert alone == [pytest.approx(0.7225, abs=1e-3), 1.0]
    assert together == [pytest.approx(0.2065, abs=1e-3), 1.0]


def test_clustered_observations_have_wider_intervals() -> None:
    spread = share_interval(np.array([1, 0] * 10), np.ones(20)) or [0, 0]
    clustered = share_interval(np.array([5, 0, 5, 0]), np.full(4, 5)) or [0, 0]
    assert clustered[1] - clustered[0] > 1.5 * (spread[1] - spread[0])


def test_nothing_observed_has_no_interval() -> None:
    assert share_interval(np.zeros(3), np.zeros(3)) is None


@dataclass
class Oracle:
    """A classifier that says what it was told to say."""

    classes_: np.ndarray
    probabilities: np.ndarray
    abstained: np.ndarray
    risk: float = 0.05

    def predict_proba(self, bookings: pd.DataFrame) -> np.ndarray:
        return self.probabilities

    def classify(self, bookings: pd.DataFrame) -> pd.DataFrame:
        best = self.probabilities.argmax(axis=1)
        top = self.probabilities.max(axis=1)
        return pd.DataFrame({"label": self.classes_[best], "probability": top, "abstained": self.abstained})

    def wordings(self, bookings: pd.DataFrame) -> np.ndarray:
        return np.array([0, 1, 1, 2])[: len(bookings)]


def booking_facts() -> dict[str, Any]:
    """Four bookings: a move told rightly, a move abstained from, a car told as a move, and a none."""
    probabilities = np.array([[0.0, 0.9, 0.1], [0.1, 0.5, 0.4], [0.2, 0.7, 0.1], [0.0, 0.02, 0.98]])
    oracle: Any = Oracle(np.array(["car", "move", "none"]), probabilities, np.array([False, True, False, False]))
    return booking_figures(oracle, pd.DataFrame(index=range(4)), np.array(["move", "move", "car", "none"]))


def test_figures_of_bookings_are_those_worked_by_hand() -> None:
    told = booking_facts()
    # move: 2 right of 3 told, 2 true: F1 = 4/5; car: never told: 0. Both moves rank first by p(move) but one car lies
    # between them: (1/1 + 2/3) / 2; the car ranks first by p(car): 1.
    assert told["macro_f1"] == pytest.approx(0.4)
    assert told["average_precision"] == pytest.approx((5 / 6 + 1) / 2)
    # Pairs that score: .9 true, .5 true, .7 false, car .1 false, car .2 true.
    assert told["calibration"]["n"] == 5
    assert told["calibration"]["brier"] == pytest.approx((0.01 + 0.25 + 0.49 + 0.01 + 0.64) / 5)
    assert told["calibration"]["expected_calibration_error"] == pytest.approx((0.1 + 0.5 + 0.7 + 0.1 + 0.8) / 5)
    # The second and third booking say the same: each of their pairs weighs half.
    assert told["calibration"]["wordings"] == 3
    by_wording = told["calibration"]["expected_calibration_error_per_wording"]
    assert by_wording == pytest.approx((0.1 + (0.5 + 0.7 + 0.1 + 0.8) / 2) / 3)
    # At stake are the first three: right at .9, wrong at .7, right at .5; two are answered, one of them wrongly.
    doubt = told["risk_coverage"]
    assert doubt["curve"] == [[pytest.approx(1 / 3), 0.0], [pytest.approx(2 / 3), 0.5], [1.0, pytest.approx(1 / 3)]]
    assert doubt["coverage_at_risk"] == pytest.approx(1 / 3)
    assert (doubt["answered_share"], doubt["answered_error_share"]) == (pytest.approx(2 / 3), 0.5)


def test_confusion_counts_answers_and_abstentions_and_names_the_pairs() -> None:
    facts = {"bookings": booking_facts()}
    table = confusion_table(facts).set_index("label")
    assert table.columns.tolist() == ["car", "move", "none", ABSTAINED]
    assert table.loc["move"].tolist() == [0, 1, 0, 1]
    assert table.loc["car"].tolist() == [0, 1, 0, 0]
    assert confused_pairs(facts).to_numpy().tolist() == [["car", "move", 1]]


def test_errors_of_events_stand_in_one_table() -> None:
    figures = {"n_true": 2, "n_found": 1, "errors": {"false": {"no_event": 1}, "missed": {"not_found": 2}}}
    table = event_errors({"events": {"per_event": {"move": figures}}})
    assert table.loc[0, ["false_no_event", "missed_not_found", "false_wrong_date"]].tolist() == [1, 2, 0]


def test_a_run_without_a_test_has_no_pictures_and_no_tables() -> None:
    facts = {"bookings": NOT_TESTED, "events": NO_EVENTS}
    assert (list_plots(facts), list_tables(facts)) == ({}, {})


@pytest.mark.parametrize("label", [r"$\frac{$", "naissance d'un enfant", "x" * 400, "a_b^{", "<b>[red]%s"])
def test_labels_may_be_called_anything(label: str) -> None:
    figures = {"f1": 0.5, "n": 3, "n_true": 3}
    told = {"labels": [label], "answers": [label, "none"], "counts": [[2, 1]]}
    bookings = {**NOT_TESTED, "per_label": {label: figures}, "confusion": told}
    facts = {"bookings": bookings, "events": {"macro_f1": 0.5, "per_event": {label: figures}}}
    drawn = list_plots(facts)
    assert sorted(drawn) == ["confusion.png", "events.png", "labels.png"]
    for figure in drawn.values():
        figure.canvas.draw()
    for name in list_metrics(facts):
        _validate_metric_name(name)


@pytest.fixture(scope="module")
def splits(small_dataset: Dataset) -> dict[str, Any]:
    return evaluate_splits(
        BookingClassifier(), small_dataset.bookings, small_dataset.labels, seed=0, most_bookings=1500
    )


def test_the_four_splits_stand_side_by_side_on_the_same_bookings(splits: dict[str, Any]) -> None:
    assert list(splits) == list(KINDS)
    for figures in splits.values():
        assert figures["n_fit"] + figures["n_test"] == 1500
        assert 0 <= figures["macro_f1"] <= 1
        assert 0 <= figures["answered_share_at_risk"] <= 1
    # What each promises is what is seen again: nothing by counterparty, most by row.
    seen = {kind: figures["seen_description_share"] for kind, figures in splits.items()}
    assert seen["counterparty"] == 0.0
    assert seen["row"] == max(seen.values()) > 0.2


def test_facts_of_splits_become_one_table_and_one_picture(splits: dict[str, Any]) -> None:
    given = {kind: splits[kind] for kind in sorted(splits)}  # facts are kept in order of name
    facts = {"bookings": NOT_TESTED, "events": NO_EVENTS, "splits": given}
    assert json.loads(json.dumps(splits, allow_nan=False)) == splits
    assert split_table(facts)["split"].tolist() == list(KINDS)
    assert list(list_plots(facts)) == ["splits.png"]


def test_all_pictures_are_drawn(splits: dict[str, Any]) -> None:
    event = {"n_true": 3, "n_found": 3, "f1": 0.5, "f1_interval": [0.2, 0.9]}
    points = [{"share": 0.1, "customers": 4, "bookings": 100, "macro_f1": 0.3}]
    facts = {
        "bookings": booking_facts(),
        "events": {"per_event": {"move": event}},
        "splits": splits,
        "learning_curve": points,
    }
    drawn = list_plots(facts)
    assert len(drawn) == 7
    for figure in drawn.values():
        figure.canvas.draw()


def test_more_customers_are_more_bookings_and_the_same_test(small_dataset: Dataset) -> None:
    customers = customer_groups(small_dataset.bookings)  # holders of one account count as one
    at = np.arange(len(customers))
    split = Split(at[(customers >= 8) & (customers < 24) & (at % 10 == 0)], at[(customers < 8) & (at % 4 == 0)])
    points = trace_learning(BookingClassifier(), small_dataset.bookings, small_dataset.labels, split, seed=0)
    assert [point["customers"] for point in points] == [2, 4, 8, 16]
    assert points[-1]["bookings"] == len(split.fit)
    assert points[-1]["macro_f1"] > points[0]["macro_f1"]


def test_prediction_sees_no_booking_that_defines_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[list[str]] = []

    def detect(bookings: pd.DataFrame, **_: Any) -> pd.DataFrame:
        shown.append(bookings["booking_id"].tolist())
        return detections(("anna", "move", "02-20"), ("bert", "move", "03-05"), ("carl", "move", "08-01"))

    monkeypatch.setattr("training.event_evaluation.detect_events", detect)
    bookings = pd.DataFrame(
        {"booking_id": ["m1", "m2", "n1", "b1"], "customer_id": "anna", "booking_date": day("12-31")}
    )
    labels = np.array(["move", "move", "none", "car"])
    roles = np.array(["primary", "background", "primary", "background"])
    truth = events(
        ("anna", "move", "03-01", "03-31"), ("bert", "move", "03-01", "03-31"), ("dora", "move", "03-01", "03-31")
    )
    model: Any = type("Model", (), {"taxonomy": type("Taxonomy", (), {"ids": ("move", "car")})()})()
    told = evaluate_prediction(model, bookings, labels, roles, truth)
    assert shown == [["m2", "n1", "b1"]]
    assert told["masked_bookings"] == 1
    # Anna's is dated nine days before the onset, bert's four days after it, carl's tells of nothing; dora's is missed.
    assert list(told["per_event"]) == ["move"]
    figures = told["per_event"]["move"]
    assert (figures["foretold"], figures["later"], figures["false"], figures["n_true"]) == (1, 1, 1, 3)
    assert figures["recall"] == pytest.approx(1 / 3)
