"""One way to turn data into bytes before hashing or signing, so that equal data always has the equal hash.

JSON with sorted keys and no spaces; fields that are hashed together are framed by their length, so that no two
different lists of fields ever become the same bytes.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from models.errors import UsageError


def canonical_json(data: Mapping[str, Any] | Sequence[Any]) -> str:
    """Data as JSON text with sorted keys and no spaces.

    Raises
    ------
    UsageError
        The data hold something that JSON cannot say exactly: NaN, infinity, a date, an object.
    """
    try:
        return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UsageError("This cannot be written as JSON. Give texts, finite numbers, lists and objects.") from error


def sha256_of(data: bytes) -> str:
    """SHA-256 as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def framed_sha256(*fields: str) -> str:
    """SHA-256 over fields in order, each preceded by its length in bytes (8 bytes, big-endian)."""
    digest = hashlib.sha256()
    for field in fields:
        data = field.encode()
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()


def moment_text(at: datetime) -> str:
    """A moment as `2026-11-22T04:40:00.000000Z`: UTC, fixed width, so that order of text is order of time.

    Raises
    ------
    UsageError
        The moment has no time zone.
    """
    if at.utcoffset() is None:
        raise UsageError("A moment has no time zone. Give one with an offset, such as 2026-11-22T04:40:00+00:00.")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def parse_moment(text: str) -> datetime:
    """The moment that `moment_text` wrote, aware, in UTC."""
    return datetime.fromisoformat(text)
