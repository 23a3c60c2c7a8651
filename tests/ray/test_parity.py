"""Parameters, resets, seeds, state and statistics: the same on threads, on Ray and on mixtures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

import torchpipe as tp
from tests.engine.test_seeds import expected
from tests.ray.made import Function, Line, Scale, Seeded
from tests.ray.test_clones import each_kind

pytestmark = pytest.mark.usefixtures("cluster")


class Both(tp.Pipeline):
    """Two cells after each other; scaled up as a whole."""

    def __init__(self, one: tp.Cell, two: tp.Cell):
        self.one, self.two = one, two

    def build(self, value: Any) -> Any:
        return self.two(self.one(value))


class Named(tp.Cell):
    """A config that it tries to change."""

    name = tp.Config("none", choices=("none", "a"))

    def forward(self, value: int) -> str:
        self.name = "a"
        return self.name


class Calls(tp.Cell):
    """Tells how often it was set up, reset and finished, and its live parameter."""

    factor = tp.Parameter(2)

    def setup(self, clone: tp.Clone) -> None:
        self.counts = [1, 0, 0]

    def reset(self) -> None:
        self.counts[1] += 1

    def finish(self) -> None:
        self.counts[2] += 1

    def forward(self, value: int) -> tuple[int, ...]:
        return (*self.counts, self.factor)


class FailsToReset(tp.Cell):
    """Cannot begin its second epoch."""

    resets = 0

    def reset(self) -> None:
        self.resets += 1
        if self.resets == 2:
            raise OSError("no second time")

    def forward(self, value: int) -> int:
        return value


class Twice(tp.Cell):
    def forward(self, value: int) -> Iterator[int]:
        yield self.seed
        yield self.seed


class Keeps(tp.Cell):
    """Adds up all values of all epochs."""

    stateful = True

    def setup(self, clone: tp.Clone) -> None:
        self.total = 0

    def forward(self, value: int) -> int:
        self.total += value
        return self.total


# -- parameters and configs


@each_kind
def test_parameters_of_cells_within_are_live(clones):
    pipeline = Function(Both(Scale(), Scale()), clones)
    with pipeline.run() as run:
        given = [run(1)]
        run.set("cell.one.factor", 3)
        given.append(run(1))
        run.set("cell.two.factor", 5)
        given.append(run(1))
        pipeline.cell.cell.one.factor = 7  # the definition sets it, too
        given.append(run(1))
    assert given == [4, 6, 15, 35]


@each_kind
def test_each_clone_has_its_config(clones):
    clones = [replace(clone, config={"offset": 100 * n}) for n, clone in enumerate(clones)]
    with Line(Scale(), clones, 50).run() as run:
        for number, value in enumerate(run):
            assert value in (2 * number, 2 * number + 100)
    with Line(Scale(), clones[1:]).run() as run:
        assert list(run) == [2 * number + 100 for number in range(20)]


@each_kind
def test_a_config_cannot_be_set_while_it_runs(clones):
    with Function(Named(), clones).run() as run, pytest.raises(tp.errors.ParameterError) as caught:
        run(1)
    assert str(caught.value) == (
        "cannot set cell.name to 'a': it is a Config, fixed while the pipeline runs. Set it before "
        "`run()`, or declare it as tp.Parameter."
    )


# -- reset and finish


@each_kind
def test_reset_begins_and_finish_ends_every_epoch(clones):
    with Line(Calls(), clones, 30).run() as run:
        for epoch in range(3):
            assert set(run) == {(1, epoch + 1, epoch, 2)}


@each_kind
def test_a_new_clone_has_the_parameters_and_is_reset(clones):
    with Line(Calls(), 1).run() as run:
        list(run)
        run.set("cell.factor", 9)
        run.scale("cell", clones)
        assert set(run) <= {(1, 2, 0, 9), (1, 2, 1, 9)}


@each_kind
def test_an_error_in_reset_is_raised_with_a_note(clones):
    with Line(FailsToReset(), clones[:1]).run() as run:
        assert list(run) == list(range(20))
        with pytest.raises(OSError, match="no second time") as caught:
            list(run)
    assert caught.value.__notes__[0].startswith("in the reset of cell 'cell' (")


# -- seeds


@each_kind
def test_seeds_are_made_of_seed_epoch_item_and_path(clones):
    with Line(Both(Scale(), Seeded()), clones, 9).run(seed=5) as run:
        for epoch in range(2):
            assert list(run) == [expected(5, epoch, item, "cell.two") for item in range(9)]


@each_kind
def test_the_seed_of_a_generator_is_that_of_the_item_that_it_takes(clones):
    with Line(Twice(), clones, 9).run(seed=5) as run:
        given = list(run)
    assert given == [expected(5, 0, item, "cell") for item in range(9) for _ in range(2)]


# -- state and statistics


@each_kind
def test_state_that_no_reset_drops_lasts_from_epoch_to_epoch(clones):
    with Line(Keeps(), clones[:1], 10).run() as run:
        assert [list(run)[-1] for _ in range(3)] == [45, 90, 135]


@each_kind
def test_statistics_count_all_epochs(clones):
    with Line(Scale(), clones, 100).run() as run:
        for epoch in range(1, 3):
            list(run)
            told = [clone for clone in run.statistics() if clone.scaled]
            assert [clone.path for clone in told] == ["cell", "cell"]
            assert [clone.clone for clone in told] == [
                str(replace(clone, index=index)) for index, clone in enumerate(clones)
            ]
            assert sum(clone.items for clone in told) == 100 * epoch
            assert sum(clone.busy for clone in told) > 0
