"""What may leave the cube: no cell of fewer than ten people, and none that others minus their total give away.

After the practice of Statistics Netherlands: a number below ten is hidden, a rate needs thirty. The totals of all
grounds are the same people, so that a lone hidden group could be had by subtraction; then the next smallest is hidden
too, until no hidden cell follows from the rest (Cox, 1980, Suppression methodology and statistical disclosure control).
Publish all periods together or single periods, never both: their difference is a cell as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.linalg import qr

from training.fairness.cube import ALL, RATES, Counts, Cube
from training.fairness.verdicts import NOT_ESTABLISHED, Fact

K = 10
RATE_FROM = 30
_SMALLEST = 1e-9
Cell = tuple[str, str]  # ground and group
Unions = Mapping[Cell, Sequence[Cell]]
NO_UNIONS: Unions = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Hidden:
    """Which numbers and which rates stay inside, per whole of a rate, (groups, events and all of them together)."""

    cells: dict[tuple[str, str], int]
    columns: dict[str, int]
    numbers: dict[str, np.ndarray]
    rates: dict[str, np.ndarray]


def find_hidden(
    cube: Cube, *, k: int = K, rate_from: int = RATE_FROM, period: str | None = None, unions: Unions = NO_UNIONS
) -> Hidden:
    """Primary and complementary suppression of every whole that rates have.

    `unions` names the groups that are others together, of which nobody may subtract the parts that are shown.
    """
    counts = cube.pooled if period is None else cube.periods[period]
    numbers, rates = {}, {}
    for whole in dict.fromkeys(RATES[rate][1] for rate in counts.rates):
        n = _with_all(counts, whole)
        lines = [*_lines(cube, n.shape), *_union_lines(cube, n.shape, unions)]
        people = np.minimum(n, _people(counts, whole))
        small = _suppress(n, (n > 0) & (people < k), lines, least=k)
        numbers[whole] = small
        rates[whole] = small | ((n > 0) & (people < rate_from))  # too few to be trusted, but nobody is told apart
    return Hidden(
        cells={cell: number for number, cell in enumerate(cube)},
        columns={event: number for number, event in enumerate((*cube.events, ALL))},
        numbers=numbers,
        rates=rates,
    )


def publishable(
    cube: Cube, *, k: int = K, rate_from: int = RATE_FROM, period: str | None = None
) -> list[dict[str, Any]]:
    """The cube as plain rows: rate, event, ground, group, n (None when hidden), part (None when no rate may be had)."""
    hidden = find_hidden(cube, k=k, rate_from=rate_from, period=period)
    counts = cube.pooled if period is None else cube.periods[period]
    rows: list[dict[str, Any]] = []
    for rate in counts.rates:
        part, whole = (_with_all(counts, name) for name in RATES[rate])
        for (ground, group), row in hidden.cells.items():
            for event, column in hidden.columns.items():
                at = (row, column)
                no_n, no_rate = hidden.numbers[RATES[rate][1]][at], hidden.rates[RATES[rate][1]][at]
                rows.append(
                    {
                        "rate": rate, "event": event, "ground": ground, "group": group,
                        "n": None if no_n else round(float(whole[at]), 3),
                        "part": None if no_rate else round(float(part[at]), 3),
                    }
                )  # fmt: skip
    return rows


def hide_facts(facts: Sequence[Fact], hidden: Hidden) -> list[Fact]:
    """The facts as they may be printed: no number of a hidden cell, no rate of a cell of fewer than thirty.

    Nothing that is hidden keeps a verdict other than NOT ESTABLISHED, because a verdict tells where a rate lies.
    """
    return [_hide(fact, hidden) for fact in facts]


def _hide(fact: Fact, hidden: Hidden) -> Fact:
    whole = RATES[fact["rate"]][1]
    column = hidden.columns[fact["event"]]
    at = [(hidden.cells[fact["ground"], name], column) for name in (fact["group"], fact["other"]) if name]
    if not any(hidden.rates[whole][cell] for cell in at):
        return fact
    rates = dict.fromkeys(("share", "share_against", "point", "interval", "p", "p_holm", "n_effective", "n_needed"))
    kept = {**fact, **rates, "verdict": NOT_ESTABLISHED, "reason": "too few people for a rate"}
    if any(hidden.numbers[whole][cell] for cell in at):
        kept |= {"n": None, "n_against": None, "reason": "hidden: too few people, or it would tell of too few"}
    return kept


def _people(counts: Counts, whole: str) -> np.ndarray:
    """How many people stand behind the numbers of a whole: nine people with many events are nine people."""
    for rate, holders in counts.holders.items():
        if RATES[rate][1] == whole:
            return holders
    return np.broadcast_to(counts.customers[:, None], _with_all(counts, whole).shape)


def _with_all(counts: Counts, name: str) -> np.ndarray:
    """A statistic with a last column for all events together."""
    sums = counts.sums[name]
    return np.column_stack([sums, sums.sum(axis=1)])


def _lines(cube: Cube, shape: tuple[int, int]) -> list[tuple[np.ndarray, bool]]:
    """Cells (flat) whose sum is known (True), or of which the last is the sum of the others (False)."""
    at = np.arange(shape[0] * shape[1]).reshape(shape)
    lines = [(at[list(cube.rows_of(ground))][:, column], True) for ground in cube.grounds for column in range(shape[1])]
    lines += [(at[row], False) for row in range(shape[0])]
    cells = {cell: number for number, cell in enumerate(cube)}
    for ground, groups in cube.grounds.items():
        for place, parent in enumerate(ground.split("*")) if "*" in ground else ():
            for name in cube.grounds.get(parent, ()):
                children = [cells[ground, group] for group in groups if group.split("*")[place] == name]
                if children:
                    rows = [*children, cells[parent, name]]
                    lines += [(at[rows][:, column], False) for column in range(shape[1])]
    return lines


def _union_lines(cube: Cube, shape: tuple[int, int], unions: Unions) -> list[tuple[np.ndarray, bool]]:
    """Parts and, last, the whole that is their sum."""
    at = np.arange(shape[0] * shape[1]).reshape(shape)
    cells = {cell: number for number, cell in enumerate(cube)}
    lines = []
    for whole, parts in unions.items():
        if whole in cells and parts and all(part in cells for part in parts):
            rows = [*(cells[part] for part in parts), cells[whole]]
            lines += [(at[rows][:, column], False) for column in range(shape[1])]
    return lines


def _suppress(
    n: np.ndarray, primary: np.ndarray, lines: Sequence[tuple[np.ndarray, bool]], *, least: int
) -> np.ndarray:
    """Hide more cells until no line gives one away, nor any combination of lines."""
    flat, hidden = n.ravel(), primary.ravel().copy()
    while True:
        _suppress_lines(flat, hidden, lines, least)
        opened = np.zeros(len(hidden), dtype=bool)
        opened[_recoverable(hidden, lines)] = True
        touched = [line for line, _ in lines if opened[line].any()] if opened.any() else []
        more = [cell for line in touched for cell in line if not hidden[cell]]
        if not more:
            return hidden.reshape(n.shape)
        hidden[min(more, key=lambda cell: (flat[cell] <= 0, flat[cell]))] = True


def _suppress_lines(flat: np.ndarray, hidden: np.ndarray, lines: Sequence[tuple[np.ndarray, bool]], least: int) -> None:
    changed = True
    while changed:
        changed = False
        for line, total_known in lines:
            inside = line[hidden[line]]
            free = line[~hidden[line]]
            gives_away = len(inside) == 1 or (total_known and len(inside) > 0 and flat[inside].sum() < least)
            if gives_away and len(free):
                hidden[min(free, key=lambda cell: (flat[cell] <= 0, flat[cell]))] = True
                changed = True


def _recoverable(hidden: np.ndarray, lines: Sequence[tuple[np.ndarray, bool]]) -> np.ndarray:
    """Hidden cells that all equations together fix: those whose unit vector lies in the space of the equations."""
    unknown = np.flatnonzero(hidden)
    if not len(unknown):
        return unknown
    place = np.full(len(hidden), -1)
    place[unknown] = np.arange(len(unknown))
    equations = np.zeros((len(lines), len(unknown)))
    for number, (line, total_known) in enumerate(lines):
        signs = np.ones(len(line))
        if not total_known:
            signs[-1] = -1.0
        inside = place[line] >= 0
        equations[number, place[line][inside]] = signs[inside]
    equations = np.unique(equations[equations.any(axis=1)], axis=0)
    if not len(equations):
        return unknown[:0]
    basis, upper, _ = qr(equations.T, mode="economic", pivoting=True)
    basis = basis[:, np.abs(np.diagonal(upper)) > _SMALLEST]
    return unknown[(basis**2).sum(axis=1) > 1 - _SMALLEST]
