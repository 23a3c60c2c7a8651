"""`Core`: everything that a run has in motion. It knows nothing of the `Run` that users hold.

So a run that nobody holds any more can be collected, which stops its core.
"""

from __future__ import annotations

import inspect
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from torchpipe.engine.code import Code
from torchpipe.engine.context import Context, Shared
from torchpipe.engine.deploy import stream_of
from torchpipe.engine.parts import InlinePart, Part, RingPart, close_all, deliver
from torchpipe.engine.region import stopped_error
from torchpipe.engine.stall import StallGuard, stuck_calls
from torchpipe.engine.threads import Cells, StageThread
from torchpipe.engine.torch_state import TorchState
from torchpipe.errors import StallWarning, Stopped
from torchpipe.graph.clone import Clone
from torchpipe.graph.flat import Node, Value
from torchpipe.graph.plan import Plan, RegionPlan

Makers = list[Callable[[], Iterator[Any]]]


class Core:
    """The parts of a run, its threads, and how all of it starts and stops.

    Args:
        plan: The compiled pipeline.
        window: Most items alive in a region.
        seed: The seed of the run.
        stall_after: Seconds without progress until a warning, or None.
        stop_after: Longest time in seconds to wait for calls that are running when it stops.
    """

    def __init__(
        self,
        plan: Plan,
        window: int,
        seed: int,
        stall_after: float | None,
        stop_after: float | None,
    ):
        self.stop_after = stop_after
        self.plan, self.graph, self.window = plan, plan.graph, window
        self.submitting = self.graph.entry is not None and plan.one_to_one
        self.pulled = [] if self.submitting else plan.way
        self.ids = {node: number for number, node in enumerate(self.graph.nodes)}
        self.shared, self.state = Shared(seed), TorchState()
        self.contexts: list[Context] = []
        self.guard = StallGuard(self.contexts, stall_after)
        self.threads: list[StageThread] = []
        self.inline_cells: list[Cells] = []
        self.rings: list[RingPart] = []
        self.pushes: dict[Node, Callable[..., Any]] = {}
        self.ends: dict[Node, Callable[[], None]] = {}
        self.errors: list[BaseException] = []
        self.failure: BaseException | None = None
        self.stopped = False
        self.streams: list[Any] = []
        self.scaling = threading.Lock()
        self._lock = threading.RLock()
        self._results: Callable[[Any], Iterator[Any]] | None = None
        self._given = Given(None)
        self._consumer: Callable[[], Any] = lambda: None
        self._start()

    # -- start

    def _start(self) -> None:
        """Make all parts, those that are pushed to before those that push; set up all cells."""
        self.parts: dict[RegionPlan, Part] = {}
        try:
            for plan in reversed(self.plan.regions):
                part = self.parts[plan] = (RingPart if plan.parallel else InlinePart)(self, plan)
                if plan.region.start is not None and plan not in self.pulled:
                    self.pushes[plan.region.start], self.ends[plan.region.start] = (
                        part.push(),
                        part.end,
                    )
            for error in filter(None, [thread.wait_ready() for thread in self.threads]):
                raise error
            for cells in self.inline_cells:
                cells.set_up()
        except BaseException:
            self.stop(self.stop_after)
            raise

    def results_in(self, plan: RegionPlan) -> list[Value]:
        """The results of the pipeline, if they are values of this region."""
        return list(self.graph.results) if plan is self.plan.way[-1] else []

    def way_from(self, plan: RegionPlan) -> Node | None:
        """The cell that starts the next region on the way to the results, if that is pulled."""
        if plan not in self.pulled[:-1]:
            return None
        return self.pulled[self.pulled.index(plan) + 1].region.start

    def context(self, clone: Clone) -> Context:
        """The record of a thread's work."""
        made = Context(self.shared, clone)
        self.contexts.append(made)
        return made

    def ready_function(
        self, code: Code, context: Context, objects: dict[str, Any]
    ) -> Callable[..., Any]:
        """Compile a generated function, with the objects that it uses."""
        code.objects |= objects
        code.bind("context", context)
        function = code.function()
        context.calls, context.code = code.calls, function.__code__
        return function

    def thread(
        self, name: str, placed: list[Any], context: Context, work: Callable[[], Any]
    ) -> StageThread:
        """Start a thread with these cells and this work."""
        cells = Cells(placed, context)
        made = StageThread(name, cells, work, self.state, self._broken, self.errors.append)
        self.threads.append(made)
        return made

    # -- epochs

    def results(self, owner: Any, items: Iterator[Any] | None = None) -> Iterator[Any]:
        """The results of the current epoch, or of the next one if that is over.

        Args:
            owner: Kept alive by the iterator.
            items: What an open pipeline gets as its arguments.
        """
        self.refuse_stopped()
        current: Any = self._consumer()
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
            self._close_consumer()
            for _ in self._results(None):
                pass

    def _begin(self, items: Iterator[Any] | None) -> None:
        """Start an epoch: fresh iterators over the sources, and from region to region."""
        if self._begun:
            self.shared.epoch += 1
            self._reset()
        self._begun = True
        self._given = Given(items)
        makers: Makers = [always(self._given)] if items is not None else []
        nodes = [node for node in self.pulled[0].nodes if node.is_source]
        makers += [make_stream(self.parts[self.pulled[0]], node) for node in nodes if node.cell]
        for plan in self.pulled[:-1]:
            makers = [always(self._open(self.parts[plan], makers)(None))]
        self._results = self._open(self.parts[self.pulled[-1]], makers)

    _begun = False

    def _open(self, part: Part, makers: Makers) -> Callable[[Any], Iterator[Any]]:
        """Let a pulled part read these sources; return what makes the generator of its results."""
        if isinstance(part, RingPart):
            part.go.put(makers)
            return part.tail
        assert isinstance(part, InlinePart)
        streams = [make() for make in makers]
        self.streams += streams
        return lambda owner: part.function(owner, *streams)

    def finish_epoch(self) -> None:
        """The results have ended: the next who asks starts an epoch."""
        self._results = None
        self.streams.clear()

    def _reset(self) -> None:
        """Reset all cells; all threads are idle, as every item has left."""
        for context in self.contexts:
            context.past, context.number = context.past + context.number + 1, -1
        try:
            for cells in [*self.inline_cells, *(thread.cells for thread in self.threads)]:
                cells.reset()
        except BaseException:
            self.stop(self.stop_after)
            raise

    # -- while running

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
            error, self.failure = self.failure or error, None
        self.stop(self.stop_after, own=True)
        return error

    def fail_aside(self, error: BaseException) -> None:
        """A cell beside the way to the results failed: the consumer, or `stop`, gets its error."""
        self.failure = self.failure or error
        self.signal()

    def _broken(self, error: BaseException) -> None:
        """A thread ended with an error: nobody may wait for it."""
        if self.stopped:
            self.errors.append(error)
        else:
            self.fail_aside(error)

    def take_error(self) -> BaseException | None:
        """The first error that nobody got yet."""
        with self._lock:
            errors, self.errors[:] = [*self.errors], []
            failure, self.failure = self.failure, None
        return next(iter([*([failure] if failure else []), *errors]), None)

    def refuse_stopped(self) -> None:
        """Raise if the run has ended."""
        if self.stopped:
            raise stopped_error() from self.failure

    def enter(self, future: Any, values: list[Any]) -> None:
        """Put an item into the first region; without clones, run it here and now."""
        part = self.parts[self.plan.way[0]]
        if isinstance(part, RingPart):
            part.enter(future, *values)
            return
        assert isinstance(part, InlinePart)
        try:
            result = part.function(*values)
        except Exception as error:
            deliver(future, None, error)
        else:
            deliver(future, result, None)

    def arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Any]:
        """The values for all inputs, in order; defaults where nothing is given.

        Raises:
            TypeError: An input is missing, or there is none of that name.
        """
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return list(bound.arguments.values())

    @cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self.graph.pipeline.build)

    def drain(self, entry: Any) -> None:
        """Wait until all submitted items have left, and with them what cells still hold."""
        if self.submitting:
            with entry:
                self.parts[self.plan.way[0]].end()

    def forget_ended(self) -> None:
        """Drop the threads that have ended."""
        self.threads[:] = [stage for stage in self.threads if stage.thread.is_alive()]

    # -- stop

    def signal(self) -> None:
        """Tell all threads to end, without waiting for them."""
        with self._lock:
            if self.stopped:
                return
            self.stopped = True
        for part in self.rings:
            part.stop()
            for future in part.ring.futures():
                deliver(future, None, self.failure or stopped_error())

    def stop(self, wait: float | None, *, own: bool = False) -> None:
        """End all threads and tear down all cells.

        Args:
            wait: Longest time in seconds to wait for calls that are running; None waits for ever.
            own: Whether the consumer's generator itself asks, and so cannot be closed.
        """
        self.signal()
        if not own and not self._close_consumer():
            return  # it runs in another thread, which ends it
        deadline = None if wait is None else monotonic() + wait
        for stage in self.threads:
            if stage.thread is not threading.current_thread():
                stage.thread.join(None if deadline is None else max(0.0, deadline - monotonic()))
        self._warn_stuck()
        self._tear_down()

    def _close_consumer(self) -> bool:
        """End the generator of results where it is; False if another thread is in it."""
        try:
            close_all([consumer for consumer in [self._consumer()] if consumer is not None])
        except ValueError:
            return False
        return True

    def _tear_down(self) -> None:
        """Tear down the cells that run in the consumer's thread."""
        with self._lock:
            streams, self.streams = self.streams, []
            cells, self.inline_cells = self.inline_cells, []
        try:
            close_all(streams)
        except Exception as error:
            self.errors.append(error)
        for group in cells:
            self.errors += group.tear_down()

    def _warn_stuck(self) -> None:
        """Name the calls that did not return in time; their threads are left behind."""
        alive = [stage for stage in self.threads if stage.thread.is_alive()]
        others = [stage for stage in alive if stage.thread is not threading.current_thread()]
        if others and not sys.is_finalizing():
            calls = stuck_calls(stage.cells.context for stage in others)
            names = ", ".join(stage.thread.name for stage in others)
            text = "\n".join(calls) or f"{names} did not end."
            warnings.warn(f"the run stopped, but a call has not returned. {text}", StallWarning, 4)


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


def make_stream(part: Part, node: Node) -> Callable[[], Iterator[Any]]:
    """What starts a source."""
    return lambda: stream_of(part.fused.cells[node])
