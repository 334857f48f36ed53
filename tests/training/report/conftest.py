"""Sources of reports in the shapes of a real audit: of invented customers with a planted gap, in part, and of none."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from models.board import BoardDecision
from models.candidate import packaged_policy
from models.findings import read_findings
from models.purposes import default_purposes
from models.screening import default_screening
from models.taxonomy import default_taxonomy
from models.waivers import Terms, Waiver, WaiverSignature
from training.fairness.audit import audit_cube
from training.fairness.cube import Cube
from training.fairness.findings import make_findings
from training.fairness.policy import default_fairness_policy
from training.fairness.self_tests import run_self_tests
from training.report.source import PARTS, Source

AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
WAYS = ("as_is", "masked", "masked_and_screened", "reweighed", "exponentiated_gradient")
CANDIDATE = "c0ffee" + "0" * 58
VALUES = {
    "religion": ["none"] * 59 + ["catholic"] * 17 + ["protestant"] * 13 + ["muslim"] * 8 + ["other"] * 3,
    "origin_class": ["dutch"] * 8 + ["turkish", "moroccan", "surinamese", "european"], "born_abroad": ["false", "true"],
    "gender": ["m"] * 50 + ["f"] * 49 + ["x"], "age_band": ["35-54", "67+", "18-24", "25-34", "55-66"],
    "income_quintile": ["1", "2", "3", "4", "5"], "household": ["couple", "single", "couple_children"],
    "pay_period": ["monthly", "weekly"], "language_of_texts": ["dutch", "foreign"], "cash_heavy": ["false", "true"],
}  # fmt: skip


@cache
def self_tested() -> str:
    return json.dumps(run_self_tests())


def fairness_document(cube: dict[str, Any], *, customers: int, tested: bool = True) -> dict[str, Any]:
    """A whole facts document around the facts of a cube; without `tested` the audit's slow tests of itself passed."""
    swap = {"pairs": 2995, "flips": 0, "score_changes": 0, "largest_score_change": 0.0, "flip_rate": 0.0,
            "upper": 0.001, "placebo": False, "verdict": "ESTABLISHED", "gated": True}  # fmt: skip
    leak = {"ground": "religion_merged", "group": "muslim_or_other", "screening": True, "n": 440, "n_against": 3560,
            "n_needed": 125, "reason": None, "auc": 0.53, "interval": [0.50, 0.56], "verdict": "ESTABLISHED",
            "gated": True}  # fmt: skip
    figures = {"per_1000": {"trapped": 410.0, "equal": 12.0}, "gap": 398.0, "interval": [340.0, 450.0],
               "n": {"trapped": 200, "equal": 200}, "found_per_1000": {"trapped": None, "equal": None}}  # fmt: skip
    muslims = {"ground": "religion", "group": "muslim"}
    rated = {"n": 300, "n_against": 900, "share": 0.62, "share_against": 0.88, "point": -0.26,
             "interval": [-0.31, -0.21], "verdict": "ESTABLISHED", "reason": ""}  # fmt: skip
    document = {
        "schema": 1, "candidate": CANDIDATE, "model_version": "2026.11.26-abcdef12", "demo": True,
        "created_at": "2026-11-26T03:00:00Z",
        "hashes": {"classifier": "1" * 64, "detector": "2" * 64, "taxonomy": "3" * 64, "screening": "4" * 64,
                   "policy_sha256": "5" * 64, "policy_bytes_sha256": "6" * 64},
        "data": {"source": "simulated", "from": "2024-11-01", "until": "2026-10-31", "customers": customers,
                 "bookings": 1_234_567, "customers_without_permission": 812, "objectors_processed": 0},
        "cube": cube,
        "swaps": {"version": "2026.11.0", "pairs": 5990, "placebo": {}, "kinds": [
            {**swap, "kind": "names", "origin": "turkish"},
            {**swap, "kind": "names", "origin": "dutch", "placebo": True},
            {**swap, "kind": "merchants", "origin": "moroccan", "pairs": 600, "flips": 3, "score_changes": 11,
             "largest_score_change": 0.0412, "flip_rate": 0.005, "upper": 0.0129, "verdict": "NOT ESTABLISHED"}],
            "examples": [{"kind": "merchants", "origin": "moroccan", "event": "rental_move",
                          "before": "Albert Heijn 1523 <b>betaalpas</b>", "after": "Slagerij Atlas betaalpas"}]},
        "leakage": {"rows": [
            {**leak, "what": "scores_given_event"},
            {**leak, "what": "scores_given_event", "ground": "gender", "group": "f", "auc": 0.58,
             "interval": [0.55, 0.61], "verdict": "NOT ESTABLISHED"},
            {**leak, "what": "raw_text", "auc": 0.82, "interval": [0.80, 0.84], "verdict": "EXCEEDED", "gated": False},
            {**leak, "what": "scores_given_event", "ground": "gender", "group": "x", "auc": None, "interval": None,
             "n": None, "n_against": None, "verdict": "NOT ESTABLISHED"}]},
        "alternatives": [
            {"name": name, "macro_f1": 0.9 - 0.01 * at, "offers": 900 - 10 * at, "offers_lost": 10 * at,
             "recall": 0.91, "false_offer_rate": 0.04,
             "leakage": {**muslims, "auc": 0.55, "n": 90, "interval": [0.5, 0.6]},
             "worst_recall_gap": {**muslims, "value": -0.2 + 0.03 * at, "interval": [-0.3, 0.1], "other": "none"},
             "chosen": at == 2, "groups_of": "origin_merged" if at > 2 else None}
            for at, name in enumerate(WAYS)],
        "permission_by_group": [
            {"ground": "religion", "group": "muslim", "n": 320, "allowed_share": 0.71, "objected_share": 0.04,
             "interval": [0.66, 0.75]},
            {"ground": "gender", "group": "x", "n": None, "allowed_share": None, "objected_share": None,
             "interval": None}],
        "naive": {"traps": [
            {"trap": "large_families", "number": 1, "measure": "false_alerts", "events": ["child_birth"],
             "text": {"nl": "Grote gezinnen.", "en": "Large families."}, "naive": figures,
             "release": {**figures, "gap": 0.0, "per_1000": {"trapped": 0.0, "equal": 0.0}}}],
            "names": {"kind": "names", "origin": "all", "pairs": 50_456, "flips": 5_151, "score_changes": 49_000,
                      "upper": 0.105},
            "rates": {"customers": 600, "rows": [
                {**muslims, "rate": "recall", "event": "all", "other": "none", "low": -0.05, "high": None,
                 "naive": rated | {"verdict": "EXCEEDED"}, "release": rated},
                {**muslims, "rate": "false_offer_rate", "event": "all", "other": "none", "low": None, "high": 0.1,
                 "naive": dict.fromkeys(rated) | {"verdict": "NOT ESTABLISHED"}, "release": rated}]},
            "findings": [{"id": "G2-names", "gate": "G2", "verdict": "EXCEEDED", "blocks": True, "waivable": False,
                          "reason": {"nl": "Andere naam, andere uitkomst.", "en": "Another name, another outcome."}}]},
        "justifications": [],
        "self_tests": json.loads(self_tested()) if tested else [PASSED],
        "not_known": [{"nl": "Hoe het model werkt bij een andere bank.", "en": "How the model works at another bank."}],
    }  # fmt: skip
    return {**document, "findings": make_findings(document, default_fairness_policy())}


PASSED = {"name": "equal_groups", "passed": True, "found": 0.02, "n": 100}
EVALUATION: dict[str, Any] = {
    "headline": {"name": "event_macro_f1", "value": 0.871, "n": 1200},
    "counts": {"read": 500_000, "problems": 3, "no_permission": 90_000, "screened": 20_000, "no_label": 0,
               "kept": 389_997},
    "events": {"macro_f1": 0.871, "per_event": {
        "child_birth": {"n_true": 120, "n_found": 118, "precision": 0.95, "precision_interval": [0.9, 0.98],
                        "recall": 0.93, "recall_interval": [0.87, 0.97], "f1": 0.94, "f1_interval": [0.9, 0.97]},
        "windfall": {"n_true": 0, "n_found": 2, "precision": 0.0, "precision_interval": None, "recall": None,
                     "recall_interval": None, "f1": 0.0, "f1_interval": None}}},
}  # fmt: skip
DISSENT = "Ik teken niet: <script>alert(1)</script> eerst meer klanten testen."


def make_source(fairness: dict[str, Any] | None, *, waived: str = "") -> Source:
    """A source with the given document of the audit; `waived` is the id of a finding."""
    facts = EVALUATION if fairness is None else {**EVALUATION, "fairness": fairness}
    findings = read_findings(facts)
    signed = [WaiverSignature(role, person, "plan to get more customers", AT, "k", True)
              for role, person in (("owner", "A. Eigenaar"), ("ethics_chair", "B. Voorzitter"))]  # fmt: skip
    return Source(
        candidate_id=CANDIDATE,
        manifest={"model_version": "2026.11.26-abcdef12", "created_at": "2026-11-25T09:00:00Z",
                  "permission": {"snapshot_sha256": "7" * 64}},
        facts=facts,
        facts_sha256="8" * 64,
        taxonomy=default_taxonomy(),
        policy=packaged_policy(),
        screened=[category.id for category in default_screening().categories],
        purposes=default_purposes().purposes,
        decisions=[
            BoardDecision("owner", "A. Eigenaar", "approve", "Good enough.", "2026-11-26T10:00:00Z", "k", True),
            BoardDecision("ethics_chair", "B. Voorzitter", "refuse", DISSENT, "2026-11-26T11:00:00Z", "k", True),
        ],
        waivers=[Waiver(waived, date(2027, 1, 31), tuple(signed))] if waived else [],
        terms=Terms(CANDIDATE, Path(), "8" * 64, tuple(f for f in findings if f.blocks), 90, frozenset({"G0", "G2"})),
        at=AT,
    )  # fmt: skip


@pytest.fixture(scope="session")
def document(random_cube: Callable[..., Cube]) -> Callable[..., dict[str, Any]]:
    """Makes documents of customers drawn at random."""

    @cache
    def audited(customers: int, gap: float) -> str:
        cube = random_cube(VALUES, customers, gap=gap, share=0.10, sure=0.93)
        return json.dumps(audit_cube(cube, default_fairness_policy(), taxonomy_events=default_taxonomy().ids))

    def make(customers: int = 4000, gap: float = 0.25, *, tested: bool = True) -> dict[str, Any]:
        return fairness_document(json.loads(audited(customers, gap)), customers=customers, tested=tested)

    return make


@pytest.fixture(scope="session")
def full(document: Callable[..., dict[str, Any]]) -> Source:
    """Everything measured, a planted gap found, one finding waived."""
    whole = document()
    waivable = next(f["id"] for f in whole["findings"] if f["blocks"] and f["waivable"])
    return make_source(whole, waived=waivable)


@pytest.fixture(scope="session")
def partial(document: Callable[..., dict[str, Any]]) -> Source:
    """A small audit of the cube alone."""
    part = document(customers=120, gap=0.0)
    part |= dict.fromkeys(name for name in PARTS if name not in ("data", "cube", "self_tests"))
    part["not_known"] = None
    return make_source({**part, "findings": make_findings(part, default_fairness_policy())})


@pytest.fixture(scope="session")
def empty() -> Source:
    """No audit at all."""
    return make_source(None)


@pytest.fixture(scope="session")
def make(document: Callable[..., dict[str, Any]]) -> SimpleNamespace:
    """What makes documents and sources, for tests that want another one."""
    return SimpleNamespace(document=document, source=make_source, dissent=DISSENT, at=AT)
