"""What is around every page: headers that forbid everything else, the right language, and problems as pages."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from models.errors import StoreUnavailableError
from serving.pages.app import PAGES
from serving.pages.visitors import ROLES
from serving.pages.words import LANGUAGES, load_words

CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def test_every_page_forbids_what_it_does_not_need(sign_in: Callable[..., Any]) -> None:
    person = sign_in()
    for path, status in (("/sign-in", 200), ("/nowhere", 404), ("/sign-out", 405), ("/board", 403)):
        answer = person.look(path)
        assert answer.status_code == status
        assert answer.headers["content-security-policy"] == CSP
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "<script" not in answer.text
        assert "style=" not in answer.text.replace("stylesheet", "")


def test_stylesheet_may_be_kept_and_its_address_changes_with_it(sign_in: Callable[..., Any]) -> None:
    person = sign_in()
    address = person.look("/sign-in").text.split('rel="stylesheet" href="')[1].split('"')[0]
    answer = person.client.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in answer.headers["cache-control"]
    assert "url(" not in answer.text
    assert "@import" not in answer.text


@pytest.mark.parametrize(
    ("query", "cookie", "header", "language"),
    [
        ("", "", "", "nl"),
        ("", "", "de-DE,de", "nl"),
        ("", "", "en-GB,en;q=0.9,nl;q=0.8", "en"),
        ("", "", "en;q=0.5,nl-NL;q=0.9", "nl"),
        ("", "", "en;q=x, ;q=", "nl"),
        ("", "nl", "en", "nl"),
        ("?lang=en", "nl", "nl", "en"),
        ("?lang=xx", "", "en", "en"),
    ],
)
def test_language_is_the_one_asked_for_else_the_browsers_else_dutch(
    open_browser: Callable[..., Any], query: str, cookie: str, header: str, language: str
) -> None:
    headers = {"Accept-Language": header} | ({"Cookie": f"levensloop-language={cookie}"} if cookie else {})
    answer = open_browser().get(f"/pages/sign-in{query}", headers=headers)
    assert f'<html lang="{language}">' in answer.text
    assert answer.headers["content-language"] == language
    assert load_words(language)("sign_in.title") in answer.text  # type: ignore[arg-type]


def test_chosen_language_stays(open_browser: Callable[..., Any]) -> None:
    client = open_browser()
    client.get("/pages/sign-in?lang=en")
    assert '<html lang="en">' in client.get("/pages/nowhere").text


def test_problem_says_its_kind_in_words_and_nothing_of_what_was_sent(open_browser: Callable[..., Any]) -> None:
    answer = open_browser().get("/pages/<script>alert(1)</script>?lang=<b>")
    assert answer.status_code == 404
    assert "alert" not in answer.text.replace("&lt;script&gt;alert(1)&lt;/script&gt;", "")
    assert "<b>" not in answer.text


def test_store_that_cannot_be_reached_shows_a_page_and_lets_nobody_in(bank: Any, sign_in: Callable[..., Any]) -> None:
    class Gone:
        threads_at_once = 1

        def read(self) -> Any:
            raise StoreUnavailableError("gone")

        write = read

    person = sign_in()
    broken = sign_in(desk=bank.desk).client
    broken.app.app.routes[0].app.state.desk = replace(bank.desk, gate=replace(bank.desk.gate, store=Gone()))
    broken.cookies = person.client.cookies
    answer = broken.get("/pages/")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert "Het lukt nu niet" in answer.text
    assert answer.headers["retry-after"] == "5"


def test_every_page_is_for_its_roles_alone(sign_in: Callable[..., Any], open_browser: Callable[..., Any]) -> None:
    people = {role: sign_in(role, "c-1").client for role in ROLES}
    nobody = open_browser()
    closed = [page for page in PAGES if page.roles]
    assert len(closed) > 5
    for page in closed:
        address = f"/pages{page.path}"
        assert nobody.request(page.method, address).status_code == 401, address
        for role in ROLES - page.roles:
            assert people[role].request(page.method, address, follow_redirects=False).status_code == 403, address


def test_no_address_of_a_page_waits_for_an_id() -> None:
    assert [page.path for page in PAGES if "{" in page.path] == []


def test_both_languages_have_the_same_words() -> None:
    def keys(words: Any, at: str = "") -> set[str]:
        if not isinstance(words, dict):
            return {at}
        return {key for name, inside in words.items() for key in keys(inside, f"{at}.{name}")}

    dutch, english = (keys(load_words(language).words) for language in LANGUAGES)
    assert dutch == english
