"""The outermost layer of the service: who and what may come in at all.

BentoML opens pages of its own (an index, API descriptions, metrics with raw paths as labels), takes bodies of any size
and answers errors in three shapes. This layer stands in front of all of it: only known addresses pass, only clients
whose key and role allow it, as often as they may, with bodies of the right kind and size; time and concurrency are
bounded. What is logged or counted about a request is its known address, never a path or text of the caller.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.errors import LevensloopError
from serving.addresses import NDJSON, Route, media_type_of
from serving.clients import HEADER, Client
from serving.deadline import SCOPE_KEY, Deadline
from serving.outlet import Outlet
from serving.pages.visitors import Visitor
from serving.policy import Limits
from serving.problems import Problem, ProblemError, problem_of_error, problem_of_status
from serving.rates import Rates

UNKNOWN = "(unknown)"
CLIENT_KEY, VISITOR_KEY = "levensloop.client", "levensloop.visitor"
FindClient = Callable[[str], Awaitable[Client | None]]


@dataclass(frozen=True, slots=True)
class Reception:
    """What the edge needs to let people in: everything below `prefix` is a page.

    `find_visitor` says who looks, by the headers of the request, or None; called in a thread. `show_problem` says a
    problem as a page.
    """

    prefix: str
    find_visitor: Callable[[Headers], Visitor | None]
    show_problem: Callable[[Problem, Scope, dict[str, str]], Response]

    def receives(self, path: str) -> bool:
        """Whether people look at this address, known or not."""
        return path == self.prefix or path.startswith(f"{self.prefix}/")


@dataclass(frozen=True, slots=True)
class Seen:
    """What may be known of a request afterwards; `route` is one of our own addresses or `(unknown)`."""

    method: str
    route: str
    status: int
    seconds: float
    request_id: str


class Edge:
    """ASGI middleware with the rules of this module.

    Parameters
    ----------
    app : ASGIApp
        What answers.
    routes : mapping of str to Route
        Every address that exists.
    limits : Limits
        Time, rates and concurrency.
    find_client : callable
        The client of an Authorization header, or None; awaited.
    observe : callable
        Called once per request, after its answer.
    reception : Reception, optional
        For pages; without it no page exists.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        routes: Mapping[str, Route],
        limits: Limits,
        find_client: FindClient,
        observe: Callable[[Seen], None],
        reception: Reception | None = None,
    ) -> None:
        self.app = app
        self.routes = routes
        self.limits = limits
        self.find_client = find_client
        self.observe = observe
        self.reception = reception
        self.rates = Rates(limits.requests_per_second, limits.burst_seconds)
        self.busy = 0
        self.batches = 0

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
        out = self._open_outlet(scope, receive, send)
        known = scope["path"] in self.routes
        try:
            await self._pass_on(scope, receive, out)
        finally:
            seconds = time.perf_counter() - started
            route = scope["path"] if known else UNKNOWN
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            self.observe(Seen(method, route, out.status, seconds, out.request_id))

    def _open_outlet(self, scope: Scope, receive: Receive, send: Send) -> Outlet:
        request_id, reception = _request_id(Headers(scope=scope)), self.reception
        if reception is None or not reception.receives(scope["path"]):
            return Outlet(scope, receive, send, request_id=request_id)
        return Outlet(
            scope, receive, send, request_id=request_id, problem_type="text/html",
            say=lambda problem, headers: reception.show_problem(problem, scope, headers),
        )  # fmt: skip

    async def _pass_on(self, scope: Scope, receive: Receive, out: Outlet) -> None:
        route = self.routes.get(scope["path"])
        if route is None:
            return await out.refuse(404)
        if route.is_probe:
            try:
                async with asyncio.timeout(self.limits.timeout_seconds):
                    return await self.app(scope, receive, out.send)
            except TimeoutError:
                return await out.refuse(504)
        if scope["method"] not in route.methods:
            return await out.refuse(405, {"Allow": ", ".join(sorted(route.methods))})
        is_batch = NDJSON in route.body_bytes and media_type_of(Headers(scope=scope)) == NDJSON
        if self.busy >= self.limits.requests_at_once or (is_batch and self.batches >= self.limits.batches_at_once):
            return await out.refuse(429)
        self.busy += 1
        self.batches += is_batch
        deadline = Deadline()
        work = asyncio.ensure_future(self._work({**scope, SCOPE_KEY: deadline}, receive, out, route))
        work.add_done_callback(lambda done: self._free(done, is_batch))
        seconds = self.limits.batch_timeout_seconds if is_batch else self.limits.timeout_seconds
        await asyncio.wait({work}, timeout=seconds)
        if not work.done() and not out.started and deadline.give_up():
            # A thread cannot be stopped: it goes on, keeps its slot, and finds at its end that it came too late.
            return await out.refuse(504)
        if not work.done():
            # The trail says that it was answered, or the answer is leaving: it gets as long again.
            await asyncio.wait({work}, timeout=seconds)
        return work.result() if work.done() else None

    async def _work(self, scope: Scope, receive: Receive, out: Outlet, route: Route) -> None:
        try:
            async with asyncio.timeout(self.limits.timeout_seconds):
                if route.roles:
                    key, find = (VISITOR_KEY, self._find_visitor) if route.is_page else (CLIENT_KEY, self._find_client)
                    scope[key] = await find(scope, route)
                if scope["method"] in _WITH_BODY:
                    receive = await _take_body(scope, receive, route)
        except TimeoutError:
            return await out.refuse(504)
        except LevensloopError as error:
            return await out.answer(problem_of_error(error))
        return await self.app(scope, receive, out.send)

    async def _find_visitor(self, scope: Scope, route: Route) -> Visitor:
        """Who looks at this page; nothing of a form is read before it is known."""
        headers, reception = Headers(scope=scope), self.reception
        visitor = await to_thread.run_sync(reception.find_visitor, headers) if reception else None
        if visitor is None:
            raise ProblemError(problem_of_status(401))
        if visitor.role not in route.roles:
            raise ProblemError(problem_of_status(403))
        seconds = self.rates.take(visitor.session, None)
        if seconds:
            raise ProblemError(_too_often(seconds))
        return visitor

    async def _find_client(self, scope: Scope, route: Route) -> Client:
        """The client that asks; nothing of the body is read before it is known and may ask here and now."""
        authorization = Headers(scope=scope).get(HEADER, "")
        client = await self.find_client(authorization) if authorization else None
        if client is None:
            raise ProblemError(problem_of_status(401))
        if not client.roles & route.roles:
            raise ProblemError(problem_of_status(403))
        seconds = self.rates.take(client.name, client.requests_per_second)
        if seconds:
            raise ProblemError(_too_often(seconds))
        return client

    def _free(self, work: "asyncio.Future[None]", is_batch: bool) -> None:
        """The slot of a request whose work has ended; how it ended was said already when nobody waits any more."""
        self.busy -= 1
        self.batches -= is_batch
        if not work.cancelled():
            work.exception()


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


def _too_often(seconds: int) -> Problem:
    detail = "This client asks more often than it may. Try again after Retry-After seconds."
    return Problem(429, "rate-exceeded", detail, headers={"Retry-After": str(seconds)})


async def _take_body(scope: Scope, receive: Receive, route: Route) -> Receive:
    """Read the body up to the limit of its kind; a body that is too large is not read to its end."""
    headers = Headers(scope=scope)
    media_type = media_type_of(headers)
    most = route.body_bytes.get(media_type)
    if most is None or headers.get("content-encoding", "identity").lower() != "identity":
        raise ProblemError(problem_of_status(415))
    declared = headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > most:
        raise ProblemError(problem_of_status(413))
    bounded = _Bounded(receive, most)
    if media_type == NDJSON:
        return bounded.receive
    body = bytearray()
    more = True
    while more:
        message = await bounded.receive()
        if message["type"] == "http.disconnect":
            break
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return _replay(bytes(body))


class _Bounded:
    """A body that ends with 413 when it grows too large."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._left = receive, most

    async def receive(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise ProblemError(problem_of_status(413))
        return message


def _request_id(headers: Headers) -> str:
    """The caller's, when it is a UUID (any other text could tell of a customer in our log), else a new one."""
    try:
        return str(uuid.UUID(headers.get("x-request-id", "")))
    except ValueError:
        return str(uuid.uuid4())


def _replay(body: bytes) -> Receive:
    """The body again, once, for the application behind us."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive
