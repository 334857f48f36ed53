"""`levensloop prove-exclusion`: no objector's booking is in a release, shown from the same files by anybody.

The release states two hashes: of the customers who allowed training at that moment, and of the bookings that passed
that door. Both are worked out again here; when they are equal, the training read these bookings and no others.
"""

from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from models.bookings import load_bookings
from models.candidate import find_candidate, read_candidate
from models.errors import IntegrityError, UsageError
from models.home import Home, find_home
from models.permission_files import load_permissions, permission_snapshot_sha256, permissions_as_of
from models.registries import read_registries
from models.signing import load_registry
from models.store import open_store
from models.training_permission import NOES, PURPOSE, hash_admitted
from training.dataset import registry_for
from training.door import Door, open_door


@dataclass(frozen=True, slots=True)
class ExclusionProof:
    """What was worked out again; `objectors` said no before the training, `left_since` after it."""

    release: str
    trained_at: str
    snapshot_is_equal: bool
    bookings_are_equal: bool
    customers_allowed: int
    bookings_read: int
    objectors: int
    objectors_bookings_in_file: int
    objectors_bookings_in_release: int
    left_since: int
    left_since_bookings_in_release: int

    @property
    def holds(self) -> bool:
        """Whether the release was trained on exactly these, none of them an objector's."""
        return self.snapshot_is_equal and self.bookings_are_equal and not self.objectors_bookings_in_release


def prove_exclusion_of_files(
    release_id: str, *, bookings: Path, permissions: Path, customers: Path | None = None, home: Home | None = None
) -> None:
    """Print the proof as JSON on stdout; `customers` is the table that training was given, if it was.

    Raises
    ------
    UsageError
        The release does not state on which permissions or bookings it was trained.
    IntegrityError
        The proof fails: these are not the files it was trained on, or an objector's booking is in it.
    """
    home = home or find_home()
    candidate = read_candidate(find_candidate([home.releases, home.candidates], release_id))
    stated = candidate.manifest["permission"]
    if not stated.get("snapshot_sha256") or not stated.get("bookings_sha256"):
        raise UsageError(
            f"Release {candidate.id[:12]} does not state which bookings it read. Train again with --permissions."
        )
    door = _door_of(home, stated, customers)
    tables = {"bookings": load_bookings(bookings).frame, "permissions": load_permissions(permissions)}
    proof = prove_exclusion(candidate.id, stated, door=door, **tables)
    Console(soft_wrap=True).print_json(data={**asdict(proof), "holds": proof.holds})
    if not proof.holds:
        raise IntegrityError(
            "It is not shown that no objector's booking is in this release: "
            + ("an objector's booking is in it." if proof.objectors_bookings_in_release else "give the files it read.")
        )


def prove_exclusion(
    release_id: str, stated: dict[str, Any], *, door: Door, bookings: pd.DataFrame, permissions: pd.DataFrame
) -> ExclusionProof:
    """Work out again what the release read; `stated` is the permission of its manifest."""
    at = datetime.fromisoformat(stated["at"])
    registry = registry_for(permissions[permissions["at"] <= at], door.purposes, [], purpose=PURPOSE)
    allowed = permissions_as_of(permissions, PURPOSE, at, registry) - door.minors
    snapshot = permission_snapshot_sha256(allowed, purpose=PURPOSE, at=at, registry=registry)
    noes = permissions[(permissions["purpose"] == PURPOSE) & permissions["action"].isin(NOES)]
    objectors = set(noes.loc[noes["at"] <= at, "customer_id"]) - allowed
    now_allowed = permissions_as_of(permissions, PURPOSE, max(at, permissions["at"].max()), registry)
    read = bookings[bookings["customer_id"].isin(allowed)]
    computed = hash_admitted(zip(read["customer_id"], read["booking_id"], strict=True))
    are_equal = computed == stated["bookings_sha256"]
    return ExclusionProof(
        release=release_id,
        trained_at=stated["at"],
        snapshot_is_equal=snapshot == stated["snapshot_sha256"],
        bookings_are_equal=are_equal,
        customers_allowed=len(allowed),
        bookings_read=len(read),
        objectors=len(objectors),
        objectors_bookings_in_file=int(bookings["customer_id"].isin(objectors).sum()),
        objectors_bookings_in_release=int(read["customer_id"].isin(objectors).sum()),
        left_since=len(allowed - now_allowed),
        left_since_bookings_in_release=int(read["customer_id"].isin(allowed - now_allowed).sum()),
    )


def _door_of(home: Home, stated: dict[str, Any], customers: Path | None) -> Door:
    """The door as it stood in front of the training: under the purposes that the release names."""
    door = open_door(home, table=customers)
    if stated.get("purposes_sha256") in (None, door.purposes.sha256):
        return door
    with closing(open_store(home.database_url)) as store, store.read() as connection:
        registries = read_registries(connection, load_registry(home), allow_demo=True)
    known = {registry.sha256: registry for registry in registries}
    return replace(door, purposes=known.get(stated["purposes_sha256"], door.purposes))
