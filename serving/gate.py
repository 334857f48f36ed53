"""The one door: no answer leaves Levensloop but through `Gate`.

The order is the promise: purpose, permission, bookings, screening and detection, care, offers, then permission once
more in the transaction that writes the trail row. A withdrawal that was acknowledged before that transaction is seen
by it, so no answer leaves after it. Whatever cannot be read or written ends in an error, never in a cached yes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import ParamSpec, Protocol, TypeVar

import sqlalchemy as sa

from models.errors import PermissionRefusedError
from models.kill_switch import KillSwitches
from models.permission import Permission, current_permission
from models.purposes import AMSTERDAM, Purpose, PurposeRegistry, PurposeSource
from models.store import Store
from models.taxonomy import Taxonomy
from models.trail import append_trail
from serving.answers import Answer, GrantedPermission, Judgement, TrailPlace, build_trail_body
from serving.care import CustomerFacts, Detection, find_sales_block
from serving.clients import ASKING, Client
from serving.corrections import Corrected, find_corrected
from serving.deadline import Deadline
from serving.detecting import Brought, Detect, Found, ReleaseOnce, ServedRelease, find_detections
from serving.offers import History, OfferChoice, choose_offers
from serving.policy import Policy
from serving.problems import Problem, ProblemError, problem_of_status, refuse
from serving.records import NightlyRun, Records
from serving.send_window import find_send_window

P = ParamSpec("P")
T = TypeVar("T")
ANSWERED, REFUSED = "events_answered", "events_refused"
# Statuses of refusals that stand in the trail: not allowed, and judged but too late to be told.
RECORDED = frozenset({403, 504})
_PURPOSES_CHANGED = Problem(
    503, "purposes-changed", "What bookings may be used for changed while this was judged. Ask again."
)


class ReleaseHolder(Protocol):
    """Where the gate asks which release answers now (`serving.champion.ChampionHolder`)."""

    def current(self) -> ServedRelease:
        """The verified champion of this moment; NoReleaseError or IntegrityError when there is none."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a client. `as_of` None means today in Europe/Amsterdam.

    `leave_out` are events and their onsets that the client was told before: they are neither told nor offered on.
    """

    customer_id: str
    purpose: str
    client: Client
    as_of: date | None = None
    leave_out: frozenset[tuple[str, date]] = frozenset()


# Bookings that come with a request, as a table of the customers who may be looked at; called once they are known.
Bring = Callable[[Sequence[str]], Brought]


@dataclass(frozen=True, slots=True)
class _Case:
    """Everything read of one customer before anything is judged; `brings` says that bookings come with the request."""

    question: Question
    release: ServedRelease
    brings: bool
    purpose: Purpose
    as_of: date
    today: date
    facts: CustomerFacts
    nightly: NightlyRun | None
    nightly_today: NightlyRun | None
    history: History
    stopped: frozenset[str]
    corrected: Corrected

    @property
    def days(self) -> tuple[date, ...]:
        """Days for which bookings that came along must be looked at; today's care only matters where one sells."""
        return (self.as_of, self.today) if self.purpose.products else (self.as_of,)


@dataclass(frozen=True)
class Gate:
    """The flow from question to answer over one store and the release that is champion when it is asked."""

    store: Store
    releases: ReleaseHolder
    registry: PurposeSource
    records: Records
    detect: Detect
    policy: Policy
    clock: Callable[[], datetime]
    strict_customers: bool = False
    switches: KillSwitches = field(default_factory=KillSwitches)

    def answer(self, question: Question, *, bring: Bring | None = None, deadline: Deadline | None = None) -> Answer:
        """Answer one question, from the bookings that come with it, or from the nightly run.

        Raises
        ------
        ProblemError
            The problem to send instead of an answer; refusals are in the trail by then.
        StoreUnavailableError
            Permission or trail cannot be read or written.
        NoReleaseError, IntegrityError
            There is no release to answer with, or it does not verify.
        """
        outcome = self.answer_all([question], bring=bring, deadline=deadline)[0]
        if isinstance(outcome, Problem):
            raise ProblemError(outcome)
        return outcome

    def answer_all(
        self, questions: Sequence[Question], *, bring: Bring | None = None, deadline: Deadline | None = None
    ) -> list[Answer | Problem]:
        """One answer or problem per question, in the order of the questions; all trail rows are written together.

        The questions are about different customers. `bring` is called with those of them whose permission is there.
        When nobody waits for them any more (`deadline`), answers become refusals in the trail and nothing leaves.
        """
        release = self.releases.current()
        with self.store.read() as connection:
            judged_by, stopped = self.registry.in_force(connection), self.switches.stopped(connection)
            admit = partial(
                self._admit, connection, release=release, registry=judged_by, stopped=stopped, brings=bring is not None
            )
            cases = [_keep(admit, question) for question in questions]
        judged = self._judge_all(cases, bring)
        with self.store.write() as connection:
            if deadline is not None and not deadline.claim():
                judged = [problem_of_status(504) if isinstance(one, Judgement) else one for one in judged]
            # Whatever was stopped since: like a withdrawal, a kill switch or a purpose registry that was acknowledged
            # before this transaction is seen by it.
            registry, stopped = self.registry.in_force(connection), self.switches.stopped(connection)
            if registry.sha256 != judged_by.sha256:
                judged = [_PURPOSES_CHANGED if isinstance(one, Judgement) else one for one in judged]
            return [
                self._seal(
                    connection, question, self._without(connection, question, outcome, stopped), release, registry
                )
                for question, outcome in zip(questions, judged, strict=True)
            ]

    def _admit(
        self,
        connection: sa.Connection,
        question: Question,
        *,
        release: ServedRelease,
        registry: PurposeRegistry,
        stopped: frozenset[str],
        brings: bool,
    ) -> _Case:
        """Purpose, permission and what is known of the customer; nothing of a booking is touched before this."""
        today = self.clock().astimezone(AMSTERDAM).date()
        as_of = question.as_of or today
        if as_of > today:
            raise refuse(422, "as-of-in-the-future", "as_of lies in the future. Give today or an earlier day.")
        purpose = _find_purpose(registry, question)
        _require(self._permission(connection, question, registry))
        facts = self.records.find_customer(connection, question.customer_id)
        nightly_today = self.records.find_nightly_run(connection, question.customer_id, as_of=today)
        nightly = None
        if not brings:
            nightly = nightly_today
            if as_of < today:
                nightly = self.records.find_nightly_run(connection, question.customer_id, as_of=as_of)
        if facts is None and nightly is None and (not brings or self.strict_customers):
            raise refuse(404, "customer-unknown", "This customer is not known here. Send bookings or check the id.")
        if facts is not None and not facts.is_adult:
            raise _refuse_minor()
        history = self.records.find_history(connection, question.customer_id)
        corrected = find_corrected(connection, question.customer_id, days=self.policy.same_event_days)
        known = facts or CustomerFacts(question.customer_id)
        return _Case(
            question, release, brings, purpose, as_of, today, known, nightly, nightly_today, history, stopped,
            corrected,
        )  # fmt: skip

    def _permission(self, connection: sa.Connection, question: Question, registry: PurposeRegistry) -> Permission:
        return current_permission(
            connection, question.customer_id, question.purpose, registry=registry, at=self.clock()
        )

    def _judge_all(self, cases: Sequence[_Case | Problem], bring: Bring | None) -> list[Judgement | Problem]:
        """A judgement per case, in their order; bookings that came along are looked at together."""
        admitted = [case for case in cases if isinstance(case, _Case)]
        if bring is None or not admitted:
            return [case if isinstance(case, Problem) else self._judge(case, (), (), 0) for case in cases]
        brought = _keep(bring, [case.question.customer_id for case in admitted])
        if isinstance(brought, Problem):
            return [case if isinstance(case, Problem) else brought for case in cases]
        counts = brought.counts()
        found = self._look(admitted, brought)

        def judge(case: _Case) -> Judgement | Problem:
            mine = case.question.customer_id
            if mine in brought.problems:
                return brought.problems[mine]
            then, now = found[case.as_of].get(mine, ()), found[case.today].get(mine, ())
            return self._judge(case, then, now, counts.get(mine, 0))

        return [case if isinstance(case, Problem) else judge(case) for case in cases]

    def _look(self, cases: Sequence[_Case], brought: Brought) -> dict[date, Found]:
        """What the detector finds on each day that somebody needs: that asked about and, before a sale, today."""
        found: dict[date, Found] = {case.today: {} for case in cases}
        release = ReleaseOnce(cases[0].release)
        for day in sorted({day for case in cases for day in case.days}):
            found[day] = find_detections(
                brought.bookings, customers={case.question.customer_id for case in cases}, as_of=day,
                release=release, detect=self.detect,
            )  # fmt: skip
        return found

    def _judge(
        self, case: _Case, detections: tuple[Detection, ...], today: tuple[Detection, ...], bookings_count: int
    ) -> Judgement:
        """Events, care and offers from what was detected in bookings that came along, and from the nightly run.

        Events are those of `as_of`. Care is that of today, as permission is: the caller chooses `as_of`, and a day
        before a dismissal would sell to somebody who lost a job since. The caller chooses the bookings too, so a care
        event that the last nightly run stored counts also when the bookings of the request do not show it. A stopped
        event is neither told nor offered on; a stopped care event still keeps all others from selling.
        """
        taxonomy = case.release.taxonomy
        if not case.brings:
            detections = age_detections(case.nightly, as_of=case.as_of, taxonomy=taxonomy)
        today += age_detections(case.nightly_today, as_of=case.today, taxonomy=taxonomy)
        block = find_sales_block(
            today, case.facts, as_of=case.today, taxonomy=taxonomy, block_days=self.policy.care_block_days
        )
        events = tuple(found for found in detections if found.is_current and self._may_tell(found, case))
        choice = OfferChoice((), ())
        if case.purpose.products:
            choice = choose_offers(
                events, case.facts, block=block, history=case.history, as_of=case.as_of, today=case.today,
                taxonomy=taxonomy, cap_days=self.policy.offer_cap_days,
            )  # fmt: skip
        made_by = (case.release.id, case.release.model_version)
        if case.nightly is not None:
            made_by = (case.nightly.release_id, case.nightly.model_version)
        return Judgement(case.as_of, *made_by, events, choice, bookings_count, len(detections))

    def _may_tell(self, found: Detection, case: _Case) -> bool:
        event, purpose = case.release.taxonomy.event(found.event), case.purpose
        only = self.policy.only_events.get(purpose.id)
        if (found.event, found.onset_date) in case.question.leave_out:
            return False
        if event.retired or event.id in case.stopped or case.corrected.holds(found.event, found.onset_date):
            return False
        return event.offer_class in purpose.event_classes and (only is None or event.id in only)

    def _seal(
        self,
        connection: sa.Connection,
        question: Question,
        outcome: Judgement | Problem,
        release: ServedRelease,
        registry: PurposeRegistry,
    ) -> Answer | Problem:
        """Permission again and the trail row, in one transaction; a problem is recorded when it is a refusal."""
        if isinstance(outcome, Judgement):
            permitted = _keep(self._still_permitted, connection, question, registry)
            if isinstance(permitted, Permission):
                return self._record_answer(connection, question, outcome, permitted, release.taxonomy, registry)
            outcome = permitted
        if outcome.status in RECORDED:
            known = question.purpose if question.purpose in registry.ids else "unregistered"
            body = {
                "outcome": outcome.kind, "purpose": known, "release": release.id, "client": question.client.name,
            }  # fmt: skip
            append_trail(connection, REFUSED, body, personal={"customer_id": question.customer_id}, at=self.clock())
        return outcome

    def _still_permitted(self, connection: sa.Connection, question: Question, registry: PurposeRegistry) -> Permission:
        """The permission now; ProblemError when purpose or permission are gone since the question was judged."""
        _find_purpose(registry, question)
        return _require(self._permission(connection, question, registry))

    def _record_answer(
        self,
        connection: sa.Connection,
        question: Question,
        judgement: Judgement,
        permission: Permission,
        taxonomy: Taxonomy,
        registry: PurposeRegistry,
    ) -> Answer:
        body = build_trail_body(
            question.purpose, judgement, client=question.client.name, permission_version=permission.version,
            policy_version=self.policy.version, registry_sha256=registry.sha256,
        )  # fmt: skip
        row = append_trail(connection, ANSWERED, body, personal={"customer_id": question.customer_id}, at=self.clock())
        granted = GrantedPermission(
            permission.regime, permission.notice_version, permission.version, permission.valid_until
        )
        place = TrailPlace(row.seq, row.hash)
        window = find_send_window(self.policy.hours, at=self.clock())
        return Answer(question.customer_id, question.purpose, granted, taxonomy, judgement, place, window)

    def _without(
        self, connection: sa.Connection, question: Question, outcome: Judgement | Problem, stopped: frozenset[str]
    ) -> Judgement | Problem:
        """The judgement without what must not be told any more; what it would have offered is not replaced."""
        if isinstance(outcome, Problem) or not outcome.events:
            return outcome
        corrected = find_corrected(connection, question.customer_id, days=self.policy.same_event_days)
        told = tuple(e for e in outcome.events if e.event not in stopped and not corrected.holds(e.event, e.onset_date))
        if len(told) == len(outcome.events):
            return outcome
        kept = {e.event for e in told}
        choice = OfferChoice(
            tuple(offer for offer in outcome.choice.offers if offer.event in kept),
            tuple(held for held in outcome.choice.held_back if held.event in kept),
        )
        return replace(outcome, events=told, choice=choice)


def _find_purpose(registry: PurposeRegistry, question: Question) -> Purpose:
    """The purpose, if life events are told for it, to a client of this role, whose key covers it."""
    try:
        purpose = registry.purpose(question.purpose)
    except PermissionRefusedError as error:
        raise refuse(403, "purpose-unknown", str(error)) from error
    if not purpose.event_classes or not ASKING & set(purpose.clients):
        raise refuse(403, "purpose-not-served", "Life events are not told for this purpose.")
    question.client.require_purpose(purpose.id)
    if not question.client.roles & set(purpose.clients):
        raise refuse(403, "purpose-not-for-role", "The purpose registry does not let this client's role ask this.")
    return purpose


def _require(permission: Permission) -> Permission:
    if permission.because == "minor":
        raise _refuse_minor()
    if not permission.allowed:
        raise refuse(
            403,
            "permission-refused",
            "This customer does not allow this purpose now, so nothing is told.",
            because=permission.because,
        )
    return permission


def _refuse_minor() -> ProblemError:
    return refuse(403, "customer-is-minor", "Minors are not asked about and not judged.")


def _keep(step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | Problem:
    """The result of a step, or the problem it ended in: one customer's problem is not another's."""
    try:
        return step(*args, **kwargs)
    except ProblemError as error:
        return error.problem


def age_detections(nightly: NightlyRun | None, *, as_of: date, taxonomy: Taxonomy) -> tuple[Detection, ...]:
    """Stored detections as they stand on `as_of`: an open event ends `useful_days` after the day it was detected.

    An event that the taxonomy in force does not have was found under another one and says nothing here.
    """
    known = {event.id for event in taxonomy.events}
    aged = []
    for found in nightly.detections if nightly else ():
        if found.event not in known:
            continue
        last_day = found.detected_on + timedelta(days=taxonomy.event(found.event).useful_days)
        is_over = found.status == "open" and as_of > last_day
        aged.append(replace(found, status="expired") if is_over else found)
    return tuple(aged)
