"""Bookings that come in a stream: detections as from one run, each told once, whatever is killed on the way."""

import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from models.bookings import bookings_from_records, write_bookings
from models.errors import PartlyReadError, PermissionRefusedError, UnreadableDataError, UsageError
from models.home import Home
from models.store import detections, followed_customers, open_store, told_detections, trail
from serving import batch, booking_tail, follow, telling
from serving.batch import Scoring, score_file
from serving.booking_tail import BookingTail
from serving.care import Detection
from serving.detection_files import DetectionFile
from serving.follow import follow_file, open_follower
from serving.settings import Settings, read_settings
from serving.state_files import StateFiles
from serving.stream import Delivery
from serving.told_memory import Remembered, match

AS_OF = date(2026, 11, 1)
ALLOWING = ("c-00", "c-01", "c-02", "c-03")
EVERYBODY = (*ALLOWING, "c-no")
PURPOSE = "own_product_offers"
BAKER, BENEFIT, TICKET = (
    ("BAKKER BART", "", "DBIT"), ("SVB", "KINDERBIJSLAG 3E KWARTAAL", "CRDT"), ("KLM", "TICKET AMS", "DBIT"),
)  # fmt: skip


def row(customer_id: str, booking_id: str, day: str, texts: tuple[str, str, str], **changes: str) -> dict[str, str]:
    name, text, sign = texts
    return {
        "customer_id": customer_id, "booking_id": booking_id, "booking_date": day, "amount": "320.00",
        "credit_debit_indicator": sign, "counterparty_name": name, "remittance_information": text, **changes,
    }  # fmt: skip


HISTORY = [row(name, f"x{at}", f"2026-{at % 8 + 1:02d}-10", BAKER) for name in EVERYBODY for at in range(24)]
OLD_TRIP = row("c-03", "t0", "2026-08-20", TICKET)


@dataclass(frozen=True)
class Bank:
    """A home with a champion and a state of what was booked until September."""

    settings: Settings
    folder: Path
    record_in: Callable[..., None]

    def record(self, action: str, *customers: str, purpose: str = PURPOSE) -> None:
        self.record_in(self.settings.home, action, *customers, purpose=purpose)

    def rows(self, table: sa.Table, *names: str) -> list[Any]:
        store = open_store(self.settings.home.database_url)
        columns = [table.c[name] for name in names]
        with store.read() as connection:
            found = [tuple(one) for one in connection.execute(sa.select(*columns).order_by(*columns))]
        store.close()
        return found

    def score(self, rows: Sequence[dict[str, str]], **options: Any) -> None:
        table = self.folder / "score.parquet"
        write_bookings(bookings_from_records(rows, source="test").frame, table)
        score_file(table, self.settings, as_of=options.pop("as_of", AS_OF), **options)

    @property
    def bookings(self) -> Path:
        return self.folder / "bookings.ndjson"

    def append(self, *rows: dict[str, Any]) -> None:
        with self.bookings.open("a", encoding="utf-8") as file:
            file.write("".join(f"{json.dumps(one)}\n" for one in rows))

    def follow(self, **options: Any) -> list[str]:
        """To the end of the file; what was reported."""
        said: list[str] = []
        given = {"purpose": PURPOSE, "once": True, "seconds": 0.0, "as_of": AS_OF, "report": said.append, **options}
        follow_file(self.bookings, DetectionFile(self.folder / "told.ndjson"), self.settings, **given)
        return said

    @property
    def told(self) -> list[dict[str, Any]]:
        lines = (self.folder / "told.ndjson").read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines]

    @property
    def events(self) -> list[tuple[str, str]]:
        return sorted((one["customer_id"], one["event"]) for one in self.told)

    @property
    def nights(self) -> list[Any]:
        """Every stored detection of the day."""
        names = [column.name for column in detections.columns]
        return [one for one in self.rows(detections, *names) if AS_OF in one]


def settle(home: Home, folder: Path, url: str, record_in: Callable[..., None]) -> Bank:
    """A bank that kept its state on the last day of August; c-03 had booked a trip already, c-no allows nothing."""
    shutil.copytree(home.path, folder / "home", ignore=shutil.ignore_patterns("batch", "*.db*"))
    given = {
        "LEVENSLOOP_HOME": str(folder / "home"), "LEVENSLOOP_DEMO": "1", "LEVENSLOOP_DATABASE_URL": url,
    }  # fmt: skip
    bank = Bank(read_settings(given), folder, record_in)
    bank.record("consented", *ALLOWING)
    bank.score([*HISTORY, OLD_TRIP], state="keep", as_of=date(2026, 8, 31))
    bank.bookings.touch()
    return bank


@pytest.fixture
def bank(home: Home, tmp_path: Path, database_url: str, record_in: Callable[..., None]) -> Bank:
    """On both databases."""
    return settle(home, tmp_path, database_url, record_in)


@pytest.fixture
def small(home: Home, tmp_path: Path, record_in: Callable[..., None]) -> Bank:
    """On SQLite alone, where the database makes no difference."""
    return settle(home, tmp_path, f"sqlite:///{tmp_path / 'follow.db'}", record_in)


def test_new_detections_are_told_once_and_history_is_not(bank: Bank) -> None:
    bank.append(row("c-00", "b1", "2026-10-01", BENEFIT), row("c-no", "b1", "2026-10-01", BENEFIT))
    bank.follow()
    (told,) = bank.told
    assert (told["customer_id"], told["event"], told["onset_date"]) == ("c-00", "child_birth", "2026-10-01")
    assert (told["purpose"], told["evidence"], len(told["id"])) == (PURPOSE, ["b1"], 32)
    assert told["trail"]["seq"] > 0
    bank.append(row("c-00", "b1", "2026-10-01", BENEFIT), row("c-01", "k1", "2026-10-02", TICKET))
    bank.follow()
    assert bank.events == [("c-00", "child_birth"), ("c-01", "travel_booked")]
    assert bank.follow() == []  # nothing new, nothing done
    bank.follow(from_start=True)
    assert bank.events == [("c-00", "child_birth"), ("c-01", "travel_booked")]


def test_what_was_stored_before_is_told_when_asked_for(small: Bank) -> None:
    small.follow(history=True, as_of=date(2026, 8, 31))
    assert small.events == [("c-03", "travel_booked")]


def test_late_and_corrected_bookings_move_a_detection_and_tell_it_once(bank: Bank) -> None:
    bank.append(row("c-00", "b1", "2026-10-05", BENEFIT), row("c-01", "k1", "2026-10-02", BAKER))
    bank.follow()
    bank.append(row("c-00", "b1", "2026-10-03", BENEFIT))  # corrected: another day
    bank.append(row("c-01", "k1", "2026-10-02", TICKET))  # corrected: it is a ticket
    bank.append(row("c-00", "b0", "2026-09-28", BENEFIT))  # late, and earlier than what was told
    bank.follow()
    assert bank.events == [("c-00", "child_birth"), ("c-01", "travel_booked")]
    assert [(one[0], one[3]) for one in bank.nights if one[2] == "child_birth"] == [("c-00", date(2026, 9, 28))]
    bank.append(row("c-00", "b1", "2026-10-03", BAKER))  # what it was told for first is none
    bank.follow()
    assert len(bank.told) == 2


def test_a_delivery_leaves_the_night_of_others_alone_and_a_new_day_judges_everybody(small: Bank) -> None:
    came = row("c-00", "b1", "2026-10-01", BENEFIT)
    small.append(came)
    small.follow(as_of=date(2026, 10, 30))
    small.score([*HISTORY, came], as_of=date(2026, 10, 30))  # another run of the same day
    small.append(row("c-01", "k1", "2026-10-02", TICKET))
    small.follow(as_of=date(2026, 10, 30))
    assert small.events == [("c-00", "child_birth"), ("c-01", "travel_booked")]
    assert {one[0] for one in small.rows(detections, "customer_id", "as_of") if one[1].day == 30} >= {"c-00", "c-01"}
    small.follow()
    assert {one[0] for one in small.nights} >= {"c-00", "c-01"}
    assert len(small.told) == 2


def found(event: str, day: int, *bookings: str) -> Detection:
    return Detection(event, date(2026, 10, day), date(2026, 10, day), 0.9, "open", bookings)


def test_a_detection_is_known_again_by_onset_then_bookings_then_nearness_and_each_is_known_once() -> None:
    one, other = (
        Remembered(str(at), "travel_booked", date(2026, 10, at), frozenset({f"b{at}"}), "told") for at in (1, 20)
    )
    trips = [found("travel_booked", 20, "x"), found("travel_booked", 19, "b1"), found("travel_booked", 2, "y")]
    assert match(trips, [other, one], days=92) == {0: other, 1: one}
    assert match([found("travel_booked", 12, "z")], [one, other], days=10) == {0: other}
    assert match([found("child_birth", 1, "b1"), found("travel_booked", 10, "z")], [one, other], days=8) == {}


# ---- any way of delivering ------------------------------------------------------------------------------------------

VERSIONS = {
    ("c-00", "b1"): [row("c-00", "b1", "2026-10-01", BAKER), row("c-00", "b1", "2026-10-01", BENEFIT)],
    ("c-01", "k1"): [row("c-01", "k1", "2026-09-05", TICKET)],
    ("c-01", "k2"): [row("c-01", "k2", "2026-10-20", TICKET)],
    ("c-02", "b2"): [row("c-02", "b2", "2026-09-28", BENEFIT), row("c-02", "b2", "2026-10-03", BENEFIT)],
    ("c-02", "k4"): [row("c-02", "k4", "2026-10-12", TICKET)],
    ("c-00", "k3"): [row("c-00", "k3", "2026-10-10", TICKET), row("c-00", "k3", "2026-10-10", BAKER)],
    ("c-no", "b3"): [row("c-no", "b3", "2026-10-01", BENEFIT)],
}


@dataclass
class ListSource:
    """What a bank would write for its own broker: deliveries again and again until they are committed."""

    deliveries: list[list[dict[str, str]]]
    done: int = 0

    def read(self) -> Delivery | None:
        if self.done == len(self.deliveries):
            return None
        return Delivery(self.frame(), str(self.done + 1))

    def frame(self) -> Any:
        frames = [bookings_from_records([one], source="test").frame for one in self.deliveries[self.done]]
        return pd.concat(frames, ignore_index=True)

    def commit(self, position: str) -> None:
        self.done = int(position)


@dataclass
class ListSink:
    """Keeps what it is told."""

    told: list[Any] = field(default_factory=list)

    def tell(self, told: Sequence[Any]) -> None:
        self.told += told


@st.composite
def deliveries(draw: st.DrawFn) -> list[list[dict[str, str]]]:
    """Every booking at least once, in any order and cut anywhere; of each the last version comes last."""
    keys = draw(st.permutations([*VERSIONS, *draw(st.lists(st.sampled_from(list(VERSIONS)), max_size=8))]))
    came: list[dict[str, str]] = []
    for at, key in enumerate(keys):
        is_last = key not in keys[at + 1 :]
        came.append(VERSIONS[key][-1] if is_last else draw(st.sampled_from(VERSIONS[key])))
    cuts = sorted(draw(st.sets(st.integers(1, len(came) - 1), max_size=4)))
    return [came[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(came)], strict=True)]


@pytest.fixture(scope="module")
def settled(home: Home, tmp_path_factory: pytest.TempPathFactory, record_in: Callable[..., None]) -> Bank:
    folder = tmp_path_factory.mktemp("settled")
    bank = settle(home, folder, f"sqlite:///{folder / 'home' / 'follow.db'}", record_in)
    shutil.copytree(folder / "home", folder / "kept")
    return bank


def renew(bank: Bank) -> None:
    """Before anything came in."""
    shutil.rmtree(bank.settings.home.path)
    shutil.copytree(bank.folder / "kept", bank.settings.home.path)


@pytest.fixture(scope="module")
def whole(settled: Bank) -> list[Any]:
    """The night of one run over everything."""
    renew(settled)
    settled.score([*HISTORY, OLD_TRIP, *(versions[-1] for versions in VERSIONS.values())])
    assert len(settled.nights) == 5  # two births, two trips (a second ticket is no new one) and the old trip
    return settled.nights


@given(deliveries())
@settings(max_examples=25, deadline=None)
def test_any_way_of_delivering_ends_in_the_night_of_one_run_and_tells_each_detection_once(
    settled: Bank, whole: list[Any], given: list[list[dict[str, str]]]
) -> None:
    renew(settled)
    source, sink = ListSource(given), ListSink()
    with open_follower(settled.settings, source, sink, purpose=PURPOSE, as_of=AS_OF) as follower:
        while follower.step():
            pass
    assert settled.nights == whole
    told = sorted((one["customer_id"], one["event"]) for one in sink.told)
    if ("c-00", "travel_booked") in told:  # before it was corrected away
        told.remove(("c-00", "travel_booked"))
    trips = [("c-01", "travel_booked"), ("c-02", "travel_booked")]
    assert told == sorted([("c-00", "child_birth"), ("c-02", "child_birth"), *trips])
    assert len({one["id"] for one in sink.told}) == len(sink.told)


# ---- kill -9 --------------------------------------------------------------------------------------------------------


def follow_and_die(bank: Bank, owner: Any, name: str, *, before: bool) -> int | None:
    """Follow in a process of its own, which signal 9 ends right before or after one step; how it ended."""

    def run() -> None:
        work = getattr(owner, name)

        def deadly(*given: Any, **named: Any) -> Any:
            if not before:
                work(*given, **named)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(owner, name, deadly)
        bank.follow()

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join()
    return process.exitcode


STEPS = [
    (follow, "begin_batch"), (StateFiles, "write_newer"), (StateFiles, "write_told"),
    (telling, "remember_last_night"), (Scoring, "store_night"),
    (telling, "permitted_of"), (telling, "remember"), (DetectionFile, "tell"), (telling, "mark_told"),
    (batch, "end_batch"), (BookingTail, "commit"),
]  # fmt: skip


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_killed_between_any_two_steps_it_neither_loses_nor_doubles(bank: Bank, before: bool) -> None:
    bank.append(row("c-00", "b1", "2026-10-01", BENEFIT), row("c-01", "k1", "2026-10-02", TICKET))
    for at, (owner, name) in enumerate(STEPS):
        bank.append(row("c-02", f"late{at}", "2026-10-03", BAKER))
        assert follow_and_die(bank, owner, name, before=before) == -signal.SIGKILL, name
    bank.append(row("c-02", "b2", "2026-10-04", BENEFIT))
    bank.follow()
    assert bank.events == [("c-00", "child_birth"), ("c-01", "travel_booked"), ("c-02", "child_birth")]
    assert [one[0] for one in bank.nights if one[0] != "c-03"] == ["c-00", "c-01", "c-02"]
    assert bank.rows(told_detections, "state").count(("telling",)) == 0


def test_a_detection_that_was_half_written_is_written_whole(small: Bank) -> None:
    small.append(row("c-00", "b1", "2026-10-01", BENEFIT))
    assert follow_and_die(small, telling, "mark_told", before=True) == -signal.SIGKILL
    file = small.folder / "told.ndjson"
    whole = file.read_bytes()
    file.write_bytes(whole[:-40])
    small.follow()
    (told,) = small.told
    assert told["id"] == json.loads(whole)["id"]


# ---- the two files --------------------------------------------------------------------------------------------------


def test_a_half_line_waits_for_its_end(small: Bank) -> None:
    line = json.dumps(row("c-00", "b1", "2026-10-01", BENEFIT)).encode()
    small.bookings.write_bytes(line[:60])
    small.follow()
    assert small.told == []
    small.bookings.write_bytes(line)
    small.follow()
    assert small.told == []
    small.bookings.write_bytes(line + b"\n")
    small.follow()
    assert small.events == [("c-00", "child_birth")]


BAD = [
    (b"{", "is not a JSON object"),
    (b"[1]", "is not a JSON object"),
    (b"\xff\xfe", "is not a JSON object"),
    (b'{"customer_id": "\\ud800"}', "is not a JSON object"),
    (b'{"customer_id": "a\\u0000b"}', "holds a character that no database keeps"),
    (json.dumps(row("", "b1", "2026-10-01", BENEFIT)).encode(), "customer_id is empty, which detection needs"),
    (json.dumps({**row("c-00", "b1", "2026-10-01", BENEFIT), "amount": 320.5}).encode(),
     "amount is not a text; write every value as a text, amounts too"),
    (json.dumps(row("c-00", "b1", "QXMARKER", BENEFIT)).encode(),
     "booking_date is not a date (YYYY-MM-DD) from 1970 to 2199"),
]  # fmt: skip


def test_bad_lines_are_named_and_left_out_and_nothing_else_is_lost(small: Bank) -> None:
    small.append(row("c-00", "b1", "2026-10-01", BENEFIT))
    with small.bookings.open("ab") as file:
        file.write(b"".join(line + b"\n" for line, _ in BAD))
    small.append(row("c-01", "k1", "2026-10-02", TICKET))
    said: list[str] = []
    with pytest.raises(PartlyReadError, match=r"8 lines of bookings\.ndjson"):
        small.follow(report=said.append)
    assert said[:8] == [f"bookings.ndjson:{at}: {why}" for at, (_, why) in enumerate(BAD, start=2)]
    assert "QXMARKER" not in "".join(said)
    assert small.events == [("c-00", "child_birth"), ("c-01", "travel_booked")]
    with small.bookings.open("ab") as file:
        file.write(b"{\n")
    with pytest.raises(PartlyReadError, match="1 lines"):
        small.follow(report=said.append)
    assert "bookings.ndjson:11: is not a JSON object" in said


@pytest.mark.parametrize("change", ["cut", "replaced"])
def test_a_file_that_was_cut_or_replaced_is_refused_until_it_is_read_from_its_start(small: Bank, change: str) -> None:
    small.append(row("c-00", "b1", "2026-10-01", BENEFIT), row("c-00", "b2", "2026-10-01", BAKER))
    small.follow()
    small.bookings.write_bytes(b"")
    small.append(row("c-01", "k1", "2026-10-02", TICKET))
    if change == "replaced":
        small.append(*(row("c-01", f"x{at}", "2026-10-02", BAKER) for at in range(30)))
    with pytest.raises(UnreadableDataError, match="cut or replaced"):
        small.follow()
    small.follow(from_start=True)
    assert small.events == [("c-00", "child_birth"), ("c-01", "travel_booked")]


def test_a_line_without_end_is_refused(small: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(booking_tail, "READ_BYTES", 100)
    small.bookings.write_bytes(b"x" * 101)
    with pytest.raises(UnreadableDataError, match=r"bookings\.ndjson:1 is longer than 100 bytes"):
        small.follow()


def test_a_file_is_read_in_parts(small: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(booking_tail, "READ_BYTES", 400)
    small.append(*(row("c-00", f"x{at}", "2026-10-02", BAKER) for at in range(5)))
    small.append(row("c-00", "b1", "2026-10-01", BENEFIT))
    assert len(small.follow()) >= 3
    assert small.events == [("c-00", "child_birth")]


@pytest.mark.parametrize("content", [b"customer_id,event\n1,2\n", b'{"event": "x"}\n', b"half"])
def test_a_file_of_something_else_is_not_written_to(small: Bank, content: bytes) -> None:
    (small.folder / "told.ndjson").write_bytes(content)
    with pytest.raises(UsageError, match="something else"):
        small.follow()
    assert (small.folder / "told.ndjson").read_bytes() == content


# ---- permission -----------------------------------------------------------------------------------------------------


def test_who_withdraws_before_the_telling_is_not_told_about(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    looking = telling.permitted_of

    def look(*given: Any, **named: Any) -> set[str]:
        found = looking(*given, **named)
        if found:
            bank.record("withdrawn", "c-00")
        return found

    monkeypatch.setattr(telling, "permitted_of", look)
    bank.append(row("c-00", "b1", "2026-10-01", BENEFIT), row("c-01", "k1", "2026-10-02", TICKET))
    bank.follow()
    assert bank.events == [("c-01", "travel_booked")]
    kinds = [kind for (kind,) in bank.rows(trail, "kind")]
    assert (kinds.count("events_refused"), kinds.count("events_answered")) == (1, 1)


def test_withdrawal_forgets_what_was_told_and_coming_back_tells_no_history(small: Bank) -> None:
    came = [row("c-00", "b1", "2026-10-01", BENEFIT), row("c-01", "k1", "2026-10-02", TICKET)]
    small.append(*came)
    small.follow(as_of=date(2026, 10, 30))
    small.record("withdrawn", "c-00")
    small.follow()
    assert ("c-00",) not in small.rows(followed_customers, "customer_id")
    assert {customer for (customer,) in small.rows(told_detections, "customer_id")} == {"c-01", "c-03"}
    small.record("consented", "c-00")
    small.score([*HISTORY, OLD_TRIP, *came], state="keep")
    small.append(row("c-00", "k9", "2026-10-20", TICKET))
    small.follow()
    assert small.events == [("c-00", "child_birth"), ("c-00", "travel_booked"), ("c-01", "travel_booked")]


def test_a_purpose_is_told_of_who_allows_it_alone(small: Bank) -> None:
    small.record("consented", "c-01", purpose="service_contact")
    small.record("withdrawn", "c-01")
    small.append(row("c-00", "b1", "2026-10-01", BENEFIT), row("c-01", "b1", "2026-10-01", BENEFIT))
    small.follow()
    assert "c-01" in {one[0] for one in small.nights}  # judged, for the other purpose
    assert small.events == [("c-00", "child_birth")]
    small.follow(purpose="service_contact", from_start=True)
    assert small.events == [("c-00", "child_birth")]  # contact colleagues are told of no birth
    with pytest.raises(PermissionRefusedError):
        small.follow(purpose="third_party_sharing")


def test_without_a_state_there_is_nothing_to_follow_from(small: Bank) -> None:
    shutil.rmtree(small.settings.home.path / "batch")
    with pytest.raises(UsageError, match="--keep-state"):
        small.follow()
