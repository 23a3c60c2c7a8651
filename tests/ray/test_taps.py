"""Taps of clones in other processes: what comes back is seen here, shared memory included."""

from __future__ import annotations

import pytest

import torchpipe as tp
from tests.ray.test_stages import CLONE, SIZE, MakeArray, MakeBoth, Mean, TwoStages

pytestmark = pytest.mark.usefixtures("cluster")


class Sum(tp.Cell):
    def forward(self, array, value: int) -> float:
        return float(array[0]) + value


def test_what_one_process_makes_for_another_is_seen():
    with TwoStages(MakeArray(), Mean(), [CLONE]).run() as run:
        seen = [
            run.tap("first", lambda array: (array.shape, float(array[-1]))),
            run.tap("second", float),
        ]
        assert list(run.map([7, 7])) == [7.0, 7.0]
        assert [tapped.result(10) for tapped in seen] == [((SIZE,), 7.0), 7.0]


def test_several_outputs_are_seen_as_a_tuple_and_holes_are_not():
    class Both(tp.Pipeline):
        def __init__(self):
            self.both = tp.ScaleUp(MakeBoth(), [CLONE])
            self.sum = tp.ScaleUp(Sum(), [CLONE])

        def build(self, value: int) -> float:
            array, number = self.both(value)
            return self.sum(array, number)

    with Both().run() as run:
        tapped = run.tap("both", lambda both: (float(both[0][0]), both[1]))
        assert list(run.map([3, 4])) == [8.0]
        assert tapped.result(10) == (4.0, 4)
