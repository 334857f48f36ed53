"""One way to turn data into bytes before hashing or signing, so that equal data always has the equal hash; and back.

JSON with sorted keys and no spaces; fields that are hashed together are framed by their length, so that no two
different lists of fields ever become the same bytes. What stands in the state folder is read back here, so that any
damage is an IntegrityError.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Never, TypeVar

from models.errors import IntegrityError, UsageError

Container = TypeVar("Container", dict[str, Any], list[Any])


def canonical_json(data: Mapping[str, Any] | Sequence[Any]) -> str:
    """Data as JSON text with sorted keys and no spaces.

    Raises
    ------
    UsageError
        The data hold something that JSON cannot say exactly: NaN, infinity, a date, an object.
    """
    try:
        return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError("This cannot be written as JSON. Give texts, finite numbers, lists and objects.") from error


def parse_json(data: str | bytes, kind: type[Container], *, source: str) -> Container:
    """JSON that must be an object (`dict`) or a list (`list`).

    Raises
    ------
    IntegrityError
        It is not JSON, nested too deeply, holds NaN or infinity, or is of another kind; the message names `source`.
    """
    try:
        parsed = json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{source} is damaged: it cannot be read as JSON. Restore it from a copy.") from error
    if not isinstance(parsed, kind):
        raise IntegrityError(f"{source} is damaged: it is not of the form it should be. Restore it from a copy.")
    return parsed


def read_json(path: Path, kind: type[Container]) -> Container:
    """A file of state as `parse_json` reads it.

    Raises
    ------
    FileNotFoundError
        There is no such file; what that means, the caller knows.
    IntegrityError
        The file cannot be read or is damaged.
    """
    return parse_json(read_state(path), kind, source=path.name)


def read_state(path: Path) -> bytes:
    """The bytes of a file of state; raises as `read_json` does, but for damage."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise IntegrityError(f"{path.name} cannot be read. Look at its rights, or restore it from a copy.") from error


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is no JSON")


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
