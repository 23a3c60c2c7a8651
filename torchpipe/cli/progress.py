"""How far a run is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from operator import length_hint
from time import monotonic, perf_counter
from typing import Any, TextIO

from torchpipe.graph.pipeline import Pipeline


def length(pipeline: Pipeline, limit: int | None) -> int | None:
    """How many results there will be, if the pipeline tells by its `__len__`."""
    known = length_hint(pipeline, -1)
    numbers = [number for number in (known, limit) if number is not None and number >= 0]
    return min(numbers, default=None)


def pulled(items: Iterable[Any], total: int | None, stream: TextIO) -> tuple[int, float]:
    """Pull all items while their progress is shown: how many they were, and how long it took."""
    start, count = perf_counter(), 0
    for _ in followed(items, total, stream):
        count += 1
    return count, perf_counter() - start


def followed(items: Iterable[Any], total: int | None, stream: TextIO) -> Iterator[Any]:
    """The items, while their progress is shown."""
    if not stream.isatty():
        return in_lines(items, total, stream)
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        """A bar that looks at the clock at every item, and so needs no thread to do it."""

        monitor_interval = 0

    bar = Bar(iter(items), total=total, file=stream, unit=" items", miniters=1, **width(stream))
    return iter(bar)


def width(stream: TextIO) -> dict[str, Any]:
    """How wide a bar is: as the terminal, or 80 columns where that does not tell."""
    try:
        known = os.get_terminal_size(stream.fileno()).columns > 0
    except OSError:
        known = False
    return {"dynamic_ncols": True} if known else {"ncols": 80}


def in_lines(
    items: Iterable[Any],
    total: int | None,
    stream: TextIO,
    every: float = 5.0,
    clock: Callable[[], float] = monotonic,
) -> Iterator[Any]:
    """The items, and a line after so many seconds."""
    start = last = clock()
    for count, item in enumerate(items, start=1):
        yield item
        now = clock()
        if now - last >= every:
            print(line(count, total, now - start), file=stream, flush=True)
            last = now


def line(count: int, total: int | None, seconds: float) -> str:
    """How many, how fast, and how long it will take.

    >>> line(50, 200, 10.0)
    '50 of 200 items, 5.0 items/s, 30 s left'
    """
    rate = count / seconds
    if total is None:
        return f"{count:,} items, {rate:,.1f} items/s"
    left = max(0, total - count) / rate
    return f"{count:,} of {total:,} items, {rate:,.1f} items/s, {left:,.0f} s left"
