"""A board with keys in an empty home."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def board(make_board: Callable[..., Any], tmp_path: Path) -> Any:
    """A board of its own for every test."""
    return make_board(tmp_path)
