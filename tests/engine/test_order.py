"""Guarantee 1: every output leaves in item order, whatever the clones do."""

from __future__ import annotations

import pytest

import torchpipe as tp
from tests.engine.made import Add, Divide, Made, Odd, Parts, Pass, Total, line, open_line, scaled
from torchpipe.testing import Barrier, Gate, Recorder

WINDOWS = (1, 2, 3, 64)


def test_items_that_are_done_first_wait_for_those_before_them():
    gate = Gate()
    with line(source=tp.Source(range(6)), gate=scaled(gate, 3)).run() as run:
        results = iter(run)
        gate.open(2, 1)
        gate.wait_until_inside(0, 3, 4)  # 1 and 2 are done, their clones went on
        gate.open(5, 4, 3, 0)
        assert list(results) == [0, 1, 2, 3, 4, 5]


def test_a_stateful_cell_after_clones_gets_the_items_in_order():
    gate, recorder = Gate(), Recorder()
    with line(source=tp.Source(range(5)), gate=scaled(gate), last=recorder).run() as run:
        results = iter(run)
        gate.open(1, 2, 3, 4)
        gate.wait_until_inside(0)
        gate.open(0)
        assert list(results) == recorder.items == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("window", WINDOWS)
def test_a_stateful_cell_between_clones_gets_the_items_in_order(window):
    first, second, recorder = Gate(), Gate(), Recorder()
    cells = {"first": scaled(first), "mid": recorder, "second": scaled(second)}
    with line(source=tp.Source(range(6)), **cells).run(window=window) as run:
        first.open(1, 2, 3, 4, 5)
        second.open(1, 2, 3, 4, 5)
        results = iter(run)
        first.wait_until_inside(0)
        first.open(0)
        second.wait_until_inside(0)
        second.open(0)
        assert list(results) == recorder.items == [0, 1, 2, 3, 4, 5]


def test_clones_after_clones_need_no_order_between_them():
    first, second = Gate(), Gate()
    cells = {"first": scaled(first), "second": scaled(second)}
    with line(source=tp.Source(range(4)), **cells).run() as run:
        results = iter(run)
        first.open(1, 2, 3)
        second.wait_until_inside(1, 2)  # although 0 is still in the first cell
        second.open(3, 2, 1)
        first.open(0)
        second.open(0)
        assert list(results) == [0, 1, 2, 3]


@pytest.mark.parametrize("inner", [Total(), open_line(add=Add(), total=Total())])
def test_one_clone_of_something_stateful_gets_the_items_in_order(inner):
    gate = Gate()
    cells = {"gate": scaled(gate), "total": scaled(inner, 1)}
    with line(source=tp.Source(range(5)), **cells).run() as run:
        results = iter(run)
        gate.open(1, 2, 3, 4)
        gate.wait_until_inside(0)
        gate.open(0)
        more = isinstance(inner, tp.Pipeline)
        assert list(results) == [0 + more, 1 + 2 * more, 3 + 3 * more, 6 + 4 * more, 10 + 5 * more]


def test_parallel_branches_that_overtake_each_other_meet_again():
    left, right = Gate(), Gate()

    def build(self):
        x = self.source()
        return self.left(x), self.right(x), x

    cells = {"left": scaled(left), "right": scaled(right)}
    with Made(build, source=tp.Source(range(4)), **cells).run() as run:
        results = iter(run)
        left.open(1, 2, 3)
        right.open(0, 2, 3)
        left.wait_until_inside(0)
        right.wait_until_inside(1)
        left.open(0)
        right.open(1)
        assert list(results) == [(i, i, i) for i in range(4)]


def test_a_branch_that_needs_two_scaled_cells_waits_for_both():
    left, right = Gate(), Gate()

    def build(self):
        x = self.source()
        return self.join(self.left(x), self.right(x))

    join = scaled(lambda a, b: (a, b), 2)
    cells = {"left": scaled(left), "right": scaled(right), "join": join}
    with Made(build, source=tp.Source(range(6)), **cells).run(window=2) as run:
        results = iter(run)
        left.open(1, 3, 5)
        right.open(0, 2, 4)
        left.wait_until_inside(0)
        right.wait_until_inside(1)
        left.open()
        right.open()
        assert list(results) == [(i, i) for i in range(6)]


def test_a_scaled_generator_gives_the_outputs_of_each_item_in_its_place():
    gate = Gate()

    def copies(x: int):
        gate.hold(x)
        for number in range(x % 3):
            yield 10 * x + number

    with line(source=tp.Source(range(6)), copies=scaled(copies, 3)).run() as run:
        results = iter(run)
        gate.open(5, 4, 3, 2, 1)
        gate.wait_until_inside(0)
        gate.open(0)
        assert list(results) == [10, 20, 21, 40, 50, 51]


class Mixed(tp.Pipeline):
    """Several cells, two outputs, a skip connection, and a filter."""

    def __init__(self):
        super().__init__()
        self.add, self.divide, self.odd = Add(), Divide(), Odd()

    def build(self, x):
        parts = self.divide(self.add(x))
        return self.odd(parts.half), parts.rest, x


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("clones", [None, 1, 2, 4])
def test_a_pipeline_scaled_up_as_a_whole_equals_a_plain_loop(window, clones):
    mixed = Mixed() if clones is None else scaled(Mixed(), clones)

    def build(self):
        half, rest, x = self.mixed(self.source())
        return self.total(half), rest, x

    with Made(build, source=tp.Source(range(20)), mixed=mixed, total=Total()).run(
        window=window
    ) as run:
        total, expected = 0, []
        for x in range(20):
            half, rest = divmod(x + 1, 2)
            if half % 2:
                total += half
                expected.append((total, rest, x))
        assert list(run) == expected


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("clones", [1, 3])
def test_a_generator_inside_a_scaled_pipeline_equals_a_plain_loop(window, clones):
    def copies(x: int):
        yield from [x] * (x % 3)

    inner = scaled(open_line(copies=tp.cell(copies), add=Add()), clones)
    cells = {"inner": inner, "total": Total()}
    with line(source=tp.Source(range(10)), **cells).run(window=window) as run:
        values = [x + 1 for x in range(10) for _ in range(x % 3)]
        assert list(run) == [sum(values[: n + 1]) for n in range(len(values))]


@pytest.mark.parametrize("window", WINDOWS)
def test_a_feedback_loop_around_a_scaled_cell_runs_item_by_item(window):
    def build(self):
        result = self.add(self.source(), self.before())
        self.before.connect(result)
        return result

    cells = {"before": tp.Feedback(100), "add": scaled(lambda x, before: x + before, 4)}
    with Made(build, source=tp.Source(range(5)), **cells).run(window=window) as run:
        assert list(run) == list(run) == [100, 101, 103, 106, 110]


@pytest.mark.parametrize("window", WINDOWS)
def test_two_nested_feedback_loops_equal_a_plain_loop(window):
    def build(self):
        x = self.work(self.source())
        inner = self.inner_add(x, self.inner())
        self.inner.connect(inner)
        outer = self.outer_add(inner, self.outer())
        self.outer.connect(outer)
        return self.work_2(outer), inner

    pipeline = Made(
        build,
        source=tp.Source(range(6)),
        work=scaled(lambda x: x + 1, 2),
        work_2=scaled(lambda x: -x, 2),
        inner=tp.Feedback(0),
        outer=tp.Feedback(0),
        inner_add=tp.cell(lambda a, b: a + b),
        outer_add=tp.cell(lambda a, b: a * 2 + b),
    )
    inner, outer, expected = 0, 0, []
    for x in range(6):
        inner = x + 1 + inner
        outer = inner * 2 + outer
        expected.append((-outer, inner))
    with pipeline.run(window=window) as run:
        assert list(run) == expected


def test_feedback_loops_one_inside_the_other():
    """The inner loop's result goes round the outer loop too."""

    def build(self):
        start = self.join(self.source(), self.outer())
        inner = self.inner_add(start, self.inner())
        self.inner.connect(inner)
        self.outer.connect(inner)
        return inner

    pipeline = Made(
        build,
        source=tp.Source(range(6)),
        outer=tp.Feedback(1),
        inner=tp.Feedback(2),
        join=tp.cell(lambda x, before: x + 3 * before),
        inner_add=scaled(lambda x, before: x % 1000 + before, 3),
    )
    inner, outer, expected = 2, 1, []
    for x in range(6):
        inner = (x + 3 * outer) % 1000 + inner
        outer = inner
        expected.append(inner)
    with pipeline.run(window=1) as run:
        assert list(run) == expected


def test_feedback_inside_a_pipeline_with_one_clone():
    class Running(tp.Pipeline):
        def __init__(self):
            super().__init__()
            self.before, self.add = tp.Feedback(0), tp.cell(lambda x, before: x + before)

        def build(self, x):
            result = self.add(x, self.before())
            self.before.connect(result)
            return result

    with line(source=tp.Source(range(5)), running=scaled(Running(), 1)).run() as run:
        assert list(run) == [0, 1, 3, 6, 10]


@pytest.mark.parametrize("window", WINDOWS)
def test_holes_keep_joins_aligned(window):
    def build(self):
        x = self.source()
        odd = self.odd(x)
        return x, self.add(odd), self.passed(odd)

    cells = {"odd": scaled(Odd()), "add": scaled(Add()), "passed": Pass()}
    with Made(build, source=tp.Source(range(9)), **cells).run(window=window) as run:
        assert list(run) == [(x, x + 1, x) for x in (1, 3, 5, 7)]


def test_the_clones_of_a_cell_really_run_together():
    barrier = Barrier(4)
    with line(source=tp.Source(range(8)), meet=scaled(barrier, 4)).run() as run:
        assert list(run) == list(range(8))
    assert barrier.most_inside == 4


def test_parallel_branches_work_on_the_same_item_at_once():
    barrier = Barrier(2)

    def build(self):
        x = self.source()
        return self.left(x), self.right(x)

    cells = {"left": scaled(barrier.__deepcopy__({}), 1), "right": scaled(barrier, 1)}
    with Made(build, source=tp.Source([7]), **cells).run(window=1) as run:
        assert list(run) == [(7, 7)]


def as_tuple(self):
    parts = self.divide(self.source())
    return parts.half, self.add(parts.rest)


def as_dict(self):
    parts = self.divide(self.source())
    return {"a": parts.half, "b": self.add(parts.rest)}


def as_named(self):
    parts = self.divide(self.source())
    return Parts(parts.half, self.add(parts.rest))


def as_one(self):
    return self.add(self.divide(self.source()).half)


def as_nothing(self):
    tp.cell(sink)(self.add(self.divide(self.source()).half))


def sink(_number) -> None: ...


FORMS = [
    (as_tuple, (2, 2)),
    (as_dict, {"a": 2, "b": 2}),
    (as_named, Parts(2, 2)),
    (as_one, 3),
    (as_nothing, None),
]


@pytest.mark.parametrize(("build", "expected"), FORMS)
def test_all_kinds_of_results_keep_their_form(build, expected):
    cells = {"source": tp.Source([5]), "divide": scaled(Divide()), "add": Add()}
    with Made(build, **cells).run() as run:
        (result,) = run
    assert type(result) is type(expected)
    assert result == expected
