"""How a stream is consumed, and how long that takes."""

import gc
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any


def seconds(
    consume: Callable[[int], Any], items: int, prepare: Callable[[], Any] | None = None
) -> float:
    """Return how long `consume(items)` takes.

    Args:
        consume: Runs its whole stream: build, start, every item. It returns the last result.
        prepare: Loads what is loaded at the first use; without it, a short stream does.
    """
    if prepare is None:
        consume(64)
    else:
        prepare()
    gc.collect()
    start = time.perf_counter()
    last = consume(items)
    elapsed = time.perf_counter() - start
    if last is None:
        raise RuntimeError("cannot measure a stream without a last result.")
    return elapsed


def steady(stream: Iterable[Any], items: int, warm: int) -> float:
    """Return how long the next `items` results take once the first `warm` are there.

    What starts and loads before that is not measured, nor what ends after the last result. The
    stream must end with it.
    """
    results = iter(stream)
    last_of(islice(results, warm))
    start = time.perf_counter()
    taken = sum(1 for _ in islice(results, items))
    elapsed = time.perf_counter() - start
    if taken < items or any(True for _ in results):
        raise RuntimeError(f"cannot measure {warm + items} items: another number came out.")
    return elapsed


def in_order(stream: Iterable[int]) -> Iterator[int]:
    """Pass on a stream of item numbers; raise if it is not 0, 1, 2, ..."""
    for expected, number in enumerate(stream):
        if number != expected:
            raise RuntimeError(f"item {number} came where item {expected} was due: not ordered.")
        yield number


def last_of(stream: Iterable[Any]) -> Any:
    """Consume `stream` as a user's loop would and return its last item."""
    last = None
    for last in stream:  # noqa: B007 (the loop is what is measured)
        pass
    return last


def last_in_order(stream: Iterable[int]) -> Any:
    """Consume a stream of item numbers and return the last; raise if it is not 0, 1, 2, ..."""
    return last_of(in_order(stream))


def numbers(items: int) -> Iterator[int]:
    """The source of most benchmarks: 0, 1, 2, ..."""
    yield from range(items)
