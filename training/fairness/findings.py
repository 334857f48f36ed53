"""From the facts of an audit to findings: what blocks a release, what the board may waive, in words that people read.

Texts stand in `findings.toml`; `models.findings` is what reads the result at the gate and in serving.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from training.fairness.justifications import Cell, justified_cells
from training.fairness.policy import FairnessPolicy
from training.fairness.trap_banks import trap_table
from training.fairness.traps import steps_into
from training.fairness.verdicts import ESTABLISHED, EXCEEDED, NOT_ESTABLISHED, Fact

LANGUAGES = ("nl", "en")
_GATES = {
    "recall": "G4", "offer_rate_given_event": "G5", "offer_rate": "G6", "false_offer_rate": "G7", "false_offers": "G7",
    "calibration": "G8", "abstention": "G4", "days_to_detect": "G4", "screening_recall": "G1", "false_screening": "G1",
}  # fmt: skip
Finding = dict[str, Any]


def make_findings(facts: Mapping[str, Any], policy: FairnessPolicy) -> list[Finding]:
    """All findings of a facts document, the ones that block first, each with an id of its own.

    Parts that are None were not measured, and block: what is not known is no proof. A gap of a rate that may be
    justified blocks until a justification in four questions names its cell.
    """
    found = [
        *_lawful(facts["data"], policy),
        *_of_cube(facts["cube"], set(justified_cells(facts["justifications"]))),
        *_of_swaps(facts["swaps"], policy),
        *_of_leakage(facts["leakage"], policy),
        *_of_traps(facts["naive"], "release"),
        *_of_self_tests(facts["self_tests"]),
    ]
    return sorted(found, key=lambda finding: not finding["blocks"])


def _lawful(data: Mapping[str, Any], policy: FairnessPolicy) -> list[Finding]:
    processed, allowed = int(data["objectors_processed"]), policy.gates["objectors_processed"]
    verdict = ESTABLISHED if processed <= allowed else EXCEEDED
    return [_finding("lawful", "G0", verdict, verdict != ESTABLISHED, False, _gate_text("lawful", n=processed))]


def _of_cube(cube: Mapping[str, Any], justified: set[Cell]) -> list[Finding]:
    """Primary figures, gaps of all others (once per cell, whatever they were held against), and what is missing."""
    found = [_of_fact(fact, blocks=fact["verdict"] != ESTABLISHED) for fact in cube["primary"]]
    cells: dict[Cell, Finding] = {}
    for fact in (*cube["secondary"], *cube["harm"]):
        if fact["verdict"] == EXCEEDED:
            cell = (fact["rate"], fact["event"], fact["ground"], fact["group"])
            answered = bool(fact.get("justify")) and cell in justified
            cells.setdefault(cell, _of_fact(fact, blocks=not answered))
    missing = [
        _finding(f"G10-{what}", "G10", NOT_ESTABLISHED, True, True, _gate_text("coverage", what=what))
        for what in cube["coverage"]
    ]
    return [*found, *cells.values(), *missing]


def _of_fact(fact: Fact, *, blocks: bool) -> Finding:
    name = "-".join(str(fact[part]) for part in ("rate", "event", "ground", "group"))
    gate = _GATES[fact["rate"]]
    return _finding(f"{gate}-{name}", gate, fact["verdict"], blocks, True, _fact_text(fact))


def _of_swaps(swaps: Mapping[str, Any] | None, policy: FairnessPolicy) -> list[Finding]:
    """Names: no flip and no change at all; everything else: a bound on the share of flips."""
    if swaps is None:
        return [_not_measured("G2", "names", waivable=False), _not_measured("G3", "swaps", waivable=True)]
    names = [kind for kind in swaps["kinds"] if kind["kind"] == "names"]
    flips, changes, pairs = (sum(int(kind[what]) for kind in names) for what in ("flips", "score_changes", "pairs"))
    needed = int(policy.gates["name_pairs"])
    verdict = EXCEEDED if flips or changes else ESTABLISHED if pairs >= needed else NOT_ESTABLISHED
    text = _gate_text("names", flips=flips, changes=changes, pairs=pairs, needed=needed)
    found = [_finding("G2-names", "G2", verdict, verdict != ESTABLISHED, False, text)]
    limit = policy.gates["proxy_flip_rate"]
    for kind in swaps["kinds"]:
        if kind["kind"] == "names" or not kind["gated"]:
            continue
        within = kind["upper"] is not None and kind["upper"] <= limit
        verdict = ESTABLISHED if within else kind["verdict"] if kind["verdict"] != ESTABLISHED else NOT_ESTABLISHED
        text = _gate_text("swaps", kind=kind["kind"], origin=kind["origin"], upper=_share(kind["upper"]), limit=limit)
        found.append(_finding(f"G3-{kind['kind']}-{kind['origin']}", "G3", verdict, not within, True, text))
    return found


def _of_leakage(leakage: Mapping[str, Any] | None, policy: FairnessPolicy) -> list[Finding]:
    if leakage is None:
        return [_not_measured("G9", "leakage", waivable=True)]
    found, limit = [], policy.gates["leakage_auc"]
    for row in leakage["rows"]:
        if not row["gated"]:
            continue
        low, high = row["interval"] or (None, None)
        verdict = NOT_ESTABLISHED if high is None else ESTABLISHED if high <= limit else NOT_ESTABLISHED
        if low is not None and low > limit:
            verdict = EXCEEDED
        text = _gate_text(
            "leakage", group=row["group"], ground=row["ground"], auc=_share(row["auc"]), upper=_share(high),
            limit=limit, n=_number(row["n"]),
        )  # fmt: skip
        found.append(_finding(f"G9-{row['ground']}-{row['group']}", "G9", verdict, verdict != ESTABLISHED, True, text))
    return found


def _of_traps(naive: Mapping[str, Any] | None, model: str) -> list[Finding]:
    """One finding per trap: who is told something wrong is G7, who is missed G4."""
    if naive is None:
        return [_not_measured("G7", "traps", waivable=True)]
    found = []
    for trap in naive["traps"]:
        gate = "G7" if trap["measure"] == "false_alerts" else "G4"
        verdict = EXCEEDED if steps_into(trap, trap[model]) else ESTABLISHED
        per_1000 = {side: f"{value:.0f}" for side, value in trap[model]["per_1000"].items()}
        text = _gate_text(trap["measure"], trap=trap["text"], most=trap_table()["most_gap_per_1000"], **per_1000)
        found.append(_finding(f"{gate}-trap-{trap['trap']}", gate, verdict, verdict != ESTABLISHED, True, text))
    return found


def naive_findings(naive: Mapping[str, Any], policy: FairnessPolicy) -> list[Finding]:
    """What would stop the naive model: names that matter, traps and gaps. What is only unknown is left out."""
    gaps = [{**row, **row["naive"], "n_needed": None} for row in naive["rates"]["rows"]]
    found = [
        *_of_swaps({"kinds": [naive["names"]]}, policy),
        *_of_traps(naive, "naive"),
        *(_of_fact(fact, blocks=True) for fact in gaps),
    ]
    return [finding for finding in found if finding["blocks"] and finding["verdict"] == EXCEEDED]


def _of_self_tests(told: Iterable[Mapping[str, Any]]) -> list[Finding]:
    failed = ", ".join(test["name"] for test in told if not test["passed"])
    if not failed:
        return []
    return [_finding("self-tests", "G10", EXCEEDED, True, False, _gate_text("self_tests", what=failed))]


def _not_measured(gate: str, what: str, *, waivable: bool) -> Finding:
    return _finding(f"{gate}-{what}", gate, NOT_ESTABLISHED, True, waivable, _gate_text("not_measured", what=what))


def _finding(name: str, gate: str, verdict: str, blocks: bool, waivable: bool, reason: dict[str, str]) -> Finding:
    plain = re.sub(r"[^A-Za-z0-9_+*.-]+", "_", name)
    return {"id": plain, "gate": gate, "verdict": verdict, "blocks": blocks, "waivable": waivable, "reason": reason}


def _fact_text(fact: Fact) -> dict[str, str]:
    texts = _texts()
    told = {}
    for language in LANGUAGES:
        event = texts["words"][f"all_{language}"] if fact["event"] in ("all", "macro") else fact["event"]
        told[language] = texts["verdicts"][fact["verdict"]][language].format(
            rate=texts["rates"][fact["rate"]][language], event=event, group=fact["group"], ground=fact["ground"],
            n=_number(fact["n"])[language], needed=_number(fact["n_needed"], "unknown")[language],
            share=_share(fact.get("share"))[language], other=_share(fact.get("share_against"))[language],
        )  # fmt: skip
    return told


def _gate_text(gate: str, **values: Any) -> dict[str, str]:
    """A sentence in every language; a value may differ by language."""
    return {
        language: _texts()["gates"][gate][language].format(
            **{name: value[language] if isinstance(value, Mapping) else value for name, value in values.items()}
        )
        for language in LANGUAGES
    }


def _number(value: float | None, otherwise: str = "hidden") -> dict[str, str]:
    words = _texts()["words"]
    return {
        language: words[f"{otherwise}_{language}"] if value is None else f"{value:,.0f}".replace(",", _COMMA[language])
        for language in LANGUAGES
    }


def _share(value: float | None) -> dict[str, str]:
    words = _texts()["words"]
    return {
        language: words[f"unknown_{language}"] if value is None else f"{value:.3f}".replace(".", _POINT[language])
        for language in LANGUAGES
    }


_COMMA, _POINT = {"nl": ".", "en": ","}, {"nl": ",", "en": "."}


@cache
def _texts() -> dict[str, Any]:
    return tomllib.loads(resources.files("training.fairness").joinpath("findings.toml").read_text("utf-8"))


def not_known() -> list[dict[str, str]]:
    """What no audit of this kind can know, in every language."""
    return [dict(one) for one in _texts()["not_known"]]


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Findings in the order in which people should read them: gaps, then what is not established, then the rest."""
    order = (EXCEEDED, NOT_ESTABLISHED, ESTABLISHED)
    return sorted(findings, key=lambda finding: (not finding["blocks"], order.index(finding["verdict"])))
