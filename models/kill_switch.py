"""A kill switch per life event: a named person stops an event, and serving tells it to nobody from then on.

The switches stand in the store, in a table that only grows; the last one of an event counts. Whoever suspects harm
stops first and looks afterwards, so one person is enough, in any role that holds a key.
"""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Literal, get_args

import sqlalchemy as sa

from models.candidate import TAXONOMY, read_candidate
from models.canonical import moment_text
from models.errors import UsageError
from models.history_check import SWITCHED
from models.home import Home
from models.release import read_champion
from models.signing import PrivateKey, Role, load_registry, sign_statement
from models.store import kill_switches, open_store
from models.taxonomy import default_taxonomy, parse_taxonomy
from models.trail import TrailRow, append_trail

State = Literal["on", "off"]
_LAST = sa.select(sa.func.max(kill_switches.c.id)).group_by(kill_switches.c.event)
_STOPPED = sa.select(kill_switches.c.event).where(kill_switches.c.id.in_(_LAST), kill_switches.c.state == "on")


def set_kill_switch(
    home: Home,
    event: str,
    state: State,
    *,
    role: Role,
    private_key: PrivateKey,
    reason: str,
    at: datetime | None = None,
) -> TrailRow:
    """Stop an event (`on`) or let it be told again (`off`); store and trail have it when this returns.

    Raises
    ------
    UsageError
        The event is in no taxonomy in force, the state is neither, the reason is empty, or the key is not the one in
        force of this role.
    IntegrityError, StoreUnavailableError
        Key registry or champion do not verify, or the store cannot be written.
    """
    at = at or datetime.now(UTC)
    key = load_registry(home).key_of(role)
    if key is None or key.id != private_key.id:
        raise UsageError(f"This key is not the one in force of role {role}. Use that one.")
    if state not in get_args(State) or not reason.strip():
        raise UsageError("A kill switch is turned on or off, with a reason. Give both.")
    if event not in _known_events(home):
        raise UsageError(f"There is no life event {event!r}. Look the id up in the taxonomy.")
    statement = {
        "kind": SWITCHED, "event": event, "state": state, "role": role, "person": key.person,
        "reason": reason.strip(), "at": moment_text(at),
    }  # fmt: skip
    signed = asdict(sign_statement(private_key, statement))
    row = {**{name: value for name, value in statement.items() if name != "kind"}, "at": at}
    store = open_store(home.database_url)
    try:
        with store.write() as connection:
            connection.execute(kill_switches.insert(), {**row, "key_id": key.id, "signature": signed["signature"]})
            return append_trail(connection, SWITCHED, {**statement, "signature": signed}, at=at)
    finally:
        store.close()


def stopped_events(connection: sa.Connection) -> frozenset[str]:
    """The events that are stopped, as this transaction sees them."""
    return frozenset(connection.execute(_STOPPED).scalars())


def _known_events(home: Home) -> set[str]:
    """The champion's events and those that ship with Levensloop: a wrong id must not look like a stop."""
    champion = read_champion(home)
    known = set(default_taxonomy().ids)
    if champion is None:
        return known
    text = read_candidate(home.releases / champion.release_id).text(TAXONOMY)
    return known | set(parse_taxonomy(text, source=TAXONOMY).ids)
