"""A tap shows outputs in passing: it changes no result, and nothing is kept after it ends."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import torchpipe as tp
from tests.engine.made import TIMEOUT, Add, Divide, Made, Odd, line, open_line, scaled
from tests.steps import Random, expected
from tests.strategies import pipelines
from torchpipe.errors import RunError, Stopped


class Value:
    """Something that can be waited for to go away."""


def same(value: Any) -> Any:
    return value


def first_seen(run: tp.Run, path: str, consume: Callable[[tp.Run], Any] = list) -> Any:
    """What a tap of a cell sees first of an epoch."""
    tapped = run.tap(path, same)
    consume(run)
    return tapped.result(TIMEOUT)


def two_outputs(self):
    half, rest = self.divide(self.source())
    return self.add(half), rest


def only_one_is_read(self):
    half, _ = self.divide(self.source())
    return self.add(half)


class Emit(tp.Cell):
    """Each number as often as it says."""

    def forward(self, x: int):
        yield from [x] * x


class Ones(tp.Cell):
    """Sums lists."""

    batching = tp.Batching(max_size=3)

    def forward(self, x: int) -> int:
        return x + 1

    def forward_batch(self, items):
        return [x + 1 for (x,) in items]


@pytest.mark.parametrize("clones", [None, 1, 3])
def test_a_tap_sees_what_a_cell_gives(clones):
    add = Add() if clones is None else scaled(Add(), clones)
    with line(source=tp.Source([5]), add=add, last=Add()).run() as run:
        assert [first_seen(run, path) for path in ("source", "add", "last")] == [5, 6, 7]


@pytest.mark.parametrize("build", [two_outputs, only_one_is_read])
@pytest.mark.parametrize("clones", [None, 2])
def test_it_sees_all_outputs_of_a_cell(build, clones):
    divide = Divide() if clones is None else scaled(Divide(), clones)
    with Made(build, source=tp.Source([9]), divide=divide, add=Add()).run() as run:
        assert first_seen(run, "divide") == (4, 1)


def test_it_sees_the_outputs_of_a_batch():
    with line(source=tp.Source([5]), ones=tp.ScaleUp(Ones())).run() as run:
        assert first_seen(run, "ones") == 6


@pytest.mark.parametrize("emit", [Emit, lambda: scaled(Emit())], ids=["one", "clones"])
@pytest.mark.parametrize("add", [Add, lambda: scaled(Add())], ids=["one", "clones"])
def test_it_sees_what_a_cell_yields(emit, add):
    with line(source=tp.Source([0, 2]), emit=emit(), add=add()).run() as run:
        assert first_seen(run, "emit") == 2


def test_it_sees_what_nobody_reads():
    def build(self):
        value = self.source()
        self.aside(value)
        return value

    with Made(build, source=tp.Source([5]), aside=Add()).run() as run:
        assert first_seen(run, "aside") == 6


def test_it_sees_the_side_of_a_pipeline_that_is_numbered_anew():
    def build(self):
        value = self.source()
        self.add(self.emit(value))
        return value

    with Made(build, source=tp.Source([0, 2]), emit=Emit(), add=scaled(Add())).run() as run:
        assert first_seen(run, "emit") == 2
        assert first_seen(run, "add") == 3


@pytest.mark.parametrize("clones", [None, 2])
def test_it_sees_what_is_submitted(clones):
    add = Add() if clones is None else scaled(Add(), clones)
    with open_line(add=add).run() as run:
        assert [first_seen(run, path, lambda run: run(5)) for path in ("inputs", "add")] == [5, 6]


def test_it_does_not_see_holes():
    with line(source=tp.Source(range(4)), odd=Odd()).run() as run:
        assert first_seen(run, "odd") == 1


def test_it_sees_a_scaled_up_pipeline_as_a_whole():
    inner = scaled(open_line(one=Add(), two=Add()))
    with line(source=tp.Source([5]), inner=inner).run() as run:
        assert first_seen(run, "inner") == 7
        with pytest.raises(RunError, match=r"there is no cell 'inner\.one' to look at"):
            run.tap("inner.one", same)


@pytest.mark.parametrize("clones", [None, 2])
def test_it_sees_what_comes_back(clones):
    def build(self):
        total = self.add(self.source(), self.before())
        self.before.connect(total)
        return total

    def add(x: int, before: int) -> int:
        return x + before

    cell = tp.cell(add) if clones is None else scaled(add, clones)
    pipeline = Made(build, source=tp.Source([5]), before=tp.Feedback(100), add=cell)
    with pipeline.run() as run:
        assert [first_seen(run, path) for path in ("before", "add")] == [100, 105]


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(pipelines(), st.sampled_from((1, 3, 64)))
def test_a_tap_changes_no_result(drawn, window):
    steps, counts, outputs = drawn
    wanted, kept = expected(steps, counts, outputs)
    pipeline = Random(steps, counts, outputs, int)
    with pipeline.run(window=window, stall_after=5.0) as run:
        for path in run._core.taps._numbers:
            look_for_ever(run, path)
        for _ in range(2):
            assert list(run) == wanted
            assert [sink.got for sink in pipeline.sinks] == kept


def look_for_ever(run: tp.Run, path: str) -> None:
    """Look at all outputs of a cell: each look asks for the next one."""
    run.tap(path, lambda _: look_for_ever(run, path))


def test_what_a_look_raises_is_its_own():
    def bad(_: int) -> None:
        raise StopIteration

    with line(source=tp.Source(range(3)), add=scaled(Add())).run() as run:
        taps = [run.tap(path, bad) for path in ("source", "add")]
        assert list(run) == [1, 2, 3]
        for tapped in taps:
            with pytest.raises(StopIteration):
                raise tapped.exception(TIMEOUT)


def test_nothing_is_kept_after_it_ends():
    with line(
        source=tp.Source([0]), make=scaled(lambda _: Value()), pass_=tp.cell(same)
    ).run() as run:
        tapped = run.tap("make", weakref.ref)
        (value,) = run
        assert tapped.result(TIMEOUT)() is value
        del value
        gc.collect()
        assert tapped.result()() is None
        assert not run._core.taps.armed


def test_a_cancelled_tap_is_forgotten():
    with line(source=tp.Source(range(3)), add=Add()).run() as run:
        first, second = run.tap("add", same), run.tap("add", same)
        assert first.cancel()
        assert run._core.taps.armed
        assert second.cancel()
        assert not run._core.taps.armed
        assert list(run) == [1, 2, 3]
        with pytest.raises(CancelledError):
            first.result()


def test_the_end_of_the_run_ends_a_tap():
    with line(source=tp.Source([0]), add=Add()).run() as run:
        tapped = run.tap("add", same)
    with pytest.raises(Stopped):
        tapped.result()
    with pytest.raises(Stopped):
        run.tap("add", same)


def test_there_must_be_such_a_cell():
    with line(source=tp.Source([0]), add=Add()).run() as run, pytest.raises(RunError) as caught:
        run.tap("ad", same)
    assert str(caught.value) == "there is no cell 'ad' to look at; there are: source, add."
