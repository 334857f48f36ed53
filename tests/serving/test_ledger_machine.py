"""A machine that plays customers, a bank and an engine at random, and holds ledger and gate against a plain model.

It is worth what it finds, so every bug of `BUGS` is planted once, and the machine must fail on it. Longer runs:
`LEVENSLOOP_MACHINE_EXAMPLES=2000 pytest tests/serving/test_ledger_machine.py`.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from models import permission
from models.errors import PermissionRefusedError
from models.permission import current_permission, decide, permitted_customers
from models.prepared import Prepared
from models.purposes import AMSTERDAM, Purpose, PurposeRegistry, default_purposes
from models.screening import PASSES
from models.store import Store, customers, idempotency, open_store, permission_events, trail
from models.taxonomy import default_taxonomy
from models.trail import verify_trail
from serving import gate as gate_module
from serving import once as once_module
from serving.answers import Answer
from serving.clients import Client
from serving.detecting import Brought
from serving.gate import Gate, Question
from serving.ledger import Ledger
from serving.once import Once, Write
from serving.policy import default_policy
from serving.problems import ProblemError
from serving.records import StoredRecords
from serving.schemas import PermissionEventRequest

START = datetime(2026, 11, 22, 11, tzinfo=UTC)
EXAMPLES = int(os.environ.get("LEVENSLOOP_MACHINE_EXAMPLES", "25"))
ADULTS, MINOR = ("ann", "bob"), "kim"
PURPOSES = ("overdraft_signal", "own_product_offers")
NOES, YES = ("withdrawn", "objected", "expired"), ("shown", "consented", "objection_lifted")
ENGINE = Client("engine", frozenset({"offer_engine"}), frozenset(PURPOSES))
OLD_NOTICE = {"notice_version": "2020-01", "notice_sha256": "f" * 64}
COLUMNS = ("customer_id", "event", "onset_date", "detected_on", "probability", "status", "offer_class", "evidence")
# Most of an example is about one person and one purpose, or nothing would come of anything.
_PERSON = st.sampled_from(("ann", "ann", "ann", "ann", "bob", MINOR))
_PLACE = st.sampled_from((0, 0, 0, 1))  # of a purpose, in the order of the example
_WHAT = st.sampled_from(
    (
        *("consented", "consented", "consented", "shown", "shown", "objection_lifted", *NOES),
        *("wait 1", "wait 29", "wait 30", "ask about an earlier day", "say no while the engine asks"),
        *("opt_in", "opt_out", "old consented", "old shown", "repeat"),
    )
)
_DAYS_LATE = st.sampled_from((0, 0, 0, 1, 40))


@dataclass
class Told:
    """What one customer said about one purpose, kept as a plain person would: step by step, never looking back."""

    objected: bool = False
    withdrawn: bool = False
    consents: set[str] = field(default_factory=set)  # notice versions
    shown: dict[str, datetime] = field(default_factory=dict)  # notice version: first moment
    last: dict[str, datetime] = field(default_factory=dict)  # latest moment of each no

    def hear(self, action: str, notice: str, at: datetime) -> None:
        """Take in one event, as it comes."""
        noes = [self.last[no] for no in NOES if no in self.last]
        if action in NOES:
            self.last[action] = max(at, self.last.get(action, at))
            self.consents = set()
        if action == "objected":
            self.objected = True
        elif action == "withdrawn":
            self.withdrawn = True
        elif action == "expired":
            self.shown = {}
        elif action == "objection_lifted" and at >= self.last.get("objected", at):
            self.objected = False
        elif action == "consented" and all(at >= no for no in noes):
            self.consents.add(notice)
        elif action == "shown" and at >= self.last.get("expired", at):
            self.shown[notice] = min(at, self.shown.get(notice, at))
        if action in ("consented", "objection_lifted") and at >= self.last.get("withdrawn", at):
            self.withdrawn = False

    def allows(self, purpose: Purpose, now: datetime) -> bool:
        """What this person would say now."""
        if self.objected:
            return False
        if purpose.regime == "opt_in":
            return purpose.notice_version in self.consents
        seen = self.shown.get(purpose.notice_version)
        if self.withdrawn or seen is None:
            return False
        return now >= max(seen, purpose.notice_start) + timedelta(days=purpose.notice_days)


class Served:
    """A release that finds nothing: here only permission matters."""

    id, model_version, taxonomy = "r" * 64, "fake-1", default_taxonomy()

    class screening:  # noqa: N801 - stands for an object
        """Screens nothing."""

        @staticmethod
        def judge(frame: pd.DataFrame) -> Any:
            return np.full(len(frame), PASSES)

    def current(self) -> "Served":
        return self


class LedgerMachine(RuleBasedStateMachine):
    """Ledger and gate on a store of their own, beside the model."""

    open_new: Callable[[], Store]

    @initialize(main=st.sampled_from(PURPOSES))
    def begin(self, main: str) -> None:
        self.purposes = (main, *(purpose for purpose in PURPOSES if purpose != main))
        self.about: tuple[str, str] | None = None
        self.store = type(self).open_new()
        self.now = START
        self.registry = default_purposes()
        self.told = {(who, purpose): Told() for who in (*ADULTS, MINOR) for purpose in PURPOSES}
        self.recorded = self.answered = self.refused = 0
        self.sent: list[tuple[str, PermissionEventRequest, int]] = []
        self.meanwhile: Callable[[], None] = lambda: None
        self.ledger = Ledger(self.store, self, Once(self.store))
        self.gate = Gate(
            store=self.store, releases=Served(), registry=self, records=StoredRecords(), detect=self.detect,
            policy=default_policy(), clock=lambda: self.now,
        )  # fmt: skip

    def in_force(self, _connection: sa.Connection) -> PurposeRegistry:
        return self.registry

    def detect(self, _bookings: pd.DataFrame, /, **_told: Any) -> pd.DataFrame:
        self.meanwhile()
        return pd.DataFrame([], columns=list(COLUMNS))

    # ---- what happens ----

    # One rule, for Hypothesis leaves whole rules out of an example, and most bugs need three kinds of steps.
    @rule(what=_WHAT, who=_PERSON, place=_PLACE, late=_DAYS_LATE, number=st.integers(0, 50))
    def something_happens(self, what: str, who: str, place: int, late: int, number: int) -> None:
        purpose, days_ago = self.purposes[place], timedelta(days=late)
        if what in YES:
            at = max(self.now - days_ago, self.registry.purpose(purpose).notice_start)
            self.tell(who, purpose, what, min(at, self.now))
        elif what in NOES:
            self.tell(who, purpose, what, self.now - days_ago)
        elif what.startswith("old "):
            self.tell("ann", purpose, what.removeprefix("old "), self.now, **OLD_NOTICE)
        elif what == "ask about an earlier day":
            self.judge(who, purpose, late, allowed=self.allows(who, purpose))
        elif what == "say no while the engine asks":
            self.ask_while_the_customer_says_no("ann", purpose, NOES[number % len(NOES)])
        elif what in ("opt_in", "opt_out"):
            self.renew_the_notice(purpose, what)
        elif what == "repeat" and self.sent:
            self.repeat_a_request(*self.sent[number % len(self.sent)])
        elif what.startswith("wait "):
            self.now += timedelta(days=int(what.split()[1]))

    # ---- how it is done ----

    def ask_while_the_customer_says_no(self, who: str, purpose: str, action: str) -> None:
        self.meanwhile = lambda: self.tell(who, purpose, action, self.now)
        self.judge(who, purpose, 0, allowed=False)
        self.meanwhile = lambda: None

    def renew_the_notice(self, purpose: str, regime: Any) -> None:
        at = len(self.registry.version)
        self.registry = replace(
            self.registry, version=self.registry.version + "+", sha256=f"{at:064x}",
            purposes=tuple(self.renewed(p, regime, at) if p.id == purpose else p for p in self.registry.purposes),
        )  # fmt: skip

    def renewed(self, purpose: Purpose, regime: Any, number: int) -> Purpose:
        first = self.now.astimezone(AMSTERDAM).date().isoformat()
        return replace(
            purpose, regime=regime, notice_version=f"n{number}", notice_sha256=f"{number:064x}", notice_from=first,
            notice_days=30,
        )  # fmt: skip

    def repeat_a_request(self, key: str, asked: PermissionEventRequest, version: int) -> None:
        try:
            again = self.ledger.append(asked, write=_write(key), now=self.now)["version"]
        except ProblemError as error:
            raise AssertionError("what was acknowledged is refused now") from error
        assert again == version

    def tell(self, who: str, purpose: str, action: str, at: datetime, **notice: str) -> None:
        """Say it to the ledger and to the model; nobody under 18 can say yes."""
        self.about = (who, purpose)
        asked = PermissionEventRequest.model_validate(
            {"customer_id": who, "purpose": purpose, "action": action, "at": at.isoformat(), **notice}
        )
        key = f"key {len(self.sent)}"
        if who == MINOR and action in YES:
            self.expect_refusal(asked, key)
            return
        version = self.ledger.append(asked, write=_write(key), now=self.now)["version"]
        self.sent.append((key, asked, version))
        self.recorded += 1
        self.told[who, purpose].hear(action, notice.get("notice_version", self.notice(purpose)), at)

    def expect_refusal(self, asked: PermissionEventRequest, key: str) -> None:
        try:
            self.ledger.append(asked, write=_write(key), now=self.now)
        except PermissionRefusedError:
            return
        raise AssertionError(f"{asked.customer_id} could say yes")

    def judge(self, who: str, purpose: str, days_ago: int, *, allowed: bool) -> None:
        as_of = (self.now - timedelta(days=days_ago)).astimezone(AMSTERDAM).date()
        (outcome,) = self.gate.answer_all([Question(who, purpose, ENGINE, as_of)], bring=_one_booking)
        assert isinstance(outcome, Answer) == allowed, f"{who} allowed {purpose}: {allowed}"
        if isinstance(outcome, Answer):
            self.answered += 1
        else:
            assert outcome.status == 403
            self.refused += 1

    def notice(self, purpose: str) -> str:
        return self.registry.purpose(purpose).notice_version

    def allows(self, who: str, purpose: str) -> bool:
        return who != MINOR and self.told[who, purpose].allows(self.registry.purpose(purpose), self.now)

    # ---- what always holds ----

    @invariant()
    def whoever_spoke_last_is_asked_about(self) -> None:
        """By the gate, and by the look-up that pages use."""
        if self.about is not None:
            self.judge(*self.about, 0, allowed=self.allows(*self.about))
            self.look_up(*self.about)

    def look_up(self, who: str, purpose: str) -> None:
        with self.store.read() as connection:
            held = current_permission(connection, who, purpose, registry=self.registry, at=self.now)
        assert held.allowed == self.allows(who, purpose)

    def teardown(self) -> None:
        if not hasattr(self, "store"):
            return
        try:
            self.hold_the_books_against_each_other()
        finally:
            self.store.close()

    def hold_the_books_against_each_other(self) -> None:
        for who, purpose in self.told:
            self.look_up(who, purpose)
        self.everybody_at_once()
        assert verify_trail(self.store, None, None).findings == ()
        with self.store.read() as connection:
            kinds = connection.execute(sa.select(trail.c.kind, sa.func.count()).group_by(trail.c.kind))
            counted = dict(kinds.all())
        expected = {
            "permission_recorded": self.recorded,
            "events_answered": self.answered,
            "events_refused": self.refused,
        }
        assert counted == {kind: number for kind, number in expected.items() if number}
        self.rebuild()

    def everybody_at_once(self) -> None:
        for purpose in PURPOSES:
            with self.store.read() as connection:
                permitted = permitted_customers(connection, purpose, registry=self.registry, at=self.now)
            assert permitted == {who for who in ADULTS if self.allows(who, purpose)}

    def rebuild(self) -> None:
        """The current state is a view: rebuilt from the events of the ledger alone it is the same."""
        with self.store.read() as connection:
            rows = connection.execute(sa.select(permission_events).order_by(permission_events.c.version)).all()
        for (who, purpose), _ in self.told.items():
            events = [
                permission.PermissionRecord(r.version, r.action, r.notice_version, r.notice_sha256, r.at)
                for r in rows
                if (r.customer_id, r.purpose) == (who, purpose)
            ]
            rebuilt = decide(events, self.registry.purpose(purpose), at=self.now).allowed and who != MINOR
            assert rebuilt == self.allows(who, purpose)


def _one_booking(customers: Sequence[str]) -> Brought:
    rows = [{"customer_id": who, "booking_id": "b1", "remittance_information": "x"} for who in customers]
    return Brought(pd.DataFrame(rows))


def _write(key: str) -> Write:
    return Write(ENGINE, "/v1/permissions", key)


# ---- running it -----------------------------------------------------------------------------------------------------

_KIM = {"customer_id": MINOR, "is_adult": False, "language": "nl", "products_held": "", "open_complaint": False,
        "in_arrears": False}  # fmt: skip


def _prepare(store: Store) -> None:
    with store.write() as connection:
        connection.execute(customers.insert(), _KIM)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[LedgerMachine]]:
    """The machine on SQLite; every example begins with a copy of one empty store."""
    empty = tmp_path_factory.mktemp("machine") / "empty.db"
    first = open_store(f"sqlite:///{empty}")
    _prepare(first)
    first.close()
    # In memory where there is such a folder: nobody cuts the power here, and a commit costs a tenth.
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:  # noqa: S108
        numbers = iter(range(10**9))

        def open_new() -> Store:
            path = Path(folder) / f"{next(numbers)}.db"
            shutil.copy(empty, path)
            return open_store(f"sqlite:///{path}")

        yield type("OnSqlite", (LedgerMachine,), {"open_new": staticmethod(open_new)})


def _run(machine: type[LedgerMachine], *, examples: int, steps: int = 25, only_find: bool = False) -> None:
    phases = (Phase.generate,) if only_find else (Phase.generate, Phase.shrink)
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, database=None, derandomize=True,
            phases=phases, print_blob=False, report_multiple_bugs=False, suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


def test_ledger_and_gate_do_what_was_said(machine: type[LedgerMachine]) -> None:
    _run(machine, examples=EXAMPLES)


def test_ledger_and_gate_do_what_was_said_on_postgresql(postgresql: Any) -> None:
    def open_new() -> Store:
        store = open_store(postgresql.make_schema())
        _prepare(store)
        return store

    on_postgresql = type("OnPostgresql", (LedgerMachine,), {"open_new": staticmethod(open_new)})
    _run(on_postgresql, examples=max(3, EXAMPLES // 10))


# ---- planted bugs ---------------------------------------------------------------------------------------------------

_decide, _current = permission.decide, permission.current_permission
_undone = permission._undone
Bug = Callable[[], AbstractContextManager[Any]]


def _decide_on(keep: Callable[..., Any]) -> Bug:
    """The rule, on other events than those that happened."""

    def planted(events: Any, purpose: Purpose, *, at: datetime) -> Any:
        return _decide(keep(list(events), purpose), purpose, at=at)

    return lambda: patch.object(permission, "decide", planted)


def _forget_noes_before_the_notice(events: list[Any], purpose: Purpose) -> list[Any]:
    places = [e.version for e in events if e.action == "shown" and e.notice_version == purpose.notice_version]
    return [e for e in events if e.action != "objected" or e.version > min(places, default=0)]


def _by_date(events: list[Any], _purpose: Purpose) -> list[Any]:
    ordered = sorted(events, key=lambda event: event.at)
    return [event._replace(version=place) for place, event in enumerate(ordered, start=1)]


def _state_without(column: str) -> Bug:
    """The look-up of one customer's events, without one of its two conditions."""
    state = sa.select(*permission._STATE_COLUMNS, permission._IS_ADULT.label("is_adult"))
    for name in {"customer_id", "purpose"} - {column}:
        state = state.where(permission_events.c[name] == sa.bindparam(name))
    return lambda: patch.object(permission, "_STATE", Prepared(state.order_by(permission_events.c.version)))


def _remember(_connection: Any, customer_id: str, purpose: str, *, registry: Any, at: datetime) -> Any:
    key = (id(registry), customer_id, purpose, at)
    if key not in _CACHE:
        _CACHE[key] = _current(_connection, customer_id, purpose, registry=registry, at=at)
    return _CACHE[key]


_CACHE: dict[Any, Any] = {}


@contextmanager
def _cached() -> Iterator[None]:
    """A time-to-live cache: what was allowed a moment ago is allowed now."""
    _CACHE.clear()
    with patch.object(gate_module, "current_permission", _remember):
        yield


def _judged_at_as_of(self: Gate, connection: Any, question: Question, registry: PurposeRegistry) -> Any:
    day = question.as_of or self.clock().date()
    at = datetime(day.year, day.month, day.day, 23, 59, tzinfo=UTC)
    purpose = registry.purpose(question.purpose)
    asked = {"customer_id": question.customer_id, "purpose": question.purpose}
    rows = permission._STATE.rows(connection, asked)
    return _decide([e for row in rows if (e := permission.PermissionRecord(*row[:-1])).at <= at], purpose, at=at)


def _judged_once(_self: Gate, connection: Any, question: Question, registry: PurposeRegistry) -> Any:
    """No second look in the transaction that records the answer."""
    held = _current(connection, question.customer_id, question.purpose, registry=registry, at=START)
    return replace(held, allowed=True)


def _a_day_less(days: float = 0, hours: float = 0) -> timedelta:
    return timedelta(days=days - 1, hours=hours)


def _forget(connection: sa.Connection, write: Write, _sha256: str) -> None:
    """Nothing is kept of an earlier request."""
    connection.execute(idempotency.delete().where(idempotency.c.key == write.key))


BUGS: dict[str, Bug] = {
    "the first event wins": _decide_on(lambda events, _: events[:1]),
    "the last event alone counts": _decide_on(lambda events, _: events[-1:]),
    "a notice resets an objection": _decide_on(_forget_noes_before_the_notice),
    "an objection is forgotten when the regime changes": _decide_on(
        lambda events, purpose: [e for e in events if e.action != "objected" or purpose.regime == "opt_in"]
    ),
    "what expired still counts": _decide_on(lambda events, _: [e for e in events if e.action != "expired"]),
    "a late entry is sorted by its date": _decide_on(_by_date),
    "a consent to another notice counts": lambda: patch.object(
        permission, "_of_notice_in_force", lambda _event, _purpose: True
    ),
    "a consent lifts an objection": lambda: patch.object(
        permission, "_undone", lambda events, no, by, at: _undone(events, no, (*by, "consented"), at)
    ),
    "permission leaks between purposes": _state_without("purpose"),
    "permission leaks between customers": _state_without("customer_id"),
    "the notice period is a day short": lambda: patch.object(permission, "timedelta", _a_day_less),
    "permission is cached": _cached,
    "permission is judged at as_of": lambda: patch.object(Gate, "_permission", _judged_at_as_of),
    "permission is not read again before the answer": lambda: patch.object(Gate, "_still_permitted", _judged_once),
    "somebody under 18 can say yes": lambda: patch.object(permission, "YES", frozenset()),
    "a refusal is not recorded": lambda: patch.object(gate_module, "RECORDED", frozenset()),
    "a repeated request counts twice": lambda: patch.object(once_module, "_find", _forget),
}


@pytest.mark.parametrize("bug", BUGS)
def test_the_machine_finds(machine: type[LedgerMachine], bug: str) -> None:
    with BUGS[bug](), pytest.raises(AssertionError):
        _run(machine, examples=1_000, only_find=True)  # it ends at the first that finds it
