"""Counts of people below ten are not told, so that nobody can be picked out of an account."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

# Source: the smallest cell that the fairness audit tells (models/policy.toml, hide_below).
HIDE_BELOW = 10
HIDDEN = f"<{HIDE_BELOW}"
Told = int | str


def tell_count(count: int) -> Told:
    """A count of people or of what they did; 0 is told, for it is about nobody."""
    return count if count == 0 or count >= HIDE_BELOW else HIDDEN


def tell_months(counted: Iterable[tuple[str, str]]) -> dict[str, dict[str, Told]]:
    """Counts per kind and month from pairs (kind, month); without totals, from which a hidden one could be worked out.

    Every kind has every month, so that a missing one is not mistaken for a hidden one.
    """
    counts: Mapping[tuple[str, str], int] = Counter(counted)
    kinds, months = sorted({kind for kind, _ in counts}), sorted({month for _, month in counts})
    return {kind: {month: tell_count(counts.get((kind, month), 0)) for month in months} for kind in kinds}


def tell_all(counts: Mapping[str, int]) -> dict[str, Any]:
    """Counts by kind."""
    return {kind: tell_count(count) for kind, count in sorted(counts.items())}
