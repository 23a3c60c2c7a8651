"""Epochs: the stream from its start, again and again, with the clones that are there."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

import torchpipe as tp
from tests.engine.made import Add, Made, Total, consume, line, open_line, scaled
from torchpipe.testing import Recorder

CLONES = [None, 1, 4]


def some(cell: tp.Cell, clones: int | None) -> tp.Cell:
    return cell if clones is None else scaled(cell, clones)


@pytest.mark.parametrize("clones", CLONES)
@pytest.mark.parametrize("window", [1, 64])
def test_many_epochs_with_warm_clones(clones, window):
    recorder = Recorder()
    cells = {"clone": some(recorder, clones), "total": Total(), "batch": tp.Batch(3)}
    with line(source=tp.Source(range(5)), **cells).run(window=window) as run:
        for epoch in range(6):
            assert list(run) == [[0, 1, 3], [6, 10]]
            assert run.epoch == epoch
    count = clones or 1
    assert len(recorder.of("setup")) == len(recorder.of("teardown")) == count
    assert len(recorder.of("reset")) == 6 * count
    assert len({event.thread for event in recorder.of("forward")}) <= count


@pytest.mark.parametrize("clones", CLONES)
@pytest.mark.parametrize("length", [0, 1, 2])
@pytest.mark.parametrize("window", [1, 2, 64])
def test_fewer_items_than_clones(clones, length, window):
    cells = {"add": some(Add(), clones), "total": Total(), "add_2": some(Add(), clones)}
    with line(source=tp.Source(range(length)), **cells).run(window=window) as run:
        assert [list(run) for _ in range(3)] == [[2, 4][:length]] * 3


@pytest.mark.parametrize("clones", CLONES)
def test_epochs_of_other_lengths(clones):
    lengths = iter([3, 0, 7, 1, 0, 0, 2])

    def source():
        yield from range(next(lengths))

    with line(source=tp.cell(source), add=some(Add(), clones)).run(window=2) as run:
        assert [len(list(run)) for _ in range(7)] == [3, 0, 7, 1, 0, 0, 2]


@pytest.mark.parametrize("clones", CLONES)
@pytest.mark.parametrize("size", [1, 3, 5, 100])
def test_a_partial_batch_at_the_end(clones, size):
    values = list(range(1, 11))
    batches = [values[i : i + size] for i in range(0, 10, size)]
    cells = {
        "add": some(Add(), clones),
        "batch": tp.Batch(size),
        "last": some(tp.cell(list), clones),
    }
    with line(source=tp.Source(range(10)), **cells).run() as run:
        assert list(run) == list(run) == batches


@pytest.mark.parametrize("clones", CLONES)
def test_nothing_crosses_from_one_epoch_to_the_next(clones):
    epochs = iter(range(10))

    class Source(tp.Cell):
        def reset(self):
            self.epoch = next(epochs)

        def forward(self) -> Iterator[tuple[int, int]]:
            for item in range(7):
                yield self.epoch, item

    cells = {"same": some(tp.cell(lambda x: x), clones), "batch": tp.Batch(3)}
    cells["last"] = some(tp.cell(lambda batch: {epoch for epoch, _ in batch}), clones)
    with line(source=Source(), **cells).run(window=2) as run:
        for epoch in range(4):
            assert list(run) == [{epoch}] * 3


@pytest.mark.parametrize("clones", CLONES)
def test_reset_comes_before_the_source_is_read(clones):
    calls = []

    class Source(tp.Cell):
        def reset(self):
            calls.append("reset")

        def forward(self) -> Iterator[int]:
            calls.append("read")
            yield 1

    with line(source=Source(), add=some(Add(), clones)).run() as run:
        assert list(run) == list(run) == [2]
    assert calls == ["reset", "read"] * 2


@pytest.mark.parametrize("clones", [None, 2])
def test_generators_are_closed_at_the_end_of_an_epoch(clones):
    closed = []

    def source(name, length):
        def read():
            try:
                yield from range(length)
            finally:
                closed.append(name)

        return tp.cell(read)

    def build(self):
        return self.add(self.short()), self.long()

    cells = {"short": source("short", 2), "long": source("long", 9), "add": some(Add(), clones)}
    with Made(build, **cells).run() as run:
        for epoch in range(1, 4):
            assert list(run) == [(1, 0), (2, 1)]
            if clones is None:
                assert sorted(closed) == ["long"] * epoch + ["short"] * epoch
    assert sorted(closed) == ["long"] * 3 + ["short"] * 3


@pytest.mark.parametrize("clones", [None, 2])
def test_a_source_whose_close_fails_is_an_error(clones):
    def source():
        try:
            yield from itertools.count()
        finally:
            raise OSError("cannot close")

    def build(self):
        return self.add(self.short()), self.long()

    cells = {"short": tp.Source([1]), "long": tp.cell(source), "add": some(Add(), clones)}
    with pytest.raises(OSError, match="cannot close"):
        consume(Made(build, **cells))


def test_an_epoch_that_was_left_goes_on_and_the_next_begins_after_it():
    with line(source=tp.Source(range(4)), add=scaled(Add())).run(window=1) as run:
        assert next(iter(run)) == 1
        assert run.epoch == 0
        assert list(run) == [2, 3, 4]
        assert list(run) == [1, 2, 3, 4]
        assert run.epoch == 1


def test_feedback_starts_from_its_initial_value_in_every_epoch():
    def build(self):
        y = self.sum(self.add(self.source()), self.before())
        self.before.connect(y)
        return y

    cells = {"add": scaled(Add()), "before": tp.Feedback(10), "sum": tp.cell(lambda a, b: a + b)}
    with Made(build, source=tp.Source(range(3)), **cells).run() as run:
        assert [list(run) for _ in range(3)] == [[11, 13, 16]] * 3


def test_a_feedback_without_a_loop_is_a_delay():
    def build(self):
        x = self.source()
        self.before.connect(x)
        return self.both(x, self.before())

    cells = {"before": tp.Feedback(-1), "both": scaled(lambda x, y: (x, y))}
    with Made(build, source=tp.Source(range(3)), **cells).run() as run:
        assert [list(run) for _ in range(2)] == [[(0, -1), (1, 0), (2, 1)]] * 2


def test_epochs_of_a_map():
    with open_line(add=scaled(Add()), total=Total(), batch=tp.Batch(2)).run() as run:
        assert [list(run.map(range(3))) for _ in range(3)] == [[[1, 3], [6]]] * 3
        assert run.epoch == 2


def test_submitted_items_are_one_epoch():
    with open_line(add=scaled(Add()), total=Total()).run() as run:
        assert list(run.map([1, 2])) == [2, 5]
        assert list(run.map([3])) == [9]
        assert run.epoch == 0


def test_statistics_count_all_epochs():
    cells = {"add": scaled(Add(), 2), "batch": tp.Batch(2), "n": scaled(len, 1)}
    with line(source=tp.Source(range(5)), **cells).run() as run:
        list(run)
        list(run)
    found = run.statistics()
    counts: dict[str, int] = {}
    for entry in found:
        counts[entry.path] = counts.get(entry.path, 0) + entry.items
    assert counts == {"source": 10, "add": 10, "batch": 10, "n": 6}
    assert all(entry.busy >= 0 for entry in found)
    assert run.statistics() == found  # what has ended does not go on
    scaled_paths = [(entry.path, entry.clone) for entry in found if entry.scaled]
    assert scaled_paths == [
        ("add", "clone 0 on cpu"),
        ("add", "clone 1 on cpu"),
        ("n", "clone 0 on cpu"),
    ]


# -- the end of an epoch, and a limit


class Writes(tp.Cell):
    """Notes what it does; all copies share the list."""

    stateful = True

    def __init__(self):
        self.calls: list[object] = []

    def reset(self):
        self.calls.append("reset")

    def forward(self, x):
        self.calls.append(x)
        return x

    def finish(self):
        self.calls.append("finish")

    def teardown(self):
        self.calls.append("teardown")


@pytest.mark.parametrize("clones", [None, 2])
@pytest.mark.parametrize("where", ["first", "last"])
def test_finish_comes_when_all_items_have_passed(clones, where):
    writes = Writes()
    cells = {
        "first": tp.cell(lambda x: x),
        "add": some(Add(), clones),
        "last": tp.cell(lambda x: x),
    }
    cells[where] = writes
    with line(source=tp.Source(range(2)), **cells).run() as run:
        list(run)
        list(run)
    epoch = [x + (where == "last") for x in range(2)]
    one = ["reset", *epoch, "finish"]
    assert writes.calls == [*one, *one, "teardown"]


@pytest.mark.parametrize("clones", [None, 2])
def test_finish_does_not_come_when_the_stream_is_left_or_fails(clones):
    writes = Writes()
    with line(source=tp.Source(range(5)), add=some(Add(), clones), noted=writes).run() as run:
        next(iter(run))
    assert writes.calls == ["reset", 1, "teardown"]
    writes = Writes()
    bad = tp.cell(lambda x: 1 // x)
    with pytest.raises(ZeroDivisionError):
        consume(line(source=tp.Source([1, 0]), bad=some(bad, clones), noted=writes))
    assert writes.calls == ["reset", 1, "teardown"]


@pytest.mark.parametrize("clones", [None, 2])
def test_finish_that_fails_is_an_error(clones):
    class Bad(Writes):
        def finish(self):
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full") as caught:
        consume(line(source=tp.Source(range(2)), add=some(Add(), clones), bad=Bad()))
    assert caught.value.__notes__ == ["in the finish of cell 'bad' (clone 0 on cpu)"]


@pytest.mark.parametrize("clones", [None, 2])
@pytest.mark.parametrize("limit", [0, 1, 3, 5, 9])
def test_an_epoch_may_be_limited(clones, limit):
    closed = []

    def source():
        try:
            yield from range(5)
        finally:
            closed.append(True)

    cells = {"add": some(Add(), clones), "batch": tp.Batch(2)}
    with line(source=tp.cell(source), **cells).run(items=limit) as run:
        for epoch in range(1, 4):
            assert [x for batch in run for x in batch] == [1, 2, 3, 4, 5][:limit]
            assert len(closed) == (epoch if limit else 0)


def test_a_pipeline_may_have_a_window_of_its_own():
    pipeline = line(source=tp.Source(range(5)), add=scaled(Add()))
    pipeline.window = 3
    with pipeline.run() as run:
        assert run.window == 3
    with pipeline.run(window=2) as run:
        assert run.window == 2
