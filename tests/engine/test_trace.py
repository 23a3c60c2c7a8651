"""Traces: what each clone did when, in a file that trace viewers open."""

from __future__ import annotations

import gc
import json
import weakref

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import torchpipe as tp
from tests.engine.made import Add, Background, Fails, Total, line, open_line, scaled
from tests.engine.traced import recorded, traced
from tests.steps import Random, expected
from tests.strategies import pipelines
from torchpipe.errors import RunError
from torchpipe.testing import Gate


def test_each_call_is_one_event_on_the_track_of_its_clone():
    trace = recorded(line(source=tp.Source(range(9)), a=Add(), b=scaled(Add(), 3), c=Total()))
    assert trace.calls() == {name: [*range(9)] for name in ("source", "a", "c")} | {
        "b": trace.calls()["b"]
    }
    assert sorted(trace.calls()["b"]) == [*range(9)]
    clones = {f"b[{number}] (clone {number} on cpu)" for number in range(3)}
    tracks = set(trace.tracks.values())
    assert tracks - clones == {"source + a (source)", "c (consumer)"}
    assert tracks & clones


def test_each_clone_has_a_track_of_its_own():
    gate = Gate()
    with line(source=tp.Source(range(3)), gate=scaled(gate, 3)).run() as run, run.trace() as trace:
        pulling = Background(list, run)
        gate.wait_until_inside(0, 1, 2)
        gate.open()
        assert pulling.result() == [0, 1, 2]
    clones = [f"gate[{number}] (clone {number} on cpu)" for number in range(3)]
    assert [*traced(trace).tracks.values()] == ["source (source)", *clones]


def test_arrows_follow_each_item_from_track_to_track():
    trace = recorded(line(source=tp.Source(range(5)), a=scaled(Add(), 1), b=Add()))
    way = ["source (source)", "a[0] (clone 0 on cpu)", "b (consumer)"]
    assert trace.ways() == dict.fromkeys(range(5), way)


def test_without_clones_there_is_one_track_and_no_arrow():
    trace = recorded(line(source=tp.Source(range(3)), a=Add(), b=Total()))
    assert [*trace.tracks.values()] == ["source + a + b (consumer)"]
    assert trace.calls() == {name: [0, 1, 2] for name in ("source", "a", "b")}
    assert trace.ways() == {}


class Batched(tp.Cell):
    batching = tp.Batching(max_size=4, max_wait=0.0)

    def __init__(self, gate):
        self.gate = gate

    def forward(self, x):
        return x

    def forward_batch(self, items):
        self.gate.hold(items[0][0])
        return [x for (x,) in items]


def test_a_batch_is_one_event_with_all_its_items():
    gate = Gate()
    pipeline = open_line(batched=scaled(Batched(gate), 1))
    with pipeline.run() as run, run.trace() as trace:
        first = run.submit(0)
        gate.wait_until_inside(0)
        rest = [run.submit(number) for number in range(1, 5)]
        gate.open()
        assert [future.result() for future in [first, *rest]] == [*range(5)]
    found = traced(trace)
    assert [call["args"].get("items") for call in found.of("X", "batched")] == [None, [1, 2, 3, 4]]
    assert found.calls() == {"batched": [*range(5)]}


def test_items_of_another_region_are_followed_by_themselves():
    cells = {"add": scaled(Add()), "batch": tp.Batch(2), "many": scaled(len)}
    trace = recorded(line(source=tp.Source(range(4)), **cells))
    assert set(trace.calls()["batch"]) == {0, 1, 2, 3}
    assert sorted(trace.calls()["many"]) == [0, 1]
    names = {event["name"] for event in trace.of("s")}
    assert names == {f"item {number}" for number in range(4)}


def test_errors_and_skips_are_told_with_their_texts():
    class Skips(Fails):
        on_error = "skip"

    pipeline = line(source=tp.Source(range(4)), a=scaled(Skips(1)), b=Fails(3))
    with pipeline.run() as run, run.trace() as trace, pytest.raises(ValueError, match="no 3"):
        list(run)
    marks = {event["name"]: event["args"] for event in traced(trace).of("i")}
    assert marks == {
        "skipped in a": {"item": 1, "error": "ValueError: no 1"},
        "error in b": {"item": 3, "error": "ValueError: no 3"},
    }
    assert traced(trace).calls()["b"] == [0, 2, 3]


def test_an_error_keeps_nothing_of_its_traceback_alive():
    class Large:
        pass

    seen = []

    def fails(x):
        large = Large()
        seen.append(weakref.ref(large))
        raise ValueError

    with open_line(fails=scaled(fails)).run() as run, run.trace() as trace:
        assert isinstance(run.submit(0).exception(), ValueError)
    gc.collect()
    assert len(traced(trace).of("i")) == 1
    assert seen[0]() is None


def test_queues_and_windows_are_counted():
    gate = Gate()
    pipeline = line(source=tp.Source(range(9)), gate=scaled(gate, 1))
    with pipeline.run(window=4) as run, run.trace() as trace:
        pulling = Background(list, run)
        gate.wait_until_inside(0)
        gate.open()
        pulling.result()
    counts = traced(trace).of("C")
    assert {event["name"] for event in counts} == {"in flight", "queue gate"}
    assert all(0 <= event["args"]["items"] <= 4 for event in counts)


# -- when


def test_recording_starts_and_stops_while_the_run_goes_on():
    with open_line(a=scaled(Add()), b=Add()).run() as run:
        list(run.map(range(3)))
        trace = run.trace()
        trace.start()
        list(run.map(range(4)))
        trace.stop()
        list(run.map(range(3)))
        assert {name: sorted(items) for name, items in traced(trace).calls().items()} == {
            "a": [3, 4, 5, 6],
            "b": [3, 4, 5, 6],
        }
        trace.start()
        run(0)
        trace.stop()
        assert traced(trace).calls()["b"] == [3, 4, 5, 6, 10]


def test_items_that_were_inside_are_left_out():
    gate = Gate()
    with open_line(gate=scaled(gate, 1)).run() as run:
        inside = run.submit(0)
        gate.wait_until_inside(0)
        with run.trace() as trace:
            gate.open()
            inside.result()
            run(1)
    assert traced(trace).calls() == {"gate": [1]}


def test_two_traces_at_once():
    with open_line(a=scaled(Add())).run() as run, run.trace() as one:
        run(0)
        with run.trace() as other:
            run(0)
    assert traced(one).calls() == {"a": [0, 1]}
    assert traced(other).calls() == {"a": [1]}


def test_clones_that_come_later_have_tracks_too():
    gate = Gate()
    with open_line(gate=scaled(gate, 1)).run() as run, run.trace() as trace:
        run.scale("gate", 2)
        futures = [run.submit(number) for number in range(2)]
        gate.wait_until_inside(0, 1)
        gate.open()
        assert [future.result() for future in futures] == [0, 1]
    assert len(traced(trace).tracks) == 2


def test_epochs_are_told_apart():
    with line(source=tp.Source(range(2)), a=scaled(Add())).run() as run, run.trace() as trace:
        list(run)
        list(run)
    calls = traced(trace).of("X", "a")
    found = sorted((call["args"]["epoch"], call["args"]["item"]) for call in calls)
    assert found == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert len(traced(trace).ways()) == 4


# Whatever the pipeline: no result changes, and each track is a line of calls with arrows between.
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(pipelines(), st.sampled_from((1, 3, 64)))
def test_any_pipeline_gives_the_same_results_and_a_valid_trace(drawn, window):
    steps, counts, outputs = drawn
    wanted, _ = expected(steps, counts, outputs)
    pipeline = Random(steps, counts, outputs, int)
    with pipeline.run(window=window, stall_after=5.0) as run:
        for _ in range(2):
            with run.trace() as trace:
                assert list(run) == wanted
            traced(trace)


# -- how much


def test_the_last_calls_are_kept_and_the_others_counted():
    with open_line(a=Add()).run() as run, run.trace(most=3) as trace:
        list(run.map(range(10)))
    assert (trace.calls, trace.dropped) == (3, 7)
    assert traced(trace).calls() == {"a": [7, 8, 9]}
    assert traced(trace).file["otherData"] == {"dropped": 7, "pipeline": "Made"}


def test_nothing_is_timed_for_it_before_and_after():
    with open_line(a=scaled(Add(), 1)).run() as run:
        (part,) = run._core.parts.values()
        probes = part.probes
        list(run.map(range(2000)))
        with run.trace():
            run(0)
            assert probes.next == 2001  # the next one, and so on
        list(run.map(range(3000)))
        assert probes.next > 2002
        assert run._core.shared.recordings == ()


# -- the file


def test_the_file_is_written_at_the_end_of_the_block_also_after_an_error(tmp_path):
    file = tmp_path / "trace.json"
    pipeline = line(source=tp.Source(range(4)), a=Fails(2))
    with pytest.raises(ValueError, match="no 2"), pipeline.run() as run, run.trace(file):
        list(run)
    events = json.loads(file.read_text())["traceEvents"]
    assert [event["args"]["item"] for event in events if event["name"] == "a"] == [0, 1, 2]


def test_a_file_needs_a_folder(tmp_path):
    file = tmp_path / "nowhere" / "trace.json"
    with open_line(a=Add()).run() as run, pytest.raises(RunError) as caught:
        run.trace(file)
    assert str(caught.value) == (
        f"cannot write a trace to {file}: there is no folder {file.parent}. Make it, or name "
        f"another file."
    )


def test_a_trace_of_nothing_is_a_file_as_well():
    with open_line(a=Add()).run() as run, run.trace() as trace:
        pass
    assert [event["name"] for event in traced(trace).events] == ["process_name"]
