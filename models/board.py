"""What the review board decided about a candidate: signed approvals and refusals, of which none is ever lost.

Each decision covers the hashes of model, facts, taxonomy, screening and policy, and the decision of the same role
before it, so that a dissent cannot be taken out of the middle.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

from models.candidate import SIGNATURES, Candidate, find_candidate, read_candidate, signature_files
from models.canonical import canonical_json, moment_text, parse_json, parse_moment, read_json, sha256_of
from models.durable import READ_ONLY, lock_folder, write_durably
from models.errors import IntegrityError, UnreadableDataError, UsageError
from models.home import Home
from models.signing import (
    BOARD,
    KeyRegistry,
    PrivateKey,
    PublicKey,
    Role,
    Signature,
    fold_name,
    load_registry,
    sign_statement,
    verify_signature,
)

Decision = Literal["approve", "refuse"]
_CLOCKS = timedelta(minutes=5)  # how far the clock of who signs may be ahead of ours


@dataclass(frozen=True, slots=True)
class BoardDecision:
    """What one person in one role decided about a candidate; the signature under it verified."""

    role: Role
    person: str
    decision: Decision
    reason: str
    signed_at: str
    key_id: str
    demo: bool


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
    """Sign a decision about a candidate; the last one of a role counts, every earlier one stays readable.

    Raises
    ------
    UsageError
        The key is not the one in force of this role, or the reason is empty.
    NoReleaseError
        There is no such candidate.
    IntegrityError
        The candidate, the key registry or an earlier decision does not verify.
    """
    with lock_folder(home.candidates):
        candidate, entries, entry = _make_entry(home, candidate_id, role, private_key, decision, reason, at=at)
        write_durably(_path_of(candidate, role), canonical_json([*entries, entry]).encode())
    return _verify_entries(role, [*entries, entry], candidate, load_registry(home))[-1]


def make_signature(
    home: Home,
    candidate_id: str,
    role: Role,
    private_key: PrivateKey,
    decision: Decision,
    reason: str,
    *,
    at: datetime | None = None,
) -> str:
    """Sign as `sign_release` does, but record nothing: the text is for whoever records it (`record_signature`).

    Raises
    ------
    UsageError, NoReleaseError, IntegrityError
        As `sign_release`.
    """
    return canonical_json(_make_entry(home, candidate_id, role, private_key, decision, reason, at=at)[2])


def record_signature(home: Home, text: str, *, release_id: str, at: datetime | None = None) -> BoardDecision:
    """Record what `make_signature` gave, after the same checks as for one that is signed here.

    Raises
    ------
    UsageError
        The text is no signature of the key in force, is about another candidate, was recorded before, misses a
        decision of its role since, or says that it was signed later than now.
    NoReleaseError
        There is no such candidate.
    IntegrityError
        Candidate, key registry or an earlier decision does not verify.
    """
    registry = load_registry(home)
    with lock_folder(home.candidates):
        candidate = read_candidate(find_candidate([home.candidates], release_id))
        read_decisions(candidate, registry)
        role, entry = _read_signature(text, candidate, registry, at=at or datetime.now(UTC))
        path = _path_of(candidate, role)
        entries = [*_read_entries(path), entry]
        try:
            decided = _verify_entries(role, entries, candidate, registry)[-1]
        except IntegrityError as error:
            raise UsageError(f"{error} Sign this candidate as it stands now and give that.") from error
        write_durably(path, canonical_json(entries).encode())
    return decided


def _make_entry(
    home: Home, candidate_id: str, role: Role, private_key: PrivateKey, decision: Decision, reason: str, *,
    at: datetime | None,
) -> tuple[Candidate, list[dict[str, Any]], dict[str, Any]]:  # fmt: skip
    """The candidate, what the role decided before, and the new decision, signed."""
    registry = load_registry(home)
    key = registry.key_of(role)
    if key is None or key.id != private_key.id:
        raise UsageError(f"This key is not the one in force of role {role}. Use that one.")
    if decision not in get_args(Decision) or not reason.strip():
        raise UsageError("A decision is approve or refuse, with a reason. Give both.")
    candidate = read_candidate(find_candidate([home.candidates], candidate_id))
    read_decisions(candidate, registry)
    entries = _read_entries(_path_of(candidate, role))
    statement = {
        **_signed_hashes(candidate),
        "role": role,
        "person": key.person,
        "decision": decision,
        "reason": reason.strip(),
        "signed_at": moment_text(at or datetime.now(UTC)),
        "previous": _link(entries),
    }
    return candidate, entries, {"statement": statement, "signature": asdict(sign_statement(private_key, statement))}


def _read_signature(
    text: str, candidate: Candidate, registry: KeyRegistry, *, at: datetime
) -> tuple[Role, dict[str, Any]]:
    """A decision that somebody handed in: by a key in force, with all that a decision says."""
    wrong = "This is no signature of `levensloop sign`. Give the whole text that it wrote."
    try:
        entry = parse_json(text, dict, source="The signature")
        statement, by = entry["statement"], registry.key(entry["signature"]["key_id"])
        told = {name: statement[name] for name in ("role", "person", "decision", "reason", "signed_at")}
        is_whole = set(entry) == {"statement", "signature"} and all(isinstance(one, str) for one in told.values())
        signed_at = parse_moment(told["signed_at"])
    except (IntegrityError, UnreadableDataError, UsageError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(wrong) from error
    if not is_whole or set(statement) != {*_signed_hashes(candidate), *told, "previous"}:
        raise UsageError(wrong)
    if by is None or by != registry.key_of(by.role) or told["role"] not in get_args(Role):
        raise UsageError("This was not signed with a key in force. Sign with the key that the registry has.")
    if told["decision"] not in get_args(Decision) or not told["reason"].strip():
        raise UsageError("A decision is approve or refuse, with a reason. Give both.")
    if signed_at > at + _CLOCKS:
        raise UsageError("This was signed later than now. Look at the clocks of both machines, then sign again.")
    return by.role, entry


def _path_of(candidate: Candidate, role: Role) -> Path:
    return candidate.path / SIGNATURES / f"{role}.json"


def read_decisions(candidate: Candidate, registry: KeyRegistry) -> tuple[BoardDecision, ...]:
    """All decisions about a candidate, per role the oldest first, each with a signature that verified.

    Raises
    ------
    IntegrityError
        A decision was changed, taken out, is about something else, or its key is not registered for its role.
    """
    damaged = f"A signature file of release {candidate.id[:12]} is damaged. Restore it or sign again."
    try:
        paths = signature_files(candidate.path)
        return tuple(
            decision
            for path in paths
            for decision in _verify_entries(path.stem, _read_entries(path), candidate, registry)
        )
    except (UsageError, OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError(damaged) from error


def copy_decisions(candidate: Candidate, release: Path) -> list[str]:
    """Bring decisions signed since the promotion into the promoted folder; returns the roles that have new ones.

    A promotion or rollback after a refusal must see it there, and whoever checks the release must find the dissent.

    Raises
    ------
    IntegrityError
        The two folders tell different stories of a role: one was changed.
    """
    added = []
    for path in signature_files(candidate.path):
        mine, theirs = _read_entries(path), _read_entries(release / SIGNATURES / path.name)
        if mine[: len(theirs)] != theirs and theirs[: len(mine)] != mine:
            raise IntegrityError(
                f"Candidate and release {candidate.id[:12]} hold different decisions of {path.stem}. Restore the "
                "folder that was changed."
            )
        if len(mine) > len(theirs):
            write_durably(release / SIGNATURES / path.name, path.read_bytes(), mode=READ_ONLY)
            added.append(path.stem)
    return added


def has_new_decisions(candidate: Candidate, release: Path) -> bool:
    """Whether somebody signed about the candidate since it was promoted."""
    return any(
        len(_read_entries(path)) > len(_read_entries(release / SIGNATURES / path.name))
        for path in signature_files(candidate.path)
    )


def decisions_in_force(decisions: Sequence[BoardDecision]) -> dict[Role, BoardDecision]:
    """The last decision of every role that decided."""
    return {decision.role: decision for decision in decisions}


def approval_reasons(decisions: Sequence[BoardDecision], *, allow_demo: bool) -> list[str]:
    """Every reason why these decisions are no approval by the whole board; empty when they are."""
    last = decisions_in_force(decisions)
    reasons = [f"{role} has not signed" for role in BOARD if role not in last]
    reasons += [f"{d.role} refused: {d.reason}" for d in last.values() if d.decision == "refuse"]
    demo = [role for role, decision in last.items() if decision.demo]
    if demo and not allow_demo:
        reasons.append(f"demo keys do not count here: {', '.join(demo)}")
    # The key registry refuses one person in two roles; a replaced key could still bring two roles together.
    people = [fold_name(last[role].person) for role in BOARD if role in last]
    if len(set(people)) < len(people):
        reasons.append("one person signed for two roles")
    return reasons


def _verify_entries(
    role: str, entries: Sequence[dict[str, Any]], candidate: Candidate, registry: KeyRegistry
) -> list[BoardDecision]:
    decisions = []
    for place, entry in enumerate(entries):
        statement, signature = entry["statement"], Signature(**entry["signature"])
        key = registry.key(signature.key_id)
        if key is None or (key.role, key.person) != (statement["role"], statement["person"]) or key.role != role:
            raise IntegrityError(f"A signature of {role} is by a key that is not registered for that role.")
        verify_signature(key, statement, signature)
        expected = {**_signed_hashes(candidate), "previous": _link(entries[:place])}
        if any(statement[name] != value for name, value in expected.items()):
            raise IntegrityError(f"The signature of {role} is about another release or misses one before it.")
        decisions.append(_decision(statement, key))
    return decisions


def _signed_hashes(candidate: Candidate) -> dict[str, Any]:
    manifest = candidate.manifest
    return {
        "kind": "release_decision",
        "release_id": candidate.id,
        "facts_sha256": candidate.facts_sha256,
        **{f"{name}_sha256": manifest[name]["sha256"] for name in ("taxonomy", "screening", "policy")},
    }


def _read_entries(path: Path) -> list[dict[str, Any]]:
    """Decisions of a role with nothing beside them; none when the file is not there."""
    try:
        entries = read_json(path, list)
    except FileNotFoundError:
        return []
    if not entries or any(not isinstance(entry, dict) or set(entry) != {"statement", "signature"} for entry in entries):
        raise IntegrityError(f"The signature file {path.name} is damaged. Restore it or sign again.")
    return entries


def _link(entries: Sequence[dict[str, Any]]) -> str:
    """Hash of the decision before; empty for a role's first."""
    return sha256_of(canonical_json(entries[-1]).encode()) if entries else ""


def _decision(statement: dict[str, Any], key: PublicKey) -> BoardDecision:
    return BoardDecision(
        key.role, key.person, statement["decision"], statement["reason"], statement["signed_at"], key.id, key.demo
    )
