"""What the board sees of a release: gate, findings and their waivers, decisions, and what changed since the champion.

Everything is read from the signed folders and judged by the code that promotes (`models.promotion`); nothing is judged
a second time here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from models.board import BoardDecision, decisions_in_force, has_new_decisions, read_decisions
from models.candidate import CLASSIFIER, DETECTOR, Candidate, find_candidate, list_candidates, read_candidate
from models.canonical import parse_moment
from models.errors import IntegrityError, NoReleaseError
from models.findings import Finding, is_audited, read_findings
from models.home import Home
from models.promotion import find_reasons
from models.release import read_champion
from models.signing import BOARD, KeyRegistry, load_registry
from models.waivers import SIGNERS_NEEDED, Waiver, brings_new_waivers, read_terms, read_waivers
from serving.desk import Desk
from serving.pages.settings import PageSettings

_MOST_RELEASES = 6
# What is signed together: these parts of the manifest are compared with the champion's.
_SIGNED_PARTS = ("taxonomy", "screening", "policy")
_MODELS = (("classifier", CLASSIFIER), ("detector", DETECTOR))


@dataclass(frozen=True, slots=True)
class Chair:
    """One role of the board: who holds its key, and what this role decided, the last one first."""

    role: str
    person: str
    decisions: tuple[BoardDecision, ...]

    @property
    def last(self) -> BoardDecision | None:
        """The decision that counts; None: not signed yet."""
        return self.decisions[0] if self.decisions else None


@dataclass(frozen=True, slots=True)
class WaiverSeen:
    """A waiver, whether it lets its finding pass now, and how many persons it still needs."""

    waiver: Waiver
    is_in_force: bool
    days_left: int
    missing: int


@dataclass(frozen=True, slots=True)
class FindingSeen:
    """A finding of the fairness audit: `blocking`, `waived`, `note` (does not block) or `passed`."""

    finding: Finding
    state: str
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """One part of a release beside the champion's; texts are beginnings of hashes, or figures."""

    part: str
    before: str
    now: str

    @property
    def is_same(self) -> bool:
        """Whether nothing changed."""
        return self.before == self.now


@dataclass(frozen=True)
class ReleaseSeen:
    """Everything the board needs of one release. `problem` is not empty when its folder does not verify."""

    id: str
    model_version: str
    created_at: datetime | None
    is_champion: bool
    problem: str = ""
    chairs: tuple[Chair, ...] = ()
    reasons: tuple[str, ...] = ()
    findings: tuple[FindingSeen, ...] = ()
    waivers: tuple[WaiverSeen, ...] = ()
    changes: tuple[Changed, ...] = ()
    headline: Mapping[str, Any] = field(default_factory=dict)
    is_audited: bool = False
    is_renewal: bool = False
    reports: tuple[str, ...] = ()

    @property
    def signed(self) -> int:
        """How many roles approve now."""
        return sum(chair.last is not None and chair.last.decision == "approve" for chair in self.chairs)

    @property
    def has_refusal(self) -> bool:
        """Whether a role refuses now."""
        return any(chair.last is not None and chair.last.decision == "refuse" for chair in self.chairs)

    @property
    def can_be_promoted(self) -> bool:
        """Whether the gate has nothing against it and it would bring something."""
        return not self.problem and not self.reasons and (not self.is_champion or self.is_renewal)

    @property
    def next_expiry(self) -> date | None:
        """The last day of the waiver in force that ends first."""
        return min((one.waiver.until for one in self.waivers if one.is_in_force), default=None)

    def with_state(self, *states: str) -> list[FindingSeen]:
        """Its findings of some states."""
        return [one for one in self.findings if one.state in states]


def list_releases(desk: Desk, pages: PageSettings, *, at: datetime) -> list[ReleaseSeen]:
    """The champion first, then the newest candidates."""
    home = pages.home
    champion = read_champion(home)
    newest = [one for one in list_candidates(home) if champion is None or one != champion.release_id]
    wanted = ([champion.release_id] if champion else []) + newest[:_MOST_RELEASES]
    return [_look_or_say(desk, pages, one, at=at) for one in wanted]


def look_at_release(desk: Desk, pages: PageSettings, release_id: str, *, at: datetime) -> ReleaseSeen:
    """One release by its whole id.

    Raises
    ------
    NoReleaseError
        There is none.
    IntegrityError
        Something in it does not verify.
    """
    home = pages.home
    candidate = read_candidate(find_candidate([home.candidates, home.releases], release_id))
    pointer = read_champion(home)
    champion = read_candidate(home.releases / pointer.release_id) if pointer is not None else None
    is_champion = pointer is not None and pointer.release_id == candidate.id
    registry = load_registry(home)
    findings, waivers = _judge_findings(candidate, registry, allow_demo=pages.demo, at=at)
    promoted = home.releases / candidate.id
    return ReleaseSeen(
        candidate.id, str(candidate.manifest["model_version"]), parse_moment(candidate.manifest["created_at"]),
        is_champion,
        chairs=_seat(read_decisions(candidate, registry), registry),
        reasons=tuple(find_reasons(home, candidate, champion, allow_demo=pages.demo, at=at, store=desk.store)),
        findings=findings, waivers=waivers,
        changes=() if champion is None or is_champion else tuple(_compare(champion, candidate)),
        headline=candidate.facts.get("headline") or {}, is_audited=is_audited(candidate.facts),
        is_renewal=is_champion and (brings_new_waivers(candidate, promoted) or has_new_decisions(candidate, promoted)),
        reports=find_reports(home, candidate.id),
    )  # fmt: skip


def find_reports(home: Home, release_id: str) -> tuple[str, ...]:
    """Languages in which the report of a release was written (`levensloop report`)."""
    return tuple(one for one in ("nl", "en") if (home.reports / release_id / f"report-{one}.html").is_file())


def _look_or_say(desk: Desk, pages: PageSettings, release_id: str, *, at: datetime) -> ReleaseSeen:
    """A release, or that it does not verify: one damaged folder hides no other."""
    try:
        return look_at_release(desk, pages, release_id, at=at)
    except (IntegrityError, NoReleaseError) as error:
        return ReleaseSeen(release_id, release_id[:12], None, is_champion=False, problem=str(error))


def _seat(decisions: Sequence[BoardDecision], registry: KeyRegistry) -> tuple[Chair, ...]:
    """Every role of the board, and whoever else decided."""
    roles = dict.fromkeys([*BOARD, *decisions_in_force(decisions)])
    chairs = []
    for role in roles:
        key = registry.key_of(role)
        mine = [one for one in decisions if one.role == role]
        chairs.append(Chair(role, key.person if key else "", tuple(mine[::-1])))
    return tuple(chairs)


def _judge_findings(
    candidate: Candidate, registry: KeyRegistry, *, allow_demo: bool, at: datetime
) -> tuple[tuple[FindingSeen, ...], tuple[WaiverSeen, ...]]:
    terms = read_terms(candidate)
    waivers = read_waivers(terms, registry)
    seen, until = [], dict[str, date]()
    for waiver in waivers:
        in_force = waiver.is_in_force(at, most_days=terms.most_days, allow_demo=allow_demo)
        missing = max(0, SIGNERS_NEEDED - len({one.role for one in waiver.signatures}))
        seen.append(WaiverSeen(waiver, in_force, (waiver.until - at.date()).days, missing))
        if in_force:
            until[waiver.finding] = max(waiver.until, until.get(waiver.finding, waiver.until))
    blocking = {finding.id for finding in terms.unwaived(waivers, at=at, allow_demo=allow_demo)}
    findings = [_judge(finding, blocking, until) for finding in read_findings(candidate.facts)]
    return tuple(findings), tuple(seen)


def _judge(finding: Finding, blocking: set[str], until: Mapping[str, date]) -> FindingSeen:
    if finding.id in blocking:
        return FindingSeen(finding, "blocking")
    if finding.blocks:
        return FindingSeen(finding, "waived", until[finding.id])
    return FindingSeen(finding, "passed" if finding.verdict == "ESTABLISHED" else "note")


def _compare(champion: Candidate, candidate: Candidate) -> list[Changed]:
    """Every part that is signed, and the headline figure, before and now."""
    both = (champion, candidate)
    models = [Changed(name, *(str(one.manifest["files"][file])[:12] for one in both)) for name, file in _MODELS]
    parts = [Changed(name, *(str(one.manifest[name]["sha256"])[:12] for one in both)) for name in _SIGNED_PARTS]
    figures = Changed("headline", *(_figure(one.facts.get("headline") or {}) for one in both))
    blocks = Changed("blocking", *(str(sum(f.blocks for f in read_findings(one.facts))) for one in both))
    return [figures, blocks, *models, *parts]


def _figure(headline: Mapping[str, Any]) -> str:
    value = headline.get("value")
    return f"{headline.get('name', '')} {value:.3f}" if isinstance(value, int | float) else ""
