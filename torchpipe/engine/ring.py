"""`Ring`: a region with clones, in motion.

Guarantees:

- At most `window` items are alive: the head waits for a credit before it reads the source.
- Serial stages take every item, in order; each waits for exactly those that must come before it.
- No cycle of waiting exists: a stage waits only for stages before it, and the head for the tail.
- After `stop` every thread returns as soon as the call that it is in returns.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from torchpipe.engine.compiler.values import Values
from torchpipe.engine.ending import stopped_error
from torchpipe.engine.gather import Inbox, inbox_of
from torchpipe.engine.item import END, LEFT, STOP, Item, item_class, wanted
from torchpipe.engine.telemetry.probes import Probes
from torchpipe.engine.telemetry.times import Times
from torchpipe.graph.plan import Parallel, RegionPlan, Serial


class Ring:
    """The items of a region, and the queues of its parallel stages.

    Args:
        plan: The stages.
        values: Where values live: they become registers of the items.
        window: The number of items.
        probes: What is told of probes that go wrong.
    """

    def __init__(self, plan: RegionPlan, values: Values, window: int, probes: Probes):
        self.window, self.probes = window, probes
        registers = [values.register(value) for value in values.readers]
        locks = [f"done_{stage.number}" for stage in plan.parallel]
        made = item_class(registers, locks, values.counters)
        self.items: list[Item] = [made() for _ in range(window)]
        self.inboxes: dict[Parallel, Inbox] = {s: inbox_of(s) for s in plan.parallel}
        self.stopped = self.left = self.under_way = False
        self.entered = 0
        self._lock = threading.Lock()

    def objects(self) -> dict[str, Any]:
        """What the generated functions of this region use."""
        puts = {f"put{stage.number}": inbox.put for stage, inbox in self.inboxes.items()}
        return {
            **puts,
            "leave": self.leave,
            "recycle": self.recycle,
            "turns": self,
            "wanted": wanted,
        }

    def wait_until_empty(self, wait: Callable[[Any], None]) -> None:
        """Wait until all items have left; nobody may put one in meanwhile.

        Args:
            wait: Acquires a lock.
        """
        for item in self.items:
            wait(item.free)
            release(item.free)

    def in_order(self) -> itertools.cycle[Item]:
        """The items in the order of their numbers: one iterator for each serial stage."""
        return itertools.cycle(self.items)

    @property
    def full(self) -> bool:
        """Whether the next item would have to wait for its credit."""
        return self.items[self.entered % self.window].free.locked()

    @property
    def in_flight(self) -> int:
        """How many items are inside."""
        return sum(item.free.locked() for item in self.items)

    def ready(self, stage: Serial) -> int:
        """How many items wait for a stage that is to take them in order."""
        locks = [f"done_{before.number}" for before in stage.awaits]
        found = [[getattr(item, lock).locked() for lock in locks] for item in self.items]
        return sum(bool(held) and not any(held) for held in found)

    def next_item(self, future: Any, times: Times) -> Item:
        """The next item to enter, for whoever pushes; waits for its credit.

        The turn is taken only with the credit, so that a Ctrl-C during the wait changes nothing.

        Args:
            future: Where the result goes.
            times: Where the wait is counted.

        Raises:
            Stopped: The run has ended.
        """
        item = self.items[self.entered % self.window]
        if not item.free.acquire(False):
            times.wait(item.free.acquire)
        item.future = future  # before the check: `stop` marks all items, then it takes the futures
        if item.error is not None:
            item.future = None
            raise stopped_error()
        self.entered += 1
        return item

    def recycle(self, item: Item) -> None:
        """Make an item that carried an error ready for its next number."""
        if item.entered is not None:
            self.probes.drop(item)
        item.clear()
        with self._lock:  # `stop` may be marking it just now
            item.error = STOP if self.stopped else LEFT if self.left else None

    def leave(self, item: Item) -> bool:
        """What the tail does with an item that carries an error or a mark: say if it is the last.

        Raises:
            BaseException: What went wrong with the item; `Stopped`, if the run has ended.
        """
        error = item.error
        if error is STOP:
            raise stopped_error()
        self.recycle(item)
        if error is END:
            self._return()
        release(item.free)
        if error is not END and error is not LEFT:
            raise error
        return error is END

    def begin(self) -> None:
        """An epoch begins, which may be left early."""
        self.under_way = True

    def abandon(self) -> None:
        """The epoch was left: no cell takes an item any more, and the head reads none.

        The head may be at work on an item that is marked here: it goes on with it, and ends at the
        next one. All marked items pass all stages, as those that carry an error do.
        """
        with self._lock:
            if not self.under_way:  # the end has passed already
                return
            self.left = True
            for item in self.items:
                if item.error is None:
                    item.error = LEFT

    def _return(self) -> None:
        """The epoch has ended, and all other items are free: let the next one have them."""
        with self._lock:
            self.left = self.under_way = False
            for item in self.items:
                if item.error is LEFT:
                    item.error = None

    def stop(self) -> list[Any]:
        """Mark all items, and wake whoever waits for one.

        Returns:
            The futures of the items inside. They are taken before anybody is woken: whoever waited
            for the credit of an item puts another future in its place.
        """
        with self._lock:
            self.stopped = True
            for item in self.items:
                item.error = STOP
        futures = [item.future for item in self.items if item.future not in (None, END)]
        for item in self.items:
            item.future = None
            release(item.free)
            for name in item.locks:
                release(getattr(item, name))
        return futures


def release(lock: Any) -> None:
    """Release a lock that may be free: a stage that is still at work may do the same."""
    with suppress(RuntimeError):
        lock.release()


def quietly(work: Callable[[], Any], ring: Ring) -> Callable[[], None]:
    """The work of a thread; once the run stops, the locks that it releases may be free already."""

    def guarded() -> None:
        try:
            work()
        except RuntimeError:
            if not ring.stopped:
                raise

    return guarded
