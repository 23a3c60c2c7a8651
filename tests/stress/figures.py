"""What a test of a guarantee counts: items, faults, what was lost or doubled, the longest stall."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from time import monotonic
from typing import Any, Self


@dataclass
class Figures:
    """Figures that add up.

    Attributes:
        items: Results that were taken.
        faults: Faults that were injected: kills, errors, loops left, clones added and taken away.
        lost: Results that were expected, and did not come.
        doubled: Results that came more often than expected.
        stall: The longest time between two results of one loop, in seconds.
    """

    items: int = 0
    faults: int = 0
    lost: int = 0
    doubled: int = 0
    stall: float = 0.0

    def told(self) -> dict[str, Any]:
        """The figures by name."""
        return asdict(self)

    def add(self, other: Figures) -> Self:
        """Add others to these."""
        self.items += other.items
        self.faults += other.faults
        self.lost += other.lost
        self.doubled += other.doubled
        self.stall = max(self.stall, other.stall)
        return self

    def watch(self, results: Iterable[Any]) -> Iterator[Any]:
        """Pass results on; count them, and time what lies between two."""
        last = None
        for result in results:
            now = monotonic()
            self.stall = max(self.stall, 0.0 if last is None else now - last)
            self.items += 1
            yield result
            last = monotonic()

    def compare(self, expected: Iterable[Any], found: Iterable[Any]) -> None:
        """Count what is missing and what is there too often, and fail unless all is in order."""
        expected, found = list(expected), list(found)
        wanted, given = Counter(map(repr, expected)), Counter(map(repr, found))
        self.lost += (wanted - given).total()
        self.doubled += (given - wanted).total()
        assert found == expected

    def equal(self, expected: Iterable[Any], results: Iterable[Any]) -> None:
        """Take all results, which must be these, in this order."""
        self.compare(expected, list(self.watch(results)))
