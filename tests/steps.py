"""Pipelines made of steps, and the plain Python loop that each must equal.

The *steps* are over numbered columns. Each is applied twice: to symbolic outputs in a `build`, and
to plain lists (a column: one value per item, `HOLE` where there is none). Clones in other processes
import this module, so it imports little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torchpipe as tp
from torchpipe import HOLE

Column = list[Any]
Clones = Callable[[int], int | list[tp.Clone]]


def mix(*values: int) -> int:
    """A function of integers that shows any mistake in order or pairing."""
    total = 17
    for value in values:
        total = (total * 31 + value) % 1_000_003
    return total


class Numbers(tp.Cell):
    def __init__(self, count: int, factor: int):
        self.count, self.factor = count, factor

    def forward(self) -> Iterator[int]:
        for number in range(self.count):
            yield mix(number, self.factor)


class Mix1(tp.Cell):
    def forward(self, a: int) -> int:
        return mix(a)


class Mix2(tp.Cell):
    def forward(self, a: int, b: int) -> int:
        return mix(a, b)


class Mix3(tp.Cell):
    def forward(self, a: int, b: int, c: int) -> int:
        return mix(a, b, c)


class Sum(tp.Cell):
    stateful = True

    def reset(self) -> None:
        self.total = 0

    def forward(self, a: int) -> int:
        self.total = mix(self.total, a)
        return self.total

    def state_dict(self) -> dict[str, Any]:
        return {"total": self.total}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.total = state["total"]


class Rest(tp.Cell):
    def forward(self, a: int) -> int:
        return a % 3


class Odd(tp.Cell):
    filters = True

    def forward(self, a: int) -> int:
        return a if a % 2 else HOLE


class Fragile(tp.Cell):
    on_error = tp.Skip(budget=10**6)

    def forward(self, a: int) -> int:
        if a % 3 == 0:
            raise ValueError(a)
        return a


class Stumbles(tp.Cell):
    """Fails at the first call for every fourth item, and not at the second."""

    on_error = tp.Retry(2)
    tried: int | None = None

    def forward(self, a: int) -> int:
        if a % 4 == 0 and self.tried != a:
            self.tried = a
            raise ValueError(a)
        self.tried = None
        return mix(a)


class Copies(tp.Cell):
    def forward(self, a: int) -> Iterator[int]:
        for number in range(a % 3):
            yield mix(a, number)


class Pairs(tp.Cell):
    stateful = True

    def reset(self) -> None:
        self.held: list[int] = []

    def forward(self, a: int) -> Iterator[int]:
        self.held.append(a)
        if len(self.held) == 2:
            yield from self.flush()

    def flush(self) -> Iterator[int]:
        if self.held:
            held, self.held = self.held, []
            yield mix(*held)

    def state_dict(self) -> dict[str, Any]:
        return {"held": self.held}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.held = state["held"]


class Kept(tp.Cell):
    """A sink: what it got in this epoch can be looked at after the run."""

    stateful = True

    def __init__(self) -> None:
        self.got: Column = []

    def reset(self) -> None:
        self.got.clear()

    def forward(self, a: int) -> None:
        self.got.append(a)

    def state_dict(self) -> dict[str, Any]:
        return {"got": self.got}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.got[:] = state["got"]


class Scaled(tp.Pipeline):
    """A small open pipeline, to be scaled up as a whole."""

    def __init__(self, kind: str):
        self.first, self.kind = Mix1(), kind
        self.second = {"plain": Mix1, "odd": Odd, "fragile": Fragile, "copies": Copies}[kind]()
        self.third = Mix1() if kind == "copies" else Mix2()

    def build(self, a: int) -> Any:
        first = self.first(a)
        second = self.second(first)
        return self.third(second) if self.kind == "copies" else self.third(second, first)


def each(function: Callable[..., Any], *columns: Column) -> Column:
    """Apply a function item by item; it is not called where there is a hole."""
    return [HOLE if HOLE in row else function(*row) for row in zip(*columns, strict=True)]


def running(start: Any, function: Callable[[Any, Any], Any], column: Column) -> Column:
    """Apply a function of the last result and the value, item by item."""
    given = []
    for value in column:
        start = start if value is HOLE else function(start, value)
        given.append(HOLE if value is HOLE else start)
    return given


def apart(column: Column) -> Iterator[Any]:
    """The sums of the values with the same rest, each by itself."""
    totals: dict[int, int] = {}
    for value in column:
        if value is not HOLE:
            totals[value % 3] = mix(totals.get(value % 3, 0), value)
        yield HOLE if value is HOLE else totals[value % 3]


def delayed(column: Column, count: int, initial: Any) -> Column:
    present = [value for value in column if value is not HOLE]
    shifted = iter([initial] * count + present)
    return [HOLE if value is HOLE else next(shifted) for value in column]


def odd(value: int) -> Any:
    return value if value % 2 else HOLE


def unbroken(value: int) -> Any:
    return HOLE if value % 3 == 0 else value


def copies(value: int) -> Column:
    return [mix(value, number) for number in range(value % 3)]


def spread(function: Callable[[int], Column], column: Column) -> Column:
    return [made for value in column if value is not HOLE for made in function(value)]


def paired(column: Column) -> Column:
    present = [value for value in column if value is not HOLE]
    return [mix(*present[i : i + 2]) for i in range(0, len(present), 2)]


def scaled_reference(kind: str, value: int) -> Any:
    first = mix(value)
    if kind == "copies":
        return [mix(made) for made in copies(first)]
    second = {"plain": mix, "odd": odd, "fragile": unbroken}[kind](first)
    return HOLE if second is HOLE else mix(second, first)


@dataclass(frozen=True)
class Step:
    """One step: its kind, the columns that it reads, the clones, and details."""

    kind: str
    reads: tuple[int, ...]
    clones: int
    detail: Any = None
    aside: bool = False


RENUMBERING = ("copies", "pairs", "scaled copies")


class Random(tp.Pipeline):
    """The pipeline that the steps describe, closed, with sources of its own.

    A step that numbers its items anew may also leave them to a sink, beside the way to the results.
    `clones` makes the clones of a scaled-up cell of their number; by default they are threads.
    """

    def __init__(
        self,
        steps: tuple[Step, ...],
        counts: tuple[int, ...],
        outputs: tuple[int, ...],
        clones: Clones = int,
    ):
        self.steps, self.outs, self.clones = steps, outputs, clones
        self.sinks = [Kept() for step in steps if step.aside]
        self.sources = [Numbers(count, factor) for factor, count in enumerate(counts)]
        self.made = [self.make(step) for step in steps]

    def make(self, step: Step) -> Any:
        kinds: dict[str, Callable[[], Any]] = {
            "mix": lambda: [Mix1, Mix2, Mix3][len(step.reads) - 1](),
            "sum": Sum,
            "odd": Odd,
            "fragile": Fragile,
            "stumbles": Stumbles,
            "copies": Copies,
            "pairs": Pairs,
            "delay": lambda: tp.Delay(step.detail, initial=7),
            "feedback": lambda: [tp.Feedback(5), self._scaled(Mix2(), step.clones)],
            "each": lambda: [Rest(), self._scaled(tp.Each(Sum()), step.clones)],
            "nested": lambda: Nested(*step.detail, self.clones),
            "scaled": lambda: Scaled(step.detail),
            "scaled copies": lambda: Scaled("copies"),
        }
        cell = kinds[step.kind]()
        return cell if isinstance(cell, list) else self._scaled(cell, step.clones)

    def _scaled(self, cell: tp.Cell, count: int) -> tp.Cell:
        return tp.ScaleUp(cell, self.clones(count)) if count else cell

    def build(self) -> Any:
        return self.connect([source() for source in self.sources])

    def connect(self, columns: list[Any]) -> Any:
        sinks = iter(self.sinks)
        for step, cell in zip(self.steps, self.made, strict=True):
            reads = [columns[index] for index in step.reads]
            if step.kind == "feedback":
                result = cell[1](reads[0], cell[0]())
                cell[0].connect(result)
            elif step.kind == "each":
                result = cell[1](cell[0](reads[0]), reads[0])
            else:
                result = cell(*reads)
            if step.aside:
                next(sinks)(result)
            else:
                columns = [result] if step.kind in RENUMBERING else [*columns, result]
        return tuple(columns[index] for index in self.outs)


class Nested(Random):
    """The same within another pipeline: it takes its columns as arguments."""

    def __init__(self, steps: tuple[Step, ...], width: int, clones: Clones):
        super().__init__(steps, (), (width + len(steps) - 1,), clones)
        self.build = {1: self.build1, 2: self.build2}[width]

    def build1(self, a: int) -> Any:
        return self.connect([a])[0]

    def build2(self, a: int, b: int) -> Any:
        return self.connect([a, b])[0]


def reference(steps: tuple[Step, ...], columns: list[Column]) -> list[Column]:
    """The plain loop."""
    return both(steps, columns)[0]


def both(steps: tuple[Step, ...], columns: list[Column]) -> tuple[list[Column], list[Column]]:
    """The columns after all steps, and those that went into sinks."""
    sinks: list[Column] = []
    for step in steps:
        result = apply(step, [columns[index] for index in step.reads])
        if step.aside:
            sinks.append([value for value in result if value is not HOLE])
        else:
            columns = [result] if step.kind in RENUMBERING else [*columns, result]
    return columns, sinks


def apply(step: Step, reads: list[Column]) -> Column:
    """One step on whole columns."""
    kinds: dict[str, Callable[[], Column]] = {
        "mix": lambda: each(mix, *reads),
        "sum": lambda: running(0, mix, reads[0]),
        "odd": lambda: each(odd, reads[0]),
        "fragile": lambda: each(unbroken, reads[0]),
        "stumbles": lambda: each(mix, reads[0]),
        "copies": lambda: spread(copies, reads[0]),
        "pairs": lambda: paired(reads[0]),
        "delay": lambda: delayed(reads[0], step.detail, 7),
        "feedback": lambda: running(5, lambda last, value: mix(value, last), reads[0]),
        "each": lambda: list(apart(reads[0])),
        "nested": lambda: reference(step.detail[0], reads)[-1],
        "scaled": lambda: each(lambda value: scaled_reference(step.detail, value), reads[0]),
        "scaled copies": lambda: spread(lambda v: scaled_reference("copies", v), reads[0]),
    }
    return kinds[step.kind]()


def expected(
    steps: tuple[Step, ...], counts: tuple[int, ...], outputs: tuple[int, ...]
) -> tuple[Column, list[Column]]:
    """What the pipeline must give, in order, and what its sinks must get."""
    length = min(counts)
    sources = [[mix(n, factor) for n in range(length)] for factor in range(len(counts))]
    columns, sinks = both(steps, sources)
    rows = zip(*(columns[index] for index in outputs), strict=True)
    return [row for row in rows if HOLE not in row], sinks
