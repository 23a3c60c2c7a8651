"""Guarantee 3: a pipeline that passes `check` cannot deadlock; a stuck function is named."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading

import pytest

import torchpipe as tp
from tests.engine.made import (
    Add,
    Background,
    Fails,
    Made,
    Odd,
    Pass,
    Total,
    consume,
    happens,
    line,
    open_line,
    scaled,
    torchpipe_threads,
)
from torchpipe.engine.core import Core
from torchpipe.errors import StallWarning, Stopped
from torchpipe.testing import Gate


@pytest.fixture
def waiting(monkeypatch):
    """Set when the consumer begins to wait for a clone."""
    event, original = threading.Event(), Core.wait

    def wait(self, lock):
        event.set()
        original(self, lock)

    monkeypatch.setattr(Core, "wait", wait)
    return event


def everything(self):
    """A skip edge, a batching cell, a filter in a branch, a join, feedback, a generator."""
    x = self.source()
    odd = self.odd(self.add(x))
    batched = self.batched(odd)
    total = self.add_up(batched, self.before())
    self.before.connect(total)
    joined = self.join(total, x, self.twice(x))
    return self.last(self.spread(joined))


class Batched(tp.Cell):
    batching = tp.Batching(3, max_wait=0.0)

    def forward(self, x: int) -> int:
        return 10 * x

    def forward_batch(self, items):
        return [10 * x for (x,) in items]


def spread(triple: tuple):
    yield from triple


@pytest.mark.parametrize("window", [1, 2, 5])
@pytest.mark.parametrize("clones", [1, 2])
def test_skips_joins_batches_filters_feedback_and_generators_at_window_one(window, clones):
    pipeline = Made(
        everything,
        source=tp.Source(range(12)),
        add=scaled(Add(), clones),
        odd=scaled(Odd(), clones),
        batched=scaled(Batched(), clones),
        twice=scaled(lambda x: 2 * x, clones),
        before=tp.Feedback(0),
        add_up=tp.cell(lambda x, before: x + before),
        join=scaled(lambda a, b, c: (a, b, c), clones),
        spread=tp.cell(spread),
        last=scaled(Add(), clones),
    )
    total, expected = 0, []
    for x in range(12):
        if (x + 1) % 2:
            total += 10 * (x + 1)
            expected += [total + 1, x + 1, 2 * x + 1]
    with pipeline.run(window=window) as run:
        assert list(run) == list(run) == expected


@pytest.mark.parametrize("levels", [1, 2, 4])
def test_many_scaled_cells_in_a_row_with_window_one(levels):
    cells = {}
    for level in range(levels):
        cells |= {f"scaled{level}": scaled(Add(), 3), f"serial{level}": Pass()}
    with line(source=tp.Source(range(7)), **cells).run(window=1) as run:
        assert list(run) == [x + levels for x in range(7)]


def test_an_error_while_the_head_is_blocked_on_a_full_window():
    gate = Gate()
    cells = {"gate": scaled(gate, 1), "fails": Fails(2)}
    with line(source=tp.Source(range(100)), **cells).run(window=2) as run:
        results = iter(run)
        gate.open()
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(ValueError, match="no 2"):
            next(results)


# -- stop, from anywhere, at any time


def test_stop_from_another_thread_wakes_the_consumer(waiting):
    gate = Gate()
    run = line(source=tp.Source(range(4)), gate=scaled(gate)).run()
    consumer = Background(list, run)
    happens(waiting)
    gate.wait_until_inside(0, 1)
    stopper = Background(run.stop)
    gate.open()
    stopper.result()
    assert torchpipe_threads() == []  # it returns when all has ended
    assert isinstance(consumer.error(), Stopped)


@pytest.mark.filterwarnings("ignore::torchpipe.errors.StallWarning")
def test_stop_wakes_the_consumer_although_a_call_does_not_return(waiting):
    gate = Gate()
    run = line(source=tp.Source(range(4)), gate=scaled(gate)).run(stop_after=0.0)
    consumer = Background(list, run)
    happens(waiting)
    gate.wait_until_inside(0, 1)
    stopper = Background(run.stop)
    assert isinstance(consumer.error(), Stopped)
    gate.open()
    stopper.result()


def test_stop_while_the_consumer_is_in_a_cell():
    gate = Gate()
    run = line(source=tp.Source(range(4)), add=scaled(Add()), gate=gate).run()
    consumer = Background(list, run)
    gate.wait_until_inside(1)
    stopper = Background(run.stop)
    while not run._core.stopped:
        threading.Event().wait(0.001)
    gate.open()
    stopper.result()
    assert isinstance(consumer.error(), Stopped)


class Camera(tp.Cell):
    """A source that waits for something that never comes."""

    def __init__(self):
        self.waits = threading.Event()
        self.over = threading.Event()

    def __deepcopy__(self, memo):
        return self

    def interrupt(self):
        self.over.set()

    def forward(self):
        self.waits.set()
        happens(self.over)
        yield from ()


@pytest.mark.parametrize("clones", [None, 2])
def test_stop_interrupts_a_cell_that_waits(clones):
    camera = Camera()
    run = line(camera=camera, add=Add() if clones is None else scaled(Add(), clones)).run()
    consumer = Background(list, run)
    happens(camera.waits)
    run.stop()
    assert isinstance(consumer.error(), Stopped | None)
    assert torchpipe_threads() == []


def test_what_interrupt_raises_is_raised_by_stop():
    class Broken(Camera):
        def interrupt(self):
            super().interrupt()
            raise OSError("no such camera")

    run = line(camera=Broken(), add=scaled(Add())).run()
    with pytest.raises(OSError, match="no such camera") as caught:
        run.stop()
    assert "in the interrupt of cell 'camera'" in caught.value.__notes__[0]


def test_stop_while_the_consumer_is_in_its_own_loop():
    taken, go = threading.Event(), threading.Event()
    run = line(source=tp.Source(range(4)), add=scaled(Add())).run()

    def consume():
        for _ in run:
            taken.set()
            happens(go)

    consumer = Background(consume)
    happens(taken)
    run.stop()
    go.set()
    consumer.error()  # it ends, with or without an error
    with pytest.raises(Stopped):
        run.pull()


def test_stop_from_two_threads_at_once():
    gate = Gate()
    run = line(source=tp.Source(range(4)), gate=scaled(gate)).run()
    results = iter(run)
    gate.wait_until_inside(0, 1)
    stoppers = [Background(run.stop) for _ in range(3)]
    gate.open()
    for stopper in stoppers:
        stopper.result()
    assert list(results) == []


@pytest.mark.parametrize("where", ["source", "clone", "middle", "tail"])
def test_a_cell_that_stops_the_run_it_is_in(where):
    def stopping(x):
        if x == 3:
            run.stop()
        return x

    def source():
        for x in range(10):
            yield stopping(x) if where == "source" else x

    cells = {
        "clone": scaled(stopping if where == "clone" else Pass(), 1),
        "middle": tp.cell(stopping) if where == "middle" else Pass(),
        "clone2": scaled(Add()),
        "tail": tp.cell(stopping) if where == "tail" else Pass(),
    }
    run = line(source=tp.cell(source), **cells).run(window=1)
    with pytest.raises(Stopped):
        list(run)
    run.stop()


def test_a_cell_of_an_unscaled_pipeline_that_stops_the_run():
    seen = []

    def stopping(x):
        seen.append(x)
        run.stop()
        return x

    run = line(source=tp.Source(range(4)), stopping=tp.cell(stopping)).run()
    with pytest.raises(Stopped):
        list(run)
    assert seen == [0]


@pytest.mark.parametrize("where", ["head", "clone", "tail"])
def test_a_cell_of_an_open_pipeline_that_stops_the_run(where):
    def stopping(x):
        run.stop()
        return x

    cells = {"head": Pass(), "clone": scaled(lambda x: x), "tail": Pass()}
    cells[where] = scaled(stopping, 1) if where == "clone" else tp.cell(stopping)
    run = open_line(**cells).run()
    with pytest.raises(Stopped):
        run(1)
    run.stop()


def test_stop_while_an_item_waits_for_room():
    gate = Gate()
    run = open_line(gate=scaled(gate, 1)).run(window=2)
    submitted = [run.submit(0), run.submit(1)]
    blocked = Background(run.submit, 2)
    gate.wait_until_inside(0)
    stopper = Background(run.stop)
    assert isinstance(blocked.error(), Stopped)
    gate.open()
    stopper.result()
    for future in submitted:
        assert future.done()
        assert isinstance(future.exception(0), Stopped) or future.result(0) in (0, 1)


def test_every_future_is_settled_when_the_run_stops():
    for _ in range(30):
        gate = Gate()
        run = open_line(gate=scaled(gate), last=Pass()).run()
        futures = [run.submit(x) for x in range(6)]
        gate.wait_until_inside(0, 1)
        stopper = Background(run.stop)
        gate.open()
        stopper.result()
        for number, future in enumerate(futures):
            error = future.exception(1.0)
            assert isinstance(error, Stopped) or future.result(0) == number


def test_stop_while_the_run_is_drained():
    gate = Gate()
    run = open_line(gate=scaled(gate, 1)).run(window=4)
    future = run.submit(0)
    drain = Background(run.drain)
    gate.wait_until_inside(0)
    stopper = Background(run.stop)
    assert isinstance(drain.error(), Stopped | None)
    gate.open()
    stopper.result()
    assert future.done()


# -- setup


def test_setup_that_fails_in_one_clone_of_four():
    torn = []

    class Picky(tp.Cell):
        def setup(self, clone):
            self.index = clone.index
            if clone.index == 2:
                raise RuntimeError("no weights")

        def teardown(self):
            torn.append(self.index)

        def forward(self, x):
            return x

    with pytest.raises(RuntimeError, match="no weights") as caught:
        line(source=tp.Source(range(4)), picky=scaled(Picky(), 4)).run()
    assert caught.value.__notes__ == ["in the setup of cell 'picky' (clone 2 on cpu)"]
    assert {0, 1, 3} <= set(torn)


def test_setup_of_one_clone_that_fails_while_another_is_still_busy():
    inside, go = threading.Event(), threading.Event()

    class Uneven(tp.Cell):
        def setup(self, clone):
            if clone.index:
                inside.set()
                happens(go)
            else:
                happens(inside)
                raise RuntimeError("no weights")

        def forward(self, x):
            return x

    starter = Background(line(source=tp.Source(range(4)), cell=scaled(Uneven())).run)
    happens(inside)
    go.set()
    assert str(starter.error()) == "no weights"


def test_an_unscaled_cell_whose_setup_fails_stops_the_clones_that_are_ready():
    class Broken(tp.Cell):
        def setup(self, clone):
            raise OSError("no file")

        def forward(self, x):
            return x

    with pytest.raises(OSError, match="no file"):
        line(source=tp.Source(range(4)), add=scaled(Add()), broken=Broken()).run()


def test_a_definition_that_cannot_be_copied_says_so():
    class Locked(tp.Cell):
        def __init__(self):
            self.lock = threading.Lock()

        def forward(self, x):
            return x

    with pytest.raises(tp.errors.GraphError) as caught:
        line(source=tp.Source(range(4)), add=scaled(Add()), locked=scaled(Locked())).run()
    assert str(caught.value) == (
        "cannot copy 'locked' for its clones: cannot pickle '_thread.lock' object. Make what "
        "cannot be copied in `setup`, which runs in each clone."
    )


# -- errors that could leave someone waiting


def test_an_error_is_raised_although_another_clone_does_not_return():
    gate = Gate()

    def work(x):
        if x == 0:
            gate.wait_until_inside(1)
            raise ValueError("boom")
        gate.hold(x)

    pipeline = line(source=tp.Source(range(9)), work=scaled(work))
    run = pipeline.run(stop_after=0.0)
    with (
        pytest.warns(StallWarning, match="a call has not returned"),
        pytest.raises(ValueError, match="boom"),
    ):
        list(run)
    gate.open()


def test_a_source_whose_close_fails_at_the_end_of_an_epoch_ends_the_run():
    def failing():
        try:
            yield from range(10)
        finally:
            raise OSError("cannot close")

    def build(self):
        return self.add(self.short()), self.failing()

    cells = {"short": tp.Source(range(2)), "failing": tp.cell(failing), "add": scaled(Add())}
    with pytest.raises(OSError, match="cannot close"), Made(build, **cells).run() as run:
        [list(run) for _ in range(3)]


def test_a_thread_that_ends_with_an_error_of_the_engines_own_leaves_nobody_waiting(monkeypatch):
    def broken(*_):
        def take():
            raise AssertionError("a mistake of the engine")

        return take

    monkeypatch.setattr("torchpipe.engine.clones.gatherer", broken)
    with pytest.raises(AssertionError, match="a mistake of the engine"):
        consume(line(source=tp.Source(range(4)), cell=Batched()))


def test_a_callback_of_a_future_may_submit():
    results = []

    def again(future):
        results.append(future.result())
        if len(results) < 5:
            run.submit(len(results)).add_done_callback(again)
        else:
            done.set()

    done = threading.Event()
    with open_line(add=scaled(Add())).run(window=1) as run:
        run.submit(0).add_done_callback(again)
        happens(done)
    assert results == [1, 2, 3, 4, 5]


# -- stuck functions


def test_a_call_that_does_not_return_is_named_and_left_behind():
    gate = Gate()
    run = line(source=tp.Source(range(4)), gate=scaled(gate, 1)).run(stop_after=0.0)
    results = iter(run)
    gate.wait_until_inside(0)
    with pytest.warns(StallWarning) as caught:
        run.stop()
    assert list(results) == []
    text = str(caught[0].message)
    assert text.startswith("the run stopped, but a call has not returned. cell 'gate' (clone 0")
    assert "item 0, is in this call:" in text
    assert "in hold" in text
    gate.open()


STUCK = """
    import threading
    import torchpipe as tp

    inside = threading.Event()

    def stuck(x):
        inside.set()
        threading.Event().wait()

    class Stuck(tp.Pipeline):
        def __init__(self):
            super().__init__()
            self.source = tp.Source(range(4))
            self.stuck = tp.ScaleUp(tp.cell(stuck), clones=2)
        def build(self):
            return self.stuck(self.source())

    run = Stuck().run(stop_after=0.1)
    results = iter(run)
    inside.wait()
    {end}
    print("the end")
"""


@pytest.mark.parametrize("end", ["pass", "run.stop()", "del run, results"])
def test_a_stuck_function_does_not_keep_the_interpreter_from_exiting(end):
    program = textwrap.dedent(STUCK.format(end=end))
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0
    assert done.stdout == "the end\n"
    assert "cell 'stuck'" in done.stderr


def test_feedback_and_totals_go_on_at_the_next_epoch():
    with line(source=tp.Source(range(4)), add=scaled(Add()), total=Total()).run(window=1) as run:
        assert [list(run) for _ in range(3)] == [[1, 3, 6, 10]] * 3
