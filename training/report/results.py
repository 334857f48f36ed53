"""Chapters 4 to 7: direct and indirect distinction, harm, calibration and leakage."""

from collections.abc import Mapping, Sequence
from typing import Any

from models.findings import Finding
from training.fairness.verdicts import EXCEEDED
from training.report.blocks import Block, Cell, Fold, Heading, Plot, Section, Table, Text
from training.report.comparisons import list_questions, show_question, table_of_verdicts
from training.report.decision import table_of_findings
from training.report.forest import Axis, Row, draw_forest
from training.report.gaps import name_event, name_ground, name_group, verdict_cell
from training.report.source import Source
from training.report.texts import Texts

_OTHER_CHAPTER = ("calibration",)  # shown in chapter 7
_GATED = "scores_given_event"


def build_results(source: Source, texts: Texts) -> list[Section]:
    """Swaps, gaps, harm, calibration and leakage."""
    return [_direct(source, texts), _indirect(source, texts), _harm(source, texts), _calibration(source, texts)]


# ---- 4 --------------------------------------------------------------------------------------------------------------


def _direct(source: Source, texts: Texts) -> Section:
    swaps = source.part("swaps")
    blocks: list[Block] = [Text(line) for line in texts.lines("direct.intro")]
    if not swaps or not swaps["kinds"]:
        blocks.append(Text(texts("direct.not_measured")))
    else:
        blocks.append(_table_of_swaps(swaps, source, texts))
        blocks += _examples(swaps, source, texts)
    return Section(id="direct", number="4", title=texts("direct.title"), blocks=blocks)


def _table_of_swaps(swaps: Mapping[str, Any], source: Source, texts: Texts) -> Table:
    rows: list[Sequence[Cell | str]] = [
        [
            Cell(text=texts.name("swaps", kind["kind"]), note=texts.name("origins", kind["origin"])),
            texts.count(kind["pairs"]),
            texts.count(kind["flips"]),
            texts.count(kind["score_changes"]),
            _number(kind["largest_score_change"], texts),
            _percent(kind["upper"], texts, digits=2),
            _verdict_of_swap(kind, texts),
        ]
        for kind in swaps["kinds"]
    ]
    gates = source.rules.get("gates", {})
    foot = texts(
        "direct.foot",
        pairs=texts.count(gates.get("name_pairs", 0)),
        rate=texts.percent(gates.get("proxy_flip_rate", 0.0), 2),
    )
    columns = texts.lines("direct.columns")
    numeric = frozenset({1, 2, 3, 4, 5})
    return Table(caption=texts("direct.caption"), columns=columns, rows=rows, numeric=numeric, foot=foot)


def _verdict_of_swap(kind: Mapping[str, Any], texts: Texts) -> Cell | str:
    if kind["placebo"]:
        return texts("direct.placebo")
    return verdict_cell(kind["verdict"], texts, "" if kind["gated"] else texts("direct.not_gated"))


def _examples(swaps: Mapping[str, Any], source: Source, texts: Texts) -> list[Block]:
    examples = swaps.get("examples") or []
    if not examples:
        return [Text(texts("direct.no_examples"))]
    rows: list[Sequence[Cell | str]] = [
        [
            Cell(text=texts.name("swaps", one["kind"]), note=texts.name("origins", one["origin"])),
            name_event(one["event"], source.taxonomy, texts) if one["event"] else texts("words.none"),
            str(one["before"]),
            str(one["after"]),
        ]
        for one in examples
    ]
    columns = texts.lines("direct.example_columns")
    return [Table(caption=texts("direct.examples"), columns=columns, rows=rows, foot=texts("direct.synthetic"))]


def _number(value: float | None, texts: Texts) -> str:
    return texts("units.unknown") if value is None else texts.number(value)


def _percent(value: float | None, texts: Texts, *, digits: int = 1) -> str:
    return texts("units.unknown") if value is None else texts.percent(value, digits)


# ---- 5 and 6 --------------------------------------------------------------------------------------------------------


def _indirect(source: Source, texts: Texts) -> Section:
    cube = source.part("cube")
    blocks: list[Block] = [Text(line) for line in texts.lines("indirect.intro")]
    blocks += [_three_words(texts)]
    if not cube:
        blocks.append(Text(texts("words.not_measured_cube")))
        return Section(id="indirect", number="5", title=texts("indirect.title"), blocks=blocks)
    primary = list_questions(cube["primary"], prefix="primary")
    secondary = list_questions(cube["secondary"], prefix="secondary")
    blocks += [Heading(texts("indirect.overview")), Text(texts("indirect.overview_text"))]
    blocks.append(table_of_verdicts([*primary, *secondary], texts, caption=texts("indirect.overview")))
    blocks += _exceeded(source, texts)
    for question in (*primary, *secondary):
        if question.first["rate"] not in _OTHER_CHAPTER:
            blocks += show_question(question, source.taxonomy, texts)
    return Section(id="indirect", number="5", title=texts("indirect.title"), blocks=blocks)


def _three_words(texts: Texts) -> Table:
    rows: list[Sequence[Cell | str]] = [
        [verdict_cell(verdict, texts), meaning] for verdict, meaning in texts.pairs("indirect.words")
    ]
    return Table(caption=texts("indirect.words_caption"), columns=texts.lines("indirect.words_columns"), rows=rows)


def _exceeded(source: Source, texts: Texts) -> list[Block]:
    found: list[Finding] = [one for one in source.findings if one.verdict == EXCEEDED]
    if not found:
        return [Text(texts("indirect.none_exceeded"))]
    table = table_of_findings(found, texts, caption=texts("indirect.exceeded", n=texts.count(len(found))))
    return [Fold(summary=table.caption, blocks=[table])]


def _harm(source: Source, texts: Texts) -> Section:
    blocks: list[Block] = [Text(line) for line in texts.lines("harm.intro")]
    blocks.append(_weights(source, texts))
    cube = source.part("cube")
    if cube and cube["harm"]:
        for question in list_questions(cube["harm"], prefix="harm"):
            blocks += show_question(question, source.taxonomy, texts)
    else:
        blocks.append(Text(texts("harm.not_measured")))
    return Section(id="harm", number="6", title=texts("harm.title"), blocks=blocks)


def _weights(source: Source, texts: Texts) -> Table:
    weights = [
        (event, kind, weight)
        for kind, table in source.rules.get("harm", {}).items()
        if isinstance(table, Mapping)
        for event, weight in table.items()
    ]
    weights.sort(key=lambda one: -one[2])
    rows = [
        [name_event(event, source.taxonomy, texts), texts(f"purpose.class.{kind}"), texts.number(weight)]
        for event, kind, weight in weights
    ]
    columns = texts.lines("harm.columns")
    return Table(caption=texts("harm.weights"), columns=columns, rows=rows, numeric=frozenset({2}))


# ---- 7 --------------------------------------------------------------------------------------------------------------


def _calibration(source: Source, texts: Texts) -> Section:
    cube, leakage = source.part("cube"), source.part("leakage")
    blocks: list[Block] = [Text(texts("calibration.intro"))]
    asked = [f for f in (cube or {}).get("secondary", []) if f["rate"] in _OTHER_CHAPTER]
    for question in list_questions(asked, prefix="secondary"):
        blocks += show_question(question, source.taxonomy, texts)
    if not asked:
        blocks.append(Text(texts("calibration.not_measured")))
    blocks += [Heading(texts("leakage.title")), *(Text(line) for line in texts.lines("leakage.intro"))]
    if leakage and leakage["rows"]:
        blocks += _leakage(leakage["rows"], source, texts)
    else:
        blocks.append(Text(texts("leakage.not_measured")))
    blocks += [Heading(texts("clusters.title")), *_clusters(source, texts)]
    return Section(id="calibration", number="7", title=texts("calibration.title"), blocks=blocks)


def _leakage(rows: Sequence[Mapping[str, Any]], source: Source, texts: Texts) -> list[Block]:
    limit = float(source.rules.get("gates", {}).get("leakage_auc", 0.60))
    gated = [row for row in rows if row["gated"]]
    drawn = [row for row in gated if row["interval"] is not None and row["auc"] is not None]
    large = [row for row in drawn if row["reason"] is None]
    blocks: list[Block] = []
    if drawn:
        says = [
            texts("leakage.counts", n=texts.count(len(large)), limit=texts.decimal(limit, 2)),
            texts("leakage.few", n=texts.count(len(gated) - len(large))),
        ]
        if large:
            worst = max(large, key=lambda row: row["interval"][1])
            told = texts(
                "leakage.worst", group=_group_of(worst, texts), auc=texts.decimal(worst["auc"], 3),
                upper=texts.decimal(worst["interval"][1], 3), n=_count(worst["n"], texts),
            )  # fmt: skip
            says.insert(1, told)
        title = texts("leakage.plot")
        blocks.append(Plot(title=title, svg=_draw_leakage(drawn, limit, says, texts, title=title), says=says))
    blocks.append(_table_of_leakage(rows, texts))
    return blocks


def _draw_leakage(
    rows: Sequence[Mapping[str, Any]], limit: float, says: Sequence[str], texts: Texts, *, title: str
) -> Any:
    lines = [
        Row(
            label=_group_of(row, texts), point=row["auc"], low=row["interval"][0], high=row["interval"][1],
            verdict=row["verdict"], told=f"{texts.decimal(row['auc'], 2)}  ({_span(row, texts)})",
        )
        for row in rows
    ]  # fmt: skip
    axis = Axis(
        name=texts("leakage.axis"), equal=0.5, low=None, high=limit, ratio=False, margin_name=texts("axis.margin"),
        tell=lambda value: texts.decimal(value, 2),
    )  # fmt: skip
    return draw_forest(lines, axis, name="leakage", title=title, says=" ".join(says))


def _table_of_leakage(rows: Sequence[Mapping[str, Any]], texts: Texts) -> Table:
    told: list[Sequence[Cell | str]] = [
        [
            Cell(text=_group_of(row, texts), note=texts.name("leakage", row["what"])),
            texts("words.on") if row["screening"] else texts("words.off"),
            _count(row["n"], texts),
            _count(row["n_against"], texts),
            _auc(row, texts),
            verdict_cell(row["verdict"], texts, "" if row["gated"] else texts("direct.not_gated")),
        ]
        for row in rows
    ]
    columns, numeric = texts.lines("leakage.columns"), frozenset({2, 3, 4})
    return Table(caption=texts("leakage.caption"), columns=columns, rows=told, numeric=numeric)


def _auc(row: Mapping[str, Any], texts: Texts) -> Cell:
    if row["auc"] is None:
        return Cell(text=texts("units.hidden") if row["n"] is None else texts("units.no_rate"))
    note = "" if row["interval"] is None else _span(row, texts)
    return Cell(text=texts.decimal(row["auc"], 3), note=note)


def _span(row: Mapping[str, Any], texts: Texts) -> str:
    low, high = row["interval"]
    return texts.span(texts.decimal(low, 2), texts.decimal(high, 2))


def _group_of(row: Mapping[str, Any], texts: Texts) -> str:
    return f"{name_ground(row['ground'], texts)}: {name_group(row['ground'], row['group'], texts)}"


def _count(value: int | None, texts: Texts) -> str:
    return texts("units.hidden") if value is None else texts.count(value)


def _clusters(source: Source, texts: Texts) -> list[Block]:
    """Where errors gather without anybody's group: questions to experts, no findings."""
    told = source.part("clusters")
    if not told or not told["rows"]:
        return [Text(texts("clusters.not_measured"))]
    rows: list[Sequence[Cell | str]] = [
        [
            ", ".join(_tell_apart(one, texts) for one in row["apart"]), texts.count(row["customers"]),
            texts.count(row["n"]), texts.percent(row["share"]), texts.percent(row["share_against"]),
            Cell(
                text=texts.decimal(100 * row["difference"], 1),
                note=texts.span(*(texts.decimal(100 * end, 1) for end in row["interval"])),
            ),
            texts("clusters.look" if row["signal"] else "clusters.chance"),
        ]
        for row in told["rows"] if row["interval"] is not None
    ]  # fmt: skip
    table = Table(
        caption=texts("clusters.caption"), columns=texts.lines("clusters.columns"), rows=rows,
        numeric=frozenset({1, 2, 3, 4, 5}),
    )  # fmt: skip
    return [*(Text(line) for line in texts.lines("clusters.intro")), table]


def _tell_apart(one: Mapping[str, Any], texts: Texts) -> str:
    much = texts("clusters.more" if one["by"] > 0 else "clusters.less")
    return f"{much} {texts.name('features', one['feature'])}"
