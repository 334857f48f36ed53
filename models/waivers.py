"""Waivers: two persons of the board let one finding of the fairness audit pass until a day, and say why.

A waiver is one signed file in the candidate's folder; promotion copies it into the release. It counts only while it is
in force, so every reader asks with the moment it asks at. Owner of the longest time: review board (`policy.toml`).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from models.candidate import (
    POLICY,
    WAIVERS,
    Candidate,
    find_candidate,
    parse_policy,
    read_candidate,
    waiver_files,
)
from models.canonical import canonical_json, framed_sha256, moment_text, parse_json, parse_moment, sha256_of
from models.durable import READ_ONLY, lock_folder, write_durably
from models.errors import GateBlockedError, IntegrityError, UsageError
from models.findings import Finding, read_findings
from models.home import Home
from models.purposes import AMSTERDAM
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
from models.store import open_store
from models.trail import append_trail

SIGNERS_NEEDED = 2
SIGNED = "waiver_signed"


@dataclass(frozen=True, slots=True)
class WaiverSignature:
    """Who signed a waiver, when and why; the signature under it verified."""

    role: Role
    person: str
    reason: str
    signed_at: datetime
    key_id: str
    demo: bool


@dataclass(frozen=True, slots=True)
class Waiver:
    """One finding that may pass up to and including a day (Europe/Amsterdam), with who signed so, the first first."""

    finding: str
    until: date
    signatures: tuple[WaiverSignature, ...]

    def is_in_force(self, at: datetime, *, most_days: int, allow_demo: bool) -> bool:
        """Whether two persons in two roles had signed it by `at`, and its day is neither over nor too far."""
        signed = [s for s in self.signatures if s.signed_at <= at and (allow_demo or not s.demo)]
        people, roles = {fold_name(s.person) for s in signed}, {s.role for s in signed}
        if min(len(people), len(roles)) < SIGNERS_NEEDED:
            return False
        return _day(at) <= self.until and (self.until - _day(signed[0].signed_at)).days <= most_days


@dataclass(frozen=True, slots=True)
class Terms:
    """What has to be known of a candidate or release to say which of its findings pass.

    `blocking` are the findings that block unless they are waived; `most_days` is 0 where the policy knows no waivers.
    """

    release_id: str
    path: Path
    facts_sha256: str
    blocking: tuple[Finding, ...]
    most_days: int
    never: frozenset[str]

    def is_waivable(self, finding: Finding) -> bool:
        """Neither the audit nor the policy says that there is no waiver for it."""
        return finding.waivable and finding.gate not in self.never and self.most_days > 0

    def unwaived(self, waivers: Sequence[Waiver], *, at: datetime, allow_demo: bool) -> tuple[Finding, ...]:
        """The blocking findings without a waiver in force."""
        waived = {w.finding for w in waivers if w.is_in_force(at, most_days=self.most_days, allow_demo=allow_demo)}
        return tuple(f for f in self.blocking if f.id not in waived or not self.is_waivable(f))


def read_terms(candidate: Candidate) -> Terms:
    """The findings of a candidate and what its signed policy says about waivers.

    Raises
    ------
    IntegrityError
        Its findings are not in their form.
    """
    rules = parse_policy(candidate.text(POLICY)).get("fairness", {}).get("waivers", {})
    return Terms(
        candidate.id,
        candidate.path,
        candidate.facts_sha256,
        tuple(finding for finding in read_findings(candidate.facts) if finding.blocks),
        int(rules.get("most_days", 0)),
        frozenset(rules.get("never", ())),
    )


def sign_waivers(
    home: Home,
    candidate_id: str,
    finding_ids: Sequence[str],
    *,
    role: Role,
    private_key: PrivateKey,
    reason: str,
    until: date,
    at: datetime | None = None,
) -> list[Waiver]:
    """Sign, as one of two persons, that findings of a candidate may pass until a day; the trail has each first.

    Each finding gets a waiver of its own; nothing is signed when one of them cannot have one. Whoever signs the same
    finding and day second makes it count. A renewal is a new waiver with a later day.

    Raises
    ------
    UsageError
        The finding is unknown, does not block or has no waiver; the day is over or too far; the reason is empty; the
        key is not the one in force of a role of the board, or its person or role signed this waiver already.
    NoReleaseError, IntegrityError, StoreUnavailableError
        There is no such candidate, something in it does not verify, or the trail cannot be written.
    """
    at = at or datetime.now(UTC)
    registry = load_registry(home)
    key = registry.key_of(role)
    if role not in BOARD or key is None or key.id != private_key.id:
        raise UsageError(f"This key is not the one in force of a role of the board. Roles are {', '.join(BOARD)}.")
    if not reason.strip():
        raise UsageError("A waiver needs a reason. Give it with --reason.")
    with lock_folder(home.candidates):
        terms = read_terms(read_candidate(find_candidate([home.candidates], candidate_id)))
        for finding_id in finding_ids:
            _require_waivable(terms, finding_id)
        return [
            _sign(home, terms, finding_id, registry, key, private_key, reason=reason.strip(), until=until, at=at)
            for finding_id in finding_ids
        ]


def _sign(
    home: Home, terms: Terms, finding_id: str, registry: KeyRegistry, key: PublicKey, private_key: PrivateKey, *,
    reason: str, until: date, at: datetime,
) -> Waiver:  # fmt: skip
    """One more signature under the waiver of a finding, inside the lock of the candidates."""
    path = terms.path / WAIVERS / f"{framed_sha256(finding_id, until.isoformat())}.json"
    entries = _entries_of(path.read_bytes()) if path.exists() else []
    before = _verify_entries(path.name, entries, terms, registry) if entries else Waiver(finding_id, until, ())
    _require_new_signer(before, key, terms.most_days, at)
    statement = {
        "kind": "waiver", "release_id": terms.release_id, "facts_sha256": terms.facts_sha256,
        "finding": finding_id, "until": until.isoformat(), "role": key.role, "person": key.person,
        "reason": reason, "signed_at": moment_text(at), "previous": _link(entries),
    }  # fmt: skip
    entries = [*entries, {"statement": statement, "signature": asdict(sign_statement(private_key, statement))}]
    waiver = _verify_entries(path.name, entries, terms, registry)
    _record(home, {**statement, "key_id": key.id, "signatures": len(entries)}, at=at)
    write_durably(path, canonical_json(entries).encode())
    return waiver


def read_waivers(terms: Terms, registry: KeyRegistry) -> tuple[Waiver, ...]:
    """All waivers in the folder, in force or not, each with signatures that verified.

    Raises
    ------
    IntegrityError
        One was changed, is about something else, or its keys are not registered.
    """
    return verify_waivers(terms, read_waiver_bytes(terms), registry)


def read_waiver_bytes(terms: Terms) -> dict[str, bytes]:
    """The waiver files as they stand now, by name."""
    try:
        return {path.name: path.read_bytes() for path in waiver_files(terms.path)}
    except OSError as error:
        raise IntegrityError(f"The waivers of release {terms.release_id[:12]} cannot be read. Restore them.") from error


def verify_waivers(terms: Terms, files: dict[str, bytes], registry: KeyRegistry) -> tuple[Waiver, ...]:
    """What `read_waivers` gives, from bytes that were read already."""
    return tuple(_verify_entries(name, _entries_of(data), terms, registry) for name, data in sorted(files.items()))


def fairness_reasons(candidate: Candidate, registry: KeyRegistry, *, allow_demo: bool, at: datetime) -> list[str]:
    """Every finding of the fairness audit that blocks a promotion now; signatures of replaced keys do not count."""
    terms = read_terms(candidate)
    in_force = {key.id for key in registry.in_force}
    waivers = [
        Waiver(w.finding, w.until, tuple(s for s in w.signatures if s.key_id in in_force))
        for w in read_waivers(terms, registry)
    ]
    unwaived = terms.unwaived(waivers, at=at, allow_demo=allow_demo)
    says = {True: "has no waiver in force", False: "blocks and cannot be waived"}
    return [f"finding {f.id} ({f.verdict}) {says[terms.is_waivable(f)]}: {f.reason_en}" for f in unwaived]


def require_waivers_in_force(candidate: Candidate, registry: KeyRegistry, *, allow_demo: bool, at: datetime) -> None:
    """GateBlockedError when a finding of this release is waived no longer."""
    terms = read_terms(candidate)
    lapsed = terms.unwaived(read_waivers(terms, registry), at=at, allow_demo=allow_demo)
    if lapsed:
        raise GateBlockedError(
            f"Release {candidate.id[:12]} cannot answer again: no waiver is in force for "
            f"{', '.join(finding.id for finding in lapsed)}."
        )


def brings_new_waivers(candidate: Candidate, release: Path) -> bool:
    """Whether the candidate has waivers that its promoted folder does not have: then it may be promoted again."""
    known = {path.name: path.read_bytes() for path in waiver_files(release)}
    return any(known.get(path.name) != path.read_bytes() for path in waiver_files(candidate.path))


def copy_waivers(candidate: Candidate, release: Path) -> None:
    """Bring the candidate's waivers, as they stand, into its promoted folder."""
    for path in waiver_files(candidate.path):
        write_durably(release / WAIVERS / path.name, path.read_bytes(), mode=READ_ONLY)


def _require_waivable(terms: Terms, finding_id: str) -> None:
    finding = next((finding for finding in terms.blocking if finding.id == finding_id), None)
    if finding is None:
        raise UsageError(
            f"No blocking finding of this candidate has this id. Blocking are: "
            f"{', '.join(f.id for f in terms.blocking) or 'none'}."
        )
    if not terms.is_waivable(finding):
        raise UsageError(f"For finding {finding.id} there is no waiver: {finding.reason_en}")


def _require_new_signer(waiver: Waiver, key: PublicKey, most_days: int, at: datetime) -> None:
    if not 0 <= (waiver.until - _day(at)).days <= most_days:
        raise UsageError(f"A waiver ends today or later, at most {most_days} days from now.")
    if any(key.role == s.role or fold_name(key.person) == fold_name(s.person) for s in waiver.signatures):
        raise UsageError("This person or role signed this waiver already. A second person of the board has to.")


def _verify_entries(name: str, entries: Sequence[dict[str, Any]], terms: Terms, registry: KeyRegistry) -> Waiver:
    damaged = f"A waiver of release {terms.release_id[:12]} is damaged. Restore {name}, or remove it and sign again."
    try:
        first = entries[0]["statement"]
        finding, until = str(first["finding"]), date.fromisoformat(first["until"])
        if name != f"{framed_sha256(finding, until.isoformat())}.json":
            raise IntegrityError(damaged)
        about = {
            "kind": "waiver", "release_id": terms.release_id, "facts_sha256": terms.facts_sha256,
            "finding": finding, "until": until.isoformat(),
        }  # fmt: skip
        signatures = tuple(
            _verify_entry(entry, {**about, "previous": _link(entries[:place])}, registry)
            for place, entry in enumerate(entries)
        )
    except (UsageError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise IntegrityError(damaged) from error
    return Waiver(finding, until, signatures)


def _verify_entry(entry: dict[str, Any], about: dict[str, Any], registry: KeyRegistry) -> WaiverSignature:
    statement, signature = entry["statement"], Signature(**entry["signature"])
    key = registry.key(signature.key_id)
    if key is None or key.role not in BOARD or (key.role, key.person) != (statement["role"], statement["person"]):
        raise IntegrityError("A waiver is signed by a key that is not registered for a role of the board.")
    verify_signature(key, statement, signature)
    if any(statement[name] != value for name, value in about.items()):
        raise IntegrityError("A waiver is about another release or finding, or misses a signature before the last.")
    return WaiverSignature(
        key.role, key.person, str(statement["reason"]), parse_moment(statement["signed_at"]), key.id, key.demo
    )


def _entries_of(data: bytes) -> list[dict[str, Any]]:
    return parse_json(data, list, source="A waiver")


def _link(entries: Sequence[dict[str, Any]]) -> str:
    """Hash of the signature before; empty for the first."""
    return sha256_of(canonical_json(entries[-1]).encode()) if entries else ""


def _day(at: datetime) -> date:
    return at.astimezone(AMSTERDAM).date()


def _record(home: Home, body: dict[str, Any], *, at: datetime) -> None:
    store = open_store(home.database_url)
    try:
        with store.write() as connection:
            append_trail(connection, SIGNED, body, at=at)
    finally:
        store.close()
