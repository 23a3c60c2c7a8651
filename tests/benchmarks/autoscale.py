"""Does `clones="auto"` find the best plan? Beside the best fixed one, which is known by hand."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torchpipe as tp
from tests.benchmarks.benchmark import Asked, Benchmark, Measure, Measurement
from tests.benchmarks.oracle import Cut, Graph, computes, consume, line, numbers, sleeps

MOST, SETTLE, SECONDS = 8, 6.0, 4.0

Clones = Callable[[str], Any]
"""How many clones the cell of this name gets."""


def cell(function: Callable[[Any], Any], clones: Any) -> tp.ScaleUp:
    return tp.ScaleUp(tp.cell(function), clones=clones, most=MOST)


@dataclass(frozen=True)
class Known:
    """A pipeline and its best plan with at most eight clones of each cell."""

    make: Callable[[Clones], tp.Pipeline]
    best: dict[str, int]
    consumer: float = 0.0


def of_line(
    a: float, b: float, last: float, source: float = 0.0
) -> Callable[[Clones], tp.Pipeline]:
    """Two cells to scale between a source and a last cell, all asleep for so many milliseconds."""
    return lambda clones: line(
        source=numbers(source),
        a=cell(sleeps(a), clones("a")),
        b=cell(sleeps(b), clones("b")),
        last=tp.cell(sleeps(last)),
    )


def diamond(clones: Clones) -> tp.Pipeline:
    def build(self: Any) -> Any:
        x = self.source()
        return self.join(self.a(x), self.b(x))

    @tp.cell
    def join(a: Any, b: Any) -> Any:
        return sleeps(3)(a)

    a, b = cell(sleeps(12), clones("a")), cell(sleeps(4), clones("b"))
    return Graph(build, source=numbers(), a=a, b=b, join=join)


class Inner(tp.Pipeline):
    """A pipeline to nest."""

    def __init__(self, clones: Clones):
        super().__init__()
        self.detect = cell(sleeps(12), clones("inner.detect"))
        self.crop = tp.cell(sleeps(3))

    def build(self, x: int) -> Any:
        return self.crop(self.detect(x))


def fan_out(clones: Clones) -> tp.Pipeline:
    a, b = cell(sleeps(12), clones("a")), cell(sleeps(8), clones("b"))
    return line(a=a, cut=Cut(), b=b, last=tp.cell(sleeps(2)))


def batch(clones: Clones) -> tp.Pipeline:
    a, b = cell(sleeps(3), clones("a")), cell(sleeps(25), clones("b"))
    return line(a=a, batch=tp.Batch(4), b=b, last=tp.cell(sleeps(8)))


def pure(clones: Clones) -> tp.Pipeline:
    return line(a=cell(computes(6), clones("a")))


KNOWN = {
    "line": Known(of_line(20, 7, 4), {"a": 5, "b": 2}),
    "at most": Known(of_line(50, 7, 1), {"a": 8, "b": 2}),
    "source": Known(of_line(20, 7, 0, source=8), {"a": 3, "b": 1}),
    "consumer": Known(of_line(20, 7, 0), {"a": 3, "b": 1}, consumer=8),
    "diamond": Known(diamond, {"a": 5, "b": 2}),
    "batch": Known(batch, {"a": 2, "b": 4}),
    "fan-out": Known(fan_out, {"a": 2, "b": 5}),
    "nested": Known(lambda clones: line(inner=Inner(clones)), {"inner.detect": 5}),
    "pure Python": Known(pure, {"a": 1}),
}


def measured(known: Known, clones: Clones) -> Measure:
    """Measure results per second once all has settled, and how often clones changed after that."""

    def measure() -> Measurement:
        with known.make(clones).run() as run:
            results = iter(run)
            consume(results, SETTLE, known.consumer)
            changes, before, last = 0, run.statistics(), counts(run)
            for _ in range(20):
                consume(results, SECONDS / 20, known.consumer)
                now = counts(run)
                changes, last = changes + (now != last), now
            after = run.statistics()
        rate = (after.items - before.items) / (after.time - before.time)
        return {"value": rate, "changes": changes, **last}

    return measure


def counts(run: tp.Run) -> dict[str, float]:
    return {cell.path: cell.clones for cell in run.statistics().cells if cell.scaled}


def auto(_path: str) -> str:
    return "auto"


AUTOSCALE = Benchmark(
    name="autoscale",
    title="clones='auto' beside the best fixed plan",
    unit="results/s",
    contenders={
        contender: measure
        for name, known in KNOWN.items()
        for contender, measure in (
            (f"{name}, best", measured(known, known.best.__getitem__)),
            (f"{name}, auto", measured(known, auto)),
        )
    },
    asked=tuple(
        asked
        for name in KNOWN
        for asked in (
            Asked(f"{name}, auto", "at least", 0.95, over=f"{name}, best"),
            Asked(f"{name}, auto", "at most", 0, key="changes"),
        )
    ),
    ours="line, auto",
)
