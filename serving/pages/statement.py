"""The privacy statement in force, purpose by purpose, and what changed in it, when and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from fastapi import Request
from starlette.responses import Response

from models.canonical import parse_json
from models.purposes import Purpose, PurposeRegistry
from models.registries import changed_purposes, read_registries
from models.signing import load_registry
from models.store import purpose_registries
from serving.desk import TheDesk
from serving.holdings import load_holdings
from serving.pages.addresses import CUSTOMER, Page
from serving.pages.forms import TheVisitor
from serving.pages.rendering import show
from serving.pages.settings import PageSettings
from serving.pages.sign_in import require_pages

_STATEMENTS = sa.select(purpose_registries.c.at, purpose_registries.c.statement).order_by(purpose_registries.c.id)


@dataclass(frozen=True, slots=True)
class Change:
    """What one installation of another registry changed for a purpose; a text that stayed is not told."""

    purpose: str
    kind: str  # added, removed or changed
    before: Purpose | None
    after: Purpose | None

    @property
    def has_new_notice(self) -> bool:
        """Whether the customer reads other words now."""
        return self.before is not None and self.after is not None and self.before.notice != self.after.notice

    @property
    def has_new_regime(self) -> bool:
        """Whether it changed who has to speak up, the customer or nobody."""
        return self.before is not None and self.after is not None and self.before.regime != self.after.regime


@dataclass(frozen=True, slots=True)
class Installation:
    """A change of the statement: when, why, and what."""

    at: datetime
    reason: str
    changes: tuple[Change, ...]


def show_statement(request: Request, desk: TheDesk, _visitor: TheVisitor) -> Response:
    """What we do with your bookings, how long we keep what, and what changed."""
    pages = require_pages(desk)
    with desk.store.read() as connection:
        registry = desk.gate.registry.in_force(connection)
        history = find_changes(connection, pages)
    kept = [
        (holding.title, desk.policy.retention[holding.table])
        for holding in load_holdings()
        if holding.table in desk.policy.retention
    ]
    return show(request, "statement.html.j2", registry=registry, kept=kept, history=history)


def find_changes(connection: sa.Connection, pages: PageSettings) -> list[Installation]:
    """Every change since the registry that Levensloop ships with, the latest first; each signature is verified."""
    registries = read_registries(connection, load_registry(pages.home), allow_demo=pages.demo)
    rows = connection.execute(_STATEMENTS).all()
    found = [
        Installation(at, str(parse_json(text, dict, source="purpose registry")["reason"]), _changes(old, new))
        for (at, text), old, new in zip(rows, registries, registries[1:], strict=False)
    ]
    return found[::-1]


def _changes(old: PurposeRegistry, new: PurposeRegistry) -> tuple[Change, ...]:
    before, after = _by_id(old.purposes), _by_id(new.purposes)
    differ: Sequence[dict[str, Any]] = changed_purposes(old, new)
    return tuple(
        Change(one["purpose"], one["change"], before.get(one["purpose"]), after.get(one["purpose"])) for one in differ
    )


def _by_id(purposes: Sequence[Purpose]) -> dict[str, Purpose]:
    return {purpose.id: purpose for purpose in purposes}


PAGES = (Page("/customer/statement", show_statement, CUSTOMER),)
