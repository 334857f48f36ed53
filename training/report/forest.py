"""Forest plots: per comparison a point and its interval, with the margin of the policy drawn. Pictures, no arithmetic.

Verdicts differ in shape and in fill as well as in colour. What a plot shows stands in text and in a table beside it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

from lxml import etree
from markupsafe import Markup

from training.fairness.verdicts import ESTABLISHED, EXCEEDED, NOT_ESTABLISHED

GOOD, BAD, OPEN, INK, QUIET, SAFE = "#1b6e4b", "#a62b1f", "#5b5f66", "#1c1f23", "#8a8f98", "#e9f2ee"
_SHAPES = {ESTABLISHED: ("o", GOOD, GOOD), EXCEEDED: ("s", BAD, BAD), NOT_ESTABLISHED: ("D", OPEN, "#ffffff")}
_WIDTH, _ROW, _LINE, _ABOVE, _BELOW = 9.0, 0.30, 0.13, 0.35, 0.75  # inches
_LETTER, _MOST_LEFT, _RIGHT = 0.083, 4.2, 2.15  # width of a letter, room for names, room for numbers
_SIZE = 10.5
_RATIO_MARKS = (0.05, 0.1, 0.2, 0.5, 0.8, 1.0, 1.25, 2.0, 5.0, 10.0, 20.0)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a plot; an open end of the interval is None."""

    label: str
    point: float
    low: float | None
    high: float | None
    verdict: str
    told: str


@dataclass(frozen=True, kw_only=True)
class Axis:
    """The scale: its name, where equal lies (None: nowhere), the margin, and whether ratios are drawn as such."""

    name: str
    equal: float | None
    low: float | None
    high: float | None
    ratio: bool
    margin_name: str
    tell: Callable[[float], str]


def draw_forest(rows: Sequence[Row], axis: Axis, *, name: str, title: str, says: str) -> Markup:
    """An SVG of the rows from top to bottom, fit to stand inside HTML.

    Parameters
    ----------
    name
        Prefix of every id inside, unique in the page.
    title, says
        Read to whoever does not see the picture.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "font.size": _SIZE}):
        tall = _ROW + _LINE * max(row.label.count("\n") for row in rows)
        height = _ABOVE + _BELOW + tall * len(rows)
        figure = Figure(figsize=(_WIDTH, height))
        axes = figure.subplots()
        left, right = _limits(rows, axis)
        _draw_margin(axes, axis, left, right, rows=len(rows))
        for place, row in enumerate(rows):
            _draw_row(axes, row, place, left, right)
        _dress(axes, rows, axis, left, right)
        longest = max(len(line) for row in rows for line in row.label.split("\n"))
        figure.subplots_adjust(
            left=min(_MOST_LEFT, _LETTER * longest + 0.25) / _WIDTH, right=1 - _RIGHT / _WIDTH,
            top=1 - _ABOVE / height, bottom=_BELOW / height,
        )  # fmt: skip
        text = StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None}, transparent=True)
    return as_inline(text.getvalue(), name=name, title=title, says=says)


def _limits(rows: Sequence[Row], axis: Axis) -> tuple[float, float]:
    """What is in view: the margin and the points, and of wild intervals not much more."""
    inside = [value for value in (axis.low, axis.high, axis.equal) if value is not None]
    inside += [row.point for row in rows]
    ends = [end for row in rows for end in (row.low, row.high) if end is not None]
    if axis.ratio:
        low, high = max(min(value for value in inside if value > 0), 0.05), min(max(inside), 20.0)
        reach = max(high / low, 1.2) ** 0.6
        return max(low / reach, min([*ends, *inside]) / 1.05, 0.02), min(high * reach, max([*ends, *inside]) * 1.05)
    room = max(max(inside) - min(inside), 1e-3)
    low = max(min(inside) - 0.6 * room, min([*ends, *inside]) - 0.05 * room)
    return low, min(max(inside) + 0.6 * room, max([*ends, *inside]) + 0.05 * room)


def _draw_margin(axes: Any, axis: Axis, left: float, right: float, *, rows: int) -> None:
    start, end = (left if axis.low is None else axis.low), (right if axis.high is None else axis.high)
    axes.axvspan(start, end, color=SAFE, zorder=0, linewidth=0)
    for bound in (axis.low, axis.high):
        if bound is not None:
            axes.axvline(bound, color=GOOD, linewidth=1.3, linestyle=(0, (5, 3)), zorder=1)
    if axis.equal is not None:
        axes.axvline(axis.equal, color=QUIET, linewidth=1, zorder=1)
    bound = axis.low if axis.low is not None else axis.high
    if bound is not None:
        axes.text(bound, -0.75, axis.margin_name, color=GOOD, ha="center", va="bottom", fontsize=_SIZE - 1.5)
    axes.set_ylim(rows - 0.4, -0.7)


def _draw_row(axes: Any, row: Row, place: int, left: float, right: float) -> None:
    shape, colour, fill = _SHAPES[row.verdict]
    low, high = (left if row.low is None else row.low), (right if row.high is None else row.high)
    axes.plot([max(low, left), min(high, right)], [place, place], color=colour, linewidth=2, solid_capstyle="butt")
    for end, sign, cut in ((left, "<", low < left or row.low is None), (right, ">", high > right or row.high is None)):
        if cut:
            axes.plot(end, place, marker=sign, color=colour, markersize=6, clip_on=False)
    point = min(max(row.point, left), right)
    axes.plot(point, place, marker=shape, color=colour, markerfacecolor=fill, markersize=7, markeredgewidth=1.6)
    axes.text(1.02, place, row.told, transform=axes.get_yaxis_transform(), va="center", color=INK)


def _dress(axes: Any, rows: Sequence[Row], axis: Axis, left: float, right: float) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(QUIET)
    if axis.ratio:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(_RATIO_MARKS))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: axis.tell(value)))
    axes.set_xlim(left, right)
    axes.set_yticks(range(len(rows)), [row.label.replace("$", r"\$") for row in rows], color=INK)
    axes.tick_params(axis="y", length=0, pad=8)
    axes.tick_params(axis="x", colors=OPEN)
    axes.set_xlabel(axis.name, color=INK)


def as_inline(text: str, *, name: str, title: str, says: str) -> Markup:
    """Matplotlib's file as an element of a page: named for readers, ids of its own, no namespaces, no style sheet."""
    root = etree.fromstring(text.encode(), etree.XMLParser(resolve_entities=False, remove_comments=True))
    for element in list(root.iter()):
        local = etree.QName(element).localname
        if local in ("metadata", "style"):
            element.getparent().remove(element)
            continue
        element.tag = local
        for attribute, value in list(element.attrib.items()):
            del element.attrib[attribute]
            value = value.replace("url(#", f"url(#{name}-")
            plain = etree.QName(attribute).localname
            if plain == "id":
                value = f"{name}-{value}"
            elif plain == "href":
                value = f"#{name}-{value.removeprefix('#')}"
            element.set(plain, value)
    for attribute in ("width", "height", "version", "id"):
        root.attrib.pop(attribute, None)
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-desc")
    for place, (tag, said) in enumerate((("title", title), ("desc", says))):
        element = etree.Element(tag, id=f"{name}-{tag}")
        element.text = said
        root.insert(place, element)
    etree.cleanup_namespaces(root)
    return Markup(etree.tostring(root, encoding="unicode", method="html"))  # noqa: S704 - lxml escaped every text
