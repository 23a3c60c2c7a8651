"""`finish` is called when a stream has ended, and only then; `items` ends it early."""

from __future__ import annotations

import pytest

import torchpipe as tp


class Book(tp.Cell):
    """A sink that must be completed."""

    stateful = True

    def __init__(self) -> None:
        self.events: list[object] = []

    def forward(self, page: int) -> None:
        self.events.append(page)

    def finish(self) -> None:
        self.events.append("finished")

    def teardown(self) -> None:
        self.events.append("torn down")


class Printing(tp.Pipeline):
    def __init__(self, clones: int, pages: object = (1, 2, 3)) -> None:
        super().__init__()
        self.source, self.book = tp.Source(pages), Book()
        same = tp.cell(lambda page: page)
        self.layout = tp.ScaleUp(same, clones) if clones else same

    def build(self):
        page = self.layout(self.source())
        self.book(page)
        return page


@pytest.mark.parametrize("clones", [0, 2])
def test_finish_is_called_at_the_end_of_each_epoch(clones: int):
    pipeline = Printing(clones)
    with pipeline.run() as run:
        assert list(run) == list(run) == [1, 2, 3]
    assert pipeline.book.events == [1, 2, 3, "finished", 1, 2, 3, "finished", "torn down"]


@pytest.mark.parametrize("clones", [0, 2])
def test_a_stream_that_is_left_early_is_not_finished(clones: int):
    pipeline = Printing(clones)
    with pipeline.run() as run:
        run.pull()
    assert pipeline.book.events == [1, "torn down"]


@pytest.mark.parametrize("clones", [0, 2])
def test_after_an_error_nothing_is_finished(clones: int):
    def pages():
        yield 1
        raise OSError("no paper")

    pipeline = Printing(clones, pages())
    with pytest.raises(OSError, match="no paper"), pipeline.run() as run:
        list(run)
    assert pipeline.book.events == [1, "torn down"]


@pytest.mark.parametrize("clones", [0, 2])
def test_items_ends_the_stream_as_if_the_sources_had_no_more(clones: int):
    pipeline = Printing(clones, range(10**9))
    with pipeline.run(items=2) as run:
        assert list(run) == [0, 1]
        assert pipeline.book.events == [0, 1, "finished"]


def test_a_negative_number_of_items_is_refused():
    with pytest.raises(tp.errors.RunError) as caught:
        Printing(0).run(items=-1)
    assert str(caught.value) == "cannot run with items=-1: give 0 or more, or None for all."


def test_an_error_of_finish_reaches_the_consumer():
    pipeline = Printing(2)
    pipeline.book.finish = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError) as caught, pipeline.run() as run:
        list(run)
    assert caught.value.__notes__ == ["in the finish of cell 'book' (clone 0 on cpu)"]
