"""What a Ray clone costs: microseconds an item through a cell that does next to nothing."""

from collections.abc import Callable, Iterator

import torchpipe as tp
from tests.benchmarks import cells, ray_peers
from tests.benchmarks.benchmark import Asked, Benchmark, Measure
from tests.benchmarks.timing import in_order, numbers, steady

CHUNK = 64
SINGLE = 8


def same(item: int) -> int:
    """The trivial step."""
    return item


def each(stream: Callable[[int], Iterator[int]], items: int) -> Measure:
    """Measure microseconds an item; `stream(count)` gives the numbers of the items."""

    def measure() -> dict[str, float]:
        warm = items // 10
        return {"value": steady(in_order(stream(warm + items)), items, warm) / items * 1e6}

    return ray_peers.with_ray(measure)


def torchpipe(window: int | None = None) -> Measure:
    """Measure torchpipe; at its default window if none is given."""

    def stream(items: int) -> Iterator[int]:
        pipeline = cells.Scaled(cells.Numbers(items), cells.Apply(same), [tp.RayClone()])
        return cells.stream(pipeline, window)

    return each(stream, 100_000)


def many_a_call(items: int) -> Iterator[int]:
    return ray_peers.actor_chunks(numbers(items), same, CHUNK)


def one_a_call(items: int) -> Iterator[int]:
    return ray_peers.actors(numbers(items), same, count=1, in_flight=SINGLE)


MANY, ONE = f"Ray actor, {CHUNK} items a call", f"Ray actor, {SINGLE} calls in flight"

RAY_TRIVIAL = Benchmark(
    name="ray-trivial",
    title="a trivial cell, one Ray clone",
    unit="us an item",
    contenders={
        MANY: each(many_a_call, 100_000),
        "torchpipe": torchpipe(),
        "torchpipe, window 64": torchpipe(64),
        ONE: each(one_a_call, 4_000),
    },
    asked=(
        Asked("torchpipe", "at most", 3, over=MANY),
        Asked("torchpipe", "at most", 1 / 15, over=ONE),
    ),
)
