"""Guarantee 4: in flight never above the window, calls never above the clones, values let go."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

import torchpipe as tp
from tests.engine.made import Add, Background, Made, Odd, Pass, happens, line, open_line, scaled
from torchpipe.engine.core import Core
from torchpipe.testing import Barrier, Gate, Recorder


class Counted:
    """Counts who is inside, and the most that ever were."""

    def __init__(self):
        self.inside, self.most, self.lock = 0, 0, threading.Lock()

    def __enter__(self):
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)

    def __exit__(self, *_):
        with self.lock:
            self.inside -= 1

    def enter(self):
        self.__enter__()

    def leave(self):
        self.__exit__()


@pytest.mark.parametrize("window", [1, 2, 5])
def test_in_flight_items_never_exceed_the_window(window):
    alive = Counted()

    def source():
        for x in range(50):
            alive.enter()
            yield x

    def last(x):
        alive.leave()
        return x

    cells = {"add": scaled(Add(), 3), "mid": Pass(), "add_2": scaled(Add(), 3)}
    pipeline = line(source=tp.cell(source), **cells, last=tp.cell(last))
    with pipeline.run(window=window) as run:
        assert list(run) == list(range(2, 52))
    assert alive.most <= window


def test_the_window_is_used_in_full():
    gate, read = Gate(), Counted()

    def source():
        for x in range(50):
            read.enter()
            yield x

    with line(source=tp.cell(source), gate=scaled(gate, 5)).run(window=5) as run:
        results = iter(run)
        gate.wait_until_inside(0, 1, 2, 3, 4)
        assert read.most == 5
        gate.open()
        assert list(results) == list(range(50))


def test_nothing_is_read_before_anyone_asks():
    recorder = Recorder()
    pipeline = line(source=tp.Source(range(9)), record=recorder, add=scaled(Add()))
    with pipeline.run():
        assert recorder.items == []


@pytest.mark.parametrize("clones", [1, 2, 4])
def test_concurrent_calls_never_exceed_the_clones(clones):
    calls, barrier = Counted(), Barrier(clones)

    def work(x):
        with calls:
            barrier.meet()
        return x

    with line(source=tp.Source(range(40)), work=scaled(work, clones)).run() as run:
        assert list(run) == list(range(40))
    assert calls.most == clones


def test_a_stateful_cell_is_called_by_one_at_a_time_from_many_submitters():
    calls = Counted()

    class Alone(tp.Cell):
        stateful = True

        def forward(self, x):
            with calls:
                return x

    with open_line(alone=Alone()).run() as run:
        threads = [threading.Thread(target=run, args=(x,)) for x in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert calls.most == 1


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("window", [1, 3])
def test_map_reads_no_further_ahead_than_the_window(window, streaming):
    taken, done = [], []

    def items():
        for x in range(20):
            assert len(taken) - len(done) <= window
            taken.append(x)
            yield x

    def last(x):
        done.append(x)
        return x

    cells = {"add": scaled(Add(), 2), "last": tp.cell(last)}
    cells |= {"spread": tp.Unbatch(lambda x: [x])} if streaming else {}
    with open_line(**cells).run(window=window) as run:
        for given, result in enumerate(run.map(items())):
            assert result == given + 1
            assert len(taken) <= given + window + streaming
        assert given == 19


@pytest.mark.parametrize("window", [0, -1])
def test_a_window_of_nothing_is_refused(window):
    with pytest.raises(tp.errors.RunError) as caught:
        line(source=tp.Source([1]), add=Add()).run(window=window)
    text = f"cannot run with window={window}: at least one item must be alive."
    assert str(caught.value) == text


def test_the_default_window():
    def window(clones):
        with line(source=tp.Source([1]), add=scaled(Add(), clones)).run() as run:
            return run.window

    assert (window(1), window(8), window(9)) == (64, 64, 72)


# -- values are let go by their last reader


class Value:
    """Something that tells when it is gone."""

    def __init__(self, number: int):
        self.number = number


class Watched:
    """Makes values, and knows which are alive."""

    def __init__(self, count: int = 3):
        self.refs: list[weakref.ref[Value]] = []
        self.count = count

    def source(self):
        for number in range(self.count):
            yield self.value(number)

    def value(self, number: int) -> Value:
        value = Value(number)
        self.refs.append(weakref.ref(value))
        return value

    def alive(self, number: int) -> bool:
        return self.refs[number]() is not None


def number_of(value: Value) -> int:
    return value.number


@pytest.mark.parametrize("clones", [None, 2])
def test_a_value_is_let_go_when_the_next_cell_is_done_with_it(clones):
    watched, alive = Watched(), []

    def look(number):
        alive.append(watched.alive(number))
        return number

    cell = tp.cell(number_of) if clones is None else scaled(number_of, clones)
    cells = {"number": cell, "look": tp.cell(look)}
    with line(source=tp.cell(watched.source), **cells).run() as run:
        assert list(run) == [0, 1, 2]
    assert alive == [False, False, False]


@pytest.mark.parametrize("window", [1, 4])
def test_a_value_that_skips_past_clones_lives_until_its_last_reader_is_done(window):
    watched, gate, alive = Watched(), Gate(), []

    def build(self):
        value = self.source()
        return self.look(self.last(self.gate(self.number(value)), value))

    def last(number, value):
        alive.append(watched.alive(number))
        return number

    pipeline = Made(
        build,
        source=tp.cell(watched.source),
        number=scaled(number_of),
        gate=scaled(gate),
        last=tp.cell(last),
        look=scaled(lambda number: (number, watched.alive(number))),
    )
    with pipeline.run(window=window) as run:
        results = iter(run)
        gate.wait_until_inside(0)
        assert watched.alive(0)
        gate.open()
        assert list(results) == [(0, False), (1, False), (2, False)]
    assert alive == [True, True, True]


class Holds(tp.Cell):
    """Reads the number of a value when its gate opens."""

    def __init__(self, gate):
        self.gate = gate

    def forward(self, value):
        self.gate.hold(value.number)


@pytest.mark.parametrize("first", ["left", "right"])
def test_a_value_with_two_scaled_readers_lives_until_both_are_done(first):
    watched = Watched(1)
    gates = {"left": Gate(number_of), "right": Gate(number_of)}
    second = "right" if first == "left" else "left"

    def build(self):
        value = self.source()
        return self.look(self.left(value), self.right(value), self.after(self.early(value)))

    pipeline = Made(
        build,
        source=tp.cell(watched.source),
        left=scaled(Holds(gates["left"]), 1),
        right=scaled(Holds(gates["right"]), 1),
        early=scaled(number_of, 1),
        after=scaled(lambda number: number, 1),
        look=tp.cell(lambda left, right, number: watched.alive(number)),
    )
    with pipeline.run() as run:
        results = iter(run)
        gates["left"].wait_until_inside(0)
        gates["right"].wait_until_inside(0)
        gates[first].open(0)
        assert watched.alive(0)
        gates[second].open(0)
        assert list(results) == [False]


def test_a_value_that_nobody_reads_is_let_go_at_once():
    watched = Watched()

    def build(self):
        value = self.source()
        number = self.number(value)
        self.copy(value)  # nobody takes what it gives
        return self.look(number)

    made = Watched()
    pipeline = Made(
        build,
        source=tp.cell(watched.source),
        number=scaled(number_of),
        copy=tp.cell(lambda value: made.value(value.number)),
        look=tp.cell(lambda number: number),
    )
    with pipeline.run() as run:
        assert list(run) == [0, 1, 2]
        assert not any(map(made.alive, range(3)))


@pytest.mark.parametrize("clones", [None, 2])
def test_a_result_is_the_consumers_when_it_asks_for_the_next(clones):
    watched = Watched()
    cell = Pass() if clones is None else scaled(lambda value: value, clones)
    with line(source=tp.cell(watched.source), cell=cell).run(window=1) as run:
        results = iter(run)
        next(results)
        next(results)
        assert not watched.alive(0)
        list(results)
        assert not any(map(watched.alive, range(3)))


@pytest.mark.parametrize("clones", [None, 2])
def test_what_was_dropped_on_the_way_is_let_go(clones):
    watched = Watched(6)

    class Even(tp.Cell):
        filters = True

        def forward(self, value):
            return tp.HOLE if value.number % 2 else value

    cells = {"even": Even() if clones is None else scaled(Even(), clones), "number": Add()}
    pipeline = line(source=tp.cell(watched.source), even=cells["even"], number=tp.cell(number_of))
    with pipeline.run(window=2) as run:
        assert list(run) == [0, 2, 4]
        assert not any(map(watched.alive, range(6)))


def test_nothing_of_a_submitted_item_is_kept_after_its_result():
    watched = Watched()
    with open_line(same=scaled(lambda value: value), number=tp.cell(number_of)).run() as run:
        assert [run(watched.value(number)) for number in range(3)] == [0, 1, 2]
        assert not any(map(watched.alive, range(3)))


def test_nothing_of_a_failed_item_is_kept_after_its_error():
    watched = Watched()

    def fails(value):
        raise ValueError(value.number)

    with open_line(fails=scaled(fails), last=Pass()).run() as run:
        for number in range(3):
            with pytest.raises(ValueError, match=str(number)):
                run(watched.value(number))
        gc.collect()  # the traceback of an error is a cycle
        assert not any(map(watched.alive, range(3)))


class FirstFails:
    """Readers of a value: the bad one fails first, and the good ones read after that.

    Args:
        bad: The name of the bad one.

    Attributes:
        failing: Whether the bad one fails.
    """

    def __init__(self, bad):
        self.bad, self.failing = bad, True
        self._failed = threading.Event()

    def reader(self, name):
        read = self._badly if name == self.bad else self._well
        return lambda value: read(value)  # a function is shared by clones, and a method copied

    def _well(self, value):
        assert not self.failing or self._failed.wait(10)
        return value.number

    def _badly(self, value):
        if self.failing:
            self._failed.set()
            raise ValueError("no value")
        return value.number


@pytest.mark.parametrize("bad", ["left", "right"])
def test_nothing_of_a_failed_item_is_kept_for_a_reader_that_never_came(bad):
    """Nor is what counts the readers of the next item."""
    watched, readers = Watched(), FirstFails(bad)

    def build(self, value):
        return self.join(self.left(value), self.right(value)), self.last(value)

    pipeline = Made(
        build,
        left=scaled(readers.reader("left"), 1),
        right=scaled(readers.reader("right"), 1),
        join=scaled(lambda a, b: a + b, 1),
        last=tp.cell(number_of),
    )
    with pipeline.run(window=1) as run:
        with pytest.raises(ValueError, match="no value"):
            run(watched.value(0))
        gc.collect()  # the traceback of an error is a cycle
        assert not watched.alive(0)
        readers.failing = False
        assert [run(watched.value(number)) for number in (1, 2)] == [(2, 1), (4, 2)]
        assert not any(map(watched.alive, range(3)))


def test_a_consumer_that_waits_for_the_next_result_holds_none(monkeypatch):
    watched, gate, waits = Watched(), Gate(number_of), threading.Event()
    original = Core.wait

    def wait(self, lock):
        if gate.inside:
            waits.set()
        original(self, lock)

    monkeypatch.setattr(Core, "wait", wait)
    gate.open(0)
    with line(source=tp.cell(watched.source), gate=scaled(gate, 1), last=Pass()).run() as run:
        results = iter(run)
        next(results)
        gate.wait_until_inside(1)
        consumer = Background(lambda: next(results).number)
        happens(waits)
        assert not watched.alive(0)
        gate.open()
        assert consumer.result() == 1


def test_a_stage_that_waits_holds_no_value():
    watched, gate = Watched(), Gate()
    cells = {"number": tp.cell(number_of), "gate": scaled(gate), "last": Pass()}
    with line(source=tp.cell(watched.source), **cells).run(window=1) as run:
        results = iter(run)
        gate.wait_until_inside(0)
        assert not watched.alive(0)  # the head waits for room
        gate.open()
        assert list(results) == [0, 1, 2]


def test_what_a_feedback_holds_is_the_last_value_only():
    watched = Watched(4)

    def build(self):
        value = self.join(self.source(), self.before())
        self.before.connect(value)
        return self.number(value)

    def join(value, before):
        return value

    cells = {"before": tp.Feedback(), "join": tp.cell(join), "number": scaled(number_of)}
    with Made(build, source=tp.cell(watched.source), **cells).run(window=1) as run:
        results = iter(run)
        for number in range(4):
            assert next(results) == number
            assert not any(map(watched.alive, range(number)))


def test_values_of_a_batch_are_let_go_after_it():
    watched = Watched(4)

    class Numbers(tp.Cell):
        batching = tp.Batching(2, max_wait=0.0)

        def forward(self, value):
            return value.number

        def forward_batch(self, items):
            return [value.number for (value,) in items]

    look = tp.cell(lambda number: watched.alive(number))
    with line(source=tp.cell(watched.source), numbers=Numbers(), look=look).run() as run:
        assert list(run) == [False] * 4


def test_holes_leave_no_credit_behind():
    with line(source=tp.Source(range(40)), odd=scaled(Odd())).run(window=1) as run:
        assert list(run) == list(range(1, 40, 2))
