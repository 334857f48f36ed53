"""Signing in and out. A link from a letter leads to a page with one button; only the button uses it up.

So a mail program that looks at links beforehand uses none up, and the cookie, which other sites cannot send along, is
set by our own page.
"""

from collections.abc import Callable

from fastapi import Request
from starlette.datastructures import Headers
from starlette.responses import Response

from serving.desk import Desk, TheDesk
from serving.pages.addresses import EVERY_ROLE, NOBODY_YET, PREFIX, Page
from serving.pages.forms import TheForm, TheOpenForm, TheVisitor
from serving.pages.links import open_link
from serving.pages.rendering import STYLE, go_to, is_secure, read_style, show
from serving.pages.settings import PageSettings
from serving.pages.visitors import Identity, Visitor, end_session, find_visitor, link_refused, open_session
from serving.pages.words import read_cookie
from serving.problems import refuse

# With TLS, a name that no other host of the bank's domain can set.
COOKIE, SECURE_COOKIE = "levensloop", "__Host-levensloop"
HOMES = {"customer": "/customer", "board": "/board", "colleague": "/contact", "operations": "/operations"}


def show_sign_in(request: Request, desk: TheDesk, link: str = "", done: str = "") -> Response:
    """The page behind a one-time link: one button. Nothing is looked up yet."""
    by_bank = require_pages(desk).sign_on is not None
    return show(request, "sign_in.html.j2", link=link, by_bank=by_bank, done=done)


def sign_in(request: Request, desk: TheDesk, form: TheOpenForm) -> Response:
    """Use the link up, or believe the bank's own sign-on, and begin a session."""
    pages, now = require_pages(desk), desk.clock()
    earlier = find_visitor_of(desk, request.headers)
    if pages.sign_on is not None:
        identity, number = _believed(pages, request.headers), None
    else:
        opened = open_link(pages.home, form["link"], at=now)
        identity, number = opened.identity, opened.number
    secret = open_session(desk.store, identity, link=number, at=now)
    if earlier is not None:
        end_session(desk.store, earlier.session, at=now)
    response = go_to("/")
    set_cookie(response, request.headers, secret)
    return response


def sign_out(request: Request, desk: TheDesk, visitor: TheVisitor, _form: TheForm) -> Response:
    """End the session in every worker, and take the cookie back."""
    end_session(desk.store, visitor.session, at=desk.clock())
    response = go_to("/sign-in?done=signed_out")
    set_cookie(response, request.headers, "")
    return response


def go_home(visitor: TheVisitor) -> Response:
    """To the first page of whoever is signed in."""
    return go_to(HOMES[visitor.role])


def answer_style() -> Response:
    """The stylesheet; its address changes with it."""
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(read_style(), 200, headers, media_type="text/css")


def find_visitor_of(desk: Desk, headers: Headers) -> Visitor | None:
    """Who looks at a page, by the cookie; behind a bank's own sign-on only while it says the same."""
    secret = read_cookie(headers, SECURE_COOKIE if is_secure(headers) else COOKIE)
    visitor = find_visitor(desk.store, secret, at=desk.clock()) if secret else None
    sign_on = require_pages(desk).sign_on
    if visitor is None or sign_on is None:
        return visitor
    return visitor if sign_on.read(headers) == visitor.identity else None


def set_cookie(response: Response, headers: Headers, secret: str) -> None:
    """Give the browser its session, or take it back with an empty one. It ends with the browser."""
    secure = is_secure(headers)
    # The prefix __Host- is only taken with the whole site as its path.
    name, path = (SECURE_COOKIE, "/") if secure else (COOKIE, PREFIX)
    age = None if secret else 0
    response.set_cookie(name, secret, max_age=age, path=path, secure=secure, httponly=True, samesite="strict")


def require_pages(desk: Desk) -> PageSettings:
    """The configuration of the pages; 503 in a service that has none."""
    if desk.pages is None:
        raise refuse(503, "unavailable", "There are no pages here.")
    return desk.pages


def _believed(pages: PageSettings, headers: Headers) -> Identity:
    identity = pages.sign_on.read(headers) if pages.sign_on is not None else None
    if identity is None:
        raise link_refused()
    return identity


FindVisitor = Callable[[Headers], Visitor | None]
PAGES = (
    Page("/", go_home, EVERY_ROLE),
    Page("/sign-in", show_sign_in, NOBODY_YET),
    Page("/sign-in", sign_in, NOBODY_YET, method="POST"),
    Page("/sign-out", sign_out, EVERY_ROLE, method="POST"),
    Page(f"/{STYLE}", answer_style, NOBODY_YET),
)
