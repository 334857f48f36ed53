"""Whether what named persons signed into the store is what the trail recorded: kill switches and purpose registries."""

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from models.store import kill_switches, purpose_registries

# Kinds of trail rows, and the table in which each of them left a signed row.
SWITCHED, INSTALLED = "kill_switch", "purposes_installed"
SIGNED_TABLES = {SWITCHED: kill_switches, INSTALLED: purpose_registries}


@dataclass(slots=True)
class SignedRows:
    """By kind the signatures that trail rows state, with the place of each row."""

    stated: dict[str, dict[str, int]] = field(default_factory=lambda: {kind: {} for kind in SIGNED_TABLES})

    def add(self, seq: int, kind: str, body: Any) -> None:
        """Take in the body of a row."""
        signature = body.get("signature") if isinstance(body, dict) else None
        if isinstance(signature, dict):
            self.stated[kind][str(signature.get("signature"))] = seq


def check_signed(connection: sa.Connection, signed: SignedRows, present: set[str], findings: list[str]) -> None:
    """Hold the signed tables against the trail; a table of an older store may not be there."""
    for kind, table in SIGNED_TABLES.items():
        if table.name not in present:
            continue
        stored = set(connection.execute(sa.select(sa.type_coerce(table.c.signature, sa.String))).scalars())
        stated = signed.stated[kind]
        findings.extend(
            f"row {seq} recorded a {kind} that is not in the store" for sig, seq in stated.items() if sig not in stored
        )
        unrecorded = len(stored - stated.keys())
        if unrecorded:
            findings.append(
                f"{unrecorded} rows of {table.name} stand in the store, but no row of the trail recorded them"
            )
