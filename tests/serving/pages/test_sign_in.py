"""Who gets in: by a link that works once, for minutes, or by the bank's own sign-on; and nobody else."""

import base64
import html
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from models.errors import IntegrityError, LevensloopError, UsageError
from models.home import Home
from models.store import page_sessions, trail, trail_commitments
from serving.pages.links import make_link, open_link
from serving.pages.sign_on import SignOn, load_sign_on
from serving.pages.visitors import Identity, find_visitor

JANSEN = Identity("customer", "c-1")
SECRET = "s" * 32


def make(bank: Any, identity: Identity = JANSEN, **changes: Any) -> str:
    return make_link(bank.desk.pages.home, identity, at=changes.get("at", bank.desk.clock()))


def use(client: Any, token: str, **headers: str) -> Any:
    return client.post("/pages/sign-in", data={"link": token}, headers=headers, follow_redirects=False)


def token_of(person: Any, bank: Any) -> str:
    """The token of this browser's forms."""
    visitor = find_visitor(bank.store, person.client.cookies["levensloop"], at=bank.desk.clock())
    assert visitor is not None
    return visitor.form_token


def sign_on_desk(bank: Any) -> Any:
    return replace(bank.desk, pages=replace(bank.desk.pages, sign_on=SignOn("X-Bank-User", SECRET)))


def test_link_opens_a_session_of_the_person_it_was_made_for(bank: Any, open_browser: Callable[..., Any]) -> None:
    client, token = open_browser(), make(bank)
    page = client.get("/pages/sign-in", params={"link": token})
    assert (page.status_code, f'value="{token}"' in page.text) == (200, True)
    answer = use(client, token)
    assert (answer.status_code, answer.headers["location"]) == (303, "/pages/")
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/pages"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert client.get("/pages/", follow_redirects=False).headers["location"] == "/pages/customer"
    with bank.store.read() as connection:
        kept = connection.execute(sa.select(page_sessions)).mappings().one()
        bodies = connection.execute(sa.select(trail.c.body).where(trail.c.kind == "page_signed_in")).scalars().all()
        who = connection.execute(sa.select(trail_commitments.c.value)).scalars().all()
    assert (kept["role"], kept["customer_id"], kept["person"]) == ("customer", "c-1", None)
    assert client.cookies["levensloop"] not in kept.values()
    assert len(bodies) == 1
    assert "c-1" not in bodies[0]
    assert who == ["c-1"]


def test_looking_at_a_link_does_not_use_it_up_and_pressing_does(bank: Any, open_browser: Callable[..., Any]) -> None:
    token = make(bank)
    for _ in range(3):
        assert open_browser().get("/pages/sign-in", params={"link": token}).status_code == 200
    assert use(open_browser(), token).status_code == 303
    again = use(open_browser(), token)
    assert (again.status_code, "set-cookie" in again.headers) == (403, False)
    assert "Deze link werkt niet meer" in again.text


def test_language_can_be_changed_before_the_button_is_pressed(bank: Any, open_browser: Callable[..., Any]) -> None:
    client, token = open_browser(), make(bank)
    page = client.get("/pages/sign-in", params={"link": token}).text
    address = html.unescape(page.split('class="language" href="')[1].split('"')[0])
    english = client.get(address).text
    assert "Open my page" in english
    assert f'value="{token}"' in english


def test_other_spellings_of_a_used_link_are_used_too(bank: Any, open_browser: Callable[..., Any]) -> None:
    token = make(bank)
    assert use(open_browser(), token).status_code == 303
    spellings = [token + "=", token.rstrip("="), token[:40] + "\n" + token[40:], token + " "]
    assert [use(open_browser(), one).status_code for one in spellings] == [403] * 4


@pytest.mark.parametrize("minutes", [-2, 11])
def test_link_of_another_time_is_refused(bank: Any, open_browser: Callable[..., Any], minutes: int) -> None:
    token = make(bank, at=bank.desk.clock() - timedelta(minutes=minutes))
    assert use(open_browser(), token).status_code == 403
    assert use(open_browser(), make(bank, at=bank.desk.clock() - timedelta(minutes=9))).status_code == 303


def test_link_that_was_not_made_here_is_refused(bank: Any, open_browser: Callable[..., Any], tmp_path: Path) -> None:
    foreign = make_link(Home(tmp_path / "other"), JANSEN, at=bank.desk.clock())
    own = make(bank)
    changed = own[:50] + ("A" if own[50] != "A" else "B") + own[51:]
    for token in ("", foreign, changed, "x" * 5_000, "é"):
        assert use(open_browser(), token).status_code == 403
    assert use(open_browser(), own).status_code == 303


def test_link_tells_nobody_whom_it_is_for(bank: Any) -> None:
    token = make(bank, Identity("customer", "klant-van-der-berg"))
    assert b"berg" not in base64.urlsafe_b64decode(token)


def test_secret_of_links_is_ours_alone(tmp_path: Path, bank: Any) -> None:
    home = Home(tmp_path / "home")
    token = make_link(home, JANSEN, at=bank.desk.clock())
    assert stat.S_IMODE(home.link_key.stat().st_mode) == 0o600
    home.link_key.chmod(0o640)
    with pytest.raises(IntegrityError):
        open_link(home, token, at=bank.desk.clock())
    with pytest.raises(IntegrityError):
        make_link(home, JANSEN, at=bank.desk.clock())


@pytest.mark.parametrize(
    ("role", "home"),
    [("customer", "/customer"), ("board", "/board"), ("colleague", "/contact"), ("operations", "/operations")],
)
def test_every_role_has_its_first_page(sign_in: Callable[..., Any], role: str, home: str) -> None:
    answer = sign_in(role, "Anna").look("/", follow_redirects=False)
    assert answer.headers["location"] == f"/pages{home}"


def test_nobody_without_a_session_sees_a_page(bank: Any, open_browser: Callable[..., Any]) -> None:
    client = open_browser()
    answer = client.get("/pages/")
    assert (answer.status_code, answer.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert "WWW-Authenticate" not in answer.headers
    assert "Meld u eerst aan" in answer.text
    client.cookies.set("levensloop", "x" * 43, domain="localhost", path="/pages")
    assert client.get("/pages/").status_code == 401
    assert {seen.status for seen in bank.seen} == {401}


def test_key_of_a_client_opens_no_page_and_a_session_no_address(
    bank: Any, sign_in: Callable[..., Any], connect: Callable[..., Any]
) -> None:
    assert bank.client.get("/pages/").status_code == 401
    cookie = {"Cookie": f"levensloop={sign_in().client.cookies['levensloop']}"}
    keyless = connect(bank.desk, bank.seen, key=None)
    assert keyless.get("/pages/", headers=cookie, follow_redirects=False).status_code == 401
    keyless.base_url = "http://localhost"
    assert keyless.get("/pages/", headers=cookie, follow_redirects=False).status_code == 303
    assert keyless.post("/v1/events", json={}, headers=cookie).status_code == 401
    keyless.close()


def test_session_ends_after_half_an_hour_of_rest(bank: Any, sign_in: Callable[..., Any]) -> None:
    at = bank.desk.clock()
    moments = [at]
    person = sign_in(desk=replace(bank.desk, clock=lambda: moments[-1]))

    def status(minutes: int) -> int:
        moments.append(at + timedelta(minutes=minutes))
        return int(person.look("/", follow_redirects=False).status_code)

    assert [status(29), status(58), status(88)] == [303, 303, 401]


def test_session_ends_after_eight_hours_of_use(bank: Any, sign_in: Callable[..., Any]) -> None:
    at = bank.desk.clock()
    moments = [at]
    person = sign_in(desk=replace(bank.desk, clock=lambda: moments[-1]))
    statuses = []
    for minutes in (*range(20, 480, 20), 479, 480):
        moments.append(at + timedelta(minutes=minutes))
        statuses.append(person.look("/", follow_redirects=False).status_code)
    assert statuses == [303] * 24 + [401]


def test_signing_out_ends_the_session_for_every_copy_of_the_cookie(bank: Any, sign_in: Callable[..., Any]) -> None:
    person = sign_in()
    secret = person.client.cookies["levensloop"]
    token = token_of(person, bank)
    answer = person.send("/sign-out", {"token": token})
    assert answer.headers["location"] == "/pages/sign-in?done=signed_out"
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert "U bent afgemeld" in person.look("/sign-in?done=signed_out").text
    person.client.cookies.set("levensloop", secret, domain="localhost.local", path="/pages")
    assert person.look("/").status_code == 401


def test_signing_in_again_ends_the_session_before(bank: Any, sign_in: Callable[..., Any]) -> None:
    person = sign_in()
    first = person.client.cookies["levensloop"]
    assert use(person.client, make(bank, Identity("customer", "c-2"))).status_code == 303
    with bank.store.read() as connection:
        ended = dict(connection.execute(sa.select(page_sessions.c.customer_id, page_sessions.c.ended_at)).all())
    assert person.client.cookies["levensloop"] != first
    assert (ended["c-1"], ended["c-2"]) == (bank.desk.clock(), None)


def test_behind_tls_the_cookie_travels_by_tls_only(bank: Any, open_browser: Callable[..., Any]) -> None:
    client = open_browser(base_url="https://mijn.bank.example")
    cookie = use(client, make(bank)).headers["set-cookie"]
    assert cookie.startswith("__Host-levensloop=")
    assert {"Secure", "HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert client.get("/pages/", follow_redirects=False).status_code == 303


# ---- forms ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"}, {"Origin": "http://localhost:3001"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
    ],
)  # fmt: skip
def test_form_of_another_site_is_refused(bank: Any, sign_in: Callable[..., Any], headers: dict[str, str]) -> None:
    person = sign_in()
    token = token_of(person, bank)
    answer = person.send("/sign-out", {"token": token}, headers=headers)
    assert (answer.status_code, "Wij deden niets" in answer.text) == (403, True)
    assert use(person.client, make(bank), **headers).status_code == 403
    assert person.look("/", follow_redirects=False).status_code == 303


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "same-origin", "Origin": "null"}, {"Origin": "http://localhost:3000"}, {}]
)
def test_form_of_our_own_page_is_taken(bank: Any, sign_in: Callable[..., Any], headers: dict[str, str]) -> None:
    person = sign_in()
    assert person.send("/sign-out", {"token": token_of(person, bank)}, headers=headers).status_code == 303


def test_form_without_the_token_of_this_session_is_refused(bank: Any, sign_in: Callable[..., Any]) -> None:
    person, other = sign_in(), sign_in("customer", "c-2")
    for token in ("", "é", token_of(other, bank), token_of(person, bank)[:-1]):
        assert person.send("/sign-out", {"token": token}).status_code == 403
    assert person.look("/", follow_redirects=False).status_code == 303


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"{}", "application/json", 415),
        (b"token=x", "text/plain", 415),
        (b"x" * 30_001, "application/x-www-form-urlencoded", 413),
        (b"\xff", "application/x-www-form-urlencoded", 422),
        (b"a=%ff", "application/x-www-form-urlencoded", 422),
        (b"&".join(b"a=1" for _ in range(201)), "application/x-www-form-urlencoded", 422),
    ],
)
def test_what_is_no_form_is_refused_as_a_page(
    sign_in: Callable[..., Any], content: bytes, media_type: str, status: int
) -> None:
    answer = sign_in().client.post("/pages/sign-out", content=content, headers={"Content-Type": media_type})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")


# ---- the bank's own sign-on -----------------------------------------------------------------------------------------


def test_sign_on_of_the_bank_is_believed_with_its_secret_alone(bank: Any, open_browser: Callable[..., Any]) -> None:
    told = {"X-Bank-User": "customer:c-1", "X-Bank-User-Secret": SECRET}
    for wrong in (
        {}, {"X-Bank-User": "customer:c-1"}, {**told, "X-Bank-User-Secret": "s" * 31},
        {**told, "X-Bank-User": "admin:c-1"}, {**told, "X-Bank-User": "customer:"}, {**told, "X-Bank-User": "c-1"},
    ):  # fmt: skip
        assert use(open_browser(sign_on_desk(bank)), "", **wrong).status_code == 403
    client = open_browser(sign_on_desk(bank))
    doubled = [("X-Bank-User", "customer:c-2"), *told.items()]
    assert client.post("/pages/sign-in", data={"link": ""}, headers=doubled).status_code == 403
    assert use(client, "", **told).status_code == 303
    assert client.get("/pages/", headers=told, follow_redirects=False).status_code == 303


def test_session_ends_when_the_bank_says_another_or_nothing(bank: Any, open_browser: Callable[..., Any]) -> None:
    client = open_browser(sign_on_desk(bank))
    told = {"X-Bank-User": "customer:c-1", "X-Bank-User-Secret": SECRET}
    assert use(client, "", **told).status_code == 303
    assert client.get("/pages/").status_code == 401
    assert client.get("/pages/", headers={**told, "X-Bank-User": "customer:c-2"}).status_code == 401


def test_links_open_nothing_behind_a_sign_on_and_headers_nothing_without_one(
    bank: Any, open_browser: Callable[..., Any]
) -> None:
    assert use(open_browser(sign_on_desk(bank)), make(bank)).status_code == 403
    told = {"X-Bank-User": "customer:c-1", "X-Bank-User-Secret": SECRET}
    assert use(open_browser(), "", **told).status_code == 403


def test_half_a_sign_on_starts_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    assert load_sign_on("", None) is None
    assert load_sign_on("X-Bank-User", secret) == SignOn("X-Bank-User", SECRET)
    short, shared = tmp_path / "short", tmp_path / "shared"
    short.write_text("s" * 31)
    short.chmod(0o600)
    shared.write_text(SECRET)
    shared.chmod(0o644)
    for name, file in (
        ("X-Bank-User", None), ("", secret), ("X User", secret), ("X-Bank-User", short), ("X-Bank-User", shared),
        ("X-Bank-User", tmp_path / "none"),
    ):  # fmt: skip
        with pytest.raises(UsageError):
            load_sign_on(name, file)


@pytest.mark.parametrize(("role", "who"), [("admin", "x"), ("customer", ""), ("customer", " x"), ("board", "a\nb")])
def test_nobody_without_a_role_and_a_name(role: str, who: str) -> None:
    with pytest.raises(LevensloopError):
        Identity(role, who)  # type: ignore[arg-type]
