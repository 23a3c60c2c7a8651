"""`Core`: everything that a run has in motion. It knows nothing of the `Run` that users hold.

So a run that nobody holds any more can be collected, which stops its core.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable
from functools import partial
from time import perf_counter, process_time
from typing import Any

from torchpipe.engine.compiler.code import Code
from torchpipe.engine.context import Context
from torchpipe.engine.crew import Crew
from torchpipe.engine.delivery import deliver
from torchpipe.engine.epochs import Epochs
from torchpipe.engine.inline_part import InlinePart
from torchpipe.engine.options import Options
from torchpipe.engine.part import Part
from torchpipe.engine.reply import Reply
from torchpipe.engine.ring_part import RingPart
from torchpipe.engine.route import Route
from torchpipe.engine.saving.passage import cuts_for
from torchpipe.engine.streams import close_all
from torchpipe.engine.telemetry.recording import Silent, begin, end, serial_track
from torchpipe.engine.telemetry.taps import Taps
from torchpipe.errors import Stopped
from torchpipe.graph.flat import Node
from torchpipe.graph.plan import Plan, RegionPlan


class Core(Crew):
    """The parts of a run, its threads, and how all of it starts and stops.

    Args:
        plan: The compiled pipeline.
        options: How the run shall be.

    Attributes:
        route: What is pulled, and what is pushed.
        parts: All regions in motion.
        rings: Those with clones.
        pushes, ends: What takes an item, and the end of the stream, for the cells that start a
            region which is pushed.
        replies: Those that somebody may wait for.
        began: When all was ready, by `perf_counter`.
        spent: The CPU seconds of the process by then.
        cuts: What saves the run between two items; None if it cannot be.
    """

    def __init__(self, plan: Plan, options: Options):
        super().__init__(options)
        self.stop_after, self.items = options.stop_after, options.items
        self.ray_address = options.ray_address
        self.plan, self.graph = plan, plan.graph
        self.route = route = Route(plan, options.stream)
        self.submitting, self.replying, self.pulled = route.submitting, route.replying, route.pulled
        self.ids = {node: number for number, node in enumerate(self.graph.nodes)}
        self.parts: dict[RegionPlan, Part] = {}
        self.rings: list[RingPart] = []
        self.pushes: dict[Node, Callable[..., Any]] = {}
        self.ends: dict[Node, Callable[[], None]] = {}
        self.replies: weakref.WeakSet[Reply] = weakref.WeakSet()
        looking = Silent()
        self.taps = Taps(self.ids, partial(begin, self, looking), partial(end, self, looking))
        self.began = self.spent = 0.0
        self.scaling = threading.Lock()
        self._tails: dict[RegionPlan, Context] = {}
        self._torn_down = threading.Event()
        self.cuts = cuts_for(plan, self.pulled, options.window)
        self.epochs = Epochs(self)
        self._start()

    # -- start

    def _start(self) -> None:
        """Make all parts, those that are pushed to before those that push; set up all cells."""
        try:
            for plan in reversed(self.plan.regions):
                part = self.parts[plan] = (RingPart if plan.parallel else InlinePart)(self, plan)
                if plan.region.start is not None and plan not in self.pulled:
                    self.pushes[plan.region.start] = part.onward() if part.replies else part.push()
                    self.ends[plan.region.start] = part.end
            for error in [thread.wait_ready() for thread in self.threads]:
                if error is not None:
                    raise error
            for cells in self.inline_cells:
                cells.set_up()
            self._start_times()
        except BaseException:
            self.stop(self.stop_after)
            raise

    def _start_times(self) -> None:
        """All times begin when all is ready; those of threads that are late, when they are."""
        self.began, self.spent = perf_counter(), process_time()
        for context in self.contexts:
            context.began = self.began

    def tail(self, plan: RegionPlan) -> Context:
        """The record of the work of a region's last stage."""
        if plan not in self._tails:
            self._tails[plan] = self.context(serial_track(plan, plan.serial[-1]))
        return self._tails[plan]

    def origin_in(self, plan: RegionPlan) -> tuple[Context, str]:
        """Where a pulled region's last stage says which item of the first region it works on."""
        region = self.route.counts(plan)
        return self.tail(region), "number" if region is self.pulled[0] else "origin"

    def ready_function(
        self, code: Code, context: Context, objects: dict[str, Any]
    ) -> Callable[..., Any]:
        """Compile a generated function, with the objects that it uses."""
        code.objects |= objects
        code.bind("context", context)
        code.bind("taps", self.taps)
        function = code.function()
        context.calls, context.code = code.calls, function.__code__
        return function

    # -- while running

    def expect(self, reply: Reply) -> None:
        """Let the end of the run be the end of a reply."""
        with self._lock:
            self.refuse_stopped()
            self.replies.add(reply)

    def awaited(self) -> list[Reply]:
        """The replies that somebody may wait for."""
        with self._lock:
            return list(self.replies)

    def failed(self, error: BaseException) -> BaseException:
        """The consumer gets an error: stop everything, and return what to raise."""
        if isinstance(error, Stopped):
            error, self.failure = self.why_stopped(), None
        self.stop(self.stop_after, own=True)
        return error

    # -- stop

    def signal(self) -> None:
        """Tell all threads to end, without waiting for them."""
        with self._lock:
            if self.stopped:
                return
            self.stopped = self.halted = True
            self.over = perf_counter(), process_time()
        for reply in self.awaited():
            reply.fail(self.why_stopped())
        for part in self.rings:
            for future in part.stop():
                deliver(future, None, self.why_stopped())
        self.taps.end(self.why_stopped())
        for cells in self.all_cells():
            self.errors += cells.interrupt()

    def stop(self, wait: float | None, *, own: bool = False) -> None:
        """End all threads and tear down all cells.

        Args:
            wait: Longest time in seconds to wait for calls that are running; None waits for ever.
            own: Whether the consumer's generator itself asks, and so cannot be closed.
        """
        self.signal()
        if not own and not self.epochs.close():
            if not self.inside():
                self._torn_down.wait(wait)
            return  # the thread that runs it ends it
        self.join(wait)
        self._tear_down()

    def inside(self) -> bool:
        """Whether a cell of this run asks: what waits for its call cannot be waited for."""
        frame, consumer = sys._getframe(), self.epochs.consumer()
        while frame.f_back is not None and frame is not getattr(consumer, "gi_frame", None):
            frame = frame.f_back
        own = [stage.thread for stage in self.threads]
        return frame.f_back is not None or threading.current_thread() in own

    def _tear_down(self) -> None:
        """Tear down the cells that run in the consumer's thread."""
        with self._lock:
            streams, self.epochs.streams = self.epochs.streams, []
            cells, self.inline_cells = self.inline_cells, []
        try:
            close_all(streams)
        except Exception as error:
            self.errors.append(error)
        for group in cells:
            self.errors += group.tear_down()
        self._torn_down.set()
