"""A bank that plain keywords read would teach a learner nothing: the benchmark's keyword rules have to fail on it."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from models.taxonomy import default_taxonomy

BASELINE = Path(__file__).parents[2] / "benchmarks" / "bench_keyword_baseline.py"


@pytest.fixture(scope="module")
def baseline() -> Iterator[ModuleType]:
    """The benchmark, by its path: no package holds it."""
    spec = importlib.util.spec_from_file_location("bench_keyword_baseline", BASELINE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_keywords_find_some_events_and_stay_far_below_a_learner(baseline: ModuleType, tmp_path: Path) -> None:
    scores = baseline.run_baseline(tmp_path, customers=120, seed=1)
    assert set(scores) == set(default_taxonomy().ids)
    macro = np.mean([score.f1 for score in scores.values()])
    assert macro < 0.60
    # Rules that find nothing at all would keep below any bound.
    assert sum(score.hits for score in scores.values()) > 50


def test_a_score_counts_hits_twice(baseline: ModuleType) -> None:
    # 3 hits, 1 false alarm, 2 misses: F1 = 2 x 3 / (2 x 3 + 1 + 2) = 2/3.
    assert baseline.Score(3, 1, 2).f1 == pytest.approx(2 / 3)
    assert baseline.Score(0, 0, 0).f1 == 0.0
