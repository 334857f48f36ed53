"""The naive model laid beside the release: on the same customers, on the same name swaps, and in the same traps.

It shows the board what the work on fairness changes, and that the gate would stop a model without it. It is fitted
here, on the bookings that the release was trained on, and thrown away; it knows no group.
"""

from typing import Any

import numpy as np

from models.taxonomy import Taxonomy
from training.fairness.asking import Asked
from training.fairness.comparison import list_pairs
from training.fairness.cube import Cube
from training.fairness.disclosure import find_hidden, hide_facts
from training.fairness.intervals import clopper_pearson
from training.fairness.metrics import Endpoint, compare_pairs
from training.fairness.naive import NaiveModel
from training.fairness.observing import People, count_events
from training.fairness.policy import FairnessPolicy
from training.fairness.swap_suite import PLACEBO, Suite
from training.fairness.swaps import Histories, name_copies
from training.fairness.verdicts import Fact, give_verdicts
from training.settings import settings

RATES = ("recall", "false_offer_rate")
_PLACE = ("rate", "measure", "over", "event", "ground", "group", "against", "other", "low", "high")
_SHOWN = ("n", "n_against", "share", "share_against", "point", "interval", "verdict", "reason")


def compare_rates(
    naive: NaiveModel, asked: Asked, people: People, taxonomy: Taxonomy, policy: FairnessPolicy, *, seed: int
) -> dict[str, Any]:
    """Recall and false offers of all events together, per group against its reference, of both models.

    Returns
    -------
    dict
        customers: on how many; rows: rate, measure, over, event, ground, group, against, other, low, high, and under
        `naive` and `release` n, n_against, share, share_against, point, interval, verdict and reason; None where too
        few people are.
    """
    chosen = np.random.default_rng(seed).permutation(len(people.customers)) < settings("naive")["most_customers"]
    mine = people.part(chosen)
    bookings = asked.bookings[asked.bookings["customer_id"].isin(mine.customers)]
    ours = asked.detections[asked.detections["customer_id"].isin(mine.customers)].reset_index(drop=True)
    told = {"naive": naive.detect(bookings).assign(probability=1.0), "release": ours}
    facts = {name: _facts(count_events(found, mine, policy, taxonomy), policy) for name, found in told.items()}
    rows = []
    for pair in zip(facts["naive"], facts["release"], strict=True):
        place = {name: pair[0][name] for name in _PLACE}
        figures = {name: {key: fact[key] for key in _SHOWN} for name, fact in zip(facts, pair, strict=True)}
        rows.append({**place, **figures})
    return {"customers": len(mine.customers), "rows": rows}


def _facts(cube: Cube, policy: FairnessPolicy) -> list[Fact]:
    """Of single grounds, each group against its reference."""
    hidden = find_hidden(cube, k=int(policy.numbers["hide_below"]), rate_from=int(policy.numbers["rate_from"]))
    pairs = [
        pair for pair in list_pairs(cube, references=policy.references, grounds=list(policy.grounds))
        if pair.against == "reference"
    ]  # fmt: skip
    facts: list[Fact] = []
    for endpoint in _endpoints(policy):
        found = compare_pairs(
            cube.pooled, cube.events, endpoint, pairs, confidence=policy.numbers["confidence"], power_wanted=None
        )
        facts += hide_facts(give_verdicts(found, alpha=policy.numbers["findings_alpha"]), hidden)
    return facts


def _endpoints(policy: FairnessPolicy) -> list[Endpoint]:
    """The policy's margins, of all events together: a naive model gives too few answers about most single ones."""
    declared = [one.endpoint for one in policy.primary] + [one.endpoint for one in policy.secondary]
    wanted = [next((one for one in declared if one.rate == rate), None) for rate in RATES]
    return [
        Endpoint(rate=one.rate, measure=one.measure, low=one.low, high=one.high, over="pooled")
        for one in wanted if one is not None
    ]  # fmt: skip


def swap_names(naive: NaiveModel, histories: Histories, policy: FairnessPolicy, *, suite: Suite) -> dict[str, Any]:
    """Other names in the same synthetic histories as the release was asked about: how often a booking's label changes.

    Returns
    -------
    dict
        kind, origin (all together), pairs, flips, score_changes, upper: bound of the flip rate.
    """
    copies = name_copies(histories, suite)
    copies.pop(PLACEBO)
    told = [naive.classify(copy.bookings.iloc[copy.at].reset_index(drop=True)) for copy in copies.values()]
    flips = sum(int((one["label"] != told[0]["label"]).sum()) for one in told[1:])
    changes = sum(int((one["probability"] != told[0]["probability"]).sum()) for one in told[1:])
    pairs = sum(len(one) for one in told[1:])
    upper = clopper_pearson(flips, pairs, confidence=policy.numbers["confidence"])[1] if pairs else None
    return {
        "kind": "names", "origin": "all", "pairs": pairs, "flips": flips, "score_changes": changes,
        "upper": None if upper is None else float(upper),
    }  # fmt: skip
