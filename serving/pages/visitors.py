"""Who looks at a page: a session per browser, kept in the store, so that it can be ended for everybody at once.

The browser holds 256 random bits in a cookie that no script can read; the store keeps their SHA-256. A page learns from
the session alone whose page it is: never from an address, never from a form.
"""

import secrets
import tomllib
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any, Literal, get_args

import sqlalchemy as sa

from models.canonical import framed_sha256, sha256_of
from models.errors import UsageError
from models.store import Store, page_sessions
from models.trail import append_trail
from serving.problems import ProblemError, refuse

Role = Literal["customer", "board", "colleague", "operations"]
ROLES: frozenset[Role] = frozenset(get_args(Role))
SIGNED_IN, LINK_REFUSED = "page_signed_in", "link-not-valid"
_SECRET_BYTES = 32
_FIND = sa.select(page_sessions).where(page_sessions.c.id_sha256 == sa.bindparam("id_sha256"))


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is: a customer by the bank's id, everybody else by name."""

    role: Role
    who: str

    def __post_init__(self) -> None:
        """Refuse what cannot be told apart.

        Raises
        ------
        UsageError
            No such role, or nobody is named.
        """
        if self.role not in ROLES:
            raise UsageError(f"A role of the pages is one of {', '.join(sorted(ROLES))}. Give one of them.")
        if not 1 <= len(self.who) <= 64 or not self.who.isprintable() or self.who.strip() != self.who:
            raise UsageError("Say who signs in, in 1 to 64 printable characters.")

    @property
    def column(self) -> str:
        """Where the store keeps who it is; a customer's id is erased with the customer."""
        return "customer_id" if self.role == "customer" else "person"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is signed in. `form_token` stands in every form of this session and in no other."""

    identity: Identity
    session: str  # SHA-256 of what the browser holds
    form_token: str
    ends_at: datetime

    @property
    def role(self) -> Role:
        """What this visitor may look at."""
        return self.identity.role

    @property
    def customer_id(self) -> str:
        """Whose page this is; the only source of a customer's id on the pages.

        Raises
        ------
        ProblemError
            403: this is no customer.
        """
        if self.role != "customer":
            raise refuse(403, "role-not-allowed", "This page is for customers.")
        return self.identity.who

    @property
    def person(self) -> str:
        """The name of a member of the board or a colleague.

        Raises
        ------
        ProblemError
            403: this is a customer.
        """
        if self.role == "customer":
            raise refuse(403, "role-not-allowed", "This page is not for customers.")
        return self.identity.who


@dataclass(frozen=True, slots=True)
class SessionRule:
    """How long links and sessions last (`pages.toml`)."""

    link: timedelta
    idle: timedelta
    longest: timedelta


@cache
def session_rule() -> SessionRule:
    """The rule that ships with Levensloop."""
    data: dict[str, Any] = tomllib.loads(resources.files("serving.pages").joinpath("pages.toml").read_text("utf-8"))
    return SessionRule(
        timedelta(minutes=data["link_minutes"]),
        timedelta(minutes=data["session_minutes"]),
        timedelta(hours=data["longest_hours"]),
    )


def open_session(store: Store, identity: Identity, *, link: str | None, at: datetime) -> str:
    """Begin a session and give back what the browser holds from now on.

    Parameters
    ----------
    link : str or None
        The number of the one-time link that opens it; None when the bank's own sign-on does.

    Raises
    ------
    ProblemError
        403: the link was used before.
    """
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    row = {"id_sha256": sha256_of(secret.encode()), "role": identity.role, identity.column: identity.who, "link": link}
    with store.write() as connection:
        used = sa.select(page_sessions.c.id_sha256).where(page_sessions.c.link == link)
        if link is not None and connection.execute(used).first() is not None:
            raise link_refused()
        connection.execute(page_sessions.insert(), {**row, "started_at": at, "ends_at": at + session_rule().idle})
        body = {"role": identity.role, "by": "sign_on" if link is None else "link"}
        append_trail(connection, SIGNED_IN, body, personal={identity.column: identity.who}, at=at)
    return secret


def link_refused() -> ProblemError:
    """What is said of every link that does not work, whatever the reason."""
    return refuse(403, LINK_REFUSED, "This link was used, is too old or is not ours. Ask for a new one.")


def find_visitor(store: Store, secret: str, *, at: datetime) -> Visitor | None:
    """Who holds this session; None when there is none or it has ended. A session that is used goes on.

    Raises
    ------
    StoreUnavailableError
        The store cannot be read; then nobody is let in.
    """
    session = sha256_of(secret.encode("utf-8", "surrogateescape"))
    with store.read() as connection:
        row = connection.execute(_FIND, {"id_sha256": session}).mappings().first()
    if row is None or row["ended_at"] is not None or at >= row["ends_at"]:
        return None
    ends_at = _prolong(store, session, row, at=at)
    identity = Identity(row["role"], row["customer_id"] if row["role"] == "customer" else row["person"])
    return Visitor(identity, session, framed_sha256("form", secret), ends_at)


def end_session(store: Store, session: str, *, at: datetime) -> None:
    """End a session at once, in every worker; one that has ended stays so."""
    live = (page_sessions.c.id_sha256 == session) & page_sessions.c.ended_at.is_(None)
    with store.write() as connection:
        connection.execute(page_sessions.update().where(live).values(ended_at=at))


def _prolong(store: Store, session: str, row: sa.RowMapping, *, at: datetime) -> datetime:
    """When the session ends now; written only when half of its time is over, so that most looks write nothing."""
    rule, ends_at = session_rule(), row["ends_at"]
    later = min(at + rule.idle, row["started_at"] + rule.longest)
    if ends_at - at > rule.idle / 2 or later <= ends_at:
        return ends_at
    live = (page_sessions.c.id_sha256 == session) & page_sessions.c.ended_at.is_(None)
    with store.write() as connection:
        connection.execute(page_sessions.update().where(live).values(ends_at=later))
    return later
