"""Values between clones in other processes: they do not pass through this one."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import torchpipe as tp

pytestmark = pytest.mark.usefixtures("cluster")

CLONE = tp.RayClone(num_cpus=0.1)
SIZE = 2**18


class MakeArray(tp.Cell):
    def forward(self, value: int) -> np.ndarray:
        return np.full(SIZE, value, np.float32)


class Pair(NamedTuple):
    array: np.ndarray
    value: int


class MakeBoth(tp.Cell):
    filters = True

    def forward(self, value: int) -> Pair:
        if value % 5 == 3:
            return tp.HOLE
        return Pair(np.full(SIZE, value, np.float32), value)


class Mean(tp.Cell):
    def forward(self, array: np.ndarray) -> float:
        return float(array.sum(dtype=np.float64)) / SIZE


class Running(tp.Cell):
    stateful = True

    def reset(self) -> None:
        self.total = 0.0

    def forward(self, array: np.ndarray) -> float:
        self.total += float(array[0])
        return self.total


class TwoStages(tp.Pipeline):
    def __init__(self, first: tp.Cell, second: tp.Cell, *clones: Any):
        self.first = tp.ScaleUp(first, clones[0])
        self.second = tp.ScaleUp(second, clones[-1])

    def build(self, value: int) -> Any:
        return self.second(self.first(value))


class Shared(tp.Pipeline):
    """The value between is a result, too."""

    def __init__(self, clones: Any):
        self.first = tp.ScaleUp(MakeBoth(), clones)
        self.second = tp.ScaleUp(Mean(), clones)

    def build(self, value: int) -> Any:
        made = self.first(value)
        return made.array, made.value, self.second(made.array)


def test_a_value_between_two_stages_does_not_pass_through_this_process():
    with TwoStages(MakeArray(), Mean(), [CLONE] * 2).run() as run:
        assert list(run.map(range(60))) == list(range(60))
        payload = 60 * SIZE * 4
        clones = [each for each in run.statistics() if each.scaled]
        assert sum(each.items for each in clones) == 120
        assert sum(each.sent + each.received for each in clones) < payload / 100


def test_a_value_that_is_needed_here_comes_here():
    with Shared([CLONE]).run() as run:
        for array, value, mean in run.map(range(30)):
            assert array.shape == (SIZE,)
            assert set(array.tolist()) == {value}
            assert mean == value
            assert value % 5 != 3


@pytest.mark.parametrize("second", [[tp.ThreadClone()], [CLONE, tp.ThreadClone()]])
def test_threads_read_it_as_well(second):
    with TwoStages(MakeArray(), Mean(), [CLONE, tp.ThreadClone()], second).run() as run:
        assert list(run.map(range(60))) == list(range(60))
        run.scale("second", [tp.ThreadClone()])
        assert list(run.map(range(60))) == list(range(60))


def test_a_stateful_clone_reads_it_in_order():
    with TwoStages(MakeArray(), Running(), [CLONE] * 2, [CLONE]).run() as run:
        assert list(run.map(range(60))) == [sum(range(n + 1)) for n in range(60)]


class One(tp.Pipeline):
    def __init__(self, cell: tp.Cell):
        self.cell = tp.ScaleUp(cell, [CLONE])

    def build(self, value: Any) -> Any:
        return self.cell(value)


def test_results_that_are_kept_stay_as_they_are():
    with One(MakeArray()).run() as run:
        kept = list(run.map(range(600)))  # more than the segments hold
    assert [array[0] for array in kept] == list(range(600))
    assert all((array == array[0]).all() for array in kept)
    kept[0] += 1  # they are their reader's own
    assert kept[1][0] == 1


class Keeps(tp.Cell):
    """Keeps its arguments, and gives the one of three items ago."""

    stateful = True

    def reset(self) -> None:
        self.kept: list[np.ndarray] = []

    def forward(self, array: np.ndarray) -> np.ndarray:
        self.kept.append(array)
        return self.kept[max(0, len(self.kept) - 4)]


def test_arguments_that_a_cell_keeps_stay_as_they_are():
    with One(Keeps()).run() as run:
        arrays = (np.full(SIZE, number, np.float32) for number in range(300))
        given = [(array[0], array[-1]) for array in run.map(arrays)]
    assert given == [(max(0, number - 3),) * 2 for number in range(300)]


class Writes(tp.Cell):
    def __init__(self, *, writes: bool):
        self.writes = writes

    def forward(self, array: np.ndarray) -> np.ndarray:
        array += 1
        return array


def test_a_cell_that_writes_into_its_arguments_says_so():
    array = np.zeros(SIZE, np.float32)
    with One(Writes(writes=True)).run() as run:
        assert (run(array) == 1).all()
    with One(Writes(writes=False)).run() as run, pytest.raises(ValueError, match="read-only"):
        run(array)
    assert (array == 0).all()
