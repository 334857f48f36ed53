"""Candidates and releases: immutable folders whose every byte is hashed, signed by three persons, chosen by a pointer.

Serving reads only releases; what was trained but not signed stays a candidate. Models are skops files, opened with
our own list of trusted types and nothing else.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from models.home import Home
from models.signing import KeyRegistry, PrivateKey, Role
from models.store import Store
from models.taxonomy import Taxonomy

TRUSTED_TYPES: tuple[str, ...] = (
    "models.classifier.BookingClassifier",
    "models.events.EventDetector",
)
Decision = Literal["approve", "refuse"]


@dataclass(frozen=True)
class Candidate:
    """A trained model with everything that is signed together; `id` is the SHA-256 of its manifest."""

    id: str
    path: Path
    manifest: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BoardDecision:
    """What one person in one role decided about a candidate, with its signature."""

    role: Role
    person: str
    decision: Decision
    reason: str
    signed_at: str
    key_id: str
    demo: bool


@dataclass(frozen=True)
class Release:
    """A candidate or release, verified and opened.

    `screening` is a `models.screening.Screening`; `demo` says that demo keys signed it; `warning` is not empty when
    this is no promoted release.
    """

    id: str
    path: Path
    manifest: Mapping[str, Any]
    facts: Mapping[str, Any]
    classifier: Any
    detector: Any
    taxonomy: Taxonomy
    screening: Any
    signatures: tuple[BoardDecision, ...]
    demo: bool
    warning: str = ""

    @property
    def model_version(self) -> str:
        """Short name of the model for answers."""
        return str(self.manifest["model_version"])


@dataclass(frozen=True, slots=True)
class Champion:
    """The pointer: which release answers now, and since when."""

    release_id: str
    previous_id: str | None
    promoted_at: str
    who: str
    why: str


@dataclass(frozen=True)
class Promotion:
    """What a promotion or rollback did, or would do."""

    release_id: str
    previous_id: str | None
    path: Path
    dry_run: bool = False
    trail_seq: int | None = None
    reasons: tuple[str, ...] = field(default=())


def write_candidate(
    home: Home,
    *,
    classifier: Any,
    detector: Any,
    taxonomy_toml: str,
    screening: str,
    facts: Mapping[str, Any],
    permission: Mapping[str, Any],
    created_at: datetime,
    policy_toml: str | None = None,
) -> Candidate:
    """Write an immutable candidate folder; `screening` is the text of the screening TOML, taken over verbatim."""
    raise NotImplementedError


def load_release(
    home: Home,
    release_id: str | None = None,
    *,
    signed_only: bool = False,
    allow_demo: bool = False,
    trusted_types: Collection[str] = TRUSTED_TYPES,
) -> Release:
    """Open a release or candidate; without id the champion, else the newest candidate with a warning."""
    raise NotImplementedError


def read_champion(home: Home) -> Champion | None:
    """The pointer; cheap enough to read on every request."""
    raise NotImplementedError


def sign_release(
    home: Home,
    candidate_id: str,
    role: Role,
    private_key: PrivateKey,
    decision: Decision,
    reason: str,
    *,
    at: datetime | None = None,
) -> BoardDecision:
    """Sign a decision about a candidate; dissent stays with it for good."""
    raise NotImplementedError


def gate_reasons(
    candidate: Candidate,
    champion: Candidate | None,
    *,
    registry: KeyRegistry,
    allow_demo: bool = False,
) -> list[str]:
    """Every reason why this candidate may not be promoted; empty when it may."""
    raise NotImplementedError


def promote_release(
    home: Home,
    candidate_id: str,
    *,
    who: str,
    why: str,
    allow_demo: bool = False,
    dry_run: bool = False,
    at: datetime | None = None,
    store: Store | None = None,
) -> Promotion:
    """Make a candidate the champion; raises GateBlockedError with all reasons."""
    raise NotImplementedError


def rollback_release(
    home: Home,
    *,
    who: str,
    why: str,
    to: str | None = None,
    allow_demo: bool = False,
    at: datetime | None = None,
    store: Store | None = None,
) -> Promotion:
    """Move the pointer back to an earlier release."""
    raise NotImplementedError
