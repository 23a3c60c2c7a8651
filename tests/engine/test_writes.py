"""A cell that says that it writes into its arguments gets copies of them, wherever it runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import torchpipe as tp


class Adds(tp.Cell):
    writes = True

    def forward(self, value: Any, *, by: Any) -> Any:
        value += by
        return value


class AddsInBatches(Adds):
    batching = tp.Batching(4)

    def forward_batch(self, items: list[tuple[Any, ...]]) -> list[Any]:
        return [self.forward(value, by=by) for value, by in items]


class AddsOften(Adds):
    def forward(self, value: Any, *, by: Any) -> Iterator[Any]:
        value += by
        yield value


class Pair(tp.Pipeline):
    def __init__(self, cell: tp.Cell, clones: Any = None):
        super().__init__()
        self.add = tp.ScaleUp(cell, clones) if clones else cell

    def build(self, value: Any, by: Any) -> Any:
        return self.add(value, by=by)


@pytest.mark.parametrize("clones", [None, 2])
@pytest.mark.parametrize("cell", [Adds, AddsInBatches])
@pytest.mark.parametrize("make", [torch.zeros, np.zeros])
def test_arguments_of_a_cell_that_writes_are_its_own(make, cell, clones):
    given, one = [make(3) for _ in range(20)], make(3) + 1
    with Pair(cell(), clones).run() as run:
        for result in run.map((value, one) for value in given):
            assert result.tolist() == [1.0] * 3
    assert all(value.tolist() == [0.0] * 3 for value in given)
    assert one.tolist() == [1.0] * 3


@pytest.mark.parametrize("clones", [None, 2])
def test_arguments_of_a_cell_that_writes_and_yields_are_its_own(clones):
    given = [np.zeros(3) for _ in range(5)]
    with Pair(AddsOften(), clones).run() as run:
        assert [result.tolist() for result in run.map((value, 2) for value in given)] == [
            [2.0] * 3
        ] * 5
    assert all(value.tolist() == [0.0] * 3 for value in given)


def test_without_the_declaration_arguments_are_shared():
    class Shares(Adds):
        writes = False

    value = np.zeros(3)
    with Pair(Shares()).run() as run:
        assert run(value, 1) is value
