"""What an array costs that passes two Ray stages on one machine, one after the other."""

from collections.abc import Iterator
from typing import Any

import numpy as np

import torchpipe as tp
from tests.benchmarks import cells, peers, ray_peers
from tests.benchmarks.arrays import Arrays
from tests.benchmarks.benchmark import Asked, Benchmark
from tests.benchmarks.ring import ring

ARRAYS = Arrays((512, 512), "float32", becomes=np.positive)
IN_FLIGHT = 4  # two for each stage


def arrays(count: int) -> Iterator[np.ndarray]:
    return ARRAYS.stream(count)


def negative(array: np.ndarray) -> np.ndarray:
    """What each stage does: a new array; two of them give the first one."""
    negated: np.ndarray = np.negative(array)
    return negated


class TwoStages(tp.Pipeline):
    """A source and two Ray stages."""

    def __init__(self, count: int):
        super().__init__()
        self.arrays = cells.Yields(arrays, count)
        self.first = tp.ScaleUp(cells.Apply(negative), clones=[tp.RayClone()])
        self.second = tp.ScaleUp(cells.Apply(negative), clones=[tp.RayClone()])

    def build(self) -> Any:
        return self.second(self.first(self.arrays()))


def torchpipe(count: int) -> Iterator[np.ndarray]:
    return cells.stream(TwoStages(count))


def references(count: int) -> Iterator[np.ndarray]:
    """Actors by hand: the second one gets the first one's reference."""
    import ray

    first, second = ray_peers.callers(negative, 2)

    def send(array: np.ndarray) -> Any:
        return second.call.remote(first.call.remote(array))

    yield from peers.overlapped(arrays(count), send, ray.get, IN_FLIGHT)


def via_driver(count: int) -> Iterator[np.ndarray]:
    """Actors by hand: the driver takes the first one's results and sends them on."""
    between = ray_peers.actors(arrays(count), negative, count=1)
    return ray_peers.actors(between, negative, count=1)


def by_hand(count: int) -> Iterator[np.ndarray]:
    return ring(arrays(count), np.negative, 2, like=ARRAYS.eight[0])


RAY_STAGES = Benchmark(
    name="ray-stages",
    title="arrays of 1 MB through two Ray stages on this machine, one after the other",
    unit="ms an item",
    contenders={
        "shared-memory ring": ARRAYS.each(by_hand, 2_000),
        "torchpipe": ray_peers.with_ray(ARRAYS.each(torchpipe, 1_000)),
        "Ray actors, references": ray_peers.with_ray(ARRAYS.each(references, 400)),
        "Ray actors, via the driver": ray_peers.with_ray(ARRAYS.each(via_driver, 400)),
    },
    asked=(Asked("torchpipe", "at most", 1.5),),
)
