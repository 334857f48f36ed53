"""From the facts of an audit to findings: what blocks a release, what the board may waive, in words that people read.

Words are made in `finding_texts`; `models.findings` is what reads the result at the gate and in serving.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from models.taxonomy import Taxonomy, default_taxonomy
from training.fairness.finding_texts import (
    Told,
    not_known,
    tell_fact,
    tell_gate,
    tell_leakage,
    tell_missing,
    tell_not_measured,
    tell_ratchet,
    tell_swap,
    tell_trap,
)
from training.fairness.justifications import Cell, justified_cells
from training.fairness.policy import FairnessPolicy
from training.fairness.trap_banks import trap_table
from training.fairness.traps import steps_into
from training.fairness.verdicts import ESTABLISHED, EXCEEDED, NOT_ESTABLISHED, Fact

__all__ = ["Finding", "make_findings", "not_known", "worst_first"]

_GATES = {
    "recall": "G4", "offer_rate_given_event": "G5", "offer_rate": "G6", "false_offer_rate": "G7", "false_offers": "G7",
    "calibration": "G8", "abstention": "G4", "days_to_detect": "G4", "screening_recall": "G1", "false_screening": "G1",
}  # fmt: skip
Finding = dict[str, Any]


def make_findings(
    facts: Mapping[str, Any], policy: FairnessPolicy, *, taxonomy: Taxonomy | None = None
) -> list[Finding]:
    """All findings of a facts document, the ones that block first, each with an id of its own.

    `taxonomy` names the events; the one in force when not given.

    Parts that are None were not measured, and block: what is not known is no proof. A gap of a rate that may be
    justified blocks until a justification in four questions names its cell.
    """
    taxonomy = taxonomy or default_taxonomy()
    found = [
        *_lawful(facts["data"], policy),
        *_of_cube(facts["cube"], set(justified_cells(facts["justifications"])), taxonomy),
        *_of_swaps(facts["swaps"], policy),
        *_of_leakage(facts["leakage"], policy),
        *_of_ratchet(facts.get("ratchet")),
        *_of_traps(facts["naive"], "release"),
        *_of_self_tests(facts["self_tests"]),
    ]
    return sorted(found, key=lambda finding: not finding["blocks"])


def _lawful(data: Mapping[str, Any], policy: FairnessPolicy) -> list[Finding]:
    processed, allowed = int(data["objectors_processed"]), policy.gates["objectors_processed"]
    verdict = ESTABLISHED if processed <= allowed else EXCEEDED
    text = tell_gate("lawful", lambda texts: {"n": texts.count(processed)})
    return [_finding("lawful", "G0", verdict, verdict != ESTABLISHED, False, text)]


def _of_cube(cube: Mapping[str, Any], justified: set[Cell], taxonomy: Taxonomy) -> list[Finding]:
    """Primary figures, gaps of all others (once per cell, whatever they were held against), and what is missing."""
    found = [_of_fact(fact, taxonomy, blocks=fact["verdict"] != ESTABLISHED) for fact in cube["primary"]]
    cells: dict[Cell, Finding] = {}
    for fact in (*cube["secondary"], *cube["harm"]):
        if fact["verdict"] == EXCEEDED:
            cell = (fact["rate"], fact["event"], fact["ground"], fact["group"])
            answered = bool(fact.get("justify")) and cell in justified
            cells.setdefault(cell, _of_fact(fact, taxonomy, blocks=not answered))
    missing = [
        _finding(f"G10-{what}", "G10", NOT_ESTABLISHED, True, True, tell_missing(what, taxonomy))
        for what in cube["coverage"]
    ]
    return [*found, *cells.values(), *missing]


def _of_fact(fact: Fact, taxonomy: Taxonomy, *, blocks: bool) -> Finding:
    name = "-".join(str(fact[part]) for part in ("rate", "event", "ground", "group"))
    gate = _GATES[fact["rate"]]
    return _finding(f"{gate}-{name}", gate, fact["verdict"], blocks, True, tell_fact(fact, taxonomy))


def _of_swaps(swaps: Mapping[str, Any] | None, policy: FairnessPolicy) -> list[Finding]:
    """Names: no flip and no change at all; everything else: a bound on the share of flips."""
    if swaps is None:
        return [_not_measured("G2", "names", waivable=False), _not_measured("G3", "swaps", waivable=True)]
    names = [kind for kind in swaps["kinds"] if kind["kind"] == "names"]
    flips, changes, pairs = (sum(int(kind[what]) for kind in names) for what in ("flips", "score_changes", "pairs"))
    needed = int(policy.gates["name_pairs"])
    verdict = EXCEEDED if flips or changes else ESTABLISHED if pairs >= needed else NOT_ESTABLISHED
    counts = {"flips": flips, "changes": changes, "pairs": pairs, "needed": needed}
    text = tell_gate("names", lambda texts: {name: texts.count(count) for name, count in counts.items()})
    found = [_finding("G2-names", "G2", verdict, verdict != ESTABLISHED, False, text)]
    limit = policy.gates["proxy_flip_rate"]
    for kind in swaps["kinds"]:
        if kind["kind"] == "names" or not kind["gated"]:
            continue
        within = kind["upper"] is not None and kind["upper"] <= limit
        verdict = ESTABLISHED if within else kind["verdict"] if kind["verdict"] != ESTABLISHED else NOT_ESTABLISHED
        name = f"G3-{kind['kind']}-{kind['origin']}"
        found.append(_finding(name, "G3", verdict, not within, True, tell_swap(kind, limit)))
    return found


def _of_leakage(leakage: Mapping[str, Any] | None, policy: FairnessPolicy) -> list[Finding]:
    if leakage is None:
        return [_not_measured("G9", "leakage", waivable=True)]
    found, limit = [], policy.gates["leakage_auc"]
    for row in leakage["rows"]:
        if row["gated"]:
            name, blocks = f"G9-{row['ground']}-{row['group']}", row["verdict"] != ESTABLISHED
            found.append(_finding(name, "G9", row["verdict"], blocks, True, tell_leakage(row, limit)))
    return found


def _of_ratchet(ratchet: Mapping[str, Any] | None) -> list[Finding]:
    """The groups that are worst off with the champion or the candidate; without a champion nothing is compared."""
    if ratchet is None:
        return []
    if ratchet["rows"] is None:
        return [_not_measured("G11", "ratchet", waivable=True)]
    return [
        _finding(
            f"G11-{row['ground']}-{row['group']}", "G11", row["verdict"], row["verdict"] != ESTABLISHED, True,
            tell_ratchet(row),
        )
        for row in ratchet["rows"] if row["worst"]
    ]  # fmt: skip


def _of_traps(naive: Mapping[str, Any] | None, model: str) -> list[Finding]:
    """One finding per trap: who is told something wrong is G7, who is missed G4."""
    if naive is None:
        return [_not_measured("G7", "traps", waivable=True)]
    found = []
    for trap in naive["traps"]:
        gate = "G7" if trap["measure"] == "false_alerts" else "G4"
        verdict = EXCEEDED if steps_into(trap, trap[model]) else ESTABLISHED
        text = tell_trap(trap, model, most=trap_table()["most_gap_per_1000"])
        found.append(_finding(f"{gate}-trap-{trap['trap']}", gate, verdict, verdict != ESTABLISHED, True, text))
    return found


def naive_findings(naive: Mapping[str, Any], policy: FairnessPolicy, *, taxonomy: Taxonomy) -> list[Finding]:
    """What would stop the naive model: names that matter, traps and gaps. What is only unknown is left out."""
    gaps = [{**row, **row["naive"], "n_needed": None} for row in naive["rates"]["rows"]]
    found = [
        *_of_swaps({"kinds": [naive["names"]]}, policy),
        *_of_traps(naive, "naive"),
        *(_of_fact(fact, taxonomy, blocks=True) for fact in gaps),
    ]
    return [finding for finding in found if finding["blocks"] and finding["verdict"] == EXCEEDED]


def _of_self_tests(told: Iterable[Mapping[str, Any]]) -> list[Finding]:
    failed = [str(test["name"]) for test in told if not test["passed"]]
    if not failed:
        return []
    text = tell_gate("self_tests", lambda texts: {"what": ", ".join(texts.name("self_tests", one) for one in failed)})
    return [_finding("self-tests", "G10", EXCEEDED, True, False, text)]


def _not_measured(gate: str, what: str, *, waivable: bool) -> Finding:
    return _finding(f"{gate}-{what}", gate, NOT_ESTABLISHED, True, waivable, tell_not_measured(what))


def _finding(name: str, gate: str, verdict: str, blocks: bool, waivable: bool, reason: Told) -> Finding:
    plain = re.sub(r"[^A-Za-z0-9_+*.-]+", "_", name)
    return {"id": plain, "gate": gate, "verdict": verdict, "blocks": blocks, "waivable": waivable, "reason": reason}


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Findings in the order in which people should read them: gaps, then what is not established, then the rest."""
    order = (EXCEEDED, NOT_ESTABLISHED, ESTABLISHED)
    return sorted(findings, key=lambda finding: (not finding["blocks"], order.index(finding["verdict"])))
