"""Bookings of whole customers out of a stream, in order of customer: what a life event is told from.

A table in order of customer is passed on as it comes. Any other is first divided into scratch files, each with the
customers between two names, so that the answers come out in order and memory stays the same.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.ipc as ipc

from models.booking_stream import CHUNK_ROWS
from models.bookings import bookings_from_arrow, bookings_to_arrow, no_bookings
from models.detection import arrow_by_customers
from models.scratch import needs_room, open_scratch

_MOST_FILES = 250  # a process may have about a thousand files open; a place among them is one byte


def in_order(chunks: Iterable[pd.DataFrame], *, rows: int = CHUNK_ROWS) -> Iterator[pd.DataFrame]:
    """Whole customers, about `rows` bookings at a time, of chunks that are in order of customer."""
    waiting: list[pd.DataFrame] = []
    for chunk in chunks:
        if not len(chunk):
            continue
        customers = chunk["customer_id"].to_numpy(dtype=object)
        whole = int(np.argmax(customers == customers[-1]))  # the last customer may go on in the next chunk
        before = waiting[-1]["customer_id"].iloc[-1] if waiting else customers[0]
        if before != customers[-1] and sum(map(len, waiting)) + whole >= rows // 2:
            yield pd.concat([*waiting, chunk[:whole]], ignore_index=True)
            waiting, chunk = [], chunk[whole:]
        waiting.append(chunk)
    if waiting:
        yield pd.concat(waiting, ignore_index=True)


@contextmanager
def divide(
    chunks: Iterable[pd.DataFrame], sample: np.ndarray, *, bookings: int, rows: int = CHUNK_ROWS
) -> Iterator[Iterator[pd.DataFrame]]:
    """Read chunks in any order to their end, then give whole customers in order, about `rows` bookings at a time.

    Parameters
    ----------
    sample : ndarray of str
        Customers of bookings drawn at random, sorted: they say where to divide.
    bookings : int
        How many there are.

    Raises
    ------
    UsageError
        There is no room for scratch files.
    """
    parts = max(1, min(_MOST_FILES, len(sample), -(-bookings // rows)))
    bounds = sample[(np.arange(1, parts) * len(sample)) // parts]
    with open_scratch(parts) as files:
        with needs_room():
            _write_parts(chunks, bounds, files)
        yield _read_parts(files, rows)


def _write_parts(chunks: Iterable[pd.DataFrame], bounds: np.ndarray, files: list[BinaryIO]) -> None:
    """Write each booking to the file of its customer, in the order in which they come."""
    schema, options = bookings_to_arrow(no_bookings()).schema, ipc.IpcWriteOptions(compression="lz4")
    with ExitStack() as stack:
        writers = [stack.enter_context(ipc.new_stream(file, schema, options=options)) for file in files]
        for chunk in chunks:
            table = bookings_to_arrow(chunk)
            customers = table["customer_id"].combine_chunks().dictionary_encode()
            told = customers.dictionary.to_numpy(zero_copy_only=False)
            place = np.searchsorted(bounds, told, side="right").astype(np.uint8)[customers.indices.to_numpy()]
            order = np.argsort(place, kind="stable")
            table = table.take(arrow.array(order)) if len(bounds) else table
            cuts = np.searchsorted(place[order], np.arange(len(files) + 1))
            for writer, begin, end in zip(writers, cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
                if end > begin:
                    writer.write_table(table.slice(begin, end - begin))


def _read_parts(files: list[BinaryIO], rows: int) -> Iterator[pd.DataFrame]:
    for file in files:
        with needs_room():
            file.seek(0)
            with ipc.open_stream(file) as reader:
                part = reader.read_all()
        yield from map(bookings_from_arrow, arrow_by_customers(part, rows=rows))
