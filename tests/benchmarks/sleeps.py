"""How much of the clones' time is used when every item sleeps: equally long, or some ten times."""

import random
import time
from collections.abc import Callable, Iterable

from tests.benchmarks import cells, peers
from tests.benchmarks.benchmark import Asked, Benchmark, Measure, Measurement
from tests.benchmarks.limits import Bare
from tests.benchmarks.timing import last_in_order, numbers, seconds

CLONES = 16
UNEVEN_TIMES = [0.050] * 600 + [0.005] * 5_400
random.Random(2).shuffle(UNEVEN_TIMES)

Service = Callable[[int], float]


def even(_item: int) -> float:
    """10 ms for every item."""
    return 0.010


def uneven(item: int) -> float:
    """5 ms for nine items out of ten, 50 ms for the tenth, in a fixed random order."""
    return UNEVEN_TIMES[item]


def asleep(service: Service, taken: list[float] | None = None) -> Callable[[int], int]:
    """Return a function that sleeps for `service(item)` seconds and returns its item.

    It adds to `taken` how long each sleep really took: a busy machine wakes a thread late.
    """
    record = taken.append if taken is not None else lambda _seconds: None

    def sleep(item: int) -> int:
        start = time.perf_counter()
        time.sleep(service(item))
        record(time.perf_counter() - start)
        return item

    return sleep


Stream = Callable[[int, Callable[[int], int]], Iterable[int]]


def fraction(stream: Stream, service: Service, items: int) -> Measure:
    """Measure which part of ideal is reached: all sleeps, over clones, over the time taken.

    "of real sleeps" is the same with the sleeps as long as they really were.
    """

    def measure() -> Measurement:
        taken: list[float] = []
        ideal = sum(map(service, range(items))) / CLONES
        elapsed = seconds(lambda n: last_in_order(stream(n, asleep(service, taken))), items)
        return {"value": ideal / elapsed, "of_real_sleeps": sum(taken[-items:]) / CLONES / elapsed}

    return measure


def bare(service: Service, items: int, window: int | None = None) -> Measure:
    """Measure the hand-written limit; at torchpipe's default window if none is given."""

    def stream(items: int, sleep: Callable[[int], int]) -> Iterable[int]:
        return Bare(numbers(items), sleep, CLONES, window or cells.default_window(CLONES))

    return fraction(stream, service, items)


def torchpipe(service: Service, items: int, window: int | None = None) -> Measure:
    """Measure torchpipe; at its default window if none is given."""

    def stream(items: int, sleep: Callable[[int], int]) -> Iterable[int]:
        pipeline = cells.Scaled(cells.Numbers(items), cells.Apply(sleep), CLONES)
        return cells.stream(pipeline, window)

    measure = fraction(stream, service, items)
    return lambda: {**measure(), "window": window or cells.default_window(CLONES)}


def executor(items: int, sleep: Callable[[int], int]) -> Iterable[int]:
    return peers.executor(numbers(items), sleep, CLONES, window=128)


def torchdata(items: int, sleep: Callable[[int], int]) -> Iterable[int]:
    return peers.torchdata(numbers(items), sleep, CLONES)


def spdl(items: int, sleep: Callable[[int], int]) -> Iterable[int]:
    return peers.spdl(numbers(items), [sleep], CLONES, window=128)


def pypeln(items: int, sleep: Callable[[int], int]) -> Iterable[int]:
    return peers.pypeln(numbers(items), sleep, CLONES, window=128)


EVEN = Benchmark(
    name="even",
    title=f"a sleep of 10 ms, {CLONES} clones, ordered",
    unit="fraction of ideal",
    contenders={
        "bare": bare(even, 3_200),
        "torchpipe": torchpipe(even, 3_200),
        "executor, window 128": fraction(executor, even, 3_200),
        "spdl": fraction(spdl, even, 1_600),
    },
    asked=(Asked("torchpipe", "at least", 0.98),),
)

# A schedule without any overhead reaches 0.990 with 6,000 items at window 128, the rest being the
# last sleeps; at window 32 it reaches 0.46, so that a third of the items tells as much.
UNEVEN = Benchmark(
    name="uneven",
    title=f"90 % sleeps of 5 ms and 10 % of 50 ms, {CLONES} clones, ordered",
    unit="fraction of ideal",
    contenders={
        "torchpipe": torchpipe(uneven, 6_000),
        "bare, window 128": bare(uneven, 6_000, 128),
        "torchpipe, window 128": torchpipe(uneven, 6_000, 128),
        "bare, window 32": bare(uneven, 2_000, 32),
        "torchpipe, window 32": torchpipe(uneven, 2_000, 32),
        "executor, window 128": fraction(executor, uneven, 6_000),
        "torchdata": fraction(torchdata, uneven, 1_000),
        "spdl": fraction(spdl, uneven, 1_000),
        "pypeln": fraction(pypeln, uneven, 6_000),
    },
    asked=(
        Asked("torchpipe", "at least", 0.97),
        Asked("torchpipe, window 128", "at least", 0.97),
    ),
)
