"""Temporary files for what does not fit into memory: without a name, so that nobody else can open them.

They are gone with the process, whatever ends it: bookings never stay behind in a temporary folder.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO

from models.errors import UsageError


@contextmanager
def open_scratch(files: int) -> Iterator[list[BinaryIO]]:
    """So many empty files for reading and writing, below $TMPDIR; UsageError when they cannot be made."""
    with ExitStack() as stack:
        with needs_room():
            opened: list[BinaryIO] = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(files)]
        yield opened


@contextmanager
def needs_room() -> Iterator[None]:
    """A fault of the disk while scratch files are written or read is a UsageError that says where to make room."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"Temporary files cannot be written to {tempfile.gettempdir()}. Make room there, or set TMPDIR to a folder "
            "with as much room as the bookings take."
        ) from error
