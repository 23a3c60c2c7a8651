"""What the tests of the engine are made of: small pipelines, and functions in threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from types import MethodType
from typing import Any, NamedTuple

import torchpipe as tp
from torchpipe.testing import Gate

TIMEOUT = 10.0  # seconds that anything may take before the test fails


class Made(tp.Pipeline):
    """A pipeline of these cells, connected by a function of it (and of its inputs)."""

    def __init__(self, build: Callable[..., Any], **cells: tp.Cell):
        super().__init__()
        for name, cell in cells.items():
            setattr(self, name, cell)
        self.build = MethodType(build, self)


def line(**cells: tp.Cell) -> Made:
    """Cells one after the other; the first is a source."""
    first, *others = cells

    def build(self):
        value = getattr(self, first)()
        for name in others:
            value = getattr(self, name)(value)
        return value

    return Made(build, **cells)


def open_line(**cells: tp.Cell) -> Made:
    """Cells one after the other; the first gets the pipeline's input."""

    def build(self, x):
        for name in cells:
            x = getattr(self, name)(x)
        return x

    return Made(build, **cells)


def scaled(cell: Any, clones: Any = 2) -> tp.ScaleUp:
    """The cell, or the function, in clones."""
    return tp.ScaleUp(cell if isinstance(cell, tp.Cell) else tp.cell(cell), clones=clones)


def consume(pipeline: tp.Pipeline, **options: Any) -> list[Any]:
    """All results of one epoch."""
    with pipeline.run(**options) as run:
        return list(run)


class Add(tp.Cell):
    """Adds one."""

    def forward(self, x: int) -> int:
        return x + 1


class Total(tp.Cell):
    """The sum of all items so far."""

    stateful = True

    def reset(self) -> None:
        self.total = 0

    def forward(self, x: int) -> int:
        self.total += x
        return self.total


class Pass(tp.Cell):
    """Passes items on, in order."""

    stateful = True

    def forward(self, x: Any) -> Any:
        return x


class Odd(tp.Cell):
    """Drops even numbers."""

    filters = True

    def forward(self, x: int) -> int:
        return x if x % 2 else tp.HOLE


class Parts(NamedTuple):
    half: int
    rest: int


class Divide(tp.Cell):
    """Two outputs."""

    def forward(self, x: int) -> Parts:
        return Parts(x // 2, x % 2)


class Fails(tp.Cell):
    """Passes items on, and raises at one of them."""

    def __init__(self, at: Any, error: type[BaseException] = ValueError):
        self.at, self.error = at, error

    def forward(self, x: Any) -> Any:
        if x == self.at:
            raise self.error(f"no {x}")
        return x


class Background:
    """A function in a thread of its own; `result` waits for what it returns or raises."""

    def __init__(self, function: Callable[..., Any], *args: Any):
        self.future: Future[Any] = Future()
        self.thread = threading.Thread(target=self._main, args=(function, *args), daemon=True)
        self.thread.start()

    def _main(self, function: Callable[..., Any], *args: Any) -> None:
        try:
            self.future.set_result(function(*args))
        except BaseException as error:
            self.future.set_exception(error)

    def result(self) -> Any:
        """What the function returned, or raised; fails if it takes too long."""
        result = self.future.result(TIMEOUT)
        self.thread.join(TIMEOUT)
        return result

    def error(self) -> BaseException | None:
        """What the function raised, or None."""
        error = self.future.exception(TIMEOUT)
        self.thread.join(TIMEOUT)
        return error


def happens(event: threading.Event) -> None:
    """Wait for an event, and fail if it does not happen."""
    assert event.wait(TIMEOUT), "waited in vain"


def torchpipe_threads() -> list[str]:
    """The names of all threads of runs."""
    names = [thread.name for thread in threading.enumerate()]
    return sorted(name for name in names if name.startswith("torchpipe"))


def notes(error: BaseException) -> list[str]:
    """The notes on an error."""
    return getattr(error, "__notes__", [])


def gates(count: int) -> list[Gate]:
    """Several gates."""
    return [Gate() for _ in range(count)]


class Held(tp.Cell):
    """Yields three numbers; a gate decides when it may make each of them."""

    def __init__(self, gate: Gate, closed: list[int]):
        super().__init__()
        self.gate, self.closed = gate, closed

    def __deepcopy__(self, memo):
        return Held(self.gate, self.closed)

    def forward(self, x: int) -> Iterator[int]:
        try:
            for number in range(10 * x, 10 * x + 3):
                self.gate.hold(number)
                yield number
        finally:
            self.closed.append(x)
