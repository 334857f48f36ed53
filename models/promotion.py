"""Which model may become champion: the gate in front of promotion, promotion and rollback.

The pointer moves in one step, and every move stands in the promotions log and in the trail.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from models.board import (
    BoardDecision,
    approval_reasons,
    copy_decisions,
    decisions_in_force,
    has_new_decisions,
    read_decisions,
)
from models.candidate import (
    CLASSIFIER,
    DETECTOR,
    MANIFEST,
    Candidate,
    find_candidate,
    packaged_policy,
    parse_policy,
    read_candidate,
    signature_files,
    waiver_files,
    write_folder,
)
from models.canonical import canonical_json, moment_text, parse_moment, sha256_of
from models.durable import append_durably, lock_folder, write_durably
from models.errors import GateBlockedError, NoReleaseError, UsageError
from models.findings import is_audited
from models.home import Home
from models.purposes import PurposeRegistry, default_purposes
from models.registries import read_purposes_in_force
from models.release import POINTER, TRUSTED_TYPES, Champion, open_model, read_champion, require_approval
from models.screening import default_screening
from models.signing import KeyRegistry, load_registry
from models.store import Store, open_store
from models.taxonomy import canonical_sha256
from models.trail import append_trail
from models.training_permission import find_training_end, read_trained_at
from models.waivers import brings_new_waivers, copy_waivers, fairness_reasons, require_waivers_in_force

PROMOTIONS = "promotions.jsonl"


@dataclass(frozen=True, slots=True)
class Promotion:
    """What a promotion or rollback did, or would do; `trail_seq` is its row in the trail."""

    release_id: str
    previous_id: str | None
    path: Path
    dry_run: bool = False
    trail_seq: int | None = None


# ---- the gate -------------------------------------------------------------------------------------------------------


def gate_reasons(
    candidate: Candidate,
    champion: Candidate | None,
    *,
    registry: KeyRegistry,
    allow_demo: bool = False,
    policy_toml: str | None = None,
    screening_sha256: str | None = None,
    purposes: PurposeRegistry | None = None,
    at: datetime | None = None,
) -> list[str]:
    """Every reason why this candidate may not be promoted; empty when it may.

    Parameters
    ----------
    policy_toml, screening_sha256, purposes
        Policy, screening and purpose registry in force; those that ship with Levensloop when not given.
    at
        The moment at which waivers must be in force; now when not given.

    Raises
    ------
    IntegrityError
        A signature does not verify.
    """
    policy = parse_policy(packaged_policy() if policy_toml is None else policy_toml)
    screening = default_screening().sha256 if screening_sha256 is None else screening_sha256
    asked_under = (purposes or default_purposes()).purpose("model_training")
    manifest = candidate.manifest
    decisions = read_decisions(candidate, registry)
    reasons = approval_reasons(decisions, allow_demo=allow_demo)
    reasons += _replaced_keys(decisions, registry)
    if manifest["permission"].get("permission_not_shown"):
        reasons.append("it was trained without showing that the customers allow it")
    elif manifest["permission"].get("notice_version") != asked_under.notice_version:
        reasons.append("its customers were asked under another notice than the one in force")
    if manifest["names"] == "as_merchants":
        reasons.append("it was trained with names of counterparties as features")
    if manifest["screening"]["sha256"] != screening:
        reasons.append("its screening is not the one in force")
    if manifest["policy"]["sha256"] != canonical_sha256(policy):
        reasons.append("its policy is not the one in force")
    reasons += _reasons_without_fairness_audit(candidate)
    reasons += fairness_reasons(candidate, registry, allow_demo=allow_demo, at=at or datetime.now(UTC))
    return reasons + _step_back(candidate, champion, margin=float(policy["no_regression"]["margin"]))


def find_reasons(
    home: Home, candidate: Candidate, champion: Candidate | None, *, allow_demo: bool, at: datetime | None = None,
    store: Store | None = None,
) -> list[str]:  # fmt: skip
    """As `gate_reasons`, under the keys, purposes and permissions of a home: what `promote_release` would say now."""
    purposes = read_purposes_in_force(home)
    reasons = gate_reasons(
        candidate, champion, registry=load_registry(home), purposes=purposes, allow_demo=allow_demo, at=at
    )
    return reasons + _left_too_long_ago(home, candidate, store, purposes, at=at or datetime.now(UTC))


def _reasons_without_fairness_audit(candidate: Candidate) -> list[str]:
    """What stands in the way of a candidate whose fairness nobody audited."""
    return [] if is_audited(candidate.facts) else ["its fairness was not audited: run `levensloop audit`"]


def _left_too_long_ago(
    home: Home, candidate: Candidate, store: Store | None, purposes: PurposeRegistry, *, at: datetime
) -> list[str]:
    """What stands in the way of a candidate whose customers left so long ago that it must not answer any more."""
    trained_at = read_trained_at(candidate)
    if trained_at is None:
        return []
    with _opened(home, store) as ours, ours.read() as connection:
        end = find_training_end(connection, trained_at=trained_at, registry=purposes, now=at)
    return [] if end is None or at < end else ["customers it was trained on left too long ago: train without them"]


def _replaced_keys(decisions: tuple[BoardDecision, ...], registry: KeyRegistry) -> list[str]:
    in_force = {key.id for key in registry.in_force}
    return [
        f"{decision.role} signed with a key that was replaced since"
        for decision in decisions_in_force(decisions).values()
        if decision.key_id not in in_force
    ]


def _step_back(candidate: Candidate, champion: Candidate | None, *, margin: float) -> list[str]:
    name, value = _headline(candidate)
    if name is None:
        return ["its facts have no headline figure {name, value, n}"]
    if champion is None:
        return []
    known_name, known_value = _headline(champion)
    if known_name != name:
        return [f"its headline figure {name} cannot be compared with the champion's {known_name}"]
    if value < known_value - margin:
        return [f"{name} is {value:.4f}, more than {margin} below the champion's {known_value:.4f}"]
    return []


def _headline(candidate: Candidate) -> tuple[str | None, float]:
    headline = candidate.facts.get("headline")
    if not isinstance(headline, dict) or not isinstance(headline.get("value"), int | float):
        return None, 0.0
    return (str(headline["name"]) if "name" in headline and "n" in headline else None), float(headline["value"])


# ---- promotion and rollback -----------------------------------------------------------------------------------------


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
    trusted_types: Collection[str] = TRUSTED_TYPES,
) -> Promotion:
    """Make a candidate the champion: copy it to releases/<id>, write trail and log, then move the pointer.

    A kill in between leaves the old champion in place; doing it again is safe.

    Raises
    ------
    GateBlockedError
        The gate says no; the message lists every reason. Nothing was written.
    IntegrityError, NoReleaseError, UsageError
        The candidate does not verify, is not there, is the champion already, or who and why are empty.
    """
    _require_account(who, why)
    with lock_folder(home.releases):
        candidate = read_candidate(find_candidate([home.candidates], candidate_id))
        now = read_champion(home)
        path = home.releases / candidate.id
        again = now is not None and now.release_id == candidate.id
        if again and not (brings_new_waivers(candidate, path) or has_new_decisions(candidate, path)):
            raise UsageError(f"Release {candidate.id[:12]} is the champion already.")
        champion = read_candidate(home.releases / now.release_id) if now is not None else None
        reasons = find_reasons(home, candidate, champion, allow_demo=allow_demo, at=at, store=store)
        if reasons:
            raise GateBlockedError(f"Release {candidate.id[:12]} cannot be promoted: {'; '.join(reasons)}.")
        for name in (CLASSIFIER, DETECTOR):
            open_model(candidate, name, trusted_types)
        if dry_run:
            return Promotion(candidate.id, now.release_id if now else None, path, dry_run=True)
        write_folder(
            path, {**candidate.files, MANIFEST: (candidate.path / MANIFEST).read_bytes(), **_signed(candidate)}
        )
        copy_decisions(candidate, path)
        copy_waivers(candidate, path)
        history = (*now.history, *(() if again else (now.release_id,))) if now else ()
        pointer = Champion(candidate.id, moment_text(at or datetime.now(UTC)), who, why, history)
        return _move_pointer(home, pointer, action="promote", leaving=now, store=store)


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
    """Move the pointer back to the release before the champion, or to the earlier one that `to` names.

    Raises
    ------
    NoReleaseError
        There is no earlier release (of that id).
    IntegrityError
        The earlier release does not verify or is not signed.
    GateBlockedError
        A waiver that it rests on is over.
    """
    _require_account(who, why)
    with lock_folder(home.releases):
        now = read_champion(home)
        history = now.history if now else ()
        places = [place for place, known in enumerate(history) if to is None or known.startswith(to)]
        if not places:
            raise NoReleaseError("There is no earlier release to go back to. Promote another one.")
        target = _with_later_decisions(home, history[places[-1]])
        registry, at = load_registry(home), at or datetime.now(UTC)
        require_approval(target, read_decisions(target, registry), allow_demo=allow_demo)
        require_waivers_in_force(target, registry, allow_demo=allow_demo, at=at)
        pointer = Champion(target.id, moment_text(at), who, why, history[: places[-1]])
        return _move_pointer(home, pointer, action="rollback", leaving=now, store=store)


def _with_later_decisions(home: Home, release_id: str) -> Candidate:
    """A release with what was signed about it after its promotion: a refusal since then keeps it from answering."""
    path = home.releases / release_id
    if (home.candidates / release_id).is_dir():
        copy_decisions(read_candidate(home.candidates / release_id), path)
    return read_candidate(path)


def _move_pointer(
    home: Home, pointer: Champion, *, action: str, leaving: Champion | None, store: Store | None
) -> Promotion:
    """Say it first (trail, log), then do it: what became champion is never unrecorded."""
    path = home.releases / pointer.release_id
    candidate = read_candidate(path)
    previous_id = leaving.release_id if leaving else None
    record = {
        "action": action,
        "release_id": pointer.release_id,
        "previous_id": previous_id,
        "who": pointer.who,
        "why": pointer.why,
        # Which rules came into force with it: a policy, taxonomy or screening changes by a release and no other way.
        **{f"{name}_sha256": candidate.manifest[name]["sha256"] for name in ("policy", "taxonomy", "screening")},
        "signatures": {name: sha256_of(data) for name, data in _signed(candidate).items()},
    }
    with _opened(home, store) as ours, ours.write() as connection:
        row = append_trail(connection, "promotion", record, at=parse_moment(pointer.promoted_at))
    line = {**record, "at": pointer.promoted_at, "trail_seq": row.seq, "trail_hash": row.hash}
    append_durably(home.releases / PROMOTIONS, canonical_json(line))
    write_durably(home.releases / POINTER, canonical_json(asdict(pointer)).encode())
    return Promotion(pointer.release_id, previous_id, path, trail_seq=row.seq)


@contextmanager
def _opened(home: Home, store: Store | None) -> Iterator[Store]:
    """The given store, else the home's own, which is closed again."""
    ours = store or open_store(home.database_url)
    try:
        yield ours
    finally:
        if store is None:
            ours.close()


def _signed(candidate: Candidate) -> dict[str, bytes]:
    """What persons signed about a candidate, decisions and waivers, by name inside the folder."""
    files = [*signature_files(candidate.path), *waiver_files(candidate.path)]
    return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in files}


def _require_account(who: str, why: str) -> None:
    if not who.strip() or not why.strip():
        raise UsageError("Moving the champion needs who does it and why. Give both.")
