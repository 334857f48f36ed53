"""The way out of one request: every answer carries its request id, and every error is a problem document or page."""

from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from serving.problems import MEDIA_TYPE, Problem, problem_of_status

# How a problem is said: as a document to a program, as a page to people.
Say = Callable[[Problem, dict[str, str]], Response]
_KEPT = ("allow", "retry-after")  # what an answer of the libraries below us says and a problem says too


class Outlet:
    """The one place that sends; whoever answers first, answers.

    What fails with another media type than `problem_type` did not say it as we do, and is said anew.
    """

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, *, request_id: str, say: Say = Problem.response,
        problem_type: str = MEDIA_TYPE,
    ) -> None:  # fmt: skip
        self._scope, self._receive, self._send = scope, receive, send
        self._say, self._problem_type = say, problem_type
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
            is_problem = headers.get("content-type", "").startswith(self._problem_type)
            if message["status"] >= 400 and not is_problem:
                kept = {name: headers[name] for name in _KEPT if name in headers}
                return await self.refuse(message["status"], kept)
            self.started, self.status = True, message["status"]
            if self.status == 500:
                # The server drops a connection whose request failed: say so, or the next request on it is lost.
                headers["Connection"] = "close"
        await self._send(message)
        return None

    async def refuse(self, status: int, headers: dict[str, str] | None = None) -> None:
        """Answer with the plain problem of a status, unless an answer already left."""
        await self.answer(problem_of_status(status), headers)

    async def answer(self, problem: Problem, headers: dict[str, str] | None = None) -> None:
        """Answer with a problem, unless an answer already left."""
        if self.started:
            return
        self.started = self._replaced = True
        self.status = problem.status
        response = self._say(problem, {**(headers or {}), "X-Request-ID": self.request_id})
        await response(self._scope, self._receive, self._send)
