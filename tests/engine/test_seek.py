"""Going on at another position: what comes from there on is what an unbroken run gives."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Iterator

import pytest

import torchpipe as tp
from tests.engine.made import Add, Background, Made, Odd, Total, happens, line, open_line, scaled
from torchpipe.engine.ring import Ring
from torchpipe.errors import RunError, Stopped
from torchpipe.testing import Gate

CLONES = [None, 1, 4]
LENGTH = 7


def some(cell: tp.Cell, clones: int | None) -> tp.Cell:
    return cell if clones is None else scaled(cell, clones)


class Seeded(tp.Cell):
    """Gives an item together with its seed."""

    def forward(self, x):
        return x, self.seed


class Slow(tp.Cell):
    """A source that cannot seek, with seeds of its own."""

    def forward(self) -> Iterator[tuple[int, int]]:
        for number in range(LENGTH):
            yield number, self.seed


class Calls(tp.Cell):
    """A source that cannot seek, and is called for each item."""

    def reset(self):
        self.number = -1

    def forward(self):
        self.number += 1
        if self.number == LENGTH:
            raise tp.EndOfStream
        return self.number, self.seed


class Jumps(tp.Cell):
    """A source that notes what it is told, and what it reads."""

    def __init__(self):
        self.told: list[tuple[int, int]] = []
        self.read: list[int] = []

    def reset(self):
        self.first = 0

    def seek(self, epoch, item):
        self.told.append((epoch, item))
        self.first = item
        return True

    def forward(self) -> Iterator[int]:
        for number in range(self.first, LENGTH):
            self.read.append(number)
            yield number


SOURCES = [lambda: tp.Source(range(LENGTH)), Slow, Calls]


def unbroken(pipeline: tp.Pipeline, epochs: int = 3) -> list[list[object]]:
    with pipeline.run(seed=5) as run:
        return [list(run) for _ in range(epochs)]


@pytest.mark.parametrize("clones", CLONES)
@pytest.mark.parametrize("window", [1, 64])
@pytest.mark.parametrize("source", SOURCES)
def test_every_item_of_two_epochs(clones, window, source):
    pipeline = line(source=source(), seeded=some(Seeded(), clones), last=Seeded())
    epochs = unbroken(pipeline)
    for epoch in range(2):
        for item in range(LENGTH + 1):
            with pipeline.run(seed=5, window=window) as run:
                run.seek(epoch, item)
                assert run.position == (epoch, item, item)
                assert list(run) == epochs[epoch][item:]
                assert list(run) == epochs[epoch + 1]


@pytest.mark.parametrize("clones", CLONES)
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("taken", [0, 1, 3, LENGTH, LENGTH + 1])
def test_seek_wherever_the_run_is(clones, source, taken):
    pipeline = line(source=source(), seeded=some(Seeded(), clones), last=Seeded())
    epochs = unbroken(pipeline)
    with pipeline.run(seed=5, window=2) as run:
        for item in (5, 2, 0):
            list(itertools.islice(run, taken))
            run.seek(1, item)
            run.seek(1, item)
            assert run.epoch == 1
            assert list(run) == epochs[1][item:]
            assert list(run) == epochs[2]


def test_an_iterator_that_is_in_use_ends():
    with line(source=tp.Source(range(9)), add=scaled(Add())).run() as run:
        results = iter(run)
        assert next(results) == 1
        run.seek(0, 7)
        assert list(results) == []
        assert list(run) == [8, 9]


def test_a_source_that_seeks_is_told_where_and_reads_nothing_else():
    for clones in CLONES:
        jumps = Jumps()
        with line(source=jumps, add=some(Add(), clones)).run() as run:
            run.seek(2, 5)
            assert list(run) == [6, 7]
            assert list(run) == [1, 2, 3, 4, 5, 6, 7]  # it is told nothing here
        assert jumps.told == [(2, 5)]
        assert jumps.read == [5, 6, *range(LENGTH)]


@pytest.mark.parametrize("clones", CLONES)
def test_cells_forget_what_they_knew(clones):
    cells = {"add": some(Add(), clones), "total": Total()}
    with line(source=tp.Source(range(4)), **cells).run() as run:
        assert run.pull() == 1
        run.seek(0, 2)
        assert list(run) == [3, 7]


@pytest.mark.parametrize("clones", CLONES)
def test_cells_are_reset_once_and_finished_at_the_end_only(clones):
    calls = []

    class Notes(tp.Cell):
        stateful = True

        def reset(self):
            calls.append("reset")

        def forward(self, x):
            return x

        def finish(self):
            calls.append("finish")

    cells = {"add": some(Add(), clones), "notes": Notes()}
    with line(source=tp.Source(range(4)), **cells).run() as run:
        run.seek(0, 2)
        assert calls == ["reset"]  # that of the start
        run.pull()
        run.seek(0, 1)
        run.seek(0, 3)
        assert calls == ["reset"] * 2
        list(run)
    assert calls == ["reset"] * 2 + ["finish"]


@pytest.mark.parametrize("clones", CLONES)
@pytest.mark.parametrize("source", SOURCES)
def test_a_limit_counts_from_the_start_of_the_epoch(clones, source):
    pipeline = line(source=source(), add=some(tp.cell(lambda x: x), clones))
    for item in range(7):
        with pipeline.run(items=4) as run:
            whole = list(run)
            run.seek(1, item)
            assert len(list(run)) == max(0, 4 - item)
            assert len(list(run)) == len(whole) == 4


@pytest.mark.parametrize("clones", CLONES)
@pytest.mark.parametrize("source", SOURCES)
def test_beyond_the_end_there_is_nothing(clones, source):
    with line(source=source(), add=some(tp.cell(lambda x: x), clones)).run() as run:
        run.seek(0, 100)
        assert list(run) == []
        assert len(list(run)) == LENGTH


# -- numbers with steps


@pytest.mark.parametrize("clones", CLONES)
@pytest.mark.parametrize("world", [1, 2, 3])
def test_several_runs_share_the_data_and_the_seeds(clones, world):
    def pipeline():
        return line(source=tp.Source(range(11)), seeded=some(Seeded(), clones), last=Seeded())

    whole = unbroken(pipeline(), 2)
    for rank in range(world):
        with pipeline().run(seed=5) as run:
            for start in range(rank, 11):  # from any number on, another number of runs may share
                run.seek(1, start, step=world)
                for number, result in zip(range(start, 11, world), run, strict=True):
                    assert result == whole[1][number]
                    assert run.position == (1, number + world, number + world)


@pytest.mark.parametrize("clones", [None, 2])
def test_what_is_thrown_away_is_read_under_its_number(clones):
    seen = []

    class Source(tp.Cell):
        def forward(self):
            for index in range(4):
                seen.append(self.seed)
                yield index

    with line(source=Source(), add=some(Add(), clones)).run(seed=5) as run:
        run.seek(0, 1, step=2)  # items 0 and 2 are thrown away
        assert list(run) == [2, 4]
    assert seen == [dict(unbroken(line(source=Slow()))[0])[number] for number in range(4)]


def test_the_statistics_count_what_was_done():
    cells = {"add": scaled(Add()), "total": Total()}
    with line(source=tp.Source(range(10)), **cells).run() as run:
        run.seek(0, 8)
        list(run)
        run.seek(3, 4, step=2)
        list(run)
        found = {entry.path: entry.items for entry in run.statistics() if not entry.scaled}
    assert found == {"source": 2 + 3, "total": 2 + 3}


def test_the_number_of_an_item_is_in_errors():
    bad = tp.cell(lambda x: 1 // (x - 6))
    for clones in CLONES:
        with line(source=tp.Source(range(9)), bad=some(bad, clones)).run() as run:
            run.seek(0, 5)
            assert run.pull() == -1
            with pytest.raises(ZeroDivisionError) as caught:
                run.pull()
            (note,) = caught.value.__notes__
            assert re.fullmatch(r"in cell 'bad' \(clone \d on cpu\), item 6", note)


# -- positions


@pytest.mark.parametrize("clones", CLONES)
@pytest.mark.parametrize("window", [1, 64])
def test_the_position_after_every_result(clones, window):
    cells = {"odd": some(Odd(), clones), "same": some(tp.cell(lambda x: x), clones)}
    with line(source=tp.Source(range(6)), **cells).run(window=window) as run:
        assert run.position == (0, 0, 0)
        for epoch in range(2):
            for number in (1, 3, 5):
                assert run.pull() == number
                assert run.position == (epoch, number + 1, number + 1)
            assert list(run) == []
            assert run.position == (epoch + 1, 0, 0)


@pytest.mark.parametrize("before", [None, 2])
@pytest.mark.parametrize("after", [None, 2])
@pytest.mark.parametrize("window", [1, 64])
def test_the_position_says_which_item_of_the_source_comes_next(before, after, window):
    cells = {
        "before": some(Add(), before),
        "batch": tp.Batch(2),
        "after": some(tp.cell(list), after),
        "split": tp.Unbatch(),
        "last": some(tp.cell(lambda x: x), after),
    }
    with line(source=tp.Source(range(5)), **cells).run(window=window) as run:
        for epoch in range(2):
            places = []
            for _ in range(5):
                run.pull()
                places.append(run.position)
            assert places == [
                (epoch, 2, 1),
                (epoch, 2, 2),
                (epoch, 4, 3),
                (epoch, 4, 4),
                (epoch, 5, 5),
            ]
            assert list(run) == []


@pytest.mark.parametrize("clones", CLONES)
def test_seeking_the_position_where_it_is_changes_nothing(clones):
    cells = {"add": some(Seeded(), clones), "batch": tp.Batch(2), "last": some(Seeded(), clones)}
    pipeline = line(source=tp.Source(range(LENGTH)), **cells)
    whole = unbroken(pipeline)
    with pipeline.run(seed=5) as run:
        for epoch in range(2):
            found = []
            for _ in range(4):
                found.append(run.pull())
                run.seek(*run.position)
            assert found == whole[epoch]
            assert list(run) == []


# -- leaving an epoch in the middle


@pytest.mark.parametrize("first", [None, 2])
@pytest.mark.parametrize("second", [None, 2])
@pytest.mark.parametrize("third", [None, 2])
@pytest.mark.parametrize("window", [1, 2, 64])
def test_leaving_an_endless_stream_in_the_middle(first, second, third, window):
    closed = []

    def endless():
        try:
            yield from itertools.count()
        finally:
            closed.append(True)

    cells = {
        "first": some(Add(), first),
        "batch": tp.Batch(2),
        "second": some(tp.cell(list), second),
        "split": tp.Unbatch(lambda batch: itertools.chain(batch, itertools.repeat(0))),
        "third": some(tp.cell(lambda x: x), third),
    }
    with line(source=tp.cell(endless), **cells).run(window=window) as run:
        for epoch in range(3):
            assert list(itertools.islice(run, 4)) == [1, 2, 0, 0]
            run.seek(epoch + 1, 10)
            assert len(closed) == 2 * epoch + 1
            assert list(itertools.islice(run, 3)) == [11, 12, 0]
            run.seek(epoch + 1)
            assert len(closed) == 2 * epoch + 2


@pytest.mark.parametrize("clones", [None, 2])
@pytest.mark.parametrize("beside", [None, 2])
def test_regions_beside_the_way_are_empty_when_an_epoch_was_left(clones, beside):
    seen = tp.Collect()

    def build(self):
        x = self.add(self.source())
        self.seen(self.side(self.pairs(x)))
        return self.last(x)

    cells = {
        "source": tp.Source(range(100)),
        "add": some(Add(), clones),
        "pairs": tp.Batch(2),
        "side": some(tp.cell(sum), beside),
        "seen": seen,
        "last": some(Add(), clones),
    }
    with Made(build, **cells).run(window=4) as run:
        assert list(itertools.islice(run, 3)) == [2, 3, 4]
        run.seek(0, 95)
        assert list(run) == [97, 98, 99, 100, 101]
        assert seen.items == [96 + 97, 98 + 99, 100]


@pytest.fixture
def abandoned(monkeypatch):
    """Set when a ring was told that its epoch was left."""
    event, original = threading.Event(), Ring.abandon

    def abandon(self):
        original(self)
        event.set()

    monkeypatch.setattr(Ring, "abandon", abandon)
    return event


def test_no_cell_takes_what_was_left_behind(abandoned):
    gate, taken, finished = Gate(), [], []
    cells = {"gate": scaled(gate, 1), "next": scaled(tp.cell(taken.append), 1)}
    cells["last"] = tp.cell(finished.append)
    with line(source=tp.Source(range(50)), **cells).run(window=8) as run:
        gate.open(0)
        run.pull()
        gate.wait_until_inside(1)
        leaving = Background(run.seek, 0, 48)
        happens(abandoned)
        gate.open()
        leaving.result()
        list(run)
        assert taken == [0, 48, 49]
        assert finished == [None] * 3


def test_an_error_in_what_is_left_behind_ends_the_run(abandoned):
    gate = Gate()

    def source():
        yield from range(4)
        gate.hold(4)
        raise OSError("no more")

    with line(source=tp.cell(source), add=scaled(Add())).run() as run:
        assert run.pull() == 1
        gate.wait_until_inside(4)
        leaving = Background(run.seek, 0, 48)
        happens(abandoned)
        gate.open()
        assert isinstance(leaving.error(), OSError)
        with pytest.raises(Stopped):
            run.pull()


def test_stop_while_an_epoch_is_left(abandoned):
    gate = Gate()
    with line(source=tp.Source(range(9)), gate=scaled(gate, 1)).run() as run:
        gate.open(0)
        run.pull()
        gate.wait_until_inside(1)
        leaving = Background(run.seek, 0, 5)
        happens(abandoned)
        stopping = Background(run.stop)
        gate.wait_until_inside(1)
        gate.open()
        assert isinstance(leaving.error(), Stopped | None)
        stopping.result()


@pytest.mark.parametrize("clones", CLONES)
def test_a_source_whose_close_fails_while_an_epoch_is_left(clones):
    def source():
        try:
            yield from itertools.count()
        finally:
            raise OSError("cannot close")

    with line(source=tp.cell(source), add=some(Add(), clones)).run() as run:
        run.pull()
        with pytest.raises(OSError, match="cannot close"):
            run.seek(0, 5)


# -- open pipelines


@pytest.mark.parametrize("clones", CLONES)
def test_map_is_given_items_from_there_on(clones):
    cells = {"seeded": some(Seeded(), clones), "batch": tp.Batch(2), "last": some(Seeded(), clones)}
    pipeline = open_line(**cells)
    with pipeline.run(seed=5) as run:
        whole = [list(run.map(range(8))) for _ in range(2)]
    with pipeline.run(seed=5) as run:
        run.seek(1, 4, 2)
        results = run.map(range(4, 8))
        assert next(results) == whole[1][2]
        assert run.position == (1, 6, 3)
        run.seek(0, 2, 1)
        assert list(results) == []
        assert list(run.map(range(2, 8))) == whole[0][1:]
        assert list(run.map(range(8))) == whole[1]


@pytest.mark.parametrize("clones", CLONES)
@pytest.mark.parametrize("source", SOURCES)
def test_submitted_items(clones, source):
    def build(self, x):
        return self.seeded(x), self.source(), self.total(x)

    cells = {"seeded": some(Seeded(), clones), "source": source(), "total": Total()}
    with Made(build, **cells).run(seed=5) as run:
        whole = list(run.map(range(LENGTH)))
        assert run.position == (0, LENGTH, LENGTH)
        run.seek(0, 3)
        assert run.position == (0, 3, 3)
        results = [run(x) for x in range(3, LENGTH)]
        assert [row[:2] for row in results] == [row[:2] for row in whole[3:]]
        assert [row[2] for row in results] == [3, 7, 12, 18]
        run.seek(4, 2, step=2)
        assert run.position == (4, 2, 2)
        run(0)
        assert run.position == (4, 4, 4)


def test_what_was_submitted_leaves_first():
    gate = Gate()
    with open_line(gate=scaled(gate)).run() as run:
        future = run.submit(0)
        gate.wait_until_inside(0)
        seeking = Background(run.seek, 0, 3)
        gate.open()
        seeking.result()
        assert future.result() == 0
        assert run.position == (0, 3, 3)


def test_while_an_item_is_put_in():
    gate = Gate()
    with open_line(gate=gate).run() as run:
        entering = Background(run, 0)
        gate.wait_until_inside(0)
        with pytest.raises(RunError, match="an item is being put in"):
            run.seek(0, 3)
        gate.open()
        assert entering.result() == 0


# -- refused


@pytest.mark.parametrize("clones", CLONES)
def test_while_another_thread_takes_a_result(clones):
    gate = Gate()
    text = (
        "cannot do this now: a result is being taken, by another thread or by the caller of this "
        "cell. Do it in the thread that takes the results, between two of them."
    )
    for take in (lambda run: run.pull(), lambda run: next(iter(run))):
        with line(source=tp.Source(range(9)), gate=some(gate, clones)).run() as run:
            taking = Background(take, run)
            gate.wait_until_inside(0)
            if clones is None:
                with pytest.raises(RunError) as caught:
                    run.seek(0, 3)
                assert str(caught.value) == text
            gate.open()
            assert taking.result() == 0
            run.seek(0, 3)
            assert run.pull() == 3
        gate = Gate()


def test_a_cell_cannot_seek():
    def goes(x):
        with pytest.raises(RunError, match="a result is being taken"):
            run.seek(0, 3)
        return x

    with line(source=tp.Source(range(2)), goes=tp.cell(goes)).run() as run:
        assert [run.pull(), *run] == [0, 1]


@pytest.mark.parametrize("where", [(-1,), (0, -1), (0, 0, -1)])
def test_there_is_no_such_position(where):
    with line(source=tp.Source(range(2))).run() as run:
        with pytest.raises(RunError) as caught:
            run.seek(*where)
        epoch, item, result = (*where, 0, 0)[:3]
        assert str(caught.value) == (
            f"cannot seek epoch {epoch}, item {item}, result {result} with step=1: numbers are "
            f"counted from 0, and a step is at least 1."
        )
        with pytest.raises(RunError, match="step=0"):
            run.seek(0, 1, step=0)
        assert list(run) == [0, 1]


def test_a_run_that_has_ended_does_not_seek():
    with line(source=tp.Source(range(2))).run() as run:
        pass
    with pytest.raises(Stopped):
        run.seek(0, 1)


@pytest.mark.parametrize("clones", [None, 2])
def test_a_seek_that_fails_ends_the_run(clones):
    class Source(tp.Cell):
        def seek(self, epoch, item):
            raise OSError("no index")

        def forward(self):
            yield 1

    with line(source=Source(), add=some(Add(), clones)).run() as run:
        run.seek(0, 1)
        with pytest.raises(OSError, match="no index") as caught:
            iter(run)
        assert caught.value.__notes__ == ["in the seek of cell 'source'"]
        with pytest.raises(Stopped):
            iter(run)
