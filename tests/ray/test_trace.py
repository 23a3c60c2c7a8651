"""Traces of Ray clones: their calls, by this process's clock."""

from __future__ import annotations

import pytest

import torchpipe as tp
from tests.engine.made import Add, Fails, line, open_line
from tests.engine.traced import recorded, traced

pytestmark = pytest.mark.usefixtures("cluster")


def rays(cell, count):
    return tp.ScaleUp(cell, clones=[tp.RayClone(num_cpus=0.1) for _ in range(count)])


def test_each_ray_clone_has_a_track_with_all_its_calls():
    trace = recorded(line(source=tp.Source(range(40)), add=rays(Add(), 2), total=Add()))
    assert {name: sorted(items) for name, items in trace.calls().items()} == {
        name: [*range(40)] for name in ("source", "add", "total")
    }
    clones = {f"add[{number}] (Ray clone {number} on cpu)" for number in range(2)}
    assert set(trace.tracks.values()) <= clones | {"source (source)", "total (consumer)"}
    assert len(trace.ways()) == 40


def test_thread_and_ray_clones_stand_side_by_side():
    clones = [tp.ThreadClone(), tp.RayClone(num_cpus=0.1)]
    trace = recorded(line(source=tp.Source(range(300)), add=tp.ScaleUp(Add(), clones=clones)))
    assert sorted(trace.calls()["add"]) == [*range(300)]


class Batched(tp.Cell):
    batching = tp.Batching(max_size=4, max_wait=5.0)

    def forward(self, x):
        return x

    def forward_batch(self, items):
        return [x for (x,) in items]


def test_a_batch_over_there_is_one_event():
    trace = recorded(line(source=tp.Source(range(8)), batched=rays(Batched(), 1)))
    batches = [event["args"]["items"] for event in trace.of("X", "batched")]
    assert batches == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_errors_and_skips_over_there_are_told():
    class Skips(Fails):
        on_error = "skip"

    cells = {"a": rays(Skips(1), 1), "b": rays(Fails(2), 1)}
    with open_line(**cells).run() as run, run.trace() as trace:
        futures = [run.submit(number) for number in range(4)]
        assert isinstance(futures[2].exception(), ValueError)
        futures[3].result()
    marks = {event["name"]: event["args"] for event in traced(trace).of("i")}
    assert marks == {
        "skipped in a": {"item": 1, "error": "ValueError: no 1"},
        "error in b": {"item": 2, "error": "ValueError: no 2"},
    }
