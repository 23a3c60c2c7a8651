"""`Pace`: how many items go into one call of a clone elsewhere."""

from __future__ import annotations

from time import monotonic

CALL = 0.004
"""Seconds of work that one call should hold: enough to hide what a call costs."""


class Pace:
    """Measures what an item takes, on the way and in the clone, and sizes the calls by it."""

    def __init__(self) -> None:
        self.each = 0.0
        self._returned = 0.0

    def size(self, most: int) -> int:
        """How many items the next call should hold.

        Args:
            most: The largest number, so that all clones get their share of the window.
        """
        wanted = CALL / self.each if self.each else 1.0
        return max(1, min(most, int(wanted)))

    def returned(self, count: int, sent: float, busy: float) -> None:
        """A call returned now.

        Args:
            count: How many items it held.
            sent: When it was sent, by `monotonic`.
            busy: Seconds that the clone worked.
        """
        now = monotonic()
        took = min(now - max(sent, self._returned), now - sent)
        self._returned = now
        each = max(busy, took - OVERHEAD, 0.0) / count
        self.each = each if not self.each else 0.7 * self.each + 0.3 * each


OVERHEAD = 0.0005
"""Seconds that a call costs whatever it holds."""
