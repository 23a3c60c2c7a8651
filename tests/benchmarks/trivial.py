"""What ordered thread clones cost: items per second through a cell that does next to nothing."""

from collections.abc import Callable, Iterator

from tests.benchmarks import cells, peers
from tests.benchmarks.benchmark import Asked, Benchmark, Measure, Measurement
from tests.benchmarks.limits import Bare
from tests.benchmarks.timing import last_of, numbers, seconds

CLONES = 4


def increment(x: int) -> int:
    return x + 1


def pipeline(items: int) -> cells.Scaled:
    return cells.Scaled(cells.Numbers(items), cells.Increment(), CLONES)


def bare(window: int | None = None) -> Measure:
    """Measure the hand-written limit; at torchpipe's default window if none is given."""

    def measure() -> Measurement:
        size = window or cells.default_window(CLONES)
        elapsed = seconds(lambda n: Bare(numbers(n), increment, CLONES, size).last(), 400_000)
        return {"value": 400_000 / elapsed, "window": size}

    return measure


def torchpipe(window: int | None = None) -> Measure:
    """Measure torchpipe; at its default window if none is given."""

    def measure() -> Measurement:
        elapsed = seconds(lambda n: last_of(cells.stream(pipeline(n), window)), 400_000, cells.load)
        return {"value": 400_000 / elapsed, "window": window or cells.default_window(CLONES)}

    return measure


def peer(stream: Callable[[int], Iterator[int]], items: int) -> Measure:
    """Measure another library over as many items as it passes in a second or two."""
    return lambda: {"value": items / seconds(lambda n: last_of(stream(n)), items)}


def executor(items: int) -> Iterator[int]:
    window = cells.default_window(CLONES)
    return peers.executor(numbers(items), increment, CLONES, window)


def torchdata(items: int) -> Iterator[int]:
    return peers.torchdata(numbers(items), increment, CLONES)


def torchdata_prebatch(items: int) -> Iterator[int]:
    return peers.torchdata(numbers(items), increment, CLONES, prebatch=32)


def pypeln(items: int) -> Iterator[int]:
    return peers.pypeln(numbers(items), increment, CLONES, window=128)


def spdl(items: int) -> Iterator[int]:
    return peers.spdl(numbers(items), [increment], CLONES, window=128)


TRIVIAL = Benchmark(
    name="trivial",
    title=f"a trivial cell, {CLONES} thread clones, ordered",
    unit="items/s",
    contenders={
        "bare": bare(),
        "torchpipe": torchpipe(),
        "bare, window 32": bare(32),
        "torchpipe, window 32": torchpipe(32),
        "bare, window 128": bare(128),
        "torchpipe, window 128": torchpipe(128),
        "executor": peer(executor, 60_000),
        "torchdata": peer(torchdata, 12_000),
        "torchdata, prebatch 32": peer(torchdata_prebatch, 200_000),
        "pypeln": peer(pypeln, 20_000),
        "spdl": peer(spdl, 2_000),
    },
    asked=(
        Asked("torchpipe", "at least", 250_000),
        Asked("torchpipe", "at least", 0.6, over="bare"),
        Asked("torchpipe", "at least", 2.5, over="executor"),
        Asked("torchpipe, window 32", "at least", 0.6, over="bare, window 32"),
        Asked("torchpipe, window 128", "at least", 0.6, over="bare, window 128"),
    ),
)
