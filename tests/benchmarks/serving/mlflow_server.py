"""The classifier of the small bank as MLflow's own server takes it."""

import warnings
from pathlib import Path

import mlflow

from models.release import TRUSTED_TYPES
from serving.opening import verify_release
from tests.benchmarks.serving.small_bank import SmallBank
from training.tracking import list_requirements


def save_classifier(bank: SmallBank) -> Path:
    """The folder of the saved model, made once."""
    folder = bank.home.path / "mlflow-model"
    if not folder.exists():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # hints on input examples, which would hold bookings
            mlflow.sklearn.save_model(
                verify_release(bank.settings).classifier,
                folder,
                serialization_format="skops",
                skops_trusted_types=list(TRUSTED_TYPES),
                pip_requirements=list_requirements(),
                pyfunc_predict_fn="predict_proba",
            )
    return folder
