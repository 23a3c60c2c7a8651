"""Shared memory by hand: the limit for arrays that go through other processes and back."""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle, pairwise
from typing import Any, NamedTuple

import numpy as np

from tests.benchmarks import peers

SLOTS = 4

Change = Callable[..., Any]
"""Writes what it makes of an array into another: `change(array, out=other)`, as NumPy's do."""


class Belt(NamedTuple):
    """Memory for some arrays of one shape, which goes from one process to the next.

    Attributes:
        filled: A semaphore: how many of the arrays are there to be read.
    """

    memory: Any
    filled: Any
    shape: tuple[int, ...]
    dtype: str

    def arrays(self) -> Iterator[np.ndarray]:
        """Yield the arrays in turn, for ever."""
        return cycle(np.frombuffer(self.memory, self.dtype).reshape(SLOTS, *self.shape))


def ring(
    source: Iterable[np.ndarray], change: Change, processes: int, like: np.ndarray
) -> Iterator[np.ndarray]:
    """Pass arrays of one shape through so many processes; each changes them.

    A result is a view of shared memory, until the next one is asked for.
    """
    spawn = multiprocessing.get_context("spawn")
    belts = [belt(spawn, like) for _ in range(processes + 1)]
    workers = [
        spawn.Process(target=work, args=(change, *ends), daemon=True) for ends in pairwise(belts)
    ]
    for worker in workers:
        worker.start()
    yield from peers.overlapped(source, sender(belts[0]), receiver(belts[-1]), SLOTS - 1)
    for worker in workers:
        worker.terminate()
        worker.join()


def belt(context: Any, like: np.ndarray) -> Belt:
    memory = context.RawArray("B", SLOTS * like.nbytes)
    return Belt(memory, context.Semaphore(0), like.shape, like.dtype.str)


def work(change: Change, before: Belt, after: Belt) -> None:
    """Run in each process."""
    for array, other in zip(before.arrays(), after.arrays(), strict=True):
        before.filled.acquire()
        change(array, out=other)
        after.filled.release()


def sender(belt: Belt) -> Callable[[np.ndarray], None]:
    """Return a function that copies an array into the belt."""
    arrays = belt.arrays()

    def send(value: np.ndarray) -> None:
        np.copyto(next(arrays), value)
        belt.filled.release()

    return send


def receiver(belt: Belt) -> Callable[[Any], np.ndarray]:
    """Return a function that waits for the next array of the belt."""
    arrays = belt.arrays()

    def receive(_sent: None) -> np.ndarray:
        belt.filled.acquire()
        return next(arrays)

    return receive
