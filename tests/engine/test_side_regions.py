"""Cells that yield beside the way to the results: their items, their errors, their end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import torchpipe as tp
from tests.engine.made import Add, Divide, Fails, Made, Odd, Parts, Pass, Total, line, notes, scaled
from torchpipe.errors import Stopped
from torchpipe.testing import Gate


def some(cell: tp.Cell, clones: int | None) -> tp.Cell:
    return cell if clones is None else scaled(cell, clones)


def beside(main: int | None, side: int | None, **cells: tp.Cell) -> Made:
    """A batch beside the way, and clones on either way."""

    def build(self):
        x = self.add(self.source())
        self.seen(self.work(self.batch(x)))
        return x

    made = {
        "source": tp.Source(range(7)),
        "add": some(Add(), main),
        "batch": tp.Batch(3),
        "work": some(tp.cell(sum), side),
        "seen": tp.Collect(),
    }
    return Made(build, **(made | cells))


BOTH = pytest.mark.parametrize(("main", "side"), [(None, None), (2, None), (None, 2), (2, 3)])


@BOTH
@pytest.mark.parametrize("window", [1, 2, 64])
def test_everything_arrives_on_both_ways_in_every_epoch(main, side, window):
    pipeline = beside(main, side)
    with pipeline.run(window=window) as run:
        for _ in range(4):
            assert list(run) == [1, 2, 3, 4, 5, 6, 7]
            assert pipeline.seen.items == [6, 15, 7]  # all of it, when the epoch ends


@BOTH
def test_an_error_beside_the_way_reaches_the_consumer(main, side):
    pipeline = beside(main, side, work=some(Fails([4, 5, 6]), side), source=tp.Source(range(500)))
    with pytest.raises(ValueError, match="no ") as caught, pipeline.run(window=2) as run:
        list(run)
    assert notes(caught.value)[0].endswith("on cpu), item 1")
    with pytest.raises(Stopped):
        run.pull()


@BOTH
def test_an_error_beside_the_way_in_the_last_batch_reaches_the_consumer(main, side):
    pipeline = beside(main, side, work=some(Fails([7]), side))
    with pytest.raises(ValueError, match="no ") as caught, pipeline.run() as run:
        list(run)
    assert "in cell 'work' (clone " in notes(caught.value)[0]


@BOTH
def test_an_error_beside_the_way_after_the_clones_reaches_the_consumer(main, side):
    pipeline = beside(main, side, seen=Fails(15))
    with pytest.raises(ValueError, match="no 15") as caught, pipeline.run(window=1) as run:
        list(run)
    assert notes(caught.value) == ["in cell 'seen' (clone 0 on cpu), item 1"]


@BOTH
def test_an_error_on_the_way_ends_both(main, side):
    pipeline = beside(main, side, add=some(Fails(5), main))
    with pytest.raises(ValueError, match="no 5"), pipeline.run(window=1) as run:
        list(run)


@BOTH
def test_the_cell_that_starts_it_fails(main, side):
    class Bad(tp.Cell):
        def forward(self, x) -> Iterator[list]:
            yield [x]
            if x == 3:
                raise ValueError("no 3")

    pipeline = beside(main, side, batch=Bad())
    with pytest.raises(ValueError, match="no 3") as caught, pipeline.run() as run:
        list(run)
    assert notes(caught.value) == ["in cell 'batch' (clone 0 on cpu), item 2"]


@BOTH
def test_the_flush_of_the_cell_that_starts_it_fails(main, side):
    class Bad(tp.Batch):
        def flush(self):
            raise ValueError("no flush")

    pipeline = beside(main, side, batch=Bad(3))
    with pytest.raises(ValueError, match="no flush") as caught, pipeline.run() as run:
        list(run)
    assert notes(caught.value) == ["in the flush of cell 'batch', at the end of the stream"]


@BOTH
def test_submitted_items_go_both_ways(main, side):
    def build(self, x):
        y = self.add(x)
        self.seen(self.work(self.batch(y)))
        return y

    cells = {"add": some(Add(), main), "batch": tp.Batch(3), "work": some(tp.cell(sum), side)}
    pipeline = Made(build, **cells, seen=tp.Collect())
    with pipeline.run(window=2) as run:
        assert list(run.map(range(4))) == [1, 2, 3, 4]
        run.drain()
        assert pipeline.seen.items == [6, 4]
        assert run(7) == 8
    assert pipeline.seen.items == [6, 4, 8]


@pytest.mark.parametrize("main", [None, 2])
def test_an_error_beside_the_way_of_submitted_items_is_not_lost(main):
    """It ends the run: whoever waits gets it, and so does the end of the block."""

    def build(self, x):
        y = self.add(x)
        self.work(self.batch(y))
        return y

    cells = {"add": some(Add(), main), "batch": tp.Batch(2), "work": scaled(Fails([1, 2]))}

    def everything():
        with Made(build, **cells).run() as run:
            for x in range(4):
                run.submit(x)

    with pytest.raises(ValueError, match=r"no \[1, 2\]"):
        everything()


def test_an_error_beside_the_way_that_was_raised_already_is_not_noted_on_itself():
    gate = Gate()

    def build(self, x):
        y = self.gate(x)
        self.work(self.batch(x))
        return y

    cells = {"gate": scaled(gate, 1), "batch": tp.Batch(2), "work": scaled(Fails([1, 2]), 1)}

    def everything():
        with Made(build, **cells).run() as run:
            futures = [run.submit(x) for x in (1, 2, 3)]
            gate.open(1, 2)
            try:
                futures[2].result(10)
            finally:
                gate.open()

    with pytest.raises(ValueError, match=r"no \[1, 2\]") as caught:
        everything()
    assert len(notes(caught.value)) == 1


def test_a_region_beside_the_way_beside_another():
    seen, inner = tp.Collect(), tp.Collect()

    def build(self):
        x = self.source()
        pairs = self.pairs(x)
        self.inner(self.sum(self.again(self.add(self.spread(pairs)))))
        self.seen(pairs)
        return x

    pipeline = Made(
        build,
        source=tp.Source(range(5)),
        pairs=tp.Batch(2),
        spread=tp.Unbatch(),
        add=scaled(Add()),
        again=tp.Batch(3),
        sum=scaled(sum),
        seen=seen,
        inner=inner,
    )
    for window in (1, 64):
        with pipeline.run(window=window) as run:
            for _ in range(3):
                assert list(run) == [0, 1, 2, 3, 4]
                assert seen.items == [[0, 1], [2, 3], [4]]
                assert inner.items == [6, 9]


def test_several_regions_beside_one_way():
    one, two = tp.Collect(), tp.Collect()

    def build(self):
        x = self.source()
        self.one(self.sum(self.pairs(x)))
        self.two(self.last(self.spread(x)))
        return self.way(x)

    pipeline = Made(
        build,
        source=tp.Source(range(4)),
        pairs=tp.Batch(2),
        sum=scaled(sum),
        one=one,
        spread=tp.Unbatch(lambda x: [x] * x),
        last=Total(),
        two=two,
        way=tp.Batch(3),
    )
    with pipeline.run(window=1) as run:
        for _ in range(2):
            assert list(run) == [[0, 1, 2], [3]]
            assert one.items == [1, 5]
            assert two.items == [1, 3, 5, 8, 11, 14]


@pytest.mark.parametrize("side", [None, 2])
def test_several_outputs_beside_the_way(side):
    seen = tp.Collect()

    def pairs(x: int) -> Iterator[Parts]:
        yield Parts(x, -x)

    pairs.__annotations__["return"] = Iterator[Parts]

    class Flushes(tp.Cell):
        def forward(self, x: int) -> Iterator[Parts]:
            yield Parts(x, -x)

        def flush(self):
            yield Parts(100, 200)

    def build(self):
        x = self.source()
        parts = self.pairs(x)
        self.seen(self.both(parts.half, parts.rest))
        return x

    both = some(tp.cell(lambda a, b: (a, b)), side)
    with Made(build, source=tp.Source([1, 2]), pairs=Flushes(), both=both, seen=seen).run() as run:
        assert list(run) == [1, 2]
    assert seen.items == [(1, -1), (2, -2), (100, 200)]


@pytest.mark.parametrize("main", [None, 2])
def test_holes_do_not_start_anything(main):
    seen = tp.Collect()

    def build(self):
        x = self.source()
        self.seen(self.batch(self.odd(x)))
        return self.way(self.odd_2(x))

    cells = {"odd": some(Odd(), main), "odd_2": some(Odd(), main), "batch": tp.Batch(2)}
    way = tp.Unbatch(lambda x: [x, x])
    with Made(build, source=tp.Source(range(8)), **cells, seen=seen, way=way).run() as run:
        assert list(run) == [1, 1, 3, 3, 5, 5, 7, 7]
    assert seen.items == [[1, 3], [5, 7]]


def test_a_slow_region_beside_the_way_holds_the_way_back():
    gate, read = Gate(sum), []

    def source():
        for x in range(50):
            read.append(x)
            yield x

    def build(self):
        x = self.source()
        self.last(self.gate(self.spread(x)))
        return x

    cells = {"spread": tp.Unbatch(lambda x: [[x]]), "gate": scaled(gate, 1), "last": Pass()}
    with Made(build, source=tp.cell(source), **cells).run(window=2) as run:
        results = iter(run)
        assert [next(results), next(results)] == [0, 1]
        gate.wait_until_inside(0)
        assert len(read) == 2
        gate.open()
        assert list(results) == list(range(2, 50))


def test_nobody_needs_the_results():
    seen = tp.Collect()

    def build(self):
        self.seen(self.add(self.batch(self.source())))

    cells = {"batch": tp.Batch(2), "add": scaled(sum), "seen": seen}
    with Made(build, source=tp.Source(range(4)), **cells).run() as run:
        list(run)
    assert seen.items == [1, 5]


def test_sinks_only_with_several_outputs():
    seen = tp.Collect()

    def build(self):
        parts = self.divide(self.source())
        self.seen(self.both(parts.half, parts.rest))

    cells = {"divide": scaled(Divide()), "both": scaled(lambda a, b: (a, b)), "seen": seen}
    with Made(build, source=tp.Source([5, 6]), **cells).run() as run:
        assert list(run) == [None, None]
    assert seen.items == [(2, 1), (3, 0)]


def test_leaving_early_tears_the_side_down_too():
    torn = []

    class Last(Pass):
        def teardown(self):
            torn.append(1)

    pipeline = beside(2, 2, seen=Last())
    with pipeline.run(window=1) as run:
        next(iter(run))
    assert torn == [1]


def test_a_line_of_regions():
    cells = {}
    for number in range(4):
        cells |= {f"batch{number}": tp.Batch(2), f"work{number}": scaled(lambda x: x)}
    with line(source=tp.Source(range(9)), **cells).run(window=1) as run:
        four = [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]
        assert list(run) == list(run) == [[four, [[[8]]]]]
