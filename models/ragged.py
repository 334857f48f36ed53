"""Rows of different length in two flat arrays: how the words of many texts are held, so that no text costs a loop."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ragged:
    """Row r holds `flat[starts[r]:starts[r + 1]]`; whole numbers, as many `starts` as rows and one more."""

    flat: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Entries per row."""
        return np.diff(self.starts)

    @property
    def rows(self) -> np.ndarray:
        """The row of each entry."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def row(self, at: int) -> np.ndarray:
        """The entries of one row."""
        return self.flat[self.starts[at] : self.starts[at + 1]]

    def take(self, rows: np.ndarray) -> "Ragged":
        """These rows, in this order; a row may be taken more than once."""
        lengths = self.lengths[rows]
        starts = _starts(lengths)
        within = np.arange(starts[-1]) - np.repeat(starts[:-1], lengths)
        return Ragged(self.flat[np.repeat(self.starts[:-1][rows], lengths) + within], starts)

    def where(self, kept: np.ndarray) -> "Ragged":
        """Without the entries that a mask (one per entry) does not keep."""
        counted = np.concatenate([[0], np.cumsum(kept)])
        return Ragged(self.flat[kept], counted[self.starts])

    def keep_rows(self, kept: np.ndarray) -> "Ragged":
        """The same rows, emptied where a mask (one per row) does not keep them."""
        return self.where(np.repeat(kept, self.lengths))

    def any(self, flags: np.ndarray) -> np.ndarray:
        """Whether any entry of each row is flagged; `flags` has one value per entry."""
        counted = np.concatenate([[0], np.cumsum(flags)])
        return np.asarray(counted[self.starts[1:]] > counted[self.starts[:-1]])

    def firsts(self, otherwise: int) -> np.ndarray:
        """The first entry of each row, `otherwise` for an empty one."""
        return self._entries(self.starts[:-1], otherwise)

    def lasts(self, otherwise: int) -> np.ndarray:
        """The last entry of each row, `otherwise` for an empty one."""
        return self._entries(self.starts[1:] - 1, otherwise)

    def _entries(self, at: np.ndarray, otherwise: int) -> np.ndarray:
        found = np.full(len(self), otherwise, dtype=np.int64)
        filled = self.lengths > 0
        found[filled] = self.flat[at[filled]]
        return found


def ragged(rows: Sequence[Sequence[int]]) -> Ragged:
    """Rows of whole numbers as Ragged."""
    lengths = np.fromiter((len(row) for row in rows), np.int64, len(rows))
    flat = np.fromiter((entry for row in rows for entry in row), np.int64, int(lengths.sum()))
    return Ragged(flat, _starts(lengths))


def join_rows(*parts: Ragged) -> Ragged:
    """Row by row the entries of all parts, one part after the other."""
    lengths = np.sum([part.lengths for part in parts], axis=0)
    starts = _starts(lengths)
    flat = np.empty(starts[-1], dtype=np.int64)
    begin = starts[:-1].copy()
    for part in parts:
        flat[np.repeat(begin, part.lengths) + entries_in_rows(part)] = part.flat
        begin += part.lengths
    return Ragged(flat, starts)


def join_below(*parts: Ragged) -> Ragged:
    """All rows of all parts, one part below the other."""
    lengths = np.concatenate([part.lengths for part in parts])
    return Ragged(np.concatenate([part.flat for part in parts]), _starts(lengths))


def entries_in_rows(rows: Ragged) -> np.ndarray:
    """The position of each entry in its row."""
    return np.arange(len(rows.flat)) - np.repeat(rows.starts[:-1], rows.lengths)


def spread(rows: Ragged, entries: Ragged) -> Ragged:
    """Each entry of each row replaced by the entries that it numbers."""
    parts = entries.take(rows.flat)
    return Ragged(parts.flat, parts.starts[rows.starts])


def spread_values(rows: Ragged, entries: Ragged, values: np.ndarray) -> np.ndarray:
    """The values (one per entry of `entries`) in the order in which `spread` puts their entries."""
    return np.asarray(values[Ragged(np.arange(len(entries.flat)), entries.starts).take(rows.flat).flat])


def distinct_rows(rows: Ragged) -> np.ndarray:
    """One number per row that equal rows share, in order of appearance."""
    seen: dict[bytes, int] = {}
    return np.array([seen.setdefault(rows.row(at).tobytes(), len(seen)) for at in range(len(rows))], dtype=np.int64)


def distinct_in_rows(rows: Ragged, *, below: int) -> Ragged:
    """Each row sorted and without repeats; all entries are at least 0 and less than `below`."""
    keys = np.unique(rows.rows * below + rows.flat)
    return Ragged(keys % below, np.searchsorted(keys, np.arange(len(rows) + 1) * below))


def _starts(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
