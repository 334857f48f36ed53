"""The simulator's figures, from dated tables in training/params: every value there names its source and marker.

Markers: R read in the source, C computed, A arithmetic from read figures, M general knowledge, D a design choice of
ours, `assumed` a figure nobody has published yet.
"""

import tomllib
from functools import cache
from importlib import resources
from typing import Any

Table = dict[str, Any]


@cache
def load_table(name: str) -> Table:
    """One parameter table by the name of its file, for example `rates_events`."""
    text = resources.files("training").joinpath("params", f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def figure(table: str, key: str) -> Any:
    """The value of one entry; entries are tables with value, source, marker and date."""
    return load_table(table)[key]["value"]


@cache
def wordings(theme: str, key: str, split: str) -> tuple[tuple[str, str], ...]:
    """(name, text) templates of a key for the customers of a split: those for both, then those of the split alone."""
    entry = load_table(f"texts_{theme}")[key]
    found = [*entry.get("both", []), *entry.get(split, [])]
    return tuple((str(name), str(text)) for name, text in found)


@cache
def choices(table: str, key: str, split: str) -> tuple[str, ...]:
    """Plain names of a key for the customers of a split."""
    entry = load_table(table)[key]
    return (*entry.get("both", []), *entry.get(split, []))
