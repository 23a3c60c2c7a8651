"""`Recorder`: a cell that notes how it is called."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

from torchpipe.graph.clone import Clone
from torchpipe.testing.gates import Shared


class Event(NamedTuple):
    """One call that a `Recorder` saw.

    Attributes:
        call: The name of the method: "setup", "forward" and so on.
        item: What `forward` got; None for other methods.
        clone: The number of the clone.
        thread: The name of the thread in which it was called.

    >>> Event("forward", 3, clone=0, thread="MainThread").item
    3
    """

    call: str
    item: Any
    clone: int
    thread: str


class Recorder(Shared):
    """Notes each call of its methods, in all clones.

    Attributes:
        events: What was called, in the order of the calls.

    >>> recorder = Recorder()
    >>> recorder("a"), recorder("b"), recorder.items
    ('a', 'b', ['a', 'b'])
    >>> [event.call for event in recorder.events]
    ['setup', 'reset', 'forward', 'forward']
    """

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.clone = -1

    def setup(self, clone: Clone) -> None:
        """Note the clone's number, too."""
        self.clone = clone.index
        self._note("setup")

    def reset(self) -> None:
        """Note the call."""
        self._note("reset")

    def forward(self, item: Any) -> Any:
        """Note the item, and return it."""
        self._note("forward", item)
        return item

    def teardown(self) -> None:
        """Note the call."""
        self._note("teardown")

    def _note(self, call: str, item: Any = None) -> None:
        self.events.append(Event(call, item, self.clone, threading.current_thread().name))

    def of(self, call: str) -> list[Event]:
        """The events of one kind: "setup", "reset", "forward" or "teardown"."""
        return [event for event in self.events if event.call == call]

    @property
    def items(self) -> list[Any]:
        """The items, in the order in which `forward` got them."""
        return [event.item for event in self.of("forward")]
