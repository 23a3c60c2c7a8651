"""What other libraries offer to map a function over a stream with N workers, in order.

Every function imports its library when it is called: one that is not installed is reported as such.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

Function = Callable[[Any], Any]


def executor(source: Iterable[Any], function: Function, workers: int, window: int) -> Iterator[Any]:
    """`concurrent.futures`: at most `window` futures at once, taken in order."""
    stream = iter(source)
    with ThreadPoolExecutor(workers) as pool:
        futures: deque[Future[Any]] = deque(
            pool.submit(function, value) for value in islice(stream, window)
        )
        while futures:
            yield futures.popleft().result()
            for value in islice(stream, 1):
                futures.append(pool.submit(function, value))


def torchdata(
    source: Iterable[Any], function: Function, workers: int, prebatch: int | None = None
) -> Iterator[Any]:
    """`torchdata.nodes.ParallelMapper`; its window is twice its workers, times `prebatch`."""
    from torchdata.nodes import IterableWrapper, ParallelMapper

    node = ParallelMapper(
        IterableWrapper(source),
        function,
        workers,
        in_order=True,
        method="thread",
        prebatch=prebatch,
    )
    node.reset()
    return node


def torchdata_chain(source: Iterable[Any], functions: list[Function]) -> Iterator[Any]:
    """`torchdata.nodes.Mapper` around `Mapper`, in the caller's thread."""
    from torchdata.nodes import IterableWrapper, Mapper

    node = IterableWrapper(source)
    for function in functions:
        node = Mapper(node, function)
    node.reset()
    return node


def spdl(
    source: Iterable[Any], functions: list[Function], workers: int, window: int
) -> Iterator[Any]:
    """`spdl.pipeline`: a pipe per function, ordered, and a sink that buffers `window` results."""
    from spdl.pipeline import PipelineBuilder

    builder = PipelineBuilder().add_source(source)
    for function in functions:
        builder = builder.pipe(function, concurrency=workers, output_order="input")
    pipeline = builder.add_sink(window).build(num_threads=workers)
    with pipeline.auto_stop():
        yield from pipeline


def pypeln(source: Iterable[Any], function: Function, workers: int, window: int) -> Iterator[Any]:
    """`pypeln.thread.map` with queues of `window`, then `ordered`: nothing comes before the end."""
    import pypeln

    return iter(
        pypeln.thread.ordered(pypeln.thread.map(function, source, workers=workers, maxsize=window))
    )


def pypeln_chain(source: Iterable[Any], functions: list[Function]) -> Iterator[Any]:
    """`pypeln.sync.map` around `map`, in the caller's thread."""
    import pypeln

    stream = source
    for function in functions:
        stream = pypeln.sync.map(function, stream)
    return iter(stream)
