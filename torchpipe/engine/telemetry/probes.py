"""`Probes`: some items of a ring carry the time at which they entered, and tell how long it took.

Each stage times its work on those items, and only on those. So what it costs to know percentiles
does not depend on how many items there are.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING

from torchpipe.engine.item import Item
from torchpipe.engine.telemetry.distribution import Histogram
from torchpipe.engine.telemetry.recording import Passed
from torchpipe.engine.telemetry.times import EVERY

if TYPE_CHECKING:
    from torchpipe.engine.shared import Shared

MOST = 1024
"""Items from one probe to the next, at most: then a stream that slows down is soon seen."""


class Probes:
    """The probes of one region: while anybody records, all items.

    Args:
        shared: What all threads have in common.
        region: The key of the region's plan.

    Attributes:
        next: The number from which on the next item is one.
        latency: How long they took from their entry to the end of the region.
    """

    def __init__(self, shared: Shared, region: str):
        self.shared, self.region = shared, region
        self.next, self.latency = 0, Histogram()
        self._last, self._stride, self._step = 0.0, 1, 1
        self._wake: Callable[[], None] | None = None

    def begin(self, first: int, step: int) -> None:
        """An epoch begins, with an item of this number."""
        self.next, self._step = first, step

    def enter(self, item: Item, number: int) -> None:
        """The item enters, and becomes a probe."""
        now = perf_counter()
        item.entered = now
        passed, self._last = now - self._last, now
        fitting = int(self._stride * EVERY / max(passed, 1e-9))
        self._stride = max(1, min(MOST, 2 * self._stride, fitting))  # a burst must not raise it
        self.next = number + self._stride * self._step
        if self.shared.recordings:  # looked at after `next` was set, as `time_all` sets it last
            self.next = number + self._step
            for recording in self.shared.recordings:
                recording.entered(Passed(self.region, self.shared.epoch, number, now))
        if self._wake is not None:
            wake, self._wake = self._wake, None
            wake()

    def wake(self, wake: Callable[[], None]) -> None:
        """Call this, once, when the next item enters."""
        self._wake = wake
        self.next = -1

    def leave(self, item: Item) -> None:
        """The probe leaves, with a result."""
        if item.entered is not None:
            self.latency.add(perf_counter() - item.entered)
            self.drop(item)

    def drop(self, item: Item) -> None:
        """It is a probe no longer."""
        item.entered = None
        for recording in self.shared.recordings:
            recording.left(Passed(self.region, self.shared.epoch, item.number, perf_counter()))
