"""Who may sign what: Ed25519 keys of persons in roles, their public registry, and signatures over statements.

The private key is encrypted with a passphrase and held by the person. Demo keys are marked and count only where demo
is allowed; they never stand beside real ones. Owner of the list of roles: review board.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from models.canonical import canonical_json, framed_sha256, moment_text, read_json, sha256_of
from models.durable import lock_folder, write_durably
from models.errors import IntegrityError, UnreadableDataError, UsageError
from models.home import Home

Role = Literal["owner", "data_protection_officer", "ethics_chair", "operations"]
BOARD: tuple[Role, ...] = ("owner", "data_protection_officer", "ethics_chair")
ENDORSEMENTS_NEEDED = 2
REGISTRY_NAME = "registry.json"
# In front of every signed text, so that a signature made for anything else never counts here.
_DOMAIN = b"levensloop-statement-1\x00"
# Letters and marks that show nothing, besides the format characters (Unicode: default ignorable code points).
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
# Scripts that stand in one name: Japanese and Korean.
_WRITTEN_TOGETHER = ("HIRAGANA", "KATAKANA", "HANGUL")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A registered public key: whose it is, for which role, and whether it is a demo key."""

    id: str  # SHA-256 of the raw public key
    role: Role
    person: str
    public: str  # raw public key, hexadecimal
    demo: bool
    added_at: str


@dataclass(frozen=True, slots=True, repr=False)
class PrivateKey:
    """An opened private key, in memory only."""

    id: str
    key: Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature over a statement."""

    key_id: str
    statement_sha256: str
    signature: str  # hexadecimal


@dataclass(frozen=True)
class KeyRegistry:
    """Public keys that verified, oldest first; replaced keys stay, so that old signatures can still be checked."""

    keys: tuple[PublicKey, ...]
    sha256: str

    def key_of(self, role: str) -> PublicKey | None:
        """The key in force of a role."""
        return next((key for key in reversed(self.keys) if key.role == role), None)

    def key(self, key_id: str) -> PublicKey | None:
        """A key, in force or replaced, by its id."""
        return next((key for key in self.keys if key.id == key_id), None)

    @property
    def in_force(self) -> tuple[PublicKey, ...]:
        """The key in force of every role that has one."""
        return tuple(key for role in get_args(Role) if (key := self.key_of(role)) is not None)


# ---- signatures -----------------------------------------------------------------------------------------------------


def sign_statement(private: PrivateKey, statement: Mapping[str, Any]) -> Signature:
    """Sign a statement as canonical JSON."""
    text = canonical_json(statement).encode()
    return Signature(private.id, sha256_of(text), private.key.sign(_DOMAIN + text).hex())


def verify_signature(public: PublicKey, statement: Mapping[str, Any], signature: Signature) -> None:
    """Check that this key signed exactly this statement.

    Raises
    ------
    IntegrityError
        It did not.
    """
    try:
        text = canonical_json(statement).encode()
        if signature.key_id != public.id or signature.statement_sha256 != sha256_of(text):
            raise InvalidSignature
        raw = bytes.fromhex(public.public)
        Ed25519PublicKey.from_public_bytes(raw).verify(bytes.fromhex(signature.signature), _DOMAIN + text)
    except (InvalidSignature, UsageError, ValueError, TypeError) as error:
        raise IntegrityError(
            f"The signature of role {public.role} does not verify. What was signed or the signature was changed; "
            "ask for a new one."
        ) from error


def load_private_key(path: str | Path, passphrase: str) -> PrivateKey:
    """Open an encrypted private key.

    Raises
    ------
    UnreadableDataError
        Not an encrypted Ed25519 key, or the passphrase does not open it.
    """
    path = Path(path)
    try:
        key = load_pem_private_key(path.read_bytes(), passphrase.encode())
    except (OSError, ValueError, TypeError) as error:
        raise UnreadableDataError(f"{path.name} cannot be opened. Give the private key and its passphrase.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UnreadableDataError(f"{path.name} is not an Ed25519 key. Give one that `levensloop keygen` made.")
    return PrivateKey(sha256_of(key.public_key().public_bytes_raw()), key)


# ---- the registry of public keys ------------------------------------------------------------------------------------
#
# keys/registry.json: {"entries": [...], "sha256": chained hash of the entries, "signature": by the newest key over it}.
# An entry: {"key": {...}, "replaces": id or null, "previous": chained hash before it, "proof": signature by the new
# key itself, "endorsements": {role: signature}}; an entry that replaces a key needs endorsements of two other roles.

_EMPTY = KeyRegistry((), "0" * 64)


def load_registry(home: Home) -> KeyRegistry:
    """Read keys/registry.json and verify every proof in it; an absent file is an empty registry.

    Raises
    ------
    IntegrityError
        An entry, its proof, an endorsement or the signature over the whole does not verify.
    """
    return _verify_registry(_read_registry(home))


def generate_key(
    home: Home, role: Role, person: str, passphrase: str, *, demo: bool = False, at: datetime | None = None
) -> PublicKey:
    """Make a key for a role that has none; writes keys/<role>.pem (0600) and enters the public key in the registry.

    Raises
    ------
    UsageError
        The role has a key already, the person holds another role, the passphrase is empty, or demo keys and real
        ones would stand in one registry.
    """
    with lock_folder(home.keys):
        data = _read_registry(home)
        registry = _verify_registry(data)
        if registry.key_of(role) is not None:
            raise UsageError(f"Role {role} has a key. When it is lost, ask for its replacement.")
        private = _new_private_key()
        entry = _make_entry(registry, private, role, person, demo=demo, at=at)
        registry = _with_entry(registry, entry)
        _write_private_key(home.keys / f"{role}.pem", private, passphrase)
        _write_registry(home, [*data["entries"], entry], registry.sha256, _seal(private, registry.sha256))
    return registry.keys[-1]


def request_key_replacement(
    home: Home, role: Role, person: str, passphrase: str, *, at: datetime | None = None
) -> PublicKey:
    """Make a new key for a role whose key is lost; it counts after two other roles have endorsed it.

    Writes keys/<role>.new.pem (0600) and keys/<role>.waiting.json.

    Raises
    ------
    UsageError
        The role has no key, or the person holds another role.
    """
    with lock_folder(home.keys):
        registry = load_registry(home)
        old = registry.key_of(role)
        if old is None:
            raise UsageError(f"Role {role} has no key to replace. Make its first one.")
        private = _new_private_key()
        entry = _make_entry(registry, private, role, person, demo=old.demo, at=at)
        _write_private_key(home.keys / f"{role}.new.pem", private, passphrase)
        waiting = {"entry": entry, "signature": asdict(_seal(private, _chained(registry.sha256, entry)))}
        write_durably(home.keys / f"{role}.waiting.json", canonical_json(waiting).encode())
    return PublicKey(**entry["key"])


def endorse_key_replacement(home: Home, role: Role, endorser: PrivateKey) -> bool:
    """Endorse the waiting key of another role; True when that made it the key in force.

    Raises
    ------
    UsageError
        No key is waiting, or the endorser is not the key in force of another role.
    IntegrityError
        The waiting key or the registry was changed.
    """
    with lock_folder(home.keys):
        data = _read_registry(home)
        registry = _verify_registry(data)
        waiting_path = home.keys / f"{role}.waiting.json"
        try:
            waiting = read_json(waiting_path, dict)
        except FileNotFoundError as error:
            raise UsageError(f"No key of role {role} is waiting. Ask for its replacement first.") from error
        own = registry.key(endorser.id)
        if own is None or registry.key_of(own.role) != own or own.role == role:
            raise UsageError(f"Only a key in force of another role can endorse a new key of role {role}.")
        try:
            entry = waiting["entry"]
            entry["endorsements"][own.role] = asdict(sign_statement(endorser, _endorsement(entry)))
            if len(entry["endorsements"]) < ENDORSEMENTS_NEEDED:
                write_durably(waiting_path, canonical_json(waiting).encode())
                return False
            registry, seal = _with_entry(registry, entry), Signature(**waiting["signature"])
        except (UsageError, KeyError, TypeError, AttributeError, ValueError) as error:
            raise IntegrityError(f"The waiting key of role {role} is damaged. Ask for its replacement anew.") from error
        _write_registry(home, [*data["entries"], entry], registry.sha256, seal)
        waiting_path.unlink()
        new_private = home.keys / f"{role}.new.pem"
        if new_private.exists():
            new_private.replace(home.keys / f"{role}.pem")
    return True


def _new_private_key() -> PrivateKey:
    key = Ed25519PrivateKey.generate()
    return PrivateKey(sha256_of(key.public_key().public_bytes_raw()), key)


def _make_entry(
    registry: KeyRegistry, private: PrivateKey, role: Role, person: str, *, demo: bool, at: datetime | None
) -> dict[str, Any]:
    """A new entry with its proof of possession, not yet endorsed."""
    if role not in get_args(Role):
        raise UsageError(f"There is no role of this name. Roles are {', '.join(get_args(Role))}.")
    public = private.key.public_key().public_bytes_raw().hex()
    key = PublicKey(private.id, role, person.strip(), public, demo, moment_text(at or datetime.now(UTC)))
    _validate_holder(registry, key)
    old = registry.key_of(role)
    entry: dict[str, Any] = {
        "key": asdict(key),
        "replaces": old.id if old else None,
        "previous": registry.sha256,
        "endorsements": {},
    }
    return {**entry, "proof": asdict(sign_statement(private, _possession(entry)))}


def _validate_holder(registry: KeyRegistry, key: PublicKey) -> None:
    scripts = _scripts(key.person)
    if not scripts or any(unicodedata.category(c) in ("Cs", "Co", "Cn") for c in key.person):
        raise UsageError("A key belongs to a person. Give the person's name.")
    if len(scripts) > 1:
        raise UsageError("This name mixes letters of several scripts. Give it as it stands in the person's passport.")
    for other in registry.in_force:
        if other.role != key.role and fold_name(other.person) == fold_name(key.person):
            raise UsageError(f"This person holds role {other.role}. Every role needs its own person.")
        if other.demo != key.demo:
            raise UsageError("Demo keys and real keys cannot stand in one registry. Use another LEVENSLOOP_HOME.")


def fold_name(name: str) -> str:
    """A person's name as it is compared: how it is typed, what is invisible and what only separates do not count."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    seen = "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Cc") and not _INVISIBLE.match(c))
    # Removing an invisible character can bring a letter and its accent together.
    seen = unicodedata.normalize("NFKC", seen)
    return " ".join("".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in seen).split())


def _scripts(name: str) -> set[str]:
    """The scripts of a name's letters; the standard library knows them only by the first word of a letter's name."""
    letters = [c for c in fold_name(name) if unicodedata.category(c) in ("Lu", "Ll", "Lt", "Lo")]
    scripts = {unicodedata.name(c, "UNKNOWN").split()[0] for c in letters}
    return {"CJK" if script in _WRITTEN_TOGETHER else script for script in scripts}


def _with_entry(registry: KeyRegistry, entry: Mapping[str, Any]) -> KeyRegistry:
    """The registry with one more entry, when that entry proves itself."""
    key = PublicKey(**entry["key"])
    old = registry.key_of(key.role)
    try:
        _validate_holder(registry, key)
    except UsageError as error:
        raise IntegrityError(f"The key registry breaks its own rules: {error}") from error
    expected = (registry.sha256, old.id if old else None, sha256_of(bytes.fromhex(key.public)))
    if (entry["previous"], entry["replaces"], key.id) != expected or key.role not in get_args(Role):
        raise IntegrityError(f"The registry's entry for role {key.role} does not follow the one before. Restore it.")
    verify_signature(key, _possession(entry), Signature(**entry["proof"]))
    if old is not None:
        _verify_endorsements(registry, key, entry)
    return KeyRegistry((*registry.keys, key), _chained(registry.sha256, entry))


def _verify_endorsements(registry: KeyRegistry, key: PublicKey, entry: Mapping[str, Any]) -> None:
    endorsers = [other for other in registry.in_force if other.role != key.role and other.role in entry["endorsements"]]
    for endorser in endorsers:
        verify_signature(endorser, _endorsement(entry), Signature(**entry["endorsements"][endorser.role]))
    if len(endorsers) < ENDORSEMENTS_NEEDED:
        raise IntegrityError(
            f"The key of role {key.role} was replaced without the signatures of {ENDORSEMENTS_NEEDED} other roles."
        )


def _possession(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {"kind": "key_possession", **{name: entry[name] for name in ("key", "replaces", "previous")}}


def _endorsement(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**_possession(entry), "kind": "key_replacement"}


def _chained(previous: str, entry: Mapping[str, Any]) -> str:
    return framed_sha256(previous, canonical_json(_possession(entry)), canonical_json(entry["proof"]))


def _seal(private: PrivateKey, chained: str) -> Signature:
    """The newest key signs the registry as a whole."""
    return sign_statement(private, {"kind": "key_registry", "sha256": chained})


def _read_registry(home: Home) -> dict[str, Any]:
    try:
        return read_json(home.keys / REGISTRY_NAME, dict)
    except FileNotFoundError:
        return {"entries": [], "sha256": _EMPTY.sha256, "signature": None}


def _verify_registry(data: Mapping[str, Any]) -> KeyRegistry:
    registry = _EMPTY
    try:
        for entry in data["entries"]:
            registry = _with_entry(registry, entry)
        if data["sha256"] != registry.sha256:
            raise IntegrityError("The key registry's hash is not that of its entries. Restore it.")
        if registry.keys:
            statement = {"kind": "key_registry", "sha256": registry.sha256}
            verify_signature(registry.keys[-1], statement, Signature(**data["signature"]))
    except (UsageError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise IntegrityError("The key registry is not in its form. Restore it from a board member's copy.") from error
    return registry


def _write_registry(home: Home, entries: list[Any], sha256: str, signature: Signature) -> None:
    data = {"entries": entries, "sha256": sha256, "signature": asdict(signature)}
    write_durably(home.keys / REGISTRY_NAME, json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False).encode())


def _write_private_key(path: Path, private: PrivateKey, passphrase: str) -> None:
    if not passphrase:
        raise UsageError("A private key needs a passphrase. Give one that is not empty.")
    if path.exists():
        raise UsageError(f"{path.name} is there already. Move it away, or use it.")
    pem = private.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.encode()))
    write_durably(path, pem, mode=0o600)
