"""Items that give several results: all of them, in order, each soon, and to whoever asked."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import torchpipe as tp
from tests.engine.made import (
    Add,
    Background,
    Fails,
    Held,
    Made,
    Odd,
    Parts,
    Total,
    gates,
    happens,
    notes,
    open_line,
    scaled,
)
from tests.engine.traced import traced
from torchpipe.engine.reply import WAITING, Reply
from torchpipe.errors import CheckError, RunError, Stopped
from torchpipe.testing import Gate, Recorder

TIMEOUT = 10.0


class Count(tp.Cell):
    """Yields `10 * x, 10 * x + 1, ...`, x of them."""

    def forward(self, x: int) -> Iterator[int]:
        yield from range(10 * x, 11 * x)


def some(cell: tp.Cell, clones: int | None) -> tp.Cell:
    return cell if clones is None else scaled(cell, clones)


class Saved(Total):
    def state_dict(self):
        return {"total": self.total}

    def load_state_dict(self, state):
        self.total = state["total"]


def counted(x: int) -> list[int]:
    return list(range(10 * x, 11 * x))


def taken(run, x):
    """All results of an item, taken in a thread of their own."""
    return Background(lambda results: list(results), run.results(x))


CLONES = [None, 1, 3]


@pytest.mark.parametrize("first", CLONES)
@pytest.mark.parametrize("then", CLONES)
@pytest.mark.parametrize("window", [1, 64])
def test_an_item_gives_all_that_it_becomes_in_order(first, then, window):
    pipeline = open_line(count=some(Count(), first), add=some(Add(), then))
    with pipeline.run(stream=False, window=window) as run:
        for x in (3, 0, 1, 9):
            assert list(run.results(x)) == [y + 1 for y in counted(x)]
            assert run(x=x) == [y + 1 for y in counted(x)]


def plain(steps, items):
    """What a plain loop over the cells gives for each item."""
    totals = {index: 0 for index, _ in enumerate(steps)}
    found = []
    for item in items:
        values = [item]
        for index, (kind, _) in enumerate(steps):
            if kind == "count":
                values = [y for x in values for y in counted(x % 4)]
            elif kind == "odd":
                values = [x for x in values if x % 2]
            elif kind == "add":
                values = [x + 1 for x in values]
            else:
                sums = []
                for x in values:
                    totals[index] += x
                    sums.append(totals[index])
                values = sums
        found.append(values)
    return found


class Few(tp.Cell):
    def forward(self, x: int) -> Iterator[int]:
        yield from counted(x % 4)


KINDS = {"count": Few, "odd": Odd, "add": Add, "total": Total}
STEPS = st.lists(
    st.tuples(st.sampled_from(["count", "count", "odd", "add", "total"]), st.sampled_from(CLONES)),
    min_size=1,
    max_size=5,
).filter(lambda steps: any(kind == "count" for kind, _ in steps))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS, st.sampled_from((1, 2, 64)))
def test_any_pipeline_gives_what_a_plain_loop_gives(steps, window):
    cells = {
        f"c{index}": some(KINDS[kind](), min(clones, 1) if clones and kind == "total" else clones)
        for index, (kind, clones) in enumerate(steps)
    }
    items = range(8)
    with (
        open_line(**cells).run(stream=False, window=window) as run,
        ThreadPoolExecutor(len(items)) as pool,
    ):
        asked = [pool.submit(list, run.results(x)) for x in items]
        assert [one.result(TIMEOUT) for one in asked] == plain(steps, items)


@pytest.mark.parametrize("clones", [1, 3])
def test_many_threads_get_what_is_theirs(clones):
    with (
        open_line(count=scaled(Count(), clones), add=scaled(Add())).run(stream=False) as run,
        ThreadPoolExecutor(8) as pool,
    ):
        found = pool.map(lambda x: list(run.results(x % 10)), range(200), timeout=60)
        assert list(found) == [[y + 1 for y in counted(x % 10)] for x in range(200)]


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("clones", [None, 2])
def test_each_result_comes_as_soon_as_it_is_there(clones, nested):
    gate, closed = Gate(), []
    held = Held(gate, closed)
    held = open_line(held=held, add=Add()) if nested else held
    cells = {"same": scaled(lambda x: x), "held": some(held, clones)}
    with open_line(**cells).run(stream=False) as run:
        results = run.results(1)
        for number in (10, 11, 12):
            gate.wait_until_inside(number)
            gate.open(number)
            assert next(results) == number + nested
        assert next(results, None) is None
        assert closed == [1]


def test_a_long_item_keeps_no_other_waiting_where_its_cell_is_scaled_up():
    gate = Gate()
    with open_line(held=scaled(Held(gate, []), 2)).run(stream=False) as run:
        first = run.results(1)
        gate.wait_until_inside(10)
        gate.open(20, 21, 22)
        assert list(run.results(2)) == [20, 21, 22]  # to its end
        assert gate.inside == {10}
        gate.open()
        assert list(first) == [10, 11, 12]


@pytest.mark.parametrize("clones", CLONES)
def test_an_error_comes_after_the_results_before_it_and_to_its_item_alone(clones):
    cells = {"count": Count(), "fails": some(Fails(31), clones), "add": some(Add(), clones)}
    with open_line(**cells).run(stream=False) as run:
        threads = [taken(run, x) for x in (1, 3, 2)]
        assert threads[0].result() == [11]
        assert threads[2].result() == [21, 22]
        results = run.results(3)
        assert next(results) == 31
        with pytest.raises(ValueError, match="no 31") as caught:
            next(results)
        assert notes(caught.value)[0].startswith("in cell 'fails' (")
        assert len(notes(caught.value)) == 1
        with pytest.raises(ValueError, match="no 31"):
            next(results)
        with pytest.raises(ValueError, match="no 31"):
            threads[1].result()
        assert run(1) == [11]


@pytest.mark.parametrize("clones", CLONES)
def test_a_cell_that_fails_between_two_results(clones):
    def count(x: int) -> Iterator[int]:
        yield 1
        if x:
            raise ValueError(f"no {x}")

    with open_line(count=some(tp.cell(count), clones)).run(stream=False) as run:
        for _ in range(3):
            results = run.results(7)
            assert next(results) == 1
            with pytest.raises(ValueError, match="no 7") as caught:
                next(results)
            assert len(notes(caught.value)) == 1
            assert run(0) == [1]


@pytest.mark.parametrize("clones", [None, 2])
@pytest.mark.parametrize("then", [None, 2])
def test_what_is_cancelled_half_way_is_taken_by_no_further_stage(clones, then):
    gate, closed, seen = Gate(), [], Recorder()
    cells = {"same": scaled(lambda x: x), "held": some(Held(gate, closed), clones)}
    with open_line(**cells, then=some(Add(), then), seen=seen).run(stream=False) as run:
        with run.results(1) as results:
            gate.open(10, 11) if clones is None else None
            gate.wait_until_inside(12 if clones is None else 10)
        gate.open()
        assert run(2) == [21, 22, 23]
        assert 13 not in seen.items
        with pytest.raises(CancelledError):
            next(results)
    assert sorted(closed) == [1, 2]  # two clones close them in any order


def test_a_loop_that_is_left_drops_the_rest():
    with open_line(count=scaled(Count(), 1)).run(stream=False, window=1) as run:
        for number in run.results(9):
            assert number == 90
            break
        gc.collect()
        assert run(2) == [20, 21]  # nobody waits for room, for results that nobody takes


@pytest.mark.parametrize("then", [None, 2])
def test_no_more_is_made_ahead_than_the_window(then):
    made, most = [], []

    def count(x: int) -> Iterator[int]:
        for number in range(x):
            made.append(number)
            yield number

    cells = {"count": scaled(tp.cell(count), 1)}
    if then:
        cells = {"same": scaled(lambda x: x), "count": tp.cell(count), "add": scaled(Add(), then)}
    with open_line(**cells).run(stream=False, window=2) as run:
        for index, _ in enumerate(run.results(500)):
            most.append(len(made) - index)
        assert len(most) == 500
        assert max(most) <= 2 + (2 if then else 0) + 2  # in the reply, the ring, and in hands


def test_a_result_that_waits_for_room_keeps_no_other_item_from_its_clone():
    def numbers(x: int) -> Iterator[int]:
        yield from range(x)

    many = scaled(tp.cell(numbers), 2)
    with open_line(many=many).run(stream=False, window=4) as run:
        slow = run.results(100)
        assert next(slow) == 0
        assert run(50) == list(range(50))
        assert list(slow) == list(range(1, 100))


@pytest.mark.parametrize("clones", [None, 2])
def test_stop_ends_every_reply(clones):
    first, second = gates(2)
    cells = {"first": scaled(first, 1), "held": some(Held(second, []), clones)}
    with open_line(**cells).run(stream=False, stop_after=TIMEOUT) as run:
        inside, waiting = run.results(1), run.results(2)
        first.open(1)
        second.open(10)
        second.wait_until_inside(11)
        assert next(inside) == 10
        threads = [Background(next, results) for results in (inside, waiting)]
        stopping = Background(run.stop)
        for thread in threads:
            assert isinstance(thread.error(), Stopped)
        first.open()
        second.open()
        stopping.result()
        with pytest.raises(Stopped):
            run.results(1)


def test_a_stop_wakes_who_waits_for_room():
    def forever(x: int) -> Iterator[int]:
        while True:
            yield x

    for cell in (scaled(tp.cell(forever), 1), tp.cell(forever)):
        with open_line(same=scaled(lambda x: x), forever=cell).run(stream=False, window=1) as run:
            results = run.results(1)
            assert next(results) == 1
            run.stop()
            with pytest.raises(Stopped):
                list(results)


@pytest.mark.parametrize("clones", CLONES)
def test_results_that_nobody_takes_keep_no_run_from_its_end(clones):
    cells = {"same": scaled(lambda x: x), "count": some(Count(), clones), "add": scaled(Add(), 1)}
    with open_line(**cells).run(stream=False, window=2) as run:
        results = [run.results(x) for x in (5, 3)]
    assert [list(one) for one in results] == [[y + 1 for y in counted(x)] for x in (5, 3)]


def test_a_run_that_is_only_held_by_its_results_goes_on():
    results = open_line(count=scaled(Count(), 2)).run(stream=False).results(3)
    gc.collect()
    assert list(results) == [30, 31, 32]


def test_a_cell_that_tries_again_gives_nothing_twice():
    calls = []

    class Flaky(tp.Cell):
        on_error = tp.Retry(1)

        def forward(self, x: int) -> Iterator[int]:
            calls.append(x)
            yield 1
            if len(calls) == 1:
                raise ValueError("the first time")
            yield 2

    with open_line(flaky=scaled(Flaky(), 2)).run(stream=False) as run:
        assert run(0) == [1, 2]
        assert calls == [0, 0]


def test_a_cell_beside_the_way_may_fail_on_the_item():
    def build(self, x):
        self.fails(x)
        return self.count(x)

    with Made(build, fails=Fails(3), count=scaled(Count(), 2)).run(stream=False) as run:
        assert run(2) == [20, 21]
        with pytest.raises(ValueError, match="no 3"):
            run(3)
        assert run(1) == [10]


def test_a_sink_beside_the_way_gets_everything():
    sink = tp.Collect()

    def build(self, x):
        many = self.count(x)
        self.seen(self.count2(many))
        return self.add(many)

    cells = {"count": scaled(Count(), 2), "count2": Count(), "seen": sink, "add": Add()}
    pipeline = Made(build, **cells)
    with pipeline.run(stream=False) as run:
        assert run(1) == [11]
        run.drain()
        assert pipeline.seen.items == counted(10)


def test_several_outputs():
    def pairs(x: int) -> Iterator[Parts]:
        for number in range(x):
            yield Parts(number, number + 1)

    def build(self, x):
        parts = self.pairs(x)
        return {"rest": parts.rest, "half": parts.half}

    for cell in (tp.cell(pairs), scaled(tp.cell(pairs), 2)):
        with Made(build, pairs=cell).run(stream=False) as run:
            assert run(2) == [{"rest": 1, "half": 0}, {"rest": 2, "half": 1}]


def test_clones_change_while_items_give_results():
    gate = Gate()
    with open_line(held=scaled(Held(gate, []), 1)).run(stream=False) as run:
        first = run.results(1)
        gate.wait_until_inside(10)
        run.scale("held", 3)
        others = [run.results(x) for x in (2, 3)]
        gate.wait_until_inside(10, 20, 30)
        gate.open()
        assert [list(results) for results in (first, *others)] == [
            [10, 11, 12],
            [20, 21, 22],
            [30, 31, 32],
        ]


@pytest.mark.parametrize("clones", CLONES)
def test_it_goes_on_where_it_was_saved(clones):
    def pipeline():
        return open_line(count=some(Count(), clones), total=Saved())

    with pipeline().run(stream=False) as run:
        assert [run(x) for x in (1, 2)] == [[10], [30, 51]]
        state = run.state_dict()
    with pipeline().run(stream=False) as run:
        assert run.load_state_dict(state).item == 2
        assert run(1) == [61]


def test_it_counts_items():
    with open_line(count=scaled(Count(), 2), add=Add()).run(stream=False) as run:
        for x in range(4):
            run(x)
        cells = {cell.path: cell.items for cell in run.statistics().cells}
        assert cells == {"inputs": 4, "count": 4, "add": 6}
        assert run.report()


def test_a_reply_tells_when_there_is_something_to_take():
    came: list[int] = []
    reply = Reply(2, lambda: came.append(1))
    assert reply.take_nowait() is WAITING
    with open_line(count=scaled(Count(), 1)).run(stream=False) as run:
        run.send(reply, 2)
        assert [reply.take(), reply.take()] == [20, 21]
    assert 1 <= len(came) <= 3


def test_what_waits_in_a_reply_is_let_go_with_it():
    class Big:
        """What can be watched."""

    import weakref

    held = []

    def big(x: int) -> Iterator[Big]:
        for _ in range(x):
            made = Big()
            held.append(weakref.ref(made))
            yield made

    with open_line(big=tp.cell(big)).run(stream=False) as run:
        results = run.results(3)
        next(results)
        results.cancel()
        gc.collect()
        assert [one() for one in held] == [None] * 3


# -- what cannot be


@pytest.mark.parametrize("cell", [tp.Batch(2), scaled(tp.Batch(2), 1)])
def test_a_cell_that_collects_items_gives_none_its_results(cell):
    with pytest.raises(CheckError) as caught:
        open_line(batch=cell).run(stream=False)
    assert str(caught.value) == (
        "Made cannot run, 1 problem:\n  - cannot take items as requests: batch collects items, so "
        "that what it yields belongs to none of them. Let it be stateless, or run without "
        "stream=False."
    )


@pytest.mark.parametrize(
    ("stream", "call", "text"),
    [
        (
            False,
            lambda run: run.submit(1),
            "cannot submit an item for one result: a cell that yields gives several. Use "
            "run.results(...).",
        ),
        (
            False,
            lambda run: run.map([1]),
            "cannot map items: the run takes each as a request. Use run.results(...) for each, or "
            "start it without stream=False.",
        ),
        (
            None,
            lambda run: run.results(1),
            "cannot take an item as a request: the run takes a stream. Use run.map(items), or "
            "start it with pipeline.run(stream=False).",
        ),
        (
            None,
            lambda run: run(1),
            "cannot submit single items: 'count' yields, which numbers the results anew, so no "
            "result belongs to an item. Use run.map(items), or pipeline.run(stream=False) and "
            "run.results(...).",
        ),
    ],
)
def test_each_door_has_its_kind_of_run(stream, call, text):
    with open_line(count=Count()).run(stream=stream) as run:
        with pytest.raises(RunError) as caught:
            call(run)
        assert str(caught.value) == text


def test_one_result_is_submitted_for():
    with open_line(add=Add()).run() as run:
        with pytest.raises(RunError) as caught:
            run.results(1)
        assert str(caught.value) == (
            "cannot give several results: each item has one here. Use run.submit(...)."
        )


def test_nobody_waits_for_ever_for_an_item_that_never_entered():
    gate = Gate()
    with open_line(held=scaled(Held(gate, []), 1)).run(stream=False, window=1) as run:
        first = run.results(1)
        gate.wait_until_inside(10)
        begun = threading.Event()

        def ask():
            begun.set()
            return run.results(2)

        second = Background(ask)
        happens(begun)
        gate.open()
        assert list(first) == [10, 11, 12]
        assert list(second.result()) == [20, 21, 22]


def test_what_nobody_wants_is_no_error_in_a_trace():
    gate = Gate()
    pipeline = open_line(held=scaled(Held(gate, []), 1))
    with pipeline.run(stream=False) as run, run.trace() as trace:
        with run.results(1):
            gate.wait_until_inside(10)
        gate.open()
        assert run(2) == [20, 21, 22]
    assert [event["name"] for event in traced(trace).of("i")] == []
