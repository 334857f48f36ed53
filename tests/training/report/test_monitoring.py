"""The months as a page and as a chapter: alarms first, what the board may do, nothing by colour alone, no raw id."""

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from lxml import html

from models.taxonomy import default_taxonomy
from training.report.monitoring import build_latest
from training.report.rendering import render_monitoring, render_report
from training.report.source import Monitored, Previous, Source
from training.report.texts import LANGUAGES, Language, load_texts

MONTHS = ["2026-08", "2026-09", "2026-10"]
RAW = re.compile(r"[a-z]+_[a-z_]+")


def row(month: str, ground: str, group: str, ratio: float | None, **changes: Any) -> dict[str, Any]:
    """A rate of one month; without a ratio it is of too few people."""
    shown = {"n": 420, "n_against": 3000, "share": None, "share_against": None, "point": ratio, "interval": None}
    if ratio is not None:
        shown |= {"share": 0.05 * ratio, "share_against": 0.05, "interval": [ratio * 0.8, ratio * 1.25]}
    return {"month": month, "ground": ground, "group": group, **shown, **changes}


def month_facts() -> dict[str, Any]:
    """Women are told three times as often from September on; muslims are too few."""
    ratios = dict(zip(MONTHS, (1.0, 3.0, 3.1), strict=True))
    answers = [row(month, "gender", "f", ratio) for month, ratio in ratios.items()]
    answers += [row(month, "religion_merged", "muslim_or_other", None, n=None) for month in MONTHS]
    watched = {"question": "answers", "ground": "gender", "group": "f", "side": "high", "start": [0.8, 1.3],
               "months_watched": 2, "evidence": {"2026-09": 3.0, "2026-10": 12.0}, "alarm_from": 8.6,
               "alarm": "2026-10"}  # fmt: skip
    quiet = {**watched, "question": "complaints", "ground": "age", "group": "67+", "start": None, "alarm": None,
             "evidence": dict.fromkeys(MONTHS, -0.4), "months_watched": 3}  # fmt: skip
    alarm = {**answers[2], "question": "answers", "side": "high", "start": [0.8, 1.3], "evidence": 12.0,
             "alarm_from": 8.6, "events": ["child_birth", "rental_move"]}  # fmt: skip
    nothing = dict.fromkeys(("offers", "false_answers", "missed", "complaints", "coverage", "allowed", "said_no"))
    drift = {"n_before": 300, "n": 280, "index": 0.31, "by_chance": 0.12, "band": "large"}
    return {
        "schema": 1, "release": "a" * 64, "model_version": "2026.09.01-abcdef12", "created_at": "2026-11-01T09:00:00Z",
        "months": MONTHS, "customers": 3420, "false_alarm": 0.05, "places": 287, "margins": {"low": 0.8, "high": 1.25},
        "drift_bands": {"watch": 0.1, "large": 0.25},
        "first_asked": [["gender", "f"], ["religion_merged", "muslim_or_other"]],
        "rates": {"answers": answers, **nothing, "said_no": [row(MONTHS[-1], "income", "1", 1.1)]},
        "watched": [watched, quiet], "alarms": [alarm],
        "drift": [{"ground": "gender", "group": "f", **drift},
                  {"ground": "gender", "group": "x", **dict.fromkeys(drift)}],
        "per_event": [{"event": "child_birth", "kind": "complaint", "n": 12},
                      {"event": "other", "kind": "correction", "n": None}],
    }  # fmt: skip


def parse(text: str) -> Any:
    return html.document_fromstring(text.encode(), parser=html.HTMLParser(huge_tree=True))


def words(tree: Any) -> str:
    return re.sub(r"\s+", " ", " ".join(tree.xpath("//body//text()[not(ancestor::script)]")))


@pytest.fixture(scope="module", params=LANGUAGES)
def page(request: pytest.FixtureRequest) -> Any:
    return parse(render_monitoring(month_facts(), default_taxonomy(), request.param))


def test_the_page_is_whole_and_readable_by_whoever_does_not_see_it(page: Any) -> None:
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
    assert [len(page.xpath(f"//{part}")) for part in ("h1", "main", "header", "footer", "nav")] == [1] * 5
    assert page.xpath("//@src | //link | //iframe | //img | //form") == []
    assert len(page.xpath("//figure")) == 2
    for figure in page.xpath("//figure"):
        assert len(figure.xpath("string(.//svg/desc)").split()) > 5
        assert figure.xpath("following-sibling::*[1]//table")
    for table in page.xpath("//table"):
        columns = table.xpath("thead/tr/th[@scope='col']")
        assert all(len(line.xpath("th | td")) == len(columns) for line in table.xpath("tbody/tr"))


def test_no_raw_id_stands_in_the_page(page: Any) -> None:
    assert RAW.findall(words(page)) == []


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("nl", ("Alarm: 1 keer", "Meldingen per klant, te vaak", "oktober 2026", "kill-switch", "minder dan 10",
                "De kans op ook maar één vals alarm is hooguit 5%", "Niet gemeten: Gemiste gebeurtenissen.")),
        ("en", ("Alarm: 1 times", "Answers per customer, too often", "October 2026", "kill-switch", "fewer than 10",
                "The chance of any false alarm is at most 5%", "Not measured: Missed events.")),
    ],
)  # fmt: skip
def test_what_has_to_be_done_is_told_first(language: Language, told: tuple[str, ...]) -> None:
    tree = parse(render_monitoring(month_facts(), default_taxonomy(), language))
    first = words(tree)
    assert [sentence for sentence in told if sentence not in first] == []
    (section,) = tree.xpath("//section[@id='now']")
    event = getattr(default_taxonomy().event("child_birth"), language)
    assert event in section.text_content()


def test_a_quiet_year_is_no_proof() -> None:
    facts = {**month_facts(), "alarms": []}
    told = words(parse(render_monitoring(facts, default_taxonomy(), "en")))
    assert "No alarm" in told
    assert "no proof of equal treatment" in told


# ---- in the report --------------------------------------------------------------------------------------------------


def test_a_report_without_months_says_that_none_were_measured(now: Source) -> None:
    (section,) = parse(render_report(now, "en")).xpath("//section[@id='over-time']")
    assert "Not measured: no months were measured yet." in section.text_content()


def test_the_chapter_tells_of_the_latest_months_and_of_which_model(now: Source) -> None:
    latest = Monitored(facts=month_facts(), sha256="9" * 64)
    source = replace(now, monitored=latest)
    (section,) = parse(render_report(source, "nl")).xpath("//section[@id='over-time']")
    told = " ".join(section.text_content().split())
    assert "augustus 2026 tot en met oktober 2026. Vingerafdruk: 999999999999." in told
    assert "het model dat nu antwoordt, niet het model van dit rapport" in told
    assert "Alarm: 1 keer" in told
    own = build_latest(latest, "a" * 64, source.taxonomy, load_texts("nl"))
    assert not any("niet het model van dit rapport" in str(block) for block in own)


def document_of(make: SimpleNamespace) -> dict[str, Any]:
    document: dict[str, Any] = make.document(customers=120, gap=0.0, tested=False)
    gap = {"point": -0.191, "interval": [-0.217, -0.167], "verdict": "EXCEEDED", "n": 1147}
    document["cube"]["primary"][0] |= gap
    return document


@pytest.fixture(scope="module")
def now(make: SimpleNamespace) -> Source:
    return make.source(document_of(make))  # type: ignore[no-any-return]


def earlier(source: Source, make: SimpleNamespace) -> Previous:
    """The same model before, in which one finding did not block, one more did, and a primary gap was another."""
    document = document_of(make)
    kept = [one for one in document["findings"] if one["blocks"]]
    gone = {**kept[0], "id": "G4-an-old-finding"}
    document["findings"] = [gone, *kept[1:]]
    document["cube"]["primary"][0] |= {"point": -0.03, "interval": [-0.04, -0.02], "verdict": "ESTABLISHED"}
    facts = {**source.facts, "headline": {"name": "event_macro_f1", "value": 0.85, "n": 900}, "fairness": document}
    manifest = {**source.manifest, "model_version": "2026.01.01-00000000", "taxonomy": {"sha256": "e" * 64}}
    return Previous(candidate_id="b" * 64, manifest=manifest, facts=facts, facts_sha256="d" * 64)


def test_the_change_log_lays_two_models_side_by_side(now: Source, make: SimpleNamespace) -> None:
    source = replace(now, previous=earlier(now, make))
    (section,) = parse(render_report(source, "en")).xpath("//section[@id='changes']")
    told = " ".join(section.text_content().split())
    assert "beside the model that answered before (2026.01.01-00000000)" in told
    assert "macro-F1 of events: 0.850 before, 0.871 now" in told
    assert "New findings that block this model: 1" in told
    assert "Findings that are gone: 1" in told
    first = section.xpath(".//table[caption='The primary questions, before and now']/tbody/tr[1]/td")
    assert [cell.text_content().split()[0] for cell in (first[0], first[2])] == ["−3.0", "−19.1"]
    taxonomy = section.xpath(".//tr[th='List of events']/td")
    assert taxonomy[-1].text_content() == "changed"


def test_the_first_model_has_nothing_to_lay_beside_it(now: Source) -> None:
    (section,) = parse(render_report(now, "en")).xpath("//section[@id='changes']")
    assert "This is the first model." in section.text_content()


def test_the_register_says_whether_the_model_is_in_use(now: Source) -> None:
    for since, told in (("", "In development"), ("2026-11-26T10:00:00Z", "2026-11")):
        (section,) = parse(render_report(replace(now, since=since), "en")).xpath("//section[@id='register']")
        assert told in section.text_content()
