"""How much CPU time a deployed pipeline takes while nobody asks it for anything."""

import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import torchpipe as tp
from tests.benchmarks import cells, peers
from tests.benchmarks.benchmark import Asked, Benchmark, Measure, Measurement
from tests.benchmarks.limits import Bare
from tests.benchmarks.timing import numbers
from tests.benchmarks.trivial import increment

CLONES = 4
SECONDS = 3.0


def cpu_while_idle() -> Measurement:
    """Let everything settle, then measure the CPU time that all threads take in three seconds."""
    time.sleep(0.3)
    start = time.process_time()
    time.sleep(SECONDS)
    return {"value": time.process_time() - start}


def pulled(stream: Iterator[Any]) -> Measurement:
    """Take ten items and leave the stream alone."""
    for _ in islice(stream, 10):
        pass
    return cpu_while_idle()


def bare() -> Measurement:
    return pulled(iter(Bare(numbers(10**9), increment, CLONES, window=32)))


def deployed() -> Measurement:
    with cells.Joined(10**9, cells.Increment(), CLONES, skip=True).run():
        return cpu_while_idle()


def deployed_and_pulled() -> Measurement:
    with cells.Joined(10**9, cells.Increment(), CLONES, skip=True).run() as run:
        return pulled(iter(run))


class Open(tp.Pipeline):
    """A pipeline with an input, for `submit`."""

    def __init__(self) -> None:
        super().__init__()
        self.scaled = tp.ScaleUp(cells.Increment(), clones=CLONES)

    def build(self, x: int) -> Any:
        return self.scaled(x)


def deployed_and_submitted() -> Measurement:
    with Open().run() as run:
        for future in [run.submit(x=x) for x in range(10)]:
            future.result()
        return cpu_while_idle()


def peer(stream: Any) -> Measure:
    return lambda: pulled(stream())


IDLE = Benchmark(
    name="idle",
    title=f"deployed with {CLONES} clones, and left alone for {SECONDS:.0f} s",
    unit="CPU seconds",
    contenders={
        "bare": bare,
        "torchpipe": deployed_and_pulled,
        "torchpipe, never pulled": deployed,
        "torchpipe, open": deployed_and_submitted,
        "torchdata": peer(lambda: peers.torchdata(numbers(10**9), increment, CLONES)),
        "spdl": peer(lambda: peers.spdl(numbers(10**9), [increment], CLONES, window=32)),
    },
    asked=(
        Asked("torchpipe", "at most", 0.003),
        Asked("torchpipe, never pulled", "at most", 0.003),
        Asked("torchpipe, open", "at most", 0.003),
    ),
)
