"""Who may sign what: Ed25519 keys of persons in roles, their public registry, and signatures over statements.

The private key is encrypted with a passphrase and held by the person. Demo keys are marked and count only where demo
is allowed. Owner of the list of roles: review board.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.home import Home

Role = Literal["owner", "data_protection_officer", "ethics_chair", "operations"]
BOARD: tuple[Role, ...] = ("owner", "data_protection_officer", "ethics_chair")


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
    """Public keys that verified; replaced keys stay, so that old signatures can still be checked."""

    keys: tuple[PublicKey, ...]
    sha256: str

    def key_of(self, role: str) -> PublicKey | None:
        """The key in force of a role."""
        raise NotImplementedError

    def key(self, key_id: str) -> PublicKey | None:
        """A key, in force or replaced, by its id."""
        raise NotImplementedError


def generate_key(
    home: Home, role: Role, person: str, passphrase: str, *, demo: bool = False, at: datetime | None = None
) -> PublicKey:
    """Make a key for a role that has none; writes keys/<role>.pem (0600) and enters the public key in the registry."""
    raise NotImplementedError


def request_key_replacement(
    home: Home, role: Role, person: str, passphrase: str, *, at: datetime | None = None
) -> PublicKey:
    """Make a new key for a role whose key is lost; it counts after two other roles have endorsed it."""
    raise NotImplementedError


def endorse_key_replacement(home: Home, role: Role, endorser: PrivateKey) -> bool:
    """Endorse the waiting key of another role; True when that made it the key in force."""
    raise NotImplementedError


def load_private_key(path: str | Path, passphrase: str) -> PrivateKey:
    """Open an encrypted private key."""
    raise NotImplementedError


def load_registry(home: Home) -> KeyRegistry:
    """Read keys/registry.json and verify every proof in it; an absent file is an empty registry."""
    raise NotImplementedError


def sign_statement(private: PrivateKey, statement: Mapping[str, Any]) -> Signature:
    """Sign a statement as canonical JSON."""
    raise NotImplementedError


def verify_signature(public: PublicKey, statement: Mapping[str, Any], signature: Signature) -> None:
    """Raises IntegrityError when the signature is not this key's over this statement."""
    raise NotImplementedError
