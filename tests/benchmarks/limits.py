"""Clones by hand: the bare mechanism that ordered thread clones are compared with.

Items with one lock each; one `SimpleQueue` hands them to the clones, one keeps their order, one
holds the credits. No errors, no statistics, no stop: nothing can be left out, so it is the limit.

The loops are `while True` with a test inside: in a function called once, CPython 3.11 begins to
specialize at unconditional jumps back only, and `while condition` has none.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from typing import Any


class Item:
    """One of `window` reusable items; its lock is released when a clone is done with it."""

    __slots__ = ("done", "value")

    def __init__(self) -> None:
        self.done = threading.Lock()
        self.done.acquire()
        self.value: Any = None


class Bare:
    """Map `function` over `source` with threads, in order, with at most `window` items in flight.

    Iterate it, or let `last()` consume it in the tightest loop. Once only.
    """

    def __init__(
        self, source: Iterable[Any], function: Callable[[Any], Any], clones: int, window: int
    ) -> None:
        self.source, self.function = source, function
        self.inbox: SimpleQueue[Item | None] = SimpleQueue()
        self.order: SimpleQueue[Item | None] = SimpleQueue()
        self.credits: SimpleQueue[Item] = SimpleQueue()
        for _ in range(window):
            self.credits.put(Item())
        targets = [self.pump] + [self.work] * clones
        self.threads = [threading.Thread(target=target, daemon=True) for target in targets]

    def pump(self) -> None:
        """Read the source, a credit before each item. Runs on a thread of its own."""
        order, inbox, credits = self.order, self.inbox, self.credits
        for item, value in zip(iter(credits.get, None), self.source, strict=False):
            item.value = value
            order.put(item)
            inbox.put(item)
        order.put(None)
        for _ in self.threads:
            inbox.put(None)

    def work(self) -> None:
        """Call the function, item after item. Runs on each clone's thread."""
        inbox, function = self.inbox, self.function
        while True:
            item = inbox.get()
            if item is None:
                return
            item.value = function(item.value)
            item.done.release()

    def last(self) -> Any:
        """Consume everything and return the last result."""
        order, credits, last = self.order, self.credits, None
        self.start()
        while True:
            item = order.get()
            if item is None:
                break
            item.done.acquire()
            last = item.value
            credits.put(item)
        self.join()
        return last

    def __iter__(self) -> Iterator[Any]:
        self.start()
        while (item := self.order.get()) is not None:
            item.done.acquire()
            value = item.value
            self.credits.put(item)
            yield value
        self.join()

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def join(self) -> None:
        for thread in self.threads:
            thread.join()
