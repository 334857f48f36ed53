"""Seeded chance for one customer: one numpy Generator, drawn in blocks, because single draws are slow."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")
_BLOCK = 2048


class Dice:
    """All randomness of one customer, from (seed, customer number) alone."""

    __slots__ = ("_normals", "_units", "generator")

    def __init__(self, *key: int) -> None:
        self.generator = np.random.default_rng(key)
        self._units: list[float] = []
        self._normals: list[float] = []

    def unit(self) -> float:
        """A number from 0 up to 1."""
        if not self._units:
            self._units = self.generator.random(_BLOCK).tolist()
        return self._units.pop()

    def normal(self) -> float:
        """A draw of the standard normal distribution."""
        if not self._normals:
            self._normals = self.generator.standard_normal(_BLOCK // 4).tolist()
        return self._normals.pop()

    def chance(self, share: float) -> bool:
        """True in `share` of the calls."""
        return self.unit() < share

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self.unit() * (high - low + 1))

    def between(self, low: float, high: float) -> float:
        """A number from low to high."""
        return low + self.unit() * (high - low)

    def pick(self, items: Sequence[Item]) -> Item:
        """One item, each as likely."""
        return items[int(self.unit() * len(items))]

    def weigh(self, weights: dict[Item, float]) -> Item:
        """One key, as likely as its weight says."""
        bounds: list[float] = []
        total = 0.0
        for weight in weights.values():
            total += weight
            bounds.append(total)
        at = min(bisect_right(bounds, self.unit() * total), len(bounds) - 1)
        return list(weights)[at]

    def around(self, median: float, spread: float) -> float:
        """A lognormal draw with this median; `spread` is the standard deviation of the logarithm."""
        return float(median * np.exp(spread * self.normal()))

    def count(self, mean: float) -> int:
        """A Poisson count."""
        return int(self.generator.poisson(mean)) if mean > 0 else 0

    def days(self, first: int, last: int, number: int) -> list[int]:
        """`number` days from first to last, both included, unordered."""
        if number <= 0 or last < first:
            return []
        drawn: list[int] = self.generator.integers(first, last + 1, number).tolist()
        return drawn
