"""From a cube and the signed policy to facts: primary family, secondary families, harm, coverage, and what blocks.

Facts before hiding are for the audit process only; `disclosure.hide_facts` makes what may be printed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import norm

from training.fairness.comparison import list_pairs
from training.fairness.cube import Cube
from training.fairness.disclosure import find_hidden, hide_facts
from training.fairness.intervals import log_ratio
from training.fairness.metrics import compare, compare_pairs
from training.fairness.policy import FairnessPolicy, coverage_reasons
from training.fairness.verdicts import (
    ESTABLISHED,
    EXCEEDED,
    Fact,
    benjamini_hochberg,
    give_verdicts,
)

SCREENING_RATES = ("screening_recall", "false_screening")  # of bookings, counted in a cube of their own


def audit_cube(
    cube: Cube, policy: FairnessPolicy, *, taxonomy_events: Sequence[str] = (),
    screening: Cube | None = None, justified: Sequence[tuple[str, str, str, str]] = (),
) -> dict[str, Any]:  # fmt: skip
    """All facts of an audit as JSON data, fit to be printed, and `blocks`: the reasons why no release may follow.

    Parameters
    ----------
    screening
        A cube of bookings for the rates of screening, with one event; it needs the same grounds.
    justified
        (rate, event, ground, group) of cells with a signed justification in four questions.
    """
    whole = [cube] if screening is None else [cube, screening]
    hidden = [
        find_hidden(
            one, k=int(policy.numbers["hide_below"]), rate_from=int(policy.numbers["rate_from"]), unions=policy.unions
        )
        for one in whole
    ]
    primary = hide_facts(_primary(cube, policy), hidden[0])
    harm = hide_facts(give_verdicts(harm_facts(cube, policy), alpha=policy.numbers["findings_alpha"]), hidden[0])
    secondary = [
        fact
        for number, (one, small) in enumerate(zip(whole, hidden, strict=True))
        for fact in hide_facts(_secondary(one, policy, of_screening=number > 0), small)
    ]
    coverage = _coverage(whole, policy, taxonomy_events)
    return {
        "policy_sha256": policy.sha256,
        "policy_bytes_sha256": policy.bytes_sha256,
        "events": list(cube.events),
        "customers_of_no_group": {
            ground: None if 0 < n < policy.numbers["hide_below"] else n for ground, n in cube.unknown.items()
        },
        "primary": primary,
        "secondary": explore(secondary, rate=policy.numbers["exploration_rate"]),
        "harm": harm,
        "coverage": coverage,
        "blocks": [*coverage, *block_reasons(primary, secondary, harm, justified=justified)],
    }


def _coverage(cubes: Sequence[Cube], policy: FairnessPolicy, taxonomy_events: Sequence[str]) -> list[str]:
    """What neither cube has; rates of screening may come from the second one."""
    reasons = coverage_reasons(policy, cubes[0], taxonomy_events=taxonomy_events)
    measured = {f"{rate} was not measured" for cube in cubes[1:] for rate in cube.pooled.rates}
    return [reason for reason in reasons if reason not in measured]


def _primary(cube: Cube, policy: FairnessPolicy) -> list[Fact]:
    facts = []
    for one in policy.primary:
        pairs = (
            list_pairs(cube, references=policy.references, grounds=[one.ground]) if one.ground in cube.grounds else []
        )
        pairs = [pair for pair in pairs if pair.group == one.group and pair.against == one.against]
        if one.endpoint.rate in cube.pooled.rates:
            facts += compare_pairs(
                cube.pooled, cube.events, one.endpoint, pairs, confidence=policy.numbers["confidence"],
                power_wanted=policy.numbers["power"], least=policy.numbers["least_per_event"],
            )  # fmt: skip
    return give_verdicts(facts, alpha=policy.numbers["findings_alpha"])


def _secondary(cube: Cube, policy: FairnessPolicy, *, of_screening: bool) -> list[Fact]:
    """Each endpoint is one family: it is one question, asked of many groups."""
    facts = []
    grounds = [ground for ground in policy.references if ground in cube.grounds]
    for one in policy.secondary:
        if of_screening and one.endpoint.rate not in SCREENING_RATES:
            continue
        found = compare(
            cube, one.endpoint, references=policy.references, grounds=grounds,
            confidence=policy.numbers["confidence"], power_wanted=policy.numbers["power"],
        )  # fmt: skip
        judged = give_verdicts(found, alpha=policy.numbers["findings_alpha"])
        facts += [{**fact, "justify": one.justify} for fact in judged]
    return facts


def explore(facts: Sequence[Fact], *, rate: float) -> list[Fact]:
    """The facts with `signal`: worth a look after Benjamini and Hochberg over everything, and no finding."""
    adjusted = benjamini_hochberg([fact["p"] for fact in facts])
    return [{**fact, "signal": p is not None and p <= rate} for fact, p in zip(facts, adjusted, strict=True)]


def harm_facts(cube: Cube, policy: FairnessPolicy) -> list[Fact]:
    """Weighted false offers per 1,000 customers of a group against others; no shares, so normal on the logarithm."""
    if "false_offers" not in cube.pooled.rates or "false_offers" not in cube.pooled.grams:
        return []
    pairs = list_pairs(cube, references=policy.references, grounds=[g for g in policy.references if g in cube.grounds])
    weights = np.array([policy.event_weights.get(event, 0.0) for event in cube.events])
    harm, variance, people = _harm(cube, weights)
    facts: list[Fact] = []
    for pair in pairs:
        (r1, v1, n1), (r2, v2, n2) = (
            _joined(harm, variance, people, rows) for rows in (list(pair.rows), list(pair.other_rows))
        )
        low, high = (float(end) for end in log_ratio(r1, v1, r2, v2, confidence=policy.numbers["confidence"]))
        known = np.isfinite(low)
        z = np.log(r1 / r2 / policy.harm_high) / np.sqrt(v1 / r1**2 + v2 / r2**2) if known else np.nan
        facts.append(
            {
                "rate": "false_offers", "measure": "harm_ratio", "over": "weighted", "event": "all",
                "ground": pair.ground, "group": pair.group, "against": pair.against, "other": pair.other,
                "n": round(n1), "n_against": round(n2), "n_effective": round(n1, 2),
                "share": 1000 * r1 if n1 else None, "share_against": 1000 * r2 if n2 else None,
                "point": r1 / r2 if known else None, "interval": [low, high] if known else None,
                "low": None, "high": policy.harm_high, "p": (float(norm.sf(z)) if z > 0 else 1.0) if known else None,
                "n_needed": None, "reason": None if known else "undefined: no false offer that weighs, on one side",
            }
        )  # fmt: skip
    return facts


def _harm(cube: Cube, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per group: weighted false offers, their sum of squares over customers, and units."""
    counts = cube.pooled
    squares = np.einsum("e,gef,f->g", weights, counts.grams["false_offers"][0], weights)
    return counts.sums["offered_false"] @ weights, squares, counts.sums["units"][:, 0]


def _joined(harm: np.ndarray, squares: np.ndarray, people: np.ndarray, rows: list[int]) -> tuple[float, float, float]:
    """Mean harm per unit of groups together, the variance of that mean, and units."""
    total, square, n = (float(values[rows].sum()) for values in (harm, squares, people))
    if n < 2:
        return np.nan, np.nan, n
    return total / n, max(square - total**2 / n, 0.0) / (n - 1) / n, n


def block_reasons(
    primary: Sequence[Fact], secondary: Sequence[Fact], harm: Sequence[Fact], *,
    justified: Sequence[tuple[str, str, str, str]] = (),
) -> list[str]:  # fmt: skip
    """Why a release is blocked: a primary endpoint that is not established, or a gap that is found elsewhere."""
    reasons = [
        f"{_name(fact)}: {fact['verdict']} ({fact['reason']})" for fact in primary if fact["verdict"] != ESTABLISHED
    ]
    for fact in (*secondary, *harm):
        cell = (fact["rate"], fact["event"], fact["ground"], fact["group"])
        if fact["verdict"] == EXCEEDED and not (fact.get("justify") and cell in justified):
            wanted = ", and no signed justification names it" if fact.get("justify") else ""
            reasons.append(f"{_name(fact)}: {EXCEEDED}{wanted}")
    return reasons


def _name(fact: Mapping[str, Any]) -> str:
    against = {"reference": f" against {fact['other']}", "rest": " against the rest"}.get(fact["against"], "")
    return f"{fact['rate']} of {fact['event']}, {fact['ground']} {fact['group']}{against}"
