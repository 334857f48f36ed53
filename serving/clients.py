"""Who may ask: clients of the service, each with one secret key, its roles and the purposes it may ask for.

A key is shown once, when the client is added. The store keeps its SHA-256; a key is 256 random bits, so a slow hash
would only slow the service. Clients are read from the store on every request, so that a revoked key ends at once.
"""

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from models.canonical import sha256_of
from models.errors import UsageError
from models.prepared import Prepared
from models.purposes import PurposeRegistry
from models.store import Moment, Store
from models.trail import append_trail
from serving.problems import refuse

# Roles that ask for customers; the words are those of `clients` in the purpose registry.
ASKING = frozenset({"offer_engine", "customer_page", "contact_desk"})
OPERATIONS = "operations"  # looks after the service itself and asks about nobody
ROLES = ASKING | {OPERATIONS}
ADDED, REVOKED = "client_added", "client_revoked"
HEADER, SCHEME = "Authorization", "Bearer"
_PREFIX = "levensloop"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_SECRET_BYTES = 32
_MOST_A_SECOND = 100_000

_METADATA = sa.MetaData()
clients = sa.Table(
    "clients",
    _METADATA,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("key_sha256", sa.String(64), nullable=False),
    sa.Column("roles", sa.String, nullable=False),  # space separated
    sa.Column("purposes", sa.Text, nullable=False),  # space separated
    sa.Column("requests_per_second", sa.Integer),  # null: what the policy says
    sa.Column("added_at", Moment, nullable=False),
    sa.Column("revoked_at", Moment),
)
_FIND = Prepared(sa.select(clients).where(clients.c.name == sa.bindparam("name")))
# Compared with the key of a client that is not there, so that a name is not told by the time it takes.
_NOBODY_SHA256 = sha256_of(secrets.token_bytes(_SECRET_BYTES))


@dataclass(frozen=True, slots=True)
class Client:
    """One client; `purposes` are those it may ask for, `requests_per_second` None means what the policy says."""

    name: str
    roles: frozenset[str]
    purposes: frozenset[str]
    requests_per_second: int | None = None
    added_at: datetime | None = None
    revoked_at: datetime | None = None

    def require_purpose(self, purpose: str) -> None:
        """Refuse with 403 unless this client's key covers the purpose."""
        if purpose not in self.purposes:
            raise refuse(403, "purpose-not-covered", "The key of this client does not cover this purpose.")


def make_client_table(store: Store) -> None:
    """Make the table of clients when it is not there."""
    with store.write() as connection:
        _METADATA.create_all(connection)


def add_client(
    store: Store,
    name: str,
    *,
    roles: Sequence[str],
    purposes: Sequence[str],
    registry: PurposeRegistry,
    at: datetime,
    requests_per_second: int | None = None,
) -> str:
    """Add a client and give back its key, which nobody can show a second time; the trail says who was added.

    Raises
    ------
    UsageError
        The name is taken (a revoked one too) or no name, or a role or purpose is none of ours.
    """
    _validate(name, roles, purposes, registry, requests_per_second)
    key = f"{_PREFIX}.{name}.{secrets.token_urlsafe(_SECRET_BYTES)}"
    told = {"roles": " ".join(sorted(set(roles))), "purposes": " ".join(sorted(set(purposes)))}
    make_client_table(store)
    with store.write() as connection:
        if _FIND.first(connection, {"name": name}) is not None:
            raise UsageError(f"There is a client {name} already. Give another name; a revoked one is not used again.")
        row = {"name": name, "key_sha256": sha256_of(key.encode()), **told, "added_at": at}
        connection.execute(clients.insert(), {**row, "requests_per_second": requests_per_second})
        append_trail(connection, ADDED, {"client": name, **told}, at=at)
    return key


def revoke_client(store: Store, name: str, *, at: datetime) -> None:
    """End a client's key, at once in every worker; the trail says so.

    Raises
    ------
    UsageError
        There is no such client, or it was revoked before.
    """
    make_client_table(store)
    live = (clients.c.name == name) & clients.c.revoked_at.is_(None)
    with store.write() as connection:
        if not connection.execute(clients.update().where(live).values(revoked_at=at)).rowcount:
            raise UsageError(f"There is no client {name} with a key that works. `levensloop client list` shows them.")
        append_trail(connection, REVOKED, {"client": name}, at=at)


def list_clients(store: Store) -> tuple[Client, ...]:
    """All clients, revoked ones too, by name."""
    make_client_table(store)
    with store.read() as connection:
        return tuple(_client(row) for row in connection.execute(sa.select(clients).order_by(clients.c.name)))


def find_client(store: Store, authorization: str) -> Client | None:
    """The client whose key stands in an Authorization header; None when there is none, or it was revoked.

    Raises
    ------
    StoreUnavailableError
        The store cannot be read; then nobody is let in.
    """
    scheme, _, key = authorization.partition(" ")
    key = key.strip()
    _, _, rest = key.partition(".")
    name, _, _ = rest.partition(".")
    if scheme.lower() != SCHEME.lower() or not _NAME.fullmatch(name):
        return None
    with store.read() as connection:
        row = _FIND.first(connection, {"name": name})
    known = row.key_sha256 if row is not None else _NOBODY_SHA256
    is_right = hmac.compare_digest(known, sha256_of(key.encode("utf-8", "surrogateescape")))
    return _client(row) if row is not None and is_right and row.revoked_at is None else None


def _client(row: Any) -> Client:
    return Client(
        name=row.name,
        roles=frozenset(row.roles.split()),
        purposes=frozenset(row.purposes.split()),
        requests_per_second=row.requests_per_second,
        added_at=row.added_at,
        revoked_at=row.revoked_at,
    )


def _validate(
    name: str, roles: Sequence[str], purposes: Sequence[str], registry: PurposeRegistry, per_second: int | None
) -> None:
    if not _NAME.fullmatch(name):
        raise UsageError("A client's name is small letters, digits and hyphens, at most 40. Give such a name.")
    if not roles or not set(roles) <= ROLES:
        raise UsageError(f"A client needs roles out of {', '.join(sorted(ROLES))}. Give one or more.")
    if not set(purposes) <= set(registry.ids):
        raise UsageError(f"A purpose is not registered. Registered are {', '.join(sorted(registry.ids))}.")
    if ASKING & set(roles) and not purposes:
        raise UsageError("A client that asks about customers needs the purposes it may ask for. Give --purpose.")
    if per_second is not None and not 1 <= per_second <= _MOST_A_SECOND:
        raise UsageError(f"Requests per second are a number from 1 to {_MOST_A_SECOND}. Give such a number.")
