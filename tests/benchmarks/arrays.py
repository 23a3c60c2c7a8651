"""`Arrays`: a stream of large arrays that go to other processes and come back changed."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle, islice
from typing import Any

import numpy as np

from tests.benchmarks.benchmark import Measure
from tests.benchmarks.timing import steady

PAGE = 4096
WARM = 40


@dataclass(frozen=True)
class Arrays:
    """Arrays of one shape and dtype.

    Attributes:
        becomes: What comes back for an array. It works element by element: only some are checked.
    """

    shape: tuple[int, ...]
    dtype: str
    becomes: Callable[[np.ndarray], np.ndarray]

    @cached_property
    def eight(self) -> list[np.ndarray]:
        """Eight different ones, random, made once a process."""
        random = np.random.default_rng(0)
        return [(256 * random.random(self.shape)).astype(self.dtype) for _ in range(8)]

    def stream(self, count: int) -> Iterator[np.ndarray]:
        """Yield the eight in turn, `count` in all."""
        yield from islice(cycle(self.eight), count)

    def read(self, results: Iterable[Any]) -> Iterator[None]:
        """Read from every page of each result; raise if one is not what its array becomes."""
        for array, result in zip(self.stream(10**9), results, strict=False):
            if not np.array_equal(pages(np.asarray(result)), self.becomes(pages(array))):
                raise RuntimeError("an array came back as it should not be.")
            yield

    def each(self, stream: Callable[[int], Iterable[Any]], items: int) -> Measure:
        """Measure milliseconds an array, read included; `stream(count)` gives what comes back."""
        return lambda: {"value": steady(self.read(stream(WARM + items)), items, WARM) / items * 1e3}


def pages(array: np.ndarray) -> np.ndarray:
    """One element of every page of memory that an array has."""
    return array.reshape(-1)[:: PAGE // array.itemsize]
