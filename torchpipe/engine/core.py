"""`Core`: everything that a run has in motion. It knows nothing of the `Run` that users hold.

So a run that nobody holds any more can be collected, which stops its core.
"""

from __future__ import annotations

import sys
import threading
import warnings
import weakref
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from time import monotonic, perf_counter, process_time
from typing import Any, TypeVar

from torchpipe.engine.compiler.code import Code
from torchpipe.engine.context import Context, Shared
from torchpipe.engine.copies import Copies
from torchpipe.engine.delivery import deliver
from torchpipe.engine.epochs import Epochs
from torchpipe.engine.inline_part import InlinePart
from torchpipe.engine.parts import Part
from torchpipe.engine.region import stopped_error
from torchpipe.engine.reply import Reply
from torchpipe.engine.ring_part import RingPart
from torchpipe.engine.saving.passage import cuts_for
from torchpipe.engine.stall import StallGuard, stuck_calls
from torchpipe.engine.streams import close_all
from torchpipe.engine.telemetry.recording import Silent, Track, begin, end, serial_track
from torchpipe.engine.telemetry.taps import Taps
from torchpipe.engine.threads import Cells, StageThread
from torchpipe.engine.torch_state import TorchState
from torchpipe.errors import StallWarning, Stopped
from torchpipe.graph.flat import Node, Value
from torchpipe.graph.plan import Plan, RegionPlan

C = TypeVar("C", bound=Context)


class Core:
    """The parts of a run, its threads, and how all of it starts and stops.

    Args:
        plan: The compiled pipeline.
        window: Most items alive in a region.
        seed: The seed of the run.
        stall_after: Seconds without progress until a warning, or None.
        stop_after: Longest time in seconds to wait for calls that are running when it stops.
        items: Most items to read from each source in an epoch, or None.
        stream: Whether an open pipeline takes a stream of items, rather than requests. None: if one
            of them may give several results.
        ray_address: Which Ray cluster to join, or None.
        sessions: Most sessions at a time; 0 if there are none.
    """

    def __init__(
        self,
        plan: Plan,
        window: int,
        seed: int,
        stall_after: float | None,
        stop_after: float | None,
        items: int | None,
        stream: bool | None,
        ray_address: str | None,
        sessions: int,
    ):
        self.sessions = sessions
        self.stop_after, self.items, self.ray_address = stop_after, items, ray_address
        self.plan, self.graph, self.window = plan, plan.graph, window
        stream = not plan.one_to_one if stream is None else stream
        self.submitting = self.graph.entry is not None and not stream
        self.replying = self.submitting and not plan.one_to_one
        way = plan.way[1:] if self.replying else []
        self.onward = frozenset(start for region in way if (start := region.region.start))
        self.replies: weakref.WeakSet[Reply] = weakref.WeakSet()
        self.pulled = [] if self.submitting else plan.way
        self.ids = {node: number for number, node in enumerate(self.graph.nodes)}
        self.shared, self.state = Shared(seed), TorchState()
        looking = Silent()
        self.taps = Taps(self.ids, partial(begin, self, looking), partial(end, self, looking))
        self.contexts: list[Context] = []
        self.tails: dict[RegionPlan, Context] = {}
        self.guard = StallGuard(self.contexts, stall_after)
        self.threads: list[StageThread] = []
        self.inline_cells: list[Cells] = []
        self.rings: list[RingPart] = []
        self.pushes: dict[Node, Callable[..., Any]] = {}
        self.ends: dict[Node, Callable[[], None]] = {}
        self.errors: list[BaseException] = []
        self.failure: BaseException | None = None
        self.stopped = False
        self.halted = False  # whether streams shall end: the run has, or the epoch was left
        self.began = 0.0  # when all was ready, by `perf_counter`
        self.spent = 0.0  # CPU seconds of the process by then
        self.over: tuple[float, float] | None = None  # when it stopped, and CPU seconds by then
        self.scaling = threading.Lock()
        self._over = threading.Event()
        self._lock = threading.RLock()
        self.cuts = cuts_for(plan, self.pulled, window)
        self.epochs = Epochs(self)
        self._start()

    # -- start

    def _start(self) -> None:
        """Make all parts, those that are pushed to before those that push; set up all cells."""
        self.parts: dict[RegionPlan, Part] = {}
        try:
            for plan in reversed(self.plan.regions):
                part = self.parts[plan] = (RingPart if plan.parallel else InlinePart)(self, plan)
                if plan.region.start is not None and plan not in self.pulled:
                    onward = self.replying and plan in self.plan.way
                    self.pushes[plan.region.start] = part.onward() if onward else part.push()
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

    def results_in(self, plan: RegionPlan) -> list[Value]:
        """The results of the pipeline, if they are values of this region."""
        return list(self.graph.results) if plan is self.plan.way[-1] else []

    def way_from(self, plan: RegionPlan) -> Node | None:
        """The cell that starts the next region on the way to the results, if that is pulled."""
        if plan not in self.pulled[:-1]:
            return None
        return self.pulled[self.pulled.index(plan) + 1].region.start

    def origin_in(self, plan: RegionPlan) -> tuple[Context, str]:
        """Where a pulled region's last stage says which item of the first region it works on."""
        while plan is not self.pulled[0] and not plan.parallel:  # in step with the one above
            plan = self.pulled[self.pulled.index(plan) - 1]
        return self.tail(plan), "number" if plan is self.pulled[0] else "origin"

    def origin_above(self, plan: RegionPlan) -> tuple[Context, str] | None:
        """The same for the region that this one is pulled from, if there is one."""
        if plan not in self.pulled[1:]:
            return None
        return self.origin_in(self.pulled[self.pulled.index(plan) - 1])

    def tail(self, plan: RegionPlan) -> Context:
        """The record of the work of a region's last stage."""
        if plan not in self.tails:
            self.tails[plan] = self.context(serial_track(plan, plan.serial[-1]))
        return self.tails[plan]

    def context(self, track: Track) -> Context:
        """The record of a thread's work."""
        made = Context(self.shared, track.clone, track)
        made.copies = Copies(made) if self.sessions else None
        return self.keep(made)

    def keep(self, context: C) -> C:
        """Watch this record, too, for what is stuck."""
        self.contexts.append(context)
        return context

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

    def all_cells(self) -> list[Cells]:
        """The cells of all threads, and those of the consumer's."""
        return [*(stage.cells for stage in self.threads), *self.inline_cells]

    def thread(
        self, name: str, placed: list[Any], context: Context, work: Callable[[], Any]
    ) -> StageThread:
        """Start a thread with these cells and this work."""
        return self.start(name, Cells(placed, context), work, self.state)

    def start(
        self, name: str, cells: Cells, work: Callable[[], Any], state: TorchState
    ) -> StageThread:
        """Start a thread with this work; its cells may live elsewhere.

        Raises:
            Stopped: The run has stopped: `stop` waits for the threads that it knows, and no others.
        """
        with self._lock:
            if self.stopped:
                raise self.why_stopped()
            made = StageThread(name, cells, work, state, self.broken, self.errors.append)
            self.threads.append(made)
        return made

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

    def wait(self, lock: Any) -> None:
        """Acquire a lock for the consumer, and warn if nothing moves."""
        while not lock.acquire(True, self.guard.timeout):
            self.guard.look()

    def patiently(self, queue: SimpleQueue[Any]) -> Any:
        """Take what comes through a queue, and warn if nothing moves."""
        while True:
            try:
                return queue.get(timeout=self.guard.after)
            except Empty:
                self.guard.look()

    def failed(self, error: BaseException) -> BaseException:
        """The consumer gets an error: stop everything, and return what to raise."""
        if isinstance(error, Stopped):
            error, self.failure = self.why_stopped(), None
        self.stop(self.stop_after, own=True)
        return error

    def fail_aside(self, error: BaseException) -> None:
        """A cell beside the way to the results failed: the consumer, or `stop`, gets its error."""
        self.failure = error if self.failure is None else self.failure
        self.signal()

    def broken(self, error: BaseException) -> None:
        """A thread ended with an error: nobody may wait for it."""
        if self.stopped:
            self.errors.append(error)
        else:
            self.fail_aside(error)

    def take_errors(self) -> list[BaseException]:
        """The errors that nobody got yet, the first one first."""
        with self._lock:
            errors, self.errors[:] = [*self.errors], []
            failure, self.failure = self.failure, None
        return errors if failure is None else [failure, *errors]

    def why_stopped(self) -> BaseException:
        """What those get who still wait for something."""
        return stopped_error() if self.failure is None else self.failure

    def refuse_stopped(self) -> None:
        """Raise if the run has ended."""
        if self.stopped:
            raise stopped_error() from self.failure

    def forget_ended(self) -> None:
        """Drop the threads that have ended, and the records of their work."""
        with self._lock:
            ended = [stage for stage in self.threads if not stage.thread.is_alive()]
            gone = {id(stage.cells.context) for stage in ended}
            self.contexts[:] = [context for context in self.contexts if id(context) not in gone]
            self.threads[:] = [stage for stage in self.threads if stage not in ended]

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
            part.stop()
            for future in part.ring.futures():
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
                self._over.wait(wait)
            return  # the thread that runs it ends it
        deadline = None if wait is None else monotonic() + wait
        for stage in [*self.threads]:  # `forget_ended` may shorten the list meanwhile
            if stage.thread is not threading.current_thread():
                stage.thread.join(None if deadline is None else max(0.0, deadline - monotonic()))
        self._warn_stuck()
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
        self._over.set()

    def _warn_stuck(self) -> None:
        """Name the calls that did not return in time; their threads are left behind."""
        alive = [stage for stage in self.threads if stage.thread.is_alive()]
        others = [stage for stage in alive if stage.thread is not threading.current_thread()]
        if others and not sys.is_finalizing():
            calls = stuck_calls(stage.cells.context for stage in others)
            names = ", ".join(stage.thread.name for stage in others)
            text = "\n".join(calls) or f"{names} did not end."
            warnings.warn(f"the run stopped, but a call has not returned. {text}", StallWarning, 4)
