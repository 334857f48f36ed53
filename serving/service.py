"""The BentoML service: two workers around the API and the pages, started only on a release that verifies.

BentoML spawns the workers, shares the socket and drains on SIGTERM. It gets no `@bentoml.api`: such an endpoint takes
forms and text from any web page. Start it with `levensloop serve`; `bentoml serve serving.service:LevensloopService`
does the same when the environment is set as `serving.running.build_environment` does.
"""

import gc
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import bentoml
from bentoml._internal.server.http import traffic
from prometheus_client import REGISTRY
from starlette.types import ASGIApp, Receive, Scope, Send

from models.errors import LevensloopError
from serving.addresses import PREFIX
from serving.app import build_api, build_routes, find_client_of
from serving.edge import Edge
from serving.observation import build_observer, configure_logs
from serving.opening import open_desk, verify_release
from serving.pages.addresses import PREFIX as PAGES_PREFIX
from serving.pages.app import build_pages, build_reception, build_routes_of_pages
from serving.policy import default_policy
from serving.settings import check_telemetry_off, check_vault_closed, read_settings

# Read when the first request is traced; without it a bare `bentoml serve` would keep every request in memory.
os.environ.setdefault("OTEL_SDK_DISABLED", "true")

T = TypeVar("T")


def _or_stop(step: Callable[[], T]) -> T:
    """The result of a step, or the end of this process with one sentence and the error's exit code."""
    try:
        return step()
    except LevensloopError as error:
        sys.stderr.write(f"levensloop: {error}\n")
        sys.exit(error.exit_code)


def refuse_to_start() -> None:
    """In the starting process, before any worker exists: without a verified release nothing starts."""
    _or_stop(check_telemetry_off)
    _or_stop(check_vault_closed)
    _or_stop(lambda: verify_release(SETTINGS))


class Untimed:
    """In the place of BentoML's timeout, whose timers keep every request, answered or not, until they ring.

    `Edge` bounds the time of each request and each probe, and cancels its timers.
    """

    def __init__(self, app: ASGIApp, timeout: float) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on."""
        await self.app(scope, receive, send)


traffic.TimeoutMiddleware = Untimed  # BentoML 1.4 has no setting without one
SETTINGS = _or_stop(read_settings)
LIMITS = default_policy().limits
API, PAGES = build_api(), build_pages()


class Worker:
    """One worker: a verified release, the store and the gate between them."""

    refuse_to_start = bentoml.on_deployment(refuse_to_start)

    def __init__(self) -> None:
        configure_logs()
        API.state.desk = PAGES.state.desk = _or_stop(lambda: open_desk(SETTINGS))
        # What is loaded now lives as long as the process: keep the collector from walking it while somebody waits.
        gc.collect()
        gc.freeze()

    def __is_ready__(self) -> bool:
        """Ready while the store answers and the champion verifies."""
        return API.state.desk is not None and API.state.desk.is_ready()


LevensloopService = bentoml.service(
    name="levensloop",
    workers=SETTINGS.workers,
    http={"host": SETTINGS.host, "port": SETTINGS.port},
    # BentoML's own limits answer in another shape, and its metrics and access log carry raw paths; `Edge` does both.
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
)(Worker)
LevensloopService.mount_asgi_app(API, path=PREFIX)
LevensloopService.mount_asgi_app(PAGES, path=PAGES_PREFIX)
LevensloopService.add_asgi_middleware(
    Edge,
    routes={**build_routes(LIMITS), **build_routes_of_pages(LIMITS)},
    limits=LIMITS,
    find_client=partial(find_client_of, API),
    observe=build_observer(REGISTRY),
    reception=build_reception(PAGES),
)
