"""Pictures of months: a ratio with its interval and the margin, and how near the evidence is to an alarm.

Lines differ in dash and marker as well as in colour, and what they show stands in text and in a table beside them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

from markupsafe import Markup

from training.report.forest import BAD, GOOD, INK, OPEN, QUIET, SAFE, as_inline

_WIDTH, _PANEL, _LINES = 9.0, 2.1, 3.4  # inches
_SIZE = 10.5
_RATIO_MARKS = (0.05, 0.1, 0.2, 0.5, 0.8, 1.0, 1.25, 2.0, 5.0, 10.0, 20.0)
_LOOKS = (("o", "-", INK), ("s", "--", BAD), ("D", ":", GOOD), ("^", "-.", OPEN), ("v", (0, (5, 1, 1, 1)), QUIET))
MOST_LINES = len(_LOOKS)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One group over the months: ratio, low and high end of each month; None where there is no number."""

    title: str
    points: Sequence[tuple[float, float | None, float | None] | None]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One comparison's evidence over the months, from 0 to 1 (the alarm); months before it was watched are None."""

    title: str
    values: Sequence[float | None]


@dataclass(frozen=True, kw_only=True)
class Words:
    """What stands in and behind a picture."""

    title: str
    says: str
    axis: str
    bound: str
    tell: Callable[[float], str]


def draw_ratios(
    panels: Sequence[Panel], months: Sequence[str], *, low: float, high: float, name: str, words: Words
) -> Markup:
    """A panel per group, one below the other, with the margin shaded."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "font.size": _SIZE}):
        figure = Figure(figsize=(_WIDTH, _PANEL * len(panels) + 0.3), layout="constrained")
        axes = figure.subplots(len(panels), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for place, panel in zip(axes, panels, strict=True):
            _draw_panel(place, panel, low, high, words)
        _mark_months(axes[-1], months)
        axes[0].text(1.0, high, words.bound, color=GOOD, ha="right", va="bottom", fontsize=_SIZE - 1.5,
                     transform=axes[0].get_yaxis_transform())  # fmt: skip
        return _save(figure, name, words)


def _draw_panel(axes: Any, panel: Panel, low: float, high: float, words: Words) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(FixedLocator(_RATIO_MARKS))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words.tell(value)))
    axes.axhspan(low, high, color=SAFE, zorder=0, linewidth=0)
    axes.axhline(1.0, color=QUIET, linewidth=1, zorder=1)
    for place, known in enumerate(panel.points):
        if known is None:
            continue
        ratio, start, end = known
        first, last = max(start or 0.05, 0.05), min(end or 20.0, 20.0)
        marker, colour, fill = _look(first, last, low, high)
        axes.plot([place, place], [first, last], color=INK, linewidth=1.6)
        point = min(max(ratio, 0.05), 20.0)
        axes.plot(place, point, marker=marker, color=colour, markerfacecolor=fill, markersize=7)
    axes.set_title(panel.title, loc="left", fontsize=_SIZE, color=INK)
    axes.set_ylabel(words.axis, color=INK)
    _undress(axes)


def _look(first: float, last: float, low: float, high: float) -> tuple[str, str, str]:
    """Whole interval inside the margin, outside, or neither: shape, colour and fill as in the forest plots."""
    if low <= first and last <= high:
        return "o", GOOD, GOOD
    return ("s", BAD, BAD) if last < low or first > high else ("D", OPEN, "#ffffff")


def draw_evidence(lines: Sequence[Line], months: Sequence[str], *, name: str, words: Words) -> Markup:
    """At most five lines that rise towards the alarm."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "font.size": _SIZE}):
        figure = Figure(figsize=(_WIDTH, _LINES + 0.26 * len(lines)), layout="constrained")
        axes = figure.subplots()
        for line, (marker, dashes, colour) in zip(lines, _LOOKS, strict=False):
            shown = [
                (at, 100 * min(max(value, -0.2), 1.2)) for at, value in enumerate(line.values) if value is not None
            ]
            axes.plot(
                [at for at, _ in shown], [value for _, value in shown], marker=marker, linestyle=dashes, color=colour,
                label=line.title.replace("$", r"\$"), clip_on=False,
            )  # fmt: skip
        axes.axhline(100, color=BAD, linewidth=1.3, linestyle=(0, (5, 3)))
        axes.text(0, 101, words.bound, color=BAD, va="bottom", fontsize=_SIZE - 1.5)
        axes.set_ylim(-24, 124)
        axes.set_ylabel(words.axis, color=INK)
        _mark_months(axes, months)
        _undress(axes)
        figure.legend(loc="outside lower left", frameon=False, fontsize=_SIZE - 1)
        return _save(figure, name, words)


def _mark_months(axes: Any, months: Sequence[str]) -> None:
    step = max(1, -(-len(months) // 12))
    axes.set_xticks(range(0, len(months), step), list(months)[::step])
    axes.set_xlim(-0.4, len(months) - 0.6)


def _undress(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(QUIET)
    axes.tick_params(colors=OPEN)


def _save(figure: Any, name: str, words: Words) -> Markup:
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None}, transparent=True)
    return as_inline(text.getvalue(), name=name, title=words.title, says=words.says)
