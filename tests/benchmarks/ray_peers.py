"""Ray without torchpipe: a cluster to measure in, loops written by hand, and Ray Data."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, cycle, islice
from typing import Any

from tests.benchmarks import peers
from tests.benchmarks.benchmark import Measure, Measurement

CPUS = 4
"""CPUs that Ray counts, however many there are: the helpers of Ray Data need some beside actors."""

Function = Callable[[Any], Any]


@contextmanager
def local_ray() -> Iterator[None]:
    """A cluster of this process alone; torchpipe finds it, and uses it."""
    import ray

    ray.init(address="local", num_cpus=CPUS, include_dashboard=False, log_to_driver=False)
    try:
        wait_until_calm()
        yield
    finally:
        ray.shutdown()


def wait_until_calm() -> None:
    """Let Ray's own processes start: their imports take a core for seconds after `init` returns."""
    import psutil

    before, calm = 0.0, 0
    while calm < 2:
        time.sleep(0.5)
        used = 0.0
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                used += sum(process.cpu_times()[:2])
        calm = calm + 1 if used - before < 0.05 else 0
        before = used


def with_ray(measure: Measure) -> Measure:
    """Return the measure with a cluster around it, whose start is not measured."""

    def measure_with_ray() -> Measurement:
        with local_ray():
            return measure()

    return measure_with_ray


class Caller:
    """An actor that calls a function."""

    def __init__(self, function: Function):
        self.function = function

    def call(self, value: Any) -> Any:
        return self.function(value)

    def call_all(self, values: list[Any]) -> list[Any]:
        return [self.function(value) for value in values]


def callers(function: Function, count: int) -> list[Any]:
    """Start so many actors; they take a CPU each, and so one thread of torch."""
    import ray

    actors = [ray.remote(num_cpus=1)(Caller).remote(function) for _ in range(count)]
    ray.get([actor.__ray_ready__.remote() for actor in actors])
    return actors


def actors(
    source: Iterable[Any], function: Function, count: int, in_flight: int = 2
) -> Generator[Any, None, None]:
    """Actors by hand: they take turns, an item a call, some calls in flight for each."""
    import ray

    turn = cycle(callers(function, count))

    def send(value: Any) -> Any:
        return next(turn).call.remote(value)

    yield from peers.overlapped(source, send, ray.get, in_flight * count)


def actor_chunks(
    source: Iterable[Any], function: Function, chunk: int, in_flight: int = 2
) -> Iterator[Any]:
    """One actor by hand that takes many items a call."""
    import ray

    (actor,) = callers(function, 1)
    lists = peers.overlapped(chunks(source, chunk), actor.call_all.remote, ray.get, in_flight)
    yield from chain.from_iterable(lists)


def chunks(source: Iterable[Any], size: int) -> Iterator[list[Any]]:
    stream = iter(source)
    while chunk := list(islice(stream, size)):
        yield chunk


def ray_data(blocks: list[Any], function: Function, count: int) -> Iterator[Any]:
    """`ray.data` with so many actors, ordered; the items are the rows of arrays, a block each."""
    import ray.data

    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    changed = ray.data.from_numpy(blocks).map(
        Rows,
        fn_constructor_args=[function],
        compute=ray.data.ActorPoolStrategy(size=count),
        num_cpus=0.5,
    )
    for row in changed.iter_rows():
        yield row["data"]


class Rows:
    """What `ray.data` makes an actor of: calls a function for each row."""

    def __init__(self, function: Function):
        self.function = function

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"data": self.function(row["data"])}
