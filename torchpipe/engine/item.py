"""`Item`: one number of a stream, on its way through the stages of a region.

Items are made once, `window` of them, and used again and again: a region is a ring. An item carries
its *registers*, one slot per value that passes from one stage to another, and its locks:

- `free` is the credit: held from the moment the head takes the item until the tail lets it go.
- `done_<i>` is held until parallel stage `i` is done with the item; the serial stage that awaits it
  takes it again. So each lock is released by one stage and acquired by one other.
- `signals_<i>` counts down the stages that must be done before parallel stage `i` may start:
  whoever pops the 0 is the last and hands the item over. `readers_<...>` does the same for a value
  that several stages read at once: the last one lets it go.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any


class Mark:
    """Why an item carries no values."""

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return self.name


END = Mark("END")  # the stream ends here
LEFT = Mark("LEFT")  # the epoch was left early: no cell takes it
STOP = Mark("STOP")  # the run ends
RETIRE = Mark("RETIRE")  # no item: a clone is called back
CANCELLED = Mark("CANCELLED")  # nobody waits for its result
CLOSED = Mark("CLOSED")  # the session that it belongs to ends


class Item:
    """What all items have; each region derives a class with slots for its registers and locks.

    Attributes:
        number: The item's number in its region, from 0 unless the run was told otherwise.
        origin: In another region than the first: the item of that one which it was made of.
        error: None; or what went wrong with this item; or a `Mark`.
        cut: What takes along the states of all cells before this item, see `Cut`; mostly None.
        free: The credit, see above.
        future: Where the result goes, for items that were submitted one by one.
        entered: For a probe, when it entered, by `perf_counter`; else None. See `Probes`.
    """

    __slots__ = ("cut", "entered", "error", "free", "future", "number", "origin")

    registers: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()
    counters: tuple[tuple[str, tuple[int, ...]], ...] = ()

    def __init__(self) -> None:
        self.number = self.origin = -1
        self.error: Any = None
        self.future: Any = None
        self.free = threading.Lock()
        for name in self.locks:
            lock = threading.Lock()
            lock.acquire()
            setattr(self, name, lock)
        self.clear()

    def clear(self) -> None:
        """Let all values go and start all counters again."""
        self.cut: Any = None
        self.entered: float | None = None
        for name in self.registers:
            setattr(self, name, None)
        for name, start in self.counters:
            setattr(self, name, list(start))


def wanted(item: Item) -> bool:
    """Whether somebody still waits for an item; if its future was cancelled, mark it as well.

    Only a stage that has taken the item asks, so the mark is never left on the next number.
    """
    future = item.future
    if future is None or not future.cancelled():
        return True
    item.error = CANCELLED
    return False


def item_class(
    registers: Iterable[str], locks: Iterable[str], counters: dict[str, int]
) -> type[Item]:
    """A class of items with these registers, locks, and counters (name to start)."""
    names = tuple(registers), tuple(locks), tuple((n, tuple(range(c))) for n, c in counters.items())
    slots = (*names[0], *names[1], *counters)
    body = {"__slots__": slots, "registers": names[0], "locks": names[1], "counters": names[2]}
    return type("RegionItem", (Item,), body)
