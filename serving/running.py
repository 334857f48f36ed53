"""Starting and stopping the service: in the foreground for operators, in the background for the demo.

The release is verified before anything is spawned, so a bad one ends in one sentence and an exit code instead of
workers that die and come back. The background server holds a lock on its pid file; the lock, not the number in the
file, says whether it still runs. For POSIX systems.
"""

import fcntl
import importlib.util
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import httpx

from models.command_line import TELEMETRY_OFF
from models.errors import LevensloopError, UsageError
from models.home import VAULT_VARIABLES
from serving.settings import FIRST_PORT, Settings

PORTS_TRIED = 100
SERVICE = "serving.service:LevensloopService"


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server in the background."""

    pid: int
    url: str
    log: Path


def build_environment(settings: Settings, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of the server process: these settings, no telemetry, no key of the vault, one thread per worker.

    BentoML's own home goes below ours: there it keeps the counts of all workers, and it empties that folder at start.
    """
    environ = os.environ if environ is None else environ
    return {
        **{name: value for name, value in environ.items() if name not in VAULT_VARIABLES},
        **TELEMETRY_OFF,
        "BENTOML_HOME": str(settings.home.path / "bentoml"),
        "OMP_NUM_THREADS": "1",
        "LEVENSLOOP_HOME": str(settings.home.path),
        "LEVENSLOOP_DATABASE_URL": settings.home.database_url,
        "LEVENSLOOP_DEMO": str(int(settings.demo)),
        "LEVENSLOOP_STRICT_CUSTOMERS": str(int(settings.strict_customers)),
        "LEVENSLOOP_HOST": settings.host,
        "LEVENSLOOP_PORT": str(settings.port),
        "LEVENSLOOP_WORKERS": str(settings.workers),
        "LEVENSLOOP_SIGN_ON_HEADER": settings.sign_on_header,
        "LEVENSLOOP_SIGN_ON_SECRET_FILE": str(settings.sign_on_secret_file or ""),
        "LEVENSLOOP_BOOKINGS": str(settings.bookings or ""),
    }


def serve(settings: Settings) -> None:
    """Become the server; returns only by raising.

    Raises
    ------
    NoReleaseError, IntegrityError
        There is no release, or it does not verify.
    UsageError
        The port is taken.
    """
    _verify(settings)
    if not _is_free(settings.host, settings.port):
        raise UsageError(f"Port {settings.port} is taken. Stop what uses it, or give another with --port.")
    command = _command(settings)
    os.execve(command[0], command, build_environment(settings))  # noqa: S606 - our own interpreter and service


def start_server(settings: Settings, folder: Path, *, wait_seconds: float = 90) -> RunningServer:
    """Start the server in the background on the first free port from the one in the settings, and wait until ready.

    `folder` receives `server.log` and `server.json` (pid, url). A server that runs there already is given back.

    Raises
    ------
    NoReleaseError, IntegrityError
        There is no release, or it does not verify.
    UsageError
        No port is free.
    LevensloopError
        The server ended or was not ready in time; its log says why.
    """
    running = find_server(folder)
    if running is not None:
        return running
    _verify(settings)
    settings = replace(settings, port=find_port(settings.host, settings.port))
    folder.mkdir(parents=True, exist_ok=True)
    server = RunningServer(0, f"http://{settings.host}:{settings.port}", folder / "server.log")
    with _pid_file(folder).open("a+") as lock:
        if not _take(lock):
            raise LevensloopError("Another server is being started with this folder. Wait until it is ready.")
        os.set_inheritable(lock.fileno(), True)  # the child keeps the lock for as long as it lives
        server = replace(server, pid=_spawn(settings, server.log))
        lock.truncate(0)
        lock.write(json.dumps({"pid": server.pid, "url": server.url}))
    _wait_until_ready(server, folder, wait_seconds=wait_seconds)
    return server


def find_server(folder: Path) -> RunningServer | None:
    """The server that runs with this folder, or None.

    Raises
    ------
    LevensloopError
        One is being started this very moment.
    """
    try:
        with _pid_file(folder).open("r+") as lock:
            if _take(lock):
                return None
            found = json.load(lock)
            return RunningServer(int(found["pid"]), str(found["url"]), folder / "server.log")
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise LevensloopError("A server is being started with this folder. Wait until it is ready.") from error


def stop_server(folder: Path, *, wait_seconds: float = 45) -> bool:
    """Stop the server of this folder: SIGTERM, wait while requests are finished; True when there was one.

    Raises
    ------
    LevensloopError
        It did not end in time.
    """
    server = find_server(folder)
    if server is None:
        return False
    os.kill(server.pid, signal.SIGTERM)
    deadline = time.monotonic() + wait_seconds
    while find_server(folder) is not None:
        if time.monotonic() > deadline:
            raise LevensloopError(f"The server did not end in {wait_seconds:.0f} seconds. Look into its log.")
        time.sleep(0.1)
    _ended_with(server.pid)
    _pid_file(folder).unlink(missing_ok=True)
    return True


def find_port(host: str, first: int = FIRST_PORT) -> int:
    """The first free port from `first`.

    Raises
    ------
    UsageError
        A hundred ports in a row are taken.
    """
    for port in range(first, min(first + PORTS_TRIED, 65536)):
        if _is_free(host, port):
            return port
    raise UsageError(f"No port from {first} on is free. Stop a server or give another --port.")


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As the server does it: a port in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _command(settings: Settings) -> list[str]:
    found = importlib.util.find_spec("serving")
    root = Path(str(found and found.origin)).parent.parent
    address = ["--host", settings.host, "--port", str(settings.port)]
    # `-P`: nothing that lies in the folder we are started from is imported.
    return [sys.executable, "-P", "-m", "bentoml", "serve", SERVICE, "--working-dir", str(root), *address]


def _verify(settings: Settings) -> None:
    from serving.opening import verify_release  # the model libraries take seconds to import; stopping needs none

    verify_release(settings)


def _spawn(settings: Settings, log: Path) -> int:
    """The pid of a server in a session of its own, so that it outlives us and the terminal."""
    command = _command(settings)
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    return os.posix_spawn(command[0], command, build_environment(settings), file_actions=files, setsid=True)


def _wait_until_ready(server: RunningServer, folder: Path, *, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while time.monotonic() < deadline:
        code = _ended_with(server.pid)
        if code is not None:
            raise LevensloopError(f"The server ended with exit code {code}. Read {server.log.name}.")
        try:
            if httpx.get(f"{server.url}/readyz", timeout=2, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    stop_server(folder)
    raise LevensloopError(
        f"The server was not ready in {wait_seconds:.0f} seconds and was stopped. Read {server.log.name}."
    )


def _ended_with(pid: int) -> int | None:
    """The exit code of our own child when it has ended; None when it runs or is not ours."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if ended else None


def _take(lock: IO[str]) -> bool:
    """Lock the file, unless a server holds it; the lock ends when the last process that has the file open ends."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _pid_file(folder: Path) -> Path:
    return folder / "server.json"
