"""An iterator in a thread, a few steps ahead."""

from __future__ import annotations

import itertools
import threading
import traceback

import pytest
import torch

from tests.engine.made import happens
from torchpipe.testing import Gate
from torchpipe.train.prefetch import Prefetch


def started(results, depth, left=lambda: None):
    ahead = Prefetch(results, depth, left)
    ahead.started()
    return ahead


def test_results_come_in_order_and_the_thread_ends():
    ahead = started(iter(range(100)), 3)
    assert list(ahead) == list(range(100))
    assert list(ahead) == []
    ahead.join(None)


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_no_more_is_made_than_asked_for(depth):
    gate, made = Gate(), []

    def results():
        for number in itertools.count():
            gate.hold(number)
            made.append(number)
            yield number

    ahead = started(results(), depth)
    gate.open(*range(depth))
    assert next(ahead) == 0
    gate.wait_until_inside(depth)
    assert made == list(range(depth))
    ahead.stop()
    gate.open()
    ahead.join(None)
    assert made == list(range(depth + 1))


def test_stop_ends_a_thread_that_waits_for_room():
    ahead = started(itertools.count(), 1)
    assert next(ahead) == 0
    ahead.stop()
    ahead.join(None)
    assert not ahead.thread.is_alive()


def test_the_iterator_is_closed_in_the_thread():
    closed = []

    def results():
        try:
            yield from itertools.count()
        finally:
            closed.append(threading.current_thread().name)

    ahead = started(results(), 1)
    next(ahead)
    ahead.stop()
    ahead.join(None)
    assert closed == ["torchpipe feed"]


def test_who_stops_it_early_is_told_when_it_has_ended():
    calls = []

    def results():
        try:
            yield from itertools.count()
        finally:
            calls.append("closed")

    ahead = started(results(), 1, lambda: calls.append("left"))
    next(ahead)
    ahead.stop()
    ahead.join(None)
    assert calls == ["closed", "left"]
    ahead = started(iter("abc"), 1, lambda: calls.append("left"))
    assert list(ahead) == ["a", "b", "c"]
    ahead.join(None)
    assert calls == ["closed", "left"]


def failing():
    yield 1
    raise OSError(5, "two arguments")


def test_an_error_comes_in_its_place_with_its_type_and_frames():
    ahead = started(failing(), 4)
    assert next(ahead) == 1
    with pytest.raises(OSError, match="two arguments") as error:
        next(ahead)
    assert error.value.args == (5, "two arguments")
    assert "failing" in [frame.name for frame in traceback.extract_tb(error.value.__traceback__)]
    assert list(ahead) == []
    ahead.join(None)


def test_the_thread_has_the_torch_state_of_whoever_starts_it():
    def states():
        yield torch.is_grad_enabled(), torch.is_autocast_enabled("cpu")

    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        ahead = started(states(), 1)
    assert list(ahead) == [(False, True)]
    ahead.join(None)


def test_a_result_is_held_by_nobody_once_it_is_given():
    class Result:
        pass

    gone = threading.Event()

    def results():
        result = Result()
        result.end = weak(gone)
        yield result
        del result
        yield None

    ahead = started(results(), 2)
    result = next(ahead)
    assert next(ahead) is None
    del result
    happens(gone)
    ahead.join(None)


class weak:  # noqa: N801 - a finalizer, written as a word
    def __init__(self, event):
        self.event = event

    def __del__(self):
        self.event.set()


def test_a_thread_that_was_not_started_can_be_stopped():
    ahead = Prefetch(iter([]), 1, lambda: None)
    ahead.stop()
    ahead.join(None)
