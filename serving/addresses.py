"""What an address of the service is: who may ask there, what it takes and how it can end, declared in one place.

The edge lets in what is declared here, FastAPI answers it, and the API description says it; so the three cannot differ.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel

from serving.policy import Limits

PREFIX = "/v1"
JSON, NDJSON = "application/json", "application/x-ndjson"
Size = Literal["plain", "bookings", "batch"]


@dataclass(frozen=True, slots=True)
class Address:
    """One address below `/v1`.

    Attributes
    ----------
    path, summary : str
        `/corrections`; what it does, for the API description.
    answer : callable
        The FastAPI handler.
    roles : frozenset of str
        Roles of `serving.clients` that may ask here; a client needs one of them. Never empty.
    told : type of BaseModel, optional
        The shape of a success, for the description.
    status : int
        Of a success; 201 where something is written.
    problems : frozenset of int
        Statuses besides those that every address of this kind has (see `statuses`).
    is_write : bool
        Needs an Idempotency-Key: the handler takes `TheWrite`.
    size : str
        The limit of its body.
    media_types : mapping
        What it takes besides JSON: media type to the limit of a body sent so.
    bodies : mapping
        For the description, where the handler reads the body itself: media type to its shape (None: lines of text).
    """

    path: str
    summary: str
    answer: Callable[..., Any]
    roles: frozenset[str]
    told: type[BaseModel] | None = None
    method: Literal["GET", "POST"] = "POST"
    status: int = 200
    problems: frozenset[int] = frozenset()
    is_write: bool = False
    size: Size = "plain"
    media_types: Mapping[str, Size] = field(default_factory=dict)
    bodies: Mapping[str, type[BaseModel] | None] = field(default_factory=dict)

    @property
    def statuses(self) -> frozenset[int]:
        """Every status but success that can come from here."""
        always = {401, 403, 429, 500, 503, 504}
        body = {400, 413, 415, 422} if self.method == "POST" else set()
        return frozenset(always | body | ({409} if self.is_write else set()) | self.problems)

    def route(self, limits: Limits) -> "Route":
        """The address as the edge needs it."""
        taken = {JSON: self.size, **self.media_types} if self.method == "POST" else {}
        body_bytes = {name: _bytes_of(size, limits) for name, size in taken.items()}
        return Route(body_bytes, frozenset({self.method}), self.roles)


@dataclass(frozen=True, slots=True)
class Route:
    """One address for the edge.

    `body_bytes` says per media type how large a body may be; one of NDJSON is passed on as it comes. `roles` empty:
    open to everybody, for what tells nothing of anybody. A probe does not wait in the queue of busy requests. A page is
    for people: its roles are theirs, and its problems are pages too.
    """

    body_bytes: Mapping[str, int] = field(default_factory=dict)
    methods: frozenset[str] = frozenset({"GET"})
    roles: frozenset[str] = frozenset()
    is_probe: bool = False
    is_page: bool = False


def _bytes_of(size: Size, limits: Limits) -> int:
    return {"plain": limits.body_bytes, "bookings": limits.bookings_body_bytes, "batch": limits.batch_body_bytes}[size]


def media_type_of(headers: Mapping[str, str]) -> str:
    """What a request says its body is, without parameters; empty when it does not say."""
    return headers.get("content-type", "").split(";")[0].strip().lower()
