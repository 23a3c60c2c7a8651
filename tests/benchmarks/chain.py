"""What a chain of trivial cells costs when nothing is scaled up: calls, and nothing else."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.benchmarks import cells, peers
from tests.benchmarks.benchmark import Asked, Benchmark, Measure
from tests.benchmarks.timing import last_of, numbers, seconds

LENGTH = 8


class Step:
    """The trivial step of the hand-written limits."""

    def forward(self, x: int) -> int:
        return x + 1


def direct(items: int) -> int | None:
    """Call eight methods, one inside the other, in a loop over the source."""
    a, b, c, d, e, f, g, h = (Step() for _ in range(LENGTH))
    last = None
    for x in numbers(items):
        last = h.forward(
            g.forward(f.forward(e.forward(d.forward(c.forward(b.forward(a.forward(x)))))))
        )
    return last


def generator(items: int) -> Iterator[int]:
    """The same calls in a generator, which a loop then consumes."""
    a, b, c, d, e, f, g, h = (Step() for _ in range(LENGTH))
    for x in numbers(items):
        yield h.forward(
            g.forward(f.forward(e.forward(d.forward(c.forward(b.forward(a.forward(x)))))))
        )


def functions() -> list[Callable[[int], int]]:
    """The steps as peers take them."""
    return [Step().forward for _ in range(LENGTH)]


def per_cell(consume: Callable[[int], Any], items: int) -> Measure:
    """Measure microseconds per cell and item."""
    return lambda: {"value": seconds(consume, items) / items / LENGTH * 1e6}


def consumed(stream: Callable[[int], Iterator[int]]) -> Callable[[int], Any]:
    return lambda items: last_of(stream(items))


CHAIN = Benchmark(
    name="chain",
    title=f"a chain of {LENGTH} trivial cells, no clones",
    unit="us per cell and item",
    contenders={
        "direct calls": per_cell(direct, 1_000_000),
        "generator": per_cell(consumed(generator), 1_000_000),
        "torchpipe": per_cell(consumed(lambda n: cells.stream(cells.Chain(n, LENGTH))), 1_000_000),
        "torchdata": per_cell(
            consumed(lambda n: peers.torchdata_chain(numbers(n), functions())), 150_000
        ),
        "pypeln.sync": per_cell(
            consumed(lambda n: peers.pypeln_chain(numbers(n), functions())), 40_000
        ),
        "spdl": per_cell(
            consumed(lambda n: peers.spdl(numbers(n), functions(), workers=1, window=32)), 400
        ),
    },
    asked=(
        Asked("torchpipe", "at most", 0.12),
        Asked("torchpipe", "at most", 2.5, over="direct calls"),
    ),
)
