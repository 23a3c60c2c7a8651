"""`Epochs`: what the consumer pulls, up to the end of the stream, again and again."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from torchpipe.engine.parts import InlinePart, Part, RingPart, close_all
from torchpipe.engine.position import Position, Start, taking
from torchpipe.engine.streams import Given, Makers, always, make_streams
from torchpipe.engine.threads import Cells

if TYPE_CHECKING:
    from torchpipe.engine.core import Core


class Epochs:
    """The generators of results of a run. All that its consumers hold at a time are one.

    Attributes:
        streams: The iterators over sources that run in the consumer's thread.
    """

    def __init__(self, core: Core):
        self.core = core
        self.streams: list[Any] = []
        self._sources: list[Any] = []
        # Where the epoch starts that has not begun; submitted items are one epoch.
        self._next: Start | None = None if core.submitting else Start()
        self._used = core.submitting  # whether anything may have passed since the last reset
        self._left = False
        self._given = Given(None)
        self._results: Callable[[Any], Iterator[Any]] | None = None
        self._consumer: Callable[[], Any] = lambda: None

    def consumer(self) -> Any:
        """The generator that is in use, or None."""
        return self._consumer()

    @property
    def position(self) -> Position:
        """What the consumer gets next."""
        core, last = self.core, self.core.plan.way[-1]
        if self._next is not None:
            return Position(self._next.epoch, self._next.item, self._next.numbers.get(last.key, 0))
        if core.submitting:
            context, (origin, name) = self._entry, (self._entry, "number")
        elif self._results is None:
            return Position(core.shared.epoch + 1)
        else:
            context, (origin, name) = core.tail(last), core.origin_in(last)
        item = getattr(origin, name) + self._entry.step
        return Position(core.shared.epoch, item, context.number + context.step)

    @property
    def _entry(self) -> Any:
        """The record of the work of the very first stage."""
        first = self.core.plan.way[0]
        return self.core.parts[first].context_of(first.serial[0])

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
        return self._generator(owner)

    def _generator(self, owner: Any) -> Iterator[Any]:
        """What gives the results of this epoch from here on."""
        assert self._results is not None
        made = self._results(owner)
        self._consumer = weakref.ref(made)
        return made

    def seek(self, start: Start) -> None:
        """Let the next epoch start there, and drop what is inside.

        Raises:
            RunError: Another thread is taking a result just now.
        """
        self._abandon()
        if self._used or start.epoch != self.core.shared.epoch:
            self.core.shared.epoch = start.epoch
            self._reset()
        for part in self.core.parts.values():
            part.begin(start.numbers.get(part.plan.key, 0), 1 if part.plan.key else start.step)
        if not self.core.submitting:
            self._next, self._used = start, False

    def _abandon(self) -> None:
        """End an epoch that was left early: what is inside passes all stages, untouched."""
        if self._results is None:
            return
        if not self.close():
            raise taking()
        self._left = self._given.ended = True
        try:
            self._cut_short()
            for _ in self._generator(None):
                pass
        except BaseException:
            self.core.stop(self.core.stop_after)
            raise
        finally:
            self._left, self.core.halted = False, self.core.stopped

    def _cut_short(self) -> None:
        """Let the sources end, wherever they are read."""
        self.core.halted = True
        first = self.core.parts[self.core.pulled[0]]
        if isinstance(first, RingPart):
            first.ring.abandon()
        elif not any(plan.parallel for plan in self.core.pulled):
            close_all(self._sources)  # they are read in this thread

    def _begin(self, items: Iterator[Any] | None) -> None:
        """Start an epoch: fresh iterators over the sources, and from region to region."""
        if self._next is None:
            self.seek(Start(self.core.shared.epoch + 1))
        assert self._next is not None
        start, self._next, self._used = self._next, None, True
        self._given = Given(items)
        makers: Makers = [always(self._given)] if items is not None else []
        makers += self._made_streams(start)
        for plan in self.core.pulled[:-1]:
            makers = [always(self._open(self.core.parts[plan], makers)(None))]
        self._results = self._open(self.core.parts[self.core.pulled[-1]], makers)

    def _made_streams(self, start: Start) -> Makers:
        """What starts the sources."""
        first = self.core.parts[self.core.pulled[0]]
        try:
            return make_streams(first, self.core.items, start)
        except BaseException:
            self.core.stop(self.core.stop_after)
            raise

    def _open(self, part: Part, makers: Makers) -> Callable[[Any], Iterator[Any]]:
        """Let a pulled part read these sources; return what makes the generator of its results."""
        if isinstance(part, RingPart):
            part.ring.begin()
            part.go.put(makers)
            return part.tail
        assert isinstance(part, InlinePart)
        streams = [make() for make in makers]
        self.streams += streams
        self._sources = self._sources or streams  # the first region is opened first
        return lambda owner: part.function(owner, *streams)

    def finish(self) -> None:
        """The results have ended, and all items have passed: the next who asks starts an epoch."""
        streams, self.streams, self._sources = self.streams, [], []
        close_all(streams)  # those that others, in step with them, have cut short
        if not self._left:
            for cells in self._all_cells():
                cells.finish()
        self._results = None

    def _reset(self) -> None:
        """Reset all cells; all threads are idle, as every item has left."""
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
