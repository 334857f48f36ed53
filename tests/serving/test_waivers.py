"""A release answers on waivers only while they are in force; a stopped event is told to nobody, whoever asks how."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from models.candidate import attach_fairness
from models.errors import IntegrityError, NoReleaseError, StoreUnavailableError
from models.home import VAULT_KEY_FILE, VAULT_PASSPHRASE, Home
from models.kill_switch import set_kill_switch
from models.promotion import rollback_release
from models.release import Release, load_release
from models.signing import PrivateKey
from models.store import trail
from serving.champion import ChampionHolder
from serving.opening import verify_release
from serving.running import find_server, start_server, stop_server
from serving.settings import read_settings
from training.fairness.vault import create_vault

ROOT = Path(__file__).parents[2]
WORDS = "secret"

MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
LAST_DAY = date(2026, 11, 30)
AFTER = datetime(2026, 11, 30, 23, tzinfo=UTC)  # midnight in Amsterdam
FINDING = "recall/child_birth/origin:turkish"
# Writes down every process that starts with it, and whatever of the vault such a process opens or imports.
WATCH = """
import os, sys
def _tell(text, open=os.open, write=os.write, place=os.environ["WATCHED"]):
    write(open(place, os.O_CREAT | os.O_WRONLY | os.O_APPEND), text.encode())
def _watch(event, arguments):
    name = str(arguments[0]) if event in ("open", "import") else ""
    if name.endswith(("groups.vault", "vault.key")) or event == "import" and name.startswith("training.fairness"):
        _tell(f"{event} {arguments[0]}\\n")
_tell(f"started {os.getpid()}\\n")
sys.addaudithook(_watch)
"""
BLOCKING = {
    "id": FINDING, "gate": "recall_gap", "verdict": "NOT ESTABLISHED", "blocks": True, "waivable": True,
    "reason": {"nl": "Er waren te weinig geboortes.", "en": "There were too few births."},
}  # fmt: skip


@dataclass
class Promoted:
    """A demo board and its three signed candidates; the last two need a waiver."""

    board: Any
    ids: tuple[str, ...]

    @property
    def home(self) -> Home:
        return self.board.home

    def copy_to(self, folder: Path) -> "Promoted":
        """The same in a state folder of its own."""
        shutil.copytree(self.home.path, folder)
        return replace(self, board=replace(self.board, home=Home(folder)))

    def promote(self, place: int, *, at: datetime = MONDAY) -> str:
        self.board.promote(self.ids[place], at=at, allow_demo=True)
        return self.ids[place]

    def waive(self, place: int, *, until: date = LAST_DAY, at: datetime = MONDAY) -> None:
        self.board.waive(self.ids[place], until=until, at=at)

    def fallbacks(self) -> list[dict[str, Any]]:
        return self.board.trail("release_fallback")


@dataclass
class Clock:
    """Tells what the test says."""

    at: datetime = MONDAY

    def __call__(self) -> datetime:
        return self.at


@dataclass
class CountingLoader:
    loaded: list[str] = field(default_factory=list)

    def __call__(self, home: Home, release_id: str, **options: Any) -> Release:
        self.loaded.append(release_id)
        return load_release(home, release_id, **options)


@pytest.fixture(scope="module")
def promoted_once(
    make_board: Callable[..., Any], make_served: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Promoted:
    board = make_board(tmp_path_factory.mktemp("promoted") / "home", demo=True)
    made = [
        make_served(board, value=value, created_at=MONDAY + timedelta(minutes=at), fairness={"findings": findings})
        for at, (value, findings) in enumerate(((0.90, []), (0.91, [BLOCKING]), (0.92, [BLOCKING])))
    ]
    return Promoted(board, tuple(board.sign(candidate).id for candidate in made))


@pytest.fixture
def promoted(promoted_once: Promoted, tmp_path: Path) -> Promoted:
    return promoted_once.copy_to(tmp_path / "home")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def hold(promoted: Promoted, clock: Clock, **options: Any) -> ChampionHolder:
    return ChampionHolder(promoted.home, allow_demo=True, clock=clock, **options)


# ---- waivers --------------------------------------------------------------------------------------------------------


def test_the_release_before_answers_from_the_minute_the_waiver_is_over(
    promoted: Promoted, clock: Clock, bank: Any, rebuild: Any
) -> None:
    bank.record("consented")
    plain = promoted.promote(0)
    promoted.waive(1)
    waived = promoted.promote(1)
    client = rebuild(bank, releases=hold(promoted, clock))
    versions = {name: load_release(promoted.home, name).model_version for name in (plain, waived)}

    def ask() -> str:
        return str(bank.ask(client=client).json()["release"]["model_version"])

    assert ask() == versions[waived]
    clock.at = AFTER - timedelta(minutes=1)
    assert ask() == versions[waived]
    assert promoted.fallbacks() == []
    clock.at = AFTER
    assert (ask(), ask()) == (versions[plain], versions[plain])
    assert promoted.fallbacks() == [
        {
            "release_id": waived,
            "promoted_at": "2026-11-16T09:00:00.000000Z",
            "fallen_to": plain,
            "who": "serving",
            "why": f"no waiver is in force for {FINDING}",
            "findings": [FINDING],
        }
    ]


def test_the_release_to_fall_back_on_is_open_before_it_is_needed(promoted: Promoted, clock: Clock) -> None:
    plain = promoted.promote(0)
    promoted.waive(1)
    waived = promoted.promote(1)
    loader = CountingLoader()
    holder = hold(promoted, clock, load=loader)
    assert holder.current().id == waived
    assert loader.loaded == [waived, plain]
    clock.at = AFTER
    assert [holder.current().id for _ in range(3)] == [plain] * 3
    assert loader.loaded == [waived, plain]


def test_damage_of_the_release_before_is_told_when_it_has_to_answer(promoted: Promoted, clock: Clock) -> None:
    plain = promoted.promote(0)
    promoted.waive(1)
    waived = promoted.promote(1)
    taxonomy = promoted.home.releases / plain / "taxonomy.toml"
    taxonomy.chmod(0o600)
    taxonomy.write_text(taxonomy.read_text() + "# changed\n")
    holder = hold(promoted, clock)
    assert holder.current().id == waived
    clock.at = AFTER
    with pytest.raises(IntegrityError):
        holder.current()


def test_a_release_before_that_rests_on_an_ended_waiver_is_passed_over(promoted: Promoted, clock: Clock) -> None:
    plain = promoted.promote(0)
    promoted.waive(1)
    promoted.promote(1)
    promoted.waive(2, until=LAST_DAY - timedelta(days=1))
    last = promoted.promote(2)
    holder = hold(promoted, clock)
    assert holder.current().id == last
    clock.at = AFTER - timedelta(days=1)
    assert holder.current().id == promoted.ids[1]
    clock.at = AFTER
    assert holder.current().id == plain
    assert [row["fallen_to"] for row in promoted.fallbacks()] == [promoted.ids[1], plain]


def test_nothing_answers_when_no_release_may(promoted: Promoted, clock: Clock, bank: Any, rebuild: Any) -> None:
    bank.record("consented")
    promoted.waive(1)
    promoted.promote(1)
    client = rebuild(bank, releases=hold(promoted, clock))
    assert bank.ask(client=client).status_code == 200
    clock.at = AFTER
    response = bank.ask(client=client)
    assert (response.status_code, response.json()["type"]) == (503, "urn:levensloop:problem:release-unavailable")
    assert [row["fallen_to"] for row in promoted.fallbacks()] == [""]


def test_renewed_waiver_counts_with_the_promotion_that_brings_it(promoted: Promoted, clock: Clock) -> None:
    plain = promoted.promote(0)
    promoted.waive(1)
    waived = promoted.promote(1)
    holder = hold(promoted, clock)
    assert holder.current().id == waived
    clock.at = AFTER
    assert holder.current().id == plain
    promoted.waive(1, until=LAST_DAY + timedelta(days=30), at=AFTER)
    assert holder.current().id == plain
    promoted.promote(1, at=AFTER)
    assert holder.current().id == waived
    clock.at = AFTER + timedelta(days=30)
    assert holder.current().id == plain
    assert [row["promoted_at"] for row in promoted.fallbacks()] == [
        "2026-11-16T09:00:00.000000Z", "2026-11-30T23:00:00.000000Z",
    ]  # fmt: skip


def test_workers_record_a_fallback_once_and_answer_nothing_unrecorded(promoted: Promoted, clock: Clock) -> None:
    plain = promoted.promote(0)
    promoted.waive(1)
    promoted.promote(1)
    clock.at = AFTER
    database = promoted.home.path / "levensloop.db"
    database.rename(database.with_name("away"))
    database.mkdir()
    with pytest.raises(StoreUnavailableError):
        hold(promoted, clock).current()
    database.rmdir()
    database.with_name("away").rename(database)
    for worker in (hold(promoted, clock), hold(promoted, clock)):
        assert worker.current().id == plain
    assert len(promoted.fallbacks()) == 1


def test_worker_that_recorded_a_fallback_does_not_write_again(promoted: Promoted, clock: Clock) -> None:
    plain = promoted.promote(0)
    promoted.waive(1)
    promoted.promote(1)
    clock.at = AFTER
    recorded: list[str] = []
    holder = hold(promoted, clock, record=lambda _home, fallback, **_: recorded.append(fallback.fallen_to))
    assert [holder.current().id for _ in range(3)] == [plain] * 3
    assert recorded == [plain]


@pytest.mark.parametrize("change", ["edit", "extra"])
def test_changed_waiver_of_the_champion_stops_all_answers(promoted: Promoted, clock: Clock, change: str) -> None:
    promoted.promote(0)
    promoted.waive(1)
    waived = promoted.promote(1)
    holder = hold(promoted, clock)
    assert holder.current().id == waived
    (path,) = (promoted.home.releases / waived / "waivers").iterdir()
    if change == "edit":
        path.chmod(0o600)
        path.write_text(path.read_text().replace("more births by March", "for ever"))
    else:
        path.with_name("note.txt").write_text("x")
    with pytest.raises(IntegrityError):
        holder.current()


def test_findings_cannot_be_taken_out_of_a_release(
    promoted: Promoted, clock: Clock, make_served: Callable[..., Any]
) -> None:
    """Where the audit's facts lie in a file of their own, the board's signatures hold them, not the manifest."""
    candidate = make_served(promoted.board, value=0.93)
    audited = candidate.id
    attach_fairness(promoted.home, audited, {"candidate": audited, "findings": [BLOCKING]})
    promoted.board.sign(candidate)
    held = replace(promoted, ids=(audited,))
    held.waive(0)
    held.promote(0)
    assert hold(promoted, clock).current().id == audited
    fairness = promoted.home.releases / audited / "fairness.json"
    clock.at = AFTER
    with pytest.raises(NoReleaseError):
        hold(promoted, clock).current()
    fairness.unlink()
    with pytest.raises(IntegrityError):
        hold(promoted, clock).current()


def test_waivers_of_demo_keys_do_not_carry_a_release_outside_the_demo(promoted: Promoted, clock: Clock) -> None:
    promoted.waive(1)
    promoted.promote(1)
    with pytest.raises(NoReleaseError):
        ChampionHolder(promoted.home, allow_demo=False, clock=clock).current()


def test_service_starts_on_the_release_before_when_the_waiver_is_over(promoted: Promoted) -> None:
    plain = promoted.promote(0, at=MONDAY - timedelta(days=400))
    promoted.waive(1, until=(MONDAY - timedelta(days=300)).date(), at=MONDAY - timedelta(days=310))
    promoted.promote(1, at=MONDAY - timedelta(days=309))
    settings = read_settings({"LEVENSLOOP_HOME": str(promoted.home.path), "LEVENSLOOP_DEMO": "1"})
    assert verify_release(settings).id == plain
    rollback_release(promoted.home, who="Dana", why="make it so", allow_demo=True)
    assert verify_release(settings).id == plain


# ---- kill switches --------------------------------------------------------------------------------------------------


@dataclass
class Switch:
    """Turns kill switches in the store of the test bank."""

    home: Home
    key: PrivateKey

    def turn(self, event: str, state: Any) -> None:
        set_kill_switch(self.home, event, state, role="operations", private_key=self.key, reason="complaints")


@pytest.fixture
def switch(make_board: Callable[..., Any], tmp_path: Path) -> Switch:
    board = make_board(tmp_path)
    return Switch(board.home, board.keys["operations"])


def told(response: Any) -> tuple[list[str], set[str]]:
    """Events of an answer, and every event that an offer or a held-back offer names."""
    body = response.json()
    offered = [event["event"] for event in body["events"] if event["offers"]]
    return [event["event"] for event in body["events"]], {*offered, *(held["event"] for held in body["held_back"])}


def test_stopped_event_is_neither_told_nor_offered_on_from_the_next_request_on(bank: Any, switch: Switch) -> None:
    bank.record("consented")
    bank.detector.find("child_birth", onset=date(2026, 11, 20))
    bank.detector.find("travel_booked", onset=date(2026, 11, 19))
    assert told(bank.ask()) == (["child_birth", "travel_booked"], {"child_birth", "travel_booked"})
    switch.turn("child_birth", "on")
    # The offer on the other event is no longer held back for the sake of the first.
    assert told(bank.ask()) == (["travel_booked"], {"travel_booked"})
    assert bank.ask().json()["events"][0]["offers"][0]["product"] == "travel_insurance"
    switch.turn("child_birth", "off")
    assert told(bank.ask())[0] == ["child_birth", "travel_booked"]


def test_event_that_is_stopped_while_a_question_is_judged_is_not_told(bank: Any, switch: Switch) -> None:
    bank.record("consented")
    bank.detector.find("child_birth", onset=date(2026, 11, 20))
    bank.detector.find("travel_booked", onset=date(2026, 11, 19))
    bank.detector.before_answer = lambda: switch.turn("child_birth", "on")
    assert told(bank.ask()) == (["travel_booked"], {"travel_booked"})
    with bank.store.read() as connection:
        row = connection.execute(sa.select(trail.c.body).where(trail.c.kind == "events_answered")).scalar_one()
    assert (json.loads(row)["body"]["events"], json.loads(row)["body"]["offers"]) == (["travel_booked"], [])


def test_stopped_event_is_not_told_from_the_store_nor_to_a_batch(bank: Any, switch: Switch, booking: Any) -> None:
    from models.bookings import bookings_from_records
    from serving.nightly import run_nightly

    bank.record("consented")
    bank.detector.find("child_birth", onset=date(2026, 11, 20))
    gate = bank.desk.gate
    run_nightly(
        bookings_from_records([booking(customer_id="c-1")], source="test").frame, as_of=date(2026, 11, 21),
        store=bank.store, release=gate.releases.current(), registry=gate.registry, detect=bank.detector,
        clock=gate.clock,
    )  # fmt: skip
    batch = {"customer_ids": ["c-1"], "purpose": "own_product_offers"}
    for state, events in (("off", ["child_birth"]), ("on", []), ("off", ["child_birth"])):
        switch.turn("child_birth", state)
        assert told(bank.ask(bookings=None))[0] == events
        (result,) = bank.client.post("/v1/events:batch", json=batch).json()["results"]
        assert [event["event"] for event in result["answer"]["events"]] == events


def test_stopped_care_event_still_keeps_others_from_selling(bank: Any, switch: Switch) -> None:
    bank.record("consented")
    bank.detector.find("travel_booked", onset=date(2026, 11, 19))
    bank.detector.find("bereavement", onset=date(2026, 11, 1))
    switch.turn("bereavement", "on")
    body = bank.ask().json()
    assert [event["event"] for event in body["events"]] == ["travel_booked"]
    assert body["events"][0]["offers"] == []
    assert {held["reason"] for held in body["held_back"]} == {"care_event"}


# ---- the real service -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served(promoted_once: Promoted, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Promoted]:
    """A server whose champion rests on a waiver in force, started by somebody who holds the vault's key."""
    folder, now = tmp_path_factory.mktemp("served"), datetime.now(UTC)
    promoted = promoted_once.copy_to(folder / "home")
    promoted.promote(0, at=now)
    promoted.waive(1, until=now.date() + timedelta(days=2), at=now)
    promoted.promote(1, at=now)
    key = folder / "audit" / "vault.key"
    keep_vault(promoted.home, key)
    watch = folder / "watch"
    watch.mkdir()
    (watch / "sitecustomize.py").write_text(WATCH)
    settings = read_settings(
        {"LEVENSLOOP_HOME": str(promoted.home.path), "LEVENSLOOP_DEMO": "1", "LEVENSLOOP_PORT": "3480"}
    )
    run = promoted.home.path / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VAULT_KEY_FILE, str(key))
        patch.setenv(VAULT_PASSPHRASE, WORDS)
        patch.setenv("PYTHONPATH", os.pathsep.join([str(watch), str(ROOT)]))
        patch.setenv("WATCHED", str(watch / "seen"))
        try:
            start_server(settings, run, wait_seconds=120)
            yield promoted
        finally:
            stop_server(run)


@pytest.fixture
def url(served: Promoted) -> str:
    server = find_server(served.home.path / "run")
    assert server is not None
    return server.url


def keep_vault(home: Home, key: Path) -> None:
    groups = home.path.parent / "groups.csv"
    groups.write_text("customer_id,religion\nc-1,none\n")
    create_vault(
        home, groups, purpose="fairness_audit", delete_after=datetime.now(UTC).date() + timedelta(days=9),
        key_file=key, passphrase=WORDS, who="Dana", remove_source=True,
    )  # fmt: skip


def ask_all(url: str, question: dict[str, Any], key: dict[str, str]) -> tuple[set[str], set[str]]:
    """Model versions and events of many answers on connections of their own, so that both workers speak."""
    given = {"json": question, "headers": key, "trust_env": False, "timeout": 30}
    bodies = [httpx.post(f"{url}/v1/events", **given).json() for _ in range(10)]
    return {b["release"]["model_version"] for b in bodies}, {e["event"] for b in bodies for e in b["events"]}


def run_levensloop(home: Home, *arguments: str) -> None:
    environ = {**os.environ, "LEVENSLOOP_HOME": str(home.path), "LEVENSLOOP_PASSPHRASE": "secret"}
    command = [sys.executable, "-m", "models.command_line", *arguments]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_no_process_of_the_service_has_the_key_of_the_vault_or_tries_to_open_it(
    served: Promoted, url: str, caller: Any, question: dict[str, Any]
) -> None:
    # Before the other test of this server: whatever its commands import is seen by the watch too.
    server = find_server(served.home.path / "run")
    assert server is not None
    client = caller(served.home.database_url)
    asked = {**question, "customer_id": "c-2"}
    assert httpx.post(f"{url}/v1/events", json=asked, headers=client, trust_env=False).status_code == 403
    pids = [server.pid, *children(server.pid)]
    assert len(pids) >= 3  # the starter and two workers
    for pid in pids:
        environ = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"LEVENSLOOP_HOME=" in environ
        assert b"VAULT" not in environ
    seen = Path(os.environ["WATCHED"]).read_text().splitlines()
    assert {f"started {pid}" for pid in pids} <= set(seen)
    assert [line for line in seen if not line.startswith("started ")] == []
    # Whoever does try is seen by the same watch.
    run_levensloop(served.home, "vault", "status")
    tried = Path(os.environ["WATCHED"]).read_text()
    assert "import training.fairness.vault\n" in tried
    assert f"open {served.home.vault / 'groups.vault'}\n" in tried


@pytest.mark.slow
def test_running_workers_honour_kill_switch_and_end_of_waiver_at_once(
    served: Promoted, url: str, caller: Any, question: dict[str, Any]
) -> None:
    consent = {"customer_id": "c-1", "purpose": "own_product_offers", "action": "consented"}
    client = caller(served.home.database_url)
    once = {**client, "Idempotency-Key": "1"}
    answer = httpx.post(f"{url}/v1/permissions", json=consent, headers=once, trust_env=False)
    assert answer.status_code == 201
    plain, waived = (load_release(served.home, name).model_version for name in served.ids[:2])
    assert ask_all(url, question, client) == ({waived}, {"child_birth"})
    key = ("--role", "operations", "--key", str(served.home.keys / "operations.pem"), "--reason", "complaints")
    run_levensloop(served.home, "kill-switch", "child_birth", "on", *key)
    assert ask_all(url, question, client) == ({waived}, set())
    run_levensloop(served.home, "kill-switch", "child_birth", "off", *key)
    assert ask_all(url, question, client) == ({waived}, {"child_birth"})
    # Nobody waits two days here: the waiver in force is exchanged for one that the same persons signed and that ended.
    waivers = served.home.releases / served.ids[1] / "waivers"
    shutil.rmtree(served.home.candidates / served.ids[1] / "waivers")
    shutil.rmtree(waivers)
    served.waive(1, until=LAST_DAY - timedelta(days=20), at=MONDAY - timedelta(days=10))
    shutil.copytree(served.home.candidates / served.ids[1] / "waivers", waivers)
    assert ask_all(url, question, client) == ({plain}, {"child_birth"})
    assert [row["fallen_to"] for row in served.fallbacks()] == [served.ids[0]]
    assert httpx.get(f"{url}/readyz", trust_env=False).status_code == 200


def children(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it ended in the meantime
            continue
        if parent == pid:
            child = int(path.parent.name)
            found += [child, *children(child)]
    return found
