"""Forms of the pages: parsed once, and taken only from our own page in the same session.

Three things have to agree, each of which would do alone: the cookie is not sent along from other sites (SameSite), the
browser says that the form came from us, and the form carries the token of the session.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, TypeVar
from urllib.parse import parse_qsl, urlsplit

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers

from serving.edge import VISITOR_KEY
from serving.pages.visitors import Visitor
from serving.problems import ProblemError, refuse

TOKEN, ONCE = "token", "once"
_MOST_FIELDS = 200
Asked = TypeVar("Asked", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form; one that is missing is empty, of one that comes twice the last counts."""

    fields: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")

    def number(self, name: str) -> int:
        """A field that is a number of ours; 422 when it is none."""
        text = self[name]
        if not text.isascii() or not text.isdigit() or len(text) > 10:
            raise not_understood()
        return int(text)

    @property
    def once(self) -> str:
        """The number of this form: sent twice, it does its work once.

        Raises
        ------
        ProblemError
            422: it has none.
        """
        number = self[ONCE]
        if len(number) != 32 or not number.isalnum() or not number.isascii():
            raise not_understood()
        return number


def not_understood() -> ProblemError:
    """A form that our pages do not have."""
    return refuse(422, "form-not-valid", "This form is not one of this page. Open the page again.")


def parse_form(shape: type[Asked], **fields: object) -> Asked:
    """The fields as a request of this shape.

    Raises
    ------
    ProblemError
        422: they are none; no value of them is repeated.
    """
    try:
        return shape.model_validate(fields)
    except ValidationError as error:
        raise not_understood() from error


async def _find_visitor(request: Request) -> Visitor:
    visitor: Visitor = request.scope[VISITOR_KEY]  # the edge let nobody in without
    return visitor


TheVisitor = Annotated[Visitor, Depends(_find_visitor)]


async def _read_open_form(request: Request) -> Form:
    """A form of somebody who is not signed in yet."""
    require_own_page(request.headers)
    try:
        pairs = parse_qsl(
            (await request.body()).decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS,
            errors="strict",
        )  # fmt: skip
    except ValueError as error:
        raise not_understood() from error
    return Form(dict(pairs))


async def _read_form(visitor: TheVisitor, form: Annotated[Form, Depends(_read_open_form)]) -> Form:
    if not hmac.compare_digest(form[TOKEN].encode(), visitor.form_token.encode()):
        raise _foreign()
    return form


TheForm = Annotated[Form, Depends(_read_form)]
TheOpenForm = Annotated[Form, Depends(_read_open_form)]


def require_own_page(headers: Headers) -> None:
    """Refuse a form that another site sent.

    Browsers say it in Sec-Fetch-Site. Older ones say Origin, which under our referrer policy is `null`; there the
    cookie and the token decide.

    Raises
    ------
    ProblemError
        403.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin", "null")
    if site is not None and site != "same-origin":
        raise _foreign()
    if origin != "null" and urlsplit(origin).netloc != headers.get("host"):
        raise _foreign()


def _foreign() -> ProblemError:
    return refuse(403, "form-not-ours", "This form did not come from our page in this session. Open the page again.")
