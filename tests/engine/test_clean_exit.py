"""Guarantee 6: after the end, whatever ended it, nothing is left.

The fixture `nothing_left` looks for threads, processes and file descriptors after each test, too.
"""

from __future__ import annotations

import gc
import itertools
import signal
import subprocess
import sys
import textwrap
import threading
import weakref
from contextlib import suppress
from pathlib import Path

import pytest

import torchpipe as tp
from tests.engine.made import (
    Add,
    Background,
    Fails,
    Made,
    Pass,
    happens,
    line,
    open_line,
    scaled,
    torchpipe_threads,
)
from torchpipe.errors import RunError, Stopped
from torchpipe.testing import Gate, Recorder


def endless(source: tp.Cell | None = None) -> Made:
    """A pipeline with all kinds of threads, on a stream that does not end."""
    source = source or tp.cell(itertools.count)
    return line(
        source=source, add=scaled(Add(), 2), mid=Pass(), add_2=scaled(Add(), 2), last=Pass()
    )


def counting():
    yield from itertools.count()


def many() -> Made:
    return endless(tp.cell(counting))


def descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").glob("*")}


def leave_early(pipeline):
    with pipeline.run(window=3) as run:
        for _ in run:
            break


def drop(pipeline):
    run = pipeline.run(window=3)
    next(iter(run))


def drop_the_iterator_first(pipeline):
    run = pipeline.run(window=3)
    results = iter(run)
    next(results)
    del results


def drop_the_run_first(pipeline):
    run = pipeline.run(window=3)
    results = iter(run)
    del run
    next(results)


def drop_without_asking(pipeline):
    pipeline.run(window=3)


def fail(pipeline):
    with suppress(ZeroDivisionError), pipeline.run(window=3) as run:
        for _ in run:
            raise ZeroDivisionError


def stop(pipeline):
    run = pipeline.run(window=3)
    next(iter(run))
    run.stop()


def interrupt(pipeline):
    with suppress(KeyboardInterrupt), pipeline.run(window=3) as run:
        for _ in run:
            raise KeyboardInterrupt


ENDS = [
    leave_early,
    drop,
    drop_the_iterator_first,
    drop_the_run_first,
    drop_without_asking,
    fail,
    stop,
    interrupt,
]


@pytest.mark.parametrize("end", ENDS)
def test_no_thread_and_no_file_is_left_after(end):
    before = descriptors()
    for _ in range(20):
        end(many())
    assert torchpipe_threads() == []
    assert descriptors() <= before


@pytest.mark.stress
@pytest.mark.parametrize("end", ENDS)
def test_no_thread_and_no_file_is_left_after_a_thousand_times(end):
    before = descriptors()
    for _ in range(1000):
        end(many())
    assert torchpipe_threads() == []
    assert descriptors() <= before


def test_a_run_in_a_cycle_of_references_is_collected():
    class Holder:
        pass

    holder = Holder()
    holder.run, holder.self = many().run(), holder
    holder.results = iter(holder.run)
    next(holder.results)
    del holder
    gc.collect()
    assert torchpipe_threads() == []


@pytest.mark.parametrize("streaming", [False, True])
def test_an_abandoned_map_is_collected(streaming):
    cells = {"add": scaled(Add())} | ({"batch": tp.Batch(2)} if streaming else {})
    run = open_line(**cells).run(window=4)
    results = run.map(itertools.count())
    next(results)
    del run, results
    gc.collect()
    assert torchpipe_threads() == []


def test_futures_of_an_abandoned_run_are_settled():
    gate = Gate()
    run = open_line(gate=scaled(gate)).run()
    futures = [run.submit(x) for x in range(4)]
    gate.wait_until_inside(0, 1)
    gate.open()
    del run
    gc.collect()
    for number, future in enumerate(futures):
        error = future.exception(5)
        assert isinstance(error, Stopped) or future.result(0) == number


def test_an_iterator_keeps_its_run_alive():
    results = iter(line(source=tp.Source(range(5)), add=scaled(Add())).run())
    gc.collect()
    assert list(results) == [1, 2, 3, 4, 5]
    del results
    gc.collect()


@pytest.mark.parametrize("clones", [None, 2])
def test_the_run_and_its_cells_are_released(clones):
    add = Add() if clones is None else scaled(Add(), clones)
    with line(source=tp.Source(range(5)), add=add).run() as run:
        list(run)
    core = weakref.ref(run._core)
    del run
    gc.collect()
    assert core() is None


# -- generators are closed, cells are torn down


@pytest.mark.parametrize("clones", [None, 2])
def test_the_source_is_closed_when_the_run_ends_early(clones):
    closed = []

    def source():
        try:
            yield from itertools.count()
        finally:
            closed.append(threading.current_thread().name)

    add = Add() if clones is None else scaled(Add(), clones)
    with line(source=tp.cell(source), add=add).run(window=2) as run:
        next(iter(run))
        assert closed == []
    assert len(closed) == 1


@pytest.mark.parametrize("clones", [None, 2])
@pytest.mark.parametrize("after", [None, 2])
def test_a_generator_cell_is_closed_when_the_run_ends_early(clones, after):
    closed = []

    def spread(x):
        try:
            yield from itertools.count()
        finally:
            closed.append(x)

    add = Add() if clones is None else scaled(Add(), clones)
    last = Pass() if after is None else scaled(Add(), after)
    cells = {"add": add, "spread": tp.cell(spread), "last": last}
    with line(source=tp.Source(range(5)), **cells).run(window=2) as run:
        results = iter(run)
        next(results)
        next(results)
        assert closed == []
    assert closed == [1]


@pytest.mark.parametrize("end", ENDS)
def test_every_cell_is_torn_down_once_in_its_own_thread(end):
    first, clone, last = Recorder(), Recorder(), Recorder()
    pipeline = line(source=tp.cell(counting), first=first, clone=scaled(clone, 3), last=last)
    end(pipeline)
    gc.collect()
    for recorder, count in ((first, 1), (clone, 3), (last, 1)):
        assert len(recorder.of("setup")) == len(recorder.of("teardown")) == count
    for set_up, torn in zip(
        sorted(clone.of("setup"), key=lambda e: e.clone),
        sorted(clone.of("teardown"), key=lambda e: e.clone),
        strict=True,
    ):
        assert set_up.thread == torn.thread == f"torchpipe clone[{torn.clone}]"


def test_cells_of_one_thread_are_torn_down_in_reverse():
    torn = []

    class Named(Pass):
        def __init__(self, name):
            self.name = name

        def teardown(self):
            torn.append(self.name)

    cells = {name: Named(name) for name in "abc"}
    with line(source=tp.Source(range(2)), **cells).run() as run:
        list(run)
    assert torn == ["c", "b", "a"]


@pytest.mark.parametrize("clones", [None, 2])
def test_sources_whose_close_fails_are_all_closed_and_the_first_error_is_raised(clones):
    closed = []

    def source(name):
        def read():
            try:
                yield from itertools.count()
            finally:
                closed.append(name)
                raise OSError(f"cannot close {name}")

        return tp.cell(read)

    def build(self):
        return self.add(self.one()), self.two()

    add = Add() if clones is None else scaled(Add(), clones)
    pipeline = Made(build, one=source("one"), two=source("two"), add=add)

    def leave():
        with pipeline.run(window=1) as run:
            next(iter(run))

    with pytest.raises(OSError, match="cannot close"):
        leave()
    assert sorted(closed) == ["one", "two"]


# -- a run that has ended


def test_a_run_that_has_ended_refuses_everything_with_one_text():
    with line(source=tp.Source(range(3)), add=scaled(Add())).run() as run:
        results = iter(run)
        next(results)
    text = "the run has ended, and what was in it is gone. Start another: pipeline.run()."
    calls = [run.pull, lambda: iter(run), lambda: run.scale("add", 3), lambda: list(run)]
    for call in calls:
        with pytest.raises(Stopped) as caught:
            call()
        assert str(caught.value) == text
    assert list(results) == []


@pytest.mark.parametrize("clones", [None, 2])
def test_an_open_run_that_has_ended_refuses_everything(clones):
    add = Add() if clones is None else scaled(Add(), clones)
    with open_line(add=add).run() as run:
        assert run(1) == 2
    calls = [
        lambda: run(1),
        lambda: run.submit(1),
        lambda: list(run.map([1])),
        run.drain,
    ]
    for call in calls:
        with pytest.raises(Stopped):
            call()


def test_a_run_that_has_ended_still_knows_what_it_did():
    with line(source=tp.Source(range(3)), add=scaled(Add())).run() as run:
        list(run)
    assert run.epoch == 0
    assert run.window == 64
    assert run.dead_letters == ()
    assert sum(s.items for s in run.statistics() if s.scaled) == 3


def test_stopping_twice_does_nothing():
    run = line(source=tp.Source(range(3)), add=scaled(Add())).run()
    run.stop()
    run.stop()
    with run:
        pass


def test_stop_before_anything_was_asked():
    line(source=tp.Source(range(3)), add=scaled(Add())).run().stop()


def test_a_pipeline_can_run_again_and_twice_at_once():
    pipeline = line(source=tp.Source(range(3)), add=scaled(Add()))
    with pipeline.run() as one, pipeline.run() as two:
        assert list(zip(one, two, strict=True)) == [(1, 1), (2, 2), (3, 3)]
    with pipeline.run() as run:
        assert list(run) == [1, 2, 3]


def test_a_pipeline_that_is_pulled_is_stopped_by_stop():
    pipeline = line(source=tp.Source(range(3)), add=scaled(Add()))
    assert [pipeline.pull(), pipeline.pull()] == [1, 2]
    assert torchpipe_threads() != []
    pipeline.stop()
    pipeline.stop()
    assert torchpipe_threads() == []
    assert pipeline.pull() == 1
    pipeline.stop()


def test_a_refused_call_leaves_the_run_as_it_is():
    with line(source=tp.Source(range(3)), add=scaled(Add())).run() as run:
        with pytest.raises(RunError):
            run.submit(1)
        with pytest.raises(RunError):
            run.scale("nothing", 3)
        assert list(run) == [1, 2, 3]


# -- Ctrl-C, in a process of its own

SCRIPT = """
    import itertools, sys, threading
    import torchpipe as tp

    def count():
        yield from itertools.count()

    class Slow(tp.Cell):
        def forward(self, x):
            if x == 3:
                print("ready", flush=True)
                while not stopping.wait(0.01):  # a call that takes until the end
                    pass
            return x
        def teardown(self):
            sys.stdout.write("teardown\\n")

    class Same(tp.Cell):
        stateful = True
        def forward(self, x):
            return x
        def teardown(self):
            sys.stdout.write("last teardown\\n")

    class Numbers(tp.Pipeline):
        def __init__(self):
            super().__init__()
            self.source = tp.cell(count)
            self.slow = tp.ScaleUp(Slow(), clones={clones}) if {clones} else Slow()
            self.same = Same()
        def build(self):
            return self.same(self.slow(self.source()))

    stopping = threading.Event()
    if {clones}:
        threading.Thread(target=lambda: (sys.stdin.read(), stopping.set()), daemon=True).start()
    try:
        with Numbers().run(stop_after=10.0) as run:
            for result in run:
                pass
    except KeyboardInterrupt:
        names = [thread.name for thread in threading.enumerate()]
        print([name for name in names if "torchpipe" in name], flush=True)
"""


@pytest.mark.parametrize("clones", [0, 2])
def test_ctrl_c_tears_down_and_leaves_nothing(clones):
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT.format(clones=clones))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        process.stdin.close()  # the call that was running returns
        lines = process.stdout.read().splitlines()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.stdout.close()
    torn = ["teardown"] * max(1, clones) + ["last teardown"]
    assert sorted(lines[:-1]) == sorted(torn)
    assert lines[-1] == "[]"


def test_an_abandoned_run_does_not_keep_the_interpreter_from_exiting():
    program = """
        import itertools
        import torchpipe as tp
        @tp.cell
        def count():
            yield from itertools.count()
        class Numbers(tp.Pipeline):
            def __init__(self):
                super().__init__()
                self.source = count
                self.same = tp.ScaleUp(tp.cell(lambda x: x), clones=3)
            def build(self):
                return self.same(self.source())
        run = Numbers().run()
        results = iter(run)
        print(next(results))
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


def test_keyboard_interrupt_while_submitting_leaves_the_run_usable(monkeypatch):
    """A turn is taken only with its credit."""
    gate = Gate()
    with open_line(gate=scaled(gate, 1)).run(window=1) as run:
        first = run.submit(0)
        blocked, ring = threading.Event(), run._core.rings[0].ring

        class Interrupted:
            def acquire(self, blocking=True):
                if not blocking:
                    return False
                blocked.set()
                raise KeyboardInterrupt

        free = ring.items[0].free
        ring.items[0].free = Interrupted()
        with pytest.raises(KeyboardInterrupt):
            run.submit(1)
        ring.items[0].free = free
        gate.open()
        assert blocked.is_set()
        assert first.result(5) == 0
        assert run(2) == 2


@pytest.mark.parametrize(("cell", "error"), [(Add(), type(None)), (Fails(at=0), ValueError)])
def test_stop_while_a_result_is_on_its_way_to_its_future(cell, error):
    """The last stage has taken the future, and not let the item go: nobody else settles it."""
    with open_line(cell=scaled(cell)).run() as run:
        core, item = run._core, run._core.rings[0].ring.items[0]
        free = item.free

        class StoppedMeanwhile:
            acquire, locked = free.acquire, free.locked

            def release(self):
                item.free = free
                core.signal()
                free.release()

        item.free = StoppedMeanwhile()
        future = run.submit(0)
        assert isinstance(future.exception(5), error)
    assert core.stopped


def test_stop_settles_the_item_whose_place_somebody_waits_for():
    """Whoever waits is woken, and puts the future of another item in its place."""
    gate, waits = Gate(), threading.Event()
    with open_line(gate=scaled(gate, 1)).run(window=1) as run:
        item, first = run._core.rings[0].ring.items[0], run.submit(0)
        free = item.free

        class WokenAtOnce:
            def acquire(self, blocking=True):
                if blocking:
                    waits.set()
                return free.acquire(blocking)

            def release(self):
                free.release()
                second.error()

        item.free = WokenAtOnce()
        second = Background(run.submit, 1)
        assert waits.wait(5)
        run._core.signal()
        gate.open()
        assert isinstance(second.error(), Stopped)
        assert isinstance(first.exception(5), Stopped)


def test_a_consumer_thread_that_ends_without_the_run_leaves_it_to_others():
    with line(source=tp.Source(range(4)), add=scaled(Add())).run() as run:
        assert Background(run.pull).result() == 1
        assert list(run) == [2, 3, 4]


def test_no_thread_polls(monkeypatch):
    """Idle threads wait without a timeout: they use no CPU."""
    started = threading.Event()
    run = line(source=tp.Source(range(4)), add=scaled(Add()), mid=Pass(), b=scaled(Add())).run()
    list(run)
    started.set()
    happens(started)
    frames = sys._current_frames()
    waiting = [frames[stage.thread.ident] for stage in run._core.threads]
    assert len(waiting) == 6
    for frame in waiting:
        assert "timeout" not in frame.f_locals
    run.stop()
