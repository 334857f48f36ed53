"""What each way to make the model is worth, and for whom: quality, gaps between groups, and what scores give away."""

from datetime import date
from typing import Any

import pandas as pd

from models.detection import Model
from models.events import EventDetector
from models.taxonomy import Taxonomy
from training.fairness.alternatives import AS_IS, RELEASE, fit_detectors, fit_readers
from training.fairness.asking import Asked, ask
from training.fairness.comparison import list_pairs
from training.fairness.disclosure import find_hidden, hide_facts
from training.fairness.leakage import worst_leak
from training.fairness.metrics import Endpoint, compare_pairs
from training.fairness.observing import People, count_events, offering_events
from training.fairness.policy import FairnessPolicy, group_frame
from training.fairness.tables import Trained
from training.fairness.verdicts import give_verdicts
from training.intervals import f1, mean
from training.matching import match_events
from training.settings import settings


def choose_ground(policy: FairnessPolicy) -> str:
    """The ground whose groups the other ways may know, chosen before any result is seen."""
    wanted = str(settings("alternatives")["ground"])
    return wanted if wanted in policy.grounds else policy.primary[0].ground


def teach_groups(
    trained: Trained, groups: pd.DataFrame, release: Model, policy: FairnessPolicy, *, seed: int
) -> dict[str, EventDetector]:
    """The detectors that know groups, to be asked beside the release's own.

    Parameters
    ----------
    groups : DataFrame
        customer_id and the columns of the vault, of trained customers who allow the audit.
    """
    member = group_frame(policy, groups)[choose_ground(policy)].astype(object)
    known = pd.Series(member.to_numpy(), index=groups["customer_id"]).dropna()
    return fit_detectors(trained, known, release, seed=seed)


def compare_alternatives(
    trained: Trained, asked: Asked, people: People, release: Model, policy: FairnessPolicy, *, as_of: date, seed: int
) -> list[dict[str, Any]]:
    """Fit the other readers on the customers whom the release was trained on, and compare all ways on these people.

    Parameters
    ----------
    asked : Asked
        What the release said, and in `others` what the detectors that know groups said.

    Returns
    -------
    list of dict
        name, macro_f1, recall, false_offer_rate, worst_recall_gap {value, interval, ground, group, other, n,
        n_against}, leakage {auc, interval, ground, group, n}, offers, offers_lost (fewer than as is), groups_of (the
        ground whose groups it knew), chosen; None where too few people are.
    """
    readers = fit_readers(trained, release, seed=seed)
    read = {name: ask(asked.bookings, reader, as_of=as_of).detections for name, reader in readers.items()}
    found = {**read, RELEASE: asked.detections, **asked.others}
    rows = [
        {"name": name, **figures_of(told, people, release.taxonomy, policy, as_of=as_of, seed=seed)}
        for name, told in found.items()
    ]
    before = next(row["offers"] for row in rows if row["name"] == AS_IS)
    ground = choose_ground(policy)
    return [
        {**row, "offers_lost": before - row["offers"], "chosen": row["name"] == RELEASE,
         "groups_of": ground if row["name"] in asked.others else None}
        for row in rows
    ]  # fmt: skip


def figures_of(
    found: pd.DataFrame, people: People, taxonomy: Taxonomy, policy: FairnessPolicy, *, as_of: date, seed: int
) -> dict[str, Any]:
    """Quality over all events, the largest gap in recall, and the worst leak, of some detections."""
    matched = match_events(found, people.truth)
    hit = found["event"].to_numpy(dtype=object)[matched.of_detection >= 0]
    told, true = (pd.Series(values, dtype=object).value_counts() for values in (found["event"], people.truth["event"]))
    right = pd.Series(hit, dtype=object).value_counts()
    scores = [f1((right.get(event, 0), told.get(event, 0), n)) for event, n in true.items()]
    offered = found["event"].isin(offering_events(taxonomy)).to_numpy()
    false = offered & (matched.of_detection < 0)
    leak = worst_leak(found, people, as_of=as_of, policy=policy, seed=seed)
    return {
        "macro_f1": mean(scores),
        "recall": float((matched.of_truth >= 0).mean()) if len(people.truth) else None,
        "false_offer_rate": float(false.sum() / offered.sum()) if offered.any() else None,
        "worst_recall_gap": worst_gap(found, people, taxonomy, policy),
        "leakage": leak and {name: leak[name] for name in ("auc", "interval", "ground", "group", "n")},
        "offers": int(offered.sum()),
    }


def worst_gap(found: pd.DataFrame, people: People, taxonomy: Taxonomy, policy: FairnessPolicy) -> dict[str, Any] | None:
    """The group that lies furthest below its reference in recall of all events together; None where none may be told.

    Single grounds only, and no group of too few people: the lowest of many small ones would be chance.
    """
    cube = count_events(found, people, policy, taxonomy)
    hidden = find_hidden(cube, k=int(policy.numbers["hide_below"]), rate_from=int(policy.numbers["rate_from"]))
    pairs = [
        pair for pair in list_pairs(cube, references=policy.references, grounds=list(policy.grounds))
        if pair.against == "reference"
    ]  # fmt: skip
    endpoint = Endpoint(rate="recall", measure="difference", low=-1.0, over="pooled")
    confidence = policy.numbers["confidence"]
    facts = compare_pairs(cube.pooled, cube.events, endpoint, pairs, confidence=confidence, power_wanted=None)
    known = [fact for fact in hide_facts(give_verdicts(facts), hidden) if fact["point"] is not None]
    if not known:
        return None
    worst = min(known, key=lambda fact: float(fact["point"]))
    place = {name: worst[name] for name in ("interval", "ground", "group", "other", "n", "n_against")}
    return {"value": worst["point"], **place}
