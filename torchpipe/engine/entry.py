"""`Entry`: where users put items into an open pipeline, one by one or as a stream."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from torchpipe.engine.context import Context
from torchpipe.engine.core import Core
from torchpipe.engine.delivery import deliver_end
from torchpipe.engine.inline_part import InlinePart
from torchpipe.engine.inputs import Inputs
from torchpipe.engine.open_source import OpenSource
from torchpipe.engine.position import Start, taking
from torchpipe.engine.reply import Reply
from torchpipe.engine.ring_part import RingPart
from torchpipe.engine.session import Request, Sessions, Stream
from torchpipe.engine.streams import close_all
from torchpipe.errors import ItemDropped, RunError, Stopped


class Entry:
    """Takes items from any number of threads, one at a time.

    Args:
        core: The run; its pipeline may be closed, then there is nothing to enter.
    """

    def __init__(self, core: Core):
        self.core = core
        self.sessions = Sessions(core.sessions)
        self._has_sessions = core.sessions > 0
        self._inputs, self._first = Inputs(core), core.parts[core.plan.way[0]]
        self._lock = threading.Lock()
        self._sources: list[OpenSource] = []
        self._mapped: dict[int, deque[Future[Any]]] = {}  # what each `map` has not given yet
        self._open_sources()

    def submit(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], stream: Stream | None = None
    ) -> Future[Any]:
        """Put one item in, of that session or of none; waits for room in the window."""
        return self._put(self._inputs.submitted(args, kwargs), stream)

    def submit_nowait(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], stream: Stream | None = None
    ) -> Future[Any] | None:
        """Put one item in; None, and nothing has happened, if that would wait or run a cell."""
        values = self._inputs.submitted(args, kwargs)
        if not self._passes or not self._lock.acquire(blocking=False):
            return None
        try:
            return None if self._is_full() else self._put_now(values, stream)
        finally:
            self._lock.release()

    @cached_property
    def _passes(self) -> bool:
        """Whether items pass to clones before any cell takes them."""
        part = self._first
        return isinstance(part, RingPart) and not part.fused.placed(part.plan.serial[0].nodes)

    def _is_full(self) -> bool:
        assert isinstance(self._first, RingPart)
        return self._first.ring.full

    @property
    def ahead(self) -> int | None:
        """Most results of an item that wait to be taken; None if they are made as it is put in."""
        return self.core.window if self._first.plan.parallel else None

    def send(self, reply: Reply, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Put one item in, which gives its results to that reply; waits for room."""
        values = self._inputs.sent(args, kwargs)
        self.core.expect(reply)
        with self._lock:
            self._put_in(reply, values, None)

    def end(self, stream: Stream) -> Future[None]:
        """Put the end of a session in; waits for room in the window."""
        request = Request(stream, ends=True)
        request.add_done_callback(lambda _: self.sessions.close(stream))
        with self._lock:
            self.core.refuse_stopped()
            stream.ended = True
            self._enter(request, [None] * self._inputs.count)
        return request

    def _put(self, values: list[Any], stream: Stream | None) -> Future[Any]:
        with self._lock:
            return self._put_now(values, stream)

    def _put_now(self, values: list[Any], stream: Stream | None) -> Future[Any]:
        future: Future[Any] = Request(stream) if self._has_sessions else Future()
        self._put_in(future, values, stream)
        return future

    def _put_in(self, future: Any, values: list[Any], stream: Stream | None) -> None:
        """Put an item in, by whoever holds the lock."""
        self.core.refuse_stopped()
        if stream is not None and stream.ended:
            raise RunError("cannot submit to this session: it has ended. Open another one.")
        values += [value for source in self._sources for value in source.read()]
        try:
            self._enter(future, values)
        except Stopped as stopped:
            raise stopped from self.core.failure

    def map(self, owner: Any, items: Iterable[Any], stream: Stream | None = None) -> Iterator[Any]:
        """The outputs for each item, in order; `owner` is kept alive by the iterator."""
        self._inputs.refuse_map()
        if self.core.submitting:
            return self._map_futures(items, stream)
        return self.core.epochs.results(owner, map(self._inputs.packed, items))

    def drain(self) -> None:
        """Wait until all submitted items have left, and with them what cells still hold."""
        for reply in self.core.awaited():
            reply.make_room()
        if self.core.submitting:
            with self._lock:
                self._first.end()

    def seek(self, start: Start, states: Mapping[str, Any] | None = None) -> None:
        """Let the next item be that one, and all cells remember these states.

        Raises:
            RunError: A result is being taken, or an item is being put in.
        """
        with self.at_rest():
            self.core.epochs.seek(start, states)
            self._open_sources()

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """All that was submitted has left, and nobody submits meanwhile.

        Raises:
            RunError: Somebody puts an item in just now, or `map` has results that nobody took.
        """
        if not self._lock.acquire(blocking=False):
            raise busy("an item is being put in")
        try:
            if self.core.submitting:
                self._wait_until_empty()
            yield
        finally:
            self._lock.release()

    def _wait_until_empty(self) -> None:
        if self.core.inside():
            raise taking()
        for part in reversed(self.core.rings):  # each before those that it pushes to
            part.ring.wait_until_empty(self.core.wait)
        self.core.refuse_stopped()
        if any(list(self._mapped.values())):
            raise busy("`map` has results that nobody has taken")

    def _open_sources(self) -> None:
        """The sources within an open pipeline: they give one element for each item submitted."""
        if not self.core.submitting:
            return
        plan = self._first.plan
        context = self._first.context_of(plan.serial[0])
        nodes = [node for node in plan.nodes if node.is_source and node.cell is not None]
        close_all([source.stream for source in self._sources])
        streams = [make() for make in self.core.epochs.streams_of(plan, None)]
        pairs = zip(nodes, streams, strict=True)
        self._sources = [OpenSource(node, stream, context) for node, stream in pairs]
        self.core.epochs.streams[:] = streams

    def _enter(self, future: Any, values: list[Any]) -> None:
        """Put an item into the first region; without clones, run it here and now."""
        part = self._first
        if isinstance(part, RingPart):
            part.enter(future, *values)
            return
        assert isinstance(part, InlinePart)
        if self._has_sessions and self._ends(future, part.context):
            return
        part.enter(future, *values)

    def _ends(self, request: Request, context: Context) -> bool:
        """Whether it is the end of a session, which has then ended, as nothing is inside."""
        assert context.copies is not None
        ends = not context.copies.takes(request)
        if ends:
            deliver_end(request)
        return ends

    def _map_futures(self, items: Iterable[Any], stream: Stream | None) -> Iterator[Any]:
        """Keep a window of items in flight, and give their results in order."""
        waiting: deque[Future[Any]] = deque()
        self._mapped[id(waiting)] = waiting
        try:
            for future in self._submitted(items, stream):
                waiting.append(future)
                if len(waiting) >= self.core.window:
                    yield from unless_dropped(waiting.popleft())
            while waiting:
                yield from unless_dropped(waiting.popleft())
        finally:
            del self._mapped[id(waiting)]

    def _submitted(self, items: Iterable[Any], stream: Stream | None) -> Iterator[Future[Any]]:
        """A future for each item; if there is none to submit, the error has its place in them."""
        try:
            for item in items:
                yield self._put(self._inputs.of(item), stream)
        except Exception as error:
            failed: Future[Any] = Future()
            failed.set_exception(error)
            yield failed


def busy(why: str) -> RunError:
    """What those get who want the position to be another while it changes."""
    return RunError(f"cannot do this now: {why}. Do it between two items.")


def unless_dropped(future: Future[Any]) -> Iterator[Any]:
    """The result of a future; nothing, if the item was dropped."""
    if not isinstance(future.exception(), ItemDropped):
        yield future.result()
