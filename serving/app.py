"""The HTTP contract as one FastAPI application, mounted at `/v1`: its addresses, its errors and its description.

Handlers parse, ask and format; what may be answered is decided in `serving.gate` alone. A new address is declared in
the module of its subject and named in `ADDRESSES`; nothing else knows about it.
"""

from functools import cache, partial
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from models.errors import LevensloopError
from serving import correction_routes, events, offer_routes, permissions
from serving.addresses import PREFIX, Address, Route
from serving.clients import Client
from serving.contact import calendar_addresses, complaint_addresses, question_addresses
from serving.description import build_description
from serving.desk import require_desk
from serving.observation import answer_metrics
from serving.policy import Limits
from serving.problems import Problem, problem_of_error, problem_of_status
from serving.schemas import describe_faults

ADDRESSES: tuple[Address, ...] = (
    *events.ADDRESSES,
    *permissions.ADDRESSES,
    *offer_routes.ADDRESSES,
    *correction_routes.ADDRESSES,
    *calendar_addresses.ADDRESSES,
    *complaint_addresses.ADDRESSES,
    *question_addresses.ADDRESSES,
)


def build_api() -> FastAPI:
    """The application without a desk; set `app.state.desk` before it serves. Until then it answers 503."""
    app = FastAPI(title="Levensloop", version="1", docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.desk = None
    app.exception_handler(LevensloopError)(_answer_our_error)
    app.exception_handler(RequestValidationError)(_answer_faults)
    app.exception_handler(HTTPException)(_answer_http_error)
    app.exception_handler(Exception)(_answer_failure)
    app.get("/metrics", include_in_schema=False)(answer_metrics)
    for address in ADDRESSES:
        told: dict[int | str, dict[str, Any]] = {address.status: {"model": address.told}} if address.told else {}
        app.api_route(
            address.path, methods=[address.method], summary=address.summary, status_code=address.status,
            responses=told, response_model=None,
        )(address.answer)  # fmt: skip
    # Built when it is asked for: it costs more than all the rest here.
    app.openapi = cache(partial(build_description, app, ADDRESSES))  # type: ignore[method-assign]  # as FastAPI takes it
    return app


def build_routes(limits: Limits) -> dict[str, Route]:
    """Every address of the service for the edge."""
    return {
        "/livez": Route(is_probe=True),
        "/readyz": Route(is_probe=True),
        f"{PREFIX}/metrics": Route(is_probe=True),
        f"{PREFIX}/openapi.json": Route(),
        **{PREFIX + address.path: address.route(limits) for address in ADDRESSES},
    }


async def find_client_of(app: FastAPI, authorization: str) -> Client | None:
    """The client of an Authorization header; 503 until the worker is open."""
    return await require_desk(app).find_client(authorization)


async def _answer_our_error(_request: Request, error: LevensloopError) -> JSONResponse:
    return problem_of_error(error).response()


async def _answer_faults(_request: Request, error: RequestValidationError) -> JSONResponse:
    """400 for what is not JSON or lacks its key, else 422 with places and reasons; the library's repeats the input."""
    faults = error.errors()
    if any(fault["type"] == "json_invalid" for fault in faults):
        return problem_of_status(400).response()
    if any(fault["loc"][0] == "header" for fault in faults):
        detail = "Send an Idempotency-Key header of 1 to 200 printable characters without spaces."
        return Problem(400, "idempotency-key-missing", detail).response()
    plain = problem_of_status(422)
    return Problem(plain.status, plain.kind, plain.detail, {"errors": describe_faults(faults)}).response()


async def _answer_http_error(_request: Request, error: HTTPException) -> JSONResponse:
    return problem_of_status(error.status_code).response(dict(error.headers or {}))


async def _answer_failure(_request: Request, _error: Exception) -> JSONResponse:
    return problem_of_status(500).response()
