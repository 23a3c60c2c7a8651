"""What other libraries offer to map a function over a stream with N workers, in order.

Every function imports its library when it is called: one that is not installed is reported as such.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from itertools import islice
from typing import Any, Literal

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


def overlapped(
    source: Iterable[Any], send: Function, receive: Function, in_flight: int
) -> Iterator[Any]:
    """The loop of who sends values away: `receive(send(value))`, in order, some of them ahead."""
    sent: deque[Any] = deque()
    for value in source:
        if len(sent) < in_flight:
            sent.append(send(value))
        else:
            result = receive(sent.popleft())
            sent.append(send(value))
            yield result
    for each in sent:
        yield receive(each)


def torchdata(
    source: Iterable[Any],
    function: Function,
    workers: int,
    prebatch: int | None = None,
    method: Literal["thread", "process"] = "thread",
) -> Iterator[Any]:
    """`torchdata.nodes.ParallelMapper`; its window is twice its workers, times `prebatch`."""
    from torchdata.nodes import IterableWrapper, ParallelMapper

    node = ParallelMapper(
        IterableWrapper(source),
        function,
        workers,
        in_order=True,
        method=method,
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
    source: Iterable[Any],
    functions: list[Function],
    workers: int,
    window: int,
    pool: Executor | None = None,
) -> Iterator[Any]:
    """`spdl.pipeline`: a pipe per function, ordered, and a sink that buffers `window` results.

    The functions run on threads of its own, or in `pool`.
    """
    from spdl.pipeline import PipelineBuilder

    builder = PipelineBuilder().add_source(source)
    for function in functions:
        builder = builder.pipe(function, concurrency=workers, output_order="input", executor=pool)
    pipeline = builder.add_sink(window).build(num_threads=workers)
    with pipeline.auto_stop():
        yield from pipeline


def spdl_processes(
    source: Iterable[Any], function: Function, workers: int, window: int
) -> Iterator[Any]:
    """`spdl` with a process pool; as many calls again wait there as run."""
    with ProcessPoolExecutor(workers) as pool:
        yield from spdl(source, [function], 2 * workers, window, pool)


def data_loader(items: int, function: Function, workers: int) -> Iterator[Any]:
    """`torch.utils.data.DataLoader` over a dataset whose item `i` is `function(i)`, unbatched."""
    from torch.utils.data import DataLoader

    return iter(DataLoader(Computed(items, function), batch_size=None, num_workers=workers))


class Computed:
    """A dataset as `DataLoader` takes them."""

    def __init__(self, items: int, function: Function):
        self.items, self.function = items, function

    def __len__(self) -> int:
        return self.items

    def __getitem__(self, index: int) -> Any:
        return self.function(index)


def torch_queues(source: Iterable[Any], function: Function, in_flight: int) -> Iterator[Any]:
    """`torch.multiprocessing`: one process, a queue of tensors there and one back."""
    from torch import multiprocessing

    spawn = multiprocessing.get_context("spawn")
    there, back = spawn.Queue(), spawn.Queue()
    process = spawn.Process(target=answer, args=(function, there, back), daemon=True)
    process.start()
    yield from overlapped(source, there.put, lambda _sent: back.get(), in_flight)
    there.put(None)
    process.join()


def answer(function: Function, there: Any, back: Any) -> None:
    """Run in the process of `torch_queues`: call the function until there is nothing more."""
    while (value := there.get()) is not None:
        back.put(function(value))


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
