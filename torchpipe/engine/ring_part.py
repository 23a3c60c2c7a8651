"""`RingPart`: a region with clones: its ring, its threads, and its clones."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from torchpipe.engine.clones import RunningClone, running_clone
from torchpipe.engine.compiler.code import Code
from torchpipe.engine.context import Context
from torchpipe.engine.delivery import deliver, deliver_end
from torchpipe.engine.ending import stopped_error
from torchpipe.engine.inline_part import InlinePart
from torchpipe.engine.item import CLOSED, END
from torchpipe.engine.part import Part
from torchpipe.engine.position import Start
from torchpipe.engine.reply import Reply
from torchpipe.engine.ring import Ring, quietly
from torchpipe.engine.streams import close_all
from torchpipe.engine.telemetry.distribution import Histogram
from torchpipe.engine.telemetry.probes import Probes
from torchpipe.engine.telemetry.recording import serial_track
from torchpipe.engine.telemetry.totals import Former
from torchpipe.engine.threads import Cells
from torchpipe.graph.flat import upstream
from torchpipe.graph.hole import HOLE
from torchpipe.graph.plan import Parallel, RegionPlan, Serial

if TYPE_CHECKING:
    from torchpipe.engine.core import Core


class RingPart(Part):
    """A region with clones.

    Attributes:
        ring: Its items.
        clones: Those of each parallel stage that were not called back.
        former: What those have done that were.
        attempts: How often those items were tried that lost a clone, by number.
        probes: What tells how long items take.
        go: What the head reads in the next epoch; None, to end.
        ended: What a cell raised at the end of a pushed stream, or None.
    """

    def __init__(self, core: Core, plan: RegionPlan):
        self.contexts: dict[Serial | Parallel, Context] = {}  # `context_of` is asked at once
        super().__init__(core, plan)
        self.probes = Probes(core.shared, plan.key)
        self.ring = Ring(plan, self.values, core.window, self.probes)
        self.clones: dict[Parallel, list[RunningClone]] = {s: [] for s in plan.parallel}
        self.former: dict[Parallel, Former] = {s: Former() for s in plan.parallel}
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
            assert isinstance(stage, Serial)
            self.contexts[stage] = self.core.context(serial_track(self.plan, stage))
        return self.contexts[stage]

    @property
    def latency(self) -> Histogram:
        """That of items that were probes."""
        return self.probes.latency

    def time_all(self) -> None:
        """Time the calls on all items that enter from now on."""
        self.probes.next = -1

    def begin(self, start: Start) -> None:
        """Begin an epoch; nothing is under suspicion any more."""
        super().begin(start)
        head = self.context_of(self.plan.serial[0])
        self.probes.begin(head.first, head.step)
        for attempts in self.attempts.values():
            attempts.clear()

    def _is_consumed(self) -> bool:
        """Whether the consumer waits for this region; else the head of one further on does."""
        after = itertools.dropwhile(lambda plan: plan is not self.plan, self.core.pulled)
        return not any(plan.parallel for plan in [*after][1:])

    def _ready(self, code: Code, context: Context) -> Callable[..., Any]:
        objects = {
            **self.objects(),
            **self.ring.objects(),
            "ring": self.ring.in_order(),
            "probes": self.probes,
            "wait": self._waits(),
            "settled": self._settled,
            "refuse": self._refuse,
            "finish": self._finish,
            "close": close_all,
        }
        return self.core.ready_function(code, context, objects)

    def _waits(self) -> Callable[[Any], None]:
        """How the tail waits: the thread that it is in counts that as work."""
        if self._is_consumed():
            return partial(self.context.wait, self.core.wait)
        return lambda lock: self.context.wait(lock.acquire)

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
        code = self.program().serial(stage)
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
        work = self._ready(self.program().settle(), self.context)
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

    def _settled(self, future: Any, out: Any, error: Any) -> None:
        """Deliver a result; an error beside the way, where there is no future, ends the run."""
        if future is None:
            if error is not None and not self.core.stopped:  # `stop` may have taken it
                self.core.fail_aside(error)
        elif error is CLOSED:
            deliver_end(future)
        elif future is not END:
            if type(future) is Reply and out is not HOLE and future.full:
                self._wait_for_room(future)
            deliver(future, out, error)

    def _wait_for_room(self, reply: Reply) -> None:
        self.context.rest()
        self.context.wait(reply.wait_for_room)
        self.context.work()

    def outlet(self, stage: Parallel) -> Callable[[Reply, Any], None] | None:
        """What takes the results of a scaled-up cell that yields, each as soon as it is there.

        None where they must be one list, for what comes after: cells that take them in order, that
        may fail on the item, or that try again.
        """
        node, last = stage.node, self.core.plan.way[-1]
        ends = self.replies and node.bundled and len(self.core.plan.way) == 2 and not last.nodes
        if not ends or not set(self.plan.nodes) <= upstream([last.region.start or node]):
            return None
        part = self.core.parts[last]
        assert node.cell is not None
        assert isinstance(part, InlinePart)
        return part.give if node.cell.on_error == "raise" else None

    def _refuse(self, future: Any) -> None:
        """The run was stopped before the item was done."""
        if future is not None:
            self._settled(future, HOLE, self.core.why_stopped())

    def stop(self) -> list[Any]:
        """Wake all threads; each ends when the call that it is in has returned.

        Returns:
            The futures of the items inside: nobody else settles them.
        """
        futures = self.ring.stop()
        self.go.put(None)
        self.ended.put(stopped_error())
        for clone in (clone for clones in self.clones.values() for clone in clones):
            clone.stop()
        return futures
