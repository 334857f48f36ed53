"""Opening what may answer: a candidate was trained, a release was promoted after the whole board signed it.

Serving reads only releases, through the pointer to the champion; `models/promotion.py` says what becomes one.
"""

import re
import zipfile
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from models.board import BoardDecision, approval_reasons, decisions_in_force, read_decisions
from models.candidate import (
    CLASSIFIER,
    DETECTOR,
    SCREENING,
    TAXONOMY,
    Candidate,
    find_candidate,
    newest_candidate,
    packaged_reading,
    read_candidate,
)
from models.canonical import parse_json, parse_moment, read_state
from models.errors import IntegrityError, NoReleaseError
from models.home import Home
from models.screening import Screening, parse_screening
from models.signing import load_registry
from models.taxonomy import Taxonomy, parse_taxonomy

# Types that a model file may hold besides what skops itself trusts (scikit-learn, numpy, scipy). Module paths of our
# estimators are a file format: never move them.
TRUSTED_TYPES: tuple[str, ...] = (
    "models.classifier.BookingClassifier",
    "models.events.EventDetector",
    "models.terms.TermSpace",
    # Arrays of nodes in compiled code, which does not check them: a forged one could crash or worse. Serving opens
    # only what the board signed; whoever opens a candidate trusts the state folder it lies in.
    "sklearn.tree._tree.Tree",
)
POINTER = "champion.json"
_RELEASE_ID = re.compile(r"[0-9a-f]{64}")
# What skops and the libraries below it raise on bytes that are no model; they have no error of their own for it.
_DAMAGED_MODEL = (
    zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, ImportError,
    RuntimeError,
)  # fmt: skip


@dataclass(frozen=True)
class Release:
    """A candidate or release, verified and opened.

    `signatures` are all decisions of the board, per role the oldest first, dissent included; `demo` says that demo
    keys signed it; `warning` is not empty when this is no promoted release.
    """

    id: str
    path: Path
    manifest: Mapping[str, Any]
    facts: Mapping[str, Any]
    classifier: Any
    detector: Any
    taxonomy: Taxonomy
    screening: Screening
    signatures: tuple[BoardDecision, ...]
    demo: bool
    warning: str = ""

    @property
    def model_version(self) -> str:
        """Short name of the model, for answers."""
        return str(self.manifest["model_version"])


@dataclass(frozen=True, slots=True)
class Champion:
    """The pointer: which release answers now, since when, and which ones before it (oldest first)."""

    release_id: str
    promoted_at: str
    who: str
    why: str
    history: tuple[str, ...] = ()

    @property
    def previous_id(self) -> str | None:
        """The release that a rollback goes back to."""
        return self.history[-1] if self.history else None


def load_release(
    home: Home,
    release_id: str | None = None,
    *,
    signed_only: bool = False,
    allow_demo: bool = False,
    trusted_types: Collection[str] = TRUSTED_TYPES,
) -> Release:
    """Open a release or candidate; without id the champion, else the newest candidate with a warning.

    Parameters
    ----------
    signed_only
        Accept only a promoted release that the whole board approved; serving asks for this.
    allow_demo
        With `signed_only`: signatures of demo keys count.

    Raises
    ------
    NoReleaseError
        There is nothing to open.
    IntegrityError
        A hash or signature does not verify, an approval is missing, or a model holds a type that is not trusted.
    """
    candidate = read_candidate(_choose(home, release_id, signed_only=signed_only))
    decisions = read_decisions(candidate, load_registry(home))
    if signed_only:
        require_approval(candidate, decisions, allow_demo=allow_demo)
    if candidate.manifest.get("reads_with") != packaged_reading():
        raise IntegrityError(
            f"Release {candidate.id[:12]} was made with another lexicon or other detection figures than are installed. "
            "Install the Levensloop that made it, or train and sign again."
        )
    promoted = candidate.path.parent == home.releases
    return Release(
        id=candidate.id,
        path=candidate.path,
        manifest=candidate.manifest,
        facts=candidate.facts,
        classifier=open_model(candidate, CLASSIFIER, trusted_types),
        detector=open_model(candidate, DETECTOR, trusted_types),
        taxonomy=parse_taxonomy(candidate.text(TAXONOMY), source=TAXONOMY),
        screening=parse_screening(candidate.text(SCREENING)),
        signatures=decisions,
        demo=any(decision.demo for decision in decisions_in_force(decisions).values()),
        warning="" if promoted else f"{candidate.id[:12]} is a candidate: it was not promoted and may be unsigned.",
    )


def read_champion(home: Home) -> Champion | None:
    """The pointer, None when nothing was promoted yet; cheap enough to read on every request.

    Raises
    ------
    IntegrityError
        The pointer is not what promotion writes.
    """
    try:
        return _parse_pointer(read_state(home.releases / POINTER))
    except FileNotFoundError:
        return None


@lru_cache(maxsize=4)  # the file is read on every request, and changes with a promotion
def _parse_pointer(text: bytes) -> Champion:
    try:
        data = parse_json(text, dict, source=POINTER)
        if not isinstance(data["history"], list):
            raise TypeError(POINTER)
        pointer = Champion(**{**data, "history": tuple(data["history"])})
        parse_moment(pointer.promoted_at)
        right = isinstance(pointer.who, str) and isinstance(pointer.why, str)
        if not right or any(_RELEASE_ID.fullmatch(known) is None for known in (pointer.release_id, *pointer.history)):
            raise ValueError(POINTER)
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"The pointer {POINTER} is damaged. Restore it from the promotions log.") from error
    return pointer


def _choose(home: Home, release_id: str | None, *, signed_only: bool) -> Path:
    if release_id is not None:
        return find_candidate([home.releases] if signed_only else [home.releases, home.candidates], release_id)
    champion = read_champion(home)
    if champion is not None:
        return find_candidate([home.releases], champion.release_id)
    if signed_only:
        raise NoReleaseError("No release was promoted yet. Train, audit, sign and promote one.")
    return home.candidates / newest_candidate(home)


def require_approval(candidate: Candidate, decisions: tuple[BoardDecision, ...], *, allow_demo: bool) -> None:
    """IntegrityError unless the whole board approved."""
    missing = approval_reasons(decisions, allow_demo=allow_demo)
    if missing:
        raise IntegrityError(f"Release {candidate.id[:12]} is not signed as it must be: {'; '.join(missing)}.")


def open_model(candidate: Candidate, name: str, trusted_types: Collection[str]) -> Any:
    """One of a candidate's models; IntegrityError when it is damaged or holds a type that is not trusted."""
    import skops.io  # here, for it takes two seconds and most verbs open no model
    from skops.io.exceptions import UntrustedTypesFoundException

    data = candidate.files[name]
    try:
        opened = skops.io.loads(data, trusted=list(trusted_types))
    except UntrustedTypesFoundException as error:
        unknown = sorted(set(skops.io.get_untrusted_types(data=data)) - set(trusted_types))
        raise IntegrityError(
            f"Release {candidate.id[:12]}: {name} was not opened, for it holds types that are not trusted: "
            f"{', '.join(unknown)}."
        ) from error
    except _DAMAGED_MODEL as error:
        raise IntegrityError(
            f"Release {candidate.id[:12]}: {name} is damaged and cannot be opened. Train again or restore the folder."
        ) from error
    return opened
