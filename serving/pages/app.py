"""The pages as one FastAPI application, mounted at `/pages`, and what the edge needs to let people in.

A new page is declared in the module of its subject and named in `PAGES`; nothing else knows about it.
"""

from functools import partial

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response

from models.errors import LevensloopError
from serving.addresses import Route
from serving.desk import require_desk
from serving.edge import Reception
from serving.pages import (
    board,
    contact,
    contact_calendar,
    contact_questions,
    customer,
    operations,
    sign_in,
    statement,
)
from serving.pages.addresses import PREFIX, Page, build_page_routes
from serving.pages.problems import show_problem
from serving.pages.visitors import Visitor
from serving.policy import Limits
from serving.problems import Problem, problem_of_error, problem_of_status

PAGES: tuple[Page, ...] = (
    *sign_in.PAGES, *customer.PAGES, *statement.PAGES, *board.PAGES, *operations.PAGES, *contact.PAGES,
    *contact_questions.PAGES, *contact_calendar.PAGES,
)  # fmt: skip


def build_pages() -> FastAPI:
    """The application without a desk; set `app.state.desk` before it serves. Until then it answers 503."""
    app = FastAPI(title="Levensloop", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.desk = None
    app.exception_handler(LevensloopError)(_show_our_error)
    app.exception_handler(RequestValidationError)(partial(_show_status, status=422))
    app.exception_handler(HTTPException)(_show_http_error)
    app.exception_handler(Exception)(partial(_show_status, status=500))
    for page in PAGES:
        app.api_route(page.path, methods=[page.method], response_model=None)(page.answer)
    return app


def build_routes_of_pages(limits: Limits) -> dict[str, Route]:
    """Every address of the pages for the edge."""
    return build_page_routes(PAGES, limits)


def build_reception(app: FastAPI) -> Reception:
    """How the edge lets people in to this application."""
    return Reception(PREFIX, partial(_find_visitor, app), show_problem)


def _find_visitor(app: FastAPI, headers: Headers) -> Visitor | None:
    return sign_in.find_visitor_of(require_desk(app), headers)


async def _show_our_error(request: Request, error: LevensloopError) -> Response:
    return _show(request, problem_of_error(error))


async def _show_http_error(request: Request, error: HTTPException) -> Response:
    return _show(request, problem_of_status(error.status_code))


async def _show_status(request: Request, _error: Exception, *, status: int) -> Response:
    return _show(request, problem_of_status(status))


def _show(request: Request, problem: Problem) -> Response:
    # Below its mount the application sees the whole address, as the edge does.
    return show_problem(problem, request.scope, {})
