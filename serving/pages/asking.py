"""The pages as a client of the service: what they ask and write goes the way that every other client's does.

Their name is none that `levensloop client add` can give, so nobody has their key and nobody shares their kept answers.
"""

from collections.abc import Iterable

from fastapi import Request

from models.recalls import PAGES
from serving.clients import Client
from serving.desk import Desk
from serving.once import Write
from serving.pages.forms import Form
from serving.pages.visitors import Visitor

# What the pages of a role may ask, in the words of the purpose registry.
ASKS_AS = {
    "customer": frozenset({"customer_page"}),
    "colleague": frozenset({"contact_desk"}),
    "operations": frozenset({"offer_engine"}),
    "board": frozenset[str](),
}


def page_client(visitor: Visitor, purposes: Iterable[str]) -> Client:
    """The client that asks for this visitor; it covers the purposes of the registry in force."""
    return Client(PAGES, ASKS_AS[visitor.role], frozenset(purposes))


def page_write(request: Request, desk: Desk, visitor: Visitor, form: Form, *, part: str = "") -> Write:
    """One write of a form, for `Once.answer`: a form that is sent twice does its work once.

    `part` tells apart several writes of one form.
    """
    with desk.store.read() as connection:
        purposes = desk.gate.registry.in_force(connection).ids
    key = f"{visitor.session[:32]}-{form.once}{part}"
    return Write(page_client(visitor, purposes), request.scope["path"], key)
