"""Other ways are fitted on those who were trained on, compared on others, and know groups only where they say so."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.bookings import load_bookings
from models.taxonomy import default_taxonomy
from training.dataset import load_events
from training.door import shipped_door
from training.fairness.alternative_facts import compare_alternatives, figures_of, teach_groups
from training.fairness.alternatives import UNKNOWN, Equalised, Reweighed, _Mixture, weigh_groups
from training.fairness.asking import ask
from training.fairness.findings import naive_findings
from training.fairness.naive import fit_naive
from training.fairness.naive_rates import compare_rates, swap_names
from training.fairness.observing import People, know_people
from training.fairness.policy import default_fairness_policy
from training.fairness.swap_suite import default_suite
from training.fairness.swaps import open_histories
from training.fairness.tables import Sources, Tables, Trained, read_tables
from training.fairness.verdicts import EXCEEDED
from training.fitting import Fitted

POLICY = default_fairness_policy()


def test_weights_of_kamiran_and_calders_worked_by_hand() -> None:
    # Group a: 3 of 4 with the event, b: 1 of 4. Half of all have it, so each cell should hold 2 of 8.
    group = np.array(["a"] * 4 + ["b"] * 4)
    labels = np.array([1, 1, 1, 0, 1, 0, 0, 0])
    weights = weigh_groups(group, labels)
    assert weights == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2, 2, 2 / 3, 2 / 3, 2 / 3])
    weighed = [weights[(group == name) & (labels == 1)].sum() for name in ("a", "b")]
    assert weighed == pytest.approx([2, 2])


def examples(positives: dict[str, int], n: int = 60) -> tuple[Any, np.ndarray]:
    """Points of customers 0.. in order, the first so many of each group with the event, told by the first figure."""
    rng = np.random.default_rng(0)
    group = np.repeat(list(positives), n)
    labels = np.concatenate([np.arange(n) < some for some in positives.values()]).astype(int)
    matrix = np.column_stack([labels + rng.normal(0, 0.3, len(labels)), rng.normal(size=len(labels))])
    points = SimpleNamespace(matrix=matrix)
    return SimpleNamespace(points=points, labels=labels, customer=np.arange(len(labels))), group


@pytest.mark.parametrize("kind", [Reweighed, Equalised])
def test_what_was_learned_with_groups_answers_without_them(kind: type[Reweighed]) -> None:
    given, group = examples({"a": 30, "b": 15})
    columns = np.array([0, 1])
    model = kind(groups=group, random_state=0)._learn(given, np.arange(len(group)), columns, trees="trees_in_folds")
    told = model.predict_proba(given.points.matrix)
    assert told.shape == (120, 2)
    assert told.sum(axis=1) == pytest.approx(1)
    assert told[given.labels == 1, 1].mean() > 0.8 > 0.2 > told[given.labels == 0, 1].mean()


def test_equality_is_not_asked_of_a_group_with_too_few_events() -> None:
    given, group = examples({"a": 30, "b": 9})
    detector = Equalised(groups=group, random_state=0)
    assert not isinstance(detector._learn(given, np.arange(120), np.array([0, 1]), trees="trees_in_folds"), _Mixture)


def test_figures_of_two_customers_worked_by_hand() -> None:
    """Two births, one found and one missed; a false trip is an offer too, a false dismissal is none."""
    day = pd.Timestamp(2026, 3, 1)
    truth = pd.DataFrame({"customer_id": ["a", "b"], "event": "child_birth", "first_detectable_date": day,
                          "last_useful_date": pd.Timestamp(2026, 6, 1)})  # fmt: skip
    found = pd.DataFrame({"customer_id": ["a", "b", "b"], "event": ["child_birth", "travel_booked", "job_loss"],
                          "detected_on": day, "probability": 0.9})  # fmt: skip
    groups = pd.DataFrame(
        {name: pd.Categorical([None, None], categories=list(values)) for name, values in POLICY.group_names.items()}
    )
    people = People(customers=np.array(["a", "b"], dtype=object), groups=groups, truth=truth, months=np.ones(2))
    told = figures_of(found, people, default_taxonomy(), POLICY, as_of=date(2026, 6, 1), seed=0)
    # F1 = 2 x 1 hit / (1 told + 2 true); two offers of which one is false.
    assert told["macro_f1"] == pytest.approx(2 / 3)
    assert (told["recall"], told["false_offer_rate"], told["offers"]) == (0.5, 0.5, 2)
    assert (told["worst_recall_gap"], told["leakage"]) == (None, None)


@pytest.fixture(scope="module")
def tables(small_bank: Path, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Three quarters of the bank were trained on, the others are audited."""
    splits = tmp_path_factory.mktemp("splits") / "splits.csv"
    table = pd.read_csv(small_bank / "splits.csv", dtype=str)
    table["split"] = np.where(np.arange(len(table)) % 4 == 0, "test", "train")
    table.to_csv(splits, index=False)
    named = {name: small_bank / f"{name}.csv" for name in ("labels", "events", "permissions")}
    return read_tables(Sources(bookings=small_bank / "bookings.parquet", splits=splits, **named), shipped_door())[0]


def test_nobody_is_both_learned_from_and_audited_and_permission_comes_first(tables: Tables, small_bank: Path) -> None:
    assert tables.trained is not None
    said = pd.read_csv(small_bank / "permissions.csv", dtype=str)
    last = said[said["action"] != "shown"].groupby(["customer_id", "purpose"])["action"].last()
    allowed = {purpose: set(last.xs(purpose, level="purpose").loc[lambda s: s == "consented"].index)
               for purpose in ("model_training", "fairness_audit")}  # fmt: skip
    learned, audited = set(tables.trained.bookings["customer_id"]), set(tables.bookings["customer_id"])
    assert learned
    assert not learned & audited
    assert learned <= allowed["model_training"]
    assert audited <= allowed["fairness_audit"]
    assert set(tables.trained.may_audit) == learned & allowed["fairness_audit"]
    assert tables.source == "simulated"


@pytest.fixture(scope="module")
def vault(small_bank: Path) -> pd.DataFrame:
    return pd.read_csv(small_bank / "vault" / "groups.csv", dtype=str)


def some_of(trained: Trained | None, customers: int = 12, bookings: int = 250) -> Trained:
    """A few customers with some bookings: fitting five classifiers takes its time."""
    assert trained is not None
    owner = trained.bookings["customer_id"]
    mine = owner.isin(owner.unique()[:customers]) & (trained.bookings.groupby("customer_id").cumcount() < bookings)
    return replace(trained, bookings=trained.bookings[mine].reset_index(drop=True), labels=trained.labels[mine])


@pytest.mark.slow
def test_five_ways_are_compared_and_the_naive_model_stands_beside(
    tables: Tables, vault: pd.DataFrame, small_release: Fitted, small_bank: Path
) -> None:
    trained = some_of(tables.trained)
    known = vault[vault["customer_id"].isin(trained.may_audit)]
    detectors = teach_groups(trained, known, small_release, POLICY, seed=0)
    assert set(detectors["reweighed"].groups) == {"dutch", "elsewhere", UNKNOWN}  # type: ignore[attr-defined]
    asked = ask(tables.bookings, small_release, as_of=tables.as_of, detectors=detectors)
    people = know_people(tables.bookings, tables.events, vault, POLICY)
    rows = compare_alternatives(trained, asked, people, small_release, POLICY, as_of=tables.as_of, seed=0)
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert [row["name"] for row in rows if row["chosen"]] == ["masked_and_screened"]
    assert {row["name"]: row["groups_of"] for row in rows} == {
        "as_is": None, "masked": None, "masked_and_screened": None,
        "reweighed": "origin_merged", "exponentiated_gradient": "origin_merged",
    }  # fmt: skip
    assert all(row["macro_f1"] > 0.2 for row in rows)
    assert next(row for row in rows if row["name"] == "as_is")["offers_lost"] == 0

    naive = fit_naive(trained.bookings, trained.labels)
    rates = compare_rates(naive, asked, people, small_release.taxonomy, POLICY, seed=0)
    assert rates["customers"] == len(people.customers)
    assert {row["rate"] for row in rates["rows"]} == {"recall", "false_offer_rate"}
    wide = {
        "n": 500, "n_against": 900, "share": 0.5, "share_against": 0.8, "point": -0.3, "interval": [-0.4, -0.2],
        "verdict": EXCEEDED, "reason": None,
    }  # fmt: skip
    worse = {"rows": [{**row, "naive": wide} for row in rates["rows"]]}
    no_swaps = {"kind": "names", "origin": "all", "pairs": 9, "flips": 0, "score_changes": 0, "upper": 0.001}
    stopped = naive_findings({"rates": worse, "names": no_swaps, "traps": []}, POLICY, taxonomy=small_release.taxonomy)
    assert len(stopped) == len(rates["rows"])
    assert all("500" in finding["reason"]["nl"] and "500" in finding["reason"]["en"] for finding in stopped)
    bookings, suite = load_bookings(small_bank / "bookings.parquet").frame, default_suite()
    last_day = bookings["booking_date"].max().date()
    histories = open_histories(bookings, small_release.screening, as_of=last_day, suite=suite, seed=0)
    names = swap_names(naive, histories, POLICY, suite=suite)
    assert names["pairs"] > 1000
    assert names["flips"] > 0


def test_without_splits_nobody_is_learned_from(small_bank: Path) -> None:
    files = Sources(bookings=small_bank / "bookings.parquet", events=small_bank / "events.csv")
    tables, notes = read_tables(files, shipped_door())
    assert tables.trained is None
    assert any("No splits" in note for note in notes)
    assert len(load_events(small_bank / "events.csv")) == len(tables.events)
