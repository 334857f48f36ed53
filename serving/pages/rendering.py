"""From values to a page: templates escape everything, know no undefined value, and may load nothing but our stylesheet.

No page has a script. What a browser may do with a page is said in its headers, so that text that slipped into it could
neither run nor send anything anywhere.
"""

import secrets
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Scope

from models.canonical import sha256_of
from serving.edge import VISITOR_KEY
from serving.pages.addresses import PREFIX
from serving.pages.visitors import Visitor, session_rule
from serving.pages.words import LANGUAGE_COOKIE, find_language, load_words
from serving.settings import is_loopback

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
STYLE = "pages.css"
_YEAR = 31_536_000  # seconds


@dataclass(frozen=True, slots=True)
class Shown:
    """What every template knows of the page around it."""

    path: str
    visitor: Visitor | None
    style: str
    idle_minutes: int = int(session_rule().idle.total_seconds() // 60)

    def once(self) -> str:
        """A new number for a form, so that sending it twice does it once."""
        return secrets.token_hex(16)


def show(request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
    """A page from a template; `words`, `page` and the given values stand in it."""
    response = render(request.scope, template, status=status, **values)
    if "lang" in request.query_params:
        response.set_cookie(
            LANGUAGE_COOKIE, find_language(request.scope), max_age=_YEAR, path=PREFIX, httponly=True, samesite="lax",
            secure=is_secure(request.headers),
        )  # fmt: skip
    return response


def render(scope: Scope, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """As `show`, where there is no request: for problems, which the edge answers."""
    words = load_words(find_language(scope))
    shown = Shown(scope["path"], scope.get(VISITOR_KEY), f"{PREFIX}/{STYLE}?{style_version()}")
    text = environment().get_template(template).render(words=words, page=shown, prefix=PREFIX, **values)
    return HTMLResponse(text, status, {**HEADERS, "Content-Language": words.language, "Vary": "Cookie"})


def go_to(path: str) -> Response:
    """After a form: look at this page (303), so that loading it anew sends nothing twice."""
    return RedirectResponse(PREFIX + path, 303, HEADERS)


def hand_over(content: str, *, name: str, media_type: str = "application/json") -> Response:
    """A file to keep."""
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content.encode(), 200, headers, media_type=media_type)


def is_secure(headers: Headers) -> bool:
    """Whether cookies travel by TLS only: always, but on this machine itself."""
    return not is_loopback(headers.get("host", "").rsplit(":", 1)[0].strip("[]"))


@cache
def environment() -> Environment:
    """The templates; values are escaped, and one that is missing fails."""
    return Environment(
        loader=PackageLoader("serving.pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip


@cache
def read_style() -> str:
    """The one stylesheet."""
    return resources.files("serving.pages").joinpath("templates", STYLE).read_text("utf-8")


@cache
def style_version() -> str:
    """Changes with the stylesheet, so that browsers may keep it."""
    return sha256_of(read_style().encode())[:12]
