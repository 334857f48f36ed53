"""What a run says at its end, and what it leaves in MLflow for others."""

import numpy as np
import pandas as pd
import pytest
from packaging.requirements import Requirement
from threadpoolctl import threadpool_info, threadpool_limits

from models.bookings import RowProblem
from training.dataset import Dataset
from training.fitting import one_thread
from training.run import print_summary
from training.tracking import list_requirements


def test_problems_beyond_the_first_twenty_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    problems = [RowProblem("b.csv", line, "no date") for line in range(2, 25)]
    dataset = Dataset(pd.DataFrame(), np.array([]), pd.DataFrame(), {"read": 23}, {}, problems)
    print_summary(dataset, {"events": {"per_event": {}}}, "c" * 64, "1")
    said = capsys.readouterr().err
    assert "b.csv:21: no date" in said
    assert "b.csv:22" not in said
    assert "... and 3 more rows that were left out." in said


def test_a_logged_model_asks_for_exact_libraries_and_never_for_our_private_name() -> None:
    lines = list_requirements()
    needed = {"scikit-learn", "pandas", "numpy", "scipy", "pyarrow", "pandera", "skops"}
    assert {line.split("==")[0] for line in lines} == needed
    assert f"pandas=={pd.__version__}" in lines
    assert all(Requirement(line).specifier for line in lines)


def test_fitting_keeps_linear_algebra_to_one_thread() -> None:
    with threadpool_limits(limits=2, user_api="blas"), one_thread():  # tests have one thread anyway
        used = [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]
    assert used
    assert set(used) == {1}
