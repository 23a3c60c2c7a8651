"""`Epochs`: what the consumer pulls, up to the end of the stream, again and again."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

from torchpipe.engine.deploy import stream_of
from torchpipe.engine.parts import InlinePart, Part, RingPart, close_all
from torchpipe.engine.threads import Cells
from torchpipe.graph.flat import Node

if TYPE_CHECKING:
    from torchpipe.engine.core import Core

Makers = list[Callable[[], Iterator[Any]]]


class Epochs:
    """The generators of results of a run. All that its consumers hold at a time are one.

    Attributes:
        streams: The iterators over sources that run in the consumer's thread.
    """

    def __init__(self, core: Core):
        self.core = core
        self.streams: list[Any] = []
        self._begun = False
        self._given = Given(None)
        self._results: Callable[[Any], Iterator[Any]] | None = None
        self._consumer: Callable[[], Any] = lambda: None

    def consumer(self) -> Any:
        """The generator that is in use, or None."""
        return self._consumer()

    def results(self, owner: Any, items: Iterator[Any] | None = None) -> Iterator[Any]:
        """The results of the current epoch, or of the next one if that is over.

        Args:
            owner: Kept alive by the iterator.
            items: What an open pipeline gets as its arguments.
        """
        self.core.refuse_stopped()
        current: Any = self.consumer()
        if current is not None and current.gi_frame is not None and items is None:
            return current  # type: ignore[no-any-return]
        if items is not None:
            self._abandon()
        if self._results is None:
            self._begin(items)
        assert self._results is not None
        made = self._results(owner)
        self._consumer = weakref.ref(made)
        return made

    def _abandon(self) -> None:
        """End an epoch of given items that was left early: let what is inside pass, unseen."""
        if self._results is not None:
            self._given.ended = True
            self.close()
            for _ in self._results(None):
                pass

    def _begin(self, items: Iterator[Any] | None) -> None:
        """Start an epoch: fresh iterators over the sources, and from region to region."""
        if self._begun:
            self.core.shared.epoch += 1
            self._reset()
        self._begun = True
        self._given = Given(items)
        makers: Makers = [always(self._given)] if items is not None else []
        nodes = [node for node in self.core.pulled[0].nodes if node.is_source]
        first, limit = self.core.parts[self.core.pulled[0]], self.core.items
        makers += [make_stream(first, node, limit) for node in nodes if node.cell]
        for plan in self.core.pulled[:-1]:
            makers = [always(self._open(self.core.parts[plan], makers)(None))]
        self._results = self._open(self.core.parts[self.core.pulled[-1]], makers)

    def _open(self, part: Part, makers: Makers) -> Callable[[Any], Iterator[Any]]:
        """Let a pulled part read these sources; return what makes the generator of its results."""
        if isinstance(part, RingPart):
            part.go.put(makers)
            return part.tail
        assert isinstance(part, InlinePart)
        streams = [make() for make in makers]
        self.streams += streams
        return lambda owner: part.function(owner, *streams)

    def finish(self) -> None:
        """The results have ended, and all items have passed: the next who asks starts an epoch."""
        streams, self.streams = self.streams, []
        close_all(streams)  # those that others, in step with them, have cut short
        if not self._given.ended:
            for cells in self._all_cells():
                cells.finish()
        self._results = None

    def _reset(self) -> None:
        """Reset all cells; all threads are idle, as every item has left."""
        for context in self.core.contexts:
            context.past, context.number = context.past + context.number + 1, -1
        try:
            for cells in self._all_cells():
                cells.reset()
        except BaseException:
            self.core.stop(self.core.stop_after)
            raise

    def _all_cells(self) -> list[Cells]:
        return [*(thread.cells for thread in self.core.threads), *self.core.inline_cells]

    def close(self) -> bool:
        """End the generator of results where it is; False if another thread is in it."""
        try:
            close_all([consumer for consumer in [self.consumer()] if consumer is not None])
        except ValueError:
            return False
        return True


class Given:
    """The items that an open pipeline was given, until it is told to read no more of them."""

    def __init__(self, items: Iterator[Any] | None):
        self._items, self.ended = items or iter(()), False

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self.ended:
            raise StopIteration
        return next(self._items)


def always(stream: Iterator[Any]) -> Callable[[], Iterator[Any]]:
    """What gives this stream."""
    return lambda: stream


def make_stream(part: Part, node: Node, limit: int | None) -> Callable[[], Iterator[Any]]:
    """What starts a source, of which at most `limit` items are read."""
    if limit is None:
        return lambda: stream_of(part.fused.cells[node])
    return lambda: limited(stream_of(part.fused.cells[node]), limit)


def limited(stream: Iterator[Any], limit: int) -> Iterator[Any]:
    """The first items of a stream, which is closed after them."""
    with closing(stream):  # type: ignore[type-var]
        yield from islice(stream, limit)
