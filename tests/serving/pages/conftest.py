"""People at the pages of a small bank: each with a browser of their own, signed in by a real one-time link."""

import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from models.home import Home
from serving.edge import Edge
from serving.pages.addresses import PREFIX
from serving.pages.app import build_pages, build_reception, build_routes_of_pages
from serving.pages.links import make_link
from serving.pages.visitors import Identity

with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)  # as in the conftest above
    from starlette.testclient import TestClient

HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
FORMS = re.compile(r'<form (?:class="[^"]*" )?method="post" action="([^"]+)">(.*?)</form>', re.DOTALL)


@dataclass
class Person:
    """Somebody at a browser; `client` keeps the cookies."""

    client: Any

    def look(self, path: str = "/", **changes: Any) -> Any:
        """GET a page, following redirects."""
        return self.client.get(f"/pages{path}", **changes)

    def forms(self, path: str) -> list[tuple[str, dict[str, str]]]:
        """Action and hidden fields of every form of a page."""
        return [(action, dict(HIDDEN.findall(inside))) for action, inside in FORMS.findall(self.look(path).text)]

    def send(self, path: str, fields: dict[str, str], *, headers: dict[str, str] | None = None) -> Any:
        """POST a form as it is, and do not follow."""
        return self.client.post(f"/pages{path}", data=fields, headers=headers or {}, follow_redirects=False)

    def press(self, page: str, action: str, **fields: str) -> Any:
        """Fill in the first form of a page with this action whose hidden fields agree, send it and follow."""
        for found, hidden in self.forms(page):
            if found == f"/pages{action}" and all(hidden.get(name, value) == value for name, value in fields.items()):
                return self.client.post(found, data={**hidden, **fields})
        raise AssertionError(f"{page} has no form {action} with {fields}")


async def find_nobody(_authorization: str) -> None:
    """No client of the API looks at pages."""


def hand_link(client: Any, token: str) -> Any:
    """Open a link and press its button."""
    return client.post("/pages/sign-in", data={"link": token}, follow_redirects=False)


@pytest.fixture
def open_browser(bank: Any) -> Iterator[Callable[..., Any]]:
    """A new browser at the pages of the bank, behind their edge."""
    opened = []

    def make(desk: Any = None, *, base_url: str = "http://localhost:3000") -> Any:
        pages = build_pages()
        pages.state.desk = desk or bank.desk
        limits = bank.desk.policy.limits
        edge = Edge(
            Starlette(routes=[Mount(PREFIX, pages)]), routes=build_routes_of_pages(limits), limits=limits,
            find_client=find_nobody, observe=bank.seen.append, reception=build_reception(pages),
        )  # fmt: skip
        opened.append(TestClient(edge, base_url=base_url, raise_server_exceptions=False))
        return opened[-1]

    yield make
    for client in opened:
        client.close()


@pytest.fixture
def sign_in(bank: Any, open_browser: Callable[..., Any]) -> Callable[..., Person]:
    """Signs somebody in: `sign_in("customer", "c-1")`."""

    def make(role: str = "customer", who: str = "c-1", *, desk: Any = None) -> Person:
        client = open_browser(desk)
        home: Home = bank.desk.pages.home
        assert (
            hand_link(client, make_link(home, Identity(role, who), at=(desk or bank.desk).clock())).status_code == 303
        )
        return Person(client)

    return make
