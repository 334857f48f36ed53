"""What tests of several packages share: test modules are not importable from each other."""

from collections.abc import Callable

import pytest


def count_hits_plainly(detected: list[int], spans: list[tuple[int, int]]) -> int:
    """Detections dated inside a true event's span, one to one (earliest span that is still free)."""
    free = sorted(spans, key=lambda span: span[1])
    hits = 0
    for day in sorted(detected):
        match = next((span for span in free if span[0] <= day <= span[1]), None)
        if match is not None:
            free.remove(match)
            hits += 1
    return hits


@pytest.fixture(scope="session")
def count_hits() -> Callable[[list[int], list[tuple[int, int]]], int]:
    """Hits of one group by a plain loop, which faster ways are held against."""
    return count_hits_plainly
