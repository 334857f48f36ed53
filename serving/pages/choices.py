"""What a customer's "allow" and "do not allow" mean in the ledger: the events that lead there, none where it is so.

One choice can be two events: who once objected and now allows lifts the objection and consents. Each is appended by the
ledger that everybody uses; after a cut in between the customer allows nothing, which is the careful side.
"""

from datetime import datetime

from fastapi import Request

from models.permission import Action, Permission, current_permission
from models.purposes import Purpose
from serving.desk import Desk
from serving.pages.asking import page_write
from serving.pages.forms import Form
from serving.pages.visitors import Visitor
from serving.pages.words import Language
from serving.problems import refuse
from serving.schemas import PermissionEventRequest

CHANNEL = "page"
_MOST_EVENTS = 3
# Under opt_out nobody has to consent, but must have been shown the notice; the page shows it beside the switch.
_TO_YES: dict[str, dict[str, Action]] = {
    "opt_in": {
        "objected": "objection_lifted", "withdrawn": "consented", "expired": "consented", "no_record": "consented",
        "notice_changed": "consented",
    },
    "opt_out": {
        "objected": "objection_lifted", "withdrawn": "consented", "expired": "shown", "no_record": "shown",
        "notice_not_shown": "shown",
    },
}  # fmt: skip
_TO_NO: dict[str, Action] = {"opt_in": "withdrawn", "opt_out": "objected"}


def choose(
    request: Request, desk: Desk, visitor: Visitor, form: Form, *, purpose_id: str, allow: bool, language: Language,
    now: datetime,
) -> Permission:  # fmt: skip
    """Append what the choice needs; with the return of this function it counts.

    Returns
    -------
    Permission
        What holds now. It is a no after "allow" while a notice period runs, and for minors.

    Raises
    ------
    ProblemError
        404: there is no such purpose. 409: the customer would allow a text that is no longer in force. As
        `Ledger.append`.
    """
    for step in range(_MOST_EVENTS):
        held, purpose = _find_held(desk, visitor, purpose_id, now=now)
        if allow and form["notice"] != purpose.notice_sha256:
            raise refuse(409, "notice-changed", "The text of this purpose changed meanwhile. Read it and choose again.")
        action = find_action(held, purpose, allow=allow)
        if action is None:
            return held
        asked = PermissionEventRequest(
            customer_id=visitor.customer_id, purpose=purpose.id, action=action, channel=CHANNEL, actor="customer",
            language=notice_language(purpose, language), evidence=f"page {request.scope['path']}",
        )  # fmt: skip
        desk.ledger.append(asked, write=page_write(request, desk, visitor, form, part=f"-{step}"), now=now)
    return _find_held(desk, visitor, purpose_id, now=now)[0]


def notice_language(purpose: Purpose, language: Language) -> str:
    """The language in which a notice is shown: the page's, else the first it has."""
    return language if language in purpose.languages else purpose.languages[0]


def _find_held(desk: Desk, visitor: Visitor, purpose_id: str, *, now: datetime) -> tuple[Permission, Purpose]:
    """What holds now, and the purpose as it is in force now."""
    with desk.store.read() as connection:
        registry = desk.gate.registry.in_force(connection)
        if purpose_id not in registry.ids:
            raise refuse(404, "purpose-unknown", "There is no such purpose.")
        held = current_permission(connection, visitor.customer_id, purpose_id, registry=registry, at=now)
    return held, registry.purpose(purpose_id)


def find_action(held: Permission, purpose: Purpose, *, allow: bool) -> Action | None:
    """The event that brings a permission nearer to the choice; None when it is there, or time alone helps."""
    if held.allowed == allow and (allow or held.because in ("objected", "withdrawn")):
        return None
    if allow:
        return _TO_YES[purpose.regime].get(held.because)
    return None if held.because in ("objected", "withdrawn", "minor") else _TO_NO[purpose.regime]
