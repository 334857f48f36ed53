"""The report in a real browser, where one is installed: axe-core finds nothing, and nothing is fetched or cut off."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from training.report.rendering import render_report
from training.report.source import Source
from training.report.texts import LANGUAGES, Language

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install -e '.[dev]'")
playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
SIZES = {"desk": (1400, 1000), "phone": (390, 844)}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
NEEDED = os.environ.get("LEVENSLOOP_REQUIRE_BROWSER") == "1"
pytestmark = pytest.mark.skipif(CHROMIUM is None and not NEEDED, reason="no Chromium: apt-get install chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


# axe-core takes half a minute on a whole report; the rest of it is the same in both languages and sizes.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "language", "size", "by_axe"),
    [
        ("full", "nl", "desk", True), ("full", "en", "phone", False), ("partial", "en", "desk", False),
        ("empty", "nl", "phone", True),
    ],
)  # fmt: skip
def test_axe_finds_nothing_and_the_page_stays_inside_its_window(
    browser: Any, request: pytest.FixtureRequest, tmp_path: Path, name: str, language: Language, size: str, by_axe: bool
) -> None:
    source: Source = request.getfixturevalue(name)
    file = tmp_path / "report.html"
    file.write_text(render_report(source, language), "utf-8")
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height})
    fetched: list[str] = []
    page.on("request", lambda asked: fetched.append(asked.url))
    page.goto(file.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    found = (
        axe.Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]}).response["violations"]
        if by_axe
        else []
    )
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    page.close()
    assert [(one["id"], [node["html"][:120] for node in one["nodes"][:3]]) for one in found] == []
    assert wider == 0
    assert fetched == [file.as_uri()]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_of_a_plot_is_cut_off(browser: Any, full: Source, tmp_path: Path, language: Language) -> None:
    file = tmp_path / "report.html"
    file.write_text(render_report(full, language), "utf-8")
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.goto(file.as_uri())
    cut = page.evaluate(
        """() => [...document.querySelectorAll('figure svg text')].filter(text => {
            const inside = text.getBoundingClientRect(), around = text.closest('svg').getBoundingClientRect();
            return inside.left < around.left - 1 || inside.right > around.right + 1;
        }).map(text => text.textContent)"""
    )
    page.close()
    assert cut == []
