"""Scalars for TensorBoard: written by the real tensorboardX, and read back from its files."""

from __future__ import annotations

import threading
from collections import defaultdict

import pytest
from tensorboardX import SummaryWriter

import torchpipe as tp
from tests.engine.made import TIMEOUT, Add, Fails, Total, line, open_line, scaled
from tests.tensorboard import events
from torchpipe.engine.planning.period import Period
from torchpipe.engine.telemetry.distribution import Distribution
from torchpipe.engine.telemetry.scalars import scalars
from torchpipe.engine.telemetry.statistics import CellStatistics, PathStatistics
from torchpipe.errors import RunError
from torchpipe.testing import Gate

NEVER = 10_000.0


def read(folder):
    """All that was written: (step, value) by tag."""
    found = defaultdict(list)
    for step, tag, value in events(folder):
        found[tag].append((step, value))
    return dict(found)


class Kept:
    """A writer that keeps what it gets, and says when it has got some."""

    def __init__(self):
        self.steps, self.got = [], threading.Semaphore(0)

    def add_scalar(self, tag, value, step):
        if tag == "torchpipe_rate/results":
            self.steps.append(step)
            self.got.release()


def test_figures_of_a_run_are_read_back_from_the_files_of_tensorboard(tmp_path):
    pipeline = line(source=tp.Source(range(40)), a=scaled(Add(), 3), b=Add(), c=Total())
    with SummaryWriter(tmp_path, flush_secs=1) as writer, pipeline.run() as run:
        with run.scalars(writer, every=NEVER):
            list(run)
        with run.scalars(writer, every=NEVER):
            list(run)
    found = read(tmp_path)
    assert {step for values in found.values() for step, _ in values} == {40, 80}
    assert [value for _, value in found["torchpipe_clones/a"]] == [3, 3]
    assert [value for _, value in found["torchpipe_in_flight/source-results"]] == [0, 0]
    for path in ("source", "a", "b_c"):
        shares = [found[f"torchpipe_{state}/{path}"] for state in ("busy", "starved", "blocked")]
        for moment in zip(*shares, strict=True):
            assert sum(share for _, share in moment) == pytest.approx(1)
        assert all(value > 0 for _, value in found[f"torchpipe_rate/{path}"])
        assert all(value == 0 for _, value in found[f"torchpipe_queue/{path}"])
    assert all(value > 0 for _, value in found["torchpipe_latency_p99/source-results"])
    assert all(value > 0 for _, value in found["torchpipe_service_p50/a"])


def test_they_are_what_a_period_tells():
    took = Distribution((0,) * 160 + (4,), 0.004)
    cell = CellStatistics("a + b", "source", False, "consumer", 1, 50, 1.0, 2.0, 1.0, None, 3, took)
    path = PathStatistics("source", "results", 50, 7, Distribution((), 0.0))
    period = Period(2.0, 50, (cell,), (path,), None, 1.0, 64)
    told = scalars(period)
    service = told.pop("torchpipe_service_p50/a_b")
    assert service == told.pop("torchpipe_service_p99/a_b") > 0
    assert told == {
        "torchpipe_rate/results": 25.0,
        "torchpipe_in_flight/source-results": 7,
        "torchpipe_busy/a_b": 0.25,
        "torchpipe_starved/a_b": 0.5,
        "torchpipe_blocked/a_b": 0.25,
        "torchpipe_rate/a_b": 25.0,
        "torchpipe_queue/a_b": 3,
    }


def test_they_are_written_again_and_again_while_the_run_goes_on():
    gate, writer = Gate(), Kept()
    with open_line(gate=scaled(gate, 1)).run() as run, run.scalars(writer, every=0.001):
        future = run.submit(0)
        for _ in range(3):
            assert writer.got.acquire(timeout=TIMEOUT)
        assert set(writer.steps) == {0}
        gate.open()
        assert future.result() == 0
    assert writer.steps[-1] == 1
    assert writer.steps == sorted(writer.steps)


def test_the_last_ones_are_written_after_an_error_too():
    writer = Kept()
    pipeline = line(source=tp.Source(range(9)), a=Fails(4))
    with (
        pytest.raises(ValueError, match="no 4"),
        pipeline.run() as run,
        run.scalars(writer, every=NEVER),
    ):
        list(run)
    assert writer.steps == [5]


def test_a_run_that_stops_ends_the_thread():
    with open_line(a=Add()).run() as run:
        scalars = run.scalars(Kept(), every=NEVER)
        scalars.__enter__()
        run.stop()
        assert not scalars._thread.thread.is_alive()


def test_what_a_writer_raises_ends_the_run():
    class Broken:
        def add_scalar(self, tag, value, step):
            raise OSError("the disk is full")

    def run():
        gate = Gate()
        with open_line(gate=scaled(gate, 1)).run() as run:
            run.scalars(Broken(), every=0.001).__enter__()
            try:
                run.submit(0).result()
            finally:
                gate.open()

    with pytest.raises(OSError, match="full"):
        run()


def test_an_interval_is_more_than_nothing():
    with open_line(a=Add()).run() as run, pytest.raises(RunError) as caught:
        run.scalars(Kept(), every=0)
    assert str(caught.value) == "cannot write scalars every 0 seconds: give more than 0."
