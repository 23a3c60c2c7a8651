"""Processes that die or hang: nothing is lost, the order is kept; or an error tells of it."""

from __future__ import annotations

import os
import random
import signal
import threading

import numpy as np
import pytest

import torchpipe as tp
from tests.conftest import ends
from tests.ray import made
from tests.ray.conftest import hosts
from tests.ray.made import Function, Line
from torchpipe.engine.remote import process

pytestmark = pytest.mark.usefixtures("cluster")

CLONE = tp.RayClone(num_cpus=0.1)


def test_items_of_a_killed_process_run_again_in_order(tmp_path):
    cell = made.Dies(5, 40, 41, once=tmp_path)
    with Line(cell, [CLONE] * 2, 100).run() as run:
        assert list(run) == list(range(100))
        assert list(run) == list(range(100))
    assert len(list(tmp_path.iterdir())) == 3


def test_one_clone_is_replaced_while_its_items_wait(tmp_path):
    with Line(made.Dies(3, once=tmp_path), [CLONE], 30).run() as run:
        assert list(run) == list(range(30))


def test_a_replacement_may_take_as_long_as_a_first_process(tmp_path, monkeypatch):
    """On a busy node a process takes many seconds to come up; only a lack of room ends the wait."""
    monkeypatch.setattr(process, "PATIENCE", 0.0)
    with Line(made.Dies(3, once=tmp_path), [CLONE], 30).run() as run:
        assert list(run) == list(range(30))


def test_a_process_killed_from_outside_between_epochs_is_replaced():
    with Line(made.Scale(), [CLONE], 30).run() as run:
        list(run)
        run.set("cell.factor", 5)
        os.kill(hosts()[0], signal.SIGKILL)
        assert list(run) == [5 * number for number in range(30)]


def test_a_process_killed_while_it_rests_is_replaced_for_the_next_item():
    with Function(made.Same(), [CLONE]).run() as run:
        assert run(1) == 1
        for pid in hosts():
            os.kill(pid, signal.SIGKILL)
            assert any(ends(pid) for _ in range(20))
        assert [run(value) for value in (2, 3)] == [2, 3]


def test_what_cannot_be_sent_leaves_the_order_of_a_stateful_clone_as_it_is():
    values = [1, 2, threading.Lock(), 3, threading.Lock(), 4]
    with Function(made.Numbered(), [CLONE]).run() as run:
        futures = [run.submit(value) for value in values * 20]
        told = [future.exception() or future.result() for future in futures]
    assert [value for value in told if type(value) is int] == list(range(80))
    assert sum(isinstance(value, TypeError) for value in told) == 40


def test_an_item_that_kills_each_process_is_an_error():
    given = []
    with (
        pytest.raises(tp.errors.CloneLost, match="3 times its process was lost") as caught,
        Line(made.Dies(7), [CLONE] * 2, 30).run() as run,
    ):
        given.extend(run)
    assert given == list(range(7))
    assert "worked on item 7" in str(caught.value)


def test_a_deadly_item_fails_alone_where_items_are_submitted():
    with Function(made.Dies(7), [CLONE]).run() as run:
        futures = [run.submit(value) for value in range(12)]
        for value in (*range(7), *range(8, 12)):
            assert futures[value].result() == value
        with pytest.raises(tp.errors.CloneLost):
            futures[7].result()


def test_the_death_of_a_stateful_clone_raises():
    with (
        pytest.raises(tp.errors.CloneLost, match="a stateful clone was lost while cell worked on"),
        Line(made.StatefulDies(7), [CLONE], 30).run() as run,
    ):
        list(run)


def test_a_stateful_clone_that_dies_while_it_is_torn_down_raises():
    run = Line(made.DiesTornDown(), [CLONE], 30).run()
    assert list(run) == list(range(30))
    with pytest.raises(tp.errors.CloneLost, match="lost while cell was torn down"):
        run.stop()


def test_a_hung_process_is_replaced_at_its_deadline(tmp_path):
    clone = tp.RayClone(num_cpus=0.1, deadline=1.0)
    with Line(made.Hangs(7, tmp_path), [clone] * 2, 30).run() as run:
        assert list(run) == list(range(30))


def test_a_deadline_is_for_each_item_of_a_call():
    clone = tp.RayClone(num_cpus=0.1, deadline=2.0)
    with Line(made.Slows(500), [clone], 564).run() as run:  # 64 of 0.1 s in one call
        assert len(set(run)) == 1


def test_a_stop_ends_a_process_whose_call_does_not_return(tmp_path):
    run = Function(made.Hangs(7, tmp_path), [CLONE]).run(stop_after=1.0)
    run.submit(7)
    while not (tmp_path / "hung").exists():
        pass
    with pytest.warns(tp.errors.StallWarning, match="it was ended"):
        run.stop()


def test_twenty_kills_at_random_moments():
    kills = random.Random(3)
    moments = sorted(kills.sample(range(100, 4900), 20))
    given = []
    with Line(made.Scale(), [CLONE] * 3, 5000).run() as run:
        for value in run:
            given.append(value)
            if moments and len(given) >= moments[0]:
                alive = hosts()
                if alive:
                    moments.pop(0)
                    os.kill(kills.choice(alive), signal.SIGKILL)
    assert given == [2 * number for number in range(5000)]
    assert not moments


class Turned(tp.Cell):
    """Turns an array around."""

    def forward(self, array: np.ndarray) -> np.ndarray:
        return array[::-1]


def test_kills_do_not_mix_up_what_lies_in_shared_memory():
    kills, moments = random.Random(5), [40, 110, 150, 230]
    arrays = (np.arange(number, number + 20_000) for number in range(300))
    given = 0
    with Function(Turned(), [CLONE] * 3).run() as run:
        for number, array in enumerate(run.map(arrays)):
            assert array[0] == number + 19_999
            assert (np.diff(array) == -1).all()
            given += 1
            if given in moments and (alive := hosts()):
                os.kill(kills.choice(alive), signal.SIGKILL)
    assert given == 300
