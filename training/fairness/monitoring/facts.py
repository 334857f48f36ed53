"""Facts of the months after a release as JSON data: rates per group and month, drift, and which alarms went off.

Facts are made fit to be printed here: a group too small in any month keeps its totals too, and what is hidden is not
watched, because an alarm tells where a rate lies. Whether a cell is hidden depends on how many people were looked at,
never on what came out, so that leaving it out costs the alarm nothing of what it promises.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from training.fairness.comparison import Pair, list_pairs
from training.fairness.cube import RATES, Counts, Cube
from training.fairness.disclosure import find_hidden
from training.fairness.metrics import Endpoint, compare_pairs
from training.fairness.monitoring.alarms import Months, Side, alarm_at, log_evidence, ratio_at_start
from training.fairness.monitoring.counting import RATE, People, Question, build_question_cube
from training.fairness.monitoring.drift import judge_drift, score_bins
from training.fairness.permission_rates import too_few
from training.fairness.policy import FairnessPolicy

# Questions with an alarm, on which sides, and whether life itself makes groups differ, so that only a change counts.
WATCHED: Mapping[str, tuple[tuple[Side, ...], bool]] = {
    "answers": (("low", "high"), True),
    "offers": (("low", "high"), True),
    "false_answers": (("high",), False),
    "missed": (("high",), False),
    "complaints": (("high",), False),
}
_HALF = 0.5
_MOST_EVIDENCE = 300.0  # beyond e to the power of this nothing more is said


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A question's cube with what may not leave it: cells hidden in a month, (groups,) per month and in any of them."""

    cube: Cube
    no_rate: Mapping[str, np.ndarray]
    no_number: Mapping[str, np.ndarray]

    @property
    def never_shown(self) -> np.ndarray:
        """Groups without a total: whoever knows the other months would have the hidden one by subtraction."""
        return np.logical_or.reduce(list(self.no_number.values()))


def measure(question: Question, people: People, policy: FairnessPolicy) -> Measured:
    """Count a question and say what of it stays inside."""
    cube = build_question_cube(question, people)
    whole = RATES[RATE][1]
    k, rate_from = (int(policy.numbers[name]) for name in ("hide_below", "rate_from"))
    hidden = {
        month: find_hidden(cube, k=k, rate_from=rate_from, period=month, unions=policy.unions)
        for month in people.months
    }
    return Measured(
        cube=cube,
        no_rate={month: one.rates[whole][:, 0] for month, one in hidden.items()},
        no_number={month: one.numbers[whole][:, 0] for month, one in hidden.items()},
    )


def pairs_to_watch(cube: Cube, policy: FairnessPolicy) -> list[Pair]:
    """Each group of each single ground against all others of it, once: of two groups the one that is no reference."""
    grounds = [ground for ground in policy.grounds if ground in cube.grounds]
    pairs = list_pairs(cube, references=policy.references, grounds=grounds)
    return [pair for pair in pairs if pair.against == "rest" or len(cube.grounds[pair.ground]) == 2]


def _cells(pair: Pair) -> list[int]:
    """The cells that a figure of this pair would tell of; all others together are everybody less the group."""
    return [*pair.rows, *(pair.other_rows if pair.against == "reference" else ())]


def rates_of(measured: Measured, policy: FairnessPolicy) -> list[dict[str, Any]]:
    """Per month and group: n, share, those of all others, their ratio with its interval; None where it is hidden."""
    endpoint = Endpoint(rate=RATE, measure="ratio", low=policy.monitoring["low"], high=policy.monitoring["high"])
    pairs = pairs_to_watch(measured.cube, policy)
    rows = []
    for month, counts in measured.cube.periods.items():
        facts = compare_pairs(
            counts, measured.cube.events, endpoint, pairs, confidence=policy.numbers["confidence"], power_wanted=None
        )
        for pair, fact in zip(pairs, facts, strict=True):
            cells = _cells(pair)
            shown = {name: fact[name] for name in ("n", "n_against", "share", "share_against", "point", "interval")}
            if measured.no_rate[month][cells].any():
                shown |= dict.fromkeys(("share", "share_against", "point", "interval"))
            if measured.no_number[month][cells].any():
                shown |= dict.fromkeys(("n", "n_against"))
            rows.append({"month": month, "ground": pair.ground, "group": pair.group, **shown})
    return rows


# ---- alarms ---------------------------------------------------------------------------------------------------------


def places(policy: FairnessPolicy) -> int:
    """How many alarms there could be; the chance of a false one is shared among all, watched or not."""
    groups = sum(len(one.groups) if len(one.groups) > 2 else 1 for one in policy.grounds.values())
    return groups * sum(len(sides) for sides, _ in WATCHED.values())


def watch(name: str, measured: Measured, policy: FairnessPolicy) -> list[dict[str, Any]]:
    """The evidence after each month per group and side, and the month of the alarm where there is one."""
    sides, from_start = WATCHED[name]
    alpha = policy.monitoring["false_alarm"] / places(policy)
    first = int(policy.monitoring["baseline_months"]) if from_start else 0
    kept = []
    for pair in pairs_to_watch(measured.cube, policy):
        months = _months_of(measured, pair)
        margins = {side: float(policy.monitoring[side]) for side in sides}
        spent, start = alpha, None
        if from_start:
            # Half of what the two sides may cost together goes to knowing where the group started.
            start = ratio_at_start(months, first=first, alpha=alpha * len(sides) / 2)
            if start is None:
                continue
            margins = {side: margin * start[side == "high"] for side, margin in margins.items()}
            spent = alpha / 2
        for side in sides:
            later = _after(months, first)
            evidence = log_evidence(later, margin=margins[side], side=side)
            told = _tell_evidence(list(measured.cube.periods)[first:], evidence, later, alpha=spent)
            cell = {"question": name, "ground": pair.ground, "group": pair.group, "side": side}
            kept.append({**cell, "start": None if start is None else list(start), **told})
    return [row for row in kept if row["months_watched"]]


def _months_of(measured: Measured, pair: Pair) -> Months:
    """Counts of the group and of all others; months in which either is hidden count nothing."""
    part, whole = RATES[RATE]
    columns: dict[str, list[float]] = {"cases": [], "units": [], "other_cases": [], "other_units": []}
    for month, counts in measured.cube.periods.items():
        hidden = measured.no_rate[month][_cells(pair)].any()
        for prefix, rows in (("", pair.rows), ("other_", pair.other_rows)):
            for column, statistic in (("cases", part), ("units", whole)):
                columns[prefix + column].append(0.0 if hidden else _sum(counts, statistic, rows))
    return Months(**columns)


def _sum(counts: Counts, statistic: str, rows: tuple[int, ...]) -> float:
    return float(counts.sums[statistic][list(rows), 0].sum())


def _after(months: Months, first: int) -> Months:
    return Months(**{name: values[first:] for name, values in vars(months).items()})


def _tell_evidence(months: list[str], evidence: np.ndarray, counted: Months, *, alpha: float) -> dict[str, Any]:
    raised = alarm_at(evidence, alpha=alpha)
    both = (np.asarray(counted.units) > 0) & (np.asarray(counted.other_units) > 0)
    by_month = zip(months, evidence, strict=True)
    return {
        "months_watched": int(both.sum()),
        "evidence": {month: float(min(value, _MOST_EVIDENCE)) for month, value in by_month},
        "alarm_from": float(-np.log(alpha)),
        "alarm": None if raised is None else months[raised],
    }


def alarms_of(watched: list[dict[str, Any]], rates: Mapping[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The alarms with the figures of the month in which they went off, the earliest first."""
    told = []
    for row in watched:
        if row["alarm"] is None:
            continue
        cell = (row["alarm"], row["ground"], row["group"])
        (fact,) = [one for one in rates[row["question"]] if (one["month"], one["ground"], one["group"]) == cell]
        named = {name: row[name] for name in ("question", "ground", "group", "side", "start")}
        told.append({**fact, **named, "evidence": row["evidence"][row["alarm"]], "alarm_from": row["alarm_from"]})
    return sorted(told, key=lambda alarm: (alarm["month"], -alarm["evidence"]))


def events_behind(
    alarm: Mapping[str, Any], told: pd.DataFrame, people: People, judged: np.ndarray, policy: FairnessPolicy
) -> list[str]:
    """Events that the group is told more (or less) often than others, the furthest first: what to look at.

    Where the alarm is about a change, so is this: the ratio of now over that of the first months. Only events told to
    at least as many people on both sides as a rate needs.
    """
    values = people.groups[alarm["ground"]].astype(object)
    mine = (values == alarm["group"]).to_numpy()
    others = values.notna().to_numpy() & ~mine
    first = int(policy.monitoring["baseline_months"]) if alarm["start"] is not None else 0
    found = []
    for event, rows in told.groupby("event"):
        cases = people.matrix(rows) & judged
        if min(int(cases[side].any(axis=1).sum()) for side in (mine, others)) < policy.numbers["rate_from"]:
            continue
        gap = _log_ratio(cases[:, first:], judged[:, first:], mine, others)
        gap -= _log_ratio(cases[:, :first], judged[:, :first], mine, others) if first else 0.0
        found.append((gap if alarm["side"] == "high" else -gap, str(event)))
    return [event for gap, event in sorted(found, reverse=True) if gap > 0]


def _log_ratio(cases: np.ndarray, units: np.ndarray, mine: np.ndarray, others: np.ndarray) -> float:
    """Logarithm of the ratio of two rates; half a case on either side keeps it finite."""
    rates = [(cases[side].sum() + _HALF) / max(units[side].sum(), 1) for side in (mine, others)]
    return float(np.log(rates[0] / rates[1]))


# ---- drift ----------------------------------------------------------------------------------------------------------


def drift_of(told: pd.DataFrame, people: People, policy: FairnessPolicy) -> list[dict[str, Any]]:
    """How far the scores of each group moved from the first months to all later ones."""
    numbers = policy.monitoring
    start = people.months[: int(numbers["baseline_months"])]
    place = pd.Index(people.customers).get_indexer(told["customer_id"])
    scores = told.assign(place=place)[place >= 0]
    before = scores[scores["month"].isin(start)]
    now = scores[scores["month"].isin(people.months[len(start) :])]
    if not len(before) or not len(now):
        return []
    edges = score_bins(before["probability"], bins=int(numbers["drift_bins"]))
    rows = []
    for ground in policy.finest:  # a merged group would give away a part that is hidden
        values = people.groups[ground].astype(object).to_numpy()
        names = people.groups[ground].cat.categories
        sides = [{str(name): part[values[part["place"]] == name] for name in names} for part in (before, now)]
        hidden = set().union(*(_hidden(side, policy) for side in sides))
        alpha = policy.numbers["findings_alpha"] / len(names)
        for name in map(str, names):
            shown: dict[str, Any] = dict.fromkeys(("n_before", "n", "index", "by_chance", "band"))
            if name not in hidden:
                first, later = (side[name]["probability"].to_numpy() for side in sides)
                shown = judge_drift(first, later, edges, numbers, alpha=alpha)
            rows.append({"ground": ground, "group": name, **shown})
    return rows


def _hidden(scores: Mapping[str, pd.DataFrame], policy: FairnessPolicy) -> set[str]:
    """Groups of too few people for an index, with whoever gives away a group of too few for a number."""
    people = {name: int(part["customer_id"].nunique()) for name, part in scores.items()}
    few = {name for name, n in people.items() if n < policy.numbers["rate_from"]}
    return few | too_few(people, int(policy.numbers["hide_below"]))
