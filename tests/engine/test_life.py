"""All that can be done to a run, in any order, from any thread, against a few plain variables."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import torchpipe as tp
from tests.engine.made import Background, line, open_line, scaled
from torchpipe.errors import Stopped

LENGTH, EPOCHS, SEED = 7, 8, 5
FEW = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
BOTH = st.sampled_from([lambda f, *a: f(*a), lambda f, *a: Background(f, *a).result()])


class Drawn(tp.Cell):
    """Adds a random digit to an item."""

    def forward(self, x: int) -> int:
        return 10 * x + self.seed % 10


class Total(tp.Cell):
    """The sum of all items so far."""

    stateful = True

    def reset(self) -> None:
        self.total = 0

    def forward(self, x: int) -> int:
        self.total += x
        return self.total

    def state_dict(self) -> dict[str, Any]:
        return {"total": self.total}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.total = state["total"]


class Weigh(tp.Cell):
    """Multiplies in the consumer's thread, so that a parameter holds from the next result on."""

    weight = tp.Parameter(1)

    def forward(self, x: int) -> int:
        return x * self.weight


def made(clones: int, ahead: bool) -> tp.Pipeline:
    """A stream through clones and a stateful cell, which may run ahead of the consumer."""
    total = scaled(Total(), 1) if ahead else Total()
    source = tp.Source(range(LENGTH))
    return line(source=source, drawn=scaled(Drawn(), clones), total=total, weigh=Weigh())


@cache
def drawn() -> list[list[int]]:
    """What `Drawn` gives for each item of each epoch."""
    with line(source=tp.Source(range(LENGTH)), drawn=Drawn()).run(seed=SEED) as run:
        return [list(run) for _ in range(EPOCHS + 1)]


class Stream(RuleBasedStateMachine):
    """A run of a stream: pulled, left, scaled, set, sought, saved, loaded, stopped, started."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.epoch = self.item = self.total = 0
        self.weight = 1
        self.saved: dict[int, tuple[int, int, int, int]] = {}
        self.pipeline = made(2, True)
        self.run = self.pipeline.run(seed=SEED)

    def wanted(self) -> list[int]:
        """The rest of this epoch."""
        rest, total = drawn()[self.epoch][self.item :], self.total
        sums = [total := total + x for x in rest]
        return [x * self.weight for x in sums]

    def taken(self, count: int) -> None:
        self.total += sum(drawn()[self.epoch][self.item : self.item + count])
        self.item += count

    def ended(self) -> None:
        self.epoch, self.item, self.total = self.epoch + 1, 0, 0

    @precondition(lambda self: self.epoch < EPOCHS)
    @rule(count=st.integers(1, 4), there=BOTH)
    def pull(self, count: int, there: Callable[..., Any]) -> None:
        def pulled() -> list[int]:
            return list(islice(run_results(self.run), count))

        wanted = self.wanted()[:count]
        assert there(pulled) == wanted
        self.taken(len(wanted))
        if len(wanted) < count:
            self.ended()

    @precondition(lambda self: self.epoch < EPOCHS)
    @rule(there=BOTH)
    def finish_the_epoch(self, there: Callable[..., Any]) -> None:
        assert there(list, self.run) == self.wanted()
        self.ended()

    @precondition(lambda self: self.epoch < EPOCHS and self.item < LENGTH)
    @rule()
    def leave_a_loop(self) -> None:
        for value in self.run:
            assert value == self.wanted()[0]
            break
        self.taken(1)

    @rule(clones=st.integers(1, 4), there=BOTH)
    def scale(self, clones: int, there: Callable[..., Any]) -> None:
        there(self.run.scale, "drawn", clones)

    @rule(weight=st.integers(-3, 3), there=BOTH)
    def set_a_parameter(self, weight: int, there: Callable[..., Any]) -> None:
        there(self.run.set, "weigh.weight", weight)
        self.weight = weight

    @rule(epoch=st.integers(0, EPOCHS - 1), item=st.integers(0, LENGTH), there=BOTH)
    def seek(self, epoch: int, item: int, there: Callable[..., Any]) -> None:
        there(self.run.seek, epoch, item)
        self.epoch, self.item, self.total = epoch, item, 0

    @rule(name=st.integers(0, 2), there=BOTH)
    def save(self, name: int, there: Callable[..., Any]) -> None:
        there(self.run.save, self.folder / str(name))
        self.saved[name] = (self.epoch, self.item, self.total, self.weight)

    @precondition(lambda self: self.saved)
    @rule(data=st.data(), there=BOTH)
    def load(self, data: st.DataObject, there: Callable[..., Any]) -> None:
        name = data.draw(st.sampled_from(sorted(self.saved)))
        there(self.run.load, self.folder / str(name))
        self.epoch, self.item, self.total, self.weight = self.saved[name]

    @rule(
        clones=st.integers(1, 4),
        window=st.sampled_from([1, 2, 64]),
        ahead=st.booleans(),
        there=BOTH,
    )
    def start_another(
        self, clones: int, window: int, ahead: bool, there: Callable[..., Any]
    ) -> None:
        there(self.run.stop)
        with pytest.raises(Stopped):
            self.run.pull()
        self.pipeline = made(clones, ahead)
        self.run = self.pipeline.run(seed=SEED, window=window)
        self.epoch = self.item = self.total = 0
        self.weight = 1

    @invariant()
    def it_knows_where_it_is(self) -> None:
        assert self.run.position == (self.epoch, self.item, self.item)

    def teardown(self) -> None:
        self.run.stop()
        shutil.rmtree(self.folder)


def run_results(run: tp.Run) -> Any:
    """The results of one epoch, by pulling."""
    while True:
        try:
            value = run.pull()
        except StopIteration:
            return
        yield value


class Requests(RuleBasedStateMachine):
    """A run that is asked: items submitted, cancelled, drained and mapped, while it is scaled."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[int, Any]] = []
        self.start(2, 4)

    def start(self, clones: int, window: int) -> None:
        self.pipeline = open_line(work=scaled(self.work, clones), weigh=Weigh())
        self.run = self.pipeline.run(window=window)

    @staticmethod
    def work(x: int) -> int:
        if x < 0:
            raise ValueError(f"no {x}")
        return x + 1

    @rule(items=st.lists(st.integers(-2, 50), max_size=6), there=BOTH)
    def submit(self, items: list[int], there: Callable[..., Any]) -> None:
        self.asked += [(item, there(self.run.submit, item)) for item in items]

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.asked))[1].cancel()

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def wait(self, data: st.DataObject) -> None:
        self.settle(*data.draw(st.sampled_from(self.asked)))

    @rule(items=st.lists(st.integers(0, 50), max_size=6), there=BOTH)
    def map(self, items: list[int], there: Callable[..., Any]) -> None:
        assert there(lambda: list(self.run.map(items))) == [item + 1 for item in items]

    @rule(there=BOTH)
    def drain(self, there: Callable[..., Any]) -> None:
        there(self.run.drain)
        assert all(future.done() for _, future in self.asked)

    @rule(clones=st.integers(1, 4), there=BOTH)
    def scale(self, clones: int, there: Callable[..., Any]) -> None:
        there(self.run.scale, "work", clones)

    @rule(clones=st.integers(1, 4), window=st.sampled_from([1, 3, 64]), there=BOTH)
    def start_another(self, clones: int, window: int, there: Callable[..., Any]) -> None:
        there(self.run.stop)
        with pytest.raises(Stopped):
            self.run.submit(1)
        for item, future in self.asked:
            self.settle(item, future, Stopped)
        self.asked.clear()
        self.start(clones, window)

    def settle(self, item: int, future: Any, *also: type[BaseException]) -> None:
        """The future has the item's own result, whatever became of all others."""
        if future.cancelled() or isinstance(error := future.exception(10), also):
            return
        assert str(error) == f"no {item}" if item < 0 else future.result() == item + 1

    def teardown(self) -> None:
        with self.run:
            pass
        for item, future in self.asked:
            self.settle(item, future)


TestStream = pytest.mark.timeout(300)(Stream.TestCase)
TestRequests = pytest.mark.timeout(300)(Requests.TestCase)
TestStream.settings = TestRequests.settings = FEW
