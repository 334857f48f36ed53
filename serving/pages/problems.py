"""A problem as a page: what happened and what to do next, in the visitor's language, with the right status."""

from typing import Any

from starlette.responses import Response
from starlette.types import Scope

from serving.pages.rendering import HEADERS, render
from serving.pages.visitors import LINK_REFUSED
from serving.pages.words import find_language, load_words
from serving.problems import Problem


def show_problem(problem: Problem, scope: Scope, headers: dict[str, str]) -> Response:
    """The page of a problem; its words are those of its kind, else of its status, else plain ones.

    Parameters
    ----------
    headers : dict
        Further headers of the answer.
    """
    response = render(
        scope, "problem.html.j2", status=problem.status, key=_find_key(problem, scope), problem=problem,
        to_sign_in=problem.status == 401 or problem.kind == LINK_REFUSED,
    )  # fmt: skip
    response.headers.update({**_waiting(problem), **headers, **HEADERS})
    return response


def _find_key(problem: Problem, scope: Scope) -> str:
    words = load_words(find_language(scope))
    keys = (f"problem.{problem.kind}", f"problem.{problem.status}")
    return next((key for key in keys if words.has(key)), "problem.other")


def _waiting(problem: Problem) -> dict[str, Any]:
    """Retry-After, where waiting helps; the challenge for programs that a 401 has is not for people."""
    said = problem.response().headers
    return {"Retry-After": said["retry-after"]} if "retry-after" in said else {}
