"""What a skip connection around a scaled cell costs: the same pipeline with and without it."""

from collections.abc import Callable

import torchpipe as tp
from tests.benchmarks import cells
from tests.benchmarks.benchmark import Asked, Benchmark, Measure
from tests.benchmarks.limits import Bare
from tests.benchmarks.sleeps import asleep
from tests.benchmarks.timing import last_of, numbers, seconds
from tests.benchmarks.trivial import increment

CLONES = 4
ITEMS = 1_600


def short(_item: int) -> float:
    """2 ms for every item."""
    return 0.002


def joined(cell: Callable[[], tp.Cell], items: int, *, skip: bool) -> Measure:
    """Measure torchpipe in items per second."""

    def consume(count: int) -> int:
        last: int = last_of(cells.stream(cells.Joined(count, cell(), CLONES, skip=skip)))
        return last

    return lambda: {"value": items / seconds(consume, items, cells.load)}


def by_hand(function: Callable[[int], int], items: int, *, skip: bool) -> Measure:
    """Measure the bare mechanism; with the skip, the value before travels beside the result."""

    def both(x: int) -> tuple[int, int]:
        return function(x), x

    def first(count: int) -> int | None:
        window = cells.default_window(CLONES)
        if not skip:
            return last_of(Bare(numbers(count), function, CLONES, window))
        last = None
        for last, _skipped in Bare(numbers(count), both, CLONES, window):  # noqa: B007
            pass
        return last

    return lambda: {"value": items / seconds(first, items)}


def sleep() -> tp.Cell:
    return cells.Apply(asleep(short))


SKIP = Benchmark(
    name="skip",
    title=f"a skip connection around a sleep of 2 ms, {CLONES} clones",
    unit="items/s",
    contenders={
        "bare": by_hand(asleep(short), ITEMS, skip=False),
        "bare, skip": by_hand(asleep(short), ITEMS, skip=True),
        "torchpipe, no skip": joined(sleep, ITEMS, skip=False),
        "torchpipe": joined(sleep, ITEMS, skip=True),
    },
    asked=(Asked("torchpipe", "at least", 0.98, over="torchpipe, no skip"),),
)

SKIP_TRIVIAL = Benchmark(
    name="skip-trivial",
    title=f"a skip connection around a trivial cell, {CLONES} clones",
    unit="items/s",
    contenders={
        "bare": by_hand(increment, 300_000, skip=False),
        "bare, skip": by_hand(increment, 300_000, skip=True),
        "torchpipe, no skip": joined(cells.Increment, 300_000, skip=False),
        "torchpipe": joined(cells.Increment, 300_000, skip=True),
    },
    asked=(Asked("torchpipe", "at least", 0.98, over="torchpipe, no skip"),),
)
