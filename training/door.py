"""What stands in front of training data besides a permissions file: the purposes in force, and who is under 18."""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from models.errors import UnreadableDataError
from models.home import Home
from models.purposes import PurposeRegistry, default_purposes
from models.registries import InstalledPurposes
from models.store import customers, open_store
from training.reading import load_table

_ADULT, _MINOR = ("true", "1"), ("false", "0")


@dataclass(frozen=True)
class Door:
    """Under which purposes a permission is judged, and whose bookings never come in, whatever they allow."""

    purposes: PurposeRegistry
    minors: frozenset[str] = frozenset()


def shipped_door() -> Door:
    """The door of an installation that has neither a registry of its own nor a table of customers."""
    return Door(default_purposes())


def open_door(home: Home, *, table: Path | None = None) -> Door:
    """The door of an installation; minors are those of its store and of a customers table.

    Raises
    ------
    UnreadableDataError
        The table is not one of customers.
    IntegrityError
        The purpose registry in force does not verify.
    """
    told = frozenset() if table is None else _minors_of_table(table)
    if not (home.named_database_url or home.database_file.exists()):
        return Door(default_purposes(), told)
    store = open_store(home.database_url)
    try:
        with store.read() as connection:
            known = connection.execute(sa.select(customers.c.customer_id).where(sa.not_(customers.c.is_adult)))
            purposes = InstalledPurposes(home, allow_demo=True).in_force(connection)
            return Door(purposes, told | frozenset(known.scalars()))
    finally:
        store.close()


def _minors_of_table(path: Path) -> frozenset[str]:
    table = load_table(path, ("customer_id", "is_adult"))
    said = table["is_adult"].str.strip().str.lower()
    wrong = ~said.isin((*_ADULT, *_MINOR))
    if wrong.any():
        line = int(wrong.to_numpy().nonzero()[0][0]) + 2
        raise UnreadableDataError(f"{path.name}:{line}: is_adult is neither true nor false.")
    return frozenset(table.loc[said.isin(_MINOR), "customer_id"].str.strip())
