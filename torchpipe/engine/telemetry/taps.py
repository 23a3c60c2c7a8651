"""`Taps`: looks at single outputs of cells while the pipeline runs.

Guarantees:

- While nobody looks, cells that run on an item cost nothing more, and nothing is kept: only items
  that are timed can be looked at, and while somebody looks all are.
- A look sees one output, in the thread that got it from the cell, before another stage has it. What
  it sees is neither copied nor kept here.
- What a look raises goes to whoever looks; the item goes on as if nobody had looked.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any, NamedTuple, TypeVar

from torchpipe.engine.remote.held import Held
from torchpipe.errors import RunError
from torchpipe.graph.flat import Node, Unbundle
from torchpipe.graph.hole import HOLE

T = TypeVar("T")


class Look(NamedTuple):
    """A look that waits for an output: what to do with it, and who wants to know."""

    see: Callable[[Any], Any]
    future: Future[Any]


class Taps:
    """Where the outputs of the cells of a run can be looked at.

    Args:
        ids: The numbers of the nodes, under which their outputs pass.
        arm: Called when the first waits for an output: all items shall be timed from then on.
        disarm: Called when nobody does any more.

    Attributes:
        armed: Whether anybody waits for an output.
    """

    __slots__ = ("_arm", "_disarm", "_end", "_lock", "_looks", "_numbers", "armed")

    def __init__(
        self,
        ids: Mapping[Node, int],
        arm: Callable[[], None] = lambda: None,
        disarm: Callable[[], None] = lambda: None,
    ):
        self.armed = False
        self._arm, self._disarm = arm, disarm
        self._end: BaseException | None = None
        self._numbers = numbers_of(ids)
        self._looks: dict[int, list[Look]] = {}
        self._lock = threading.Lock()

    def look(self, path: str, see: Callable[[Any], T]) -> Future[T]:
        """Call `see` with the next output of the cell at this path; see `Run.tap`.

        Raises:
            RunError: There is no such cell; or what `end` was given.
        """
        number = self._numbers.get(path)
        if number is None:
            there = ", ".join(self._numbers)
            raise RunError(f"there is no cell {path!r} to look at; there are: {there}.")
        look = Look(see, Future())
        with self._lock:
            if self._end is not None:
                raise self._end
            self._looks.setdefault(number, []).append(look)
            self._look_or_not()
        look.future.add_done_callback(partial(self._drop, number, look))
        return look.future

    def take(self, number: int, output: Any) -> None:
        """The output of a cell passes: show it to all who wait for it."""
        if output is HOLE or number not in self._looks:
            return
        with self._lock:
            looks = self._looks.pop(number, [])
            self._look_or_not()
        for look in looks:
            if look.future.set_running_or_notify_cancel():
                shown(look, output)

    def _look_or_not(self) -> None:
        """Have items timed as long as somebody waits for an output; by whoever holds the lock."""
        before, self.armed = self.armed, bool(self._looks)
        if self.armed and not before:
            self._arm()
        elif before and not self.armed:
            self._disarm()

    def _drop(self, number: int, look: Look, _: Future[Any]) -> None:
        """Nobody wants to know any more."""
        with self._lock:
            if look in self._looks.get(number, ()):
                self._looks[number].remove(look)
                self._looks = {number: looks for number, looks in self._looks.items() if looks}
                self._look_or_not()

    def end(self, error: BaseException) -> None:
        """No output passes any more: those who wait get this error."""
        with self._lock:
            looks = [look for waiting in self._looks.values() for look in waiting]
            self._looks, self._end = {}, error
            self._look_or_not()
        for look in looks:
            if look.future.set_running_or_notify_cancel():
                look.future.set_exception(error)


def shown(look: Look, output: Any) -> None:
    """Let somebody see an output."""
    try:
        look.future.set_result(look.see(unpacked(output)))
    except Exception as error:
        look.future.set_exception(error)


def unpacked(output: Any) -> Any:
    """The output with what lies in memory of this machine; what is on another one stays there."""
    if type(output) is tuple:
        return tuple(map(unpacked, output))
    return output.value() if type(output) is Held else output


def numbers_of(ids: Mapping[Node, int]) -> dict[str, int]:
    """The number under which each cell's outputs pass: of a bundle they do when it is opened."""
    opened = {n.parents[0].path: i for n, i in ids.items() if isinstance(n.cell, Unbundle)}
    own = {n.path: i for n, i in ids.items() if n.outputs and not isinstance(n.cell, Unbundle)}
    return own | opened
