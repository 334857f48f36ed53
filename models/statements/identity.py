"""Who a booking is: its id, and whether it was read before.

The bank's reference is the id when it can tell bookings apart. Otherwise the id is the SHA-256 of the fields that every
export of the same booking agrees on, plus an ordinal that counts identical rows (they are real). All of this holds
some 30 bytes per booking, so that a file of any size can be read.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from models.statements.rows import StatementRow

# References that say "there is none" in SWIFT and ISO 20022.
_NO_REFERENCE = frozenset({"", "NONREF", "NOTPROVIDED", "EREF", "PREF", "MARF", "KREF", "NONE"})
# A short number counts the rows of one statement and starts again in the next one: it is no identity.
_SHORTEST_REFERENCE = 8


def usable_reference(reference: str) -> str:
    """The bank's reference when it can identify a booking, else ""."""
    bare = reference.strip()
    if bare.upper() in _NO_REFERENCE or len(bare.lstrip("0")) < _SHORTEST_REFERENCE:
        return ""
    return bare


def digest_row(row: StatementRow) -> str:
    """SHA-256 (first 128 bits, hexadecimal) of the fields that all exports of one booking share.

    The balance and the bank's code are left out: not every export has them.
    """
    fields = (
        row.account,
        str(row.booking_date),
        f"{row.amount:.2f}",
        row.currency,
        row.indicator,
        row.name.upper(),
        row.iban,
        row.creditor_id,
        row.mandate_id,
        row.end_to_end_id,
        _fingerprint(row.fingerprint or row.text),
    )
    return hashlib.sha256("\x1f".join(fields).encode()).hexdigest()[:32]


def _fingerprint(text: str) -> str:
    return re.sub(r"\s+", "", text)


@dataclass
class CompactMap:
    """A map of 64-bit keys to small numbers, sorted arrays only: 12 bytes an entry, added to in batches."""

    keys: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.uint64))
    values: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int32))

    def find(self, keys: np.ndarray, *, default: int) -> np.ndarray:
        """Values of the keys, `default` where a key is unknown."""
        at = np.searchsorted(self.keys, keys)
        inside = at < len(self.keys)
        found = np.full(len(keys), default, dtype=np.int32)
        hit = np.zeros(len(keys), dtype=bool)
        hit[inside] = self.keys[at[inside]] == keys[inside]
        found[hit] = self.values[at[hit]]
        return found

    def update(self, keys: np.ndarray, values: np.ndarray) -> None:
        """Set values for distinct keys."""
        at = np.searchsorted(self.keys, keys)
        inside = at < len(self.keys)
        known = np.zeros(len(keys), dtype=bool)
        known[inside] = self.keys[at[inside]] == keys[inside]
        self.values[at[known]] = values[known]
        order = np.argsort(keys[~known], kind="stable")
        fresh, fresh_values = keys[~known][order], values[~known][order]
        places = np.searchsorted(self.keys, fresh)
        self.keys = np.insert(self.keys, places, fresh)
        self.values = np.insert(self.values, places, fresh_values)


@dataclass(frozen=True, slots=True)
class Period:
    """The days of an account that a file covers, in one format."""

    account: str
    format: str
    first: date
    last: date
    source: str


@dataclass
class SeenBookings:
    """All bookings read so far, over several files: booking_id and account, and the file they came from."""

    sources: list[str] = field(default_factory=list)
    ids: CompactMap = field(default_factory=CompactMap)
    periods: list[Period] = field(default_factory=list)

    def note_period(self, period: Period) -> list[str]:
        """Earlier files of another format that cover days of this period for the same account.

        Formats carry different fields, so a booking that stands in both has two ids and cannot be recognised.
        """
        overlapping = [
            earlier.source
            for earlier in self.periods
            if earlier.account == period.account
            and earlier.format != period.format
            and earlier.first <= period.last
            and period.first <= earlier.last
        ]
        self.periods.append(period)
        return overlapping

    def add(self, keys: Sequence[str], *, source: str) -> list[str]:
        """Note the keys of one chunk; per key the source that had it before, "" when it is new."""
        if not self.sources or self.sources[-1] != source:
            self.sources.append(source)
        number = len(self.sources) - 1
        hashed = _hash_keys(keys)
        earlier = self.ids.find(hashed, default=-1)
        distinct, first = np.unique(hashed, return_index=True)
        repeated = np.ones(len(hashed), dtype=bool)
        repeated[first] = False
        earlier = np.where(repeated & (earlier < 0), number, earlier)
        new = earlier[first] < 0
        self.ids.update(distinct[new], np.full(int(new.sum()), number, dtype=np.int32))
        return ["" if at < 0 else self.sources[at] for at in earlier]


@dataclass
class BookingIds:
    """Ids for the rows of one file, chunk by chunk."""

    counts: CompactMap = field(default_factory=CompactMap)
    references: CompactMap = field(default_factory=CompactMap)

    def assign(self, rows: Sequence[StatementRow]) -> list[str]:
        """booking_id per row.

        A reference that stands at bookings of different content (banks reuse some) is kept by the first only.
        """
        digests = [digest_row(row) for row in rows]
        references = self._trusted(rows, digests)
        ordinals = self._count(
            [f"{row.account}|{digest}" for row, digest in zip(rows, digests, strict=True)], references
        )
        return [
            reference or f"{digest}-{ordinal}"
            for reference, digest, ordinal in zip(references, digests, ordinals, strict=True)
        ]

    def _trusted(self, rows: Sequence[StatementRow], digests: Sequence[str]) -> list[str]:
        usable = [usable_reference(row.reference) for row in rows]
        if not any(usable):
            return usable
        keys = _hash_keys([f"{row.account}|{reference}" for row, reference in zip(rows, usable, strict=True)])
        content = np.array([int(digest[:7], 16) for digest in digests], dtype=np.int32)
        known = self.references.find(keys, default=-1)
        distinct, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        first_content = np.where(known[first] < 0, content[first], known[first])
        self.references.update(distinct, first_content.astype(np.int32))
        agrees = first_content[inverse] == content
        return [reference if same else "" for reference, same in zip(usable, agrees, strict=True)]

    def _count(self, keys: Sequence[str], references: Sequence[str]) -> list[int]:
        hashed = _hash_keys(keys)
        counting = np.array([reference == "" for reference in references], dtype=bool)
        ordinals = np.zeros(len(keys), dtype=np.int64)
        if counting.any():
            distinct, inverse, sizes = np.unique(hashed[counting], return_inverse=True, return_counts=True)
            before = self.counts.find(distinct, default=0)
            order = np.argsort(inverse, kind="stable")
            starts = np.cumsum(sizes) - sizes
            within = np.empty(len(inverse), dtype=np.int64)
            within[order] = np.arange(len(inverse)) - np.repeat(starts, sizes)
            ordinals[counting] = before[inverse] + within + 1
            self.counts.update(distinct, (before + sizes).astype(np.int32))
        return [int(ordinal) for ordinal in ordinals]


def _hash_keys(keys: Sequence[str]) -> np.ndarray:
    joined = b"".join(hashlib.blake2b(key.encode(), digest_size=8).digest() for key in keys)
    return np.frombuffer(joined, dtype=np.uint64)
