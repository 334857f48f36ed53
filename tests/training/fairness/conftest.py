"""A small release that was really trained, for the parts of the audit that ask one."""

import pytest

from models.screening import default_screening
from models.taxonomy import default_taxonomy
from training.dataset import Dataset
from training.fitting import Fitted, fit_models


@pytest.fixture(scope="session")
def small_release(small_dataset: Dataset) -> Fitted:
    return fit_models(small_dataset, taxonomy=default_taxonomy(), screening=default_screening(), seed=0)
