"""`Calls`: what is in flight to a clone elsewhere, the oldest call first."""

from __future__ import annotations

import threading
from collections import deque
from queue import SimpleQueue
from typing import Any, NamedTuple

from torchpipe.engine.item import Item
from torchpipe.engine.process import Actor

IN_FLIGHT = 2
"""Calls in flight: while one runs, the next is on its way."""


class Call(NamedTuple):
    """A call in flight: what waits for it, its items, its process, when it was sent, its slots."""

    handle: Any
    items: list[Item]
    actor: Actor
    sent: float
    slots: int


class Calls:
    """At most two calls in flight; a sender adds them, a receiver waits for them in order.

    Attributes:
        slots: One for each call that may be in flight: taken before an item is.
    """

    def __init__(self) -> None:
        self.slots = threading.Semaphore(IN_FLIGHT)
        self._queue: SimpleQueue[Call | None] = SimpleQueue()
        self._flight: deque[Call] = deque()

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
