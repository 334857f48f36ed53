"""What is shipped: a Bento without training code and MLflow that serves, and a service that needs neither."""

import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.errors import UsageError
from models.home import VAULT_VARIABLES
from serving.running import build_environment, find_port
from serving.settings import Settings, check_vault_closed, read_settings

ROOT = Path(__file__).parents[2]
AT_HOME = {"fairlearn", "matplotlib", "mlflow"}  # libraries of training, which no Bento holds
WITHOUT = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"training", "fairlearn", "matplotlib", "mlflow"}:
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
import serving.service
from serving.opening import open_desk
from starlette.testclient import TestClient
desk = serving.service.API.state.desk = open_desk(serving.service.SETTINGS)
assert desk.is_ready()
print(sorted({name.split(".")[0] for name in sys.modules} & {"training", "fairlearn", "matplotlib", "mlflow"}))
"""


@pytest.fixture(scope="module")
def settings(make_board: Any, make_served: Any, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    board = make_board(tmp_path_factory.mktemp("bento") / "home", demo=True)
    board.promote(board.sign(make_served(board, fairness={"findings": []})).id, allow_demo=True)
    port = str(find_port("127.0.0.1", 3460))
    return read_settings({"LEVENSLOOP_HOME": str(board.home.path), "LEVENSLOOP_DEMO": "1", "LEVENSLOOP_PORT": port})


def floors(lines: list[str]) -> dict[str, str]:
    """Version floors by library."""
    parts = (re.fullmatch(r"([\w-]+)(?:\[\w+\])?(.*)", line) for line in lines)
    return {found[1]: found[2] for found in parts if found}


def test_floors_of_the_bento_are_those_of_the_project() -> None:
    project = floors(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"])
    bento = floors(
        re.findall(r'^    - "([\w-]+[^"*]*)"$', (ROOT / "serving" / "bentofile.yaml").read_text(), re.MULTILINE)
    )
    assert bento == {name: floor for name, floor in project.items() if name not in AT_HOME}


@pytest.mark.slow
def test_service_imports_neither_training_nor_mlflow(settings: Settings, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WITHOUT], env={**build_environment(settings), "PYTHONPATH": str(ROOT)},
        cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout.splitlines()[-1:]) == (0, ["[]"]), ran.stderr


@pytest.mark.slow
def test_bento_holds_no_training_and_serves(settings: Settings, tmp_path: Path) -> None:
    environ = {**build_environment(settings), "BENTOML_HOME": str(tmp_path / "bentoml")}
    environ.pop("PYTHONPATH", None)
    build = [sys.executable, "-m", "bentoml", "build", "-f", "serving/bentofile.yaml", "--output", "tag", "."]
    subprocess.run(build, env=environ, cwd=ROOT, capture_output=True, timeout=200, check=True)
    (bento,) = (path for path in (tmp_path / "bentoml" / "bentos" / "levensloop").iterdir() if path.is_dir())
    source = bento / "src"
    assert {path.name for path in source.iterdir()} == {"models", "serving", "bentofile.yaml", "LICENSE"}
    assert {path.suffix for path in source.rglob("*") if path.is_file()}.isdisjoint({".pyc", ".db", ".pem", ".pkl"})
    requirements = (bento / "env" / "python" / "requirements.txt").read_text()
    assert not AT_HOME & {line.split(">")[0].split("=")[0] for line in requirements.splitlines()}
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-P", "-m", "bentoml", "serve", str(bento), "--port", str(settings.port)],
            env=environ, cwd=tmp_path, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            url = f"http://127.0.0.1:{settings.port}"
            until = time.monotonic() + 100
            while time.monotonic() < until and server.poll() is None and not is_ready(url):
                time.sleep(0.2)
            answer = httpx.post(f"{url}/v1/events", json={}, trust_env=False)
            assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False, timeout=2).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("name", VAULT_VARIABLES)
def test_key_of_the_vault_keeps_the_service_from_starting(name: str) -> None:
    check_vault_closed({})
    with pytest.raises(UsageError, match=name):
        check_vault_closed({name: "somewhere"})


@pytest.mark.slow
def test_bare_bentoml_serve_ends_where_the_vaults_key_is_at_hand(settings: Settings, tmp_path: Path) -> None:
    environ = {**build_environment(settings), VAULT_VARIABLES[0]: str(tmp_path / "vault.key"), "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-m", "bentoml", "serve", "serving.service:LevensloopService", "--working-dir", str(ROOT)],
        env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert [line for line in ended.stderr.splitlines() if line.startswith("levensloop: The key of the vault")]
    assert os.environ.get(VAULT_VARIABLES[0]) is None
