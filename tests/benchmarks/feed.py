"""Feeds of images for a training loop, beside other data loaders: see `loaders`."""

import gc
import itertools
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from typing import Any

from tests.benchmarks.benchmark import Asked, Benchmark, Measure, Measurement
from tests.benchmarks.loaders import (
    BATCH,
    LOADERS,
    Batches,
    Make,
    feed,
    light,
    loader,
    one_thread,
    read,
)
from tests.benchmarks.memory import resident_bytes
from tests.benchmarks.timing import last_of

IMAGES = 480
EPOCHS = 3
ENVIRONMENT = {"OMP_NUM_THREADS": "1"}


def prepared() -> None:
    """Load what is loaded at the first use, and make the images."""
    from torch.utils.data import default_collate

    one_thread()
    for loaded in (read, light):
        default_collate([loaded(0)])


def with_each(measure: Callable[[Make], Measurement]) -> dict[str, Measure]:
    """The same measurement for all loaders."""
    return {name: partial(measure, make) for name, make in LOADERS.items()}


def rate(make: Make) -> Measurement:
    """Images per second over three epochs, from the first thing that the loader does on."""
    prepared()
    batches = make(read, IMAGES)
    gc.collect()
    start = time.perf_counter()
    for _ in range(EPOCHS):
        last_of(batches)
    return {"value": EPOCHS * IMAGES / (time.perf_counter() - start)}


def first(make: Make) -> Measurement:
    """Seconds until the first batch is there, when nothing runs yet."""
    prepared()
    batches = make(read, IMAGES)
    start = time.perf_counter()
    iterator = iter(batches)
    next(iterator)
    elapsed = time.perf_counter() - start
    last_of(iterator)  # some do not survive the end of the interpreter else
    return {"value": elapsed}


def turnaround(make: Make) -> Measurement:
    """Seconds from the last batch of an epoch to the first one of the next; the middle of ten.

    Samples cost nothing, so that it is what a loader takes to begin again.
    """
    prepared()
    batches = make(light, 4 * BATCH)
    last_of(batches)
    found = []
    for _ in range(10):
        start = time.perf_counter()
        iterator = iter(batches)
        next(iterator)
        found.append(time.perf_counter() - start)
        last_of(iterator)
    return {"value": sorted(found)[5]}


FEED = Benchmark(
    name="feed",
    title=f"{EPOCHS} epochs of {IMAGES} JPEG images, decoded, augmented, collated, 2 workers",
    unit="images/s",
    contenders=with_each(rate),
    environment=ENVIRONMENT,
    asked=tuple(
        Asked("torchpipe", "at least", 1.0, over=name) for name in LOADERS if name != "torchpipe"
    ),
)

FEED_FIRST = Benchmark(
    name="feed-first",
    title=f"until the first batch of {BATCH} JPEG images",
    unit="seconds",
    contenders=with_each(first),
    environment=ENVIRONMENT,
    asked=(Asked("torchpipe", "at most", 0.2),),
)

FEED_TURN = Benchmark(
    name="feed-turn",
    title=f"from the end of an epoch to the first batch of {BATCH} trivial samples",
    unit="seconds",
    contenders=with_each(turnaround),
    environment=ENVIRONMENT,
    asked=(Asked("torchpipe", "at most", 0.010),),
)


# A training step in the main thread.

STEPS, WARM = 100, 8


Step = Callable[[Any], None]
"""A training step on a batch; on None, only what does not depend on one."""


def step_of(seconds: float) -> Step:
    """A step that computes for about so long, in operations of about a millisecond."""
    import torch

    one_thread()
    matrix = torch.randn(256, 256)
    start = time.perf_counter()
    for _ in range(50):
        matrix @ matrix
    times = max(1, round(seconds * 50 / (time.perf_counter() - start)))

    def step(_batch: object) -> None:
        for _ in range(times):
            matrix @ matrix

    return step


def took(batches: Iterable[object], step: Step) -> float:
    """Return the seconds that a step takes, and what it waits for its batch."""
    start = time.perf_counter()
    for batch in islice(batches, STEPS):
        step(batch)
    return (time.perf_counter() - start) / STEPS


def stalled(batches: Iterable[object], step: Step) -> Measurement:
    """By which part steps take longer with these batches than without, before and after."""
    prepared()
    before = took(itertools.repeat(None), step)
    iterator = iter(batches)
    took(islice(iterator, WARM), step)
    beside = took(iterator, step)
    del iterator, batches
    alone = (before + took(itertools.repeat(None), step)) / 2
    return {"value": beside / alone - 1.0, "step": alone}


FEED_STALL = Benchmark(
    name="feed-stall",
    title="a training step of about 20 ms, beside a feed of 4 JPEG images a step, one clone",
    unit="fraction that steps take longer",
    contenders={
        "torchpipe": lambda: stalled(
            feed(read, 4 * (STEPS + WARM), batch=4, clones=1), step_of(0.020)
        ),
        "DataLoader, 1 worker": lambda: stalled(
            loader(read, 4 * (STEPS + WARM), workers=1, batch=4), step_of(0.020)
        ),
    },
    environment=ENVIRONMENT,
    asked=(Asked("torchpipe", "at most", 0.03),),
)


# Memory, and the end.

# glibc else keeps freed batches or not, by chance.
GIVE_BACK = {"MALLOC_MMAP_THRESHOLD_": str(2**16)}


def growth(make: Make) -> Measurement:
    """Bytes that resident memory rises above what it was after five epochs, in 50."""
    prepared()
    batches, resident = make(read, 3 * BATCH), []
    for _ in range(50):
        last_of(batches)
        gc.collect()
        resident.append(resident_bytes())
    return {"value": max(resident[5:]) - resident[5]}


FEED_MEMORY = Benchmark(
    name="feed-memory",
    title=f"50 epochs of {3 * BATCH} JPEG images",
    unit="bytes that resident memory grows by",
    contenders={name: partial(growth, LOADERS[name]) for name in ("torchpipe", "torchdata")},
    environment={**ENVIRONMENT, **GIVE_BACK},
    asked=(Asked("torchpipe", "at most", 5e6),),
)


def broken_off(batches: Batches) -> float:
    """Leave a loop at its second batch; return when that was."""
    start = 0.0
    for number, _ in enumerate(batches):
        if number == 1:
            start = time.perf_counter()
            break
    return start


def left(make: Make) -> Measurement:
    """Seconds from `break` until no thread and no process is left; five if any stays."""
    import multiprocessing

    prepared()
    before = set(threading.enumerate())
    batches = make(read, IMAGES)
    start = broken_off(batches)
    del batches
    while time.perf_counter() - start < 5.0:
        if not (set(threading.enumerate()) - before or multiprocessing.active_children()):
            break
        time.sleep(0.001)
    return {"value": time.perf_counter() - start}


def rests() -> Measurement:
    """Seconds from `break` until a feed that is kept computes no more."""
    prepared()
    batches = feed(read, IMAGES)
    start, spent = broken_off(batches), time.process_time()
    for _ in itertools.count():
        time.sleep(0.02)
        if time.process_time() - spent < 0.002:
            break
        spent = time.process_time()
    batches.close()
    return {"value": time.perf_counter() - start}


FEED_STOP = Benchmark(
    name="feed-stop",
    title="from `break`, with the loader dropped, until no thread or process is left",
    unit="seconds",
    contenders={**with_each(left), "torchpipe, kept": rests},
    environment=ENVIRONMENT,
    asked=(Asked("torchpipe", "at most", 0.5), Asked("torchpipe, kept", "at most", 0.5)),
)
