"""PSD2 account information in JSON: the Berlin Group's form and the one that GoCardless makes of it."""

from collections.abc import Iterator
from typing import IO

from models.statements.detect import refuse
from models.statements.rows import StatementPart


def read_psd2(handle: IO[bytes], *, source: str) -> Iterator[StatementPart]:
    """Rows and totals."""
    raise refuse(source, "JSON")
    yield
