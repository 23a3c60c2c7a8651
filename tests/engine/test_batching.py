"""Dynamic batching: several items in one call; outside, still one in, one out."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic

import pytest

import torchpipe as tp
from tests.engine.made import Add, Made, Odd, Parts, Pass, consume, line, notes, open_line, scaled
from torchpipe.engine.context import Context
from torchpipe.engine.gather import gatherer
from torchpipe.engine.item import Item
from torchpipe.engine.shared import Shared
from torchpipe.errors import CheckError, RunError
from torchpipe.testing import Gate

FOREVER = 1000.0  # seconds: nobody waits that long, something else ends the wait


class Batched(tp.Cell):
    """Adds 100, and notes its batches. All copies share the list."""

    def __init__(self, size: int = 4, wait: float = 0.0, bad=()):
        self.batching = tp.Batching(size, wait)
        self.batches: list[list[int]] = []
        self.singles: list[int] = []
        self.bad = bad

    def __deepcopy__(self, memo):
        import copy

        return copy.copy(self)

    def forward(self, x: int) -> int:
        self.singles.append(x)
        if x in self.bad:
            raise ValueError(f"no {x}")
        return x + 100

    def forward_batch(self, items):
        values = [x for (x,) in items]
        self.batches.append(values)
        if set(values) & set(self.bad):
            raise ValueError("somewhere")
        return [x + 100 for x in values]


def flat(batches):
    return [x for batch in batches for x in batch]


@pytest.mark.parametrize("window", [1, 3, 64])
@pytest.mark.parametrize("clones", [None, 1, 3])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_batches_are_invisible_outside(window, clones, size):
    cell = Batched(size)
    cells = {"cell": cell if clones is None else scaled(cell, clones), "last": Pass()}
    with line(source=tp.Source(range(23)), **cells).run(window=window) as run:
        assert list(run) == list(run) == list(range(100, 123))
    assert max(map(len, cell.batches)) <= min(size, window)
    assert sorted(flat(cell.batches)) == sorted([*range(23)] * 2)
    assert cell.singles == []


def test_full_batches_where_there_are_enough_items():
    cell = Batched(4, FOREVER)
    with line(source=tp.Source(range(12)), cell=cell).run() as run:
        assert list(run) == list(range(100, 112))
    assert cell.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


def test_the_end_of_the_stream_ends_the_wait_for_a_full_batch():
    cell = Batched(4, FOREVER)
    with line(source=tp.Source(range(6)), cell=cell).run() as run:
        assert list(run) == list(run) == list(range(100, 106))
    assert cell.batches == [[0, 1, 2, 3], [4, 5]] * 2


def test_a_batch_waits_no_longer_than_it_may():
    with open_line(cell=Batched(4, 0.001)).run() as run:
        assert run(1) == 101


def test_draining_ends_the_wait_for_a_full_batch():
    cell = Batched(4, FOREVER)
    with open_line(cell=cell).run() as run:
        futures = [run.submit(x) for x in range(6)]
    assert [future.result(0) for future in futures] == list(range(100, 106))
    assert cell.batches == [[0, 1, 2, 3], [4, 5]]


def test_stopping_ends_the_wait_for_a_full_batch():
    cell = Batched(4, FOREVER)
    run = open_line(cell=cell).run()
    future = run.submit(1)
    run.stop()
    assert future.done()


def test_calling_a_clone_back_ends_the_wait_for_a_full_batch():
    cell = Batched(4, FOREVER)
    with open_line(cell=scaled(cell, 2)).run() as run:
        first = run.submit(1)
        run.scale("cell", 1)
        rest = [run.submit(x) for x in range(2, 6)]
        run.drain()
        assert [future.result(10) for future in [first, *rest]] == [101, 102, 103, 104, 105]


def test_calling_back_an_idle_clone_of_a_batching_cell():
    with open_line(cell=scaled(Batched(), 3)).run() as run:
        assert run(1) == 101
        threads = [stage.thread for stage in run._core.threads if "cell[" in stage.thread.name]
        run.scale("cell", 1)
        for thread in threads[1:]:
            thread.join(10)
            assert not thread.is_alive()
        assert run(2) == 102


def test_one_bad_item_in_a_batch_is_found():
    cell = Batched(4, FOREVER, bad=[5])
    taken = []

    def take(run):
        for x in run:
            taken.append(x)  # noqa: PERF402 - an error must not lose those before it

    with (
        pytest.raises(ValueError, match="no 5") as caught,
        line(source=tp.Source(range(12)), cell=cell).run() as run,
    ):
        take(run)
    assert taken == [100, 101, 102, 103, 104]
    assert caught.value.__notes__ == ["in cell 'cell' (clone 0 on cpu), item 5"]
    assert cell.singles[:4] == [4, 5, 6, 7]


def test_one_bad_item_in_a_batch_affects_no_other():
    cell = Batched(4, FOREVER, bad=[5])
    with open_line(cell=cell).run() as run:
        futures = [run.submit(x) for x in range(8)]
        run.drain()
    errors = [type(future.exception(0)) for future in futures]
    assert errors == [type(None)] * 5 + [ValueError] + [type(None)] * 2


def test_bad_items_in_batches_are_skipped_and_counted():
    cell = Batched(4, FOREVER, bad=[5, 6])
    cell.on_error = "skip"
    with line(source=tp.Source(range(8)), cell=cell).run() as run:
        assert list(run) == [100, 101, 102, 103, 104, 107]
        letters = [(letter.item, str(letter.error)) for letter in run.dead_letters]
    assert letters == [(5, "no 5"), (6, "no 6")]


def test_items_of_good_batches_count_for_a_budget_that_is_a_fraction():
    cell = Batched(10, FOREVER, bad=[995, 996, 997])
    cell.on_error = tp.Skip(budget=0.005)
    with line(source=tp.Source(range(1000)), cell=cell).run() as run:
        assert len(list(run)) == 997


def test_holes_do_not_enter_a_batch():
    cell = Batched(3, FOREVER)
    cells = {"odd": scaled(Odd(), 1), "cell": cell}
    with line(source=tp.Source(range(9)), **cells).run() as run:
        assert list(run) == [101, 103, 105, 107]
    assert sorted(flat(cell.batches)) == [1, 3, 5, 7]


def test_a_batch_of_holes_only():
    class Never(tp.Cell):
        filters = True

        def forward(self, x):
            return tp.HOLE

    cell = Batched(3)
    with line(source=tp.Source(range(9)), never=Never(), cell=cell).run() as run:
        assert list(run) == list(run) == []
    assert flat(cell.batches) == []


def test_a_batch_may_drop_items():
    class Drops(tp.Cell):
        filters = True
        batching = tp.Batching(4)

        def forward(self, x):
            raise AssertionError

        def forward_batch(self, items):
            return [x if x % 2 else tp.HOLE for (x,) in items]

    assert consume(line(source=tp.Source(range(8)), drops=Drops())) == [1, 3, 5, 7]


def test_several_inputs_and_outputs():
    class Join(tp.Cell):
        batching = tp.Batching(3)

        def forward(self, a: int, b: int, k: int = 7) -> Parts:
            raise AssertionError

        def forward_batch(self, items):
            return [Parts(a + k, b) for a, b, k in items]

    def build(self):
        x = self.source()
        parts = self.join(self.add(x), x)
        return parts.half, self.add_2(parts.rest)

    cells = {"add": scaled(Add()), "join": Join(), "add_2": Add()}
    results = consume(Made(build, source=tp.Source(range(5)), **cells))
    assert results == [(x + 8, x + 1) for x in range(5)]


def test_a_batch_without_forward_batch_calls_forward_for_each():
    class Plain(tp.Cell):
        batching = tp.Batching(3)

        def forward(self, x):
            return x + 1

    assert consume(line(source=tp.Source(range(5)), plain=Plain())) == [1, 2, 3, 4, 5]


class Wrong(tp.Cell):
    """Gives one result too few, or one too many, for a batch with item 5."""

    batching = tp.Batching(4, FOREVER)

    def __init__(self, more: int):
        self.more = more

    def forward(self, x):
        return x

    def forward_batch(self, items):
        values = [x for (x,) in items]
        if 5 in values:
            return values[1:] if self.more < 0 else [*values, 9]
        return values


@pytest.mark.parametrize("more", [-1, 1])
@pytest.mark.parametrize("policy", ["raise", "skip"])
def test_another_number_of_results_is_an_error(more, policy):
    cell, given = Wrong(more), []
    cell.on_error = policy
    with (
        pytest.raises(RunError) as caught,
        line(source=tp.Source(range(8)), wrong=scaled(cell, 1)).run() as run,
    ):
        given.extend(run)
    assert given == [0, 1, 2, 3]
    assert str(caught.value) == (
        f"cannot tell which results of wrong belong to which items: `forward_batch` returned "
        f"{4 + more} for 4 items. Return one result per item, in the same order."
    )
    assert notes(caught.value) == ["in cell 'wrong' (clone 0 on cpu), item 4"]


def test_in_a_feedback_loop_there_is_nothing_to_batch():
    cell = Batched(4)

    def build(self):
        y = self.cell(self.sum(self.source(), self.before()))
        self.before.connect(y)
        return y

    cells = {"before": tp.Feedback(0), "sum": tp.cell(lambda a, b: a + b), "cell": cell}
    assert consume(Made(build, source=tp.Source([1, 2]), **cells)) == [101, 203]
    assert cell.singles == [1, 103]


def test_a_stateful_cell_gets_batches_in_order():
    gate = Gate()

    class Sums(tp.Cell):
        stateful = True
        batching = tp.Batching(2, FOREVER)

        def reset(self):
            self.total = 0

        def forward(self, x):
            self.total += x
            return self.total

    cells = {"gate": scaled(gate, 2), "sums": Sums()}
    with line(source=tp.Source(range(6)), **cells).run() as run:
        results = iter(run)
        gate.open(1, 2, 3, 4, 5)
        gate.wait_until_inside(0)
        gate.open(0)
        assert list(results) == [0, 1, 3, 6, 10, 15]


@pytest.mark.parametrize(("size", "wait"), [(0, 1.0), (-1, 1.0), (1, -0.1)])
def test_batchings_that_cannot_be(size, wait):
    with pytest.raises(tp.errors.ParameterError):
        tp.Batching(size, wait)


def test_a_generator_cannot_be_batched():
    class Spread(tp.Cell):
        batching = tp.Batching(2)

        def forward(self, x):
            yield x

    try:
        results = consume(line(source=tp.Source(range(3)), spread=Spread()))
    except CheckError:
        return
    assert results == [0, 1, 2]


class Alone:
    """As much of a clone as gathering needs."""

    def __init__(self):
        self.context, self.retiring = Context(Shared(0), tp.ThreadClone()), False


def test_gathering_takes_what_is_there_without_waiting():
    inbox, items = SimpleQueue(), [Item() for _ in range(5)]
    for item in items:
        inbox.put(item)
    take = gatherer(inbox, tp.Batching(3, 0.0), Alone())
    assert take() == (items[:3], None)
    assert take() == (items[3:], None)


def test_a_clone_that_is_called_back_gathers_nothing_more():
    clone = Alone()
    clone.retiring = True
    assert gatherer(SimpleQueue(), tp.Batching(3, FOREVER), clone)() == ([], None)


def test_the_wait_is_that_of_the_first_item(monkeypatch):
    class Inbox:
        """Items that arrive at these times."""

        def __init__(self, *times):
            self.times, self.now = list(times), 0.0

        def get_nowait(self):
            return self.get(timeout=0.0)

        def get(self, timeout):
            if timeout is not None and self.times[0] > self.now + timeout:
                self.now += timeout
                raise Empty
            self.now = max(self.now, self.times.pop(0))
            return Item()

    inbox = Inbox(0.0, 0.4, 0.8, 1.2, 1.3, 9.0)
    monkeypatch.setattr("torchpipe.engine.gather.monotonic", lambda: inbox.now)
    take = gatherer(inbox, tp.Batching(10, 1.0), Alone())
    assert [len(take()[0]), len(take()[0])] == [3, 2]


@pytest.fixture
def one_thread_at_a_time():
    """Let a thread go on until it waits."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(60.0)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("one_thread_at_a_time")
def test_a_clone_whose_item_another_takes_does_not_wait_beyond_its_time():
    with line(source=tp.Source([]), cell=scaled(Batched(), 2)).run() as run:
        (inbox,) = run._core.rings[0].ring.inboxes.values()
    inbox, first = type(inbox)(), Item()
    inbox.put(first)
    gathered = []
    take = gatherer(inbox, tp.Batching(2, 0.05), Alone())
    clone = threading.Thread(target=lambda: gathered.append(take()), daemon=True)
    clone.start()  # it takes the first item, and waits for a second
    inbox.put(Item())
    over = monotonic() + 0.1
    while monotonic() < over:  # the clone is woken, and cannot look yet
        pass
    with suppress(Empty):
        inbox.get_nowait()
    clone.join(10)
    assert [batch[0] for batch, _ in gathered] == [first]


def test_two_clones_share_the_items():
    barrier = threading.Barrier(2, timeout=10)

    class Meets(tp.Cell):
        batching = tp.Batching(2, FOREVER)

        def forward(self, x):
            return x

        def forward_batch(self, items):
            barrier.wait()
            return [x for (x,) in items]

    with line(source=tp.Source(range(8)), meets=scaled(Meets())).run() as run:
        assert list(run) == list(range(8))
