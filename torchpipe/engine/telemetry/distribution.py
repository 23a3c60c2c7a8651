"""How long things took: `Histogram` counts them, a `Distribution` is what it has counted so far.

The buckets are those of HdrHistogram (http://hdrhistogram.org): eight in each octave, so that
a percentile is right within six percent, from a nanosecond to days, in a list of fixed length.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

SIZE = 400
"""Buckets: the last one begins at 50 days."""


class Histogram:
    """Counts durations; one thread adds, any may read."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * SIZE
        self.total = 0.0

    def add(self, duration: float) -> None:
        """Count a duration in seconds."""
        self.counts[bucket(int(1e9 * duration))] += 1
        self.total += duration

    def now(self) -> Distribution:
        """What was counted so far."""
        return Distribution(tuple(self.counts), self.total)


@dataclass(frozen=True)
class Distribution:
    """How long some things took, in seconds.

    Distributions add up, those of several clones; and the difference of two of the same clone is
    what happened in between.

    Attributes:
        counts: How many were in each bucket.
        total: Seconds that all of them took together.

    >>> histogram = Histogram()
    >>> for milliseconds in range(1, 101):
    ...     histogram.add(milliseconds / 1000)
    >>> durations = histogram.now()
    >>> durations.count, round(durations.mean, 4), round(durations.percentile(0.9), 2)
    (100, 0.0505, 0.09)
    >>> durations
    Distribution(count=100, mean=50.5 ms, p99=96.5 ms)
    """

    counts: tuple[int, ...] = ()
    total: float = 0.0

    @property
    def count(self) -> int:
        """How many durations there are, one for each call or item."""
        return sum(self.counts)

    @property
    def mean(self) -> float | None:
        """Seconds that one took; None if there were none."""
        return self.total / self.count if self.count else None

    def percentile(self, share: float) -> float | None:
        """Seconds within which this share of them was over; None if there were none.

        Args:
            share: From 0 to 1: 0.5 asks for the median.
        """
        count = self.count
        for index, below in enumerate(accumulate(self.counts)):
            if below and below >= share * count:
                return middle(index) / 1e9
        return None

    def __repr__(self) -> str:
        mean, most = self.mean, self.percentile(0.99)
        if mean is None or most is None:
            return "Distribution(count=0)"
        times = f"mean={1e3 * mean:.3g} ms, p99={1e3 * most:.3g} ms"
        return f"Distribution(count={self.count}, {times})"

    def __add__(self, other: Distribution) -> Distribution:
        if not self.counts or not other.counts:
            return self if self.counts else other
        pairs = zip(self.counts, other.counts, strict=True)
        return Distribution(tuple(a + b for a, b in pairs), self.total + other.total)

    def __sub__(self, other: Distribution) -> Distribution:
        if not other.counts:
            return self
        pairs = zip(self.counts, other.counts, strict=True)
        return Distribution(tuple(a - b for a, b in pairs), self.total - other.total)


def bucket(duration: int) -> int:
    """The bucket of a duration in nanoseconds: its first four bits, and how many follow."""
    more = max(0, duration.bit_length() - 4)
    return min(SIZE - 1, (more << 3) + (duration >> more))


def middle(index: int) -> float:
    """Nanoseconds in the middle of a bucket."""
    more = max(0, index // 8 - 1)
    return ((index - 8 * more) + 0.5) * 2.0**more if more else float(index)
