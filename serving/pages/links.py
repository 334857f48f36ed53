"""One-time links: whoever opens one is signed in as the person it was made for, once and within minutes.

A link is a Fernet token (AES and HMAC-SHA256, of the library `cryptography`): signed, so that nobody makes one without
the secret of this installation, and unreadable, so that no customer id stands in an address or in the log of a proxy.
"""

import json
import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from models.canonical import canonical_json
from models.durable import lock_folder, write_durably
from models.errors import IntegrityError, UsageError
from models.home import Home
from serving.pages.addresses import PREFIX
from serving.pages.visitors import Identity, link_refused, session_rule

_OTHERS = 0o077
_LONGEST = 1_000  # characters of a link; ours have less than half


@dataclass(frozen=True, slots=True)
class OpenedLink:
    """Whom a link was made for, and its number, which counts once.

    The number is inside what is signed: of the token itself there are several spellings.
    """

    identity: Identity
    number: str


def make_link(home: Home, identity: Identity, *, at: datetime) -> str:
    """A new link's token for one person; the secret of this installation is made when it is not there."""
    with lock_folder(home.path):
        if not home.link_key.exists():
            write_durably(home.link_key, Fernet.generate_key(), mode=0o600)
    told = {"role": identity.role, "who": identity.who, "number": secrets.token_hex(16)}
    return _load_key(home.link_key).encrypt_at_time(canonical_json(told).encode(), int(at.timestamp())).decode()


def build_link(home: Home, identity: Identity, *, url: str, at: datetime) -> str:
    """The whole address of a new link; `url` is the service's, as people reach it."""
    return f"{url.rstrip('/')}{PREFIX}/sign-in?link={make_link(home, identity, at=at)}"


def open_link(home: Home, token: str, *, at: datetime) -> OpenedLink:
    """Read a link that was made here and is not too old; whether it was used is for `open_session` to say.

    Raises
    ------
    ProblemError
        403, with the same words for every link that does not work.
    """
    if not token or len(token) > _LONGEST or not token.isascii() or not home.link_key.exists():
        raise link_refused()
    try:
        seconds = int(session_rule().link.total_seconds())
        text = _load_key(home.link_key).decrypt_at_time(token.encode(), seconds, int(at.timestamp()))
    except InvalidToken as error:
        raise link_refused() from error
    told = json.loads(text)  # ours: it was signed
    return OpenedLink(Identity(told["role"], told["who"]), told["number"])


def _load_key(path: Path) -> Fernet:
    """The secret, when nobody else on this machine can read it.

    Raises
    ------
    IntegrityError
        Others can read it, or it is no such secret.
    """
    try:
        if os.stat(path).st_mode & _OTHERS:
            raise IntegrityError(f"{path.name} can be read by others. Remove it; the next link makes a new one.")
        return Fernet(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path.name} cannot be read. Give this user the right to.") from error
    except ValueError as error:
        raise IntegrityError(f"{path.name} is not a secret for links. Remove it; the next link makes one.") from error
