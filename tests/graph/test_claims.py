"""What a cell says of itself, and is not so, is found before anything runs."""

import pytest

import torchpipe as tp
from tests.graph.made import Inner, findings, made, one
from torchpipe import HOLE


class Even(tp.Cell):
    def forward(self, x: int) -> int:
        return tp.HOLE if x % 2 else x


class EvenByName(tp.Cell):
    def forward(self, x: int) -> int:
        return HOLE if x % 2 else x


class EvenBatch(tp.Cell):
    batching = tp.Batching(2)

    def forward(self, x: int) -> int:
        return x

    def forward_batch(self, items):
        return [tp.HOLE for _ in items]


@tp.cell
def even(x):
    return tp.HOLE if x % 2 else x


@pytest.mark.parametrize("cell", [Even(), EvenByName(), EvenBatch(), tp.ScaleUp(Even())])
def test_a_cell_that_returns_holes_says_so(cell):
    assert findings(made(lambda self, x: self.a(x), a=cell)) == [
        "a returns HOLE but `filters` is False. Write `filters = True` in its class."
    ]


def test_a_cell_within_another_that_returns_holes_says_so():
    assert findings(made(lambda self, x: self.a(x), a=tp.ScaleUp(Inner(Even())))) == [
        "a.cell returns HOLE but `filters` is False. Write `filters = True` in its class."
    ]


def test_a_function_that_returns_holes_says_so():
    assert findings(made(lambda self, x: even(x))) == [
        "even returns HOLE but `filters` is False. Write tp.cell(..., filters=True)."
    ]


def test_a_hole_of_somebody_else_is_none():
    class Wood(tp.Cell):
        HOLE = 3

        def forward(self, x):
            return self.HOLE

    assert findings(made(lambda self, x: self.a(x), a=Wood())) == []


def test_cells_that_filter_may_return_holes():
    class Odd(Even):
        filters = True

    filtering = tp.cell(even.function, filters=True)
    assert findings(made(lambda self, x: filtering(self.a(x)), a=Odd())) == []
    assert findings(made(lambda self, x: self.a(x), a=tp.Filter(bool))) == []


class Later(tp.Cell):
    async def forward(self, x):
        return x


class LaterOnes(tp.Cell):
    async def forward(self, x):
        yield x


@pytest.mark.parametrize("cell", [Later(), LaterOnes(), tp.ScaleUp(Later())])
def test_forward_is_not_async(cell):
    assert findings(made(lambda self, x: self.a(x), a=cell)) == [
        "a.forward is async, so a call gives no result. Write a plain function; waiting in "
        "threads is what clones are for."
    ]


@pytest.mark.parametrize("scaled", [lambda cell: cell, tp.ScaleUp])
def test_batching_is_no_number(scaled):
    cell = tp.cell(one)
    cell.batching = 4
    assert findings(made(lambda self, x: self.a(x), a=scaled(cell))) == [
        "a cannot have batching=4: it says how many items a call takes, and how long it waits for "
        "them. Write batching = tp.Batching(max_size=16)."
    ]
