"""Tables of answers, written chunk by chunk: whatever ends the work, nobody finds half a file under the asked name."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet

from models.errors import UsageError
from models.table_files import PARQUET

Add = Callable[[pd.DataFrame], None]


@contextmanager
def open_answer(out: Path, empty: pd.DataFrame) -> Iterator[Add]:
    """Write a table (CSV or Parquet by extension) under another name first; yields the function that adds rows.

    Parameters
    ----------
    empty : DataFrame
        The table without rows: its columns and their types.

    Raises
    ------
    UsageError
        `out` cannot be written; told before any work is done, as far as it can be known.
    """
    half = out.with_name(f".{out.name}.{secrets.token_hex(6)}.part")  # two writers never share a half table
    with _told_of(out):
        if out.is_dir():
            raise IsADirectoryError(out)
        out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with ExitStack() as stack:
            with _told_of(out):
                write = (_open_parquet if out.suffix.lower() in PARQUET else _open_csv)(half, empty, stack)

            def add(table: pd.DataFrame) -> None:
                with _told_of(out):
                    write(table[list(empty.columns)])

            yield add
            with _told_of(out):
                stack.close()
                half.replace(out)
    finally:
        half.unlink(missing_ok=True)


def _open_csv(half: Path, empty: pd.DataFrame, stack: ExitStack) -> Add:
    file = stack.enter_context(half.open("w", encoding="utf-8", newline=""))
    empty.to_csv(file, index=False)
    return lambda table: table.to_csv(file, index=False, header=False)


def _open_parquet(half: Path, empty: pd.DataFrame, stack: ExitStack) -> Add:
    schema = arrow.Table.from_pandas(empty, preserve_index=False).schema
    writer = stack.enter_context(parquet.ParquetWriter(half, schema))
    return lambda table: writer.write_table(arrow.Table.from_pandas(table, schema=schema, preserve_index=False))


@contextmanager
def _told_of(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{out} cannot be written. Give a file in a folder that you may write to with --out."
        ) from error
