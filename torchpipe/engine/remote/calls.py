"""`Calls`: what is in flight to a clone elsewhere, the oldest call first."""

from __future__ import annotations

import threading
from collections import deque
from queue import SimpleQueue
from time import monotonic
from typing import Any, NamedTuple

from torchpipe.engine.item import Item
from torchpipe.engine.remote.actor import Actor
from torchpipe.graph.clone import Clone

IN_FLIGHT = 2
"""Calls in flight: while one runs, the next is on its way."""


class Call(NamedTuple):
    """A call in flight: what waits for it, its items, its process, when it was sent, its slots.

    Attributes:
        timed: When it began to be sent, by `perf_counter`, if what is done there is timed.
    """

    handle: Any
    items: list[Item]
    actor: Actor
    sent: float
    slots: int
    timed: float | None = None

    def told(self, path: str, clone: Clone) -> str:
        """Where it is, which items it holds, and for how long."""
        first, last = self.items[0].number, self.items[-1].number
        which = f"item {first}" if first == last else f"items {first} to {last}"
        return (
            f"cell {path!r} ({clone}), {which}, has not returned from its process for "
            f"{monotonic() - self.sent:.0f} seconds. Give the clone a `deadline` in seconds per "
            f"item, to have such a process replaced."
        )


class Calls:
    """At most two calls in flight; a sender adds them, a receiver waits for them in order.

    Attributes:
        slots: One for each call that may be in flight: taken before an item is.
    """

    def __init__(self) -> None:
        self.slots = threading.Semaphore(IN_FLIGHT)
        self._queue: SimpleQueue[Call | None] = SimpleQueue()
        self._flight: deque[Call] = deque()
        self._returned = 0.0

    def add(self, call: Call) -> None:
        """A call was sent, for which there was a slot."""
        self._flight.append(call)
        self._queue.put(call)

    def end(self) -> None:
        """No more calls will be sent."""
        self._queue.put(None)

    def next(self) -> Call | None:
        """Wait for the next call to wait for; None after the last."""
        return self._queue.get()

    def done(self, call: Call) -> None:
        """The call has returned, or is lost."""
        self._flight.remove(call)
        self._returned = monotonic()

    def oldest(self, path: str, clone: Clone) -> list[str]:
        """In words, the call that has been away the longest; nothing if there is none."""
        return [call.told(path, clone) for call in list(self._flight)[:1]]

    def under_way(self) -> float:
        """Seconds since the oldest call can have begun; 0 if there is none."""
        sent = [call.sent for call in list(self._flight)[:1]]
        return monotonic() - max(*sent, self._returned) if sent else 0.0

    def behind(self) -> list[Call]:
        """Take all calls behind the one that was given last; their slots are free again."""
        taken = []
        while self._flight:
            taken.append(self._flight.popleft())
            self._queue.get()  # it is there, or about to be
            self.slots.release()
        return taken

    def cancel(self) -> None:
        """Do not begin with the calls that wait behind the oldest."""
        for call in list(self._flight)[1:]:
            call.actor.cancel(call.handle)
