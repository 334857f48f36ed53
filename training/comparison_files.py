"""`levensloop compare`: two releases side by side on the terminal and as JSON."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from models.candidate import Candidate, find_candidate, newest_candidate, read_candidate
from models.errors import NoReleaseError, UsageError
from models.home import Home, find_home
from models.progress import track_steps
from models.release import load_release, read_champion
from training.comparison import compare_facts, compare_on_bookings, compare_on_events
from training.dataset import MARKED, Dataset, load_dataset, split_as_given
from training.door import open_door
from training.run import part
from training.splits import has_customers
from training.writing import write_file

CHAMPION = "champion"
_PAIRED = (
    "These are the figures that each release was stored with, perhaps of other customers: give --bookings, --labels "
    "and --events of customers that neither was trained on for paired intervals."
)


def compare_files(
    candidate: str,
    other: str,
    *,
    bookings: Path | None,
    labels: Path | None,
    events: Path | None,
    permissions: Path | None,
    splits: Path | None,
    out: Path | None,
    home: Home | None = None,
) -> dict[str, Any]:
    """Compare two releases or candidates, say how they differ, and write it as JSON to `out`.

    Parameters
    ----------
    candidate, other
        Ids or unique beginnings of ids; an empty candidate is the newest one, `champion` the promoted release.
    splits
        Table `customer_id,split`: only customers of `test` are compared on.

    Raises
    ------
    NoReleaseError
        One of them is not there.
    UsageError
        Only one of bookings and labels was given.
    """
    home = home or find_home()
    if (bookings is None) != (labels is None) or (bookings is None and (events or splits or permissions)):
        raise UsageError("Give --bookings and --labels together, with --events for life events; or none of them.")
    pair = [_find(home, wanted) for wanted in (candidate or newest_candidate(home), other)]
    told: dict[str, Any] = {
        name: {"id": one.id, "model_version": one.manifest["model_version"]}
        for name, one in zip(("candidate", "other"), pair, strict=True)
    }
    if bookings is None or labels is None:
        told |= {"from": "facts", "events": compare_facts(pair[0].facts, pair[1].facts), "note": _PAIRED}
    else:
        told |= {"from": "data"}
        told |= _compare_on_data(home, pair, bookings, labels, events=events, permissions=permissions, splits=splits)
    _say(told)
    if out:
        write_file(out, json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    return told


def _find(home: Home, wanted: str) -> Candidate:
    if wanted == CHAMPION:
        champion = read_champion(home)
        if champion is None:
            raise NoReleaseError("There is no champion yet. Promote a release, or name another one with --with.")
        wanted = champion.release_id
    return read_candidate(find_candidate([home.releases, home.candidates], wanted))


def _compare_on_data(
    home: Home,
    pair: list[Candidate],
    bookings: Path,
    labels: Path,
    *,
    events: Path | None,
    permissions: Path | None,
    splits: Path | None,
) -> dict[str, Any]:
    with track_steps("Comparing", steps=3 if events else 2) as step:
        step("opening both and reading the bookings")
        candidate, other = (load_release(home, one.id, allow_demo=True) for one in pair)
        data = load_dataset(
            bookings,
            labels,
            taxonomy=candidate.taxonomy,
            screening=candidate.screening,
            events=events,
            permissions=permissions,
            door=open_door(home),
        )
        data = _tested(data, splits)
        step("single bookings")
        told = {"bookings": compare_on_bookings(candidate, other, data)}
        if events:
            if not has_customers(data.bookings):
                raise UsageError("Some bookings have no customer_id, which life events need. Give all of them one.")
            step("life events")
            told["events"] = compare_on_events(candidate, other, data)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for note in (*data.notes, *(str(problem) for problem in data.problems)):
        if note != MARKED:  # that is about training
            console.print(note, markup=False)
    return told


def _tested(data: Dataset, splits: Path | None) -> Dataset:
    """The bookings to compare on; of the customers that a table calls `test` where there is one."""
    if splits is None:
        return data
    notes: list[str] = []
    tested = part(data, split_as_given(data.bookings, splits, notes).test)
    return replace(tested, notes=data.notes)


def _say(told: dict[str, Any]) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    pair = [f"{told[name]['model_version']} ({told[name]['id'][:12]})" for name in ("candidate", "other")]
    console.print(f"Candidate {pair[0]} with {pair[1]}", markup=False)
    for level, title in (("events", "Life events"), ("bookings", "Single bookings")):
        if level in told:
            console.print(_table(told[level], title))
            if told["from"] == "data":
                console.print(_verdict(told[level]), markup=False)
    if told["from"] == "facts":
        console.print(told["note"], markup=False)


def _table(told: dict[str, Any], title: str) -> Table:
    paired = "customers" in told
    columns = ["true", "F1", "other", "diff."]
    columns += ["interval", "gained\n(right)", "lost\n(right)", "kept"] if paired else []
    table = Table("", title=title, box=SIMPLE_HEAD, padding=0)
    for column in columns:
        table.add_column(column, no_wrap=True, justify="right")
    for name, row in told["per_event"].items():
        n = f"{row['n_true']}" if paired or row["n_true"] == row["n_true_other"] else _both(row)
        cells = [name, n, _number(row["f1"]), _number(row["f1_other"]), _signed(row["difference"])]
        if paired:
            flips = [f"{row[kind]} ({row[f'{kind}_right']})" for kind in ("gained", "lost")]
            cells += [_range(row["interval"]), *flips, str(row["kept"])]
        table.add_row(*cells)
    macro = ["macro", "", _number(told["macro_f1"]), _number(told["macro_f1_other"]), _signed(told["difference"])]
    table.add_row(*macro, *([_range(told["interval"])] if paired else []))
    return table


def _verdict(told: dict[str, Any]) -> str:
    """Which differences are more than chance, by intervals that do not hold 0."""
    sure = {name: row["interval"] for name, row in told["per_event"].items() if row["interval"]}
    better = [name for name, (low, _) in sure.items() if low > 0]
    worse = [name for name, (_, high) in sure.items() if high < 0]
    said = f"{told['customers']} customers. Better for sure: {', '.join(better) or 'nothing'}; "
    said += f"worse for sure: {', '.join(worse) or 'nothing'}"
    share = 1 - told["confidence"]
    return f"{said}. Of {len(sure)} intervals {len(sure) * share:.1f} err by chance." if sure else f"{said}."


def _both(row: dict[str, Any]) -> str:
    return f"{_count(row['n_true'])} / {_count(row['n_true_other'])}"


def _count(value: int | None) -> str:
    return "-" if value is None else str(value)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{np.round(value, 2) + 0.0:+.2f}"


def _range(interval: list[float] | None) -> str:
    return "too few" if interval is None else f"{_signed(interval[0])} to {_signed(interval[1])}"
