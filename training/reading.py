"""Small tables in CSV: labels, events, splits and filled-in review queues."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from models.errors import UnreadableDataError

_SEPARATORS = ",;\t"  # a spreadsheet in Dutch saves CSV with semicolons


def load_table(path: Path, needed: Iterable[str]) -> pd.DataFrame:
    """A table as texts ("" when missing), which must have the columns `needed`.

    Raises
    ------
    UnreadableDataError
        It is no CSV in UTF-8, or misses a column.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            header = file.readline()
        separator = max(_SEPARATORS, key=header.count)
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", sep=separator)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise UnreadableDataError(f"{path.name} cannot be read as CSV. Give comma-separated UTF-8 text.") from error
    missing = [name for name in needed if name not in table]
    if missing:
        raise UnreadableDataError(f"{path.name} has no column {', '.join(missing)}.")
    return table.fillna("")
