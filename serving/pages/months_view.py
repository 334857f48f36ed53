"""The months after a release as pictures: per question and group a small chart of its rate against that of others.

The facts are those of `levensloop monitor`; what they hide stays hidden, so a line has gaps. Each chart has its figures
in a table beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

from models.canonical import read_json
from models.errors import UsageError
from models.home import Home

WIDTH, HEIGHT = 220, 96
_LEFT, _RIGHT, _TOP, _BOTTOM = 6, 214, 8, 88
_LEAST_HIGH = 2.0  # the axis reaches at least this ratio, and one over it


@dataclass(frozen=True, slots=True)
class Point:
    """One month of a group: its place in the chart, None where the figure is hidden, and its figures."""

    month: str
    x: float
    y: float | None
    ratio: float | None
    share: float | None
    share_against: float | None
    n: int | None


@dataclass(frozen=True, slots=True)
class Chart:
    """A group's ratio to all others over the months: 1 is the same rate; `lines` are runs without a gap."""

    ground: str
    group: str
    points: tuple[Point, ...]
    lines: tuple[str, ...]
    alarm: str  # the month of an alarm, empty without one
    one_y: float
    band: tuple[float, float] | None  # top and bottom of what is no alarm


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the monitoring with a chart per group; None: it could not be asked."""

    name: str
    charts: tuple[Chart, ...] | None


@dataclass(frozen=True)
class Months:
    """The facts of the months after a release."""

    release: str
    months: tuple[str, ...]
    customers: int
    created_at: str
    alarms: Sequence[Mapping[str, Any]]
    questions: tuple[Question, ...]
    drift: Sequence[Mapping[str, Any]]
    names: Mapping[str, Any]  # of grounds and their groups, by language; ids stand in where there are none

    def ground(self, ground: str, language: str) -> str:
        """What a ground is called."""
        return str(self._named(ground, language).get("name", _plain(ground)))

    def group(self, ground: str, group: str, language: str) -> str:
        """What a group of a ground is called."""
        return str(self._named(ground, language).get("groups", {}).get(group, _plain(group)))

    def _named(self, ground: str, language: str) -> Mapping[str, Any]:
        named: Mapping[str, Any] = self.names.get(language, {}).get(ground, {})
        return named


def _plain(code: str) -> str:
    return code.replace("_", " ").replace("*", ", ")


def read_months(home: Home, release_id: str) -> Months | None:
    """The facts of a release; None when nobody monitored it yet.

    Raises
    ------
    IntegrityError, UsageError
        They are not of their form.
    """
    try:
        facts = read_json(home.monitoring / f"{release_id}.json", dict)
    except FileNotFoundError:
        return None
    try:
        alarms = {(one["question"], one["ground"], one["group"]): str(one["month"]) for one in facts["alarms"]}
        questions = [_question(name, rows, facts, alarms) for name, rows in facts["rates"].items()]
        return Months(
            str(facts["release"]), tuple(facts["months"]), int(facts["customers"]), str(facts["created_at"]),
            facts["alarms"], tuple(questions), facts.get("drift") or (), facts.get("names") or {},
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError("The facts of the months are not of their form. Run `levensloop monitor` again.") from error


def _question(
    name: str, rows: Sequence[Mapping[str, Any]] | None, facts: Mapping[str, Any], alarms: Mapping[Any, str]
) -> Question:
    if rows is None:
        return Question(name, None)
    cells: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        cells.setdefault((row["ground"], row["group"]), []).append(row)
    charts = [_chart(cell, mine, facts, alarms.get((name, *cell), "")) for cell, mine in cells.items()]
    return Question(name, tuple(charts))


def _chart(cell: tuple[str, str], rows: Sequence[Mapping[str, Any]], facts: Mapping[str, Any], alarm: str) -> Chart:
    months, margins = list(facts["months"]), facts["margins"]
    told = [row["point"] for row in rows if row["point"] is not None and row["point"] > 0]
    most = max([_LEAST_HIGH, *told, *(1 / one for one in told)]) * 1.1
    step = (_RIGHT - _LEFT) / max(1, len(months) - 1)
    points = []
    for row in rows:
        ratio = row["point"]
        y = None if ratio is None else _height(ratio, most)
        x = round(_LEFT + step * months.index(row["month"]), 1)
        points.append(Point(row["month"], x, y, ratio, row["share"], row["share_against"], row["n"]))
    band = (_height(float(margins["high"]), most), _height(float(margins["low"]), most))
    return Chart(*cell, tuple(points), tuple(_lines(points)), alarm, _height(1.0, most), band)


def _height(ratio: float, most: float) -> float:
    """Where a ratio stands: 1 in the middle, twice as often as far above it as half as often below."""
    middle, half = (_TOP + _BOTTOM) / 2, (_BOTTOM - _TOP) / 2
    inside = min(max(ratio, 1 / most), most)
    return round(middle - half * log(inside) / log(most), 1)


def _lines(points: Sequence[Point]) -> list[str]:
    """The points as lines, broken where a month is hidden."""
    runs: list[list[str]] = [[]]
    for point in points:
        if point.y is None:
            runs.append([])
        else:
            runs[-1].append(f"{point.x},{point.y}")
    return [" ".join(run) for run in runs if len(run) > 1]
