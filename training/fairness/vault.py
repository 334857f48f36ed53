"""Group attributes (religion, origin, gender, ...) for the fairness audit alone: one encrypted file with an end date.

Whoever trains or serves has neither this module nor the key; only the process of `levensloop audit` receives it. Every
opening, refused ones too, stands in the trail with who and for what, never with anything about a customer. Owner of
purpose and deletion date: data protection officer.
"""

import hmac
import io
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from cryptography.exceptions import InvalidTag

from models.canonical import canonical_json, moment_text, parse_json, read_json, sha256_of
from models.durable import lock_folder, sync_folder, write_durably
from models.errors import IntegrityError, NoReleaseError, PermissionRefusedError, UnreadableDataError, UsageError
from models.home import Home
from models.purposes import AMSTERDAM, default_purposes
from models.store import open_store
from models.trail import append_trail
from training.fairness.groups_table import load_groups
from training.fairness.vault_key import VaultKey, load_key, new_key, seal, unseal, write_key

VAULT_FILE = "groups.vault"
CREATED, OPENED, REFUSED, DELETED = "vault_created", "vault_opened", "vault_refused", "vault_deleted"
_SALT_BYTES = 32


@dataclass(frozen=True, slots=True)
class VaultHeader:
    """What anybody may know of a vault; it is not encrypted, but nothing in it can be changed unnoticed.

    `delete_after` is the last day (Europe/Amsterdam, YYYY-MM-DD) on which the vault opens; `customers` is the number
    of rows in it.
    """

    id: str
    purpose: str
    created_at: str
    delete_after: str
    customers: int

    def is_expired(self, at: datetime) -> bool:
        """Whether the day of deletion is over."""
        return at.astimezone(AMSTERDAM).date() > date.fromisoformat(self.delete_after)


@dataclass(frozen=True, repr=False)
class Groups:
    """Opened group attributes, in memory only.

    `attributes` holds one text column per attribute; its index are join keys, HMAC-SHA256 of the customer id under a
    salt that was drawn for this vault, so that rows of two audits cannot be laid side by side.
    """

    header: VaultHeader
    attributes: pd.DataFrame
    salt: bytes

    def of_customers(self, customer_ids: Iterable[str]) -> pd.DataFrame:
        """Attributes in the order of these customers, numbered from 0; missing for whoever is not in the vault."""
        keys = [_join_key(self.salt, customer_id) for customer_id in customer_ids]
        return self.attributes.reindex(keys).reset_index(drop=True)


def create_vault(
    home: Home,
    groups: Path,
    *,
    purpose: str,
    delete_after: date,
    key_file: Path,
    passphrase: str,
    who: str,
    remove_source: bool = False,
    at: datetime | None = None,
) -> VaultHeader:
    """Take a table of groups over into a new vault, whose new key is written to `key_file`.

    Parameters
    ----------
    groups
        CSV or Parquet by extension: customer_id, each customer once, and at least one attribute.
    purpose
        A purpose of `purposes.toml` that the audit may ask for; the vault opens for no other.
    delete_after
        Last day on which the vault opens; today or later.
    key_file
        Outside the state folder and not beside `groups`, because training and serving may read there.
    remove_source
        Remove `groups` after the vault was opened once to see that nothing is lost.

    Raises
    ------
    UsageError
        There is a vault already, the day is over, or the key's place or passphrase is not acceptable.
    UnreadableDataError
        `groups` is no such table.
    PermissionRefusedError
        The purpose is not one of the audit.
    """
    at = at or datetime.now(UTC)
    _require_audit_purpose(purpose)
    _require_place_apart(key_file, home, groups)
    table = load_groups(groups)
    key, salt = new_key(secrets.token_hex(16)), secrets.token_bytes(_SALT_BYTES)
    header = VaultHeader(key.vault_id, purpose, moment_text(at), delete_after.isoformat(), len(table))
    if header.is_expired(at):
        raise UsageError(f"{delete_after} is over. Give the last day on which the audit may open the vault.")
    data = _seal_groups(header, key, salt, table)
    with lock_folder(home.vault):
        if (home.vault / VAULT_FILE).exists():
            raise UsageError("There is a vault already. Delete it first: `levensloop vault delete`.")
        home.vault.chmod(0o700)
        write_key(key_file, key, passphrase)
        _record(home, CREATED, {**asdict(header), "sha256": sha256_of(data), "who": who}, at=at)
        write_durably(home.vault / VAULT_FILE, data, mode=0o600)
    if remove_source:
        _unseal_groups((home.vault / VAULT_FILE).read_bytes(), load_key(key_file, passphrase))
        groups.unlink()
        sync_folder(groups.parent)
    return header


def read_header(home: Home) -> VaultHeader:
    """Purpose, dates and size of the vault; needs no key.

    Raises
    ------
    NoReleaseError
        There is no vault.
    IntegrityError
        Its first line is not that of a vault.
    """
    return _split(_read_vault(home))[0]


def open_vault(
    home: Home, *, key_file: Path, passphrase: str, purpose: str, who: str, at: datetime | None = None
) -> Groups:
    """Open the vault for one purpose; the trail has the opening before anything is given out.

    Raises
    ------
    PermissionRefusedError
        The vault is for another purpose, or its day of deletion is over.
    UnreadableDataError
        The key or its passphrase does not open it.
    IntegrityError
        The vault was changed.
    NoReleaseError, StoreUnavailableError
        There is no vault, or the opening cannot be recorded.
    """
    at = at or datetime.now(UTC)
    data = _read_vault(home)
    header, _ = _split(data)
    said = {"vault": header.id, "purpose": purpose, "who": who}
    reason = _refusal(header, purpose, at)
    if reason:
        _record(home, REFUSED, {**said, "why": reason}, at=at)
        raise PermissionRefusedError(reason)
    try:
        groups = _unseal_groups(data, load_key(key_file, passphrase))
    except (UnreadableDataError, IntegrityError) as error:
        _record(home, REFUSED, {**said, "why": type(error).__name__}, at=at)
        raise
    _record(home, OPENED, said, at=at)
    return groups


def delete_vault(
    home: Home, *, who: str, why: str, key_file: Path | None = None, at: datetime | None = None
) -> dict[str, Any]:
    """Remove the vault, and its key when given; writes the certificate to the vault folder and to the trail.

    A kill in between leaves a draft of the certificate, from which the next call goes on.

    Raises
    ------
    NoReleaseError
        There is no vault.
    UsageError
        who or why is empty, or the key file is of another vault.
    """
    if not who.strip() or not why.strip():
        raise UsageError("Deleting a vault needs who does it and why. Give both.")
    at = at or datetime.now(UTC)
    with lock_folder(home.vault):
        draft = next(iter(sorted(home.vault.glob("deleting-*.json"))), None) or _draft_certificate(home, key_file)
        certificate = read_json(draft, dict)
        for path in (Path(certificate["key_file"]) if certificate["key_file"] else None, home.vault / VAULT_FILE):
            if path is not None and path.exists():
                path.unlink()
                sync_folder(path.parent)
        told = {name: value for name, value in certificate.items() if name != "key_file"}
        told |= {"deleted_at": moment_text(at), "key_removed": bool(certificate["key_file"]), "who": who, "why": why}
        place = _record(home, DELETED, told, at=at)
        told["trail"] = place
        write_durably(home.vault / f"deleted-{told['vault']['id']}.json", canonical_json(told).encode())
        draft.unlink()
    return told


def _draft_certificate(home: Home, key_file: Path | None) -> Path:
    data = _read_vault(home)
    header, _ = _split(data)
    if key_file is not None:
        _require_key_of(key_file, header)
    draft = {
        "kind": "vault_deletion",
        "vault": asdict(header),
        "sha256": sha256_of(data),
        "key_file": str(key_file.resolve()) if key_file else "",
    }
    path = home.vault / f"deleting-{header.id}.json"
    write_durably(path, canonical_json(draft).encode(), mode=0o600)
    return path


def _require_key_of(key_file: Path, header: VaultHeader) -> None:
    """So that a wrong --vault-key never removes a file that is something else."""
    try:
        known = read_json(key_file, dict)
    except (FileNotFoundError, IntegrityError) as error:
        raise UsageError(f"{key_file.name} is no vault key. Give the key of this vault, or none.") from error
    if (known.get("kind"), known.get("vault_id")) != ("vault_key", header.id):
        raise UsageError(f"{key_file.name} is not the key of this vault. Give that one, or none.")


def _require_audit_purpose(purpose: str) -> None:
    if "audit" not in default_purposes().purpose(purpose).clients:
        raise PermissionRefusedError(
            f"Purpose {purpose} is not one of the audit, so groups cannot be kept for it. Use fairness_audit."
        )


def _require_place_apart(key_file: Path, home: Home, groups: Path) -> None:
    place = key_file.resolve()
    if place.is_relative_to(home.path.resolve()) or place.parent == groups.resolve().parent:
        raise UsageError(
            "The vault's key must not lie where training and serving may read: not in the state folder, not beside "
            "the groups. Give --vault-key another place."
        )


def _refusal(header: VaultHeader, purpose: str, at: datetime) -> str:
    if purpose != header.purpose:
        return f"The vault is kept for {header.purpose} and opens for nothing else."
    if header.is_expired(at):
        return (
            f"The vault was to be deleted after {header.delete_after} and does not open any more. "
            "Delete it: `levensloop vault delete`."
        )
    return ""


# ---- the file: one line of JSON, then nonce and ciphertext bound to that line ---------------------------------------


def _seal_groups(header: VaultHeader, key: VaultKey, salt: bytes, table: pd.DataFrame) -> bytes:
    """The salt stands inside, because with it and a list of customers anybody could make the join keys."""
    keys = [_join_key(salt, customer_id) for customer_id in table["customer_id"]]
    # Sorted by key: the order of the bank's file would tell who is who.
    content = table.drop(columns="customer_id").set_index(pd.Index(keys, name="join_key")).sort_index()
    plain = salt + content.to_parquet()
    line = canonical_json(asdict(header)).encode()
    return line + b"\n" + seal(key.secret, plain, bound_to=_bound(line))


def _unseal_groups(data: bytes, key: VaultKey) -> Groups:
    header, sealed = _split(data)
    if key.vault_id != header.id:
        raise UnreadableDataError("This key is of another vault. Give the key that was made with this one.")
    try:
        plain = unseal(key.secret, sealed, bound_to=_bound(data.split(b"\n", 1)[0]))
    except (InvalidTag, ValueError) as error:
        raise IntegrityError("The vault was changed since it was made. Restore it, or delete it.") from error
    salt = plain[:_SALT_BYTES]
    return Groups(header, pd.read_parquet(io.BytesIO(plain[_SALT_BYTES:])), salt)


def _split(data: bytes) -> tuple[VaultHeader, bytes]:
    line, _, sealed = data.partition(b"\n")
    try:
        header = VaultHeader(**parse_json(line, dict, source=VAULT_FILE))
        date.fromisoformat(header.delete_after)
    except (TypeError, ValueError) as error:
        raise IntegrityError(f"{VAULT_FILE} is no vault. Restore it, or delete it.") from error
    return header, sealed


def _read_vault(home: Home) -> bytes:
    try:
        return (home.vault / VAULT_FILE).read_bytes()
    except FileNotFoundError as error:
        raise NoReleaseError("There is no vault. Make one with `levensloop vault create`.") from error
    except OSError as error:
        raise UnreadableDataError(f"{VAULT_FILE} cannot be read. Look at its rights.") from error


def _bound(line: bytes) -> bytes:
    return b"levensloop-vault-1\x00" + line


def _join_key(salt: bytes, customer_id: str) -> str:
    return hmac.digest(salt, customer_id.encode(), "sha256").hex()


def _record(home: Home, kind: str, body: dict[str, Any], *, at: datetime) -> dict[str, Any]:
    """Append to the trail; nothing is given out or removed when that fails."""
    store = open_store(home.database_url)
    try:
        with store.write() as connection:
            return asdict(append_trail(connection, kind, body, at=at))
    finally:
        store.close()
