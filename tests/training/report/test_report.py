"""The pages: whole with full, partial and no facts; self-contained; readable by whoever does not see them."""

import itertools
import json
import re
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from lxml import etree, html
from sklearn.linear_model import LogisticRegression
from typer.testing import CliRunner

from models.candidate import attach_fairness, write_candidate
from models.home import Home
from models.packing import unpack_tables
from training.commands import app
from training.report.decision import propose
from training.report.rendering import MACHINE, machine_facts, render_report
from training.report.source import PARTS, Source
from training.report.texts import LANGUAGES, Language

SOURCES = ("full", "partial", "empty")


@pytest.fixture(scope="module", params=[(s, lang) for s in SOURCES for lang in LANGUAGES], ids=lambda p: "-".join(p))
def page(request: pytest.FixtureRequest) -> Any:
    """Each source in each language, as a tree."""
    source, language = request.param
    return parse(render_report(request.getfixturevalue(source), language))


def parse(text: str) -> Any:
    """A page as a tree; anything but an element that lxml's table of HTML 4 does not have is a fault."""
    parser = html.HTMLParser(huge_tree=True)
    tree = html.document_fromstring(text.encode(), parser=parser)
    unknown = etree.ErrorTypes.HTML_UNKNOWN_TAG
    assert [str(error) for error in parser.error_log if error.type != unknown] == []
    return tree


def words(tree: Any) -> str:
    return re.sub(r"\s+", " ", " ".join(tree.xpath("//body//text()[not(ancestor::script)]")))


def test_a_page_is_whole_and_says_its_language(page: Any) -> None:
    assert page.get("lang") in LANGUAGES
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
    assert [len(page.xpath(f"//{part}")) for part in ("h1", "main", "header", "footer", "nav")] == [1] * 5
    pointed = {one for value in page.xpath("//@aria-labelledby") for one in value.split()}
    pointed |= {value[1:] for value in page.xpath("//a/@href") if value.startswith("#")}
    assert pointed <= set(ids)
    assert page.xpath("//a")[0].get("href") == "#main"
    assert len(page.xpath("//section")) == 23  # the decision, twelve chapters, ten annexes


def test_a_page_fetches_nothing_from_elsewhere(page: Any) -> None:
    assert page.xpath("//@src | //link | //iframe | //object | //img | //base | //form") == []
    assert {href for href in page.xpath("//@href") if not href.startswith("#")} == {MACHINE}
    assert page.xpath("//script[not(@type='application/json')]") == []
    assert page.xpath("//@*[starts-with(name(), 'on')]") == []
    style = page.xpath("string(//style)")
    assert "@import" not in style
    assert "url(" not in style
    assert "//" not in style
    inside = [value for value in page.xpath("//svg//@*") if "url(" in value]
    assert all(value.startswith("url(#") for value in inside)
    assert "://" not in "".join(page.xpath("//svg//@*"))


def test_headings_come_in_order(page: Any) -> None:
    levels = [int(one.tag[1]) for one in page.xpath("//h1 | //h2 | //h3 | //h4")]
    assert levels[0] == 1
    assert all(later - earlier <= 1 for earlier, later in itertools.pairwise(levels))


def test_every_table_has_a_caption_and_named_rows_and_columns(page: Any) -> None:
    tables = page.xpath("//table")
    assert len(tables) > 8
    for table in tables:
        assert table.xpath("string(caption)").strip()
        columns = table.xpath("thead/tr/th[@scope='col']")
        assert all(column.text_content().strip() for column in columns)
        for row in table.xpath("tbody/tr"):
            assert len(row.xpath("th[@scope='row']")) == 1
            assert len(row.xpath("th | td")) == len(columns)


def test_every_plot_has_a_name_a_description_text_and_a_table(page: Any) -> None:
    assert len(page.xpath("//svg")) == len(page.xpath("//figure"))
    for figure in page.xpath("//figure"):
        (svg,) = figure.xpath(".//svg")
        assert svg.get("role") == "img"
        assert svg.xpath("string(title)").strip()
        assert len(svg.xpath("string(desc)").split()) > 5
        assert len(figure.xpath("string(figcaption)").split()) > 5
        following = figure.xpath("following-sibling::*[1]")
        assert following[0].xpath(".//table")


def test_verdicts_are_told_by_word_and_sign_as_well_as_colour(page: Any) -> None:
    for verdict in page.xpath("//span[contains(@class, 'verdict')]"):
        assert verdict.xpath("span[@aria-hidden='true']/text()")[0] in "✓✕?"
        assert len(verdict.text_content().strip()) > 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_facts_are_in_the_page_for_machines(full: Source, language: Language) -> None:
    tree = parse(render_report(full, language))
    told = json.loads(tree.xpath("string(//script[@id='report-facts'])"))
    assert told == machine_facts(full)
    assert unpack_tables(told["facts"]["fairness"]) == full.fairness


def test_free_text_is_kept_and_cannot_run(full: Source, make: SimpleNamespace) -> None:
    text = render_report(full, "nl")
    assert "<script>alert" not in text
    tree = parse(text)
    assert make.dissent in words(tree)
    assert "<b>betaalpas</b>" in words(tree)


def test_what_was_not_measured_is_said(empty: Source, partial: Source) -> None:
    told = words(parse(render_report(partial, "en")))
    for part in ("swap tests", "whether scores give away a group", "other ways", "permission per group"):
        assert f"Not measured: {part}" in told
    assert "no swap tests were made" in told
    nothing = words(parse(render_report(empty, "nl")))
    assert "niets onderzocht" in nothing
    assert "Er is niets gemeten" in nothing
    assert "Niet gemeten: er zijn geen uitkomsten per groep." in nothing
    assert empty.missing == list(PARTS)


def test_the_proposal_follows_from_findings_and_waivers(full: Source, empty: Source, make: SimpleNamespace) -> None:
    assert propose(full).key == "refuse"
    assert propose(empty).key == "not_audited"
    document = make.document()
    (first, *_) = [finding for finding in document["findings"] if finding["blocks"] and finding["waivable"]]
    one = {**document, "findings": [first]}
    assert propose(make.source(one)).key == "refuse"
    assert propose(make.source(one, waived=first["id"])).key == "waived"
    assert propose(make.source({**one, "findings": [{**first, "waivable": False}]}, waived=first["id"])).key == "refuse"
    assert propose(make.source({**one, "findings": [{**first, "blocks": False}]})).key == "release"
    told = words(parse(render_report(make.source(one, waived=first["id"]), "en")))
    assert "Proposal: release only with the signed waivers" in told
    assert "31 January 2027" in told


def test_the_planted_gap_is_on_the_first_page_as_people(full: Source) -> None:
    (first, *_) = parse(render_report(full, "en")).xpath("//section[@id='decision']//tbody/tr")
    told = " ".join(first.text_content().split())
    assert told.startswith("For customers who are Muslim or of another religion: of 1,000 events")
    assert told.endswith("EXCEEDED")


def test_a_changed_outcome_by_a_name_comes_before_everything(full: Source, make: SimpleNamespace) -> None:
    swaps = json.loads(json.dumps(full.part("swaps")))
    swaps["kinds"][0] |= {"flips": 2, "score_changes": 5}
    (first, *_) = parse(render_report(make.source({**full.fairness, "swaps": swaps}), "nl")).xpath("//tbody/tr")
    told = " ".join(first.text_content().split())
    assert told.startswith("Wij veranderden alleen de naam in 5.990 gevallen. De uitkomst veranderde 2 keer")


def test_another_swap_that_changes_too_much_is_on_the_first_page(full: Source, make: SimpleNamespace) -> None:
    swaps = json.loads(json.dumps(full.part("swaps")))
    swaps["kinds"][2] |= {"flips": 300, "flip_rate": 0.5, "verdict": "EXCEEDED"}
    (first, *_) = parse(render_report(make.source({**full.fairness, "swaps": swaps}), "en")).xpath("//tbody/tr")
    told = " ".join(first.text_content().split())
    assert told.startswith("We changed only this: Shops, Moroccan. In 300 of 600 cases the outcome changed.")


def test_a_gap_that_asks_for_four_answers_shows_them_or_says_that_they_are_open(make: SimpleNamespace) -> None:
    document = make.document()
    asking = [fact for fact in document["cube"]["secondary"] if fact["justify"] and fact["point"] is not None]
    for fact in asking[:2]:
        fact["verdict"] = "EXCEEDED"
    first, second = asking[:2]
    assert first["group"] != second["group"] or first["event"] != second["event"]
    document["justifications"] = [
        {
            "rates": [first["rate"]], "events": [first["event"]], "grounds": [first["ground"]],
            "groups": [first["group"]], "aim": "Life events come with age.", "suitable": "It is <so>.",
            "necessary": "No lighter way.", "proportionate": "No harm.",
        }
    ]  # fmt: skip
    tree = parse(render_report(make.source(document), "en"))
    (table,) = tree.xpath("//table[caption[starts-with(., 'Gaps that need an answer: 2, of which 1 are')]]")
    answered, unanswered = table.xpath("tbody/tr")
    told = [cell.text_content() for cell in answered.xpath("td")]
    assert told == ["Life events come with age.", "It is <so>.", "No lighter way.", "No harm."]
    assert unanswered.text_content().count("still open") == 4


def test_a_naive_model_stands_beside_the_release(full: Source) -> None:
    (row,) = parse(render_report(full, "en")).xpath("//section[@id='alternatives']//tr[contains(., 'Large families')]")
    assert [cell.text_content() for cell in row.xpath("td")] == [
        "410 against 12 gap 340 to 450; number 200 and 200",
        "0 against 0 gap 340 to 450; number 200 and 200",
    ]


# ---- the command ----------------------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("LEVENSLOOP_HOME", str(tmp_path / "home"))
    return Home(tmp_path / "home")


def write(home: Home) -> str:
    model = LogisticRegression().fit(np.array([[0.0], [1.0], [2.0], [3.0]]), ["none", "none", "move", "move"])
    read = resources.files("models").joinpath
    return write_candidate(
        home, classifier=model, detector=model, taxonomy_toml=read("taxonomy.toml").read_text("utf-8"),
        screening=read("screening.toml").read_text("utf-8"), permission={"permission_not_shown": True},
        facts={"headline": {"name": "event_macro_f1", "value": None, "n": 0}},
        created_at=datetime(2026, 11, 25, 9, tzinfo=UTC),
    ).id  # fmt: skip


def test_the_command_writes_pages_of_the_newest_candidate(home: Home, tmp_path: Path, make: SimpleNamespace) -> None:
    candidate = write(home)
    attach_fairness(home, candidate, {**make.document(), "candidate": candidate})
    done = CliRunner().invoke(app, ["report", "--out", str(tmp_path / "out")], catch_exceptions=False)
    assert done.exit_code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"report-nl.html", "report-en.html", MACHINE}
    dutch = (tmp_path / "out" / "report-nl.html").read_text("utf-8")
    assert candidate in dutch
    assert "niet bewezen dat elke klant toestemming gaf" in dutch
    tree = parse(dutch)
    assert json.loads(tree.xpath("string(//script[@id='report-facts'])")) == json.loads(
        (tmp_path / "out" / MACHINE).read_text("utf-8")
    )


def test_the_command_takes_a_candidate_and_a_language(home: Home, tmp_path: Path) -> None:
    candidate = write(home)
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["report", candidate[:12], "--out", str(out), "--language", "en"])
    assert done.exit_code == 0
    assert sorted(path.name for path in out.iterdir()) == ["report-en.html", MACHINE]
    wrong = CliRunner().invoke(app, ["report", candidate[:12], "--out", str(out), "--language", "fr"])
    assert "nl, en or both" in str(wrong.exception)


def test_without_a_folder_the_report_lies_where_the_boards_page_looks(home: Home) -> None:
    candidate = write(home)
    assert CliRunner().invoke(app, ["report"], catch_exceptions=False).exit_code == 0
    assert {"report-nl.html", "report-en.html"} <= {path.name for path in (home.reports / candidate).iterdir()}
