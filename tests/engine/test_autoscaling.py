"""Cells with `clones="auto"`: scaled while the run is at work, left alone while it is idle."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from time import monotonic

import pytest

import torchpipe as tp
from tests.engine.made import TIMEOUT, Add, Pass, Total, line, open_line, torchpipe_threads
from torchpipe.engine.planning import autoscaling
from torchpipe.errors import CheckError, GraphError


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    """Look a hundred times a second."""
    monkeypatch.setattr(autoscaling, "EVERY", 0.01)
    monkeypatch.setattr(autoscaling, "ENOUGH", 5)


def auto(cell: tp.Cell, most: int = 4) -> tp.ScaleUp:
    return tp.ScaleUp(cell, clones="auto", most=most)


def slow(x: int) -> int:
    time.sleep(0.002)
    return x


def clones(run: tp.Run) -> dict[str, int]:
    return {cell.path: cell.clones for cell in run.statistics().cells if cell.scaled}


def until(condition: Callable[[], bool], meanwhile: Callable[[], object] = lambda: None) -> None:
    deadline = monotonic() + TIMEOUT
    while not condition():
        assert monotonic() < deadline, "waited in vain"
        meanwhile()


@tp.cell
def numbers():
    yield from itertools.count()


def test_a_cell_that_limits_gets_clones_and_the_order_is_kept():
    with line(numbers=numbers, slow=auto(tp.cell(slow)), last=Pass()).run() as run:
        assert clones(run) == {"slow": 1}
        results = iter(run)
        given = []
        until(lambda: clones(run)["slow"] > 1, lambda: given.append(next(results)))
        given += itertools.islice(results, 50)
    assert given == list(range(len(given)))


def test_no_cell_gets_more_than_its_most():
    cells = {"slow": auto(tp.cell(slow), 2), "fixed": tp.ScaleUp(Add(), clones=3)}
    with line(numbers=numbers, **cells).run() as run:
        results = iter(run)
        until(lambda: clones(run)["slow"] == 2, lambda: next(results))
        for _ in range(100):
            next(results)
            assert clones(run)["slow"] <= 2
            assert clones(run)["fixed"] == 3


def test_who_scales_by_hand_is_obeyed():
    with line(numbers=numbers, slow=auto(tp.cell(slow))).run() as run:
        run.scale("slow", 1)
        for _ in itertools.islice(run, 100):
            assert clones(run) == {"slow": 1}


def test_it_sleeps_while_the_run_is_idle_and_the_next_item_wakes_it(monkeypatch):
    monkeypatch.setattr(autoscaling, "IDLE", 0.0)
    with open_line(add=auto(Add())).run() as run:
        probes = run._core.rings[0].probes
        for number in range(3):
            until(lambda: probes._wake is not None)
            assert run(number) == number + 1
    assert torchpipe_threads() == []


def test_the_clones_of_a_run_that_ends_meanwhile_end_too():
    for _ in range(20):
        with line(numbers=numbers, slow=auto(tp.cell(slow))).run() as run:
            list(itertools.islice(run, 10))
        assert torchpipe_threads() == []


def test_a_clone_that_cannot_be_set_up_ends_the_run():
    class Second(tp.Cell):
        def setup(self, clone: tp.Clone) -> None:
            if clone.index:
                raise OSError("no room")

        def forward(self, x: int) -> int:
            return slow(x)

    with pytest.raises(OSError, match="no room"), line(n=numbers, a=auto(Second())).run() as run:
        until(lambda: False, iter(run).__next__)


def test_without_such_cells_there_is_no_autoscaler():
    with line(numbers=numbers, add=tp.ScaleUp(Add(), clones=2)).run() as run:
        assert "torchpipe autoscaler" not in torchpipe_threads()
        assert run._autoscaler is None


def test_the_window_is_that_of_the_most_clones():
    with line(numbers=numbers, add=auto(Add(), 20)).run() as run:
        assert run.window == 160


def test_a_stateful_cell_cannot_have_several():
    with pytest.raises(CheckError, match="cannot scale up 'total' to 4 clones: Total is stateful"):
        line(numbers=numbers, total=auto(Total())).check()


def test_what_cannot_be():
    with pytest.raises(GraphError, match="cannot scale up Add to at most 0 clones: at least one"):
        auto(Add(), 0)
    with pytest.raises(GraphError, match="cannot scale up Add to 'many' clones: give a number"):
        tp.ScaleUp(Add(), clones="many")


def test_it_says_what_it_is():
    assert tp.ScaleUp(Add(), clones="auto", most=3).describe().endswith("clones=1, at most 3")
