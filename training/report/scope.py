"""Chapters 1 to 3: what the model is for, what it may read, and who was tested."""

from collections.abc import Mapping, Sequence
from typing import Any

from models.taxonomy import Taxonomy
from training.fairness.cube import ALL
from training.fairness.justifications import QUESTIONS
from training.fairness.verdicts import EXCEEDED
from training.report.blocks import Block, Bullets, Cell, Fold, Heading, Pairs, Section, Table, Text
from training.report.comparisons import count_customers, tell_count
from training.report.gaps import (
    Fact,
    is_hidden,
    name_cell,
    name_event,
    name_ground,
    name_group,
    name_other,
    tell_coverage,
    tell_gap,
    tell_unit,
    verdict_of,
)
from training.report.source import Source
from training.report.texts import Texts


def build_scope(source: Source, texts: Texts) -> list[Section]:
    """Purpose, reading, tested."""
    return [_purpose(source, texts), _reading(source, texts), _tested(source, texts)]


# ---- 1 --------------------------------------------------------------------------------------------------------------


def _purpose(source: Source, texts: Texts) -> Section:
    blocks: list[Block] = [*(Text(line) for line in texts.lines("purpose.intro"))]
    blocks += [Heading(texts("purpose.offers")), Text(texts("purpose.classes")), _offers(source, texts)]
    blocks += [Heading(texts("purpose.basis")), _basis(source, texts)]
    blocks += [Heading(texts("purpose.questions")), Text(texts("purpose.questions_intro"))]
    blocks.append(Pairs(texts.pairs("purpose.four")))
    blocks += _cells_to_justify(source, texts)
    blocks += [Heading(texts("purpose.ethics")), Text(texts("purpose.ethics_text"))]
    return Section(id="purpose", number="1", title=texts("purpose.title"), blocks=blocks)


def _offers(source: Source, texts: Texts) -> Table:
    products = {product.id: getattr(product, texts.language) for product in source.taxonomy.products}
    rows = [
        [
            name_event(event.id, source.taxonomy, texts),
            texts(f"purpose.class.{event.offer_class}"),
            ", ".join(products[one.product] for one in event.products) or texts("words.none"),
        ]
        for event in source.taxonomy.events
        if not event.retired
    ]
    return Table(caption=texts("purpose.offers"), columns=texts.lines("purpose.offer_columns"), rows=rows)


def _basis(source: Source, texts: Texts) -> Table:
    rows: list[Sequence[Cell | str]] = [
        [
            Cell(text=texts.name("purposes", purpose.id), note=dict(purpose.notice).get(texts.language, "")),
            texts(f"purpose.regime.{purpose.regime}"),
            texts.name("bases", purpose.lawful_basis.split(",")[0]),
            purpose.notice_version,
        ]
        for purpose in source.purposes
    ]
    return Table(caption=texts("purpose.basis_caption"), columns=texts.lines("purpose.basis_columns"), rows=rows)


def _cells_to_justify(source: Source, texts: Texts) -> list[Block]:
    cube = source.part("cube")
    if not cube:
        return [Text(texts("purpose.cells_unknown"))]
    asked = {_cell(fact): fact for fact in cube["secondary"] if fact["justify"] and fact["verdict"] == EXCEEDED}
    if not asked:
        return [Text(texts("purpose.no_cells"))]
    answers = source.justified
    rows = [[_tell_cell(fact, source, texts), *_four_answers(answers.get(cell), texts)] for cell, fact in asked.items()]
    columns = [texts("purpose.cell"), *(term for term, _ in texts.pairs("purpose.four"))]
    open_ones = sum(cell not in answers for cell in asked)
    caption = texts("purpose.cells", n=texts.count(len(asked)), open=texts.count(open_ones))
    return [Table(caption=caption, columns=columns, rows=rows)]


def _cell(fact: Fact) -> tuple[str, str, str, str]:
    return (fact["rate"], fact["event"], fact["ground"], fact["group"])


def _tell_cell(fact: Fact, source: Source, texts: Texts) -> Cell:
    gap = texts(f"gap.{fact['measure']}", gap=tell_gap(fact, texts).text)
    compared = texts("purpose.compared", other=name_other(fact, texts), gap=gap)
    event, title = name_event(fact["event"], source.taxonomy, texts), texts(f"rates.{fact['rate']}.title")
    return Cell(text=f"{name_cell(fact, texts)}, {event}", note=f"{title}. {compared}")


def _four_answers(answers: Mapping[str, Any] | None, texts: Texts) -> list[Cell | str]:
    """What the board wrote to each question, as it wrote it; without it, each is open."""
    if answers is None:
        return [Cell(text=texts("purpose.open"), tone="open", mark="?")] * len(QUESTIONS)
    return [str(answers[question]) for question in QUESTIONS]


# ---- 2 --------------------------------------------------------------------------------------------------------------


def _reading(source: Source, texts: Texts) -> Section:
    blocks: list[Block] = [
        Heading(texts("reading.reads")),
        Pairs(texts.pairs("reading.fields")),
        Heading(texts("reading.never")),
        Bullets(texts.lines("reading.never_items")),
        Heading(texts("reading.screened")),
        Text(texts("reading.screened_text")),
        Bullets([texts.name("screening", category) for category in source.screened]),
        *_screened_counts(source, texts),
        Heading(texts("reading.example")),
        Text(texts("reading.example_text")),
        Table(
            caption=texts("reading.example"),
            columns=texts.lines("reading.example_columns"),
            rows=[list(row) for row in texts.pairs("reading.examples")],
        ),
    ]
    return Section(id="reading", number="2", title=texts("reading.title"), blocks=blocks)


def _screened_counts(source: Source, texts: Texts) -> list[Block]:
    counts = source.facts.get("counts", {})
    if "screened" not in counts:
        return [Text(texts("reading.no_counts"))]
    read, screened = counts["read"], counts["screened"]
    return [Text(texts("reading.counts", read=texts.count(read), screened=texts.count(screened)))]


# ---- 3 --------------------------------------------------------------------------------------------------------------


def _tested(source: Source, texts: Texts) -> Section:
    data, cube = source.part("data"), source.part("cube")
    blocks: list[Block] = [Text(texts("tested.intro"))]
    blocks += [_data(data, texts)] if data else [Text(texts("words.not_measured_data"))]
    if cube:
        blocks += [Heading(texts("tested.needed")), Text(texts("tested.needed_text")), _needed(cube, source, texts)]
        blocks += [Heading(texts("tested.groups")), Text(texts("tested.groups_text")), *_groups(cube, texts)]
        blocks += [Heading(texts("tested.not_tested")), *_nobody(cube, source.taxonomy, texts)]
    else:
        blocks.append(Text(texts("words.not_measured_cube")))
    return Section(id="tested", number="3", title=texts("tested.title"), blocks=blocks)


def _data(data: Mapping[str, Any], texts: Texts) -> Table:
    rows = [
        [texts.name("data", name), _tell_datum(name, value, texts)] for name, value in data.items() if _plain(value)
    ]
    return Table(caption=texts("tested.data"), columns=texts.lines("tested.data_columns"), rows=rows)


def _plain(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _tell_datum(name: str, value: Any, texts: Texts) -> str:
    if isinstance(value, str):
        return texts.day(value) if name in ("from", "until") else value
    return texts.count(value)


def _needed(cube: Mapping[str, Any], source: Source, texts: Texts) -> Table:
    rows: list[Sequence[Cell | str]] = [
        [
            Cell(text=name_cell(fact, texts), note=texts(f"rates.{fact['rate']}.title")),
            name_other(fact, texts),
            tell_unit(fact, texts),
            tell_count(fact, "n", texts),
            _tell_needed(fact, texts),
            verdict_of(fact, texts),
        ]
        for fact in cube["primary"]
    ]
    columns = texts.lines("tested.needed_columns")
    return Table(caption=texts("tested.needed"), columns=columns, rows=rows, numeric=frozenset({3, 4}))


def _tell_needed(fact: Fact, texts: Texts) -> str:
    if fact["n_needed"] is not None:
        return texts.count(fact["n_needed"])
    return texts("units.hidden") if is_hidden(fact) else texts("units.not_to_say")


def _groups(cube: Mapping[str, Any], texts: Texts) -> list[Block]:
    """Single grounds in sight, intersections folded away."""
    people = count_customers(cube)
    if not people:
        return [Text(texts("words.not_measured_cube"))]
    tables = [
        _table_of_groups({c: n for c, n in people.items() if ("*" in c[0]) == both}, cube, texts) for both in (0, 1)
    ]
    folded = Fold(summary=texts("tested.intersections"), blocks=[tables[1]])
    return [tables[0], *([folded] if tables[1].rows else [])]


def _table_of_groups(people: Mapping[tuple[str, str], int | None], cube: Mapping[str, Any], texts: Texts) -> Table:
    recall = [f for f in cube["secondary"] if f["rate"] == "recall" and f["event"] != ALL and f["against"] == "rest"]
    rows = []
    for (ground, group), n in people.items():
        mine = [fact for fact in recall if (fact["ground"], fact["group"]) == (ground, group)]
        rated = sum(fact["point"] is not None for fact in mine)
        told = texts("units.hidden") if n is None else texts.count(n)
        rows.append([f"{name_ground(ground, texts)}: {name_group(ground, group, texts)}", told, texts.count(rated)])
    return Table(
        caption=texts("tested.groups"), columns=[texts("words.group"), *_group_columns(cube, texts)], rows=rows,
        numeric=frozenset({1, 2}), foot=texts("comparisons.hidden") if None in people.values() else "",
    )  # fmt: skip


def _group_columns(cube: Mapping[str, Any], texts: Texts) -> list[str]:
    return [texts("tested.customers"), texts("tested.events_rated", all=texts.count(len(cube["events"])))]


def _nobody(cube: Mapping[str, Any], taxonomy: Taxonomy, texts: Texts) -> list[Block]:
    items = [
        texts(
            "tested.no_group",
            ground=name_ground(ground, texts),
            n=texts("units.hidden") if n is None else texts.count(n),
        )
        for ground, n in cube["customers_of_no_group"].items()
        if n is None or n > 0
    ]
    items += [tell_coverage(reason, taxonomy, texts) for reason in cube["coverage"]]
    return [Bullets(items)] if items else [Text(texts("tested.everybody"))]
