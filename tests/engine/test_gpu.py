"""How long clones wait for a GPU: waits at the same time count once. No GPU is needed."""

from __future__ import annotations

import threading

import pytest

import torchpipe as tp
from torchpipe.engine.telemetry import gpu
from torchpipe.engine.telemetry.gpu import Gpu, Gpus, GpuTimes, index_of


def test_waits_that_overlap_count_once():
    one = Gpu()
    one.begin(1.0)
    one.begin(2.0)
    one.end(4.0)
    one.end(5.0)
    one.begin(7.0)
    assert one.busy_until(8.0) == 5.0
    one.end(9.0)
    assert one.busy_until(20.0) == 6.0


def test_a_clone_on_the_cpu_has_none():
    assert Gpus().times(tp.ThreadClone()) is None
    assert Gpus().statistics(0.0) == ()


class Stream:
    """A stream whose work is done when the test says so."""

    cuda_stream = 7

    def __init__(self):
        self.waits, self.done = threading.Event(), threading.Event()

    def synchronize(self):
        self.waits.set()
        assert self.done.wait(10)


def test_an_open_wait_counts():
    times, stream = GpuTimes("cuda:0", Gpu()), Stream()
    waiting = threading.Thread(target=times.wait, args=(stream,))
    waiting.start()
    assert stream.waits.wait(10)
    began = -times.spent
    assert times.until(began + 3.0) == pytest.approx(3.0)
    stream.done.set()
    waiting.join()
    assert times.stream == 7
    assert times.until(0.0) == times.spent > 0


def test_memory_is_that_of_the_stream_and_is_not_asked_for_too_often(monkeypatch):
    asked = []

    def by_stream():
        asked.append(1)
        return {(1, 7): 100 * len(asked), (0, 7): 5}

    monkeypatch.setattr(gpu, "memory_by_stream", by_stream)
    gpus, times = Gpus(), GpuTimes("cuda:1", Gpu())
    times.stream = 7
    assert [gpus.memory(times, now) for now in (0.0, 0.5, 1.0)] == [100, 100, 200]
    times.stream = 8
    assert gpus.memory(times, 1.0) == 0


def test_a_device_without_a_number_is_the_first():
    assert index_of("cuda") == index_of("cuda:0") == 0
