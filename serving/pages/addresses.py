"""What a page's address is: who may look at it and what it takes, declared once for the edge and for the application.

Addresses are fixed texts: an id of anybody never stands in one. What a page is about comes from the session.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from serving.addresses import Route
from serving.pages.visitors import ROLES, Role
from serving.policy import Limits

PREFIX = "/pages"
FORM = "application/x-www-form-urlencoded"
CUSTOMER: frozenset[Role] = frozenset({"customer"})
BOARD: frozenset[Role] = frozenset({"board"})
COLLEAGUE: frozenset[Role] = frozenset({"colleague"})
OPERATIONS: frozenset[Role] = frozenset({"operations"})
EVERY_ROLE: frozenset[Role] = ROLES
NOBODY_YET: frozenset[Role] = frozenset()  # open: for what tells nothing of anybody


@dataclass(frozen=True, slots=True)
class Page:
    """One address below `/pages`.

    Attributes
    ----------
    path : str
        `/customer`. The same path may stand there twice, for GET and for POST.
    answer : callable
        The handler; one of POST takes a form (`serving.pages.forms`).
    roles : frozenset of str
        Who may look; empty: everybody, signed in or not.
    """

    path: str
    answer: Callable[..., Any]
    roles: frozenset[Role]
    method: Literal["GET", "POST"] = "GET"


def build_page_routes(pages: Iterable[Page], limits: Limits) -> dict[str, Route]:
    """Every address of the pages for the edge."""
    routes: dict[str, Route] = {}
    for page in pages:
        path = PREFIX + page.path
        known = routes.get(path, Route(methods=frozenset(), roles=page.roles, is_page=True))
        if known.roles != page.roles:
            raise ValueError(f"{path} is for the same roles whatever the method")
        taken = {FORM: limits.form_bytes} if page.method == "POST" else {}
        routes[path] = Route(
            {**known.body_bytes, **taken}, known.methods | {page.method}, frozenset(page.roles), is_page=True
        )
    return routes
