"""Training's work on Spark: the bookings of a training and the cube of an audit, equal to those of one process."""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as arrow
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from models.bookings import load_bookings, write_bookings
from models.candidate import write_candidate
from models.errors import UnreadableDataError, UsageError
from models.home import VAULT_VARIABLES, Home
from models.purposes import default_purposes
from models.release import load_release
from models.spark import none_of, only_of, open_session, read_bookings, validate_parts, work_by_customer
from training.commands import app
from training.door import open_door
from training.fairness.asking import ask
from training.fairness.audit import audit_cube
from training.fairness.auditing import Audit, vault_of
from training.fairness.observing import observe
from training.fairness.policy import default_fairness_policy
from training.fairness.rounding import rounded
from training.fairness.tables import Sources, read_tables
from training.fairness.vault import Groups, create_vault, open_vault
from training.fitting import Fitted
from training.preparing import BOOKINGS, LABELS, Wanted
from training.preparing_spark import admit_batches, gather_in_spark


@pytest.fixture(scope="module")
def dataset(small_bank: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part of the bank by month, so that no customer stands together; at the end faulty bookings, and all a second
    time in other words: in the largest file, which Spark reads first.
    """
    folder = tmp_path_factory.mktemp("dataset")
    whole = load_bookings(small_bank / "bookings.parquet").frame
    frame = whole[whole["customer_id"].isin(sorted(set(whole["customer_id"]))[:8])]
    for month, part in frame.groupby(frame["booking_date"].dt.strftime("%Y-%m")):
        write_bookings(part.reset_index(drop=True), folder / f"month={month}" / "part-0.parquet")
    changed = frame.assign(remittance_information="said again, in other words")
    faulty = frame.drop_duplicates("customer_id").assign(credit_debit_indicator="?")
    write_bookings(pd.concat([changed, faulty], ignore_index=True), folder / "month=later" / "part-0.parquet")
    return folder


def documented(verb: str) -> list[str]:
    """The command on Spark that the page on deployment shows."""
    page = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text("utf-8")
    (line,) = re.findall(rf"^levensloop ({verb} .*--(?:engine spark|whole).*)$", page, re.MULTILINE)
    return shlex.split(line)


@pytest.fixture
def bank(small_bank: Path, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder `bank` that the documented commands speak of; every second label is there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEVENSLOOP_HOME", str(tmp_path / "home"))
    (tmp_path / "bank").mkdir()
    (tmp_path / "bank" / "bookings").symlink_to(dataset)
    (tmp_path / "bank" / "permissions.csv").symlink_to(small_bank / "permissions.csv")
    labels = pd.read_csv(small_bank / "labels.csv", dtype=str, keep_default_na=False)
    labels.iloc[::2].to_csv(tmp_path / "bank" / "labels.csv", index=False)
    return tmp_path / "bank"


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of the sockets between Spark's processes
def test_spark_prepares_what_one_process_prepares(bank: Path, spark: Any) -> None:
    counts = []
    for engine in ("local", "spark"):
        done = CliRunner().invoke(app, [*documented("prepare"), "--engine", engine, "--out", engine])
        assert done.exit_code == 0, done.output
        told = re.findall(r"(\d+) ([a-z ]+)[,.]", done.stderr.split("Bookings: ")[1])
        counts.append({name: int(rows) for rows, name in told})
    # A faulty row of who does not allow it is not looked at there.
    same = ("read", "screened", "no label", "kept")
    assert [counts[1][name] for name in same] == [counts[0][name] for name in same]
    assert 0 < counts[1]["problems"] < counts[0]["problems"]
    assert [sum(count.values()) for count in counts] == [2 * counts[0]["read"]] * 2
    one, other = (load_bookings(Path(engine) / BOOKINGS).frame for engine in ("local", "spark"))
    pd.testing.assert_frame_equal(one, other)
    assert (Path("local") / LABELS).read_text() == (Path("spark") / LABELS).read_text()
    assert sorted(path.name for path in Path("spark").iterdir()) == [BOOKINGS, LABELS]


def test_spark_leaves_bookings_without_permission_where_they_are(dataset: Path, spark: Any) -> None:
    """Read from below: the table, then permission, and only then bookings move between machines."""
    mine = only_of(spark, read_bookings(spark, dataset), ["nobody"])
    plan = (
        work_by_customer(mine, admit_batches, arrow.schema([("x", arrow.string())]))
        ._jdf.queryExecution()
        .executedPlan()
        .toString()
    )
    moved, permitted, read = (plan.index(word) for word in ("Exchange hashpartitioning", "LeftSemi", "FileScan"))
    assert moved < permitted < read


@pytest.fixture
def sources(small_bank: Path, dataset: Path, tmp_path: Path) -> Sources:
    """An audit of customers of the dataset: the first does not allow it, the last was trained on."""
    whole = load_bookings(small_bank / "bookings.parquet").frame
    names = sorted(pd.read_parquet(dataset, columns=["customer_id"])["customer_id"].unique())
    until = whole["booking_date"].max() - pd.Timedelta(days=30)
    known = whole[whole["customer_id"].isin(names) & (whole["booking_date"] <= until)]
    write_bookings(known.reset_index(drop=True), tmp_path / "known.parquet")
    notice = default_purposes().purpose("fairness_audit").notice_version
    allowed = [f"{name},fairness_audit,consented,2026-01-01,{notice}\n" for name in names[1:]]
    (tmp_path / "permissions.csv").write_text("customer_id,purpose,action,at,notice_version\n" + "".join(allowed))
    splits = [f"{name},{'train' if name == names[-1] else 'test'}\n" for name in names]
    (tmp_path / "splits.csv").write_text("customer_id,split\n" + "".join(splits))
    return Sources(
        bookings=tmp_path / "known.parquet", events=small_bank / "events.csv", labels=small_bank / "labels.csv",
        permissions=tmp_path / "permissions.csv", splits=tmp_path / "splits.csv", whole=dataset,
    )  # fmt: skip


@pytest.fixture
def groups(small_bank: Path, tmp_path: Path) -> Groups:
    """The vault, opened."""
    given: Any = {
        "purpose": "fairness_audit",
        "key_file": tmp_path / "vault.key",
        "passphrase": "secret",
        "who": "Dana",
    }
    last_day = datetime.now(UTC).date() + timedelta(days=30)
    create_vault(Home(tmp_path / "home"), small_bank / "vault" / "groups.csv", delete_after=last_day, **given)
    return open_vault(Home(tmp_path / "home"), **given)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_spark_counts_what_one_process_counts(
    sources: Sources, groups: Groups, small_release: Fitted, tmp_path: Path, spark: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same numbers, hidden alike; and its processes inherit no key to the groups."""
    for name in VAULT_VARIABLES:
        monkeypatch.setenv(name, "key")
    home, policy = Home(tmp_path / "home"), default_fairness_policy()
    candidate = write_small_candidate(home, small_release)
    audit = Audit(home, candidate, load_release(home, candidate, allow_demo=True), policy, lambda: None)
    tables, _ = read_tables(sources, open_door(home))
    vault = vault_of(groups, tables.bookings["customer_id"].unique())
    asked = ask(tables.bookings, audit.release, as_of=tables.as_of)
    seen = observe(asked, tables.events, vault, audit.release.taxonomy, policy, to_screen=tables.to_screen)
    one, other = (audit.count(tables, seen, vault, groups, given) for given in (replace(sources, whole=None), sources))
    assert not set(VAULT_VARIABLES) & set(os.environ)
    for name in ("first_day", "bookings", "detections", "without_permission"):
        assert getattr(one, name) == getattr(other, name)
    assert one.without_permission == 1
    assert one.customers.tolist() == sorted(other.customers)
    assert one.screening
    assert other.screening
    for mine, its in ((one.cube, other.cube), (one.screening, other.screening)):
        assert mine.unknown == its.unknown
        for part in ("sums", "grams", "holders"):
            for name, values in getattr(mine.pooled, part).items():
                np.testing.assert_allclose(getattr(its.pooled, part)[name], values, rtol=1e-12, err_msg=name)
    facts = [rounded(audit_cube(each.cube, policy, screening=each.screening)) for each in (one, other)]
    assert facts[0] == facts[1]
    assert one.cube.pooled.sums["both"].sum() > 0
    assert one.screening.pooled.sums["rightly_screened"].sum() > 0
    assert [path.name for path in home.path.iterdir() if path.name.startswith(".spark")] == []


def write_small_candidate(home: Home, fitted: Fitted) -> str:
    files = resources.files("models")
    return write_candidate(
        home, classifier=fitted.classifier, detector=fitted.detector, facts={}, created_at=datetime.now(UTC),
        taxonomy_toml=files.joinpath("taxonomy.toml").read_text("utf-8"),
        screening=files.joinpath("screening.toml").read_text("utf-8"), permission={"permission_not_shown": True},
    ).id  # fmt: skip


def test_the_documented_audit_of_a_whole_bank_has_options_that_there_are() -> None:
    group: Any = get_command(app)
    known = {option for parameter in group.commands["audit"].params for option in parameter.opts}
    assert {word for word in documented("audit") if word.startswith("--")} <= known


def test_without_permissions_all_but_some_are_looked_at(dataset: Path, spark: Any) -> None:
    names = sorted(pd.read_parquet(dataset, columns=["customer_id"])["customer_id"].unique())
    left = none_of(spark, read_bookings(spark, dataset), names[1:]).select("customer_id").distinct().collect()
    assert [row[0] for row in left] == names[:1]


def test_what_spark_cannot_read_is_told(small_bank: Path, tmp_path: Path, spark: Any) -> None:
    everybody = Wanted(customers=None, never=(), bookings=None)
    with pytest.raises(UnreadableDataError, match=r"labels\.csv .*Give Parquet files"):
        gather_in_spark(small_bank / "labels.csv", everybody, scratch=tmp_path)
    frame, part = load_bookings(small_bank / "bookings.parquet").frame[:9], tmp_path / "part.parquet"
    for column, error in (("customer_id", UsageError), ("amount", UnreadableDataError)):
        frame.drop(columns=column).to_parquet(part)
        with pytest.raises(error, match=column):
            gather_in_spark(part, everybody, scratch=tmp_path)


def test_parts_that_were_written_elsewhere_are_missed(tmp_path: Path) -> None:
    part = tmp_path / "part.parquet"
    pd.DataFrame({"a": [1, 2]}).to_parquet(part)
    validate_parts([part], rows=2)
    with pytest.raises(UsageError, match=r"3 rows, of which 2 .* share"):
        validate_parts([part], rows=3)


def test_spark_that_is_not_there_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(UsageError, match=r"levensloop\[spark\]"):
        open_session("test")


def test_java_that_is_not_there_is_asked_for(tmp_path: Path) -> None:
    pytest.importorskip("pyspark")
    command = [sys.executable, "-c", "from models.spark import open_session; open_session('test')"]
    environ = {**os.environ, "JAVA_HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    told = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert "UsageError: Spark does not start. It needs Java 17" in told.stderr
