"""The customer's page: what we see, what you allow. Everything written here goes through the code that `/v1` uses."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from fastapi import Request
from pydantic import ValidationError
from starlette.responses import Response

from models.receipts import build_receipt
from models.store import detections
from serving.access import export_customer
from serving.contact.complaints import Complaint
from serving.contact.promise import default_complaint_rule, say_promise
from serving.contact.schemas import ComplaintRequest
from serving.corrections import CorrectionRequest, record_correction
from serving.desk import TheDesk
from serving.pages.addresses import CUSTOMER, Page
from serving.pages.asking import page_write
from serving.pages.choices import CHANNEL, choose
from serving.pages.customer_view import build_view, complaint_desk
from serving.pages.forms import Form, TheForm, TheVisitor, not_understood
from serving.pages.rendering import go_to, hand_over, show
from serving.pages.sign_in import require_pages
from serving.pages.visitors import Visitor
from serving.pages.words import Words, find_language, load_words
from serving.problems import refuse

_CHOICES = {"yes": True, "no": False}
# Where on the page is said what was done: where the visitor's eyes are after a form.
_PLACES = {"allowed": "allow", "allowed_later": "allow", "not_allowed": "allow", "corrected": "see"}


@dataclass(frozen=True, slots=True)
class Clock:
    """The promise of an open complaint: until when we call, in words, and how long that is from now."""

    complaint: Complaint
    promise: str
    hours: int
    minutes: int
    is_late: bool


def show_customer(request: Request, desk: TheDesk, visitor: TheVisitor, done: str = "") -> Response:
    """What we see and what you allow."""
    now, words = desk.clock(), load_words(find_language(request.scope))
    view = build_view(desk, require_pages(desk), visitor, now=now)
    clocks = [_clock(one, words, now=now) for one in view.complaints if one.closed_at is None]
    closed = [one for one in view.complaints if one.closed_at is not None]
    rule = default_complaint_rule()
    return show(
        request, "customer.html.j2", view=view, clocks=clocks, closed=closed, rule=rule, done=done,
        place=_PLACES.get(done, "top"),
        products={product.id: getattr(product, words.language) for product in view.taxonomy.products},
        events={event.id: getattr(event, words.language) for event in view.taxonomy.events},
    )  # fmt: skip


def change_permission(request: Request, desk: TheDesk, visitor: TheVisitor, form: TheForm) -> Response:
    """Allow a purpose or not; it counts before the page is there again."""
    if form["allow"] not in _CHOICES:
        raise not_understood()
    allow = _CHOICES[form["allow"]]
    held = choose(
        request, desk, visitor, form, purpose_id=form["purpose"], allow=allow,
        language=find_language(request.scope), now=desk.clock(),
    )  # fmt: skip
    done = "not_allowed" if not allow else "allowed" if held.allowed else "allowed_later"
    return go_to(f"/customer?done={done}#allow")


def correct_event(request: Request, desk: TheDesk, visitor: TheVisitor, form: TheForm) -> Response:
    """Say that an event is not right or not mine; it is gone when the page is there again."""
    asked = _correction(visitor, form)

    def act(connection: sa.Connection) -> dict[str, Any]:
        _require_own(connection, asked)
        taxonomy = desk.gate.releases.current().taxonomy
        return record_correction(connection, asked, taxonomy=taxonomy, client=write.client.name, now=desk.clock())

    write = page_write(request, desk, visitor, form)
    desk.once.answer(write, asked, act, now=desk.clock())
    return go_to("/customer?done=corrected#see")


def complain(request: Request, desk: TheDesk, visitor: TheVisitor, form: TheForm) -> Response:
    """Open a complaint: offers stop, and a call is promised, before the page is there again."""
    words = load_words(find_language(request.scope))
    asked = _complaint(visitor, form, words)
    now = desk.clock()

    def act(connection: sa.Connection) -> dict[str, Any]:
        opened = complaint_desk(desk).open(
            connection, asked.customer_id, subject=asked.subject, remark=asked.remark, channel=asked.channel,
            language=asked.language, client=write.client.name, at=now,
        )  # fmt: skip
        return {"complaint_id": opened.complaint.id, "customer_id": asked.customer_id}

    write = page_write(request, desk, visitor, form)
    desk.once.answer(write, asked, act, now=now)
    return go_to("/customer?done=complained")


def hand_receipt(desk: TheDesk, visitor: TheVisitor, purpose: str = "") -> Response:
    """The receipt of a purpose, as `levensloop receipt` writes it."""
    with desk.store.read() as connection:
        registry = desk.gate.registry.in_force(connection)
        if purpose not in registry.ids:
            raise refuse(404, "purpose-unknown", "There is no such purpose.")
        receipt = build_receipt(connection, visitor.customer_id, purpose, registry=registry, at=desk.clock())
    return hand_over(_as_text(receipt), name=f"levensloop-{purpose}.json")


def hand_export(desk: TheDesk, visitor: TheVisitor, _form: TheForm) -> Response:
    """All that is held or inferred about the customer, as `levensloop export-customer` writes it."""
    with desk.store.read() as connection:
        registry = desk.gate.registry.in_force(connection)
    export = export_customer(
        desk.store, visitor.customer_id, registry=registry, taxonomy=desk.gate.releases.current().taxonomy,
        policy=desk.policy, clock=desk.clock,
    )  # fmt: skip
    return hand_over(_as_text(export), name="levensloop.json")


def _correction(visitor: Visitor, form: Form) -> CorrectionRequest:
    """The customer is that of the session, whatever the form says."""
    try:
        return CorrectionRequest(
            customer_id=visitor.customer_id, event=form["event"], onset_date=form["onset_date"],  # type: ignore[arg-type]  # a text, parsed there
            correction=form["correction"],  # type: ignore[arg-type]  # looked at there
            evidence=[],
        )  # fmt: skip
    except ValidationError as error:
        raise not_understood() from error


def _require_own(connection: sa.Connection, asked: CorrectionRequest) -> None:
    """Refuse an event that was never found for this customer; the answer is the same whether it is somebody else's."""
    mine = sa.select(detections.c.event).filter_by(
        customer_id=asked.customer_id, event=asked.event, onset_date=asked.onset_date
    )
    if connection.execute(mine.limit(1)).first() is None:
        raise refuse(404, "event-not-yours", "There is no such event on this page.")


def _complaint(visitor: Visitor, form: Form, words: Words) -> ComplaintRequest:
    if form["subject"] not in default_complaint_rule().subjects:
        raise not_understood()
    try:
        return ComplaintRequest(
            customer_id=visitor.customer_id, subject=form["subject"], remark=form["remark"].replace("\r\n", "\n"),
            channel=CHANNEL, language=words.language,
        )  # fmt: skip
    except ValidationError as error:
        raise not_understood() from error


def _clock(complaint: Complaint, words: Words, *, now: datetime) -> Clock:
    left = max(0, int((complaint.call_back_by - now).total_seconds() // 60))
    promise = say_promise(complaint.call_back_by, words.language)
    return Clock(complaint, promise, left // 60, left % 60, complaint.is_late(now))


def _as_text(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)


PAGES = (
    Page("/customer", show_customer, CUSTOMER),
    Page("/customer/permission", change_permission, CUSTOMER, method="POST"),
    Page("/customer/correction", correct_event, CUSTOMER, method="POST"),
    Page("/customer/complaint", complain, CUSTOMER, method="POST"),
    Page("/customer/receipt", hand_receipt, CUSTOMER),
    Page("/customer/export", hand_export, CUSTOMER, method="POST"),
)
