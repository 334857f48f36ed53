"""What a picture of months shows and says: groups that the policy asks about first, and what is nearest to an alarm."""

from collections.abc import Mapping, Sequence
from typing import Any

from training.report.blocks import Plot
from training.report.gaps import name_cell
from training.report.months import MOST_LINES, Line, Panel, Words, draw_evidence, draw_ratios
from training.report.texts import Texts

_PLOTTED = ("answers", "offers", "false_answers", "missed", "complaints")
_MOST_PANELS = 4


def share_of_alarm(row: Mapping[str, Any]) -> float:
    """How near the evidence is now to what an alarm takes; 1 and above: it went off."""
    latest = float(list(row["evidence"].values())[-1])
    return (max(row["evidence"].values()) if row["alarm"] else latest) / float(row["alarm_from"])


def plot_months(question: str, rows: Sequence[Mapping[str, Any]], facts: Mapping[str, Any], texts: Texts) -> list[Plot]:
    """The ratio per month of the groups that the policy asks about first, and of groups with an alarm."""
    if question not in _PLOTTED:
        return []
    alarmed = [(one["ground"], one["group"]) for one in facts["alarms"] if one["question"] == question]
    cells = list(dict.fromkeys([*alarmed, *map(tuple, facts["first_asked"])]))[:_MOST_PANELS]
    of_cell = {cell: [row for row in rows if (row["ground"], row["group"]) == cell] for cell in cells}
    shown = {cell: mine for cell, mine in of_cell.items() if any(row["point"] for row in mine)}
    if not shown:
        return []
    title = texts("monitor.plot", title=texts(f"monitor.questions.{question}.title"))
    says = [_say(mine[-1], texts) for mine in shown.values()]
    panels = [Panel(title=name_cell(mine[0], texts), points=[_point(row) for row in mine]) for mine in shown.values()]
    words = Words(
        title=title, says=" ".join(says), axis=texts("monitor.plot_axis"), bound=texts("monitor.margin"),
        tell=lambda value: texts.decimal(value, 2),
    )  # fmt: skip
    margins = facts["margins"]
    svg = draw_ratios(
        panels, facts["months"], low=margins["low"], high=margins["high"], name=f"months-{question}", words=words
    )
    return [Plot(title=title, svg=svg, says=says)]


def _point(row: Mapping[str, Any]) -> tuple[float, float | None, float | None] | None:
    if not row["point"] or row["interval"] is None:
        return None
    return (row["point"], row["interval"][0], row["interval"][1])


def _say(row: Mapping[str, Any], texts: Texts) -> str:
    cell, month = name_cell(row, texts), texts.month(row["month"])
    if row["point"] is None or row["interval"] is None:
        return texts("monitor.plot_none", cell=cell, month=month)
    low, high = (texts("units.open_end") if end is None else texts.decimal(end, 2) for end in row["interval"])
    ratio, n = texts.decimal(row["point"], 2), texts.count(row["n"])
    return texts("monitor.plot_says", cell=cell, month=month, ratio=ratio, span=texts.span(low, high), n=n)


def plot_evidence(nearest: Sequence[Mapping[str, Any]], months: Sequence[str], texts: Texts) -> Plot:
    """The evidence of the comparisons nearest to an alarm, as a part of what an alarm takes."""
    shown = nearest[:MOST_LINES]
    says = [
        texts(
            "monitor.evidence_says", cell=name_cell(row, texts), side=texts(f"monitor.{row['side']}"),
            title=_question(row, texts),
            share=texts.percent(max(share_of_alarm(row), 0.0), 0),
        )
        for row in shown
    ]  # fmt: skip
    lines = [
        Line(
            title=f"{name_cell(row, texts)} ({_question(row, texts)})",
            values=[None if (e := row["evidence"].get(month)) is None else e / row["alarm_from"] for month in months],
        )
        for row in shown
    ]
    words = Words(
        title=texts("monitor.evidence_plot"), says=" ".join(says), axis=texts("monitor.evidence_axis"),
        bound=texts("monitor.alarm_line"), tell=str,
    )  # fmt: skip
    svg = draw_evidence(lines, months, name="evidence-plot", words=words)
    return Plot(title=texts("monitor.evidence_plot"), svg=svg, says=says)


def _question(row: Mapping[str, Any], texts: Texts) -> str:
    return texts(f"monitor.questions.{row['question']}.title")
