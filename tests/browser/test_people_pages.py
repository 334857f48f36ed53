"""Board, operations and contact in a real browser: what people do there, and that everybody can read it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import expect

from models.board import make_signature
from models.candidate import find_candidate, read_candidate, write_candidate
from models.release import load_release, read_champion
from models.signing import BOARD, load_private_key

pytestmark = pytest.mark.slow
LOOKS = [("desktop", True), ("phone", True), ("phone", False)]
PATHS = {
    "board": ("/board", "/board/months", "/board/oversight"),
    "operations": ("/operations",),
    "colleague": ("/contact", "/contact/questions", "/contact/report", "/contact/cases", "/contact/calendar"),
}


def new_candidate(site: Any) -> Any:
    """A candidate beside the champion: the same models, made later."""
    champion = load_release(site.home, allow_demo=True)
    known = read_candidate(find_candidate([site.home.candidates], champion.id))
    facts, permission = dict(known.facts), known.manifest["permission"]
    taxonomy, screening = known.text("taxonomy.toml"), known.text("screening.toml")
    return write_candidate(
        site.home, classifier=champion.classifier, detector=champion.detector, taxonomy_toml=taxonomy,
        screening=screening, facts=facts, permission=permission, created_at=datetime.now(UTC),
    )  # fmt: skip


def test_three_persons_sign_a_release_and_it_is_promoted(
    site: Any, open_page: Callable[..., Any], find_violations: Callable[..., Any], shoot: Callable[..., None]
) -> None:
    candidate = new_candidate(site)
    address = f"/pages/board/release?release={candidate.id}"
    for role, person in zip(BOARD, ("Anna", "Bram", "Chris"), strict=True):
        page = open_page("board", person, script=False)
        page.goto(address)
        expect(page.get_by_role("button", name="Neem deze versie in gebruik")).to_have_count(0)
        key = load_private_key(site.home.keys / f"{role}.pem", "secret")
        text = make_signature(site.home, candidate.id, role, key, "approve", f"{person} las het rapport")
        page.get_by_role("textbox", name="Handtekening").fill(text)
        page.get_by_role("button", name="Leg deze beslissing vast").click()
        expect(page.get_by_text("De goedkeuring is vastgelegd.")).to_be_visible()
        expect(page.get_by_text(f"{person} las het rapport")).to_be_visible()
    last = open_page("board", "Anna", size="phone")
    last.goto(address)
    assert find_violations(last) == []
    shoot(last, "board-release-phone")
    last.get_by_label("Waarom gaat deze versie nu in gebruik?").fill("beter bij geboorten")
    last.get_by_role("button", name="Neem deze versie in gebruik").click()
    expect(last.get_by_text("Deze versie antwoordt vanaf nu.")).to_be_visible()
    champion = read_champion(site.home)
    assert champion is not None
    assert (champion.release_id, champion.who, champion.why) == (candidate.id, "Anna", "beter bij geboorten")
    answer = site.ask(site.new_customer())
    assert answer.status_code == 200


def test_a_customer_complains_and_the_colleague_sees_the_clock(
    site: Any, open_page: Callable[..., Any], find_violations: Callable[..., Any], shoot: Callable[..., None]
) -> None:
    customer = site.new_customer()
    mine = open_page("customer", customer)
    mine.get_by_label("Wilt u iets vertellen?").fill("Ik kreeg drie keer dezelfde vraag.")
    mine.get_by_role("button", name="Ik heb een klacht, bel mij").click()
    expect(mine.get_by_role("heading", name="Uw klacht")).to_be_visible()
    queue = open_page("colleague", "Emma de Vries", size="phone")
    expect(queue.get_by_text(f"Klant {customer},")).to_be_visible()
    assert find_violations(queue) == []
    shoot(queue, "contact-queue-phone")
    queue.locator("article", has_text=f"Klant {customer},").get_by_role("link", name="Open en bel").click()
    expect(queue.get_by_text("We beloofden te bellen op")).to_be_visible()
    expect(queue.get_by_text("Ik kreeg drie keer dezelfde vraag.")).to_be_visible()
    queue.get_by_label("Gesproken").check()
    queue.get_by_role("button", name="Leg dit gesprek vast").click()
    expect(queue.get_by_text("De belofte om te bellen is nagekomen.")).to_be_visible()
    assert find_violations(queue) == []
    shoot(queue, "contact-complaint-phone")


def test_the_offer_engines_view_tells_and_refuses(
    site: Any, open_page: Callable[..., Any], find_violations: Callable[..., Any], shoot: Callable[..., None]
) -> None:
    for customer, said in ((site.new_customer(), "2 gebeurtenissen"), ("niemand", "Geweigerd (403)")):
        page = open_page("operations", "Emma", script=False)
        page.get_by_label("Of een ander klantnummer").fill(customer)
        page.get_by_role("button", name="Stel de vraag").click()
        expect(page.get_by_text(said)).to_be_visible()
        shoot(page, f"operations-{customer}")
    looked = open_page("operations", "Emma", size="phone")
    looked.get_by_label("Of een ander klantnummer").fill(site.new_customer())
    looked.get_by_role("button", name="Stel de vraag").click()
    expect(looked.get_by_role("heading", name="Het antwoord over")).to_be_visible()
    assert find_violations(looked) == []
    shoot(looked, "operations-phone")


def test_the_same_question_is_refused_the_second_time(
    open_page: Callable[..., Any], find_violations: Callable[..., Any], shoot: Callable[..., None], site: Any
) -> None:
    page = open_page("colleague", "Emma", script=False)
    customer = site.new_customer()

    def ask(text: str) -> None:
        page.goto("/pages/contact/questions")
        page.get_by_label("Klantnummer").fill(customer)
        page.get_by_label("Of uw vraag in uw eigen woorden").fill(text)
        page.get_by_role("button", name="Mag ik dit vragen?").click()

    ask("Op welk nummer kunnen wij u het beste bellen?")
    expect(page.get_by_text("Vraag het met deze woorden:")).to_be_visible()
    page.get_by_role("button", name="Leg de vraag vast").click()
    expect(page.get_by_text("Niemand vraagt dit opnieuw")).to_be_visible()
    ask("Wat is uw telefoonnummer?")
    expect(page.get_by_text("Nee: een collega vroeg dit op")).to_be_visible()
    shoot(page, "contact-question")
    assert customer not in page.url


@pytest.mark.parametrize(("size", "script"), LOOKS)
@pytest.mark.parametrize("role", PATHS)
def test_pages_are_for_everybody_and_fit_on_a_phone(
    role: str, size: str, script: bool, open_page: Callable[..., Any], find_violations: Callable[..., Any],
    shoot: Callable[..., None], site: Any,
) -> None:  # fmt: skip
    write_months(site)
    page = open_page(role, "Emma", size=size, script=script)
    for path in PATHS[role]:
        page.goto(f"/pages{path}")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, path  # tables scroll inside themselves
        if script:
            assert find_violations(page) == [], path
        shoot(page, f"{path.strip('/').replace('/', '-')}-{size}-{'script' if script else 'plain'}")


def write_months(site: Any) -> None:
    """Months of the champion, with an alarm and a gap."""
    champion = read_champion(site.home)
    assert champion is not None
    months = ["2026-08", "2026-09", "2026-10", "2026-11"]
    shown = [("origin", "turkish", (1.1, 1.4, None, 1.9)), ("origin", "polish", (0.9, 1.0, 1.1, 0.95))]
    rates = [
        {
            "month": month, "ground": ground, "group": group, "n": point and 240, "share": point and 0.1 * point,
            "share_against": point and 0.1, "point": point,
        }
        for ground, group, points in shown
        for month, point in zip(months, points, strict=True)
    ]  # fmt: skip
    alarm = {"month": "2026-11", "question": "offers", "ground": "origin", "group": "turkish", "side": "high"}
    facts = {
        "release": champion.release_id, "months": months, "customers": 4000, "created_at": "2026-11-22T00:00:00Z",
        "margins": {"low": 0.8, "high": 1.25}, "rates": {"offers": rates, "missed": None}, "alarms": [alarm],
        "drift": [{"ground": "origin", "group": "turkish", "index": 0.04, "band": "small"}],
    }  # fmt: skip
    site.home.monitoring.mkdir(exist_ok=True)
    (site.home.monitoring / f"{champion.release_id}.json").write_text(json.dumps(facts))
