"""What MLflow keeps of a training: figures, the model as skops, a version that names its candidate - and no booking."""

import os
from pathlib import Path

import pandas as pd
import pytest

from models.classifier import BookingClassifier
from models.events import EventDetector
from models.home import Home, find_home
from models.screening import default_screening
from models.taxonomy import default_taxonomy
from training.fitting import Fitted
from training.run import NO_EVENTS, NOT_TESTED
from training.tracking import CHAMPION, REGISTERED_NAME, log_training, move_champion

BOOKINGS = pd.DataFrame(
    {
        "counterparty_name": ["SVB", "Bakker QXMARKERQX"] * 20,
        "remittance_information": ["kinderbijslag", "brood"] * 20,
        "amount": [295.07, 4.10] * 20,
        "credit_debit_indicator": ["CRDT", "DBIT"] * 20,
    }
)
FACTS = {"bookings": {**NOT_TESTED, "macro_f1": 0.5}, "events": NO_EVENTS}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.chdir(tmp_path)
    return find_home({**os.environ, "LEVENSLOOP_HOME": str(tmp_path / "home")})


@pytest.fixture
def fitted() -> Fitted:
    classifier = BookingClassifier().fit(BOOKINGS, ["child_birth", "none"] * 20)
    return Fitted(classifier, EventDetector(), default_screening(), default_taxonomy())


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_logged_model_judges_rows_and_the_alias_follows_the_candidate(home: Home, fitted: Fitted) -> None:
    import mlflow

    version = log_training(home, fitted=fitted, facts=FACTS, parameters={"seed": 0}, candidate_id="c" * 64)
    assert move_champion(home, "c" * 64) == version
    assert move_champion(home, "unknown") is None
    model = mlflow.pyfunc.load_model(f"models:/{REGISTERED_NAME}@{CHAMPION}")
    given = BOOKINGS.head(3)
    # As many answers as rows: a pipeline that is fed the frame itself would judge the names of its columns.
    told = model.predict(given)
    assert told.shape == (3, 2)
    assert told.argmax(axis=1).tolist() == [0, 1, 0]
    (run,) = mlflow.search_runs(experiment_names=[REGISTERED_NAME], output_format="list")
    assert run.data.metrics["booking_macro_f1"] == 0.5
    mlflow.flush_async_logging()


def test_where_nothing_was_logged_no_alias_moves_and_no_store_is_made(home: Home) -> None:
    assert move_champion(home, "c" * 64) is None
    assert not home.mlflow_database.exists()


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
def test_no_merchant_and_no_booking_id_is_in_mlflows_own_files(home: Home, fitted: Fitted) -> None:
    log_training(home, fitted=fitted, facts=FACTS, parameters={}, candidate_id="c" * 64)
    kept = [path for path in home.path.rglob("*") if path.is_file() and path.suffix != ".skops"]
    assert kept
    assert [path.name for path in kept if b"QXMARKERQX" in path.read_bytes()] == []
