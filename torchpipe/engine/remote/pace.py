"""`Pace`: how many items go into one call of a clone elsewhere."""

from __future__ import annotations

from time import monotonic

CALL = 0.04
"""Seconds of work that one call should hold: then what a call costs is a few percent of it."""

BYTES = 24 * 2**20
"""Bytes that one call should hold at most: more takes longer for each, out of the caches."""

OVERHEAD = 0.0005
"""Seconds that a call costs whatever it holds."""


class Pace:
    """Measures what an item takes, on the way and in the clone, and sizes the calls by it."""

    def __init__(self) -> None:
        self.each = 0.0
        self.size_of_each = 0.0
        self._returned = 0.0

    def size(self, most: int) -> int:
        """How many items the next call should hold.

        Args:
            most: The largest number, so that all clones get their share of the window.
        """
        if not self.each:
            return 1
        wanted = min(CALL / self.each, BYTES / self.size_of_each)
        return max(1, min(most, int(wanted)))

    def returned(self, count: int, sent: float, busy: float, size: int) -> None:
        """A call returned now.

        Args:
            count: How many items it held.
            sent: When it was sent, by `monotonic`.
            busy: Seconds that the clone worked.
            size: Bytes of the items, on their way there or back, whichever were more.
        """
        now = monotonic()
        took = min(now - max(sent, self._returned), now - sent)
        self._returned = now
        self.each = smoothed(self.each, max(busy, took - OVERHEAD, 1e-9) / count)
        self.size_of_each = smoothed(self.size_of_each, max(size, 1) / count)


def smoothed(before: float, now: float) -> float:
    """The mean of the last few values; the first one counts as it is."""
    return now if not before else 0.7 * before + 0.3 * now
