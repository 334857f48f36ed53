"""The audit trail: a chain of hashes over everything that was answered or decided, which anybody can check.

A chain alone notices neither a cut tail nor a full rewrite, so signed checkpoints are kept where another role owns the
folder. Personal fields stand in the chain as salted commitments only: erasing the salt erases the person, and the
chain still verifies.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from models.signing import KeyRegistry, PrivateKey
from models.store import Store


@dataclass(frozen=True, slots=True)
class TrailRow:
    """Where a row stands in the trail and the hash that a receipt carries."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class TrailReport:
    """What a check of the trail found; `findings` is empty when all is well."""

    rows: int
    head: TrailRow | None
    checkpoints: int
    commitments: int
    erased: int
    findings: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Nothing was found."""
        return not self.findings


def append_trail(
    connection: sa.Connection, kind: str, body: Mapping[str, Any], *, personal: Mapping[str, str] = {}, at: datetime
) -> TrailRow:
    """Append a row inside `store.write()`.

    `body` holds codes, numbers and hashes, never booking content and nothing about a person; what identifies one
    (customer_id) goes into `personal`, of which the chain keeps only salted commitments.
    """
    raise NotImplementedError


def verify_trail(store: Store, checkpoints: Path | None, registry: KeyRegistry | None) -> TrailReport:
    """Check every row, every commitment that was not erased, and every checkpoint in a folder."""
    raise NotImplementedError


def erase_commitments(connection: sa.Connection, name: str, value: str) -> int:
    """Erase what links trail rows to a person; returns how many rows were unlinked."""
    raise NotImplementedError


def write_checkpoint(store: Store, folder: Path, key: PrivateKey, *, at: datetime) -> Path | None:
    """Write the signed head of the trail to a folder; None when the trail is empty."""
    raise NotImplementedError
