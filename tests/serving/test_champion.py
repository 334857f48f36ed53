"""A promotion or rollback reaches the running service with the next request, and nothing else answers."""

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from models.errors import IntegrityError, NoReleaseError
from models.home import Home
from models.promotion import promote_release, rollback_release
from models.release import Release, load_release
from serving.champion import ChampionHolder

MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Signed:
    """A home with three candidates that the whole board signed, oldest first."""

    home: Home
    ids: tuple[str, ...]

    def promote(self, place: int) -> str:
        promote_release(self.home, self.ids[place], who="Dana", why="better", at=MONDAY)
        return self.ids[place]

    def roll_back(self) -> None:
        rollback_release(self.home, who="Dana", why="worse after all", at=MONDAY)


@dataclass
class CountingLoader:
    """Opens releases as the service does and remembers which; `before` runs first."""

    loaded: list[str] = field(default_factory=list)
    before: Callable[[], None] = lambda: None

    def __call__(self, home: Home, release_id: str, **options: Any) -> Release:
        self.before()
        self.loaded.append(release_id)
        return load_release(home, release_id, **options)


@pytest.fixture(scope="module")
def signed_once(make_board: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Signed:
    board = make_board(tmp_path_factory.mktemp("home"))
    taxonomy = resources.files("models").joinpath("taxonomy.toml").read_text("utf-8")
    made = [board.sign(board.candidate(shift=shift, taxonomy_toml=taxonomy)) for shift in (0.0, 0.1, 0.2)]
    return Signed(board.home, tuple(candidate.id for candidate in made))


@pytest.fixture
def signed(signed_once: Signed, tmp_path: Path) -> Signed:
    folder = tmp_path / "home"
    shutil.copytree(signed_once.home.path, folder)
    return Signed(Home(folder), signed_once.ids)


def test_promotion_and_rollback_answer_from_the_next_request_on(signed: Signed, bank: Any, rebuild: Any) -> None:
    bank.record("consented")
    bank.detector.find("child_birth", onset=date(2026, 10, 1))
    loader = CountingLoader()
    client = rebuild(bank, releases=ChampionHolder(signed.home, allow_demo=False, load=loader))

    def ask() -> str:
        answer = bank.ask(client=client).json()
        return str(answer["release"]["model_version"])

    first = signed.promote(0)
    version = ask()
    assert ask() == version
    second = signed.promote(1)
    assert ask() != version
    signed.roll_back()
    assert ask() == version
    # The release before was kept open: going back loads nothing.
    assert loader.loaded == [first, second]
    third = signed.promote(2)
    ask()
    signed.roll_back()
    ask()
    assert loader.loaded == [first, second, third]


def test_without_a_champion_nothing_is_answered(signed: Signed, bank: Any, rebuild: Any) -> None:
    bank.record("consented")
    holder = ChampionHolder(signed.home, allow_demo=False)
    client = rebuild(bank, releases=holder)
    response = bank.ask(client=client)
    assert (response.status_code, response.json()["type"]) == (503, "urn:levensloop:problem:release-unavailable")
    with pytest.raises(NoReleaseError):
        holder.current()
    signed.promote(0)
    assert bank.ask(client=client).status_code == 200
    (signed.home.releases / "champion.json").unlink()
    assert bank.ask(client=client).status_code == 503


def test_promoted_release_that_does_not_verify_answers_503_until_the_rollback(
    signed: Signed, bank: Any, rebuild: Any
) -> None:
    bank.record("consented")
    holder = ChampionHolder(signed.home, allow_demo=False)
    client = rebuild(bank, releases=holder)
    signed.promote(0)
    assert bank.ask(client=client).status_code == 200
    taxonomy = signed.home.releases / signed.promote(1) / "taxonomy.toml"
    taxonomy.chmod(0o600)
    taxonomy.write_text(taxonomy.read_text() + "# changed\n")
    assert bank.ask(client=client).status_code == 503
    with pytest.raises(IntegrityError):
        holder.current()
    assert not replace(bank.desk, gate=replace(bank.desk.gate, releases=holder)).is_ready()
    signed.roll_back()
    assert bank.ask(client=client).status_code == 200


def test_requests_that_meet_a_new_release_together_open_it_once(signed: Signed) -> None:
    together = threading.Barrier(4)
    first_is_loading = threading.Event()
    loader = CountingLoader(before=lambda: first_is_loading.wait(0.2))
    holder = ChampionHolder(signed.home, allow_demo=False, load=loader)
    expected = signed.promote(0)
    found: list[str] = []

    def ask() -> None:
        together.wait()
        found.append(holder.current().id)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4
    assert loader.loaded == [expected]
