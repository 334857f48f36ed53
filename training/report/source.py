"""What a report is made from: a candidate's own files, what was signed about it, and nothing else.

Its numbers come from the facts beside the model. What was not measured is None there, and every section says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from models.board import BoardDecision, decisions_in_force, read_decisions
from models.candidate import POLICY, SCREENING, TAXONOMY, find_candidate, newest_candidate, parse_policy, read_candidate
from models.canonical import parse_json, sha256_of
from models.findings import Finding, read_findings
from models.home import Home
from models.purposes import Purpose
from models.registries import read_purposes_in_force
from models.release import read_champion
from models.screening import parse_screening
from models.signing import load_registry
from models.taxonomy import Taxonomy, parse_taxonomy
from models.waivers import Terms, Waiver, read_terms, read_waivers
from training.fairness.justifications import justified_cells

PARTS = ("data", "cube", "swaps", "leakage", "alternatives", "permission_by_group", "naive", "self_tests")


@dataclass(frozen=True, kw_only=True)
class Monitored:
    """Facts of the latest measurement after a release, and the hash of their file."""

    facts: Mapping[str, Any]
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Previous:
    """The release that this one would follow, or did follow: what changed is told against it."""

    candidate_id: str
    manifest: Mapping[str, Any]
    facts: Mapping[str, Any]
    facts_sha256: str


@dataclass(frozen=True, kw_only=True)
class Source:
    """Everything a report may tell.

    Parameters
    ----------
    facts
        Of the evaluation; `fairness` in it is the document of the audit, when there was one.
    policy
        The signed policy, verbatim.
    screened
        Ids of the categories of screening.
    terms
        What blocks, and what the signed policy says about waivers.
    at
        Moment of the report; waivers are in force or over at this moment.
    monitored
        The latest months of a release, when they were measured.
    previous
        The release before; None for the first.
    since
        When this one was promoted; empty: it does not answer anybody.
    """

    candidate_id: str
    manifest: Mapping[str, Any]
    facts: Mapping[str, Any]
    facts_sha256: str
    taxonomy: Taxonomy
    policy: str
    screened: Sequence[str]
    purposes: Sequence[Purpose]
    decisions: Sequence[BoardDecision]
    waivers: Sequence[Waiver]
    terms: Terms
    at: datetime
    monitored: Monitored | None = None
    previous: Previous | None = None
    since: str = ""

    @property
    def fairness(self) -> Mapping[str, Any]:
        """The facts of the audit; empty when there was none."""
        return self.facts.get("fairness") or {}

    def part(self, name: str) -> Any:
        """A part of the audit's facts; None when it was not measured."""
        return self.fairness.get(name)

    @property
    def missing(self) -> list[str]:
        """The parts that were not measured."""
        return [name for name in PARTS if self.part(name) is None]

    @property
    def rules(self) -> Mapping[str, Any]:
        """The fairness part of the policy."""
        return parse_policy(self.policy).get("fairness", {})

    @property
    def justified(self) -> dict[tuple[str, str, str, str], Mapping[str, Any]]:
        """The board's four answers per (rate, event, ground, group) that they are about."""
        entries = self.fairness.get("justifications") or ()
        return {cell: entry for entry in entries for cell in justified_cells([entry])}

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the audit found, as the gate reads it."""
        return read_findings(self.facts) if self.fairness.get("findings") is not None else ()

    @property
    def waived(self) -> dict[str, Waiver]:
        """Waivers in force, by the id of their finding; demo keys count in a report, which says that they are."""
        most = self.terms.most_days
        return {w.finding: w for w in self.waivers if w.is_in_force(self.at, most_days=most, allow_demo=True)}

    @property
    def blocking(self) -> list[Finding]:
        """Findings that stand in the way of a release now."""
        return list(self.terms.unwaived(self.waivers, at=self.at, allow_demo=True))

    @property
    def is_demo(self) -> bool:
        """Synthetic data or throw-away keys: nothing to decide about real customers with."""
        demo_key = any(decision.demo for decision in decisions_in_force(self.decisions).values())
        return bool(self.fairness.get("demo")) or demo_key


def read_source(home: Home, candidate_id: str, *, at: datetime | None = None) -> Source:
    """Read and verify a candidate or release and what was signed about it.

    Parameters
    ----------
    candidate_id
        Id or its unique beginning; empty: the newest candidate.

    Raises
    ------
    NoReleaseError
        There is no such candidate.
    IntegrityError
        Something in it does not verify.
    """
    chosen = candidate_id or newest_candidate(home)
    candidate = read_candidate(find_candidate([home.candidates, home.releases], chosen))
    registry, terms = load_registry(home), read_terms(candidate)
    screening = parse_screening(candidate.text(SCREENING))
    return Source(
        candidate_id=candidate.id,
        manifest=candidate.manifest,
        facts=candidate.facts,
        facts_sha256=candidate.facts_sha256,
        taxonomy=parse_taxonomy(candidate.text(TAXONOMY), source=TAXONOMY),
        policy=candidate.text(POLICY),
        screened=[category.id for category in screening.categories],
        purposes=read_purposes_in_force(home).purposes,
        decisions=read_decisions(candidate, registry),
        waivers=read_waivers(terms, registry),
        terms=terms,
        at=at or datetime.now(UTC),
        monitored=_latest_months(home),
        previous=_previous(home, candidate.id),
        since=_since(home, candidate.id),
    )


def _latest_months(home: Home) -> Monitored | None:
    """The measurement that was made last, of whichever release; None where there is none yet."""
    files = sorted(home.monitoring.glob("*.json")) if home.monitoring.is_dir() else []
    found = []
    for path in files:
        data = path.read_bytes()
        found.append(Monitored(facts=parse_json(data, dict, source=path.name), sha256=sha256_of(data)))
    return max(found, key=lambda one: str(one.facts["created_at"]), default=None)


def _previous(home: Home, candidate_id: str) -> Previous | None:
    """The champion, or the release that answered before it where the champion itself is reported."""
    champion = read_champion(home)
    if champion is None:
        return None
    known = (*champion.history, champion.release_id)
    before = known[: known.index(candidate_id)] if candidate_id in known else known
    if not before:
        return None
    release = read_candidate(home.releases / before[-1])
    return Previous(
        candidate_id=release.id, manifest=release.manifest, facts=release.facts, facts_sha256=release.facts_sha256
    )


def _since(home: Home, candidate_id: str) -> str:
    champion = read_champion(home)
    return champion.promoted_at if champion is not None and champion.release_id == candidate_id else ""
