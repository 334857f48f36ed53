"""The figures that evaluation, comparison and review work with, from `evaluation.toml`."""

import tomllib
from functools import cache
from importlib import resources
from typing import Any


@cache
def settings(section: str) -> dict[str, Any]:
    """One section of `evaluation.toml`; each figure is explained there."""
    data = tomllib.loads(resources.files("training").joinpath("evaluation.toml").read_text("utf-8"))
    found: dict[str, Any] = data[section]
    return found
