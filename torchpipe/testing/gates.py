"""`Gate` and `Barrier`: cells that decide when the calls of a test may return."""

from __future__ import annotations

import copy
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

from torchpipe.graph.cell import Cell
from torchpipe.testing.waiting import TIMEOUT, wait_for


class Shared(Cell):
    """A cell whose copies share its attributes, deep copies too: a test watches all clones."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return copy.copy(self)


class Gate(Shared):
    """Decides when the `forward` of each item may return.

    Args:
        number: Tells the number of an item; by default the item is its number.
        timeout: Seconds after which a wait fails, in the cell as in the test.

    >>> gate = Gate()
    >>> thread = threading.Thread(target=gate.hold, args=(0,))
    >>> thread.start()
    >>> gate.wait_until_inside(0)
    >>> gate.inside
    frozenset({0})
    >>> gate.open(0)
    >>> thread.join()
    """

    def __init__(self, number: Callable[[Any], int] = int, timeout: float = TIMEOUT):
        super().__init__()
        self.number, self.timeout = number, timeout
        self._changed = threading.Condition()
        self._waiting: list[int] = []
        self._opened: set[int] = set()
        self._open_to_all = threading.Event()

    def forward(self, item: Any) -> Any:
        """Wait until the gate is open for the item, and return the item."""
        self.hold(self.number(item))
        return item

    def hold(self, number: int) -> None:
        """Report the item inside, and wait until the gate is open for it."""
        with self._changed:
            self._waiting.append(number)
            self._changed.notify_all()
            try:
                self._wait(lambda: self.is_open(number), f"gate.open({number})")
            finally:
                self._waiting.remove(number)
                self._changed.notify_all()

    def is_open(self, number: int) -> bool:
        """Whether the item may pass."""
        return self._open_to_all.is_set() or number in self._opened

    def open(self, *numbers: int) -> None:
        """Let these items pass, now and later; without a number, all items."""
        with self._changed:
            self._opened.update(numbers)
            if not numbers:
                self._open_to_all.set()
            self._changed.notify_all()

    @property
    def inside(self) -> frozenset[int]:
        """The items that are inside now, waiting."""
        with self._changed:
            return frozenset(self._waiting)

    def wait_until_inside(self, *numbers: int) -> None:
        """Wait until these items are inside, all at once."""
        wanted = set(numbers)
        self._wait(lambda: wanted <= set(self._waiting), f"items {sorted(wanted)} inside")

    def _wait(self, predicate: Callable[[], bool], what: str) -> None:
        def told() -> str:
            return f"{what}; inside are {self._waiting}, opened {sorted(self._opened)}"

        wait_for(self._changed, predicate, told, self.timeout)


class Barrier(Shared):
    """Proves that N calls are inside together: none returns before, all do afterwards.

    Args:
        parties: N, how many calls must meet.
        timeout: Seconds after which a call that waits for the others fails.

    >>> barrier = Barrier(parties=1)
    >>> barrier("item"), barrier.most_inside
    ('item', 1)
    """

    def __init__(self, parties: int, timeout: float = TIMEOUT):
        super().__init__()
        self.parties, self.timeout = parties, timeout
        self._changed = threading.Condition()
        self._calls: Counter[str] = Counter()

    def forward(self, item: Any) -> Any:
        """Meet the other calls, and return the item."""
        self.meet()
        return item

    def meet(self) -> None:
        """Wait until `parties` calls have been inside at the same time."""
        calls = self._calls
        with self._changed:
            calls["inside"] += 1
            calls["most"] = max(calls["most"], calls["inside"])
            self._changed.notify_all()
            try:
                wait_for(self._changed, lambda: self.met, self._told, self.timeout)
            finally:
                calls["inside"] -= 1

    def _told(self) -> str:
        return f"{self.parties} calls inside together; there were {self.most_inside}"

    @property
    def met(self) -> bool:
        """Whether `parties` calls were inside together."""
        return self.most_inside >= self.parties

    @property
    def most_inside(self) -> int:
        """The most calls that were inside at the same time so far."""
        return self._calls["most"]
