"""The HTTP contract as one FastAPI application, mounted at `/v1`: thin handlers around the gate and the ledger.

Handlers parse, ask and format; what may be answered is decided in `serving.gate` alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import Depends, FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from models.errors import IntegrityError, LevensloopError, NoReleaseError, StoreUnavailableError
from serving.answers import Answer
from serving.deadline import SCOPE_KEY, Deadline
from serving.edge import Route
from serving.gate import Gate, Question
from serving.ledger import Ledger
from serving.observation import answer_metrics
from serving.policy import Limits, Policy
from serving.problems import MEDIA_TYPE, Problem, problem_of_error, problem_of_status, refuse
from serving.schemas import (
    CurrentPermissionRequest,
    EventsBatchRequest,
    EventsRequest,
    PermissionEventRequest,
    describe_faults,
    parse_bookings_of,
)

PREFIX = "/v1"


@dataclass(frozen=True)
class Desk:
    """What the handlers work with; made once when a worker starts."""

    gate: Gate
    ledger: Ledger
    policy: Policy
    clock: Callable[[], datetime]

    def is_ready(self) -> bool:
        """Whether the store can be read now and a verified release is champion; without both nothing is answered."""
        try:
            self.gate.releases.current()
            with self.gate.store.read() as connection:
                connection.execute(sa.select(1))
        except (StoreUnavailableError, NoReleaseError, IntegrityError):
            return False
        return True


def build_api() -> FastAPI:
    """The application without a desk; set `app.state.desk` before it serves. Until then it answers 503."""
    problems: dict[int | str, dict[str, Any]] = {
        "default": {"description": "Any error, as RFC 9457", "content": {MEDIA_TYPE: {}}},
    }
    app = FastAPI(title="Levensloop", version="1", docs_url=None, redoc_url=None, responses=problems)
    app.state.desk = None
    app.exception_handler(LevensloopError)(_answer_our_error)
    app.exception_handler(RequestValidationError)(_answer_faults)
    app.exception_handler(HTTPException)(_answer_http_error)
    app.exception_handler(Exception)(_answer_failure)
    app.get("/metrics", include_in_schema=False)(answer_metrics)
    app.post("/events", summary="Life events of one customer, for a purpose")(answer_events)
    app.post("/events:batch", summary="Stored life events of many customers")(answer_events_batch)
    app.post("/permissions", status_code=201, summary="Append an event to the permission ledger")(append_event)
    app.post("/permissions:current", summary="The permission that holds now")(read_permission)
    return app


def build_routes(limits: Limits) -> dict[str, Route]:
    """Every address of the service for the edge."""
    plain = Route(limits.body_bytes)
    return {
        "/livez": Route(is_probe=True),
        "/readyz": Route(is_probe=True),
        f"{PREFIX}/metrics": Route(is_probe=True),
        f"{PREFIX}/openapi.json": Route(),
        f"{PREFIX}/events": Route(limits.bookings_body_bytes),
        f"{PREFIX}/events:batch": plain,
        f"{PREFIX}/permissions": plain,
        f"{PREFIX}/permissions:current": plain,
    }


def _find_desk(request: Request) -> Desk:
    desk = request.app.state.desk
    if desk is None:
        raise refuse(503, "unavailable", "The service is starting. Try again after Retry-After seconds.")
    return desk


def _find_deadline(request: Request) -> Deadline | None:
    deadline: Deadline | None = request.scope.get(SCOPE_KEY)
    return deadline


TheDesk = Annotated[Desk, Depends(_find_desk)]
TheDeadline = Annotated[Deadline | None, Depends(_find_deadline)]


def answer_events(asked: EventsRequest, desk: TheDesk, deadline: TheDeadline) -> JSONResponse:
    """Events that this purpose may know, with evidence, reason and offers; bookings in the request are not stored."""
    records, most = asked.bookings, desk.policy.limits.row_problems
    read = None
    if records is not None:

        def read() -> Any:
            return parse_bookings_of(records, customer_id=asked.customer_id, most_reported=most)

    answer = desk.gate.answer(Question(asked.customer_id, asked.purpose, asked.as_of, read), deadline=deadline)
    return _no_store(_answer_body(answer, desk))


def answer_events_batch(asked: EventsBatchRequest, desk: TheDesk, deadline: TheDeadline) -> JSONResponse:
    """One answer or problem per customer, in the order asked."""
    ids = asked.customer_ids
    most = desk.policy.limits.batch_customers
    if len(ids) > most or len(set(ids)) < len(ids):
        raise refuse(422, "batch-not-valid", f"A batch holds at most {most} customers, each of them once.")
    questions = [Question(customer_id, asked.purpose, asked.as_of) for customer_id in ids]
    outcomes = desk.gate.answer_all(questions, deadline=deadline)
    results = [
        {"customer_id": customer_id, "problem": outcome.body()}
        if isinstance(outcome, Problem)
        else {"customer_id": customer_id, "answer": _answer_body(outcome, desk)}
        for customer_id, outcome in zip(ids, outcomes, strict=True)
    ]
    return _no_store({"purpose": asked.purpose, "results": results})


def append_event(
    asked: PermissionEventRequest,
    desk: TheDesk,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> JSONResponse:
    """Append what a customer decided or was shown; with this answer it counts."""
    if not idempotency_key or not idempotency_key.isascii() or not idempotency_key.isprintable():
        raise refuse(
            400, "idempotency-key-missing", "Send an Idempotency-Key header of at most 200 printable characters."
        )
    return _no_store(desk.ledger.append(asked, idempotency_key=idempotency_key, now=desk.clock()), status=201)


def read_permission(asked: CurrentPermissionRequest, desk: TheDesk) -> JSONResponse:
    """Allowed or not, under which regime and notice, and why; read from the ledger now."""
    return _no_store(desk.ledger.read(asked.customer_id, asked.purpose, now=desk.clock()))


def _answer_body(answer: Answer, desk: Desk) -> dict[str, Any]:
    return answer.body(desk.policy.because[answer.permission.regime])


def _no_store(body: dict[str, Any], *, status: int = 200) -> JSONResponse:
    return JSONResponse(body, status, {"Cache-Control": "no-store"})


async def _answer_our_error(_request: Request, error: LevensloopError) -> JSONResponse:
    return problem_of_error(error).response()


async def _answer_faults(_request: Request, error: RequestValidationError) -> JSONResponse:
    """400 for what is not JSON, else 422 with places and reasons; the library's own answer repeats the input."""
    faults = error.errors()
    if any(fault["type"] == "json_invalid" for fault in faults):
        return problem_of_status(400).response()
    plain = problem_of_status(422)
    return Problem(plain.status, plain.kind, plain.detail, {"errors": describe_faults(faults)}).response()


async def _answer_http_error(_request: Request, error: HTTPException) -> JSONResponse:
    return problem_of_status(error.status_code).response(dict(error.headers or {}))


async def _answer_failure(_request: Request, _error: Exception) -> JSONResponse:
    return problem_of_status(500).response()
