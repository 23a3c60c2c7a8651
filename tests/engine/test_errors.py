"""Guarantee 5: errors are the user's own, with a note that says where they happened."""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest

import torchpipe as tp
from tests.engine.made import (
    Add,
    Fails,
    Made,
    Odd,
    Parts,
    Pass,
    Total,
    consume,
    line,
    notes,
    open_line,
    scaled,
)
from torchpipe.errors import Stopped
from torchpipe.testing import Gate


class Oops(Exception):
    """The user's own."""


def oops(x: int) -> int:
    if x == 5:
        raise Oops("at five")
    return x


def oops_source() -> Iterator[int]:
    for x in range(10):
        yield oops(x)


def oops_many(x: int) -> Iterator[int]:
    yield x
    oops(x)


class OopsCalls(tp.Cell):
    """A source that is no generator."""

    def reset(self) -> None:
        self.number = -1

    def forward(self) -> int:
        self.number += 1
        return oops(self.number)


class OopsBatch(tp.Cell):
    batching = tp.Batching(4, max_wait=0.0)

    def forward(self, x: int) -> int:
        return oops(x)


def numbers() -> tp.Cell:
    return tp.Source(range(10))


def add() -> tp.Cell:
    return scaled(lambda x: x)


def spread() -> tp.Cell:
    return tp.Unbatch(lambda x: [x])


# What fails, and how many results come before.
PLACES = {
    "source": (lambda: {"bad": tp.cell(oops_source)}, 5),
    "source, scaled after": (lambda: {"bad": tp.cell(oops_source), "a": add()}, 5),
    "source, another region after": (
        lambda: {"bad": tp.cell(oops_source), "spread": spread(), "a": add()},
        5,
    ),
    "calls": (lambda: {"bad": OopsCalls()}, 5),
    "calls, scaled after": (lambda: {"bad": OopsCalls(), "a": add()}, 5),
    "only cell": (lambda: {"s": numbers(), "bad": tp.cell(oops)}, 5),
    "head": (lambda: {"s": numbers(), "bad": tp.cell(oops), "a": add()}, 5),
    "clone": (lambda: {"s": numbers(), "bad": scaled(oops)}, 5),
    "middle": (
        lambda: {"s": numbers(), "one": scaled(Pass(), 1), "bad": tp.cell(oops), "a": add()},
        5,
    ),
    "tail": (lambda: {"s": numbers(), "a": add(), "bad": tp.cell(oops)}, 5),
    "generator": (lambda: {"s": numbers(), "bad": tp.cell(oops_many)}, 6),
    "generator, scaled after": (
        lambda: {"s": numbers(), "bad": tp.cell(oops_many), "a": add()},
        6,
    ),
    "generator between clones": (
        lambda: {"s": numbers(), "a": add(), "bad": tp.cell(oops_many), "b": add()},
        6,
    ),
    "clone before a generator": (
        lambda: {"s": numbers(), "bad": scaled(oops), "spread": spread(), "a": add()},
        5,
    ),
    "scaled generator": (lambda: {"s": numbers(), "bad": scaled(oops_many)}, 5),
    "batching": (lambda: {"s": numbers(), "bad": OopsBatch()}, 5),
}
IN_CLONES = ("clone", "clone before a generator", "scaled generator")


def take(run: tp.Run, into: list) -> None:
    """Put the results into the list as they come."""
    for result in run:
        into.append(result)  # noqa: PERF402 - an error must not lose those before it


@pytest.mark.parametrize("window", [1, 64])
@pytest.mark.parametrize("place", PLACES)
def test_an_error_keeps_its_type_and_traceback_and_says_where_it_was(place, window):
    cells, before = PLACES[place]
    taken = []
    with pytest.raises(Oops) as caught, line(**cells()).run(window=window) as run:
        take(run, taken)
    assert len(taken) == before
    assert str(caught.value) == "at five"
    assert "in oops\n" in "".join(traceback.format_tb(caught.value.__traceback__))
    (note,) = notes(caught.value)
    clones = (0, 1) if place in IN_CLONES else (0,)
    assert note in [f"in cell 'bad' (clone {index} on cpu), item 5" for index in clones]
    with pytest.raises(Stopped):
        iter(run)


@pytest.mark.parametrize("clones", [None, 2])
def test_an_error_within_a_pipeline_names_the_path(clones):
    inner = open_line(add=Add(), bad=Fails(3, Oops))
    inner = inner if clones is None else scaled(inner, clones)
    with pytest.raises(Oops) as caught, line(source=numbers(), inner=inner).run() as run:
        list(run)
    assert notes(caught.value)[0].startswith("in cell 'inner.bad' (clone ")
    assert notes(caught.value)[0].endswith(" on cpu), item 2")


class Lifecycle(tp.Cell):
    """Fails in one of its methods."""

    def __init__(self, where: str):
        self.where = where
        self.calls: list[str] = []

    def _at(self, where: str) -> None:
        self.calls.append(where)
        if where == self.where and self.calls.count(where) == (2 if where == "reset" else 1):
            raise Oops(where)

    def setup(self, clone):
        self._at("setup")

    def reset(self):
        self._at("reset")

    def teardown(self):
        self._at("teardown")

    def forward(self, x: int) -> Iterator[int]:
        self._at("forward")
        yield x

    def flush(self):
        self._at("flush")
        yield -1


NOTES = {
    "setup": "in the setup of cell 'cell' (clone 0 on cpu)",
    "reset": "in the reset of cell 'cell' (clone 0 on cpu)",
    "teardown": "in the teardown of cell 'cell' (clone 0 on cpu)",
    "flush": "in the flush of cell 'cell', at the end of the stream",
    "forward": "in cell 'cell' (clone 0 on cpu), item 0",
}


@pytest.mark.parametrize("clones", [None, 2])
@pytest.mark.parametrize("where", NOTES)
def test_an_error_in_any_method_of_a_cell_is_raised_with_a_note(where, clones):
    cell = Lifecycle(where)
    add = Add() if clones is None else scaled(Add(), clones)
    pipeline = line(source=numbers(), add=add, cell=cell, last=Add())

    def everything():
        with pipeline.run() as run:
            list(run)
            list(run)

    with pytest.raises(Oops, match=where) as caught:
        everything()
    assert notes(caught.value) == [NOTES[where]]
    assert cell.calls.count("teardown") == 1


@pytest.mark.parametrize("where", ["setup", "reset", "teardown"])
def test_an_error_in_any_method_of_a_clone_is_raised_with_a_note(where):
    class Clone(Lifecycle):
        def forward(self, x):
            return x

    def everything():
        with line(source=numbers(), cell=scaled(Clone(where), 1)).run() as run:
            assert [*run, *run] == [*range(10)] * 2

    with pytest.raises(Oops, match=where) as caught:
        everything()
    assert notes(caught.value) == [NOTES[where]]


# -- exceptions of strange kinds


def around(where: str, bad: tp.Cell) -> dict[str, tp.Cell]:
    """A line of cells with this one at some place."""
    return {
        "only": lambda: {"s": numbers(), "bad": bad},
        "head": lambda: {"s": numbers(), "bad": bad, "a": add()},
        "clone": lambda: {"s": numbers(), "bad": scaled(bad)},
        "tail": lambda: {"s": numbers(), "a": add(), "bad": bad},
        "middle": lambda: {"s": numbers(), "one": scaled(Pass(), 1), "bad": bad, "a": add()},
    }[where]()


WHERE = ("only", "head", "clone", "tail", "middle")


@pytest.mark.parametrize("where", WHERE)
def test_stop_iteration_of_a_cell_does_not_end_the_stream_silently(where):
    with pytest.raises(RuntimeError, match="StopIteration") as caught:
        consume(line(**around(where, Fails(3, StopIteration))))
    assert isinstance(caught.value.__cause__, StopIteration)
    assert "item 3" in notes(caught.value)[0]


def test_stop_iteration_of_a_source_does_not_end_the_stream_silently():
    class Source(tp.Cell):
        def forward(self) -> int:
            raise StopIteration

    for add in (Add(), scaled(Add())):
        with (
            pytest.raises(RuntimeError, match="StopIteration"),
            line(s=Source(), a=add).run() as run,
        ):
            list(run)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError])
@pytest.mark.parametrize("where", WHERE)
def test_errors_that_are_no_exceptions_reach_the_consumer(error, where):
    with pytest.raises(error):
        consume(line(**around(where, Fails(3, error))))


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    """It takes no notes."""

    number: int


class Rude(Exception):
    """It answers nothing."""

    def __eq__(self, other):
        raise AssertionError("compared")

    __hash__ = None

    def __bool__(self):
        raise AssertionError("asked")

    def __str__(self):
        raise AssertionError("printed")

    def __repr__(self):
        raise AssertionError("shown")


@pytest.mark.parametrize("error", [Frozen, Rude])
@pytest.mark.parametrize("clones", [None, 2])
def test_exceptions_that_cannot_be_written_to_or_compared(error, clones):
    bad = Fails(3, error) if clones is None else scaled(Fails(3, error), clones)
    caught = None
    try:
        with line(source=numbers(), bad=bad, last=Pass()).run() as run:
            list(run)
    except BaseException as raised:
        caught = raised
    assert type(caught) is error


def test_one_exception_raised_for_two_items_is_noted_for_both():
    error = Oops("the same")

    def bad(x):
        raise error

    with open_line(bad=scaled(bad, 1)).run() as run:
        assert [run.submit(x).exception() for x in range(2)] == [error, error]
    assert [note[-6:] for note in notes(error)] == ["item 0", "item 1"]


# -- what cells give


@pytest.mark.parametrize("clones", [None, 2])
@pytest.mark.parametrize("values", [(1,), (1, 2, 3), 7])
def test_a_cell_that_returns_another_number_of_outputs(values, clones):
    def bad(x: int) -> Parts:
        return values

    bad.__annotations__["return"] = Parts

    def build(self):
        parts = self.bad(self.source())
        return parts.half, self.add(parts.rest)

    cell = tp.cell(bad) if clones is None else scaled(bad, clones)
    with (
        pytest.raises((TypeError, ValueError), match="unpack") as caught,
        Made(build, source=numbers(), bad=cell, add=Add()).run() as run,
    ):
        list(run)
    assert notes(caught.value)[0].startswith("in cell 'bad' (clone ")


class Touchy:
    """A value that must not be compared, tested, hashed or measured."""

    def __init__(self, number):
        self.number = number

    def _never(self, *_):
        raise AssertionError("the engine looked into a value")

    __eq__ = __ne__ = __lt__ = __bool__ = __len__ = __iter__ = __contains__ = _never
    __hash__ = _never
    __getitem__ = __repr__ = __copy__ = __deepcopy__ = _never


class TouchyBatch(tp.Cell):
    batching = tp.Batching(3, max_wait=0.0)

    def forward(self, x):
        return x

    def forward_batch(self, items):
        return [x for (x,) in items]


class TouchyFilter(tp.Cell):
    filters = True

    def forward(self, x):
        return x


def of_all_kinds(source):
    """A pipeline whose items pass cells of all kinds."""

    def build(self):
        x = self.source()
        y = self.filter(self.clone(x))
        before = self.before()
        pair = self.pair(self.batch(y), before)
        self.before.connect(pair)
        return self.spread(self.generator(self.retry(pair)))

    def many(x):
        yield x

    retry = tp.cell(lambda x: x)
    retry.on_error = tp.Retry(2, then="skip")
    return Made(
        build,
        source=tp.cell(source),
        clone=scaled(lambda x: x),
        filter=scaled(TouchyFilter()),
        batch=TouchyBatch(),
        before=tp.Feedback(),
        pair=tp.cell(lambda x, before: x),
        retry=retry,
        generator=scaled(many),
        spread=tp.cell(many),
    )


@pytest.mark.parametrize("window", [1, 64])
@pytest.mark.parametrize("make", [Touchy, lambda n: np.arange(n, n + 3)], ids=["touchy", "array"])
def test_nothing_compares_values(make, window):
    def source():
        for number in range(6):
            yield make(number)

    with of_all_kinds(source).run(window=window) as run:
        for _ in range(2):
            results = [*run]
            numbers = [x.number if isinstance(x, Touchy) else int(x[0]) for x in results]
            assert numbers == list(range(6))


def test_constants_are_not_compared_either():
    constant = Touchy(1)

    def build(self):
        return self.both(self.source(), constant)

    both = scaled(lambda x, k: (x, k.number))
    with Made(build, source=tp.Source(range(2)), both=both).run() as run:
        assert list(run) == [(0, 1), (1, 1)]


def test_touchy_values_can_be_submitted():
    with open_line(same=scaled(lambda x: x), last=TouchyFilter()).run() as run:
        assert run(Touchy(3)).number == 3
        assert [x.number for x in run.map([Touchy(1), Touchy(2)])] == [1, 2]


# -- what else happens


def test_results_before_the_failed_item_are_delivered_although_it_failed_first():
    gate = Gate()

    def work(x):
        if x == 3:
            raise Oops
        gate.hold(x)
        return x

    with line(source=numbers(), work=scaled(work, 4)).run() as run:
        results = iter(run)
        gate.wait_until_inside(0, 1, 2)
        gate.open()
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(Oops):
            next(results)


def test_no_cell_gets_an_item_after_a_failed_one_without_its_values():
    seen = []

    def note(x):
        seen.append(x)
        return x

    cells = {"bad": scaled(Fails(3, Oops)), "total": Total(), "note": scaled(note), "last": Pass()}
    with pytest.raises(Oops), line(source=tp.Source(range(30)), **cells).run() as run:
        list(run)
    assert None not in seen
    assert len(seen) <= 3


def test_a_stateful_cell_gets_no_item_after_the_one_that_it_failed_on():
    seen = []

    class Bad(Pass):
        def forward(self, x):
            seen.append(x)
            if x == 3:
                raise Oops
            return x

    cells = {"add": scaled(lambda x: x), "bad": Bad(), "add_2": scaled(lambda x: x)}
    with pytest.raises(Oops):
        consume(line(source=tp.Source(range(60)), **cells))
    assert seen == [0, 1, 2, 3]


def test_a_cell_after_a_hole_is_not_called():
    seen = []

    class Note(tp.Cell):
        def forward(self, a, b=0, *, c=0):
            seen.append((a, b, c))
            return a

    def build(self):
        x = self.source()
        odd = self.odd(x)
        return self.note(x, b=odd, c=x)

    with Made(build, source=tp.Source(range(5)), odd=scaled(Odd()), note=Note()).run() as run:
        assert list(run) == [1, 3]
    assert seen == [(1, 1, 1), (3, 3, 3)]


def test_the_first_error_is_raised_and_a_later_one_of_a_teardown_is_a_note():
    class Bad(Pass):
        def teardown(self):
            raise OSError("disk full")

    with (
        pytest.raises(Oops) as caught,
        line(source=numbers(), bad=Bad(), f=Fails(2, Oops)).run() as r,
    ):
        list(r)
    assert notes(caught.value) == [
        "in cell 'f' (clone 0 on cpu), item 2",
        "and while the run stopped: OSError: disk full\n"
        "in the teardown of cell 'bad' (clone 0 on cpu)",
    ]


def test_every_cell_is_torn_down_although_one_fails_to():
    torn = []

    class Bad(Pass):
        def __init__(self, name, error=None):
            self.name, self.error = name, error

        def teardown(self):
            torn.append(self.name)
            if self.error:
                raise self.error

    cells = {
        "a": Bad("a"),
        "b": Bad("b", Oops()),
        "c": scaled(Bad("c", OSError()), 1),
        "d": Bad("d"),
    }
    with pytest.raises((Oops, OSError)), line(source=numbers(), **cells).run() as run:
        assert list(run) == list(range(10))
    assert sorted(torn) == ["a", "b", "c", "d"]


def test_an_error_in_the_loop_of_the_consumer_is_not_touched():
    def loop():
        with line(source=numbers(), add=scaled(Add())).run() as run:
            for _ in run:
                raise Oops

    with pytest.raises(Oops) as caught:
        loop()
    assert notes(caught.value) == []


def test_an_error_while_the_consumer_does_something_else_waits_for_it():
    failed = Gate()

    def bad(x):
        if x == 1:
            failed.open(1)
            raise Oops
        return x

    with line(source=numbers(), bad=scaled(bad)).run() as run:
        results = iter(run)
        assert next(results) == 0
        failed.hold(1)
        with pytest.raises(Oops):
            next(results)
        assert list(results) == []


class Pair(NamedTuple):
    a: int
    b: int


class Some(tp.Cell):
    def __init__(self, count):
        self.count = count

    def forward(self, x) -> Pair:
        return tuple(range(self.count))


@pytest.mark.parametrize("scaled", [lambda cell: cell, tp.ScaleUp])
@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_values_than_fields_is_told(scaled, count):
    class Sum(tp.Pipeline):
        def __init__(self):
            super().__init__()
            self.some = scaled(Some(count))
            self.add = tp.cell(lambda a, b: a + b)

        def build(self, x):
            return self.add(*self.some(x))

    with pytest.raises(ValueError, match="values to unpack") as caught, Sum().run() as run:
        run(1)
    assert caught.value.__notes__[1:] == [
        "some.forward returned another number of values than its return type has fields: return "
        "one value for each."
    ]
