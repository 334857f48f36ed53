"""Small tables in CSV: labels, events, splits and filled-in review queues."""

import csv
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
        It is no CSV in UTF-8, or has a column twice or not at all.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            header = file.readline()
        separator = max(_SEPARATORS, key=header.count)
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", sep=separator)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise UnreadableDataError(f"{path.name} cannot be read as CSV. Give comma-separated UTF-8 text.") from error
    names = next(csv.reader([header], delimiter=separator))
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UnreadableDataError(f"{path.name} has a column twice: {', '.join(twice)}. Give every column once.")
    missing = [name for name in needed if name not in table]
    if missing:
        raise UnreadableDataError(f"{path.name} has no column {', '.join(missing)}.")
    return table.fillna("")
