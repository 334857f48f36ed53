"""Six digits that count are enough to read and to recompute: the rest of a number only makes documents large."""

from collections.abc import Mapping
from typing import Any

_DIGITS = 6


def rounded(facts: Any) -> Any:
    """The same data with every fraction to six digits that count."""
    if isinstance(facts, float):
        return float(f"{facts:.{_DIGITS}g}") if not facts.is_integer() else facts
    if isinstance(facts, Mapping):
        return {name: rounded(value) for name, value in facts.items()}
    return [rounded(value) for value in facts] if isinstance(facts, list | tuple) else facts
