"""Chapter 9: other ways to make the model, and what the model that anyone would build first does."""

from collections.abc import Mapping, Sequence
from typing import Any

from training.report.blocks import Block, Bullets, Cell, Fold, Heading, Section, Table, Text
from training.report.gaps import name_ground, name_group, verdict_cell
from training.report.source import Source
from training.report.texts import Texts

_FEWEST = 3


def build_alternatives(source: Source, texts: Texts) -> Section:
    """Ways compared, then the naive model."""
    rows = source.part("alternatives")
    blocks: list[Block] = [Text(texts("alternatives.intro"))]
    if rows:
        blocks += [_table_of_ways(rows, texts), Bullets(texts.lines("alternatives.notes"))]
        if len(rows) < _FEWEST:
            blocks.append(Text(texts("alternatives.too_few", n=texts.count(len(rows)))))
    else:
        blocks.append(Text(texts("alternatives.not_measured")))
    blocks += [Heading(texts("naive.title")), Text(texts("naive.intro")), *_naive(source.part("naive"), texts)]
    return Section(id="alternatives", number="9", title=texts("alternatives.title"), blocks=blocks)


# ---- ways -----------------------------------------------------------------------------------------------------------


def _table_of_ways(rows: Sequence[Mapping[str, Any]], texts: Texts) -> Table:
    told: list[Sequence[Cell | str]] = [
        [
            Cell(text=texts.name("alternatives", row["name"]), note=_groups_known(row, texts)),
            _number(row["macro_f1"], texts),
            _percent(row["recall"], texts),
            _percent(row["false_offer_rate"], texts),
            _worst_gap(row["worst_recall_gap"], texts),
            _leak(row["leakage"], texts),
            _number(row["offers"], texts),
            _number(row["offers_lost"], texts),
            Cell(text=texts("alternatives.chosen"), tone="good", mark="\u2713") if row["chosen"] else texts("words.no"),
        ]
        for row in rows
    ]
    columns, numeric = texts.lines("alternatives.columns"), frozenset(range(1, 8))
    return Table(caption=texts("alternatives.caption"), columns=columns, rows=told, numeric=numeric)


def _groups_known(row: Mapping[str, Any], texts: Texts) -> str:
    """Which groups a way had to know, for it would need them of every new training too."""
    ground = row["groups_of"]
    return texts("alternatives.groups_of", ground=name_ground(ground, texts)) if ground else ""


def _worst_gap(gap: Mapping[str, Any] | None, texts: Texts) -> Cell:
    if gap is None or gap["value"] is None:
        return Cell(text=texts("units.unknown"))
    span = texts.span(*(texts.decimal(100 * end, 1) for end in gap["interval"]))
    who = f"{name_ground(gap['ground'], texts)}: {name_group(gap['ground'], gap['group'], texts)}"
    return Cell(text=texts.decimal(100 * gap["value"], 1), note=f"{span}; {who}")


def _leak(leak: Mapping[str, Any] | None, texts: Texts) -> Cell:
    if leak is None:
        return Cell(text=texts("units.unknown"))
    span = texts.span(*(texts.decimal(end, 2) for end in leak["interval"]))
    who = f"{name_ground(leak['ground'], texts)}: {name_group(leak['ground'], leak['group'], texts)}"
    return Cell(text=texts.decimal(leak["auc"], 2), note=f"{span}; {who}")


def _number(value: float | None, texts: Texts) -> str:
    return texts("units.unknown") if value is None else texts.number(value)


def _percent(value: float | None, texts: Texts) -> str:
    return texts("units.unknown") if value is None else texts.percent(value)


# ---- the naive model ------------------------------------------------------------------------------------------------


def _naive(naive: Mapping[str, Any] | None, texts: Texts) -> list[Block]:
    if not naive or not naive["traps"]:
        return [Text(texts("naive.not_measured"))]
    blocks: list[Block] = [_table_of_traps(naive["traps"], texts)]
    if naive["rates"] is None:
        return [*blocks, Text(texts("naive.not_fitted"))]
    names, customers = naive["names"], texts.count(naive["rates"]["customers"])
    flips, pairs = (texts.count(names[name]) for name in ("flips", "pairs"))
    blocks += [Text(texts("naive.names", flips=flips, pairs=pairs)), *_stopped(naive["findings"], texts)]
    table = _table_of_rates(naive["rates"]["rows"], texts)
    summary = Fold(summary=texts("naive.rates", n=customers), blocks=[table])
    return [*blocks, *([summary] if table.rows else [])]


def _table_of_traps(traps: Sequence[Mapping[str, Any]], texts: Texts) -> Table:
    rows: list[Sequence[Cell | str]] = [
        [
            Cell(text=trap["text"][texts.language], note=texts(f"naive.{trap['measure']}")),
            _per_thousand(trap["naive"], texts),
            _per_thousand(trap["release"], texts),
        ]
        for trap in traps
    ]
    columns, numeric = texts.lines("naive.columns"), frozenset({1, 2})
    return Table(caption=texts("naive.caption"), columns=columns, rows=rows, numeric=numeric, foot=texts("naive.foot"))


def _per_thousand(figures: Mapping[str, Any] | None, texts: Texts) -> Cell:
    """Customers in the trap against others like them, and the interval of the gap."""
    if figures is None:
        return Cell(text=texts("units.unknown"))
    trapped, equal = (texts.decimal(figures["per_1000"][side], 0) for side in ("trapped", "equal"))
    low, high = (texts.decimal(end, 0) for end in figures["interval"])
    n = {side: texts.count(figures["n"][side]) for side in ("trapped", "equal")}
    return Cell(
        text=texts("naive.against", trapped=trapped, equal=equal),
        note=texts("naive.gap", span=texts.span(low, high), **n),
    )


def _stopped(findings: Sequence[Mapping[str, Any]], texts: Texts) -> list[Block]:
    """Why the gate would stop the naive model, in the words of findings."""
    if not findings:
        return [Text(texts("naive.not_stopped"))]
    rows = [[finding["reason"][texts.language], finding["gate"]] for finding in findings]
    caption = texts("naive.stopped", n=texts.count(len(rows)))
    table = Table(caption=caption, columns=texts.lines("naive.stopped_columns"), rows=rows)
    return [Fold(summary=caption, blocks=[table])]


def _table_of_rates(rows: Sequence[Mapping[str, Any]], texts: Texts) -> Table:
    told: list[Sequence[Cell | str]] = [
        [
            Cell(
                text=f"{name_ground(row['ground'], texts)}: {name_group(row['ground'], row['group'], texts)}",
                note=texts(f"rates.{row['rate']}.title"),
            ),
            name_group(row["ground"], row["other"], texts),
            *_told(row["naive"], texts),
            *_told(row["release"], texts),
        ]
        for row in rows
    ]
    columns, numeric = texts.lines("naive.rate_columns"), frozenset({2, 4})
    return Table(caption=texts("naive.rate_caption"), columns=columns, rows=told, numeric=numeric)


def _told(figures: Mapping[str, Any], texts: Texts) -> list[Cell]:
    return [_shares(figures, texts), verdict_cell(figures["verdict"], texts)]


def _shares(figures: Mapping[str, Any], texts: Texts) -> Cell:
    """The share of the group and of the others, and on how many."""
    if figures["share"] is None or figures["share_against"] is None:
        return Cell(text=texts("units.hidden") if figures["n"] is None else texts("units.no_rate"))
    group, others = (texts.percent(figures[name]) for name in ("share", "share_against"))
    counts = {"n": texts.count(figures["n"]), "other": texts.count(figures["n_against"])}
    return Cell(text=texts("naive.against", trapped=group, equal=others), note=texts("naive.numbers", **counts))
