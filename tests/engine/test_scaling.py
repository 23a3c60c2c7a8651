"""Live scaling: clones come and go while items flow; nothing is lost, the order is kept."""

from __future__ import annotations

import itertools
import threading
from queue import Empty, SimpleQueue

import pytest

import torchpipe as tp
from tests.engine.made import Add, Background, Made, Pass, Total, happens, line, open_line, scaled
from torchpipe.errors import RunError, Stopped
from torchpipe.testing import Barrier, Gate, Recorder


def clones_of(run: tp.Run, path: str) -> list[str]:
    return [s.clone for s in run.statistics() if s.scaled and s.path == path]


@pytest.mark.parametrize("window", [1, 4, 64])
def test_scaling_under_load_keeps_order_and_loses_nothing(window):
    over = threading.Event()
    pipeline = line(
        source=tp.Source(range(1500)),
        add=scaled(Add(), 2),
        mid=Pass(),
        add_2=scaled(Add(), 1),
        total=Pass(),
    )

    def rescale(run):
        for count in itertools.cycle((1, 4, 2, 6, 3, 1, 5)):
            if over.is_set():
                return
            run.scale("add", count)
            run.scale("add_2", 7 - count)

    with pipeline.run(window=window) as run:
        scaling = Background(rescale, run)
        assert list(run) == [x + 2 for x in range(1500)]
        assert list(run) == [x + 2 for x in range(1500)]
        over.set()
        scaling.result()


def test_scaling_while_items_are_submitted():
    with open_line(add=scaled(Add()), last=Pass()).run(window=8) as run:
        futures = []
        for number in range(300):
            if number % 10 == 0:
                run.scale("add", 1 + number // 10 % 5)
            futures.append(run.submit(number))
        assert [future.result(10) for future in futures] == list(range(1, 301))


def test_more_clones_really_run_together():
    barrier = Barrier(3)
    with line(source=tp.Source(range(6)), meet=scaled(barrier, 1)).run() as run:
        results = iter(run)
        run.scale("meet", 3)
        assert list(results) == list(range(6))
        assert clones_of(run, "meet") == ["clone 0 on cpu", "clone 1 on cpu", "clone 2 on cpu"]


def test_fewer_clones_really_run_alone():
    most = Recorder()
    inside, lock, high = [], threading.Lock(), []

    def work(x):
        with lock:
            inside.append(x)
            high.append(len(inside))
        most.forward(x)
        with lock:
            inside.remove(x)
        return x

    with line(source=tp.Source(range(30)), work=scaled(work, 4)).run() as run:
        run.scale("work", 1)
        assert list(run) == list(range(30))
        assert len(clones_of(run, "work")) == 1
    assert max(high) == 1


def test_idle_clones_are_called_back():
    recorder = Recorder()
    with line(source=tp.Source(range(4)), clone=scaled(recorder, 4)).run() as run:
        run.scale("clone", 1)
        wait_for_leaving(run, "clone")
        assert len(recorder.of("teardown")) == 3
        assert list(run) == [0, 1, 2, 3]


def wait_for_leaving(run, path):
    """Wait until all clones that were called back are gone."""
    part = run._core.rings[0]
    stay = [clone.thread.thread for clones in part.clones.values() for clone in clones]
    for thread in threading.enumerate():
        if thread.name.startswith(f"torchpipe {path}[") and thread not in stay:
            thread.join(10)
            assert not thread.is_alive()


@pytest.mark.parametrize("busy", [(0,), (0, 1), (0, 1, 2)])
def test_a_busy_clone_that_is_called_back_finishes_its_item(busy):
    gate = Gate()
    with line(source=tp.Source(range(8)), gate=scaled(gate, 3)).run() as run:
        results = iter(run)
        gate.wait_until_inside(0, 1, 2)
        gate.open(*{0, 1, 2} - set(busy))
        run.scale("gate", 1)
        gate.open()
        assert list(results) == list(range(8))
        assert len(clones_of(run, "gate")) == 1


@pytest.mark.parametrize("left", [1, 2])
def test_clones_that_stay_go_on_while_those_that_leave_are_busy(left):
    gate, done, seen = Gate(), threading.Event(), []

    def work(x):
        gate.hold(x)
        seen.append(x)
        if len(seen) == 20 - (3 - left):
            done.set()
        return x

    with line(source=tp.Source(range(20)), work=scaled(work, 3)).run() as run:
        results = iter(run)
        gate.wait_until_inside(0, 1, 2)
        leaving = {clone.context.number for clone in clones_in(run)[left:]}
        run.scale("work", left)
        gate.open(*set(range(20)) - leaving)
        happens(done)  # all others are done
        gate.open(*leaving)
        assert list(results) == list(range(20))


def test_clones_that_leave_take_no_other_item():
    gate, by = Gate(), {}

    def work(x):
        gate.hold(x)
        by[x] = threading.current_thread().name
        return x

    with line(source=tp.Source(range(40)), work=scaled(work, 3)).run() as run:
        results = iter(run)
        gate.wait_until_inside(0, 1, 2)
        run.scale("work", 1)
        gate.open()
        assert list(results) == list(range(40))
    assert {by[x] for x in range(3, 40)} == {"torchpipe work[0]"}


def test_a_clone_that_takes_the_call_for_a_busy_one_goes_on():
    """There is nothing else in the inbox, so the one that stays takes it, and must not wait."""
    gate, more, done, seen = Gate(), threading.Event(), threading.Event(), []

    def source():
        yield from (0, 1)
        happens(more)
        yield from range(2, 8)

    def work(x):
        gate.hold(x)
        seen.append(x)
        if len(seen) == 7:
            done.set()
        return x

    with line(source=tp.cell(source), work=scaled(work, 2)).run(window=8) as run:
        results = iter(run)
        gate.wait_until_inside(0, 1)
        leaving = clones_in(run)[1].context.number
        run.scale("work", 1)
        gate.open(*set(range(8)) - {leaving})
        more.set()
        happens(done)
        gate.open()
        assert list(results) == list(range(8))


def test_a_clone_that_is_called_back_as_it_comes_to_rest_does_not_wait(monkeypatch):
    """Its token is gone already: whoever took it saw it at work."""

    class Inbox(SimpleQueue):
        def get_nowait(self):
            try:
                return super().get_nowait()
            except Empty:
                coming_to_rest()
                raise

    def coming_to_rest():
        for clone in leaving:
            if clone.thread.thread is threading.current_thread():
                clone.retiring = True

    leaving = []
    monkeypatch.setattr("torchpipe.engine.gather.SimpleQueue", Inbox)
    with open_line(meet=scaled(Barrier(2), 2)).run() as run:
        leaving += clones_in(run)[1:]
        futures = [run.submit(x) for x in range(2)]  # both clones take one, and come to rest
        assert [future.result(10) for future in futures] == [0, 1]
        assert leaving[0].gone.wait(10)
        assert run(2) == 2


def clones_in(run):
    """The clones of the one scaled cell."""
    (clones,) = run._core.rings[0].clones.values()
    return clones


def test_scaling_up_and_down_while_all_clones_are_busy():
    gate = Gate()
    with line(source=tp.Source(range(10)), gate=scaled(gate, 2)).run() as run:
        results = iter(run)
        gate.wait_until_inside(0, 1)
        run.scale("gate", 4)
        gate.wait_until_inside(0, 1, 2, 3)
        run.scale("gate", 1)
        run.scale("gate", 2)
        run.scale("gate", 1)
        gate.open()
        assert list(results) == list(range(10))


def test_clones_of_different_kinds_replace_each_other():
    class Named(tp.Cell):
        name = tp.Config("none")

        def forward(self, x):
            return self.name

    def kinds(*names):
        return [tp.ThreadClone(config={"name": name}) for name in names]

    def names(run):
        wait_for_leaving(run, "named")
        return set(run.map(range(20)))

    with open_line(named=scaled(Named(), kinds("a"))).run() as run:
        assert names(run) == {"a"}
        run.scale("named", kinds("b"))
        assert names(run) == {"b"}
        run.scale("named", kinds("b", "c"))
        run.scale("named", kinds("c"))
        assert names(run) == {"c"}
        run.scale("named", 3)
        assert names(run) == {"c"}
        assert [clone.clone.config for clone in clones_in(run)] == [{"name": "c"}] * 3


def test_a_clone_that_cannot_be_set_up_leaves_all_as_it_was():
    class Picky(tp.Cell):
        def setup(self, clone):
            if clone.index == 3:
                raise OSError("no memory")

        def forward(self, x):
            return x

    with line(source=tp.Source(range(8)), picky=scaled(Picky(), 2)).run() as run:
        with pytest.raises(OSError, match="no memory") as caught:
            run.scale("picky", 5)
        assert caught.value.__notes__ == ["in the setup of cell 'picky' (clone 3 on cpu)"]
        assert clones_of(run, "picky") == ["clone 0 on cpu", "clone 1 on cpu"]
        assert list(run) == list(range(8))
        run.scale("picky", 3)
        assert list(run) == list(range(8))


def test_stop_while_a_new_clone_is_set_up():
    inside, go = threading.Event(), threading.Event()

    class Slow(tp.Cell):
        def setup(self, clone):
            if clone.index == 2:
                inside.set()
                happens(go)

        def forward(self, x):
            return x

    run = line(source=tp.Source(range(8)), slow=scaled(Slow(), 2)).run()
    scaling = Background(run.scale, "slow", 4)
    happens(inside)
    stopper = Background(run.stop)
    go.set()
    stopper.result()
    assert isinstance(scaling.error(), Stopped | None)


def test_new_clones_see_parameters_and_reset():
    class Scaled(tp.Cell):
        factor = tp.Parameter(1)

        def reset(self):
            self.ready = True

        def forward(self, x):
            return x * self.factor * self.ready

    with open_line(cell=scaled(Scaled(), 1)).run() as run:
        run.set("cell.factor", 3)
        run.scale("cell", 4)
        assert list(run.map(range(20))) == [3 * x for x in range(20)]


def test_scaling_between_epochs():
    recorder = Recorder()
    with line(source=tp.Source(range(5)), clone=scaled(recorder, 1), total=Total()).run() as run:
        for count in (3, 1, 2):
            assert list(run) == [0, 1, 3, 6, 10]
            run.scale("clone", count)
        assert list(run) == [0, 1, 3, 6, 10]


def test_clones_of_a_pipeline_that_is_scaled_as_a_whole():
    inner = open_line(add=Add(), twice=tp.cell(lambda x: 2 * x))
    with line(source=tp.Source(range(50)), inner=scaled(inner, 1)).run() as run:
        results = iter(run)
        first = [next(results) for _ in range(5)]
        run.scale("inner", 3)
        rest = list(results)
        assert first + rest == [2 * (x + 1) for x in range(50)]


def test_clones_of_a_batching_cell():
    class Batched(tp.Cell):
        batching = tp.Batching(4, max_wait=0.0)

        def forward(self, x):
            return x + 1

        def forward_batch(self, items):
            return [x + 1 for (x,) in items]

    over = threading.Event()

    def rescale(run):
        for count in itertools.cycle((1, 3, 2, 4)):
            if over.is_set():
                return
            run.scale("cell", count)

    with line(source=tp.Source(range(500)), cell=Batched()).run(window=7) as run:
        scaling = Background(rescale, run)
        assert list(run) == list(range(1, 501))
        over.set()
        scaling.result()


def test_clones_that_are_there_at_once_have_different_numbers():
    recorder = Recorder()
    with line(source=tp.Source(range(3)), clone=scaled(recorder, 3)).run() as run:
        list(run)
        for count in (1, 3, 2, 4):
            run.scale("clone", count)
            assert len(set(clones_of(run, "clone"))) == count


def test_nothing_is_kept_of_clones_that_left():
    with open_line(add=scaled(Add(), 1)).run() as run:
        for count in (3, 1) * 20:
            run.scale("add", count)
            wait_for_leaving(run, "add")
        run.scale("add", 1)
        assert len(run._core.threads) == 2  # the tail, and one clone
        assert len(run._core.contexts) == 3  # and whoever submits
        assert run(1) == 2


def test_teardown_errors_of_a_clone_that_leaves_are_raised_at_the_end():
    class Bad(tp.Cell):
        def teardown(self):
            if self.index:
                raise OSError("disk full")

        def setup(self, clone):
            self.index = clone.index

        def forward(self, x):
            return x

    def everything():
        with line(source=tp.Source(range(3)), bad=scaled(Bad(), 2)).run() as run:
            run.scale("bad", 1)
            assert list(run) == [0, 1, 2]

    with pytest.raises(OSError, match="disk full"):
        everything()


# -- refused


class Stateful(Pass):
    pass


REFUSED = [
    ("add", 0, "cannot scale add to 0 clones: at least one must run it."),
    ("add", (), "cannot scale add to 0 clones: at least one must run it."),
    ("nothing", 2, "there is no scaled-up cell 'nothing'; there are: add, one, several."),
    ("last", 2, "cannot scale last: wrap it where it is made, in tp.ScaleUp(...)."),
    (
        "one",
        2,
        "cannot scale up 'one' to 2 clones: Stateful is stateful, so every item must pass through "
        "one clone.",
    ),
    (
        "several",
        2,
        "cannot scale up 'several' to 2 clones: Stateful is stateful, so every item must pass "
        "through one clone.",
    ),
    (
        "one",
        (tp.ThreadClone(torch_threads=1),),
        "cannot replace the clone of 'one' while it runs: Stateful is stateful, and what it "
        "remembers is in that clone. Save the run with run.save(path), and load it into a run of "
        "the pipeline with the other clone.",
    ),
    ("looped", 2, "cannot scale looped: it is in a feedback loop, so it runs item by item."),
]


@pytest.mark.parametrize(("name", "clones", "message"), REFUSED)
def test_what_cannot_be_is_refused(name, clones, message):
    def build(self):
        x = self.several(self.one(self.add(self.source())))
        y = self.looped(x, self.before())
        self.before.connect(y)
        return self.last(y)

    pipeline = Made(
        build,
        source=tp.Source(range(3)),
        add=scaled(Add()),
        one=scaled(Stateful(), 1),
        several=scaled(open_line(a=Add(), b=Stateful()), 1),
        before=tp.Feedback(0),
        looped=scaled(lambda x, before: x + before),
        last=Pass(),
    )
    with pipeline.run() as run:
        with pytest.raises(RunError) as caught:
            run.scale(name, clones)
        assert str(caught.value) == message
        assert list(run) == [2, 5, 9]


@pytest.mark.parametrize("clones", ["auto", 2.5, None])
def test_what_is_no_number_of_clones_is_refused(clones):
    with line(source=tp.Source(range(3)), add=scaled(Add())).run() as run:
        with pytest.raises(RunError) as caught:
            run.scale("add", clones)
        text = f"cannot scale to {clones!r} clones: give a number, or a list of clones."
        assert str(caught.value).startswith(text)
        assert len(list(run)) == 3


def test_nothing_to_scale_at_all():
    pipeline = line(source=tp.Source(range(3)), add=Add())
    with pipeline.run() as run, pytest.raises(RunError, match="there are: none"):
        run.scale("sub", 2)


def test_a_config_that_cannot_be_is_refused():
    class Precise(tp.Cell):
        precision = tp.Config("fp32", choices=("fp32", "fp16"))

        def forward(self, x):
            return self.precision

    with open_line(cell=scaled(Precise(), 1)).run() as run:
        with pytest.raises(RunError, match="no config 'speed'"):
            run.scale("cell", [tp.ThreadClone(config={"speed": 3})])
        with pytest.raises(RunError, match="it must be one of 'fp32', 'fp16'"):
            run.scale("cell", [tp.ThreadClone(config={"precision": "fp8"})])
        assert run(1) == "fp32"
