"""Chapters 8 to 12: permission, alternatives, time, limits, and what the board decides."""

from collections.abc import Mapping, Sequence
from typing import Any

from models.waivers import SIGNERS_NEEDED, Waiver
from training.report.blocks import Block, Bullets, Cell, Heading, Section, Table, Text
from training.report.decision import list_unknown, table_of_signers
from training.report.gaps import name_ground, name_group
from training.report.monitoring import build_latest
from training.report.source import Source
from training.report.texts import Texts

_FEWEST_ALTERNATIVES = 3


def build_governance(source: Source, texts: Texts) -> list[Section]:
    """Permission, alternatives, over time, limits, conditions."""
    return [
        _permission(source, texts),
        _alternatives(source, texts),
        _over_time(source, texts),
        _limits(source, texts),
        _conditions(source, texts),
    ]


# ---- 8 --------------------------------------------------------------------------------------------------------------


def _permission(source: Source, texts: Texts) -> Section:
    rows = source.part("permission_by_group")
    blocks: list[Block] = [Text(texts("permission.intro"))]
    blocks.append(_table_of_permission(rows, texts) if rows else Text(texts("permission.not_measured")))
    return Section(id="permission", number="8", title=texts("permission.title"), blocks=blocks)


def _table_of_permission(rows: Sequence[Mapping[str, Any]], texts: Texts) -> Table:
    told: list[Sequence[Cell | str]] = [
        [
            f"{name_ground(row['ground'], texts)}: {name_group(row['ground'], row['group'], texts)}",
            texts("units.hidden") if row["n"] is None else texts.count(row["n"]),
            _allowed(row, texts),
            _share(row, row["objected_share"], texts),
        ]
        for row in rows
    ]
    hidden = texts("comparisons.hidden") if any(row["n"] is None for row in rows) else ""
    return Table(
        caption=texts("permission.caption"), columns=texts.lines("permission.columns"), rows=told,
        numeric=frozenset({1, 2, 3}), foot=hidden,
    )  # fmt: skip


def _allowed(row: Mapping[str, Any], texts: Texts) -> Cell:
    interval = row.get("interval")
    told = _share(row, row["allowed_share"], texts)
    if interval is None or row["allowed_share"] is None:
        return Cell(text=told)
    return Cell(text=told, note=texts.span(*(texts.percent(end) for end in interval)))


def _share(row: Mapping[str, Any], value: float | None, texts: Texts) -> str:
    if value is None:
        return texts("units.hidden") if row["n"] is None else texts("units.no_rate")
    return texts.percent(value)


# ---- 9 --------------------------------------------------------------------------------------------------------------


def _alternatives(source: Source, texts: Texts) -> Section:
    rows = source.part("alternatives")
    blocks: list[Block] = [Text(texts("alternatives.intro"))]
    if rows:
        blocks.append(_table_of_alternatives(rows, texts))
        if len(rows) < _FEWEST_ALTERNATIVES:
            blocks.append(Text(texts("alternatives.too_few", n=texts.count(len(rows)))))
    else:
        blocks.append(Text(texts("alternatives.not_measured")))
    blocks += [Heading(texts("naive.title")), Text(texts("naive.intro"))]
    naive = source.part("naive")
    blocks.append(
        _table_of_traps(naive["traps"], texts) if naive and naive["traps"] else Text(texts("naive.not_measured"))
    )
    return Section(id="alternatives", number="9", title=texts("alternatives.title"), blocks=blocks)


def _table_of_alternatives(rows: Sequence[Mapping[str, Any]], texts: Texts) -> Table:
    told: list[Sequence[Cell | str]] = [
        [
            Cell(text=texts.name("alternatives", row["name"]), note=(row.get("note") or {}).get(texts.language, "")),
            _number(row["macro_f1"], texts),
            _worst_gap(row["worst_recall_gap"], texts),
            _number(row["offers"], texts),
            _number(row["offers_lost"], texts),
            Cell(text=texts("alternatives.chosen"), tone="good", mark="\u2713") if row["chosen"] else texts("words.no"),
        ]
        for row in rows
    ]
    columns, numeric = texts.lines("alternatives.columns"), frozenset({1, 2, 3, 4})
    return Table(caption=texts("alternatives.caption"), columns=columns, rows=told, numeric=numeric)


def _worst_gap(gap: Mapping[str, Any] | None, texts: Texts) -> Cell:
    if gap is None or gap["value"] is None:
        return Cell(text=texts("units.unknown"))
    who = f"{name_ground(gap['ground'], texts)}: {name_group(gap['ground'], gap['group'], texts)}"
    return Cell(text=texts.decimal(100 * gap["value"], 1), note=who)


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


def _per_thousand(figures: Mapping[str, Any], texts: Texts) -> Cell:
    """Customers in the trap against others like them, and the interval of the gap."""
    trapped, equal = (texts.decimal(figures["per_1000"][side], 0) for side in ("trapped", "equal"))
    low, high = (texts.decimal(end, 0) for end in figures["interval"])
    n = {side: texts.count(figures["n"][side]) for side in ("trapped", "equal")}
    return Cell(
        text=texts("naive.against", trapped=trapped, equal=equal),
        note=texts("naive.gap", span=texts.span(low, high), **n),
    )


def _number(value: float | None, texts: Texts) -> str:
    return texts("units.unknown") if value is None else texts.number(value)


# ---- 10 and 11 ------------------------------------------------------------------------------------------------------


def _over_time(source: Source, texts: Texts) -> Section:
    blocks: list[Block] = [Text(texts("over_time.intro"))]
    if source.monitored is None:
        blocks.append(Text(texts("over_time.not_measured")))
    else:
        blocks += build_latest(source.monitored, source.candidate_id, source.taxonomy, texts)
    blocks += [Heading(texts("over_time.changes")), Text(texts("over_time.changes_text"))]
    return Section(id="over-time", number="10", title=texts("over_time.title"), blocks=blocks)


def _limits(source: Source, texts: Texts) -> Section:
    blocks: list[Block] = [Text(texts("limits.intro")), Bullets(texts.lines("limits.items"))]
    blocks += [Heading(texts("decision.not_known")), Bullets(list_unknown(source, texts))]
    return Section(id="limits", number="11", title=texts("limits.title"), blocks=blocks)


# ---- 12 -------------------------------------------------------------------------------------------------------------


def _conditions(source: Source, texts: Texts) -> Section:
    blocks: list[Block] = [Heading(texts("conditions.must")), Bullets(texts.lines("conditions.items"))]
    blocks += [Heading(texts("conditions.waivers")), Text(texts("conditions.waivers_text", n=source.terms.most_days))]
    blocks += [_waivers(source, texts)] if source.waivers else [Text(texts("conditions.no_waivers"))]
    blocks += [Heading(texts("conditions.dissent")), *_dissent(source, texts)]
    blocks += [Heading(texts("decision.who_signs")), table_of_signers(source, texts)]
    return Section(id="conditions", number="12", title=texts("conditions.title"), blocks=blocks)


def _waivers(source: Source, texts: Texts) -> Table:
    rows: list[Sequence[Cell | str]] = [
        [
            Cell(text=waiver.finding, code=True),
            _state(waiver, source, texts),
            texts.day(waiver.until.isoformat()),
            "; ".join(f"{texts.name('roles', s.role)}: {s.person}" for s in waiver.signatures),
            "; ".join(s.reason for s in waiver.signatures),
        ]
        for waiver in source.waivers
    ]
    columns = texts.lines("conditions.waiver_columns")
    return Table(caption=texts("conditions.waivers"), columns=columns, rows=rows)


def _state(waiver: Waiver, source: Source, texts: Texts) -> Cell:
    if waiver.finding in source.waived and source.waived[waiver.finding] == waiver:
        return Cell(text=texts("conditions.in_force"), tone="good", mark="\u2713")
    if len(waiver.signatures) < SIGNERS_NEEDED:
        return Cell(text=texts("conditions.half_signed"), tone="open", mark="?")
    return Cell(text=texts("conditions.over"), tone="bad", mark="\u2715")


def _dissent(source: Source, texts: Texts) -> list[Block]:
    """Every refusal ever signed about this candidate, also one that was followed by an approval."""
    refused = [one for one in source.decisions if one.decision == "refuse"]
    if not refused:
        return [Text(texts("conditions.no_dissent"))]
    rows = [[texts.name("roles", one.role), one.person, texts.day(one.signed_at), one.reason] for one in refused]
    columns = texts.lines("conditions.dissent_columns")
    return [Table(caption=texts("conditions.dissent"), columns=columns, rows=rows)]
