"""Open pipelines: submit, map and call; the items of many threads, and errors one by one."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import pytest

import torchpipe as tp
from tests.engine.made import (
    Add,
    Background,
    Divide,
    Fails,
    Made,
    Odd,
    Parts,
    Pass,
    Total,
    happens,
    line,
    notes,
    open_line,
    scaled,
)
from torchpipe.errors import ItemDropped, RunError
from torchpipe.testing import Gate, Recorder


def some(cell: tp.Cell, clones: int | None) -> tp.Cell:
    return cell if clones is None else scaled(cell, clones)


CLONES = [None, 1, 3]


@pytest.mark.parametrize("clones", CLONES)
@pytest.mark.parametrize("window", [1, 64])
def test_submit_call_and_map(clones, window):
    with open_line(add=some(Add(), clones), total=Total()).run(window=window) as run:
        assert run.submit(1).result(10) == 2
        assert run.submit(x=1).result(10) == 4
        assert run(2) == 7
        assert run(x=2) == 10
        assert list(run.map(range(5))) == [11, 13, 16, 20, 25]
        assert list(run.map([])) == []


def test_several_inputs_with_defaults():
    def build(self, a, b=10, *, c=100):
        return self.sum(a, b, c)

    add = scaled(lambda a, b, c: (a, b, c))
    with Made(build, sum=add).run() as run:
        assert run(1) == (1, 10, 100)
        assert run(1, 2, c=3) == (1, 2, 3)
        assert run(b=2, a=1) == (1, 2, 100)
        mapped = run.map([(1,), (1, 2), {"a": 1, "c": 3}, {"c": 3, "b": 2, "a": 1}])
        assert list(mapped) == [(1, 10, 100), (1, 2, 100), (1, 10, 3), (1, 2, 3)]
        for args, kwargs in [((), {}), ((1, 2, 3), {}), ((1,), {"d": 1})]:
            with pytest.raises(TypeError):
                run(*args, **kwargs)


def test_a_mapping_is_a_value_where_there_is_one_input():
    with open_line(same=scaled(lambda x: x)).run() as run:
        assert list(run.map([{"x": 1}, (1, 2)])) == [{"x": 1}, (1, 2)]


def test_several_outputs():
    def build(self, x):
        parts = self.divide(x)
        return Parts(parts.half, self.add(parts.rest))

    with Made(build, divide=scaled(Divide()), add=Add()).run() as run:
        result = run(7)
        assert type(result) is Parts
        assert result == (3, 2)


@pytest.mark.parametrize("clones", CLONES)
@pytest.mark.parametrize("window", [1, 64])
def test_an_error_belongs_to_its_item_and_to_no_other(clones, window):
    cells = {"total": Total(), "bad": some(Fails(3), clones), "add": Add(), "last": Total()}
    with open_line(**cells).run(window=window) as run:
        futures = [run.submit(1) for _ in range(5)]
        for number, future in enumerate(futures):
            error = future.exception(10)
            if number == 2:
                assert isinstance(error, ValueError)
                assert notes(error)[0].endswith("on cpu), item 2")
            else:
                assert error is None
        assert [f.result() for n, f in enumerate(futures) if n != 2] == [2, 5, 10, 16]


@pytest.mark.parametrize("where", ["head", "middle", "tail"])
def test_an_error_in_a_serial_stage_belongs_to_its_item(where):
    bad = {name: Fails(3) if name == where else Pass() for name in ("head", "middle", "tail")}
    cells = {"head": bad["head"], "a": scaled(lambda x: x), "middle": bad["middle"]}
    cells |= {"b": scaled(lambda x: x), "tail": bad["tail"]}
    with open_line(**cells).run(window=2) as run:
        for x in range(6):
            if x == 3:
                with pytest.raises(ValueError, match="no 3"):
                    run(x)
            else:
                assert run(x) == x


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_errors_that_are_no_exceptions(error):
    with open_line(bad=scaled(Fails(3, error))).run() as run:
        with pytest.raises(error):
            run(3)
        assert run(4) == 4


@pytest.mark.parametrize("clones", CLONES)
def test_a_dropped_item_says_so(clones):
    with open_line(odd=some(Odd(), clones), last=Pass()).run() as run:
        with pytest.raises(ItemDropped) as caught:
            run(2)
        text = "the item has no result: a cell filtered it, or failed and skipped it."
        assert str(caught.value) == text
        assert run(3) == 3
        assert list(run.map(range(6))) == [1, 3, 5]


@pytest.mark.parametrize("clones", CLONES)
def test_map_gives_the_results_before_an_error_and_the_run_goes_on(clones):
    with open_line(bad=some(Fails(3), clones)).run(window=4) as run:
        results = run.map(range(9))
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(ValueError, match="no 3"):
            next(results)
        assert run(5) == 5


@pytest.mark.parametrize("clones", CLONES)
@pytest.mark.parametrize("streaming", [False, True])
def test_map_gives_the_results_before_an_error_in_its_items(clones, streaming):
    def items():
        yield 1
        yield 2
        raise OSError("no more")

    cells = {"add": some(Add(), clones)} | ({"u": tp.Unbatch(lambda x: [x])} if streaming else {})
    with open_line(**cells).run() as run:
        results = run.map(items())
        assert [next(results), next(results)] == [2, 3]
        with pytest.raises(OSError, match="no more"):
            next(results)


def test_maps_side_by_side():
    with open_line(add=scaled(Add())).run(window=4) as run:
        one, two = run.map(range(5)), run.map(range(10, 15))
        assert list(zip(one, two, strict=True)) == [(x + 1, x + 11) for x in range(5)]


def test_a_map_that_was_left_does_not_disturb_the_next():
    with open_line(add=scaled(Add())).run(window=4) as run:
        next(run.map(range(10)))
        assert list(run.map(range(5))) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("clones", [None, 2])
def test_a_streaming_map_that_was_left_does_not_disturb_the_next(clones):
    with open_line(add=some(Add(), clones), batch=tp.Batch(2)).run(window=4) as run:
        left = run.map(itertools.count())
        assert next(left) == [1, 2]
        assert list(run.map(range(3))) == [[1, 2], [3]]
        assert list(run.map(range(4))) == [[1, 2], [3, 4]]
        assert run.epoch == 2


@pytest.mark.parametrize("clones", [None, 2])
def test_a_streaming_map_of_several_inputs(clones):
    def build(self, a, b=10):
        return self.batch(self.add(a, b))

    add = tp.cell(lambda a, b: a + b) if clones is None else scaled(lambda a, b: a + b, clones)
    with Made(build, add=add, batch=tp.Batch(2)).run() as run:
        items = [(1, 2), {"b": 3, "a": 4}, (5,), {"a": 6}]
        assert list(run.map(items)) == [[3, 7], [15, 16]]


def test_many_threads_submit_at_once():
    recorder = Recorder()

    def submitter(run, first):
        return [run(x) for x in range(first, first + 50)]

    with open_line(add=scaled(Add(), 3), record=recorder).run(window=4) as run:
        threads = [Background(submitter, run, 1000 * n) for n in range(4)]
        for number, thread in enumerate(threads):
            assert thread.result() == list(range(1000 * number + 1, 1000 * number + 51))
    assert len(recorder.items) == 200


def test_submit_waits_for_room():
    gate, done = Gate(), threading.Event()
    with open_line(gate=scaled(gate, 1)).run(window=2) as run:
        run.submit(0)
        run.submit(1)
        blocked = Background(lambda: (run.submit(2), done.set()))
        gate.wait_until_inside(0)
        assert not done.is_set()
        gate.open()
        happens(done)
        assert blocked.result()[0].result(10) == 2


def test_submit_nowait_gives_nothing_where_submit_would_wait_for_room():
    gate = Gate()
    with open_line(gate=scaled(gate, 1)).run(window=2) as run:
        futures = [run.submit_nowait(x) for x in range(4)]
        assert futures[2:] == [None, None]
        gate.open()
        assert [future.result(10) for future in futures[:2]] == [0, 1]
        assert run(4) == 4  # neither 2 nor 3 has a place


@pytest.mark.parametrize("clones", [None, 1])
def test_submit_nowait_runs_no_cell_in_the_thread_that_calls_it(clones):
    first = Recorder()
    with open_line(first=some(first, clones), add=scaled(Add(), 2)).run() as run:
        future = run.submit_nowait(1)
        assert (future is None) == (clones is None)
        assert run(2) == 3
    assert first.items == ([2] if future is None else [1, 2])


def test_submit_nowait_gives_nothing_while_another_thread_submits():
    gate = Gate()
    with open_line(gate=scaled(gate, 1)).run(window=1) as run:
        run.submit(0)
        blocked = Background(run.submit, 1)
        gate.wait_until_inside(0)
        assert run.submit_nowait(2) is None
        gate.open()
        assert blocked.result().result(10) == 1


class Batched(Recorder):
    """A recorder that takes several items in one call."""

    batching = tp.Batching(2)

    def forward_batch(self, items):
        return [self.forward(item) for (item,) in items]


@pytest.mark.parametrize("kind", [Recorder, Batched])
@pytest.mark.parametrize("clones", [None, 1, 3])
def test_a_cancelled_item_is_taken_by_no_further_stage(kind, clones):
    gate, after = Gate(), kind()
    with open_line(gate=scaled(gate, 1), after=some(after, clones)).run() as run:
        first, waits, last = [run.submit(x) for x in range(3)]
        gate.wait_until_inside(0)
        assert first.cancel()
        assert waits.cancel()
        gate.open(0, 2)  # not 1: if the clone took it, the test would wait in vain
        assert last.result(10) == 2
        assert not last.cancel()
    assert first.cancelled()
    assert after.items == [2]


def test_cancelled_items_leave_their_places_to_others():
    gate, after = Gate(), Recorder()
    middle = {"between": Recorder(), "add": scaled(Add(), 2)}
    with open_line(gate=scaled(gate, 1), **middle, after=after).run(window=3) as run:
        for first in range(0, 30, 3):
            futures = [run.submit(first + x) for x in range(3)]
            gate.wait_until_inside(first)
            assert [futures[x].cancel() for x in (0, 2)] == [True, True]
            gate.open(first, first + 1)
            assert futures[1].result(10) == first + 2
    assert after.items == list(range(2, 30, 3))


def test_drain_waits_for_what_is_inside_and_flushes():
    seen = tp.Collect()

    def build(self, x):
        y = self.add(x)
        self.seen(self.batch(y))
        return y

    with Made(build, add=scaled(Add()), batch=tp.Batch(2), seen=seen).run() as run:
        futures = [run.submit(x) for x in range(3)]
        run.drain()
        assert [future.done() for future in futures] == [True] * 3
        assert seen.items == [[1, 2], [3]]
        assert run(9) == 10
    assert seen.items == [[1, 2], [3], [10]]


@pytest.mark.parametrize("clones", [None, 2])
def test_an_error_of_a_flush_at_the_end_is_raised_and_everything_ends(clones):
    class Bad(tp.Cell):
        def forward(self, x) -> Iterator[int]:
            yield x

        def flush(self):
            raise OSError("disk full")
            yield

    def build(self, x):
        y = self.add(x)
        self.seen(self.bad(y))
        return y

    def everything():
        with Made(build, add=some(Add(), clones), bad=Bad(), seen=tp.Collect()).run() as run:
            assert run(1) == 2

    with pytest.raises(OSError, match="disk full") as caught:
        everything()
    assert notes(caught.value) == ["in the flush of cell 'bad', at the end of the stream"]


# -- sources within open pipelines


def limited(count):
    def build(self, x):
        return self.both(x, self.source())

    both = scaled(lambda x, y: (x, y))
    return Made(build, source=tp.Source(range(count)), both=both)


def test_a_source_in_an_open_pipeline_gives_one_value_for_each_item():
    with limited(5).run() as run:
        assert [run("a"), *run.map("bcd")] == [("a", 0), ("b", 1), ("c", 2), ("d", 3)]


def test_a_source_in_an_open_pipeline_that_ends():
    text = (
        "cannot take another item: the source source, which gives one value for each, has ended. "
        "Submit fewer items, or let it give more."
    )
    with limited(2).run() as run:
        results = run.map("abc")
        assert [next(results), next(results)] == [("a", 0), ("b", 1)]
        with pytest.raises(RunError) as caught:
            next(results)
        assert str(caught.value) == text
        with pytest.raises(RunError):
            run("d")


def test_a_source_in_an_open_pipeline_with_several_outputs_that_fails():
    closed = threading.Event()

    def pairs() -> Iterator[Parts]:
        try:
            yield Parts(1, 2)
            raise OSError("no more")
        finally:
            closed.set()

    pairs.__annotations__["return"] = Iterator[Parts]

    def build(self, x):
        parts = self.pairs()
        return self.sum(x, parts.half, parts.rest)

    with Made(build, pairs=tp.cell(pairs), sum=scaled(lambda x, a, b: x + a + b)).run() as run:
        assert run(1) == 4
        with pytest.raises(OSError, match="no more") as caught:
            run(2)
    assert notes(caught.value) == ["in cell 'pairs' (clone 0 on cpu), item 1"]
    assert closed.is_set()


def test_a_source_in_an_open_pipeline_is_closed_at_the_end():
    closed = threading.Event()

    def source():
        try:
            yield from range(100)
        finally:
            closed.set()

    def build(self, x):
        return self.add(x, self.source())

    with Made(build, source=tp.cell(source), add=tp.cell(lambda x, y: x + y)).run() as run:
        assert run(1) == 1
    assert closed.is_set()


# -- refused


def test_a_closed_pipeline_takes_no_items():
    with line(source=tp.Source([1]), add=Add()).run() as run:
        for name, call in [
            ("submit", lambda: run.submit(1)),
            ("submit", lambda: run(1)),
            ("map", lambda: run.map([1])),
        ]:
            with pytest.raises(RunError) as caught:
                call()
            assert str(caught.value) == (
                f"cannot {name} items: the pipeline has no inputs, its sources give the items. "
                f"Iterate over a run of it (`with pipeline.run() as run`), or give `build` an "
                f"argument."
            )


def test_inputs_that_are_missing_or_unknown_are_told_with_those_that_there_are():
    pipeline = open_line(add=tp.cell(lambda a, b=1: a + b))
    with pipeline.run() as run:
        with pytest.raises(TypeError) as caught:
            run(y=1)
        assert str(caught.value) == (
            "cannot run the pipeline: missing a required argument: 'x'. Its inputs: x."
        )


def test_an_item_of_map_that_cannot_be_several_inputs():
    with Both().run() as run:
        with pytest.raises(TypeError) as caught:
            list(run.map([1]))
        assert str(caught.value) == (
            "cannot map int objects: each item must be a tuple or a mapping of a, b."
        )
        assert list(run.map([(1, 2), {"b": 4, "a": 3}])) == [3, 7]


class Both(tp.Pipeline):
    def __init__(self):
        super().__init__()
        self.add = tp.cell(lambda a, b: a + b)

    def build(self, a, b):
        return self.add(a, b)


def test_an_open_pipeline_cannot_be_iterated_over():
    with open_line(add=Add()).run() as run:
        for call in (lambda: iter(run), run.pull):
            with pytest.raises(RunError) as caught:
                call()
            assert str(caught.value) == (
                "cannot iterate over the run: the pipeline waits for its inputs (x). Use "
                "run.map(items), run.submit(...) or run(...)."
            )


def test_single_items_cannot_be_submitted_where_they_are_numbered_anew():
    with open_line(batch=tp.Batch(2)).run() as run:
        with pytest.raises(RunError) as caught:
            run.submit(1)
        assert str(caught.value) == (
            "cannot submit single items: 'batch' yields, which numbers the results anew, so no "
            "result belongs to an item. Use run.map(items), or pipeline.run(stream=False) and "
            "run.results(...)."
        )


def test_a_pipeline_that_is_called_runs_until_it_is_stopped():
    pipeline = open_line(add=scaled(Add()))
    assert [pipeline(1), pipeline(x=2)] == [2, 3]
    pipeline.stop()
