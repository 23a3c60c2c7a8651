"""`Spans`: the items of a run, and the calls of their cells, as spans of OpenTelemetry.

It needs the extra `otel`. Where spans go is set up as for any other program: see the documentation
of `opentelemetry-sdk`, or start it with `opentelemetry-instrument`.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter_ns, time_ns
from typing import Any, Self

from opentelemetry import context, propagate, trace

from torchpipe.engine.run import Run
from torchpipe.engine.telemetry.recording import Called, Failed, Passed

Key = tuple[str, int, int]
Attributes = dict[str, str | int]


class Spans:
    """A span for each item of a run, from its entry to its end; in it, one for each call of a cell.

    That of an item that is submitted belongs to the span that is current where that is done. A cell
    that makes new items, such as a batch, starts spans of their own.

    Args:
        run: The run; items that enter it from `start` on have spans.
        tracer: Makes the spans; by default that of the global provider, named "torchpipe".

    >>> import torchpipe as tp
    >>> class Double(tp.Pipeline):
    ...     def build(self, x: int):
    ...         return tp.cell(lambda x: 2 * x)(x)
    >>> with Double().run() as run, Spans(run):
    ...     run(21)
    42
    """

    def __init__(self, run: Run, tracer: trace.Tracer | None = None):
        self.run, self.name = run, run.pipeline.path
        self.tracer = trace.get_tracer("torchpipe") if tracer is None else tracer
        self._shift = time_ns() - perf_counter_ns()
        self._parents: dict[Key, tuple[context.Context, float]] = {}
        self._items: dict[Key, trace.Span] = {}
        self._failures: dict[int, list[Failed]] = defaultdict(list)  # by thread
        self._lock = threading.Lock()

    def start(self) -> None:
        """Make spans of all items that enter from now on."""
        self.run.record(self)

    def stop(self) -> None:
        """Make no more; those of items that are inside end now."""
        self.run.record_no_more(self)
        with self._lock:
            left, self._items = self._items, {}
        for span in left.values():
            span.end()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- what it is told

    def entered(self, passed: Passed) -> None:
        """An item was put in, by this thread: the current span is where it belongs."""
        self._parents[key_of(passed)] = context.get_current(), passed.when

    def failed(self, failed: Failed) -> None:
        """A cell has raised an error, in the call that is told next; a lost process tells none."""
        self._failures[threading.get_ident()].append(failed)
        span = self._items.get((failed.track.region, failed.epoch, failed.item))
        if span is not None and not failed.skipped:
            span.set_status(status_of(failed))

    def called(self, called: Called) -> None:
        """A call has returned."""
        failures = self._failures.pop(threading.get_ident(), [])
        for item in called.items:
            mine = [failed for failed in failures if failed.item == item]
            self._call(called, item, mine)

    def left(self, passed: Passed) -> None:
        """An item has left."""
        key = key_of(passed)
        self._parents.pop(key, None)
        with self._lock:
            span = self._items.pop(key, None)
        if span is not None:
            span.end(self._time(passed.when))

    # -- the spans

    def _call(self, called: Called, item: int, failures: list[Failed]) -> None:
        """The span of a call, in that of the item."""
        above = self._item((called.track.region, called.epoch, item), called.began)
        made: Attributes = {"torchpipe.cell": called.path, "torchpipe.item": item}
        made |= {"torchpipe.clone": str(called.track.clone), "torchpipe.batch": len(called.items)}
        start, within = self._time(called.began), trace.set_span_in_context(above)
        span = self.tracer.start_span(called.path, within, attributes=made, start_time=start)
        for failed in failures:
            span.record_exception(failed.error, timestamp=self._time(failed.when))
            for one in (span, above) if not failed.skipped else (span,):
                one.set_status(status_of(failed))
        span.end(self._time(called.ended))

    def _item(self, key: Key, began: float) -> trace.Span:
        """The span of an item: it is made with its first call."""
        with self._lock:
            if key not in self._items:
                above, start = self._parents.pop(key, (context.get_current(), began))
                self._items[key] = self._new_item(key, above, start)
            return self._items[key]

    def _new_item(self, key: Key, above: context.Context, start: float) -> trace.Span:
        region, epoch, item = key
        name = f"{self.name} {region}".strip()
        made: Attributes = {"torchpipe.pipeline": self.name, "torchpipe.item": item}
        made |= {"torchpipe.epoch": epoch}
        return self.tracer.start_span(name, above, attributes=made, start_time=self._time(start))

    def _time(self, when: float) -> int:
        """Nanoseconds since 1970."""
        return round(when * 1e9) + self._shift


def key_of(passed: Passed) -> Key:
    """What tells an item from all others of a run."""
    return passed.region, passed.epoch, passed.item


def status_of(failed: Failed) -> trace.Status:
    """What went wrong."""
    return trace.Status(trace.StatusCode.ERROR, str(failed.error))


Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


class Joining:
    """An ASGI app whose requests belong to the spans that their `traceparent` headers name.

    If a span is current already, as another middleware has made one, that is the one.

    Args:
        app: What is behind.
    """

    def __init__(self, app: App):
        self.app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Handle one connection."""
        if "headers" not in scope or trace.get_current_span().get_span_context().is_valid:
            await self.app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        token = context.attach(propagate.extract(headers))
        try:
            await self.app(scope, receive, send)
        finally:
            context.detach(token)
