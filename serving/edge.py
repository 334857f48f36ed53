"""The outermost layer of the service: what may come in at all, and what every answer looks like.

BentoML opens pages of its own (an index, API descriptions, metrics with raw paths as labels), takes bodies of any size
and answers errors in three shapes. This layer stands in front of all of it: only known addresses pass, bodies are JSON
and bounded, time and concurrency are bounded, every error is a problem document, and what is logged or counted about a
request is its known address, never a path or text of the caller.
"""

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.deadline import SCOPE_KEY, Deadline
from serving.policy import Limits
from serving.problems import MEDIA_TYPE, problem_of_status

UNKNOWN = "(unknown)"


@dataclass(frozen=True, slots=True)
class Seen:
    """What may be known of a request afterwards; `route` is one of our own addresses or `(unknown)`."""

    method: str
    route: str
    status: int
    seconds: float
    request_id: str


@dataclass(frozen=True, slots=True)
class Route:
    """One address: how large a body it takes, in bytes, and whether it waits in the queue of busy requests."""

    body_bytes: int = 0
    is_probe: bool = False


class Edge:
    """ASGI middleware with the rules of this module.

    Parameters
    ----------
    app : ASGIApp
        What answers.
    routes : mapping of str to Route
        Every address that exists.
    limits : Limits
        Time and concurrency.
    observe : callable
        Called once per request, after its answer.
    """

    def __init__(
        self, app: ASGIApp, *, routes: Mapping[str, Route], limits: Limits, observe: Callable[[Seen], None]
    ) -> None:
        self.app = app
        self.routes = routes
        self.limits = limits
        self.observe = observe
        self.busy = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection; anything but HTTP and the start-up protocol is closed."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        out = _Outlet(scope, receive, send, request_id=str(uuid.uuid4()))
        known = scope["path"] in self.routes
        try:
            await self._pass_on(scope, receive, out)
        finally:
            seconds = time.perf_counter() - started
            route = scope["path"] if known else UNKNOWN
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            self.observe(Seen(method, route, out.status, seconds, out.request_id))

    async def _pass_on(self, scope: Scope, receive: Receive, out: "_Outlet") -> None:
        route = self.routes.get(scope["path"])
        if route is None:
            return await out.refuse(404)
        if route.is_probe:
            try:
                async with asyncio.timeout(self.limits.timeout_seconds):
                    return await self.app(scope, receive, out.send)
            except TimeoutError:
                return await out.refuse(504)
        if self.busy >= self.limits.requests_at_once:
            return await out.refuse(429)
        self.busy += 1
        deadline = Deadline()
        work = asyncio.ensure_future(self._work({**scope, SCOPE_KEY: deadline}, receive, out, route))
        work.add_done_callback(self._free)
        await asyncio.wait({work}, timeout=self.limits.timeout_seconds)
        if not work.done() and not out.started and deadline.give_up():
            # A thread cannot be stopped: it goes on, keeps its slot, and finds at its end that it came too late.
            return await out.refuse(504)
        if not work.done():
            # The trail says that it was answered, or the answer is leaving: it gets as long again.
            await asyncio.wait({work}, timeout=self.limits.timeout_seconds)
        return work.result() if work.done() else None

    async def _work(self, scope: Scope, receive: Receive, out: "_Outlet", route: Route) -> None:
        if scope["method"] in _WITH_BODY:
            try:
                async with asyncio.timeout(self.limits.timeout_seconds):
                    receive = await self._take_body(scope, receive, out, route)
            except TimeoutError:
                await out.refuse(504)
        if not out.started:
            await self.app(scope, receive, out.send)

    def _free(self, work: "asyncio.Future[None]") -> None:
        """The slot of a request whose work has ended; how it ended was said already when nobody waits any more."""
        self.busy -= 1
        if not work.cancelled():
            work.exception()

    async def _take_body(self, scope: Scope, receive: Receive, out: "_Outlet", route: Route) -> Receive:
        """Read the body up to the limit of its address; a body that is too large is not read to its end."""
        headers = Headers(scope=scope)
        if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            await out.refuse(415)
            return receive
        declared = headers.get("content-length", "0")
        if declared.isdigit() and int(declared) > route.body_bytes:
            await out.refuse(413)
            return receive
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return _replay(bytes(body))
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > route.body_bytes:
                await out.refuse(413)
                return receive
        return _replay(bytes(body))


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class _Outlet:
    """The way out of one request: every error that is not a problem document yet becomes one."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, request_id: str) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self.request_id = request_id
        self.status = 0
        self.started = False
        self._replaced = False

    async def send(self, message: Message) -> None:
        """Pass a message of the application on, unless something else was answered instead."""
        if self._replaced:
            return None
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self.request_id
            is_problem = headers.get("content-type", "").startswith(MEDIA_TYPE)
            if message["status"] >= 400 and not is_problem:
                kept = {"Allow": headers["allow"]} if "allow" in headers else {}
                return await self.refuse(message["status"], kept)
            self.started, self.status = True, message["status"]
            if self.status == 500:
                # The server drops a connection whose request failed: say so, or the next request on it is lost.
                headers["Connection"] = "close"
        await self._send(message)
        return None

    async def refuse(self, status: int, headers: dict[str, str] | None = None) -> None:
        """Answer with the plain problem of a status, unless an answer already left."""
        if self.started:
            return
        self.started = self._replaced = True
        self.status = status
        response = problem_of_status(status).response({**(headers or {}), "X-Request-ID": self.request_id})
        await response(self._scope, self._receive, self._send)


def _replay(body: bytes) -> Receive:
    """The body again, once, for the application behind us."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive
