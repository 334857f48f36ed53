"""The API description (OpenAPI 3.1) as it is: for every address the statuses that can come, and no others."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from serving.addresses import PREFIX, Address
from serving.problems import MEDIA_TYPE

_KEY = {"type": "http", "scheme": "bearer", "description": "The key of a client, from `levensloop client add`."}
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457; a kind may have further members, such as `errors`, `rows` and `because`.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "pattern": "^urn:levensloop:problem:[a-z-]+$"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
    },
}
_ID_HEADER = {"description": "Of this request; also in the log.", "schema": {"type": "string", "format": "uuid"}}
_RETRY_HEADER = {"description": "Seconds.", "schema": {"type": "string", "pattern": "^[0-9]+$"}}


def build_description(app: FastAPI, addresses: Sequence[Address]) -> dict[str, Any]:
    """The description of these addresses."""
    described = get_openapi(title="Levensloop", version="1", openapi_version="3.1.0", routes=app.routes)
    described["servers"] = [{"url": PREFIX}]
    components = described.setdefault("components", {})
    components["securitySchemes"] = {"client": _KEY}
    shapes = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):  # the library's own shape of a 422, which nobody gets
        shapes.pop(name, None)
    shapes["Problem"] = _PROBLEM
    for address in addresses:
        operation = described["paths"][address.path][address.method.lower()]
        operation["security"] = [{"client": sorted(address.roles)}]
        if address.bodies:
            operation["requestBody"] = _describe_bodies(address.bodies, shapes)
        success = operation["responses"][str(address.status)]
        success["headers"] = {"X-Request-ID": _ID_HEADER}
        problems = {str(status): _describe_problem(status) for status in sorted(address.statuses)}
        operation["responses"] = {str(address.status): success, **problems}
    return described


def _describe_problem(status: int) -> Mapping[str, Any]:
    headers = {"X-Request-ID": _ID_HEADER, **({"Retry-After": _RETRY_HEADER} if status in (429, 503) else {})}
    shape = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": HTTPStatus(status).phrase, "headers": headers, "content": shape}


def _describe_bodies(bodies: Mapping[str, type[BaseModel] | None], shapes: dict[str, Any]) -> dict[str, Any]:
    """The bodies that a handler reads itself; the shapes they refer to join the others."""
    content: dict[str, Any] = {}
    for media_type, shape in bodies.items():
        if shape is None:
            content[media_type] = {"schema": {"type": "string", "description": _LINES}}
            continue
        schema = shape.model_json_schema(ref_template="#/components/schemas/{model}")
        shapes.update(schema.pop("$defs", {}))
        shapes[shape.__name__] = schema
        content[media_type] = {"schema": {"$ref": f"#/components/schemas/{shape.__name__}"}}
    return {"required": True, "content": content}


_LINES = "One JSON object per line: first the question with purpose and as_of, then bookings with their customer_id."
