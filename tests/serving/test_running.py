"""The real thing: two BentoML workers on a demo release, started, asked, refused and stopped."""

import fcntl
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.errors import IntegrityError, LevensloopError, NoReleaseError
from models.home import Home
from serving.running import build_environment, find_port, find_server, start_server, stop_server
from serving.settings import Settings, read_settings

CONSENT = {"customer_id": "c-1", "purpose": "own_product_offers", "action": "consented"}


@pytest.fixture(scope="module")
def settings(
    make_board: Callable[..., Any], make_served: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    board = make_board(tmp_path_factory.mktemp("home"), demo=True)
    candidate = board.sign(make_served(board, fairness={"findings": []}))
    board.promote(candidate.id, allow_demo=True)
    return read_settings({"LEVENSLOOP_HOME": str(board.home.path), "LEVENSLOOP_DEMO": "1", "LEVENSLOOP_PORT": "3400"})


@pytest.fixture(scope="module")
def key(settings: Settings, caller: Callable[..., dict[str, str]]) -> dict[str, str]:
    """The headers of a client."""
    return caller(settings.home.database_url)


@pytest.fixture(scope="module")
def folder(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a running server."""
    folder = tmp_path_factory.mktemp("run")
    try:
        start_server(settings, folder, wait_seconds=120)
        yield folder
    finally:
        stop_server(folder)


@pytest.mark.slow
def test_two_workers_answer_refuse_and_stop(
    settings: Settings, folder: Path, key: dict[str, str], question: dict[str, Any]
) -> None:
    server = find_server(folder)
    assert server is not None
    with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
        assert (client.get("/livez").status_code, client.get("/readyz").status_code) == (200, 200)
        for path in ("/", "/docs.json", "/schema.json", "/metrics", "/healthz", "/v1/docs"):
            response = client.get(path)
            assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")
        response = client.post("/livez")
        assert (response.status_code, response.headers["content-type"]) == (405, "application/problem+json")
        assert client.post("/v1/events", json=question).status_code == 401
        client.headers.update(key)
        assert client.post("/v1/events", json=question).status_code == 403
        assert client.post("/v1/permissions", json=CONSENT, headers={"Idempotency-Key": "1"}).status_code == 201
        answer = client.post("/v1/events", json=question).json()
        assert [(event["event"], event["evidence"]) for event in answer["events"]] == [("child_birth", ["b1"])]
        # Withdrawn on one connection is withdrawn on every other, whichever worker it reaches.
        withdrawn = {**CONSENT, "action": "withdrawn"}
        assert client.post("/v1/permissions", json=withdrawn, headers={"Idempotency-Key": "2"}).status_code == 201
    address = f"{server.url}/v1/events"
    statuses = [httpx.post(address, json=question, headers=key, trust_env=False).status_code for _ in range(8)]
    assert statuses == [403] * 8
    counts = httpx.get(f"{server.url}/v1/metrics", trust_env=False).text
    assert 'levensloop_requests_total{method="POST",route="/v1/events",status="403"} 9.0' in counts
    log = server.log.read_text()
    assert log.count("POST /v1/events 403") == 9
    assert "KINDERBIJSLAG" not in log
    assert "BAKKER" not in log
    assert len({line.split()[3] for line in log.splitlines() if " POST /v1/" in line}) <= 2
    until = time.monotonic() + 30  # the first worker answers before the second one is there
    while (started := server.log.read_text().count("Service levensloop initialized")) < 2 and time.monotonic() < until:
        time.sleep(0.1)
    assert started == 2
    again = start_server(settings, folder)
    assert again == server


@pytest.mark.slow
def test_stopped_server_is_gone(settings: Settings, folder: Path) -> None:
    server = find_server(folder)
    assert server is not None
    assert stop_server(folder)
    assert find_server(folder) is None
    assert not stop_server(folder)
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{server.url}/livez", trust_env=False)
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)


def test_nothing_starts_without_a_release(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(NoReleaseError):
        start_server(replace(settings, home=Home(tmp_path)), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_nothing_starts_on_demo_keys_outside_a_demo(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(IntegrityError):
        start_server(replace(settings, demo=False), tmp_path)


@pytest.mark.slow
def test_bare_bentoml_serve_ends_with_exit_code_30_on_a_tampered_release(settings: Settings, tmp_path: Path) -> None:
    home = tmp_path / "home"
    subprocess.run(["cp", "-r", str(settings.home.path), str(home)], check=True)
    (taxonomy,) = (home / "releases").glob("*/taxonomy.toml")
    taxonomy.chmod(0o600)
    taxonomy.write_text(taxonomy.read_text().replace('"Kinderrekening"', '"Krediet"'))
    tampered = replace(settings, home=Home(home), port=find_port("127.0.0.1", 3450))
    with pytest.raises(IntegrityError):
        start_server(tampered, tmp_path / "run")
    ended = subprocess.run(
        [sys.executable, "-m", "bentoml", "serve", "serving.service:LevensloopService"],
        env=build_environment(tampered), cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert ended.returncode == 30
    assert [line for line in ended.stderr.splitlines() if line.startswith("levensloop: ")]
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_an_answered_request_leaves_no_timer_behind(settings: Settings, tmp_path: Path) -> None:
    code = """
import asyncio, httpx
from serving.service import LevensloopService
async def ask():
    transport = httpx.ASGITransport(LevensloopService.to_asgi())
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        answers = [await client.get("/v1/nothing") for _ in range(30)]
    print({answer.status_code for answer in answers}, len(asyncio.get_running_loop()._scheduled))
asyncio.run(ask())
"""
    asked = subprocess.run(
        [sys.executable, "-c", code], env=build_environment(settings), cwd=tmp_path, capture_output=True, text=True,
        timeout=100, check=True,
    )  # fmt: skip
    assert asked.stdout.splitlines()[-1] == "{404} 0"


def test_port_that_is_taken_is_left_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert find_port("127.0.0.1", port) > port


def test_left_over_pid_file_is_no_server(tmp_path: Path) -> None:
    (tmp_path / "server.json").write_text(json.dumps({"pid": os.getpid(), "url": "http://127.0.0.1:1"}))
    assert find_server(tmp_path) is None
    assert not stop_server(tmp_path)


def test_second_starter_is_told_to_wait(settings: Settings, tmp_path: Path) -> None:
    with (tmp_path / "server.json").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(LevensloopError, match="being started"):
            start_server(settings, tmp_path)
