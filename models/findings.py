"""What the fairness audit found about a candidate, as the gate and serving read it from the facts.

`facts["fairness"]["findings"]` is a list of objects with the fields of `Finding`. The audit judges; here is only read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from models.errors import IntegrityError

Verdict = Literal["ESTABLISHED", "EXCEEDED", "NOT ESTABLISHED"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: a gate's verdict, whether it blocks a promotion, and whether the board may waive that."""

    id: str
    gate: str
    verdict: Verdict
    blocks: bool
    waivable: bool
    reason_nl: str
    reason_en: str


def is_audited(facts: Mapping[str, Any]) -> bool:
    """Whether a fairness audit was made of the candidate with these facts."""
    return "fairness" in facts


def read_findings(facts: Mapping[str, Any]) -> tuple[Finding, ...]:
    """All findings in the order of the audit; none without an audit.

    Raises
    ------
    IntegrityError
        They are not of their form, or two have one id.
    """
    if not is_audited(facts):
        return ()
    try:
        findings = tuple(_read_finding(entry) for entry in facts["fairness"]["findings"])
    except (KeyError, TypeError, ValueError) as error:
        raise IntegrityError("The findings of the fairness audit are not in their form. Audit again.") from error
    if len({finding.id for finding in findings}) < len(findings):
        raise IntegrityError("Two findings of the fairness audit have one id. Audit again.")
    return findings


def _read_finding(entry: Mapping[str, Any]) -> Finding:
    reason = entry["reason"]
    finding = Finding(
        entry["id"], entry["gate"], entry["verdict"], entry["blocks"], entry["waivable"], reason["nl"], reason["en"]
    )
    texts = (finding.id, finding.gate, finding.reason_nl, finding.reason_en)
    if not all(isinstance(text, str) and text for text in texts) or finding.verdict not in get_args(Verdict):
        raise ValueError("text")
    # Whatever is not plainly false or true must not pass for "does not block".
    if not all(isinstance(flag, bool) for flag in (finding.blocks, finding.waivable)):
        raise ValueError("flag")
    return finding
