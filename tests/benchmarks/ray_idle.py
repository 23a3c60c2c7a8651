"""How much CPU time two deployed Ray clones take while nobody asks them for anything."""

import os
import time
from collections.abc import Iterable
from typing import Any

import torchpipe as tp
from tests.benchmarks import cells, ray_peers
from tests.benchmarks.benchmark import Asked, Benchmark, Measurement

CLONES = 2
SETTLE = 3.0
SECONDS = 5.0


def process(_item: Any) -> int:
    """Say which process this is; slowly, so that every clone gets items."""
    time.sleep(0.001)
    return os.getpid()


def clones_of(results: Iterable[int]) -> set[int]:
    """Take results until each clone has given one; return their processes."""
    found: set[int] = set()
    for pid in results:
        found.add(pid)
        if len(found) == CLONES:
            break
    return found


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process took so far: clock_getcpuclockid(3), on Linux."""
    return time.clock_gettime(~pid << 3 | 2)


def cpu_while_idle(clones: Iterable[int], actors: Iterable[int]) -> Measurement:
    """Let everything settle, then measure what this process takes in five seconds.

    Also what the clones take beyond as many plain actors beside them: those are not idle either.
    """
    time.sleep(SETTLE)
    before = time.process_time(), *(sum(map(cpu_seconds, each)) for each in (clones, actors))
    time.sleep(SECONDS)
    after = time.process_time(), *(sum(map(cpu_seconds, each)) for each in (clones, actors))
    driver, busy, beside = (b - a for a, b in zip(before, after, strict=True))
    return {"value": driver, "clones_beyond_actors": busy - beside}


def ray_alone() -> Measurement:
    """Actors on both sides: what Ray itself takes, and how exact that is."""
    import ray

    actors = ray_peers.callers(process, 2 * CLONES)
    found = [ray.get(actor.call.remote(0)) for actor in actors]
    return cpu_while_idle(found[:CLONES], found[CLONES:])


def torchpipe() -> Measurement:
    import ray

    actors = ray_peers.callers(process, CLONES)
    clones = [tp.RayClone()] * CLONES
    pipeline = cells.Scaled(cells.Numbers(10**9), cells.Apply(process), clones)
    with pipeline.run() as run:
        found = [ray.get(actor.call.remote(0)) for actor in actors]
        return cpu_while_idle(clones_of(run), found)


RAY_IDLE = Benchmark(
    name="ray-idle",
    title=f"{CLONES} Ray clones, deployed, used, and left alone for {SECONDS:.0f} s",
    unit="CPU seconds of the driver",
    contenders={
        "Ray alone": ray_peers.with_ray(ray_alone),
        "torchpipe": ray_peers.with_ray(torchpipe),
    },
    asked=(
        Asked("torchpipe", "at most", 0.01, beyond="Ray alone"),
        Asked("torchpipe", "at most", 0.01, key="clones_beyond_actors"),
    ),
)
