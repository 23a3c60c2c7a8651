"""Guarantee 2: nothing is lost, nothing is doubled."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

import torchpipe as tp
from tests.engine.made import Add, Background, Made, Odd, Parts, Total, line, open_line, scaled
from torchpipe.testing import Gate, Recorder


def twice(x: int):
    yield x
    yield x


def add_cell(clones: int | None):
    return Add() if clones is None else scaled(Add(), clones)


@pytest.mark.parametrize("clones", [None, 1, 3])
@pytest.mark.parametrize("window", [1, 2, 64])
def test_a_loop_that_was_left_goes_on_where_it_stopped(clones, window):
    taken = []
    with line(source=tp.Source(range(20)), add=add_cell(clones)).run(window=window) as run:
        for _ in range(4):
            for result in run:
                taken.append(result)
                if len(taken) % 3 == 0:
                    break
        taken += run
        assert run.epoch == 0
    assert taken == list(range(1, 21))


@pytest.mark.parametrize("clones", [None, 2])
@pytest.mark.parametrize("after", [None, 2])
@pytest.mark.parametrize("window", [1, 64])
def test_a_loop_that_was_left_within_the_outputs_of_one_item_goes_on_there(clones, after, window):
    cells = {"add": add_cell(clones), "twice": tp.cell(twice), "add_2": add_cell(after)}
    taken = []
    with line(source=tp.Source(range(5)), **cells).run(window=window) as run:
        while len(taken) < 10:
            for result in run:
                taken.append(result)
                break
        assert list(run) == []
    assert taken == [x + 2 for x in range(5) for _ in range(2)]


@pytest.mark.parametrize("clones", [None, 2])
def test_pull_and_loops_and_iterators_share_one_stream(clones):
    with line(source=tp.Source(range(12)), add=add_cell(clones)).run(window=2) as run:
        first, second = iter(run), iter(run)
        taken = [run.pull(), next(first), next(second), run.pull()]
        taken += itertools.islice(run, 3)
        taken += [next(first), run.pull()]
        taken += run
        assert taken == list(range(1, 13))


@pytest.mark.parametrize("clones", [None, 2])
def test_pull_says_once_that_the_epoch_has_ended_and_then_starts_another(clones):
    with line(source=tp.Source(range(2)), add=add_cell(clones)).run() as run:
        for epoch in range(3):
            assert [run.pull(), run.pull()] == [1, 2]
            assert run.epoch == epoch
            with pytest.raises(StopIteration):
                run.pull()


@pytest.mark.parametrize("clones", [None, 2])
def test_many_threads_that_pull_share_the_results_between_them(clones):
    def pulled(run):
        return [run.pull() for _ in range(25)]

    with line(source=tp.Source(range(100)), add=add_cell(clones)).run(window=3) as run:
        threads = [Background(pulled, run) for _ in range(4)]
        shares = [thread.result() for thread in threads]
    assert all(share == sorted(share) for share in shares)
    assert sorted(itertools.chain(*shares)) == list(range(1, 101))


def test_a_slow_consumer_gets_everything():
    recorder = Recorder()
    pipeline = line(source=tp.Source(range(10)), record=recorder, add=scaled(Add()))
    with pipeline.run(window=2) as run:
        results = iter(run)
        taken = []
        for number in range(10):
            taken.append(next(results))
            assert len(recorder.items) <= number + 1 + 2
        assert taken == list(range(1, 11))


@pytest.mark.parametrize("clones", [None, 2])
@pytest.mark.parametrize("lengths", [(3, 5), (5, 3), (4, 4), (0, 2), (2, 0)])
def test_sources_are_read_in_step_until_the_first_ends(clones, lengths):
    def build(self):
        return self.add(self.one()), self.two()

    one, two = tp.Source(range(lengths[0])), tp.Source(range(lengths[1]))
    with Made(build, one=one, two=two, add=add_cell(clones)).run(window=2) as run:
        expected = [(x + 1, x) for x in range(min(lengths))]
        assert list(run) == list(run) == expected


@pytest.mark.parametrize("clones", [None, 2])
def test_what_a_cell_holds_at_the_end_comes_out(clones):
    cells = {"add": add_cell(clones), "batch": tp.Batch(4), "sum": scaled(sum)}
    with line(source=tp.Source(range(10)), **cells).run() as run:
        assert list(run) == list(run) == [10, 26, 19]


@pytest.mark.parametrize("clones", [None, 2])
def test_filtered_items_are_dropped_and_no_others(clones):
    odd = Odd() if clones is None else scaled(Odd(), clones)
    with line(source=tp.Source(range(9)), odd=odd, total=Total()).run(window=1) as run:
        assert list(run) == [1, 4, 9, 16]


def test_all_submitted_items_leave_before_the_with_block_ends():
    gate, recorder = Gate(), Recorder()
    with open_line(gate=scaled(gate), record=recorder).run() as run:
        futures = [run.submit(x) for x in range(10)]
        gate.wait_until_inside(0, 1)
        gate.open()
    assert recorder.items == list(range(10))
    assert [future.result(0) for future in futures] == list(range(10))


def test_each_clone_gets_other_items():
    recorder = Recorder()
    with line(source=tp.Source(range(50)), record=scaled(recorder, 3)).run(window=6) as run:
        assert list(run) == list(range(50))
    assert sorted(recorder.items) == list(range(50))


def test_a_source_that_returns_one_item_for_each_call():
    class Countdown(tp.Cell):
        def reset(self):
            self.left = 3

        def forward(self) -> int:
            if not self.left:
                raise tp.EndOfStream
            self.left -= 1
            return self.left

    for add in (Add(), scaled(Add())):
        with line(source=Countdown(), add=add).run() as run:
            assert list(run) == list(run) == [3, 2, 1]


def pairs() -> Iterator[Parts]:
    for x in range(4):
        yield Parts(x, -x)


@pytest.mark.parametrize("clones", [None, 2])
def test_a_source_with_several_outputs(clones):
    def build(self):
        parts = self.pairs()
        return self.add(parts.half), parts.rest

    with Made(build, pairs=tp.cell(pairs), add=add_cell(clones)).run() as run:
        assert list(run) == [(x + 1, -x) for x in range(4)]


@pytest.mark.parametrize("clones", [None, 2])
def test_a_generator_with_several_outputs(clones):
    def split(x: int) -> Iterator[Parts]:
        yield Parts(x, 1)
        yield Parts(x, 2)

    split.__annotations__["return"] = Iterator[Parts]

    def build(self):
        parts = self.split(self.source())
        return self.add(parts.half), parts.rest

    split_cell = tp.cell(split) if clones is None else scaled(split, clones)
    with Made(build, source=tp.Source(range(3)), split=split_cell, add=Add()).run() as run:
        assert list(run) == [(x + 1, n) for x in range(3) for n in (1, 2)]
