"""CPU seconds from rows to all facts of the audit, and how that compares with fairlearn's bootstrap.

1 million customers x 28 events x 40 groups, every customer and event a row; then recall and offer rate of one event and
ground on a slice, by fairlearn with 100 resamples and by the cube.
Run: `python tests/benchmarks/bench_fairness.py [customers]`.
"""

import sys
import time

import numpy as np
import pandas as pd
from fairlearn.metrics import MetricFrame, selection_rate, true_positive_rate

from training.fairness.comparison import list_pairs
from training.fairness.cube import Cube, Rows, build_cube
from training.fairness.disclosure import find_hidden, hide_facts
from training.fairness.metrics import Endpoint, compare
from training.fairness.verdicts import give_verdicts

SIZES = (10, 5, 3, 6, 5, 5, 3, 3)  # groups of eight grounds: 40
EVENTS = 28
ENDPOINTS = (
    Endpoint(rate="recall", measure="difference", low=-0.10),
    Endpoint(rate="recall", measure="difference", low=-0.05, over="macro"),
    Endpoint(rate="false_offer_rate", measure="difference", high=0.10),
    Endpoint(rate="offer_rate", measure="ratio", low=0.8, high=1.25),
    Endpoint(rate="offer_rate_given_event", measure="ratio", low=0.8, high=1.25),
    Endpoint(rate="offer_rate_given_event", measure="ratio", low=0.8, high=1.25, over="macro"),
    Endpoint(rate="calibration", measure="observed_expected", low=0.8, high=1.25),
    Endpoint(rate="abstention", measure="difference", high=0.05),
    Endpoint(rate="days_to_detect", measure="mean_difference", high=7.0),
)
SLICE, RESAMPLES = 20_000, 100


def make_rows(customers: int, seed: int = 0) -> tuple[Rows, pd.DataFrame]:
    """A bank of equal groups with events of 2 %."""
    rng = np.random.default_rng(seed)
    n = customers * EVENTS
    true = rng.random(n, dtype=np.float32) < 0.02
    rows = Rows(
        customer=np.repeat(np.arange(customers, dtype=np.int32), EVENTS),
        event=np.tile(np.arange(EVENTS, dtype=np.int16), customers), true=true,
        predicted=rng.random(n, dtype=np.float32) < np.where(true, np.float32(0.85), np.float32(0.002)),
        abstained=rng.random(n, dtype=np.float32) < 0.01,
        probability=np.where(true, np.float32(0.8), np.float32(0.004)), days=rng.random(n, dtype=np.float32) * 30,
    )  # fmt: skip
    return rows, pd.DataFrame({f"ground{number}": _draw(rng, customers, size) for number, size in enumerate(SIZES)})


def _draw(rng: np.random.Generator, customers: int, size: int) -> pd.Categorical:
    shares = np.r_[0.6, np.full(size - 1, 0.4 / (size - 1))]
    return pd.Categorical.from_codes(rng.choice(size, customers, p=shares), [f"group{at}" for at in range(size)])


def all_facts(cube: Cube) -> int:
    """Every fact with its verdict, hidden where it must be; how many."""
    references = dict.fromkeys(cube.grounds, "group0")
    hidden = find_hidden(cube)
    return sum(len(hide_facts(give_verdicts(compare(cube, one, references=references)), hidden)) for one in ENDPOINTS)


def main(customers: int) -> None:
    """Measure and print."""
    rows, groups = make_rows(customers)
    begun = time.process_time()
    cube = build_cube(rows, groups, events=[f"event{number}" for number in range(EVENTS)])
    counted = time.process_time()
    facts = all_facts(cube)
    ended = time.process_time()
    print(
        f"{customers:,} customers x {EVENTS} events x {sum(SIZES)} groups, {len(rows.true):,} rows: cube "
        f"{counted - begun:.1f} s, {facts:,} facts {ended - counted:.1f} s, together {ended - begun:.1f} CPU seconds"
    )
    _against_fairlearn(rows, groups)


def _against_fairlearn(rows: Rows, groups: pd.DataFrame) -> None:
    """Recall and offer rate of one event with intervals, per group of one ground."""
    mine = np.flatnonzero(rows.event == 0)[:SLICE]
    true, told, ground = (
        rows.true[mine].astype(int),
        rows.predicted[mine].astype(int),
        groups["ground1"].iloc[: len(mine)],
    )
    metrics = {"recall": true_positive_rate, "offer_rate": selection_rate}
    begun = time.process_time()
    MetricFrame(
        metrics=metrics, y_true=true, y_pred=told, sensitive_features=ground.to_numpy(), n_boot=RESAMPLES,
        ci_quantiles=[0.05, 0.95], random_state=0,
    )  # fmt: skip
    theirs = time.process_time() - begun
    begun = time.process_time()
    one = Rows(
        customer=np.arange(len(mine)), event=np.zeros(len(mine), dtype=int), true=rows.true[mine],
        predicted=rows.predicted[mine],
    )  # fmt: skip
    cube = build_cube(one, ground.to_frame().reset_index(drop=True), events=("event0",))
    references = {"ground1": "group0"}
    for endpoint in (ENDPOINTS[0], ENDPOINTS[3]):
        compare(cube, endpoint, references=references, power_wanted=None)
    ours = time.process_time() - begun
    print(
        f"one event, {len(mine):,} customers, {len(list_pairs(cube, references=references))} comparisons: fairlearn "
        f"with {RESAMPLES} resamples {theirs:.2f} s, cube {ours:.3f} s, ratio {theirs / ours:.0f}"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
