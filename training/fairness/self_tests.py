"""Does the audit itself work? Known answers that every report prints beside its own.

The student-grant control of DUO, which the usual difference of rates would have passed, must be blocked. Equal groups
must be left alone, planted bias must be found, nine people must never be printed, and nothing must not be a zero.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from training.fairness.audit import block_reasons
from training.fairness.comparison import list_pairs
from training.fairness.cube import ALL, Counts, Cube, Rows, build_cube
from training.fairness.disclosure import find_hidden, hide_facts, publishable
from training.fairness.intervals import clopper_pearson
from training.fairness.metrics import Endpoint, compare, compare_pairs
from training.fairness.power import n_for_exceeding
from training.fairness.rounded import build_table_cube
from training.fairness.verdicts import EXCEEDED, NOT_ESTABLISHED, Fact, give_verdicts

# Students with a grant and those selected for control, 2014, by origin, rounded to ten: Statistics Netherlands for DUO
# and Algorithm Audit, "Addendum Preventing prejudice" (22 May 2024), repository NGO-Algorithm-Audit/DUO-CUB.
DUO = (("dutch", 178_200, 1_050), ("non_european", 54_820, 2_010))
DUO_RATIO = 6.22  # 2,010 / 54,820 over 1,050 / 178,200
OFFER_RATIO = Endpoint(rate="offer_rate", measure="ratio", low=0.80, high=1.25)
RECALL = Endpoint(rate="recall", measure="difference", low=-0.05)
NULL_RUNS, GAP_RUNS, PAIRS = 200, 200, 2995


def run_self_tests(*, seed: int = 2026) -> list[dict[str, Any]]:
    """Every known answer as {"name", "expected", "found", "passed", ...}, JSON data."""
    rng = np.random.default_rng(seed)
    return [
        duo_is_blocked(),
        equal_groups_are_left_alone(rng),
        name_bias_is_blocked(rng),
        planted_gap_is_exceeded(rng),
        nine_are_never_printed(rng),
        nothing_is_undefined(rng),
    ]


def duo_is_blocked() -> dict[str, Any]:
    """The student-grant control as table only; there is no signed justification, so it blocks."""
    table = pd.DataFrame(
        [{"event": "control", "ground": "origin", "group": g, "units": n, "offered": k} for g, n, k in DUO]
    )
    facts = compare(build_table_cube(table), OFFER_RATIO, references={"origin": "dutch"})
    judged = [{**fact, "justify": True} for fact in give_verdicts(facts)]
    fact = next(one for one in judged if one["against"] == "reference")
    blocks = block_reasons([], judged, [])
    return {
        "name": "duo_student_grants", "expected": f"blocked at ratio {DUO_RATIO}", "found": fact, "blocks": blocks,
        "passed": bool(blocks) and fact["verdict"] == EXCEEDED and round(fact["point"], 2) == DUO_RATIO,
    }  # fmt: skip


def equal_groups_are_left_alone(rng: np.random.Generator, *, runs: int = NULL_RUNS) -> dict[str, Any]:
    """Equal groups of unequal size: how often anything at all is EXCEEDED."""
    sizes = {"large": 5000, "b": 500, "c": 200, "d": 100, "e": 50}
    banks = [_bank(rng, sizes, recalls=dict.fromkeys(sizes, 0.85)) for _ in range(runs)]
    found = _count_exceeded(banks, RECALL, OFFER_RATIO)
    return {
        "name": "equal_groups", "expected": "EXCEEDED in at most 5 % of runs", "found": found / runs, "n": runs,
        "passed": found / runs <= 0.05,
    }  # fmt: skip


def planted_gap_is_exceeded(rng: np.random.Generator, *, runs: int = GAP_RUNS) -> dict[str, Any]:
    """A recall of .75 against .85 at a margin of .05, with as many positives as show it in 97 % of runs.

    At the 806 of the power table it is 95 % in the long run, so that half of all series of runs would stay below that.
    """
    n = n_for_exceeding(0.85, margin=0.05, gap=0.10, power_wanted=0.97) or 0
    sizes = {"large": 10 * n, "small": n}
    pair = {"large": 0.85, "small": 0.75}
    found = _count_exceeded([_bank(rng, sizes, recalls=pair, rate=1.0) for _ in range(runs)], RECALL)
    return {
        "name": "planted_gap", "expected": "EXCEEDED in at least 95 % of runs", "found": found / runs, "n": runs,
        "positives": n, "passed": found / runs >= 0.95,
    }  # fmt: skip


def name_bias_is_blocked(rng: np.random.Generator) -> dict[str, Any]:
    """A decision that takes a hundredth off for a foreign name: one flip among the pairs is enough to block."""
    score = rng.random(PAIRS)
    flips = [int(((score > 0.5) != (score - bias > 0.5)).sum()) for bias in (0.0, 0.01)]
    bounds = clopper_pearson(np.array(flips), np.full(2, PAIRS), confidence=0.90)[1]
    return {
        "name": "planted_name_bias", "expected": "0 flips without and a block with the bias",
        "found": {"flips_without": flips[0], "flips_with": flips[1], "bounds": bounds.tolist()},
        "n": PAIRS, "passed": flips[0] == 0 and flips[1] > 0,
    }  # fmt: skip


def nine_are_never_printed(rng: np.random.Generator) -> dict[str, Any]:
    """A group of nine among others: no count of it in the cube's export, and no figure in a fact."""
    cube = _bank(
        rng, {"large": 2000, "middle": 300, "nine": 9}, recalls=dict.fromkeys(("large", "middle", "nine"), 0.8)
    )
    rows = [row for row in publishable(cube) if row["group"] == "nine"]
    facts = [fact for fact in _printed(cube, OFFER_RATIO) if fact["group"] == "nine"]
    shown = sum(row["n"] not in (None, 0) for row in rows) + sum(fact["point"] is not None for fact in facts)
    return {
        "name": "group_of_nine", "expected": "no number of it", "found": shown, "n": len(rows) + len(facts),
        "passed": shown == 0 and bool(rows) and bool(facts),
    }  # fmt: skip


def nothing_is_undefined(rng: np.random.Generator) -> dict[str, Any]:
    """A group without a true event has no recall: undefined, neither 0 nor a pass."""
    cube = _bank(rng, {"large": 2000, "none": 300}, recalls={"large": 0.85, "none": 0.85})
    number = list(cube).index(("g", "none"))
    sums = {name: values.copy() for name, values in cube.pooled.sums.items()}
    for name in ("true", "both", "offered_true"):
        sums[name][number] = 0.0
    cube = replace(cube, pooled=replace(cube.pooled, sums=sums))
    facts = [fact for fact in _printed(cube, RECALL) if fact["group"] == "none"]
    undefined = all(fact["point"] is None and fact["verdict"] == NOT_ESTABLISHED for fact in facts)
    return {
        "name": "group_without_positives", "expected": "undefined", "found": [fact["reason"] for fact in facts],
        "n": len(facts), "passed": bool(facts) and undefined and all("undefined" in fact["reason"] for fact in facts),
    }  # fmt: skip


def _bank(rng: np.random.Generator, sizes: dict[str, int], *, recalls: dict[str, float], rate: float = 0.1) -> Cube:
    group = np.repeat(np.arange(len(sizes)), list(sizes.values()))
    true = rng.random(len(group)) < rate
    recall = np.array([recalls[name] for name in sizes])[group]
    rows = Rows(
        customer=np.arange(len(group)), event=np.zeros(len(group), dtype=int), true=true,
        predicted=rng.random(len(group)) < np.where(true, recall, 0.01),
    )  # fmt: skip
    groups = pd.DataFrame({"g": pd.Categorical.from_codes(group, list(sizes))})
    return build_cube(rows, groups, events=("event",))


def _facts(cube: Cube, *endpoints: Endpoint) -> list[Fact]:
    found = [fact for one in endpoints for fact in compare(cube, one, references={"g": "large"}, power_wanted=None)]
    return give_verdicts(found)


def _count_exceeded(banks: Sequence[Cube], *endpoints: Endpoint) -> int:
    """In how many banks anything at all is EXCEEDED; each bank is a family of its own."""
    counts, events = _side_by_side(banks), [str(number) for number in range(len(banks))]
    pairs = list_pairs(banks[0], references={"g": "large"})
    families: dict[str, list[Fact]] = {event: [] for event in events}
    for endpoint in endpoints:
        for fact in compare_pairs(counts, events, endpoint, pairs, power_wanted=None):
            families[fact["event"]].append(fact)
    judged = (give_verdicts(facts) for facts in families.values())
    return sum(any(fact["verdict"] == EXCEEDED for fact in facts) for facts in judged)


def _side_by_side(banks: Sequence[Cube]) -> Counts:
    """Banks of one event as the events of one table: intervals of all of them cost as much as those of one."""
    counts = [bank.periods[ALL] for bank in banks]
    first = counts[0]
    return Counts(
        customers=first.customers,
        sums={name: np.concatenate([one.sums[name] for one in counts], axis=1) for name in first.sums},
        grams={rate: np.concatenate([one.grams[rate] for one in counts], axis=2) for rate in first.grams},
        # The last column, of any event, is asked for by no endpoint of single events.
        holders={rate: np.hstack([*(one.holders[rate][:, :1] for one in counts), holders[:, 1:]])
                 for rate, holders in first.holders.items()},
    )  # fmt: skip


def _printed(cube: Cube, endpoint: Endpoint) -> list[Fact]:
    return hide_facts(_facts(cube, endpoint), find_hidden(cube))
