"""The offer engine's view, for whoever wants to see it work: a question about a customer and the whole answer.

It asks through the one gate, as every engine does: without permission nothing is told, and each question stands in the
trail. Nothing is sent from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import Request
from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response

from models.purposes import Purpose, PurposeRegistry
from serving.answers import Answer
from serving.care import Detection
from serving.desk import Desk, TheDesk
from serving.gate import Question
from serving.offers import HeldBack, Offer
from serving.pages.addresses import OPERATIONS, Page
from serving.pages.asking import ASKS_AS, page_client
from serving.pages.demo import DEMO_CUSTOMERS
from serving.pages.forms import Form, TheForm, TheVisitor, not_understood
from serving.pages.rendering import show
from serving.pages.sign_in import require_pages
from serving.pages.visitors import Visitor
from serving.problems import Problem, ProblemError
from serving.schemas import CustomerId

# Answers that are part of what an engine sees: not allowed, unknown, and not understood.
_SHOWN = frozenset({403, 404, 422})
_CUSTOMER: TypeAdapter[str] = TypeAdapter(CustomerId)


@dataclass(frozen=True, slots=True)
class EventTold:
    """One event of an answer with what may be offered on it now, and what may not and why."""

    found: Detection
    offers: tuple[Offer, ...]
    held_back: tuple[HeldBack, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and what came of it: an answer, or the problem that an engine would get."""

    customer_id: str
    purpose: str
    answer: Answer | None
    problem: Problem | None

    @property
    def because(self) -> str:
        """Why a permission was refused, as a code; empty when that is not the reason."""
        return str(self.problem.extra.get("because", "")) if self.problem else ""

    @property
    def events(self) -> list[EventTold]:
        """The events of the answer, each with its offers."""
        if self.answer is None:
            return []
        choice = self.answer.judgement.choice
        return [
            EventTold(
                found,
                tuple(one for one in choice.offers if (one.event, one.onset_date) == (found.event, found.onset_date)),
                tuple(one for one in choice.held_back if one.event == found.event),
            )
            for found in self.answer.judgement.events
        ]


def show_operations(request: Request, desk: TheDesk, _visitor: TheVisitor) -> Response:
    """The question, not asked yet."""
    return _show(request, desk, None)


def ask(request: Request, desk: TheDesk, visitor: TheVisitor, form: TheForm) -> Response:
    """Ask as an offer engine does; the customer stands in the form, never in the address."""
    return _show(request, desk, _ask(desk, visitor, form))


def _ask(desk: Desk, visitor: Visitor, form: Form) -> Asked:
    registry = _registry(desk)
    try:
        customer_id = _CUSTOMER.validate_python(form["other"].strip() or form["customer"])
    except ValidationError as error:
        raise not_understood() from error
    purpose = form["purpose"]
    if purpose not in {one.id for one in _purposes(registry)}:
        raise not_understood()
    try:
        answer = desk.gate.answer(Question(customer_id, purpose, page_client(visitor, registry.ids)))
    except ProblemError as error:
        if error.problem.status not in _SHOWN:
            raise
        return Asked(customer_id, purpose, None, error.problem)
    return Asked(customer_id, purpose, answer, None)


def _show(request: Request, desk: Desk, asked: Asked | None) -> Response:
    pages = require_pages(desk)
    taxonomy = desk.gate.releases.current().taxonomy
    customers: Mapping[str, str] = DEMO_CUSTOMERS if pages.demo else {}
    events = {event.id: event for event in taxonomy.events}
    products = {product.id: product for product in taxonomy.products}
    return show(
        request, "operations.html.j2", asked=asked, customers=customers, purposes=_purposes(_registry(desk)),
        events=events, products=products,
    )  # fmt: skip


def _registry(desk: Desk) -> PurposeRegistry:
    with desk.store.read() as connection:
        return desk.gate.registry.in_force(connection)


def _purposes(registry: PurposeRegistry) -> list[Purpose]:
    """Purposes for which this page may ask about events."""
    mine = ASKS_AS["operations"]
    return [one for one in registry.purposes if one.event_classes and mine & set(one.clients)]


PAGES = (
    Page("/operations", show_operations, OPERATIONS),
    Page("/operations", ask, OPERATIONS, method="POST"),
)
