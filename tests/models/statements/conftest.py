"""A place to put a statement file and read it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from models.statements import StatementsRead, read_statements

ReadText = Callable[..., StatementsRead]


@pytest.fixture
def read_text(tmp_path: Path) -> ReadText:
    """Read one file with this content (text or bytes); every test also sees that rows add up."""

    def read(content: str | bytes, name: str = "statement", **options: str) -> StatementsRead:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        found = read_statements([path], **options)  # type: ignore[arg-type]  # options are keywords of read_statements
        assert sum(file.bookings for file in found.files) == len(found.frame)
        assert sum(file.problems for file in found.files) == len(found.problems)
        return found

    return read
