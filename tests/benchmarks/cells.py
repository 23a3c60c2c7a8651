"""The torchpipe side: the cells and pipelines that the benchmarks run."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import torchpipe as tp


class Numbers(tp.Cell):
    """A source: 0, 1, 2, ..."""

    def __init__(self, items: int):
        super().__init__()
        self.items = items

    def forward(self) -> Iterator[int]:
        yield from range(self.items)


class Yields(tp.Cell):
    """A source: what `stream(*arguments)` yields."""

    def __init__(self, stream: Callable[..., Iterator[Any]], *arguments: Any):
        super().__init__()
        self.stream, self.arguments = stream, arguments

    def forward(self) -> Iterator[Any]:
        yield from self.stream(*self.arguments)


class Increment(tp.Cell):
    """The trivial cell."""

    def forward(self, x: int) -> int:
        return x + 1


class Apply(tp.Cell):
    """Calls a function that clones share."""

    def __init__(self, function: Callable[[Any], Any]):
        super().__init__()
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


class First(tp.Cell):
    """The cell after a scaled one: takes its result."""

    def forward(self, scaled: int) -> int:
        return scaled


class FirstOfTwo(tp.Cell):
    """The same with a skip connection: takes the scaled result and the value from before it."""

    def forward(self, scaled: int, skipped: int) -> int:
        return scaled


class Chain(tp.Pipeline):
    """A source and `length` trivial cells, none of them scaled."""

    def __init__(self, items: int, length: int):
        super().__init__()
        self.numbers = Numbers(items)
        self.steps = [Increment() for _ in range(length)]

    def build(self) -> Any:
        x = self.numbers()
        for step in self.steps:
            x = step(x)
        return x


class Scaled(tp.Pipeline):
    """A source and one scaled cell."""

    def __init__(self, source: tp.Cell, cell: tp.Cell, clones: int | Sequence[tp.Clone]):
        super().__init__()
        self.source = source
        self.scaled = tp.ScaleUp(cell, clones=clones)

    def build(self) -> Any:
        return self.scaled(self.source())


class Joined(tp.Pipeline):
    """A source, a scaled cell and one after it; with `skip`, also connected past the scaled one."""

    def __init__(self, items: int, cell: tp.Cell, clones: int, *, skip: bool):
        super().__init__()
        self.numbers = Numbers(items)
        self.scaled = tp.ScaleUp(cell, clones=clones)
        self.join = FirstOfTwo() if skip else First()
        self.skip = skip

    def build(self) -> Any:
        x = self.numbers()
        return self.join(self.scaled(x), x) if self.skip else self.join(self.scaled(x))


def stream(pipeline: tp.Pipeline, window: int | None = None) -> Iterator[Any]:
    """Deploy the pipeline, yield what it gives and stop it.

    The first item waits for the whole start: check, plan and deployment are part of what is timed.
    """
    with pipeline.run(window=window) as run:
        yield from run


def load() -> None:
    """Load what torchpipe loads at its first run, with a pipeline that no benchmark measures.

    It shares no generated function with those, so that they start as cold as a user's first run.
    """
    with Chain(1, 1).run() as run:
        list(run)


@cache
def default_window(clones: int) -> int:
    """Ask torchpipe which window it takes for one scaled cell when not told."""
    with Scaled(Numbers(1), Increment(), clones).run() as run:
        return run.window
