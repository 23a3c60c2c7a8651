"""Sessions: many streams through one run, each with a state of its own."""

from __future__ import annotations

import gc
import random
import threading
import weakref
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import torchpipe as tp
from tests.engine.made import (
    Add,
    Background,
    Fails,
    Made,
    Pass,
    Total,
    happens,
    line,
    notes,
    open_line,
    scaled,
    torchpipe_threads,
)
from tests.steps import Nested, reference
from tests.strategies import all_steps
from torchpipe.engine.context import Context
from torchpipe.engine.copies import Copies
from torchpipe.engine.item import CLOSED, Item
from torchpipe.engine.session import Request, Stream
from torchpipe.engine.shared import Shared
from torchpipe.errors import CheckError, ItemDropped, RunError, Stopped


class Smooth(tp.Pipeline):
    """Half of the item, and half of the result before."""

    def __init__(self) -> None:
        super().__init__()
        self.before = tp.Feedback(0.0)
        self.mix = tp.cell(lambda x, before: (x + before) / 2)

    def build(self, x):
        mixed = self.mix(x, self.before())
        self.before.connect(mixed)
        return mixed


class Inner(tp.Pipeline):
    """A stateful pipeline, to be scaled up to one clone."""

    def __init__(self) -> None:
        super().__init__()
        self.add, self.total = Add(), Total()

    def build(self, x):
        return self.total(self.add(x))


class Everything(tp.Pipeline):
    """State before, between and after clones; recurrent, delayed, nested, in a clone of its own."""

    def __init__(self, clones: int | None) -> None:
        super().__init__()
        many = (lambda cell: cell) if clones is None else (lambda cell: scaled(cell, clones))
        one = (lambda cell: cell) if clones is None else (lambda cell: scaled(cell, 1))
        self.head, self.twice, self.total = Total(), many(tp.cell(lambda x: 2 * x)), Total()
        self.own, self.inner = one(Total()), one(Inner())
        self.add, self.delay, self.smooth = many(Add()), tp.Delay(2), Smooth()

    def build(self, x):
        first = self.twice(self.head(x))
        later = self.add(self.total(first))
        return self.own(later), self.inner(first), self.delay(later), self.smooth(later), x


def alone(items: list[int]) -> list[Any]:
    """What a run of its own gives for these items."""
    with Everything(None).run() as run:
        return list(run.map(items))


SHAPES = [(None, None), (4, 1), (4, 3), (4, None)]


@pytest.mark.parametrize(("clones", "window"), SHAPES)
def test_50_interleaved_sessions_on_4_clones_equal_50_plain_loops(clones, window):
    order = [number for number in range(50) for _ in range(8)]
    random.Random(0).shuffle(order)
    with Everything(clones).run(window=window, sessions=50) as run:
        sessions = [run.session() for _ in range(50)]
        futures: list[list[Any]] = [[] for _ in sessions]
        for number in order:
            x = 100 * number + len(futures[number])
            futures[number].append(sessions[number].submit(x))
        for number, own in enumerate(futures):
            expected = alone([100 * number + n for n in range(8)])
            assert [future.result(10) for future in own] == expected
        for session in sessions:
            session.close()


streams = st.lists(st.lists(st.integers(-9, 9), max_size=5), min_size=1, max_size=5)


@settings(max_examples=30, deadline=None)
@given(streams, st.randoms(use_true_random=False), st.sampled_from(SHAPES))
def test_any_interleaving_with_any_ends_equals_plain_loops(given_streams, order, shape):
    clones, window = shape
    left = [[*items] for items in given_streams]
    found: list[list[Any]] = [[] for _ in left]
    with Everything(clones).run(window=window, sessions=len(left)) as run:
        sessions = [run.session() for _ in left]
        open_ones = list(range(len(left)))
        while open_ones:
            number = order.choice(open_ones)
            if left[number]:
                found[number].append(sessions[number].submit(left[number].pop(0)))
            else:
                open_ones.remove(number)
                sessions[number].end()
        results = [[future.result(10) for future in own] for own in found]
    assert results == [alone(items) for items in given_streams]


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.sampled_from((1, 2, 64)))
def test_sessions_of_random_pipelines_equal_a_plain_loop_each(data, window):
    width = data.draw(st.integers(1, 2))
    steps = data.draw(all_steps(width, depth=1))
    rows = st.lists(st.tuples(*[st.integers(0, 99)] * width), max_size=6)
    given_rows = data.draw(st.lists(rows, min_size=1, max_size=3))
    turns = [number for number, own in enumerate(given_rows) for _ in own]
    found: list[list[Any]] = [[] for _ in given_rows]
    with Nested(steps, width, int).run(window=window, sessions=3, stall_after=5.0) as run:
        sessions = [run.session() for _ in given_rows]
        for number in data.draw(st.permutations(turns)):
            row = given_rows[number][len(found[number])]
            found[number].append(sessions[number].submit(*row))
        results = [[outcome(future) for future in own] for own in found]
    for own, rows_of_one in zip(results, given_rows, strict=True):
        columns = [list(column) for column in zip(*rows_of_one, strict=True)] or [[]] * width
        assert own == reference(steps, columns)[-1]


def outcome(future: Any) -> Any:
    """The result, or a hole."""
    return tp.HOLE if isinstance(future.exception(10), ItemDropped) else future.result()


def test_sessions_from_many_threads_at_once():
    with Everything(4).run(sessions=8) as run:

        def client(number):
            with run.session() as session:
                return list(session.map(range(number, number + 30)))

        clients = [Background(client, number) for number in range(8)]
        for number, each in enumerate(clients):
            assert each.result() == alone(list(range(number, number + 30)))


@pytest.mark.parametrize("clones", [None, 2])
def test_items_of_no_session_are_one_stream_beside_the_others(clones):
    cells = {"add": Add() if clones is None else scaled(Add(), clones), "total": Total()}
    with open_line(**cells).run(sessions=1) as run, run.session() as session:
        assert [run(1), session(10), run(1), session(10), run(1)] == [2, 11, 4, 22, 6]


def test_the_order_of_a_session_is_kept():
    gate = threading.Event()

    def work(x):
        if x == "slow":
            happens(gate)
        return x

    pipeline = open_line(work=scaled(work, 4), last=Pass())
    with pipeline.run(sessions=2) as run, run.session() as session:
        slow, fast = session.submit("slow"), session.submit("fast")
        assert not fast.done()
        gate.set()
        assert [slow.result(10), fast.result(10)] == ["slow", "fast"]


class Life(tp.Cell):
    """Counts, and tells what becomes of each copy, and in which thread."""

    stateful = True

    def __init__(self, told: list[Any]):
        super().__init__()
        self.told = told

    def __deepcopy__(self, memo):
        return Life(self.told)

    def tell(self, what):
        self.told.append((what, threading.current_thread().name))

    def setup(self, clone):
        self.tell("setup")

    def reset(self):
        self.count = 0
        self.tell("reset")

    def forward(self, x):
        self.count += 1
        return self.count

    def finish(self):
        self.tell(f"finish after {self.count}")

    def teardown(self):
        self.tell("teardown")


def test_a_copy_lives_from_the_first_item_to_the_end_of_its_session_in_the_thread_of_its_cell():
    told: list[Any] = []
    with open_line(add=scaled(Add()), life=Life(told), sub=scaled(Add())).run(sessions=1) as run:
        (_, thread), _ = told
        told.clear()
        session = run.session()
        assert told == []
        assert [session(1), session(2)] == [2, 3]
        session.close()
        assert [what for what, _ in told] == ["setup", "reset", "finish after 2", "teardown"]
        assert {where for _, where in told} == {thread}
        told.clear()
    assert [what for what, _ in told] == ["teardown"]


def test_the_end_of_a_session_comes_after_its_items_and_holds_up_no_other():
    gate, told = threading.Event(), []

    def work(x):
        if x == "slow":
            happens(gate)
        return x

    with open_line(work=scaled(work, 2), life=Life(told)).run(sessions=2) as run:
        first, second = run.session(), run.session()
        item, end = first.submit("slow"), first.end()
        assert first.end() is end
        later = second.submit("fast")
        assert not end.done()
        gate.set()
        assert [item.result(10), end.result(10), later.result(10)] == [1, None, 1]
        second.close()
    assert [what for what, _ in told if what.startswith("finish")] == ["finish after 1"] * 2


class Holds(tp.Cell):
    """Keeps what it was given last."""

    stateful = True

    def reset(self):
        self.kept = None

    def forward(self, x):
        self.kept = x


class Big:
    """What a session may hold a lot of."""


@pytest.mark.parametrize("clones", [None, 2])
def test_a_session_that_was_closed_has_let_its_state_go(clones):
    same = tp.cell(lambda x: x)
    cells = {"same": same if clones is None else scaled(same, clones), "holds": Holds()}
    with open_line(**cells).run(sessions=1) as run:
        session = run.session()
        big = Big()
        gone = weakref.ref(big)
        session(big)
        del big
        gc.collect()
        assert gone() is not None
        session.close()
        gc.collect()
        assert gone() is None


def test_a_run_that_nobody_holds_ends_with_its_sessions():
    run = open_line(add=scaled(Add()), total=Total()).run(sessions=1)
    session = run.session()
    assert session(1) == 2
    del run
    gc.collect()
    assert session(1) == 4
    del session
    gc.collect()
    assert torchpipe_threads() == []


@pytest.mark.parametrize("clones", [None, 2])
def test_the_end_of_the_run_tears_down_the_copies_of_open_sessions(clones):
    told: list[Any] = []
    same = tp.cell(lambda x: x)
    cells = {"same": same if clones is None else scaled(same, clones), "life": Life(told)}
    with open_line(**cells).run(sessions=2) as run:
        run.session()(1)
        session = run.session()
        session(1)
        told.clear()
    assert [what for what, _ in told] == ["teardown"] * 3
    session.close()
    with pytest.raises(Stopped):
        session(1)
    with pytest.raises(Stopped):
        run.session()


def test_a_run_that_stops_does_not_wait_for_sessions_to_end():
    inside, gate = threading.Event(), threading.Event()

    def work(x):
        inside.set()
        happens(gate)
        return x

    told: list[Any] = []
    run = open_line(work=scaled(work, 1), life=Life(told)).run(sessions=1)
    session = run.session()
    item, end = session.submit(1), session.end()
    happens(inside)
    stopping = Background(run.stop)
    assert isinstance(end.exception(10), Stopped)
    gate.set()
    stopping.result()
    assert isinstance(item.exception(), Stopped)
    session.close()
    assert [what for what, _ in told] == ["setup", "reset", "teardown"]


def test_a_stop_may_take_the_end_of_a_session_just_when_a_stage_looks_at_it():
    class Racing:
        future: Any = Request(Stream(), ends=True)

        @property
        def error(self):
            self.future = None
            return CLOSED

    copies = Copies(Context(Shared(0), tp.ThreadClone()))
    assert not copies.within(Racing())


def test_a_stop_may_have_taken_the_end_of_a_session_just_before_it_is_marked():
    item = Item()
    item.error = CLOSED
    assert not Copies(Context(Shared(0), tp.ThreadClone())).within(item)


@pytest.mark.parametrize("clones", [None, 2])
def test_drain_waits_for_the_items_of_sessions_too_and_they_go_on(clones):
    same = tp.cell(lambda x: x)
    cells = {"same": same if clones is None else scaled(same, clones), "total": Total()}
    with open_line(**cells).run(sessions=1) as run, run.session() as session:
        first = session.submit(1)
        run.drain()
        assert first.done()
        assert session(2) == 3


@pytest.mark.parametrize("clones", [None, 2])
def test_an_error_belongs_to_its_item_and_the_session_goes_on(clones):
    same = tp.cell(lambda x: x)
    cells = {"same": same if clones is None else scaled(same, clones)}
    pipeline = open_line(**cells, total=Total(), bad=Fails(3))
    with pipeline.run(sessions=1) as run, run.session() as session:
        assert session(1) == 1
        with pytest.raises(ValueError, match="no 3"):
            session(2)
        assert session(4) == 7


class Unwilling(tp.Cell):
    """Raises in one of its steps, in copies for sessions only."""

    stateful = True

    def __init__(self, where: str):
        super().__init__()
        self.where, self.copied = where, False

    def __deepcopy__(self, memo):
        made = Unwilling(self.where)
        made.copied = True
        return made

    def fail(self, where):
        if self.copied and where == self.where:
            raise OSError(f"no {where}")

    def setup(self, clone):
        self.fail("setup")

    def forward(self, x):
        return x

    def finish(self):
        self.fail("finish")

    def teardown(self):
        self.fail("teardown")


@pytest.mark.parametrize("clones", [None, 2])
def test_a_copy_that_cannot_be_set_up_fails_its_items_only(clones):
    same = tp.cell(lambda x: x)
    cells = {"same": same if clones is None else scaled(same, clones)}
    with open_line(**cells, bad=Unwilling("setup")).run(sessions=1) as run:
        with run.session() as session:
            for _ in range(2):
                with pytest.raises(OSError, match="no setup") as caught:
                    session(1)
                assert notes(caught.value)[0].startswith("in the setup of cell 'bad'")
        assert run(1) == 1


@pytest.mark.parametrize("clones", [None, 2])
@pytest.mark.parametrize("where", ["finish", "teardown"])
def test_an_error_at_the_end_of_a_session_is_that_of_its_end(where, clones):
    told: list[Any] = []
    same = tp.cell(lambda x: x)
    cells = {"same": same if clones is None else scaled(same, clones)}
    cells |= {"bad": Unwilling(where), "life": Life(told)}
    with open_line(**cells).run(sessions=1) as run:
        session = run.session()
        assert session(1) == 1
        with pytest.raises(OSError, match=f"no {where}") as caught:
            session.close()
        assert notes(caught.value)[0].startswith(f"in the {where} of cell 'bad'")
        assert [what for what, _ in told][-2:] == ["finish after 1", "teardown"]
        assert run(1) == 1


def test_a_cancelled_item_is_seen_by_no_copy_that_has_not_seen_it():
    gate, inside = threading.Event(), threading.Event()

    def work(x):
        inside.set()
        happens(gate)
        return x

    pipeline = open_line(work=scaled(work, 1), total=Total())
    with pipeline.run(sessions=1) as run, run.session() as session:
        first = session.submit(1)
        happens(inside)
        second, third = session.submit(10), session.submit(100)
        assert second.cancel()
        gate.set()
        assert [first.result(10), third.result(10)] == [1, 101]


def test_a_filter_and_a_policy_work_in_copies():
    class Even(tp.Cell):
        stateful, filters = True, True
        on_error = "skip"

        def reset(self):
            self.count = 0

        def forward(self, x):
            self.count += 1
            if x == "bad":
                raise ValueError(x)
            return self.count if self.count % 2 == 0 else tp.HOLE

    pipeline = open_line(add=scaled(lambda x: x), even=Even())
    with pipeline.run(sessions=2) as run, run.session() as a, run.session() as b:
        for session in (a, b):
            with pytest.raises(ItemDropped):
                session(1)
        assert [a(1), b(1)] == [2, 2]
        with pytest.raises(ItemDropped):
            a("bad")
        assert list(a.map([1, 1, 1])) == [4, 6]


def test_a_live_parameter_reaches_all_copies():
    class Scale(tp.Cell):
        stateful = True
        by = tp.Parameter(1)

        def forward(self, x):
            return x * self.by

    with open_line(scale=Scale()).run(sessions=1) as run, run.session() as session:
        assert session(2) == 2
        run.set("scale.by", 5)
        assert session(2) == 10


def test_what_init_made_is_not_shared_between_sessions():
    class Seen(tp.Cell):
        stateful = True

        def __init__(self):
            super().__init__()
            self.seen = []

        def forward(self, x):
            self.seen.append(x)
            return len(self.seen)

    with open_line(seen=Seen()).run(sessions=2) as run, run.session() as a, run.session() as b:
        assert [a(0), a(0), b(0), run(0), b(0)] == [1, 2, 1, 1, 2]


# -- what cannot be


def test_there_are_no_more_sessions_than_the_run_was_told():
    with open_line(total=Total()).run(sessions=2) as run:
        first, second = run.session(), run.session()
        with pytest.raises(RunError) as caught:
            run.session()
        assert str(caught.value) == (
            "cannot open another session: 2 are open, as many as there may be. Close one, or raise "
            "pipeline.run(sessions=...)."
        )
        first.close()
        assert first.closed
        assert not second.closed
        with run.session() as third:
            assert third(1) == 1


def test_without_a_number_there_are_none():
    with open_line(total=Total()).run() as run, pytest.raises(RunError) as caught:
        run.session()
    assert str(caught.value) == (
        "cannot open a session: the run has none. Say how many there may be: "
        "pipeline.run(sessions=...)."
    )


@pytest.mark.parametrize("clones", [None, 2])
def test_a_session_that_has_ended_takes_nothing(clones):
    same = tp.cell(lambda x: x)
    cells = {"same": same if clones is None else scaled(same, clones)}
    with open_line(**cells, total=Total()).run(sessions=1) as run:
        session = run.session()
        session.close()
        session.close()
        with pytest.raises(RunError) as caught:
            session(1)
        text = "cannot submit to this session: it has ended. Open another one."
        assert str(caught.value) == text
        with pytest.raises(RunError):
            list(session.map([1]))


@pytest.mark.parametrize(
    "use",
    [
        lambda run, path: run.save(path),
        lambda run, path: run.load_state_dict({}),
        lambda run, path: run.seek(0, 1),
        lambda run, path: run.state_dict(),
    ],
)
def test_a_run_with_sessions_is_neither_saved_nor_moved(use, tmp_path):
    with open_line(total=Total()).run(sessions=1) as run, pytest.raises(RunError) as caught:
        use(run, tmp_path / "run.pt")
    assert str(caught.value) == (
        "cannot save, load or seek a run with sessions: each is a stream of its own, and ends with "
        "whoever opened it. Run without sessions to do so."
    )


def refusal(pipeline: tp.Pipeline) -> str:
    """Why the pipeline cannot have sessions."""
    with pytest.raises(CheckError) as caught:
        pipeline.run(sessions=1)
    (finding,) = caught.value.findings
    return finding


def test_a_closed_pipeline_has_no_sessions():
    assert refusal(line(source=tp.Source([1]), total=Total())) == (
        "cannot have sessions: the pipeline has no inputs, its sources give the items. Give "
        "`build` an argument."
    )


def test_a_pipeline_that_yields_has_no_sessions():
    assert refusal(open_line(split=tp.Unbatch(), total=Total())) == (
        "cannot have sessions: split yields, so no result belongs to an item. Let it give one list "
        "for each."
    )


def test_a_source_in_an_open_pipeline_belongs_to_no_session():
    def build(self, x):
        return self.add(x, self.count())

    cells = {"count": tp.Source(range(9)), "add": tp.cell(lambda x, y: x + y)}
    assert refusal(Made(build, **cells)) == (
        "cannot have sessions with the source count: it gives one value for each item, whatever "
        "session that is of. Submit the value with the item."
    )


def test_state_beside_the_way_is_refused():
    def build(self, x):
        self.total(self.split(x))
        return self.add(x)

    assert refusal(Made(build, split=tp.Unbatch(), total=Total(), add=Add())) == (
        "cannot have sessions in total: it is stateful, and its items are numbered by split, which "
        "yields. Put it before that."
    )


def test_a_stateful_cell_that_yields_is_refused():
    def build(self, x):
        self.last(self.batch(x))
        return self.add(x)

    assert refusal(Made(build, batch=tp.Batch(2), last=Add(), add=Add())) == (
        "cannot have sessions in batch: it is stateful, and it yields, so what follows it is one "
        "stream. Let it give one list for each item."
    )


def test_a_stateful_cell_in_another_process_is_refused():
    pipeline = open_line(total=tp.ScaleUp(Total(), clones=[tp.RayClone()]))
    assert refusal(pipeline) == (
        "cannot have sessions in total: it is stateful, and its clone is in another process. Let "
        "it be a tp.ThreadClone."
    )


def test_a_stateful_cell_that_takes_batches_is_refused():
    class Batched(Total):
        batching = tp.Batching(max_size=4, max_wait=0)

    assert refusal(open_line(total=Batched())) == (
        "cannot have sessions in total: it is stateful, and takes items of several sessions in one "
        "call. Set batching to None."
    )


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"sessions": -1}, "give 0 or more"),
        ({"sessions": 2, "stream": True}, "a stream is one session"),
    ],
)
def test_numbers_of_sessions_that_make_no_sense(options, why):
    with pytest.raises(RunError) as caught:
        open_line(total=Total()).run(**options)
    assert str(caught.value) == f"cannot run with sessions={options['sessions']}: {why}."


# -- and those who do not use them


def test_sessions_are_free_when_unused():
    """Not a line of the generated functions is another one."""
    from torchpipe.engine.core import Core

    written: list[str] = []
    ready = Core.ready_function

    def spied(core, code, context, objects):
        made = ready(core, code, context, objects)
        written.append(code.text)
        assert context.copies is None
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Core, "ready_function", spied)
        with Everything(4).run() as run:
            run(1)
    assert written
    assert not any("copies" in text or "CLOSED" in text for text in written)
