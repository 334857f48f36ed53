"""MLflow's part: every training is a run with its figures, every candidate a registered version, the champion an alias.

No booking leaves for MLflow: parameters, counts, figures and the model alone. MLflow keeps no history of its aliases;
who promoted what and why stands in our own trail.
"""

import math
import os
import re
import warnings
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from models.home import Home
from models.release import TRUSTED_TYPES
from training.fitting import Fitted
from training.plots import list_plots
from training.tables import list_tables

REGISTERED_NAME = "life-events"
CHAMPION = "champion"
_COLUMNS_NEEDED = {
    "counterparty_name": "string",
    "remittance_information": "string",
    "credit_debit_indicator": "string",
}
_LIBRARIES = ("scikit-learn", "pandas", "numpy", "scipy", "pyarrow", "pandera", "skops")
_NOT_IN_METRICS = re.compile(r"[^\w. -]")  # a label may be called "naissance d'un enfant", a metric may not
_LONGEST_METRIC = 200  # MLflow takes 250
_COLUMNS_WELCOME = ("customer_id", "creditor_id", "purpose_code", "bank_transaction_code", "booking_date")


def log_training(
    home: Home, *, fitted: Fitted, facts: Mapping[str, Any], parameters: Mapping[str, Any], candidate_id: str
) -> str:
    """Log a run and register its classifier as the next version of `life-events`; returns that version.

    The version carries the tag `candidate_id`, which names the folder that is signed and promoted.
    """
    client = _connect(home)
    import mlflow

    with mlflow.start_run() as run:
        mlflow.log_params(dict(parameters))
        mlflow.log_metrics(list_metrics(facts))
        mlflow.log_dict(dict(facts), "facts.json")
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph")  # labels in scripts that the font does not have
            for name, figure in list_plots(facts).items():
                mlflow.log_figure(figure, name)
        for name, table in list_tables(facts).items():
            mlflow.log_text(table.to_csv(index=False), name)
        for point in facts.get("learning_curve", []):
            if point["macro_f1"] is not None:
                mlflow.log_metric("learning_curve_macro_f1", point["macro_f1"], step=point["customers"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # MLflow's hints on input examples, which would hold bookings
            info = mlflow.sklearn.log_model(
                fitted.classifier,
                name="classifier",
                signature=_signature(len(fitted.classifier.classes_)),
                serialization_format="skops",
                skops_trusted_types=list(TRUSTED_TYPES),
                pip_requirements=list_requirements(),
                pyfunc_predict_fn="predict_proba",
            )
    version = client.create_model_version(REGISTERED_NAME, source=info.model_uri, run_id=run.info.run_id)
    client.set_model_version_tag(REGISTERED_NAME, version.version, "candidate_id", candidate_id)
    return str(version.version)


def list_requirements() -> list[str]:
    """The exact versions of the libraries that a saved classifier needs.

    Our own name is not among them: this project is published nowhere, and a stranger may own that name on an index.
    """
    return [f"{name}=={metadata.version(name)}" for name in _LIBRARIES]


def move_champion(home: Home, release_id: str) -> str | None:
    """Point the alias `champion` at the version of a release; returns the version, None when it is not registered."""
    if not home.mlflow_database.exists():
        return None  # a store for nothing to be found in takes seconds to make
    client = _connect(home)
    for version in client.search_model_versions(f"name='{REGISTERED_NAME}'"):
        if version.tags.get("candidate_id") == release_id:
            client.set_registered_model_alias(REGISTERED_NAME, CHAMPION, version.version)
            return str(version.version)
    return None


def _connect(home: Home) -> Any:
    """A client of the local store; telemetry stays off, and a first use makes the experiment and the registry."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import logging

    logging.getLogger("alembic").setLevel(logging.WARNING)
    import mlflow
    from mlflow.exceptions import MlflowException

    home.path.mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(home.mlflow_uri)
    client = mlflow.MlflowClient()
    if client.get_experiment_by_name(REGISTERED_NAME) is None:
        client.create_experiment(REGISTERED_NAME, artifact_location=_folder_uri(home.artifacts))
    mlflow.set_experiment(REGISTERED_NAME)
    try:
        client.get_registered_model(REGISTERED_NAME)
    except MlflowException:
        client.create_registered_model(REGISTERED_NAME, description="Life events of single bookings")
    return client


def _folder_uri(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve().as_uri()


def _signature(classes: int) -> Any:
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec

    inputs = [ColSpec(kind, name) for name, kind in _COLUMNS_NEEDED.items()]
    inputs += [ColSpec("double", "amount")]
    inputs += [ColSpec("string", name, required=False) for name in _COLUMNS_WELCOME]
    return ModelSignature(Schema(inputs), Schema([TensorSpec(np.dtype("float64"), (-1, classes))]))


def list_metrics(facts: Mapping[str, Any]) -> dict[str, float]:
    """Headline figures, one per label and event, and the splits; what is undefined is left out, never 0."""
    bookings, events = facts["bookings"], facts["events"]
    doubt, predict = bookings.get("risk_coverage", {}), events.get("predict", {})
    found: dict[str, float | None] = {
        "booking_macro_f1": bookings["macro_f1"],
        "booking_average_precision": bookings.get("average_precision"),
        "event_macro_f1": events["macro_f1"],
        "event_foretold_macro_recall": predict.get("macro_recall"),
        "booking_brier": bookings["calibration"]["brier"],
        "booking_ece": bookings["calibration"]["expected_calibration_error"],
        "booking_ece_per_wording": bookings["calibration"]["expected_calibration_error_per_wording"],
        "booking_abstained_share": bookings["abstained_share"],
        "booking_aurc": doubt.get("aurc"),
        "booking_answered_share_at_risk": doubt.get("coverage_at_risk"),
    }
    found |= {f"booking_f1.{name}": figures["f1"] for name, figures in bookings["per_label"].items()}
    for name, figures in events["per_event"].items():
        found |= {f"event_f1.{name}": figures["f1"]} if figures["n_true"] else {}
        found[f"event_false_per_1000_years.{name}"] = figures.get("false_per_1000_customer_years")
    for kind, figures in facts.get("splits", {}).items():
        found |= {f"split_{kind}.{name}": value for name, value in figures.items()}
    defined = {name: value for name, value in found.items() if value is not None and not math.isnan(value)}
    return {_NOT_IN_METRICS.sub("_", name)[:_LONGEST_METRIC]: float(value) for name, value in defined.items()}
