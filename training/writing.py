"""Files that a command leaves where it was asked to."""

from pathlib import Path

from models.durable import write_durably
from models.errors import UsageError

PRIVATE = 0o600  # for its owner alone


def write_file(out: Path, text: str, *, mode: int = 0o644) -> None:
    """Write or replace a file as a whole; UsageError when it cannot be written there."""
    try:
        write_durably(out, text.encode(), mode=mode)
    except OSError as error:
        raise UsageError(
            f"{out} cannot be written. Give a file in a folder that you may write to with --out."
        ) from error
