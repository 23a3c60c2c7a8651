"""Cases 2, 3, 8 and 9: skips, joins, batches, filters, feedback, errors, and few items."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import torchpipe as tp
from tests.engine.made import Made, happens, line
from tests.steps import mix
from tests.stress import made
from tests.stress.figures import Figures
from tests.stress.kinds import Kind, each

pytestmark = [pytest.mark.stress, pytest.mark.timeout(300)]

WINDOWS = pytest.mark.parametrize("window", [1, 2])


class Branch(tp.Pipeline):
    """A filter between two cells, and a skip edge around it: all of it is scaled up."""

    def __init__(self) -> None:
        self.first, self.odd, self.join = made.Mix(), made.Odd(), made.Join()

    def build(self, x: int) -> Any:
        first = self.first(x)
        return self.join(self.odd(first), x)


def branch(x: int) -> Any:
    return mix(mix(x), x) if mix(x) % 2 else tp.HOLE


# -- case 2: a skip edge, a batching cell and a filter inside a scaled branch, window 1


@each
@WINDOWS
def test_02_skips_batches_and_filters_around_scaled_branches_stay_aligned(
    kind: Kind, window: int, figures: Figures
):
    def build(self: Any) -> Any:
        x = self.source()
        return x, self.last(self.branch(self.batched(x)), x)

    pipeline = Made(
        build,
        source=made.Numbers(300),
        batched=tp.ScaleUp(made.Together(), kind(2)),
        branch=tp.ScaleUp(Branch(), kind(3)),
        last=made.Join(),
    )
    made_of = {x: branch(mix(x, 3)) for x in range(300)}
    wanted = [(x, mix(value, x)) for x, value in made_of.items() if value is not tp.HOLE]
    with pipeline.run(window=window) as run:
        for _ in range(2):
            figures.equal(wanted, run)


# -- case 3: an exception while the stage before is blocked on a full window


def no_seven() -> None:
    raise ValueError("no 7")


@each
@WINDOWS
def test_03_an_error_behind_a_full_window_stops_all_and_the_position_is_right(
    kind: Kind, window: int, figures: Figures
):
    source = made.Numbers(30, told=7)
    cell = made.Ends(7, no_seven)
    pipeline = line(source=source, cell=tp.ScaleUp(cell, kind(2)), total=made.Total())
    given: list[Any] = []
    run = pipeline.run(window=window)
    results = iter(run)
    given += [next(results) for _ in range(8 - window)]
    happens(source.given)  # item 7 has its credit: the window is full, the source waits
    with pytest.raises(ValueError, match="no 7"):
        given.extend(figures.watch(results))
    figures.faults += 1
    assert run.position == (0, 7, 7)
    total = made.Total()
    total.reset()
    figures.compare([total.forward(x) for x in range(7)], given)


@each
def test_03_a_run_goes_on_behind_the_item_that_failed(kind: Kind, figures: Figures):
    cell = tp.ScaleUp(made.Ends(7, no_seven), kind(2))
    pipeline, given = line(source=made.Numbers(30), cell=cell), []
    run = pipeline.run(window=2)
    given += [run.pull() for _ in range(7)]
    with pytest.raises(ValueError, match="no 7"):
        run.pull()
    figures.faults += 1
    with pipeline.run() as again:
        again.seek(0, run.position.item + 1)
        given.extend(figures.watch(again))
    figures.compare([x for x in range(30) if x != 7], given)


# -- case 8: fewer items than clones, an empty epoch, a partial batch, many epochs with warm clones

LENGTHS = [1, 0, 2, 7, 0, 0, 3, 64, 5, 1] * 10


class Epochs(tp.Cell):
    """Gives another number of items in each epoch."""

    stateful = True

    def setup(self, clone: tp.Clone) -> None:
        self.epoch = -1

    def reset(self) -> None:
        self.epoch += 1

    def forward(self) -> Iterator[int]:
        for number in range(LENGTHS[self.epoch]):
            yield 100 * self.epoch + number


@each
@WINDOWS
def test_08_few_items_empty_epochs_and_partial_batches_in_warm_clones(
    kind: Kind, window: int, figures: Figures
):
    pipeline = line(
        source=Epochs(),
        mix=tp.ScaleUp(made.Mix(), kind(4)),
        batch=tp.Batch(4),
        sum=tp.ScaleUp(tp.cell(sum), kind(2)),
    )
    with pipeline.run(window=window) as run:
        for epoch, length in enumerate(LENGTHS):
            items = [mix(100 * epoch + number) for number in range(length)]
            figures.equal([sum(items[at : at + 4]) for at in range(0, length, 4)], run)


# -- case 9: feedback around a scaled cell, nested loops, a frame without a detection


class Loop(tp.Pipeline):
    """What it gave for the item before goes in with the next, through a loop of its own within."""

    def __init__(self, inner: tp.Cell, cell: tp.Cell):
        self.last, self.inner, self.cell = tp.Feedback(5), inner, cell

    def build(self, x: int) -> Any:
        result = self.cell(self.inner(x), self.last())
        self.last.connect(result)
        return result


@each
@WINDOWS
def test_09_nested_loops_around_scaled_cells_and_frames_without_a_detection(
    kind: Kind, window: int, figures: Figures
):
    scaled = tp.ScaleUp(made.Join(), kind(2))
    loop = Loop(Loop(made.Mix(), tp.ScaleUp(made.Join(), kind(2))), scaled)
    detect = tp.ScaleUp(made.Detect(), kind(3))
    pipeline = line(source=made.Numbers(200), detect=detect, loop=loop, last=made.Mix())
    with pipeline.run(window=window) as run:
        for _ in range(2):
            figures.equal(looped(200), run)


def looped(count: int) -> Iterator[int]:
    inner = outer = 5
    for frame in range(count):
        if frame % 3:
            inner = mix(mix(mix(frame)), inner)
            outer = mix(inner, outer)
            yield mix(outer)
