"""The key of one vault: drawn for it, encrypted with a passphrase, and kept outside all that training and serving read.

The content of a vault is sealed with AES-256-GCM; the key file holds that key wrapped under scrypt of the passphrase.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from models.canonical import canonical_json, read_json
from models.durable import write_durably
from models.errors import IntegrityError, UnreadableDataError, UsageError

# RFC 7914: n = 2^15 with r = 8 needs 32 MiB and about a tenth of a second for each passphrase that is tried.
_SCRYPT = {"n": 2**15, "r": 8, "p": 1}
_KEY_BYTES, _NONCE_BYTES, _SALT_BYTES = 32, 12, 16


@dataclass(frozen=True, slots=True, repr=False)
class VaultKey:
    """An opened key, in memory only; it opens the vault of this id and no other."""

    vault_id: str
    secret: bytes


def new_key(vault_id: str) -> VaultKey:
    """Draw the key of a new vault."""
    return VaultKey(vault_id, secrets.token_bytes(_KEY_BYTES))


def write_key(path: Path, key: VaultKey, passphrase: str) -> None:
    """Write a key, encrypted, for its owner alone (0600).

    Raises
    ------
    UsageError
        The passphrase is empty, a file is there already, or it cannot be written there.
    """
    if not passphrase:
        raise UsageError("The vault's key needs a passphrase. Give one that is not empty.")
    if path.exists() or path.is_symlink():
        raise UsageError(f"{path.name} is there already. Move it away, or give another --vault-key.")
    salt = secrets.token_bytes(_SALT_BYTES)
    head = {"kind": "vault_key", "vault_id": key.vault_id, "scrypt": _SCRYPT, "salt": salt.hex()}
    wrapped = seal(_derive(passphrase, salt), key.secret, bound_to=_bound(head))
    try:
        write_durably(path, canonical_json({**head, "wrapped": wrapped.hex()}).encode(), mode=0o600)
    except OSError as error:
        raise UsageError(f"{path} cannot be written. Give --vault-key a place that you may write to.") from error


def load_key(path: Path, passphrase: str) -> VaultKey:
    """Open a key file.

    Raises
    ------
    UnreadableDataError
        It is not there, is no vault key, or the passphrase does not open it.
    """
    wrong = f"{path.name} cannot be opened. Give the vault's key file and its passphrase."
    try:
        data = read_json(path, dict)
        head = {name: data[name] for name in ("kind", "vault_id", "scrypt", "salt")}
        if head["kind"] != "vault_key" or head["scrypt"] != _SCRYPT:
            raise UnreadableDataError(wrong)
        derived = _derive(passphrase, bytes.fromhex(head["salt"]))
        return VaultKey(str(head["vault_id"]), unseal(derived, bytes.fromhex(data["wrapped"]), bound_to=_bound(head)))
    except (OSError, IntegrityError, InvalidTag, KeyError, ValueError, TypeError) as error:
        raise UnreadableDataError(wrong) from error


def seal(secret: bytes, plain: bytes, *, bound_to: bytes) -> bytes:
    """A fresh nonce and the encrypted bytes; what they are bound to is not encrypted, but cannot be changed either."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(secret).encrypt(nonce, plain, bound_to)


def unseal(secret: bytes, sealed: bytes, *, bound_to: bytes) -> bytes:
    """The plain bytes; InvalidTag when the key, the bytes or what they are bound to is another."""
    return AESGCM(secret).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to)


def _derive(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=_KEY_BYTES, **_SCRYPT).derive(passphrase.encode())


def _bound(head: Mapping[str, Any]) -> bytes:
    return b"levensloop-vault-key-1\x00" + canonical_json(head).encode()
