"""Every answer that is not a success, as RFC 9457 `application/problem+json`.

A problem names its kind, never what the caller sent: no value, no text and no identifier of a request comes back.
"""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

from models.errors import (
    IntegrityError,
    LevensloopError,
    NoReleaseError,
    PermissionRefusedError,
    StoreUnavailableError,
    UnreadableDataError,
    UsageError,
)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:levensloop:problem:"

# Kinds that come from HTTP itself: slug and sentence per status.
_BY_STATUS: dict[int, tuple[str, str]] = {
    400: ("bad-request", "The request could not be read. Send one JSON object in UTF-8."),
    401: ("no-valid-key", "There is no key of a client with this request. Send Authorization: Bearer KEY."),
    403: ("role-not-allowed", "This client's role does not use this address. Ask with a client that has the role."),
    404: ("not-found", "There is nothing at this address. The API description lists what there is."),
    405: ("method-not-allowed", "This address does not answer that method. The Allow header names those it does."),
    409: ("still-running", "The first request with this Idempotency-Key still runs. Try again later."),
    413: ("body-too-large", "The body is larger than this address takes. Send fewer bookings or customers at once."),
    415: ("not-json", "The body is of a kind this address does not take. Send plain application/json."),
    422: ("not-valid", "The request is not what this address takes. `errors` says where and why."),
    429: ("too-many-requests", "Too many requests are being answered now. Try again after Retry-After seconds."),
    500: ("internal", "The service failed on this request. Nothing was answered; try again or report the request id."),
    503: ("unavailable", "The service cannot answer now. Try again after Retry-After seconds."),
    504: ("timeout", "The request was not finished in time. Send fewer bookings or try again."),
}
_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": "1"}, 503: {"Retry-After": "5"}}


@dataclass(frozen=True)
class Problem:
    """One problem: `kind` is the end of its type URI, `detail` one sentence, `extra` further members.

    `headers` take the place of those that its status has anyway.
    """

    status: int
    kind: str
    detail: str
    extra: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """The members of the problem document."""
        return {
            "type": TYPE_PREFIX + self.kind,
            "title": self.kind.replace("-", " ").capitalize(),
            "status": self.status,
            "detail": self.detail,
            **self.extra,
        }

    def response(self, headers: dict[str, str] | None = None) -> JSONResponse:
        """The HTTP answer, with Retry-After where waiting helps."""
        every = {**_HEADERS.get(self.status, {}), **self.headers, **(headers or {}), "Cache-Control": "no-store"}
        return JSONResponse(self.body(), self.status, every, media_type=MEDIA_TYPE)


class ProblemError(LevensloopError):
    """A request that ends in a problem; serving raises it where the kind is known."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def refuse(status: int, kind: str, detail: str, **extra: Any) -> ProblemError:
    """The error to raise for a problem of this kind."""
    return ProblemError(Problem(status, kind, detail, extra))


def problem_of_status(status: int) -> Problem:
    """The plain problem of an HTTP status."""
    if status in _BY_STATUS:
        return Problem(status, *_BY_STATUS[status])
    try:
        name = HTTPStatus(status).phrase
    except ValueError:
        name = "Error"
    return Problem(status, name.lower().replace(" ", "-"), f"The request ended with: {name}.")


def problem_of_error(error: LevensloopError) -> Problem:
    """The problem of an error of ours; messages of errors that may tell of the inside stay inside."""
    match error:
        case ProblemError():
            return error.problem
        case PermissionRefusedError():
            return Problem(403, "permission-refused", str(error))
        case StoreUnavailableError():
            return Problem(
                503,
                "store-unavailable",
                "Permission cannot be read or recorded now, so nothing is answered. Try again.",
            )
        case NoReleaseError() | IntegrityError():
            return Problem(
                503, "release-unavailable", "There is no verified release to answer with. Call the operator."
            )
        case UsageError() | UnreadableDataError():
            return Problem(422, "not-valid", str(error))
        case _:
            return problem_of_status(500)
