"""The annexes: method, policy, self-tests, cards, register fields, all facts for machines, and a glossary."""

from collections.abc import Mapping, Sequence
from typing import Any

from training.report.blocks import Block, Bullets, Cell, Fold, Heading, Pairs, Section, Table, Text, Tone, Verbatim
from training.report.changes import build_changes
from training.report.gaps import name_event
from training.report.source import Source
from training.report.texts import Texts


def build_annexes(source: Source, texts: Texts) -> list[Section]:
    """Everything that is looked up rather than read."""
    return [
        _annex("A", "method", [Bullets(texts.lines("method.items"))], texts),
        _annex("B", "policy", _policy(source, texts), texts),
        _annex("C", "self_tests", _self_tests(source, texts), texts),
        _annex("D", "model_card", _model_card(source, texts), texts),
        _annex("E", "datasheet", _datasheet(source, texts), texts),
        _annex("F", "register", _register(source, texts), texts),
        _annex("G", "machine", [Text(line) for line in texts.lines("machine.text")], texts),
        _annex("H", "glossary", [Pairs(texts.pairs("glossary.words"))], texts),
        _annex("I", "iama", _iama(texts), texts),
        _annex("J", "changes", build_changes(source, texts), texts),
    ]


def _annex(letter: str, key: str, blocks: Sequence[Block], texts: Texts) -> Section:
    return Section(id=key.replace("_", "-"), number=letter, title=texts(f"{key}.title"), blocks=blocks)


def _policy(source: Source, texts: Texts) -> list[Block]:
    verbatim = Verbatim(source.policy, texts("policy.label"))
    return [Text(texts("policy.intro")), Fold(summary=texts("policy.label"), blocks=[verbatim])]


def _self_tests(source: Source, texts: Texts) -> list[Block]:
    tests = source.part("self_tests")
    if not tests:
        return [Text(texts("self_tests.not_run"))]
    rows: list[Sequence[Cell | str]] = [
        [
            texts.name("self_tests", test["name"]),
            texts.name("expected", test["name"]),
            _found(test, texts),
            _passed(test, texts),
        ]
        for test in tests
    ]
    columns = texts.lines("self_tests.columns")
    return [Text(texts("self_tests.intro")), Table(caption=texts("self_tests.title"), columns=columns, rows=rows)]


def _found(test: Mapping[str, Any], texts: Texts) -> str:
    """What came out: a share of runs, a ratio, counts, or a reason."""
    found = test["found"]
    if isinstance(found, Mapping) and "point" in found:
        return texts("self_tests.ratio", ratio=texts.decimal(found["point"], 2))
    if isinstance(found, Mapping):
        return texts(
            "self_tests.flips", without=texts.count(found["flips_without"]), with_bias=texts.count(found["flips_with"])
        )
    if isinstance(found, list):
        return texts("self_tests.undefined")
    if isinstance(found, int):
        return texts.count(found)
    return texts("self_tests.runs", share=texts.percent(found), n=texts.count(test["n"]))


def _passed(test: Mapping[str, Any], texts: Texts) -> Cell:
    tone: Tone = "good" if test["passed"] else "bad"
    return Cell(
        text=texts(f"self_tests.{'passed' if test['passed'] else 'failed'}"),
        tone=tone,
        mark="\u2713" if test["passed"] else "\u2715",
    )


def _model_card(source: Source, texts: Texts) -> list[Block]:
    facts = source.facts
    blocks: list[Block] = [Pairs(texts.pairs("model_card.about"))]
    headline = facts.get("headline")
    if headline and headline.get("value") is not None:
        name, value = texts.name("headlines", headline["name"]), texts.decimal(headline["value"], 3)
        blocks.append(Text(texts("model_card.headline", name=name, value=value, n=texts.count(headline["n"]))))
    else:
        blocks.append(Text(texts("model_card.no_headline")))
    per_event = (facts.get("events") or {}).get("per_event") or {}
    if per_event:
        blocks += [Heading(texts("model_card.events")), _performance(per_event, source, texts)]
    else:
        blocks.append(Text(texts("model_card.not_measured")))
    return [*blocks, Text(texts("model_card.groups"))]


def _performance(per_event: Mapping[str, Mapping[str, Any]], source: Source, texts: Texts) -> Table:
    rows: list[Sequence[Cell | str]] = [
        [
            name_event(event, source.taxonomy, texts),
            texts.count(figures["n_true"]),
            texts.count(figures["n_found"]),
            *(_with_interval(figures, name, texts) for name in ("precision", "recall", "f1")),
        ]
        for event, figures in per_event.items()
    ]
    columns, numeric = texts.lines("model_card.columns"), frozenset(range(1, 6))
    return Table(caption=texts("model_card.events"), columns=columns, rows=rows, numeric=numeric)


def _with_interval(figures: Mapping[str, Any], name: str, texts: Texts) -> Cell:
    if figures.get(name) is None:
        return Cell(text=texts("units.unknown"))
    interval = figures.get(f"{name}_interval")
    note = texts.span(*(texts.percent(end, 0) for end in interval)) if interval else ""
    return Cell(text=texts.percent(figures[name], 0), note=note)


def _datasheet(source: Source, texts: Texts) -> list[Block]:
    blocks: list[Block] = [Pairs(texts.pairs("datasheet.about"))]
    counts = source.facts.get("counts")
    if counts:
        rows = [[texts.name("counts", name), texts.count(value)] for name, value in counts.items()]
        caption = texts("datasheet.counts")
        columns = texts.lines("datasheet.columns")
        blocks.append(Table(caption=caption, columns=columns, rows=rows, numeric=frozenset({1})))
    shown = not source.manifest["permission"].get("permission_not_shown")
    blocks.append(Text(texts("datasheet.permission_shown" if shown else "datasheet.permission_not_shown")))
    return blocks


def _register(source: Source, texts: Texts) -> list[Block]:
    """Fields of the Algorithm Register's publication standard 1.0, in its order; what a bank must add is said."""
    status = texts("register.in_use" if source.since else "register.in_development")
    begun = source.since[:7] or texts("register.not_begun")
    known = [
        (texts("register.status"), status), (texts("register.begin"), begun),
        (texts("register.version"), str(source.manifest["model_version"])),
    ]  # fmt: skip
    fields = [*texts.pairs("register.general"), *known, *texts.pairs("register.fields")]
    return [Text(texts("register.intro")), Pairs(fields)]


def _iama(texts: Texts) -> list[Block]:
    rows: list[Sequence[Cell | str]] = [[part, where] for part, where in texts.pairs("iama.parts")]
    table = Table(caption=texts("iama.title"), columns=texts.lines("iama.columns"), rows=rows)
    return [Text(texts("iama.intro")), table]
