"""A kill switch per life event: a named person stops an event, and serving tells it to nobody from then on.

The switches stand in the store, in a table that only grows; the last one of an event counts. Whoever suspects harm
stops first and looks afterwards, so one person is enough, in any role that holds a key. A stop counts as it stands; to
open an event again takes a signature that verifies and is younger than the stop, or whoever can write to the database
could open it, or repeat an old row that did.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import sqlalchemy as sa

from models.candidate import TAXONOMY, read_candidate
from models.canonical import canonical_json, moment_text, sha256_of
from models.errors import IntegrityError, UsageError
from models.history_check import SWITCHED
from models.home import Home
from models.prepared import Prepared
from models.release import read_champion
from models.signing import KeyRegistry, PrivateKey, Role, Signature, load_registry, sign_statement, verify_signature
from models.store import kill_switches, open_store
from models.taxonomy import default_taxonomy, parse_taxonomy
from models.trail import TrailRow, append_trail

State = Literal["on", "off"]
_LAST_ON = (
    sa.select(sa.func.max(kill_switches.c.id).label("id"))
    .where(kill_switches.c.state == "on")
    .group_by(kill_switches.c.event)
)
_STOPS = Prepared(
    sa.select(kill_switches.c.id, kill_switches.c.event, kill_switches.c.at).where(kill_switches.c.id.in_(_LAST_ON))
)
_OFFS = sa.select(kill_switches).where(kill_switches.c.state == "off").order_by(kill_switches.c.id)
Switch = tuple[Any, ...]  # a row of the table


def no_keys() -> KeyRegistry:
    """Nobody's keys: nothing that is stopped is opened."""
    return KeyRegistry((), "")


@dataclass(frozen=True)
class KillSwitches:
    """Which events are stopped, for a process that asks at every answer.

    Parameters
    ----------
    keys : callable
        Gives the key registry; called only when there is a switch whose signature was not verified before.
    """

    keys: Callable[[], KeyRegistry] = no_keys
    # Rows only grow, and what verified once verifies for ever; a row that changed is another one.
    _verified: set[Switch] = field(default_factory=set, compare=False, repr=False)

    def stopped(self, connection: sa.Connection) -> frozenset[str]:
        """The events that are stopped, as this transaction sees them."""
        stops = {event: (place, at) for place, event, at in _STOPS.rows(connection)}
        if not stops:
            return frozenset()
        opened = set()
        for row in connection.execute(_OFFS.where(kill_switches.c.event.in_(stops))):
            place, at = stops[row.event]
            if row.id > place and row.at >= at and self._verifies(row):
                opened.add(row.event)
        return frozenset(stops) - opened

    def _verifies(self, row: sa.Row[Any]) -> bool:
        if tuple(row) in self._verified:
            return True
        try:
            key = self.keys().key(row.key_id)
            statement = {name: getattr(row, name) for name in ("event", "state", "role", "person", "reason")}
            statement |= {"kind": SWITCHED, "at": moment_text(row.at)}
            if key is None or (key.role, key.person) != (row.role, row.person):
                return False
            digest = sha256_of(canonical_json(statement).encode())
            verify_signature(key, statement, Signature(row.key_id, digest, row.signature))
        except IntegrityError:
            return False
        self._verified.add(tuple(row))
        return True


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
        The event is in no taxonomy in force, the state is neither, the reason is empty, the key is not the one in
        force of this role, or the stop that is to end is dated later than now.
    IntegrityError, StoreUnavailableError
        Key registry or champion do not verify, or the store cannot be written.
    """
    at = at or datetime.now(UTC)
    registry = load_registry(home)
    key = registry.key_of(role)
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
            if state == "off" and event in KillSwitches(lambda: registry).stopped(connection):
                raise UsageError(
                    f"{event} stays stopped: it was stopped at a moment that lies after this one. Look at the clocks "
                    "of both machines, then try again."
                )
            return append_trail(connection, SWITCHED, {**statement, "signature": signed}, at=at)
    finally:
        store.close()


def _known_events(home: Home) -> set[str]:
    """The champion's events and those that ship with Levensloop: a wrong id must not look like a stop."""
    champion = read_champion(home)
    known = set(default_taxonomy().ids)
    if champion is None:
        return known
    text = read_candidate(home.releases / champion.release_id).text(TAXONOMY)
    return known | set(parse_taxonomy(text, source=TAXONOMY).ids)
