"""One training from files to a registered candidate, as a list of steps."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from models.candidate import write_candidate
from models.home import Home, find_home
from models.progress import track_steps
from models.screening import default_screening
from models.taxonomy import default_taxonomy, load_taxonomy
from training.dataset import Dataset, load_dataset, split_as_given
from training.door import open_door
from training.evaluation import evaluate_bookings, evaluate_events
from training.event_evaluation import evaluate_prediction
from training.fitting import Fitted, fit_models, one_thread
from training.labels import count_support
from training.learning_curve import trace_learning
from training.settings import settings
from training.split_figures import evaluate_splits
from training.splits import KINDS, Split, customer_groups, has_customers, split_by_customer, validate_disjoint

NOT_TESTED: dict[str, Any] = {
    "n": 0,
    "macro_f1": None,
    "average_precision": None,
    "per_label": {},
    "abstained_share": None,
    "answered_error_share": None,
    "calibration": {
        "n": 0,
        "wordings": 0,
        "brier": None,
        "expected_calibration_error": None,
        "expected_calibration_error_per_wording": None,
        "bins": [],
    },
    "risk_coverage": {"n": 0, "aurc": None, "coverage_at_risk": None, "curve": []},
    "confusion": {"labels": [], "answers": [], "counts": []},
}
NO_PREDICTION: dict[str, Any] = {"macro_recall": None, "per_event": {}}
NO_EVENTS: dict[str, Any] = {"macro_f1": None, "per_event": {}, "predict": NO_PREDICTION}
_PROBLEMS_SAID = 20


def train_candidate(
    *,
    bookings: Path,
    labels: Path,
    events: Path | None,
    permissions: Path | None,
    taxonomy_file: Path | None,
    test_share: float,
    seed: int,
    splits: Path | None = None,
    reviewed: Sequence[Path] = (),
    learning_curve: bool = False,
    customers: Path | None = None,
    home: Home | None = None,
) -> str:
    """Train, evaluate, write a candidate, log it to MLflow; returns the candidate's id.

    Parameters
    ----------
    splits
        Table `customer_id,split` that says who is tested on (`test`); absent, a share `test_share` of the customers.
    reviewed
        Filled-in review queues, whose labels stand above those of `labels`.
    learning_curve
        Whether to fit on parts of the customers too, to see what more customers would bring.
    customers
        The bank's table of customers: whoever is under 18 is left out, as are those the store knows to be.
    """
    home = home or find_home()
    taxonomy = load_taxonomy(taxonomy_file) if taxonomy_file else default_taxonomy()
    taxonomy_toml = taxonomy_file.read_text("utf-8") if taxonomy_file else _packaged("taxonomy.toml")
    screening = default_screening()
    with one_thread(), track_steps("Training", steps=_count_steps(learning_curve=learning_curve)) as step:
        step("reading and screening")
        dataset = load_dataset(
            bookings,
            labels,
            taxonomy=taxonomy,
            screening=screening,
            events=events,
            permissions=permissions,
            reviewed=reviewed,
            door=open_door(home, table=customers),
        )
        support = count_support(dataset.labels, taxonomy, dataset.notes)
        split = _choose_split(dataset, splits, test_share=test_share, seed=seed)
        fitted = fit_models(part(dataset, split.fit), taxonomy=taxonomy, screening=screening, seed=seed, step=step)
        step("testing on customers it has not seen")
        facts = build_facts(fitted, dataset, split, split_kind="given" if splits else "customer")
        facts["labels"] = support
        facts["splits"] = evaluate_splits(fitted.classifier, dataset.bookings, dataset.labels, seed=seed, step=step)
        if learning_curve and len(split.test):
            facts["learning_curve"] = trace_learning(
                fitted.classifier, dataset.bookings, dataset.labels, split, seed=seed, step=step
            )
        step("writing the candidate")
        candidate = write_candidate(
            home,
            classifier=fitted.classifier,
            detector=fitted.detector,
            taxonomy_toml=taxonomy_toml,
            screening=_packaged("screening.toml"),
            facts=facts,
            permission=dataset.permission,
            created_at=datetime.now(UTC),
        )
        step("logging to MLflow")
        from training.tracking import log_training

        parameters = {"seed": seed, "test_share": "given" if splits else test_share, "bookings": len(split.fit)}
        version = log_training(home, fitted=fitted, facts=facts, parameters=parameters, candidate_id=candidate.id)
    print_summary(dataset, facts, candidate.id, version)
    return candidate.id


def _count_steps(*, learning_curve: bool) -> int:
    return 8 + len(KINDS) + (len(settings("learning_curve")["shares"]) if learning_curve else 0)


def _choose_split(dataset: Dataset, splits: Path | None, *, test_share: float, seed: int) -> Split:
    if splits is None:
        return split_by_customer(dataset.bookings, test_share=test_share, seed=seed)
    split = split_as_given(dataset.bookings, splits, dataset.notes)
    validate_disjoint(customer_groups(dataset.bookings), split)
    return split


def part(dataset: Dataset, at: np.ndarray) -> Dataset:
    """The same dataset with the bookings at these positions and the events of their customers."""
    bookings = dataset.bookings.iloc[at].reset_index(drop=True)
    mine = dataset.events["customer_id"].isin(set(bookings["customer_id"])).to_numpy()
    events = dataset.events[mine].reset_index(drop=True)
    return replace(dataset, bookings=bookings, labels=dataset.labels[at], events=events, roles=dataset.known_roles[at])


def build_facts(fitted: Fitted, dataset: Dataset, split: Split, *, split_kind: str = "customer") -> dict[str, Any]:
    """All figures of a run, ready for JSON; `split_kind` is `customer` (drawn here) or `given` (by the caller)."""
    test = part(dataset, split.test)
    bookings = evaluate_bookings(fitted, test.bookings, test.labels) if len(split.test) else NOT_TESTED
    events = NO_EVENTS
    if len(split.test) and has_customers(dataset.bookings):
        events = evaluate_events(fitted, test.bookings, test.events)
        predict = evaluate_prediction(fitted, test.bookings, test.labels, test.known_roles, test.events)
        events = {**events, "predict": predict}
    return {
        "headline": _headline(bookings, events),
        "split": {"kind": split_kind, "fitted_bookings": len(split.fit), "tested_bookings": len(split.test)},
        "counts": dataset.counts,
        "bookings": bookings,
        "events": events,
        "taxonomy": {"version": fitted.taxonomy.version, "sha256": fitted.taxonomy.sha256},
        "screening": {"version": fitted.screening.version, "sha256": fitted.screening.sha256},
        "names": fitted.classifier.names_,
        "levensloop": metadata.version("levensloop"),
    }


def _headline(bookings: dict[str, Any], events: dict[str, Any]) -> dict[str, Any]:
    """The figure that a successor is compared by: macro-F1 of events, of bookings where no events were given."""
    if events["macro_f1"] is not None:
        return {"name": "event_macro_f1", "value": events["macro_f1"], "n": events["customers"]}
    return {"name": "booking_macro_f1", "value": bookings["macro_f1"], "n": bookings["n"]}


def _packaged(name: str) -> str:
    return resources.files("models").joinpath(name).read_text("utf-8")


def print_summary(dataset: Dataset, facts: dict[str, Any], candidate_id: str, version: str) -> None:
    """Say on stderr what was left out, what came out and what to do next."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for note in dataset.notes:
        console.print(note, markup=False)
    for problem in dataset.problems[:_PROBLEMS_SAID]:
        console.print(str(problem), markup=False)
    if len(dataset.problems) > _PROBLEMS_SAID:
        console.print(f"... and {len(dataset.problems) - _PROBLEMS_SAID} more rows that were left out.", markup=False)
    console.print(_table_of_events(facts))
    if facts.get("splits"):
        console.print(_table_of_splits(facts))
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in dataset.counts.items())
    console.print(f"Bookings: {counts}.")
    console.print(f"Candidate {candidate_id[:12]}, MLflow version {version} of life-events. Next: levensloop sign.")


def _table_of_events(facts: dict[str, Any]) -> Table:
    table = Table("life event", "true", "found", "precision", "recall", "F1", title="Customers not seen in training")
    for event, figures in facts["events"]["per_event"].items():
        row = [_share(figures[name]) for name in ("precision", "recall", "f1")]
        table.add_row(event, str(figures["n_true"]), str(figures["n_found"]), *row)
    return table


def _table_of_splits(facts: dict[str, Any]) -> Table:
    columns = {
        "seen_description_share": "texts\nseen",
        "macro_f1": "macro-F1",
        "average_precision": "average\nprecision",
        "expected_calibration_error": "calibration\nerror",
        "answered_share_at_risk": "answered\nat risk",
    }
    table = Table(title="The same bookings split in four ways", box=SIMPLE_HEAD, padding=0)
    for name in ("split by", "fitted", "tested", *columns.values()):
        table.add_column(name, justify="right" if table.columns else "left")
    for kind in KINDS:
        figures = facts["splits"][kind]
        row = [_share(figures.get(name)) for name in columns]
        table.add_row(kind, f"{figures['n_fit']:,}", f"{figures['n_test']:,}", *row)
    return table


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
