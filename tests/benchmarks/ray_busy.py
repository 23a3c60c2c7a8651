"""How much of two cores is used where threads cannot: every item takes 5 ms of Python."""

import time
from collections.abc import Callable, Iterator

import numpy as np

import torchpipe as tp
from tests.benchmarks import apart, cells, peers, ray_peers
from tests.benchmarks.benchmark import Asked, Benchmark, Measure
from tests.benchmarks.timing import in_order, numbers, steady

CLONES = 2
ITEMS = 600
WARM = 96  # a multiple of a block of Ray Data
BLOCK = 24


def spin(item: int) -> int:
    """Take 5 ms of processor time, all of it with Python's global lock."""
    end = time.thread_time() + 0.005
    while time.thread_time() < end:
        pass
    return item


def loop(items: int) -> None:
    for item in range(items):
        spin(item)


def rate(stream: Callable[[int], Iterator[int]]) -> Measure:
    """Measure items per second; `stream(count)` gives their numbers."""
    return lambda: {"value": ITEMS / steady(in_order(stream(WARM + ITEMS)), ITEMS, WARM)}


def torchpipe(items: int) -> Iterator[int]:
    clones = [tp.RayClone()] * CLONES
    return cells.stream(cells.Scaled(cells.Numbers(items), cells.Apply(spin), clones))


def data_loader(items: int) -> Iterator[int]:
    return peers.data_loader(items, spin, CLONES)


def torchdata(items: int) -> Iterator[int]:
    return peers.torchdata(numbers(items), spin, CLONES, method="process")


def spdl(items: int) -> Iterator[int]:
    return peers.spdl_processes(numbers(items), spin, CLONES, window=32)


def actors(items: int) -> Iterator[int]:
    return ray_peers.actors(numbers(items), spin, CLONES)


def ray_data(items: int) -> Iterator[int]:
    return ray_peers.ray_data([*np.arange(items).reshape(-1, BLOCK)], spin, CLONES)


PEERS = {
    "DataLoader": rate(data_loader),
    "torchdata, processes": rate(torchdata),
    "spdl, processes": rate(spdl),
    "Ray actors": ray_peers.with_ray(rate(actors)),
    "Ray Data": ray_peers.with_ray(rate(ray_data)),
}

RAY_BUSY = Benchmark(
    name="ray-busy",
    title=f"5 ms of Python, {CLONES} Ray clones, ordered",
    unit="items/s",
    contenders={
        "two processes": apart.two_processes(loop, ITEMS),
        "torchpipe": ray_peers.with_ray(rate(torchpipe)),
        **PEERS,
    },
    asked=(
        Asked("torchpipe", "at least", 0.92, over="two processes"),
        *(Asked("torchpipe", "at least", 1.0, over=peer) for peer in PEERS),
    ),
)
