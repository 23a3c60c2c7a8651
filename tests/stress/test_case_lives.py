"""Cases 4 to 7: live scaling, saved runs, calls that never return, consumers that leave."""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import islice, permutations
from pathlib import Path
from typing import Any

import pytest

import torchpipe as tp
from tests.conftest import descriptors
from tests.engine.made import Pass, line, torchpipe_threads
from tests.engine.test_bounded import Counted
from tests.ray.conftest import hosts
from tests.stress import made
from tests.stress.figures import Figures
from tests.stress.kinds import Kind, each, mixed, name_of, processes, threads
from tests.stress.rescaling import Rescaling
from torchpipe.engine.saving import cut
from torchpipe.testing.same import same

pytestmark = [pytest.mark.stress, pytest.mark.timeout(600)]

# -- case 4: slow head item, jitter, 10^5 items, live scaling


@each
@pytest.mark.parametrize("window", [7, 64])
def test_04_order_under_jitter_and_live_scaling(kind: Kind, window: int, figures: Figures):
    """How many calls run at once is counted where it can be seen: among threads."""
    count, alive, calls = 100_000, Counted(), Counted()

    def source():
        for x in range(count):
            alive.enter()
            yield x

    def last(x: int) -> int:
        alive.leave()
        return x

    work = made.Jitter() if kind is not threads else Watched(calls)
    cells = {"one": tp.ScaleUp(work, kind(4)), "mid": Pass(), "two": tp.ScaleUp(made.Mix(), 2)}
    pipeline = line(source=tp.cell(source), **cells, last=tp.cell(last))
    with pipeline.run(window=window) as run, Rescaling(run, kind, "one", most=4) as scaling:
        for expected, result in enumerate(figures.watch(run)):
            assert result == made.mix(expected)
    figures.faults += scaling.changes
    figures.compare([count], [figures.items])
    assert scaling.changes > 3
    assert alive.most <= window
    assert calls.most <= 8  # four that stay, and as many that finish their item


class Watched(made.Jitter):
    """Counts the calls inside; copies share the count."""

    def __init__(self, calls: Counted):
        self.calls = calls

    def __deepcopy__(self, memo: dict[int, Any]) -> Watched:
        return Watched(self.calls)

    def forward(self, x: int) -> int:
        with self.calls:
            return super().forward(x)


# -- case 5: save at every item, resume on other clones, twice in a row, at the end of an epoch

LENGTH = 8
ORDERS = list(permutations([threads, processes, mixed]))


def saved(kind: Kind) -> tp.Pipeline:
    """A stateful cell in a clone of its own, which runs ahead; and one in the consumer's thread."""
    own = tp.ScaleUp(made.Total(), kind(1))
    mix = tp.ScaleUp(made.Mix(), kind(3))
    return line(source=made.Numbers(LENGTH), mix=mix, own=own, total=made.Total())


@pytest.mark.ray
@pytest.mark.parametrize("order", ORDERS, ids=lambda order: " to ".join(map(name_of, order)))
def test_05_a_run_saved_at_every_item_goes_on_twice_on_other_clones(
    cluster: None,
    order: tuple[Kind, ...],
    figures: Figures,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(cut, "SHARE", 0)
    one, two, three = (saved(kind).run(window=2, seed=3) for kind in order)
    with one, two, three:
        epochs = [list(one) for _ in range(3)]
        for epoch in range(2):
            for item in range(LENGTH + 1):
                one.seek(epoch)
                head = list(islice(figures.watch(one), item))
                goes_over(one, two, tmp_path / "first")
                head += islice(figures.watch(two), (LENGTH - item) // 2)
                goes_over(two, three, tmp_path / "second")
                figures.compare(epochs[epoch], [*head, *figures.watch(three)])
                figures.equal(epochs[epoch + 1], three)
                figures.faults += 2


def goes_over(run: tp.Run, other: tp.Run, file: Path) -> None:
    """Save one run, and let another go on: what their cells remember is the same to the bit."""
    run.save(file)
    other.load(file)
    assert other.position == run.position
    assert same(other.state_dict()["cells"], run.state_dict()["cells"])


# -- case 6: a call that never returns; a consumer that is away

STUCK = """
    import threading
    import torchpipe as tp
    from tests.engine.made import line
    from tests.stress.kinds import {kind}
    from tests.stress.made import Mix, Numbers, Sticks, Told

    if __name__ == "__main__":
        told = Told({place!r})
        pipeline = line(source=Numbers(9), stuck=tp.ScaleUp(Sticks(told), {kind}(2)))
        run = pipeline.run(stop_after=0.5, stall_after=0.5)
        results = iter(run)
        told.wait()
        {end}
        print("the end")
"""


@each
@pytest.mark.parametrize("end", ["pass", "run.stop()", "del run, results"])
def test_06_a_call_that_never_returns_is_named_and_the_interpreter_exits(
    kind: Kind, end: str, figures: Figures, tmp_path: Path
):
    place = str(tmp_path / "inside")
    program = textwrap.dedent(STUCK.format(end=end, kind=kind.__name__, place=place))
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120
    )
    figures.faults += 1
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "the end"), done.stderr
    assert "cell 'stuck'" in done.stderr


@each
def test_06_a_consumer_that_is_away_trips_nothing(kind: Kind, figures: Figures):
    """A warning would be an error: the clock of the guard stands still while nobody waits."""
    pipeline = line(source=made.Numbers(100), mix=tp.ScaleUp(made.Mix(), kind(2)))
    with pipeline.run(window=4, stall_after=3.0) as run:
        given = list(islice(figures.watch(run), 50))
        threading.Event().wait(7.0)  # the consumer is away
        figures.compare([made.mix(x) for x in range(100)], [*given, *figures.watch(run)])


# -- case 7: the consumer breaks early, drops the iterator, or raises


def breaks(run: tp.Run) -> None:
    for _ in run:
        break


def drops(run: tp.Run) -> None:
    next(iter(run))


def raises(run: tp.Run) -> None:
    with suppress(ZeroDivisionError):
        for _ in run:
            raise ZeroDivisionError


ENDS = pytest.mark.parametrize("end", [breaks, drops, raises])


@each
@ENDS
def test_07_a_thousand_loops_that_are_left_leave_nothing(
    kind: Kind, end: Callable[[tp.Run], None], figures: Figures
):
    """In one run: each loop begins another epoch, whose first item is right."""
    pipeline = line(source=made.Numbers(1000), mix=tp.ScaleUp(made.Mix(), kind(2)))
    with pipeline.run(window=3) as run:
        before = held(run, end)
        for epoch in range(1, 1001):
            run.seek(epoch)
            end(run)
            figures.faults += 1
            figures.compare([made.mix(1)], [run.pull()])
        assert held(run, end) == before


def held(run: tp.Run, end: Callable[[tp.Run], None]) -> tuple[int, ...]:
    """How many threads, files, and processes there are, and how much shared memory."""
    run.seek(0)
    end(run)
    gc.collect()  # runs of the tests before, which hold shared memory until then
    memory = [to for to in descriptors().values() if "memfd" in to or "/dev/shm" in to]
    return len(torchpipe_threads()), len(descriptors()), len(hosts()), len(memory)


@each
@ENDS
def test_07_runs_that_are_left_leave_nothing(
    kind: Kind, end: Callable[[tp.Run], None], figures: Figures
):
    """A thousand with threads; ten where each starts processes."""
    before = shared_memory()
    for number in range(1000 if kind is threads else 10):
        pipeline = line(source=made.Numbers(1000), mix=tp.ScaleUp(made.Mix(), kind(2)))
        run = pipeline.run(window=3)
        end(run)
        if number % 2:
            run.stop()
        del run, pipeline
        figures.faults += 1
    for thread in threading.enumerate():
        if thread.name.startswith("torchpipe"):
            thread.join(10)
    gc.collect()  # a run with processes that is dropped without `stop` is a cycle
    assert torchpipe_threads() == []
    assert shared_memory() <= before
    assert hosts() == []


def shared_memory() -> set[str]:
    """What shared memory this process holds, by its descriptors."""
    return {fd for fd, to in descriptors().items() if "memfd:torchpipe" in to}
