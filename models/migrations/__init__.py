"""How a store comes from any earlier version to this one: one file in `versions` per change, the newest is the schema.

Migrations are alembic's. They never read `models.tables`, which says what the tables are today: what a store of last
year goes through must not change with it. A test holds the outcome of both against each other.
"""

from functools import cache
from pathlib import Path

import sqlalchemy as sa

from models.errors import StoreUnavailableError

FOLDER = Path(__file__).parent
VERSION_TABLE = "alembic_version"
# Schemas of the time before alembic, by the number that their table schema_version holds.
BEFORE_ALEMBIC = {1: "0001", 2: "0002"}


@cache
def newest_schema() -> str:
    """The schema that this version of Levensloop knows."""
    return max(path.name[1:5] for path in (FOLDER / "versions").glob("r[0-9][0-9][0-9][0-9]_*.py"))


def upgrade_schema(connection: sa.Connection) -> None:
    """Make the tables, or bring those of an earlier version up to this one, inside `store.write()`.

    Raises
    ------
    StoreUnavailableError
        A newer Levensloop wrote the store.
    """
    found = find_schema(connection)
    if found == newest_schema():
        return  # alembic is imported only where there is something to do
    if found is not None and not _is_known(found):
        raise StoreUnavailableError(
            f"The store has schema {found}, this Levensloop knows {newest_schema()}. Use the version that wrote it."
        )
    _run_migrations(connection, found)


def find_schema(connection: sa.Connection) -> str | None:
    """The schema of a store; None when there are no tables yet."""
    names = set(sa.inspect(connection).get_table_names())
    if VERSION_TABLE in names:
        return connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar()  # noqa: S608 - a constant
    if "schema_version" in names:
        number = connection.exec_driver_sql("SELECT version FROM schema_version").scalar()
        return None if number is None else BEFORE_ALEMBIC.get(number, str(number))
    return None


def _is_known(schema: str) -> bool:
    return any((FOLDER / "versions").glob(f"r{schema}_*.py")) if schema.isalnum() else False


def _run_migrations(connection: sa.Connection, found: str | None) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    if found is not None and VERSION_TABLE not in sa.inspect(connection).get_table_names():
        command.stamp(config, found)
    command.upgrade(config, "head")
