"""Justifications of unequal offers: a gap that life itself explains may stand, once four questions are answered.

The four questions are those of equal treatment law (Algemene wet gelijke behandeling, article 2: legitimate aim,
suitable, necessary, proportionate). A justification names its cells one by one, lies in the facts that the board signs,
and answers only the rates that the policy lets be justified.
"""

import tomllib
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from models.errors import UnreadableDataError
from training.fairness.policy import FairnessPolicy

QUESTIONS = ("aim", "suitable", "necessary", "proportionate")
_CELLS = ("rates", "events", "grounds", "groups")
Justification = dict[str, Any]
Cell = tuple[str, str, str, str]


def load_justifications(path: Path | None, policy: FairnessPolicy) -> list[Justification]:
    """Read `[[justification]]` entries of a TOML file: lists of rates, events, grounds and groups, and four answers.

    Raises
    ------
    UnreadableDataError
        It is no such file, an answer is empty, or a cell is not one that may be justified; all faults at once.
    """
    if path is None:
        return []
    try:
        entries = tomllib.loads(path.read_text("utf-8"))["justification"]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError) as error:
        raise UnreadableDataError(f"{path.name} is no TOML file with [[justification]] entries.") from error
    faults = [fault for number, entry in enumerate(entries, 1) for fault in _faults(number, entry, policy)]
    if faults:
        raise UnreadableDataError(f"{path.name}: {'; '.join(faults)}.")
    return list(entries)


def justified_cells(justifications: Sequence[Mapping[str, Any]]) -> list[Cell]:
    """(rate, event, ground, group) of every cell that is named."""
    return [cell for entry in justifications for cell in product(*(entry[name] for name in _CELLS))]


def _faults(number: int, entry: Mapping[str, Any], policy: FairnessPolicy) -> list[str]:
    if set(entry) != {*_CELLS, *QUESTIONS}:
        return [f"justification {number} needs exactly {', '.join((*_CELLS, *QUESTIONS))}"]
    if not all(isinstance(entry[name], list) and entry[name] for name in _CELLS):
        return [f"justification {number}: {', '.join(_CELLS)} are lists with at least one name"]
    faults = [
        f"justification {number} answers nothing to '{question}'"
        for question in QUESTIONS
        if not isinstance(entry[question], str) or not entry[question].strip()
    ]
    known = {
        "rates": {one.endpoint.rate for one in policy.secondary if one.justify},
        "events": set(policy.events),
        "grounds": set(policy.group_names),
        "groups": {group for name in entry["grounds"] for group in policy.group_names.get(name, ())},
    }
    for name, allowed in known.items():
        wrong = sorted(set(entry[name]) - allowed)
        faults += [f"justification {number}: {', '.join(wrong)} cannot be justified as {name}"] if wrong else []
    return faults
