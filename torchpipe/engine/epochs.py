"""`Epochs`: what the consumer pulls, up to the end of the stream, again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from torchpipe.engine.inline_part import InlinePart
from torchpipe.engine.item import END
from torchpipe.engine.one_generator import OneGenerator
from torchpipe.engine.part import Part
from torchpipe.engine.position import Position, Start, taking
from torchpipe.engine.ring_part import RingPart
from torchpipe.engine.saving.cut import States, state_of
from torchpipe.engine.saving.state import present
from torchpipe.engine.streams import Given, Makers, always, close_all, make_streams
from torchpipe.errors import StateError
from torchpipe.graph.plan import RegionPlan

if TYPE_CHECKING:
    from torchpipe.engine.core import Core


class Epochs(OneGenerator):
    """The epochs of a run, one after the other, each with its generators of results.

    Attributes:
        streams: The iterators over sources that run in the consumer's thread.
        above: The regions above the last one, and the generators of what they give it.
        next: Where the epoch starts that has not begun; None while one is under way, or over.
        current: Where the epoch started that is under way.
        sources: What stateful sources remembered then.
    """

    def __init__(self, core: Core):
        super().__init__()
        self.core = core
        self.streams: list[Any] = []
        self.above: list[tuple[Part, Any]] = []
        self.current = Start.of(0)
        self.next = None if core.submitting else self.current  # submitted items are one epoch
        self.sources: States = {}
        self._sources: list[Any] = []
        self._used = core.submitting  # whether anything may have passed since the last reset
        self._left = False
        self._given = Given(None)

    # -- where it is

    @property
    def over(self) -> bool:
        """Whether the last epoch has ended, and cells were not reset for the next one."""
        return self.next is None and self._results is None and not self.core.submitting

    @property
    def position(self) -> Position:
        """What the consumer gets next."""
        core, last = self.core, self.core.plan.way[-1]
        if self.next is not None:
            return self.next.position
        if self.over:
            return Position(core.shared.epoch + 1)
        context, (origin, name) = core.tail(last), (self._entry, "number")
        if core.submitting:
            context = self._entry
        else:
            origin, name = core.origin_in(last)
        item = getattr(origin, name) + self._entry.step
        return Position(core.shared.epoch, item, context.number + context.step)

    @property
    def _entry(self) -> Any:
        """The record of the work of the very first stage."""
        first = self.core.plan.way[0]
        return self.core.parts[first].context_of(first.serial[0])

    @property
    def stamp(self) -> tuple[object, ...]:
        """What changes when a result is taken; first, whether one is being taken."""
        consumer = self.consumer()
        running = consumer is not None and consumer.gi_running
        return running, self._results, self.next, self.position

    # -- the results

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
        if self._results is not None:
            return self._generator(owner)
        self._begin(items)
        return self._later(self._generator(owner))

    def _later(self, results: Iterator[Any]) -> Iterator[Any]:
        """The results without those that the consumer had before the run was saved."""
        last, until = self.core.tail(self.core.plan.way[-1]), self.current.position.result
        while last.number + last.step < until:
            if next(results, END) is END:
                raise StateError(
                    f"cannot go on at result {until}: there are only {last.number + last.step} "
                    f"now. Let the sources give what they gave when the run was saved."
                )
        return results

    # -- from epoch to epoch

    def seek(self, start: Start, states: Mapping[str, Any] | None = None) -> None:
        """Let the next epoch start there, and drop what is inside.

        Args:
            start: Where it starts.
            states: What the cells shall remember; by default nothing, as after a reset.

        Raises:
            RunError: A result is being taken just now.
        """
        self._abandon()
        with self._or_stop():
            if self._used or start.epoch != self.core.shared.epoch:
                self._reset(start.epoch)
            self._load(start, states or {})
        for part in self.core.parts.values():
            part.begin(start)
        self.current = start
        if not self.core.submitting:
            self.next, self._used = start, states is not None

    @contextmanager
    def _or_stop(self) -> Iterator[None]:
        """End the run if this fails: then cells and sources would be in different epochs."""
        try:
            yield
        except BaseException:
            self.core.stop(self.core.stop_after)
            raise

    def _reset(self, epoch: int) -> None:
        """Reset all cells; all threads are idle, as every item has left."""
        self.core.shared.epoch = epoch
        for cells in self.core.all_cells():
            cells.reset()

    def _load(self, start: Start, states: Mapping[str, Any]) -> None:
        """Let all cells remember these states."""
        if states:
            for cells in self.core.all_cells():
                cells.load(states)
        if start.resets:
            self._reset(start.epoch)

    def _abandon(self) -> None:
        """End an epoch that was left early: what is inside passes all stages, untouched."""
        if self._results is None:
            return
        if not self.close():
            raise taking()
        self._left = self._given.ended = True
        try:
            with self._or_stop():
                self._cut_short()
                for _ in self._generator(None):
                    pass
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
        if self.next is None:
            self.seek(Start.of(self.core.shared.epoch + 1))
        self.next, self._used = None, True
        self._given = Given(items)
        makers = self._makers(items)
        if self.core.cuts is not None:
            self.core.cuts.start(present(self.core, self.sources), self.current.step)
        for plan in self.core.pulled[:-1]:
            part = self.core.parts[plan]
            self.above.append((part, self._open(part, makers)(None)))
            makers = [always(self.above[-1][1])]
        self._results = self._open(self.core.parts[self.core.pulled[-1]], makers)

    def _makers(self, items: Iterator[Any] | None) -> Makers:
        """What starts the sources, and gives the items."""
        makers: Makers = [always(self._given)] if items is not None else []
        with self._or_stop():
            makers += self.streams_of(self.core.pulled[0], self.core.items)
        return [always(iter(())) for _ in makers] if "" in self.current.ended else makers

    def streams_of(self, plan: RegionPlan, limit: int | None) -> Makers:
        """What starts the sources of a region; what they remember is noted before."""
        self.sources = self.source_states()
        part = self.core.parts[plan]
        return make_streams(part, part.sources(), limit, self.current)

    def source_states(self) -> States:
        """What stateful sources remember now."""
        sources = self.core.parts[self.core.plan.way[0]].sources()
        return {path: state_of(path, cell) for path, cell in sources if cell.stateful}

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
        streams, self.streams, self._sources, self.above = self.streams, [], [], []
        close_all(streams)  # those that others, in step with them, have cut short
        if not self._left:
            for cells in self.core.all_cells():
                cells.finish()
        self._results = None
