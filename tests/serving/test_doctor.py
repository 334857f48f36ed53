"""The doctor: a sound installation is fine, and each thing that can be wrong is named, with its exit code."""

import os
import shutil
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from models.command_line import TELEMETRY_OFF
from models.errors import NoReleaseError
from models.store import open_store
from models.trail import append_trail
from serving import doctor
from serving.commands import app
from serving.doctor import Finding, examine
from serving.settings import Settings, read_settings

NOW = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(scope="module")
def promoted(make_board: Any, make_served: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    board = make_board(tmp_path_factory.mktemp("doctor") / "home", demo=True)
    board.promote(board.sign(make_served(board, fairness={"findings": []})).id, allow_demo=True)
    path: Path = board.home.path
    return path


@pytest.fixture
def settings(promoted: Path, tmp_path: Path, caller: Callable[..., Any]) -> Settings:
    home = tmp_path / "home"
    shutil.copytree(promoted, home)
    found = read_settings({"LEVENSLOOP_HOME": str(home), "LEVENSLOOP_DEMO": "1"})
    caller(found.home.database_url)
    return found


def wrong(settings: Settings, *, now: datetime | None = None, **environ: str) -> dict[str, int]:
    """Subjects of what is wrong or deserves a look, with their exit codes."""
    found = examine(settings, {**TELEMETRY_OFF, **environ}, now=now or datetime.now(UTC))
    assert all(str(finding)[:5].strip() in ("fine", "look", "WRONG") for finding in found)
    return {finding.subject: finding.exit_code for finding in found if finding.exit_code or finding.is_warning}


def test_sound_installation_is_fine(settings: Settings) -> None:
    assert wrong(settings) == {}


def test_place_where_nothing_is_yet_says_what_to_do(tmp_path: Path) -> None:
    nowhere = read_settings({"LEVENSLOOP_HOME": str(tmp_path / "none")})
    assert wrong(nowhere) == {"home": 0, "release": 13, "keys": 0, "store": 0}
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("name", ["levensloop.db", "keys/owner.pem"])
def test_file_that_others_can_read_is_named(settings: Settings, name: str) -> None:
    (settings.home.path / name).chmod(0o644)
    assert wrong(settings) == {"home": 2}
    told = [str(finding) for finding in examine(settings, TELEMETRY_OFF, now=datetime.now(UTC))]
    assert f"WRONG  home: {name} can be read by others. Run chmod 600 on it" in told


def test_tampered_release_and_key_registry_are_found(settings: Settings) -> None:
    (taxonomy,) = (settings.home.releases).glob("*/taxonomy.toml")
    taxonomy.chmod(0o600)
    taxonomy.write_text(taxonomy.read_text().replace('"Kinderrekening"', '"Krediet"'))
    assert wrong(settings) == {"release": 30}
    registry = settings.home.keys / "registry.json"
    registry.chmod(0o600)
    registry.write_text(registry.read_text().replace('"role": "owner"', '"role": "operations"'))
    found = wrong(settings)
    assert (found["release"], found["keys"]) == (30, 30)


def test_store_that_is_no_database_is_found(settings: Settings) -> None:
    for path in settings.home.path.glob("levensloop.db-*"):
        path.unlink()
    settings.home.database_file.write_bytes(b"not a database" * 100)
    assert wrong(settings) == {"store": 21}


def test_clock_that_was_set_back_is_found(settings: Settings) -> None:
    store = open_store(settings.home.database_url)
    with store.write() as connection:
        append_trail(connection, "test", {}, at=datetime.now(UTC) + timedelta(hours=1))
    store.close()
    assert wrong(settings) == {"clock": 30}
    assert wrong(settings, now=datetime.now(UTC) + timedelta(hours=2)) == {}


@pytest.mark.parametrize(("free", "expected"), [(50_000_000, {"disk": 21}), (500_000_000, {"disk": 0})])
def test_disk_without_room_is_found(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, free: int, expected: dict[str, int]
) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _path: Usage(1, 1, free))
    assert wrong(settings) == expected


def test_telemetry_and_the_vaults_key_are_found(settings: Settings) -> None:
    assert wrong(settings, BENTOML_DO_NOT_TRACK="False") == {"environment": 2}
    assert wrong(settings, LEVENSLOOP_VAULT_KEY_FILE="vault.key") == {"environment": 2}


@pytest.mark.parametrize("library", ["bentoml", "mlflow", "skops", "jinja2"])
def test_library_with_a_known_hole_is_found(settings: Settings, monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    """Below the floor of pyproject.toml, whose comments name the holes."""
    installed = metadata.version

    monkeypatch.setattr(doctor.metadata, "version", lambda name: "0.9" if name == library else installed(name))
    assert wrong(settings) == {"versions": 2}


def test_installation_without_clients_deserves_a_look(settings: Settings) -> None:
    from serving.clients import list_clients, revoke_client

    store = open_store(settings.home.database_url)
    for client in list_clients(store):
        revoke_client(store, client.name, at=datetime.now(UTC))
    store.close()
    assert wrong(settings) == {"clients": 0}


def test_exit_code_is_that_of_the_worst(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEVENSLOOP_HOME", str(settings.home.path))
    for name, value in TELEMETRY_OFF.items():
        monkeypatch.setenv(name, value)
    settings.home.database_file.chmod(0o644)
    ran = CliRunner().invoke(app, ["doctor", "--demo"])
    assert ran.exit_code == 2
    monkeypatch.setattr(doctor, "verify_release", _no_release)
    ran = CliRunner().invoke(app, ["doctor", "--demo"])
    assert ran.exit_code == 13
    assert "WRONG  release: Nothing is promoted." in ran.stdout
    assert os.environ["LEVENSLOOP_HOME"] == str(settings.home.path)


def _no_release(_settings: Settings) -> None:
    raise NoReleaseError("Nothing is promoted.")


def test_words_say_how_bad_it_is() -> None:
    lines = [str(Finding("a", "b", code, look)) for code, look in ((0, False), (0, True), (30, False))]
    assert lines == ["fine   a: b", "look   a: b", "WRONG  a: b"]


def test_pages_that_are_not_configured_well_are_found(settings: Settings, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s" * 40)
    secret.chmod(0o640)
    half = replace(settings, sign_on_header="X-Bank-User")
    assert wrong(half) == {"pages": 2}
    assert wrong(replace(half, sign_on_secret_file=secret)) == {"pages": 2}
    secret.chmod(0o600)
    assert wrong(replace(half, sign_on_secret_file=secret)) == {}
    assert wrong(replace(settings, bookings=tmp_path / "gone.parquet")) == {"pages": 2}
    settings.home.link_key.write_text("x")
    settings.home.link_key.chmod(0o644)
    assert wrong(settings) == {"home": 2}
