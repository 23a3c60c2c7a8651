"""`Reply`: the results of one item that gives several, on their way to whoever takes them.

Guarantees:

- The results of an item come in order, each as soon as it is there; none is lost or comes twice.
- At most `ahead` of them wait to be taken: then the stage that has the next one waits.
- An error comes in its place, after the results before it. Nothing comes after it.
- Once nobody wants the rest, no stage takes a part of the item, and none waits for room.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

from torchpipe.engine.item import END, Mark
from torchpipe.graph.hole import HOLE

WAITING = Mark("WAITING")


class Unwanted(Exception):
    """Raised in a stage that has more of an item which nobody waits for; nobody sees it."""


class Reply:
    """What one item gives. Its *parts* are the item, and all that it is made into on the way.

    The lock may be taken twice by a thread: the collector of garbage may cancel, at any line.

    Args:
        ahead: Most results that wait to be taken, or None.
        came: Called when there is something to take after there was nothing, in whichever thread.
    """

    def __init__(self, ahead: int | None = None, came: Callable[[], None] | None = None):
        self._ahead, self._came = ahead, came
        self._changed = threading.Condition(threading.RLock())
        self._values: deque[Any] = deque()
        self._parts = 1
        self._error: BaseException | None = None

    # -- what the run does

    def cancelled(self) -> bool:
        """Whether no stage shall take a part of the item any more."""
        return self._error is not None

    @property
    def full(self) -> bool:
        """Whether the next result has to wait for room."""
        return len(self._values) == self._ahead and self._error is None

    def enter(self) -> None:
        """One more part is on its way.

        Raises:
            Unwanted: Nobody waits for it.
        """
        with self._changed:
            if self._error is not None:
                raise Unwanted
            self._parts += 1

    def leave(self, out: Any, error: BaseException | None) -> None:
        """A part has passed all stages; a hole, if it has no result of its own."""
        if error is not None:
            self.fail(error)
        elif out is HOLE or self._gave(out):
            self._left()

    def _gave(self, out: Any) -> bool:
        try:
            self.give(out)
        except Unwanted:
            return False
        return True

    def _left(self) -> None:
        with self._changed:
            if not self._parts:  # the clone that gave the results has said so already
                return
            self._parts -= 1
            over = not self._parts
        if over:
            self._tell()

    def give(self, out: Any) -> None:
        """Add a result; waits for room.

        Raises:
            Unwanted: Nobody waits for it.
        """
        self.wait_for_room()
        with self._changed:
            if self._error is not None:
                raise Unwanted
            self._values.append(out)
            first = len(self._values) == 1
        if first:
            self._tell()

    def wait_for_room(self) -> None:
        """Wait until there is room for a result, or nobody waits for one."""
        with self._changed:
            self._changed.wait_for(lambda: not self.full)

    def make_room(self) -> None:
        """Let any number of results wait: nobody may be there to take them."""
        with self._changed:
            self._ahead = None
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """Nothing comes after what is there, because of this error."""
        with self._changed:
            if self._error is not None or not self._parts:
                return
            self._error = error
        self._tell()

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()
        if self._came is not None:
            self._came()

    # -- what whoever takes the results does

    def take_nowait(self) -> Any:
        """The next result; `WAITING` if it is not there yet, `END` if there are no more.

        Raises:
            BaseException: What went wrong with the item.
        """
        with self._changed:
            if self._values:
                value = self._values.popleft()
                self._changed.notify_all()
                return value
            if self._error is not None:
                raise self._error
            return WAITING if self._parts else END

    def take(self) -> Any:
        """The next result; `END` if there are no more. Waits for it."""
        with self._changed:
            while (value := self.take_nowait()) is WAITING:
                self._changed.wait()
        return value

    def cancel(self) -> None:
        """Drop what has not been taken: no stage takes a part of the item from here on."""
        with self._changed:
            self._values.clear()
        self.fail(CancelledError("the results were cancelled."))
