"""Spans of OpenTelemetry: its own SDK keeps them in memory, and they are looked at."""

from __future__ import annotations

from collections import Counter
from time import time_ns

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import torchpipe as tp
from tests.engine.made import Add, Fails, Total, line, open_line, scaled
from torchpipe.testing import Gate
from torchpipe.tracing import Spans


class Exported:
    """A tracer, and the spans that have ended."""

    def __init__(self):
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = provider.get_tracer("tests")

    def all(self):
        return self._exporter.get_finished_spans()

    def items(self):
        """The spans of items, by number."""
        return {
            span.attributes["torchpipe.item"]: span
            for span in self.all()
            if "torchpipe.pipeline" in span.attributes
        }

    def calls(self, item):
        """The spans of the calls on an item, by cell."""
        above = self.items()[item].context
        return {
            span.name: span
            for span in self.all()
            if span.parent is not None and span.parent.span_id == above.span_id
        }


@pytest.fixture
def exported():
    return Exported()


def test_each_item_is_a_span_with_one_in_it_for_each_call(exported):
    before = time_ns()
    pipeline = line(source=tp.Source(range(5)), a=scaled(Add()), b=Total())
    with pipeline.run() as run, Spans(run, exported.tracer):
        assert len(list(run)) == 5
    assert set(exported.items()) == set(range(5))
    for number, item in exported.items().items():
        assert item.name == "Made"
        assert item.parent is None
        assert item.attributes == {
            "torchpipe.pipeline": "Made",
            "torchpipe.item": number,
            "torchpipe.epoch": 0,
        }
        calls = exported.calls(number)
        assert set(calls) == {"source", "a", "b"}
        times = [(calls[name].start_time, calls[name].end_time) for name in ("source", "a", "b")]
        flat = [before, item.start_time, *sum(times, ()), item.end_time, time_ns()]
        assert flat == sorted(flat)
    assert len(exported.all()) == 20


def test_a_call_tells_its_cell_clone_and_item(exported):
    gate = Gate()
    with open_line(gate=scaled(gate)).run() as run, Spans(run, exported.tracer):
        futures = [run.submit(number) for number in range(2)]
        gate.wait_until_inside(0, 1)
        gate.open()
        assert [future.result() for future in futures] == [0, 1]
    calls = [exported.calls(number)["gate"].attributes for number in range(2)]
    clones = Counter(call["torchpipe.clone"] for call in calls)
    assert clones == {"clone 0 on cpu": 1, "clone 1 on cpu": 1}
    told = {"torchpipe.cell": "gate", "torchpipe.item": 0, "torchpipe.batch": 1}
    assert {**calls[0], "torchpipe.clone": "any"} == {**told, "torchpipe.clone": "any"}


@pytest.mark.parametrize("clones", [0, 2])
def test_an_item_belongs_to_the_span_in_which_it_was_submitted(clones, exported):
    add = scaled(Add(), clones) if clones else Add()
    with open_line(add=add).run() as run, Spans(run, exported.tracer):
        with exported.tracer.start_as_current_span("request") as request:
            assert run(1) == 2
        assert run(2) == 3
    first, second = exported.items()[0], exported.items()[1]
    assert first.parent.span_id == request.get_span_context().span_id
    assert first.context.trace_id == request.get_span_context().trace_id
    assert second.parent is None


@pytest.mark.parametrize("clones", [0, 2])
def test_an_error_is_recorded_at_the_call_and_the_item(clones, exported):
    fails = scaled(Fails(1), clones) if clones else Fails(1)
    with open_line(fails=fails).run() as run, Spans(run, exported.tracer):
        assert [type(run.submit(x).exception()) for x in range(3)] == [
            type(None),
            ValueError,
            type(None),
        ]
    failed = [span.name for span in exported.all() if not span.status.is_ok]
    assert failed == ["fails", "Made"]
    call = exported.calls(1)["fails"]
    (event,) = call.events
    assert event.name == "exception"
    assert event.attributes["exception.type"] == "ValueError"
    assert event.attributes["exception.message"] == "no 1"
    assert (call.status.description, exported.items()[1].status.description) == ("no 1", "no 1")


def test_a_skipped_item_is_an_error_of_the_call_only(exported):
    class Skips(Fails):
        on_error = "skip"

    pipeline = line(source=tp.Source(range(3)), skips=scaled(Skips(1)), add=Add())
    with pipeline.run() as run, Spans(run, exported.tracer):
        assert list(run) == [1, 3]
    assert [span.name for span in exported.all() if not span.status.is_ok] == ["skips"]
    assert set(exported.calls(1)) == {"source", "skips"}


class Batched(tp.Cell):
    batching = tp.Batching(max_size=2, max_wait=5.0)

    def forward(self, x):
        return x

    def forward_batch(self, items):
        return [x for (x,) in items]


def test_a_batch_is_a_call_of_each_of_its_items(exported):
    with open_line(batched=scaled(Batched(), 1)).run() as run, Spans(run, exported.tracer):
        assert [future.result() for future in [run.submit(0), run.submit(1)]] == [0, 1]
    one, other = (exported.calls(number)["batched"] for number in range(2))
    assert (one.start_time, one.end_time) == (other.start_time, other.end_time)
    assert one.attributes["torchpipe.batch"] == other.attributes["torchpipe.batch"] == 2


def test_new_items_have_spans_of_their_own(exported):
    cells = {"add": scaled(Add()), "batch": tp.Batch(2), "length": scaled(len)}
    with line(source=tp.Source(range(4)), **cells).run() as run, Spans(run, exported.tracer):
        assert list(run) == [2, 2]
    names = Counter(span.name for span in exported.all() if span.parent is None)
    assert names == {"Made": 4, "Made batch": 2}


def test_what_is_inside_at_the_end_ends_there(exported):
    gate = Gate()
    with open_line(add=Add(), gate=scaled(gate, 1)).run() as run:
        spans = Spans(run, exported.tracer)
        spans.start()
        future = run.submit(0)
        gate.wait_until_inside(1)
        spans.stop()
        assert [span.name for span in exported.all()] == ["add", "Made"]
        gate.open()
        assert future.result() == 1
    assert len(exported.all()) == 2


def test_nothing_is_kept_of_items_that_have_left(exported):
    pipeline = line(source=tp.Source(range(500)), add=scaled(Add()))
    with pipeline.run() as run, Spans(run, exported.tracer) as spans:
        list(run)
        list(run)
        assert (spans._items, spans._parents, dict(spans._failures)) == ({}, {}, {})
    assert len(exported.all()) == 3000


def test_without_a_tracer_that_of_the_global_provider_is_taken():
    with open_line(add=Add()).run() as run, Spans(run) as spans:
        assert run(1) == 2
        assert isinstance(spans.tracer, type(trace.get_tracer("torchpipe")))
