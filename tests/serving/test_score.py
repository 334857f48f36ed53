"""The nightly run of a large bank: permission, equal answers, what a crash leaves, and poisoned bookings."""

import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
import sqlalchemy as sa

from models import detection
from models.answering import detect_file
from models.bookings import bookings_from_records, write_bookings
from models.errors import IntegrityError, PartlyReadError, UnreadableDataError, UsageError
from models.home import Home
from models.store import batches, detections, open_store, runs
from serving import batch, state_files
from serving.batch import ScoreSummary, score_file
from serving.settings import Settings, read_settings

AS_OF = date(2026, 11, 1)
EVERYBODY = [f"c-{number:02d}" for number in range(12)]
REFUSING = ("c-03", "c-07")


@dataclass(frozen=True)
class Promoted:
    """A home with a champion, and its settings; every test gets a new database."""

    settings: Settings
    record_in: Callable[..., None]

    def record(self, action: str, *customers: str, purpose: str = "own_product_offers") -> None:
        self.record_in(self.settings.home, action, *customers, purpose=purpose)

    def table(self, table: sa.Table) -> list[tuple[Any, ...]]:
        """All rows in order, without the number of the batch."""
        store = open_store(self.settings.home.database_url)
        columns = [column for column in table.columns if column.name != "batch"]
        with store.read() as connection:
            rows = [tuple(row) for row in connection.execute(sa.select(*columns).order_by(*table.primary_key))]
        store.close()
        return rows

    def score(self, bookings: Path, **options: Any) -> ScoreSummary:
        told: list[str] = []
        return score_file(bookings, self.settings, as_of=AS_OF, tell=told.append, **{"rows": 30, **options})


@pytest.fixture
def promoted(home: Home, tmp_path: Path, record_in: Callable[..., None]) -> Promoted:
    return open_promoted(home, f"sqlite:///{tmp_path / 'night.db'}", record_in)


@pytest.fixture
def either(home: Home, database_url: str, record_in: Callable[..., None]) -> Promoted:
    """As `promoted`, once on each kind of database."""
    return open_promoted(home, database_url, record_in)


def open_promoted(home: Home, url: str, record_in: Callable[..., None]) -> Promoted:
    made = Promoted(
        read_settings({"LEVENSLOOP_HOME": str(home.path), "LEVENSLOOP_DEMO": "1", "LEVENSLOOP_DATABASE_URL": url}),
        record_in,
    )
    made.record("consented", *(name for name in EVERYBODY if name not in REFUSING))
    return made


@pytest.fixture
def rows(question: dict[str, Any]) -> list[dict[str, Any]]:
    """Half a year at the baker's and a first child benefit, for everybody."""
    return [{**row, "customer_id": name} for name in EVERYBODY for row in question["bookings"]]


@pytest.fixture
def dataset(rows: list[dict[str, Any]], tmp_path: Path) -> Path:
    """The bookings as a partitioned dataset: one folder per month, so that no customer stands together."""
    frame = bookings_from_records(rows, source="test").frame
    for month, part in frame.groupby(frame["booking_date"].dt.strftime("%Y-%m")):
        write_bookings(part.reset_index(drop=True), tmp_path / "bank" / f"month={month}" / "part-0.parquet")
    return tmp_path / "bank"


def score_and_die(promoted: Promoted, bookings: Path, place: str, time: int, **options: Any) -> int | None:
    """A run in a process of its own, killed by signal 9 right after a function of `serving.batch` worked `time` times.

    Returns how the process ended.
    """

    def run() -> None:
        work, left = getattr(batch, place), time

        def deadly(*given: Any, **named: Any) -> Any:
            nonlocal left
            result = work(*given, **named)
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        setattr(batch, place, deadly)
        promoted.score(bookings, **options)

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join()
    return process.exitcode


def test_everybody_who_allows_it_has_the_answers_of_detect(
    either: Promoted, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEVENSLOOP_HOME", str(either.settings.home.path))
    summary = either.score(dataset)
    assert (summary.customers, summary.not_allowed, summary.judged, summary.detections) == (12, 2, 10, 10)
    detect_file(dataset, out=tmp_path / "all.parquet", as_of=AS_OF, release_id=either.table(runs)[0][2])
    told = pd.read_parquet(tmp_path / "all.parquet")
    told = told[~told["customer_id"].isin(REFUSING)]
    columns = ["customer_id", "event", "onset_date", "detected_on", "probability", "status", "offer_class", "evidence"]
    stored = pd.DataFrame(either.table(detections), columns=[column.name for column in detections.columns])[columns]
    for name in ("onset_date", "detected_on"):
        stored[name] = stored[name].astype(str)
    assert stored.to_dict("records") == told[columns].to_dict("records")


def test_bookings_of_who_refuses_reach_neither_screening_nor_a_scratch_file(
    promoted: Promoted, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[str] = set()
    sorting = batch.BookingReading._whole

    def watch(self: Any, door: Any, *given: Any) -> Any:
        def watched(frame: pd.DataFrame) -> pd.DataFrame:
            kept = door(frame)
            seen.update(kept["customer_id"])
            return kept

        return sorting(self, watched, *given)

    monkeypatch.setattr(batch.BookingReading, "_whole", watch)
    promoted.score(dataset)
    assert seen == set(EVERYBODY) - set(REFUSING)


@pytest.mark.parametrize("in_order", [False, True])
def test_who_withdraws_while_it_runs_is_not_stored_and_who_consents_waits(
    either: Promoted, dataset: Path, rows: list[Any], in_order: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if in_order:  # then the door is asked again and again while it runs
        dataset = dataset.with_name("in_order.parquet")
        write_bookings(bookings_from_records(rows, source="test").frame, dataset)
    asked: list[str] = []

    def detect(bookings: pd.DataFrame, **options: Any) -> pd.DataFrame:
        if not asked:
            either.record("withdrawn", "c-10", "c-00")
            either.record("consented", "c-07")
        asked.extend(bookings["customer_id"].unique())
        return detection.detect_events(bookings, **options)

    monkeypatch.setattr(batch, "detect_events", detect)
    assert either.score(dataset).judged == 8
    stored = {row[0] for row in either.table(runs)}
    assert stored == set(EVERYBODY) - {*REFUSING, "c-10", "c-00"}
    assert "c-07" not in asked


def test_permission_that_went_takes_every_stored_night_along(either: Promoted, dataset: Path) -> None:
    score_file(dataset, either.settings, as_of=date(2026, 10, 15))
    either.record("withdrawn", "c-01")
    summary = either.score(dataset)
    assert (summary.not_allowed, summary.forgotten) == (3, 1)
    assert {row[0] for row in either.table(detections)} == set(EVERYBODY) - {*REFUSING, "c-01"}
    assert "c-01" not in {row[0] for row in either.table(runs)}


def test_a_second_run_of_a_day_replaces_the_first(either: Promoted, dataset: Path, rows: list[Any]) -> None:
    either.score(dataset)
    fewer = dataset.parent / "fewer.parquet"
    kept = [row for row in rows if row["customer_id"] != "c-02" and row["booking_id"] != "b1"]
    write_bookings(bookings_from_records(kept, source="test").frame, fewer)
    assert either.score(fewer).judged == 9
    assert either.table(detections) == []
    assert len(either.table(runs)) == 9


PLACES = [
    ("begin_batch", 1), ("write_chunk", 1), ("write_chunk", 2), ("find_allowed_of", 16), ("find_done", 3),
    ("end_batch", 1), ("forget_refused", 1),
]  # fmt: skip


def test_killed_anywhere_and_started_again_it_leaves_what_one_run_leaves(
    either: Promoted, dataset: Path, home: Home, tmp_path: Path
) -> None:
    either.score(dataset)
    whole = [either.table(table) for table in (detections, runs)]
    broken = Promoted(
        read_settings(
            {
                "LEVENSLOOP_HOME": str(home.path), "LEVENSLOOP_DEMO": "1",
                "LEVENSLOOP_DATABASE_URL": f"sqlite:///{tmp_path / 'broken.db'}",
            }
        ),
        either.record_in,
    )  # fmt: skip
    broken.record("consented", *(name for name in EVERYBODY if name not in REFUSING))
    for place, time in PLACES:
        assert score_and_die(broken, dataset, place, time) == -signal.SIGKILL, place
    broken.score(dataset)
    assert [broken.table(table) for table in (detections, runs)] == whole
    assert len(broken.table(batches)) == 3  # two deaths came after the end of their batch


def test_what_was_judged_before_the_crash_is_not_judged_again(promoted: Promoted, dataset: Path) -> None:
    assert score_and_die(promoted, dataset, "write_chunk", 4) == -signal.SIGKILL
    summary = promoted.score(dataset)
    assert summary.earlier >= 3
    assert summary.earlier + summary.judged == 10


def test_a_poisoned_booking_is_left_out_with_its_reason_and_nobody_else_is_lost(
    promoted: Promoted, rows: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = bookings_from_records(rows, source="test").frame
    table = pd.DataFrame({name: frame[name].astype(str) for name in frame.columns})
    table = table.replace({"NaT": "", "<NA>": "", "nan": ""})
    poison = table.iloc[:6].copy()
    poison["booking_id"] = [f"p{at}" for at in range(6)]
    poison["remittance_information"] = ["x" * 10_000, "\u202eقسط \u200fשלום", "👶🏽🎉", "rent", "rent", "rent"]
    poison["amount"] = ["1.00", "1.00", "1.00", "NaN", "1.00", "1000000000000000.00"]
    poison.loc[poison.index[4], "booking_date"] = "0001-01-01"
    parquet.write_table(
        arrow.Table.from_pandas(pd.concat([table, poison]), preserve_index=False), tmp_path / "p.parquet"
    )
    with pytest.raises(PartlyReadError, match=r"2 rows of p\.parquet"):
        promoted.score(tmp_path / "p.parquet")
    said = capsys.readouterr().err
    assert "p.parquet:448" in said
    assert "p.parquet:449" in said
    assert len(promoted.table(runs)) == len(promoted.table(detections)) == 10


def test_a_corrupt_part_ends_the_run_and_the_old_night_stays(promoted: Promoted, dataset: Path) -> None:
    promoted.score(dataset)
    before = promoted.table(detections)
    part = sorted(dataset.rglob("*.parquet"))[-1]
    whole = part.read_bytes()
    part.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableDataError, match="cannot be read as Parquet"):
        promoted.score(dataset)
    assert promoted.table(detections) == before
    part.write_bytes(whole)
    assert promoted.score(dataset).judged == 10


def test_bookings_of_nobody_and_a_day_to_come_are_refused(promoted: Promoted, tmp_path: Path, booking: Any) -> None:
    write_bookings(bookings_from_records([booking()], source="test").frame, tmp_path / "b.csv")
    with pytest.raises(UsageError, match="customer_id"):
        promoted.score(tmp_path / "b.csv")
    with pytest.raises(UsageError, match="future"):
        score_file(tmp_path / "b.csv", promoted.settings, as_of=date(2199, 1, 1))


@dataclass(frozen=True)
class Nights:
    """The bookings of everybody up to the end of August, and those that came since."""

    before: Path
    since: Path


@pytest.fixture
def nights(rows: list[dict[str, Any]], tmp_path: Path) -> Nights:
    made = Nights(tmp_path / "before.parquet", tmp_path / "since.parquet")
    for path, is_new in ((made.before, False), (made.since, True)):
        kept = [row for row in rows if (row["booking_date"] >= "2026-09-01") == is_new]
        write_bookings(bookings_from_records(kept, source="test").frame, path)
    return made


@pytest.fixture
def alone(promoted: Promoted, tmp_path: Path) -> Promoted:
    """The same bank in a home of its own: its state is not that of other tests."""
    folder = tmp_path / "alone"
    shutil.copytree(promoted.settings.home.path, folder, ignore=shutil.ignore_patterns("batch"))
    url = promoted.settings.home.database_url
    return Promoted(
        read_settings({"LEVENSLOOP_HOME": str(folder), "LEVENSLOOP_DEMO": "1", "LEVENSLOOP_DATABASE_URL": url}),
        promoted.record_in,
    )


def test_an_update_gives_what_a_full_run_gives(alone: Promoted, dataset: Path, nights: Nights) -> None:
    alone.score(dataset)
    whole = [alone.table(table) for table in (detections, runs)]
    alone.score(nights.before, state="keep")
    assert alone.table(detections) == []
    for _ in range(2):  # a second time changes nothing
        assert alone.score(nights.since, state="update").judged == 10
        assert [alone.table(table) for table in (detections, runs)] == whole


def test_an_update_killed_anywhere_goes_on(
    alone: Promoted, dataset: Path, nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_files, "_PART_ROWS", 60)
    alone.score(dataset)
    whole = [alone.table(table) for table in (detections, runs)]
    assert score_and_die(alone, nights.before, "write_chunk", 3, state="keep") == -signal.SIGKILL
    with pytest.raises(UsageError, match="no state"):
        alone.score(nights.since, state="update")
    alone.score(nights.before, state="keep")
    for time in (1, 2):
        assert score_and_die(alone, nights.since, "write_chunk", time, state="update") == -signal.SIGKILL
    assert alone.score(nights.since, state="update").earlier == 2
    assert [alone.table(table) for table in (detections, runs)] == whole
    assert len(list((alone.settings.home.path / "batch").glob("state-*/part-*"))) == 5


def test_night_after_night_equals_full_runs(alone: Promoted, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    """Quiet nights, one with news, one that only time changes, and the large file written anew among them."""
    ends = [date(2026, 8, 31), *(date(2026, 10, day) for day in (1, 2, 3, 12)), AS_OF]
    nights = []
    for before, end in zip([date(2000, 1, 1), *ends[:-1]], ends, strict=True):
        own = [row for row in rows if str(before) < row["booking_date"] <= str(end)]
        write_bookings(bookings_from_records(own, source="test").frame, tmp_path / f"{end}.parquet")
        nights.append((end, tmp_path / f"{end}.parquet"))
        known = [row for row in rows if row["booking_date"] <= str(end)]
        write_bookings(bookings_from_records(known, source="test").frame, tmp_path / f"all-{end}.parquet")
    found = []
    for end, bookings in nights:
        score_file(bookings, alone.settings, as_of=end, rows=30, state="update" if found else "keep")
        found.append([row for row in alone.table(detections) if row[1] == end])
    for (end, _), told in zip(nights, found, strict=True):
        score_file(tmp_path / f"all-{end}.parquet", alone.settings, as_of=end, rows=30)
        assert [row for row in alone.table(detections) if row[1] == end] == told
    assert found[-1]


def test_who_withdrew_leaves_the_state_and_waits_when_allowing_it_again(alone: Promoted, nights: Nights) -> None:
    alone.score(nights.before, state="keep")
    alone.record("withdrawn", "c-01")
    assert alone.score(nights.since, state="update").judged == 9
    (part,) = (alone.settings.home.path / "batch").glob("state-*/part-*")
    assert "c-01" not in parquet.read_table(part)["customer_id"].to_pylist()
    alone.record("consented", "c-01")
    summary = alone.score(nights.since, state="update")
    assert (summary.judged, summary.waiting) == (9, 1)


def test_a_state_of_another_release_and_a_damaged_one_are_refused(alone: Promoted, nights: Nights) -> None:
    alone.score(nights.before, state="keep")
    manifest = alone.settings.home.path / "batch" / "state.json"
    told = manifest.read_text("utf-8")
    manifest.write_text(told.replace(json.loads(told)["id"], "0" * 64), "utf-8")
    with pytest.raises(UsageError, match="another release"):
        alone.score(nights.since, state="update")
    manifest.write_text(told, "utf-8")
    (part,) = (alone.settings.home.path / "batch").glob("state-*/part-*")
    part.write_bytes(part.read_bytes()[:50])
    with pytest.raises(IntegrityError, match="damaged"):
        alone.score(nights.since, state="update")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of the sockets between Spark's processes
def test_spark_stores_what_one_process_stores(
    promoted: Promoted, dataset: Path, rows: list[dict[str, Any]], spark: Any
) -> None:
    promoted.score(dataset)
    whole = [promoted.table(table) for table in (detections, runs)]
    with_repeated = dataset / "month=2026-12" / "part-0.parquet"
    write_bookings(bookings_from_records(rows[-1:], source="test").frame, with_repeated)
    with pytest.raises(PartlyReadError, match="1 rows"):
        promoted.score(dataset, engine="spark")
    assert [promoted.table(table) for table in (detections, runs)] == whole


def test_spark_keeps_no_state(promoted: Promoted, dataset: Path) -> None:
    with pytest.raises(UsageError, match="state"):
        promoted.score(dataset, engine="spark", state="keep")
