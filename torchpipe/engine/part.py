"""`Part`: a region of a run, put together: what both kinds have in common.

A region on the way to the results is *pulled*: it is a generator over the items of the region
above. Any other region is *pushed*: its start calls a function for each item. Regions of an open
pipeline that gives one item for each are pushed too, by whoever submits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from torchpipe.engine.compiler.program import Program
from torchpipe.engine.compiler.values import Values
from torchpipe.engine.compiler.writer import Writer
from torchpipe.engine.context import Context
from torchpipe.engine.deploy import Placed
from torchpipe.engine.fused import Fused
from torchpipe.engine.notes import note
from torchpipe.engine.position import Start
from torchpipe.engine.reply import Reply
from torchpipe.engine.saving.passage import Passage
from torchpipe.engine.telemetry.distribution import Histogram
from torchpipe.engine.threads import Cells
from torchpipe.graph.flat import Node
from torchpipe.graph.plan import Parallel, RegionPlan, Serial

if TYPE_CHECKING:
    from torchpipe.engine.core import Core

W = TypeVar("W", bound=Writer)


class Part(ABC):
    """What both kinds of region have in common.

    Attributes:
        enter: Puts one item in, whose result goes to the future that is its first argument.
        values: Where values live on their way.
        context: The record of the work of its last stage.
        above: Where the region that it is pulled from says on which item it works, if there is one.
        fused: Its cells that are not scaled up.
        pulled: Whether it is pulled.
        replies: Whether its items are parts of replies.
        way: The cell that starts the region which pulls from this one, if there is one.
        pending: What that cell has given, and the region below has not taken.
        flushed: Whether the stream had ended, and all was given, when the run was saved.
        passage: What takes cuts through it, if there are any.
        tail_cells: The cells of its last stage.
    """

    enter: Callable[..., Any]

    def __init__(self, core: Core, plan: RegionPlan):
        self.core, self.plan = core, plan
        self.results = core.route.results_in(plan)
        self.values = Values(plan, core.ids, self.results)
        self.context = core.tail(plan)
        above = core.route.above(plan)
        self.above = None if above is None else core.origin_in(above)
        self.fused = self._fuse()
        self.pulled = plan in core.pulled
        self.replies = core.route.has_replies(plan)
        self.way = core.route.below(plan)
        self.passage = Passage(self, core.cuts) if core.cuts is not None else None
        self.pending: deque[Any] = deque()
        self.flushed = False
        self.tail_cells = Cells(self.fused.placed(plan.serial[-1].nodes), self.context)

    def _fuse(self) -> Fused:
        nodes = [node for stage in self.plan.serial for node in stage.nodes]
        return Fused(nodes, lambda node: self.context_of(self.plan.stage_of[node]))

    def context_of(self, stage: Serial | Parallel) -> Context:
        """The work of the thread that runs a stage."""
        return self.context

    def objects(self) -> dict[str, Any]:
        """What the generated functions of this region use."""
        return {
            "rest": self.rest,
            "finished": self.finished,
            "failed": self.failed,
            "pending": self.pending,
            "passage": self.passage,
            "cuts": self.core.cuts,
            "above": self.above and self.above[0],
            "core": self.core,
        }

    def begin(self, start: Start) -> None:
        """Begin an epoch there."""
        first, step = start.numbers.get(self.plan.key, 0), 1 if self.plan.key else start.step
        for stage in self.plan.serial:
            self.context_of(stage).begin(first, step, start.item - start.step)
        self.pending.clear()
        if self.way is not None:
            self.pending.extend(start.pending.get(self.way.path, ()))
        self.flushed = self.plan.key in start.ended
        if self.passage is not None:
            self.passage.arriving = None

    def sources(self) -> Placed:
        """The sources of this region, by path."""
        nodes = (node for node in self.plan.nodes if node.is_source and node.cell)
        return [(node.path, self.fused.cells[node]) for node in nodes]

    def program(self, call_of: Callable[[Node], Callable[..., Any]] | None = None) -> Program:
        """The writer of this region's functions."""
        made = self.writer(Program, call_of or self.fused.calls.__getitem__)
        made.above = self.above[1] if self.above is not None else None
        made.passage, made.requests = self.passage, self.core.submitting
        made.replies, made.onward = self.replies, self.core.route.onward
        made.sessions = bool(self.core.sessions) and self.plan is self.core.plan.way[0]
        return made

    def writer(self, kind: type[W], call_of: Callable[[Node], Callable[..., Any]]) -> W:
        """A writer of this kind, for this region."""
        core = self.core
        packing, names = core.graph.packing, core.graph.result_names
        return kind(
            self.plan, self.values, call_of, self.results, packing, names, self.way, core.pushes
        )

    @abstractmethod
    def push(self) -> Callable[..., Any]:
        """What takes one item, where the region is pushed."""

    def onward(self) -> Callable[..., Any]:
        """What takes one part of an item that gives several results."""

        def enter(reply: Reply, *values: Any) -> None:
            reply.enter()
            self.enter(reply, *values)

        return enter

    @abstractmethod
    def end(self) -> None:
        """Let the stream end, where the region is pushed."""

    @abstractmethod
    def time_all(self) -> None:
        """Time the calls on all items that enter from now on."""

    @property
    def latency(self) -> Histogram:
        """How long items take from the beginning of this region to its end."""
        return self.context.service

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
        if self.flushed:
            return
        for node in self.plan.starts:
            if node is not self.way:
                self._flush_aside(node)
        if self.way is not None:
            yield from flushed(self.fused, self.way)

    def _flush_aside(self, node: Node) -> None:
        push = self.core.pushes[node]  # on the way to a reply, nothing is left: see `Several`
        for out in flushed(self.fused, node):
            if len(node.outputs) > 1:
                push(*out)
            else:
                push(out)
        self.core.ends[node]()


def flushed(fused: Fused, node: Node) -> Iterator[Any]:
    """What a cell that yields still holds at the end of the stream."""
    cell = fused.cells[node]
    try:
        yield from cell.flush()
    except Exception as error:
        note(error, f"in the flush of cell {node.path!r}, at the end of the stream")
        raise
