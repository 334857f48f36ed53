"""A store of any earlier version becomes one of today without losing a row; one of a later version is left alone."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from models.errors import StoreUnavailableError
from models.migrations import FOLDER, find_schema, newest_schema
from models.store import METADATA, Store, customers, open_store, permission_events, schema_version
from models.trail import verify_trail

OLD_STORES = Path(__file__).parent / "stores"


def test_migrations_end_in_the_tables_of_today(any_store: Store) -> None:
    with any_store.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
        assert find_schema(connection) == newest_schema()


def test_migrations_follow_each_other_in_one_line() -> None:
    script = ScriptDirectory(str(FOLDER))
    assert script.get_heads() == [newest_schema()]
    numbers = [revision.revision for revision in script.walk_revisions()]
    assert numbers == [f"{number:04d}" for number in range(len(numbers), 0, -1)]


def _make_old(tmp_path: Path, number: int) -> str:
    """A store as that version of Levensloop made it, with two permission events in it."""
    path = tmp_path / "levensloop.db"
    old = sqlite3.connect(path)
    old.executescript((OLD_STORES / f"schema_{number}.sql").read_text("utf-8"))
    old.close()
    return f"sqlite:///{path}"


@pytest.mark.parametrize("number", [1, 2])
def test_store_of_an_earlier_version_is_brought_up_to_today(tmp_path: Path, number: int) -> None:
    store = open_store(_make_old(tmp_path, number))
    with store.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        actions = connection.execute(sa.select(permission_events.c.action).order_by(permission_events.c.version))
        assert list(actions.scalars()) == ["consented", "withdrawn"]
        minors = connection.execute(sa.select(customers.c.customer_id).where(~customers.c.is_adult))
        assert list(minors.scalars()) == ["c-2"]
    report = verify_trail(store, None, None)
    assert (report.ok, report.rows, report.commitments) == (True, 2, 2)
    with pytest.raises(StoreUnavailableError), store.write() as connection:
        connection.exec_driver_sql("INSERT OR REPLACE INTO permission_events SELECT * FROM permission_events")
    with store.read() as connection:
        triggers = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all()
    assert {f"kill_switches_no_{verb}" for verb in ("delete", "update", "replace")} <= set(triggers)
    store.close()


def test_earlier_versions_of_levensloop_see_that_the_store_is_too_new(any_store: Store) -> None:
    with any_store.read() as connection:
        assert connection.execute(sa.select(schema_version.c.version)).scalar_one() > 2


def test_opening_again_changes_nothing(open_here: Callable[[], Store]) -> None:
    for _ in range(2):
        with open_here().read() as connection:
            assert find_schema(connection) == newest_schema()


@pytest.mark.parametrize("schema", ["9999", "../r0001", "x"])
def test_store_of_a_later_version_is_refused_and_left_alone(open_here: Callable[[], Store], schema: str) -> None:
    store = open_here()
    with store.write() as connection:
        connection.execute(sa.table("alembic_version", sa.column("version_num")).update().values(version_num=schema))
    with pytest.raises(StoreUnavailableError, match="Use the version that wrote it"):
        open_here()
    with store.read() as connection:
        assert find_schema(connection) == schema


def test_store_of_a_later_version_before_migrations_is_refused(tmp_path: Path) -> None:
    url = _make_old(tmp_path, 2)
    rival = sqlite3.connect(tmp_path / "levensloop.db")
    rival.execute("UPDATE schema_version SET version = 99")
    rival.commit()
    rival.close()
    with pytest.raises(StoreUnavailableError, match="schema 99"):
        open_store(url)
