"""Training's work on Spark: the bookings that a training reads, equal to those of one process."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from models.bookings import load_bookings, write_bookings
from models.errors import UnreadableDataError, UsageError
from models.spark import only_of, open_session, read_bookings, validate_parts, work_by_customer
from training.commands import app
from training.preparing import BOOKINGS, LABELS, Wanted
from training.preparing_spark import admit_batches, gather_in_spark


@pytest.fixture(scope="module")
def dataset(small_bank: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part of the bank by month, so that no customer stands together; at the end faulty and repeated bookings."""
    folder = tmp_path_factory.mktemp("dataset")
    whole = load_bookings(small_bank / "bookings.parquet").frame
    frame = whole[whole["customer_id"].isin(sorted(set(whole["customer_id"]))[:12])]
    for month, part in frame.groupby(frame["booking_date"].dt.strftime("%Y-%m")):
        write_bookings(part.reset_index(drop=True), folder / f"month={month}" / "part-0.parquet")
    changed = frame[::50].assign(remittance_information="said again, in other words")
    faulty = frame.drop_duplicates("customer_id").assign(credit_debit_indicator="?")
    write_bookings(pd.concat([changed, faulty], ignore_index=True), folder / "month=later" / "part-0.parquet")
    return folder


def documented(verb: str) -> list[str]:
    """The command on Spark that the page on deployment shows."""
    page = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text("utf-8")
    (line,) = re.findall(rf"^levensloop ({verb} .*--engine spark.*)$", page, re.MULTILINE)
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
    plan = work_by_customer(mine, admit_batches, "x string")._jdf.queryExecution().executedPlan().toString()
    moved, permitted, read = (plan.index(word) for word in ("Exchange hashpartitioning", "LeftSemi", "FileScan"))
    assert moved < permitted < read


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
