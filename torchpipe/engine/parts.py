"""The regions of a run, put together: functions, threads and clones.

A region on the way to the results is *pulled*: it is a generator over the items of the region
above. Any other region is *pushed*: its start calls a function for each item. Regions of an open
pipeline that gives one item for each are pushed too, by whoever submits.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import ExitStack, suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from torchpipe.engine.clones import RunningClone, running_clone
from torchpipe.engine.code import Code
from torchpipe.engine.context import Context, note
from torchpipe.engine.deploy import Fused
from torchpipe.engine.item import END
from torchpipe.engine.program import Program
from torchpipe.engine.region import Ring, quietly, stopped_error
from torchpipe.engine.threads import Cells
from torchpipe.engine.values import Values
from torchpipe.engine.writer import Writer
from torchpipe.errors import ItemDropped
from torchpipe.graph.cell import HOLE
from torchpipe.graph.clone import ThreadClone
from torchpipe.graph.flat import Node
from torchpipe.graph.plan import Parallel, RegionPlan, Serial

if TYPE_CHECKING:
    from torchpipe.engine.core import Core

W = TypeVar("W", bound=Writer)


class Part(ABC):
    """What both kinds of region have in common."""

    def __init__(self, core: Core, plan: RegionPlan):
        self.core, self.plan = core, plan
        self.results = core.results_in(plan)
        self.values = Values(plan, core.ids, self.results)
        self.context = core.tail(plan)
        self.above = core.origin_above(plan)
        self.fused = self._fuse()
        self.pulled = plan in core.pulled
        self.way = core.way_from(plan)
        self.tail_cells = Cells(self.fused.placed(self._tail_nodes()), self.context)

    def _fuse(self) -> Fused:
        nodes = [node for stage in self.plan.serial for node in stage.nodes]
        return Fused(nodes, lambda node: self.context_of(self.plan.stage_of[node]))

    def context_of(self, stage: Serial | Parallel) -> Context:
        """The work of the thread that runs a stage."""
        return self.context

    def begin(self, first: int, step: int) -> None:
        """Begin an epoch, with an item of this number."""
        for stage in self.plan.serial:
            self.context_of(stage).begin(first, step)

    def _tail_nodes(self) -> list[Node]:
        return self.plan.serial[-1].nodes

    def program(self, call_of: Callable[[Node], Callable[..., Any]] | None = None) -> Program:
        """The writer of this region's functions."""
        return self.writer(Program, call_of or self.fused.calls.__getitem__)

    def writer(self, kind: type[W], call_of: Callable[[Node], Callable[..., Any]]) -> W:
        """A writer of this kind, for this region."""
        core = self.core
        packing, names = core.graph.packing, core.graph.result_names
        made = kind(
            self.plan, self.values, call_of, self.results, packing, names, self.way, core.pushes
        )
        made.above = self.above[1] if self.above is not None else None
        return made

    @abstractmethod
    def push(self) -> Callable[..., Any]:
        """What takes one item, where the region is pushed."""

    @abstractmethod
    def end(self) -> None:
        """Let the stream end, where the region is pushed."""

    @property
    def gives_results(self) -> bool:
        """Whether the consumer pulls the results from this region."""
        return self.core.pulled[-1:] == [self.plan]

    def finished(self) -> None:
        """The items of this region have ended."""
        if self.gives_results:
            self.core.epochs.finish()

    def failed(self, error: BaseException) -> BaseException:
        """What to raise for an error: noted here, it goes on in its place in the order.

        Where the consumer gets it, the run ends.
        """
        error = self.context.blame(error)
        return self.core.failed(error) if self.gives_results else error

    def rest(self) -> Iterator[Any]:
        """At the end of the stream: let all cells that start a region give what they still hold.

        Raises:
            Stopped: It was not the end, the run was stopped.
        """
        self.core.refuse_stopped()
        for node in self.plan.starts:
            if node is not self.way:
                self._flush_aside(node)
        if self.way is not None:
            yield from flushed(self.fused, self.way)

    def _flush_aside(self, node: Node) -> None:
        push = self.core.pushes[node]
        for out in flushed(self.fused, node):
            if len(node.outputs) > 1:
                push(*out)
            else:
                push(out)
        self.core.ends[node]()


class InlinePart(Part):
    """A region without clones: it runs in the thread of whoever pulls or pushes."""

    def __init__(self, core: Core, plan: RegionPlan):
        super().__init__(core, plan)
        code = self.program().stream() if self.pulled else self.program().call()
        objects: dict[str, Any] = {"rest": self.rest, "finished": self.finished}
        objects |= {"failed": self.failed, "core": core}
        self.function = core.ready_function(code, self.context, objects)
        core.inline_cells.append(self.tail_cells)

    def push(self) -> Callable[..., Any]:
        """Run all cells on one item; return the results."""
        return self.function

    def end(self) -> None:
        """The stream has ended."""
        list(self.rest())


class RingPart(Part):
    """A region with clones."""

    def __init__(self, core: Core, plan: RegionPlan):
        self.contexts: dict[Serial | Parallel, Context] = {}
        self.core, self.plan = core, plan
        super().__init__(core, plan)
        self.ring = Ring(plan, self.values, core.window)
        self.clones: dict[Parallel, list[RunningClone]] = {s: [] for s in plan.parallel}
        self.attempts: dict[Parallel, dict[int, int]] = {s: {} for s in plan.parallel}
        self.go: SimpleQueue[Any] = SimpleQueue()
        self.ended: SimpleQueue[BaseException | None] = SimpleQueue()
        core.rings.append(self)
        self._start_head()
        for stage in plan.serial[1:-1]:
            self._start_serial(stage)
        self._start_tail()
        for parallel in plan.parallel:
            for clone in parallel.node.clones or ():
                self.clones[parallel].append(running_clone(self, parallel, clone))

    def context_of(self, stage: Serial | Parallel) -> Context:
        """Each serial stage has a thread of its own, the tail in the end the consumer's."""
        if stage is self.plan.serial[-1]:
            return self.context
        if stage not in self.contexts:
            self.contexts[stage] = self.core.context(ThreadClone())
        return self.contexts[stage]

    def begin(self, first: int, step: int) -> None:
        """Begin an epoch; nothing is under suspicion any more."""
        super().begin(first, step)
        for attempts in self.attempts.values():
            attempts.clear()

    def _is_consumed(self) -> bool:
        """Whether the consumer waits for this region; else the head of one further on does."""
        after = itertools.dropwhile(lambda plan: plan is not self.plan, self.core.pulled)
        return not any(plan.parallel for plan in [*after][1:])

    def _ready(self, code: Code, context: Context) -> Callable[..., Any]:
        objects = {
            **self.ring.objects(),
            "ring": self.ring.in_order(),
            "wait": self.core.wait if self._is_consumed() else lambda lock: lock.acquire(),
            "rest": self.rest,
            "finished": self.finished,
            "failed": self.failed,
            "above": self.above and self.above[0],
            "core": self.core,
            "settled": self._settled,
            "refuse": self._refuse,
            "finish": self._finish,
            "close": close_all,
        }
        return self.core.ready_function(code, context, objects)

    def _start_head(self) -> None:
        """The head: a thread that reads sources, or a function for whoever pushes."""
        stage = self.plan.serial[0]
        context = self.context_of(stage)
        placed = self.fused.placed(stage.nodes)
        if not self.pulled:
            self.enter = self._ready(self.program().enter(), context)
            self.core.inline_cells.append(Cells(placed, context))
            return
        head = self._ready(self.program().head(), context)
        self.core.thread("source", placed, context, lambda: self._pump(head))

    def _pump(self, head: Callable[..., Any]) -> None:
        """Run the head once for each epoch, on the iterators that it is given."""
        while (sources := self.go.get()) is not None:
            streams = [source() for source in sources]
            try:
                head(*streams)
            finally:
                close_all(streams)
                del streams, sources

    def _start_serial(self, stage: Serial) -> None:
        code = self.program().serial(stage, streaming=not self.core.submitting)
        context = self.context_of(stage)
        work = self._ready(code, context)
        placed = self.fused.placed(stage.nodes)
        self.core.thread(f"stage {stage.level}", placed, context, quietly(work, self.ring))

    def _start_tail(self) -> None:
        """The tail: a generator for the consumer, or a thread that settles futures."""
        if self.pulled:
            self.tail = self._ready(self.program().tail(), self.context)
            self.core.inline_cells.append(self.tail_cells)
            return
        work = self._ready(self.program().settle(streaming=not self.core.submitting), self.context)
        self.core.thread("tail", self.tail_cells.cells, self.context, quietly(work, self.ring))

    def push(self) -> Callable[..., Any]:
        """Put one item in, beside the way to the results."""
        return lambda *values: self.enter(None, *values)

    def end(self) -> None:
        """The stream has ended: wait until all that is inside has passed.

        Raises:
            BaseException: What a cell here raised.
        """
        self.enter(END, *[None] * len(self.values.entries))
        error = self.core.patiently(self.ended)
        if error is not None:
            raise error

    def _finish(self) -> BaseException | None:
        """At the end of a pushed stream, in the tail's thread: flush; return what was raised."""
        error: BaseException | None = None
        try:
            list(self.rest())
        except BaseException as raised:
            error = raised
        self.ended.put(error)
        return error

    def _settled(self, future: Any, out: Any, error: BaseException | None) -> None:
        """Deliver a result; an error beside the way ends the run."""
        if future is None:
            if error is not None:
                self.core.fail_aside(error)
        elif future is not END:
            deliver(future, out, error)

    def _refuse(self, future: Any) -> None:
        """The run was stopped before the item was done."""
        if future is not None:
            self._settled(future, HOLE, self.core.why_stopped())

    def stop(self) -> None:
        """Wake all threads; each ends when the call that it is in has returned."""
        self.ring.stop()
        self.go.put(None)
        self.ended.put(stopped_error())
        for clone in (clone for clones in self.clones.values() for clone in clones):
            clone.stop()


def flushed(fused: Fused, node: Node) -> Iterator[Any]:
    """What a cell that yields still holds at the end of the stream."""
    cell = fused.cells[node]
    try:
        yield from cell.flush()
    except Exception as error:
        note(error, f"in the flush of cell {node.path!r}, at the end of the stream")
        raise


def deliver(future: Future[Any], out: Any, error: BaseException | None) -> None:
    """Give a future its result or error, unless it was cancelled."""
    with suppress(InvalidStateError):
        if error is not None:
            future.set_exception(error)
        elif out is HOLE:
            future.set_exception(
                ItemDropped("the item has no result: a cell filtered it, or failed and skipped it.")
            )
        else:
            future.set_result(out)


def close_all(streams: list[Any]) -> None:
    """Close what can be closed, so that generators release what they hold.

    Raises:
        BaseException: The first error; all others are closed as well.
    """
    with ExitStack() as stack:
        for stream in reversed(streams):
            close = getattr(stream, "close", None)
            if close is not None:
                stack.callback(close)
