"""Behind a bank's own sign-on: a proxy that has checked who somebody is says so in a header, with a shared secret.

Off unless it is configured. The secret proves that the header came from the proxy and not from a browser. While it is
on, one-time links open nothing.
"""

import hmac
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from starlette.datastructures import Headers

from models.errors import UsageError
from serving.pages.visitors import Identity, Role

SECRET_SUFFIX = "-Secret"  # noqa: S105 - the end of a header's name
_SHORTEST = 32  # characters
_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class SignOn:
    """The header `name: ROLE:WHO` counts only beside `name-Secret` with the secret."""

    name: str
    secret: str = field(repr=False)

    def read(self, headers: Headers) -> Identity | None:
        """Who the proxy says this is; None when it says nothing, or something that is not to be believed."""
        told = [value.encode("latin-1") for value in headers.getlist(self.name + SECRET_SUFFIX)]
        claims = headers.getlist(self.name)
        # Two of them mean that somebody added one of his own.
        if len(told) != 1 or len(claims) != 1 or not hmac.compare_digest(told[0], self.secret.encode()):
            return None
        role, _, who = claims[0].partition(":")
        if role not in get_args(Role):
            return None
        try:
            return Identity(role, who.strip())  # type: ignore[arg-type]  # a role: looked at above
        except UsageError:
            return None


def load_sign_on(name: str, secret_file: Path | None) -> SignOn | None:
    """The sign-on of a configuration; None when none is configured.

    Raises
    ------
    UsageError
        A header without its secret, or the other way round, or a secret that is too short or that others can read.
    """
    if not name and secret_file is None:
        return None
    if not name.replace("-", "").isalnum() or not name.isascii() or secret_file is None:
        raise UsageError("A bank's own sign-on needs LEVENSLOOP_SIGN_ON_HEADER and LEVENSLOOP_SIGN_ON_SECRET_FILE.")
    try:
        if os.stat(secret_file).st_mode & _OTHERS:
            raise UsageError(f"{secret_file.name} can be read by others. Set its mode to 0600.")
        secret = secret_file.read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{secret_file.name} cannot be read. LEVENSLOOP_SIGN_ON_SECRET_FILE names the file."
        ) from error
    if len(secret) < _SHORTEST:
        raise UsageError(f"The secret of the sign-on is too short. Give at least {_SHORTEST} random characters.")
    return SignOn(name, secret)
