"""A board with keys in an empty home."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.screening import parse_screening

_parse_once = functools.cache(parse_screening)


@pytest.fixture
def board(make_board: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Building a screening takes longer than all the rest, and is a pure function of its text: it is built once."""
    monkeypatch.setattr("models.candidate.parse_screening", _parse_once)
    monkeypatch.setattr("models.release.parse_screening", _parse_once)
    return make_board(tmp_path)
