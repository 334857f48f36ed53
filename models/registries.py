"""The purpose registry in force: the last one that the data protection officer signed into the store, else the shipped.

Switching a purpose between opt_in and opt_out is such an installation: who, when, why, the old and the new hash stand
in a table that only grows and in the trail, in one transaction. Nothing is released or restarted for it: gate and
ledger ask in each transaction anew. A registry whose signature does not verify is none, and then nothing is answered.
"""

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from models.canonical import canonical_json, moment_text, parse_json, sha256_of
from models.errors import IntegrityError, UnreadableDataError, UsageError
from models.history_check import INSTALLED
from models.home import Home
from models.prepared import Prepared
from models.purposes import Purpose, PurposeRegistry, default_purposes, parse_purposes
from models.signing import (
    KeyRegistry,
    PrivateKey,
    Role,
    Signature,
    load_registry,
    sign_statement,
    verify_signature,
)
from models.store import open_store, purpose_registries
from models.trail import TrailRow, append_trail

SIGNER: Role = "data_protection_officer"
_LAST = Prepared(
    sa.select(purpose_registries.c.id, purpose_registries.c.sha256).order_by(purpose_registries.c.id.desc()).limit(1)
)
_ALL = sa.select(purpose_registries).order_by(purpose_registries.c.id)


@dataclass(frozen=True, slots=True)
class Installation:
    """A registry that was installed, and the place of its row in the trail."""

    registry: PurposeRegistry
    row: TrailRow


@dataclass
class InstalledPurposes:
    """Where gate and ledger ask which registry is in force; a row is verified once, for rows never change.

    Demo keys count only where `allow_demo` says so.
    """

    home: Home
    allow_demo: bool
    _verified: tuple[int, PurposeRegistry] | None = field(default=None)

    def in_force(self, connection: sa.Connection) -> PurposeRegistry:
        """The registry that this transaction sees.

        Raises
        ------
        IntegrityError
            The last one does not verify. An earlier one is not taken instead: it may allow what was forbidden since.
        """
        last = _LAST.first(connection)
        if last is None:
            return default_purposes()
        known = self._verified
        if known is not None and (known[0], known[1].sha256) == (last.id, last.sha256):
            return known[1]
        registry = read_registries(connection, load_registry(self.home), allow_demo=self.allow_demo)[-1]
        self._verified = (last.id, registry)
        return registry


def read_purposes_in_force(home: Home, *, allow_demo: bool = True) -> PurposeRegistry:
    """The registry in force of an installation, for commands that do not hold its store open; makes no store."""
    if not (home.named_database_url or home.database_file.exists()):
        return default_purposes()
    store = open_store(home.database_url)
    try:
        with store.read() as connection:
            return InstalledPurposes(home, allow_demo).in_force(connection)
    finally:
        store.close()


def read_registries(connection: sa.Connection, keys: KeyRegistry, *, allow_demo: bool) -> list[PurposeRegistry]:
    """Every registry that was ever in force, the shipped one first, each verified and following the one before.

    Raises
    ------
    IntegrityError
        One was changed, taken out, or its key is not a data protection officer's.
    """
    registries = [default_purposes()]
    previous = ""
    for row in connection.execute(_ALL).mappings():
        registries.append(_verify(row, keys, previous=previous, allow_demo=allow_demo))
        previous = row["sha256"]
    return registries


def install_purposes(
    home: Home, text: str, *, source: str, private_key: PrivateKey, reason: str, at: datetime | None = None
) -> Installation:
    """Put a registry in force; it counts for every transaction that begins after this returns.

    Raises
    ------
    UnreadableDataError
        The text is no purpose registry, or one that may never be.
    UsageError
        The key is not the data protection officer's in force, the reason is empty, nothing changed, or a notice
        changed without a new version and a first day of its own.
    """
    at = at or datetime.now(UTC)
    registry = parse_purposes(text, source=source)
    keys = load_registry(home)
    key = keys.key_of(SIGNER)
    if key is None or key.id != private_key.id:
        raise UsageError(f"This key is not the one in force of role {SIGNER}. Only that role changes purposes.")
    if not reason.strip():
        raise UsageError("A change of purposes needs a reason. Say why; it is kept with it.")
    store = open_store(home.database_url)
    try:
        with store.write() as connection:
            registries = read_registries(connection, keys, allow_demo=True)
            _require_change(registries, registry)
            signed = {"role": str(key.role), "person": key.person, "reason": reason.strip(), "at": moment_text(at)}
            statement = _statement(registries, registry, signed)
            signature = sign_statement(private_key, statement)
            connection.execute(purpose_registries.insert(), _row(registry, text, statement, signature, at=at))
            return Installation(registry, append_trail(connection, INSTALLED, _body(statement, signature), at=at))
    finally:
        store.close()


def changed_purposes(old: PurposeRegistry, new: PurposeRegistry) -> list[dict[str, Any]]:
    """What differs, per purpose: field by field, a purpose that came or went as a whole."""
    before, after = ({p.id: p for p in registry.purposes} for registry in (old, new))
    changes: list[dict[str, Any]] = []
    for purpose_id in sorted(before.keys() | after.keys()):
        one, other = before.get(purpose_id), after.get(purpose_id)
        if one is None or other is None:
            changes.append({"purpose": purpose_id, "change": "added" if one is None else "removed"})
        elif one != other:
            changes.append({"purpose": purpose_id, "change": "changed", "fields": _differences(one, other)})
    return changes


def _differences(one: Purpose, other: Purpose) -> dict[str, list[Any]]:
    """Old and new per field; of the notice's texts, whose hash says enough, nothing."""
    before, after = (json.loads(json.dumps(asdict(purpose))) for purpose in (one, other))
    return {name: [before[name], after[name]] for name in before if before[name] != after[name] and name != "notice"}


def _statement(registries: list[PurposeRegistry], registry: PurposeRegistry, signed: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": INSTALLED,
        "version": registry.version,
        "sha256": registry.sha256,
        "replaces": registries[-1].sha256,
        # What was in force before the first installation came with a version of Levensloop, so it is not linked to.
        "previous": registries[-1].sha256 if len(registries) > 1 else "",
        "changes": changed_purposes(registries[-1], registry),
        **signed,
    }


def _body(statement: dict[str, Any], signature: Signature) -> dict[str, Any]:
    return {**{name: value for name, value in statement.items() if name != "kind"}, "signature": asdict(signature)}


def _row(
    registry: PurposeRegistry, text: str, statement: dict[str, Any], signature: Signature, *, at: datetime
) -> dict[str, Any]:
    return {
        "sha256": registry.sha256,
        "text": text,
        "statement": canonical_json(statement),
        "key_id": signature.key_id,
        "signature": signature.signature,
        "at": at,
    }


def _verify(row: sa.RowMapping, keys: KeyRegistry, *, previous: str, allow_demo: bool) -> PurposeRegistry:
    """The registry of a row, when its text is what a data protection officer signed."""
    damaged = f"The purpose registry number {row['id']} does not verify. Restore the store or install it anew."
    try:
        statement = parse_json(row["statement"], dict, source="purpose registry")
        key = keys.key(row["key_id"])
        if key is None or key.role != SIGNER or (key.demo and not allow_demo):
            raise IntegrityError(damaged)
        stated = Signature(key.id, sha256_of(canonical_json(statement).encode()), row["signature"])
        verify_signature(key, statement, stated)
        registry = parse_purposes(row["text"], source="purpose registry")
    except (UnreadableDataError, UsageError) as error:
        raise IntegrityError(damaged) from error
    expected = (INSTALLED, registry.sha256, registry.sha256, previous)
    if (statement.get("kind"), statement.get("sha256"), row["sha256"], statement.get("previous")) != expected:
        raise IntegrityError(damaged)
    return registry


def _require_change(registries: list[PurposeRegistry], new: PurposeRegistry) -> None:
    if registries[-1].sha256 == new.sha256:
        raise UsageError("This registry is in force already. Nothing was changed.")
    faults = []
    for purpose in new.purposes:
        earlier = [old for registry in registries for old in registry.purposes if old.id == purpose.id]
        faults += _notice_faults(earlier, purpose) if earlier else []
    if faults:
        raise UsageError(f"The registry was not installed: {'; '.join(faults)}.")


def _notice_faults(earlier: list[Purpose], new: Purpose) -> list[str]:
    """Other words are another notice: they need a version of their own, and nobody can have seen them before.

    Going back to a notice that was in force is no new notice: who consented to it did so.
    """
    same = [old for old in earlier if old.notice_version == new.notice_version]
    checks = {
        f"{new.id} has other notice texts under version {new.notice_version}; give them a new version": any(
            old.notice_sha256 != new.notice_sha256 for old in same
        ),
        f"{new.id} moves the first day of notice {new.notice_version}": any(
            old.notice_from != new.notice_from for old in same
        ),
        f"{new.id} becomes opt_out under a notice that asked for consent; give it a notice that says so": (
            new.regime == "opt_out" and any(old.regime == "opt_in" for old in same)
        ),
        f"the notice of {new.id} begins before the one that it replaces": (
            not same and new.notice_from < earlier[-1].notice_from
        ),
    }
    return [fault for fault, holds in checks.items() if holds]
