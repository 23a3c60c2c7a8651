"""Does the report tell the truth? Pipelines whose limits are known, and what one more clone gives.

Each is run for some seconds, asked what limits it, scaled up by one clone, and run again.
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import MethodType
from typing import Any

import torchpipe as tp
from tests.benchmarks.benchmark import Asked, Benchmark, Measure, Measurement
from torchpipe.engine.planning.report import Report

WARM, SECONDS = 1.0, 4.0


def sleeps(milliseconds: float) -> Callable[[Any], Any]:
    """Return a function that waits as a GPU or a disk lets one wait."""

    def sleep(item: Any) -> Any:
        time.sleep(milliseconds / 1000)
        return item

    return sleep


def computes(milliseconds: float) -> Callable[[Any], Any]:
    """Return a function of pure Python, which holds the GIL for so much CPU time."""

    def compute(item: Any) -> Any:
        end = time.thread_time() + milliseconds / 1000
        while time.thread_time() < end:
            for _ in range(100):
                pass
        return item

    return compute


def numbers(milliseconds: float = 0.0) -> tp.Cell:
    """Make a source."""

    @tp.cell
    def source() -> Iterator[int]:
        for number in itertools.count():
            if milliseconds:
                time.sleep(milliseconds / 1000)
            yield number

    return source


class Ordered(tp.Cell):
    """A stateful cell that takes so many milliseconds."""

    stateful = True

    def __init__(self, milliseconds: float):
        super().__init__()
        self.milliseconds = milliseconds

    def forward(self, item: Any) -> Any:
        time.sleep(self.milliseconds / 1000)
        return item


class Cut(tp.Cell):
    """Makes four items of one."""

    def forward(self, item: int) -> Iterator[int]:
        yield from range(4)


class Graph(tp.Pipeline):
    """Some cells, connected by a function."""

    def __init__(self, build: Callable[[Any], Any], **parts: tp.Cell):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.build = MethodType(build, self)


class Inner(tp.Pipeline):
    """A pipeline to nest."""

    def __init__(self) -> None:
        super().__init__()
        self.detect, self.crop = cell(sleeps(12), 2), tp.cell(sleeps(1))

    def build(self, x: int) -> Any:
        return self.crop(self.detect(x))


def cell(function: Callable[[Any], Any], clones: int) -> tp.ScaleUp:
    return tp.ScaleUp(tp.cell(function), clones=clones)


def line(**parts: tp.Cell) -> Graph:
    """Connect cells one after the other."""

    def build(self: Any) -> Any:
        value = self.source()
        for name in [name for name in parts if name != "source"]:
            value = getattr(self, name)(value)
        return value

    return Graph(build, **({"source": numbers()} | parts))


def diamond() -> Graph:
    def build(self: Any) -> Any:
        x = self.source()
        return self.join(self.a(x), self.b(x))

    join = tp.cell(lambda a, b: a)
    return Graph(build, source=numbers(), a=cell(sleeps(12), 2), b=cell(sleeps(4), 1), join=join)


def skip() -> Graph:
    def build(self: Any) -> Any:
        x = self.source()
        return self.join(self.b(self.a(x)), x)

    join = tp.cell(lambda a, b: a)
    return Graph(build, source=numbers(), a=cell(sleeps(3), 1), b=cell(sleeps(10), 2), join=join)


@dataclass(frozen=True)
class Oracle:
    """A pipeline, what limits it, the cell to scale up, and how long the consumer takes (ms)."""

    make: Callable[[], tp.Pipeline]
    limit: str
    scale: str = ""
    consumer: float = 0.0


ORACLES = {
    "line": Oracle(lambda: line(a=cell(sleeps(10), 2), b=cell(sleeps(4), 1)), "a", "a"),
    "next limit": Oracle(lambda: line(a=cell(sleeps(10), 1), b=cell(sleeps(8), 1)), "a", "a"),
    "diamond": Oracle(diamond, "a", "a"),
    "skip": Oracle(skip, "b", "b"),
    "batch": Oracle(
        lambda: line(a=cell(sleeps(1), 1), batch=tp.Batch(4), b=cell(sleeps(20), 2)), "b", "b"
    ),
    "fan-out": Oracle(
        lambda: line(a=cell(sleeps(5), 1), cut=Cut(), b=cell(sleeps(5), 2)), "b", "b"
    ),
    "stateful": Oracle(lambda: line(a=cell(sleeps(5), 1), track=Ordered(8)), "track", "a"),
    "stateful, in a thread": Oracle(
        lambda: line(a=cell(sleeps(5), 1), track=Ordered(8), b=cell(sleeps(2), 1)), "track", "a"
    ),
    "pure Python": Oracle(lambda: line(a=cell(computes(6), 2)), "the GIL", "a"),
    "pure Python, one clone": Oracle(lambda: line(a=cell(computes(6), 1)), "a", "a"),
    "source": Oracle(lambda: line(source=numbers(8), a=cell(sleeps(10), 2)), "source", "a"),
    "consumer": Oracle(lambda: line(a=cell(sleeps(10), 2)), "the consumer", "a", consumer=8),
    "mixed clones": Oracle(
        lambda: line(a=cell(sleeps(6), 3), b=cell(sleeps(9), 2), c=cell(sleeps(3), 1)), "b", "b"
    ),
    "nested": Oracle(
        lambda: line(inner=Inner(), b=cell(sleeps(3), 1)), "inner.detect", "inner.detect"
    ),
}


def measured(oracle: Oracle) -> Measure:
    """Measure how far off the prediction is: 0.02 is two percent."""

    def measure() -> Measurement:
        with oracle.make().run() as run:
            results = iter(run)
            found, states, little = watched(run, results, oracle)
            predicted = found.period.rate
            prediction = found.prediction_of(oracle.scale)
            if prediction is not None:
                predicted = prediction.rate
            clones = next(c.clones for c in run.statistics().cells if c.path == oracle.scale)
            run.scale(oracle.scale, clones + 1)
            then, _, _ = watched(run, results, oracle)
        return {
            "value": abs(predicted / then.period.rate - 1),
            "right": float(found.verdict.limit == oracle.limit),
            "states": states,
            "little": little,
            "before": found.period.rate,
            "predicted": predicted,
            "then": then.period.rate,
        }

    return measure


def watched(run: tp.Run, results: Iterator[Any], oracle: Oracle) -> tuple[Report, float, float]:
    """Run for some seconds; return the report, how far states do not add up, and Little's law."""
    consume(results, WARM, oracle.consumer)
    run.report()
    before = run.statistics()
    with Sampled(run) as sampled:
        consume(results, SECONDS, oracle.consumer)
    after = run.statistics()
    report = run.report()
    elapsed = after.time - before.time
    sums = [
        sum(getattr(b, s) - getattr(a, s) for s in ("busy", "starved", "blocked")) / elapsed
        for a, b in zip(before.clones, after.clones, strict=True)
    ]
    return report, max(abs(share - 1) for share in sums), sampled.little(report)


def consume(results: Iterator[Any], seconds: float, milliseconds: float) -> None:
    """Take results for so long, with a pause after each."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        next(results)
        if milliseconds:
            time.sleep(milliseconds / 1000)


class Sampled:
    """A `with` block that looks how many items are in flight, a hundred times a second."""

    def __init__(self, run: tp.Run):
        self.run, self.found, self.over = run, list[int](), threading.Event()
        self.thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self.over.wait(0.01):
            self.found.append(self.run.statistics().paths[0].in_flight)

    def little(self, report: Report) -> float:
        """Return how far L = X W is off, for the first region."""
        path = report.period.paths[0]
        rate, latency = path.items / report.period.seconds, path.latency.mean or 0.0
        return abs(rate * latency / (sum(self.found) / len(self.found)) - 1)

    def __enter__(self) -> "Sampled":
        self.thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.over.set()
        self.thread.join()


ORACLE = Benchmark(
    name="oracle",
    title="what limits, and what one more clone gives",
    unit="error of the prediction",
    contenders={name: measured(oracle) for name, oracle in ORACLES.items()},
    asked=tuple(
        asked
        for name in ORACLES
        for asked in (
            Asked(name, "at most", 0.10),
            Asked(name, "at least", 1, key="right"),
            Asked(name, "at most", 0.01, key="states"),
            Asked(name, "at most", 0.05, key="little"),
        )
    ),
    ours="line",
)
