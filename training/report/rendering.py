"""From a source to a page: build the sections, render the templates. What leaves is one file that fetches nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from models.taxonomy import Taxonomy
from training.report.annexes import build_annexes
from training.report.blocks import Section
from training.report.decision import build_decision, propose
from training.report.governance import build_governance
from training.report.monitoring import build_monitoring, tell_about
from training.report.results import build_results
from training.report.scope import build_scope
from training.report.source import Source
from training.report.texts import Language, Texts, load_texts

MACHINE, MONITOR_MACHINE = "report-facts.json", "monitor-facts.json"


@dataclass(frozen=True, kw_only=True)
class Page:
    """A report in one language, ready for the templates."""

    texts: Texts
    sections: Sequence[Section]  # the first is the decision page
    facts: Mapping[str, Any]
    title: str
    about: str
    foot: str
    machine: str
    machine_text: str


def build_page(source: Source, language: Language) -> Page:
    """All that a page says."""
    texts = load_texts(language)
    said = {"candidate": source.candidate_id[:12], "day": texts.day(source.at.isoformat())}
    return Page(
        texts=texts,
        sections=[
            build_decision(source, texts),
            *build_scope(source, texts),
            *build_results(source, texts),
            *build_governance(source, texts),
            *build_annexes(source, texts),
        ],
        facts=machine_facts(source),
        title=texts("page.title"),
        about=texts("page.about", **said),
        foot=texts("page.foot", **said),
        machine=MACHINE,
        machine_text=texts("machine.file"),
    )


def render_monitoring(facts: Mapping[str, Any], taxonomy: Taxonomy, language: Language) -> str:
    """The months after a release as one HTML text."""
    texts = load_texts(language)
    return _render(
        Page(
            texts=texts,
            sections=build_monitoring(facts, taxonomy, texts),
            facts=facts,
            title=texts("monitor.title"),
            about=tell_about(facts, texts),
            foot=texts("monitor.foot", model=facts["model_version"]),
            machine=MONITOR_MACHINE,
            machine_text=texts("monitor.machine"),
        )
    )


def render_report(source: Source, language: Language) -> str:
    """The report as one HTML text."""
    return _render(build_page(source, language))


def _render(page: Page) -> str:
    environment = Environment(
        loader=PackageLoader("training.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    style = resources.files("training.report").joinpath("templates", "report.css").read_text("utf-8")
    return environment.get_template("report.html.j2").render(
        page=page,
        style=Markup(style),  # noqa: S704 - our own file
    )


def machine_facts(source: Source) -> dict[str, Any]:
    """Every number of the report for machines: the facts as they are, with what was decided about them."""
    return {
        "schema": 1,
        "candidate": source.candidate_id,
        "facts_sha256": source.facts_sha256,
        "proposal": propose(source).key,
        "facts": dict(source.facts),
        "decisions": [
            {
                "role": one.role,
                "person": one.person,
                "decision": one.decision,
                "reason": one.reason,
                "at": one.signed_at,
            }
            for one in source.decisions
        ],
        "waivers": [{"finding": one.finding, "until": one.until.isoformat()} for one in source.waivers],
    }
