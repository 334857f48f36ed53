"""Long lists of facts as tables: the names of the columns once instead of in every row, for files and pages.

Nothing is lost: `unpack_tables` gives back what was packed. Only lists of objects with the very same fields are packed.
"""

from collections.abc import Mapping
from typing import Any

_COLUMNS, _ROWS = "table_columns", "table_rows"
_FEWEST = 20  # rows from which a table is worth reading as one


def pack_tables(data: Any) -> Any:
    """The same data with long lists of equal objects as {"table_columns": [...], "table_rows": [[...], ...]}."""
    if isinstance(data, Mapping):
        return {name: pack_tables(value) for name, value in data.items()}
    if not isinstance(data, list | tuple):
        return data
    if len(data) >= _FEWEST and isinstance(data[0], Mapping):
        columns = sorted(data[0])
        if all(isinstance(row, Mapping) and row.keys() == data[0].keys() for row in data):
            return {_COLUMNS: columns, _ROWS: [[pack_tables(row[name]) for name in columns] for row in data]}
    return [pack_tables(value) for value in data]


def unpack_tables(data: Any) -> Any:
    """What `pack_tables` was given."""
    if isinstance(data, list):
        return [unpack_tables(value) for value in data]
    if not isinstance(data, Mapping):
        return data
    if data.keys() == {_COLUMNS, _ROWS}:
        return [dict(zip(data[_COLUMNS], map(unpack_tables, row), strict=True)) for row in data[_ROWS]]
    return {name: unpack_tables(value) for name, value in data.items()}
