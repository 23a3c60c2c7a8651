"""Loops that know nothing of each other, at the same time: what clones could reach at best."""

import multiprocessing
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.benchmarks.benchmark import Measure, Measurement

WARM = 32

Loop = Callable[[int], Any]
"""A plain loop over so many items; processes import it by its name."""


def own_rate(loop: Loop, items: int, barrier: Any, rates: Any) -> None:
    """Loop alone, from the barrier on; put the items per second into `rates`."""
    rate = 0.0
    try:
        loop(WARM)
        barrier.wait(timeout=60)
        start = time.perf_counter()
        loop(items)
        rate = items / (time.perf_counter() - start)
    finally:
        rates.put(rate)


def two_threads(loop: Loop, items: int) -> Measure:
    """Measure two threads with half of the items each; the sum of their rates."""

    def measure() -> Measurement:
        rates = queue.SimpleQueue[float]()
        given = loop, items // 2, threading.Barrier(2), rates
        return sum_of_rates([threading.Thread(target=own_rate, args=given) for _ in "ab"], rates)

    return measure


def two_processes(loop: Loop, items: int) -> Measure:
    """Measure two processes with half of the items each; the sum of their rates."""

    def measure() -> Measurement:
        spawn = multiprocessing.get_context("spawn")
        rates = spawn.SimpleQueue()
        given = loop, items // 2, spawn.Barrier(2), rates
        return sum_of_rates([spawn.Process(target=own_rate, args=given) for _ in "ab"], rates)

    return measure


def sum_of_rates(loops: list[Any], rates: Any) -> Measurement:
    for each in loops:
        each.start()
    found = [rates.get() for _ in loops]
    for each in loops:
        each.join()
    if not all(found):
        raise RuntimeError("one of the two loops failed.")
    return {"value": sum(found)}
