"""The bank's table of group attributes, as it is taken over into the vault."""

from pathlib import Path

import pandas as pd
import pyarrow as arrow

from models.errors import UnreadableDataError
from training.reading import load_table


def load_groups(path: Path) -> pd.DataFrame:
    """customer_id and one text column per attribute, "" where nothing is known.

    Raises
    ------
    UnreadableDataError
        It is no table in CSV or Parquet, has no customer_id or no attribute, or a customer is empty or there twice.
    """
    table = _read_parquet(path) if path.suffix == ".parquet" else load_table(path, ["customer_id"])
    if "customer_id" not in table or table.shape[1] < 2:
        raise UnreadableDataError(f"{path.name} is no table of groups. Give customer_id and at least one attribute.")
    ids = table["customer_id"]
    if ids.eq("").any() or ids.duplicated().any():
        raise UnreadableDataError(f"{path.name} has a customer without an id or twice. Give every customer one row.")
    return table


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path).astype("string").fillna("").astype("str")
    except (OSError, arrow.ArrowException) as error:
        raise UnreadableDataError(f"{path.name} cannot be read as Parquet. Give a table of groups.") from error
