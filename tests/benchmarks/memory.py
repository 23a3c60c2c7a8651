"""What stays in memory when a million items pass four clones, and how many are inside at once."""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torchpipe as tp
from tests.benchmarks import cells, peers
from tests.benchmarks.benchmark import Asked, Benchmark, Measure, Measurement
from tests.benchmarks.limits import Bare

CLONES = 4
ITEMS = 1_000_000
PAUSE = 5_000


class Probe:
    """Counts from outside: items that left the source, calls that run now, and the most of both."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.given = self.started = self.calls = self.most_calls = self.most_in_flight = 0

    def source(self, items: int) -> Iterator[bytearray]:
        """Yield objects of 100 bytes that nobody else holds."""
        for self.given in range(1, items + 1):
            yield bytearray(100)

    def call(self, item: bytearray) -> bytes:
        """The function that clones run; it returns another object."""
        with self.lock:
            self.started += 1
            self.calls += 1
            self.most_calls = max(self.most_calls, self.calls)
        if self.started % PAUSE < 2 * CLONES:
            time.sleep(0.001)  # a few calls in a row take long enough to overlap
        result = bytes(item)
        with self.lock:
            self.calls -= 1
        return result

    def consume(self, stream: Iterable[bytes]) -> list[int]:
        """Take every result; pause now and then, so that the window fills.

        Returns:
            The resident memory at each pause, in bytes.
        """
        resident = []
        for received, _ in enumerate(stream, 1):
            if received % PAUSE == 0:
                time.sleep(0.005)
                self.most_in_flight = max(self.most_in_flight, self.given - received)
                resident.append(resident_bytes())
        return resident


class Probed(tp.Cell):
    """The source: see `Probe.source`."""

    def __init__(self, probe: Probe, items: int):
        super().__init__()
        self.probe, self.items = probe, items

    def forward(self) -> Iterator[bytearray]:
        yield from self.probe.source(self.items)


def resident_bytes() -> int:
    """How much memory this process holds now; from `/proc`, so on Linux only."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def growth(stream: Callable[[Probe, int], Iterable[bytes]], items: int, window: int) -> Measure:
    """Measure how many bytes resident memory rises above what it was after a tenth of the items.

    Further figures: the most items in flight, over the window; the most calls at once, over the
    clones. A window of 0 stands for torchpipe's default.
    """

    def measure() -> Measurement:
        probe = Probe()
        resident = probe.consume(stream(probe, items))
        tenth = len(resident) // 10
        return {
            "value": max(resident[tenth:]) - resident[tenth],
            "items": items,
            "in_flight_of_window": probe.most_in_flight / (window or cells.default_window(CLONES)),
            "calls_of_clones": probe.most_calls / CLONES,
        }

    return measure


def bare(probe: Probe, items: int) -> Iterable[bytes]:
    return Bare(probe.source(items), probe.call, CLONES, window=32)


def torchpipe(probe: Probe, items: int) -> Iterable[bytes]:
    # A bound method would be copied with its probe for every clone; a function is shared.
    cell = cells.Apply(lambda item: probe.call(item))
    return cells.stream(cells.Scaled(Probed(probe, items), cell, CLONES))


def executor(probe: Probe, items: int) -> Iterable[bytes]:
    return peers.executor(probe.source(items), probe.call, CLONES, window=32)


def pypeln(probe: Probe, items: int) -> Iterable[bytes]:
    return peers.pypeln(probe.source(items), probe.call, CLONES, window=32)


MEMORY = Benchmark(
    name="memory",
    title=f"{ITEMS:,} items of 100 bytes through {CLONES} clones (peers: fewer)",
    unit="bytes that resident memory grows by",
    contenders={
        "bare": growth(bare, ITEMS, window=32),
        "torchpipe": growth(torchpipe, ITEMS, window=0),
        "executor": growth(executor, 100_000, window=32),
        "pypeln": growth(pypeln, 50_000, window=32),
    },
    asked=(
        Asked("torchpipe", "at most", 5e6),
        Asked("torchpipe", "at most", 1.0, key="in_flight_of_window"),
        Asked("torchpipe", "at most", 1.0, key="calls_of_clones"),
    ),
)
