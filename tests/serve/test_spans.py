"""Spans of requests: they belong to the traces that clients name."""

from __future__ import annotations

import sys

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import torchpipe as tp
from tests.serve.made import Line, Typed, add_one, asking
from torchpipe.errors import UsageError
from torchpipe.serve import app

TRACE = 0x4BF92F3577B34DA6A3CE929D0E0E4736
SPAN = 0x00F067AA0BA902B7
PARENT = {"traceparent": f"00-{TRACE:032x}-{SPAN:016x}-01"}


@pytest.fixture(scope="module")
def exporter():
    """What keeps the spans of the global provider, which can be set once in a process."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def spans(exporter):
    exporter.clear()
    return exporter.get_finished_spans


@pytest.mark.parametrize("clones", [None, 2])
@pytest.mark.parametrize("path", ["/run", "/run-batch"])
def test_a_request_goes_on_with_the_trace_that_it_names(path, clones, spans):
    body = {"x": 3} if path == "/run" else {"items": [{"x": 3}]}
    with asking(Typed(add_one, clones), spans=True) as client:
        assert client.post(path, json=body, headers=PARENT).status_code == 200
        assert client.post(path, json=body).status_code == 200
    roots = [span for span in spans() if "torchpipe.pipeline" in span.attributes]
    first, second = sorted(roots, key=lambda span: span.attributes["torchpipe.item"])
    assert (first.context.trace_id, first.parent.span_id) == (TRACE, SPAN)
    assert second.context.trace_id != TRACE
    assert second.parent is None
    calls = [span for span in spans() if "torchpipe.cell" in span.attributes]
    assert [span.parent.span_id for span in calls] == [root.context.span_id for root in roots]


def test_the_error_of_a_request_is_in_its_span(spans):
    def halve(x: int) -> int:
        return 100 // x

    with asking(Line(tp.ScaleUp(tp.cell(halve), 2)), spans=True) as client:
        assert client.post("/run", json={"x": 0}, headers=PARENT).status_code == 500
    call, item = spans()
    assert item.context.trace_id == TRACE
    assert call.events[0].attributes["exception.type"] == "ZeroDivisionError"


def test_without_being_asked_for_there_are_none(spans):
    with asking(Typed(add_one)) as client:
        assert client.post("/run", json={"x": 3}, headers=PARENT).status_code == 200
    assert spans() == ()


def test_spans_need_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "torchpipe.tracing", raising=False)
    with pytest.raises(UsageError) as caught:
        app(Typed(add_one), spans=True)
    assert str(caught.value) == (
        "cannot make spans: the module 'opentelemetry' is not installed. Install the extra "
        "`otel`: from a checkout, pip install --editable '.[otel]'."
    )
