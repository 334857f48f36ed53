"""What somebody with bad intentions tries at the pages: smuggled names, forms and links that were used before."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa

from models.store import Store, idempotency, page_sessions, permission_events
from serving.erasure import erase_customer
from serving.pages.links import make_link
from serving.pages.sign_on import SignOn
from serving.pages.visitors import Identity, find_visitor, open_session
from serving.problems import ProblemError

SECRET = "s" * 32
JANSEN = Identity("customer", "c-1")


def switch_of(person: Any, purpose: str) -> dict[str, str]:
    """The fields of the switch of a purpose."""
    return next(
        hidden for action, hidden in person.forms("/customer")
        if action == "/pages/customer/permission" and hidden["purpose"] == purpose and "notice" in hidden
    )  # fmt: skip


def actions(bank: Any) -> list[str]:
    with bank.store.read() as connection:
        return list(connection.execute(sa.select(permission_events.c.action)).scalars())


def sign_in_with(client: Any, token: str, **headers: str) -> int:
    answer = client.post("/pages/sign-in", data={"link": token}, headers=headers, follow_redirects=False)
    return int(answer.status_code)


# ---- who somebody is ------------------------------------------------------------------------------------------------


def test_value_of_another_cookie_is_no_session(sign_in: Callable[..., Any], open_browser: Callable[..., Any]) -> None:
    thief = sign_in("customer", "c-2").client.cookies["levensloop"]
    victim = open_browser()
    # Any host of the bank's domain can set `taste`; none of them can set a cookie with our name.
    for smuggled in (f"taste=sweet levensloop={thief}", f"taste=sweet\tlevensloop={thief}"):
        assert victim.get("/pages/", headers={"Cookie": smuggled}, follow_redirects=False).status_code == 401
    assert victim.get("/pages/", headers={"Cookie": f"a=b; levensloop={thief}"}, follow_redirects=False).is_redirect


@pytest.mark.parametrize("claim", ["board:Anna, customer:c-1", "board:Anna,customer:c-1", "customer:c-1, board:Anna"])
def test_two_claims_that_a_proxy_joined_are_not_believed(
    bank: Any, open_browser: Callable[..., Any], claim: str
) -> None:
    desk = replace(bank.desk, pages=replace(bank.desk.pages, sign_on=SignOn("X-Bank-User", SECRET)))
    told = {"X-Bank-User": claim, "X-Bank-User-Secret": SECRET}
    assert sign_in_with(open_browser(desk), "", **told) == 403


@pytest.mark.parametrize("origin", ["http://[", "https://[::1", "//"])
def test_origin_that_is_none_is_refused(bank: Any, open_browser: Callable[..., Any], origin: str) -> None:
    token = make_link(bank.desk.pages.home, JANSEN, at=bank.desk.clock())
    assert sign_in_with(open_browser(), token, Origin=origin) == 403


@pytest.mark.parametrize("is_used", [True, False])
def test_link_from_before_the_erasure_opens_nothing(bank: Any, open_browser: Callable[..., Any], is_used: bool) -> None:
    now = bank.desk.clock()
    later = replace(bank.desk, clock=lambda: now + timedelta(minutes=2))
    token = make_link(bank.desk.pages.home, JANSEN, at=now)
    if is_used:
        assert sign_in_with(open_browser(), token) == 303
    erased = erase_customer(
        bank.store, "c-1", who="Dana", why="asked by letter", registry=bank.registry,
        clock=lambda: now + timedelta(minutes=1),
    )  # fmt: skip
    assert erased.is_whole
    assert sign_in_with(open_browser(later), token) == 403
    with bank.store.read() as connection:
        assert connection.execute(sa.select(page_sessions)).all() == []
    # Others, and whoever is made a new link, come in.
    for who, at in (("c-2", now), ("c-1", later.clock())):
        other = make_link(bank.desk.pages.home, Identity("customer", who), at=at)
        assert sign_in_with(open_browser(later), other) == 303


def test_link_that_two_workers_open_at_once_opens_one_session(open_here: Callable[[], Store], bank: Any) -> None:
    stores, together = [open_here(), open_here()], Barrier(2)

    def open_once(store: Store) -> bool:
        together.wait()
        try:
            open_session(store, JANSEN, link="a" * 32, at=bank.desk.clock())
        except ProblemError:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(open_once, stores)) == [False, True]


@pytest.mark.parametrize(("seconds", "is_known"), [(0, True), (50, True), (120, False), (86_400, False)])
def test_session_that_a_wrong_clock_began_ends_when_the_clock_is_set_back(
    any_store: Store, bank: Any, seconds: int, is_known: bool
) -> None:
    now = bank.desk.clock()
    secret = open_session(any_store, JANSEN, link=None, at=now + timedelta(seconds=seconds))
    assert (find_visitor(any_store, secret, at=now) is not None) is is_known


# ---- what was sent before -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "second"), [("yes", "no"), ("no", "yes")])
def test_choice_that_is_sent_again_later_does_not_undo_the_one_after_it(
    bank: Any, sign_in: Callable[..., Any], first: str, second: str
) -> None:
    person = sign_in()
    old = {**switch_of(person, "own_product_offers"), "allow": first}
    assert person.send("/customer/permission", old).status_code == 303
    new = {**switch_of(person, "own_product_offers"), "allow": second}
    assert person.send("/customer/permission", new).status_code == 303
    before = actions(bank)
    again = person.send("/customer/permission", old)
    assert (again.status_code, "Wij deden niets" in again.text) == (409, True)
    assert actions(bank) == before


def test_number_of_a_form_counts_for_its_session_alone(bank: Any, sign_in: Callable[..., Any]) -> None:
    one, other = sign_in("customer", "c-1"), sign_in("customer", "c-2")
    mine = switch_of(one, "own_product_offers")
    theirs = {**switch_of(other, "own_product_offers"), "once": mine["once"]}
    for person, fields in ((one, mine), (other, theirs)):
        assert person.send("/customer/permission", {**fields, "allow": "yes"}).status_code == 303
    assert actions(bank) == ["consented"] * 2


@pytest.mark.parametrize(
    "remark", ["\x00", "a\x1bb", "\u2028" * 2_001, "x" * 2_001],
)  # fmt: skip
def test_remark_that_no_store_takes_is_refused(sign_in: Callable[..., Any], remark: str) -> None:
    person = sign_in()
    (fields,) = [hidden for action, hidden in person.forms("/customer") if action.endswith("/complaint")]
    assert person.send("/customer/complaint", {**fields, "subject": "tone", "remark": remark}).status_code == 422


def test_erasure_takes_what_every_form_left(bank: Any, sign_in: Callable[..., Any]) -> None:
    person = sign_in()
    person.press("/customer", "/customer/permission", purpose="own_product_offers", allow="yes")
    person.press("/customer", "/customer/complaint", subject="tone", remark="Ik ben c-1 \u202e en <b>boos</b>")
    person.press("/customer", "/customer/export")
    erased = erase_customer(
        bank.store, "c-1", who="Dana", why="asked by letter", registry=bank.registry, clock=bank.desk.clock
    )
    assert erased.is_whole
    with bank.store.read() as connection:
        assert connection.execute(sa.select(idempotency)).all() == []
