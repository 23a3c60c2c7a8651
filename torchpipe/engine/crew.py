"""`Crew`: the threads of a run, the cells that live in them, and the records of their work."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, TypeVar

from torchpipe.engine.context import Context
from torchpipe.engine.copies import Copies
from torchpipe.engine.ending import Ending
from torchpipe.engine.options import Options
from torchpipe.engine.shared import Shared
from torchpipe.engine.stall import StallGuard, stuck_calls
from torchpipe.engine.telemetry.recording import Track
from torchpipe.engine.threads import Cells, StageThread
from torchpipe.engine.torch_state import TorchState
from torchpipe.errors import StallWarning

C = TypeVar("C", bound=Context)


class Crew(Ending):
    """Who is at work in a run, until it ends.

    Args:
        options: How the run shall be.

    Attributes:
        shared: What all threads have in common.
        state: What torch keeps for each thread: the same as in the one that started the run.
        contexts: The records of the work of all threads, and of that in the consumer's.
        threads: The threads that were started.
        inline_cells: The cells that run in the thread of whoever pulls or pushes.
    """

    def __init__(self, options: Options):
        super().__init__()
        self.window, self.sessions = options.window, options.sessions
        self.shared, self.state = Shared(options.seed), TorchState()
        self.contexts: list[Context] = []
        self.threads: list[StageThread] = []
        self.inline_cells: list[Cells] = []
        self._guard = StallGuard(self.contexts, options.stall_after)

    def context(self, track: Track) -> Context:
        """The record of a thread's work."""
        made = Context(self.shared, track.clone, track)
        made.copies = Copies(made) if self.sessions else None
        return self.keep(made)

    def keep(self, context: C) -> C:
        """Watch this record, too, for what is stuck."""
        self.contexts.append(context)
        return context

    def all_cells(self) -> list[Cells]:
        """The cells of all threads, and those of the consumer's."""
        return [*(stage.cells for stage in self.threads), *self.inline_cells]

    # -- threads come and go

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

    def forget_ended(self) -> None:
        """Drop the threads that have ended, and the records of their work."""
        with self._lock:
            ended = [stage for stage in self.threads if not stage.thread.is_alive()]
            gone = {id(stage.cells.context) for stage in ended}
            self.contexts[:] = [context for context in self.contexts if id(context) not in gone]
            self.threads[:] = [stage for stage in self.threads if stage not in ended]

    def join(self, wait: float | None) -> None:
        """Wait until all threads have ended, at most so many seconds; None waits for ever."""
        deadline = None if wait is None else monotonic() + wait
        for stage in [*self.threads]:  # `forget_ended` may shorten the list meanwhile
            if stage.thread is not threading.current_thread():
                stage.thread.join(None if deadline is None else max(0.0, deadline - monotonic()))
        self._warn_stuck()

    def _warn_stuck(self) -> None:
        """Name the calls that did not return in time; their threads are left behind."""
        alive = [stage for stage in self.threads if stage.thread.is_alive()]
        others = [stage for stage in alive if stage.thread is not threading.current_thread()]
        if others and not sys.is_finalizing():
            calls = stuck_calls(stage.cells.context for stage in others)
            names = ", ".join(stage.thread.name for stage in others)
            text = "\n".join(calls) or f"{names} did not end."
            warnings.warn(f"the run stopped, but a call has not returned. {text}", StallWarning, 5)

    # -- the consumer waits for them

    def wait(self, lock: Any) -> None:
        """Acquire a lock for the consumer, and warn if nothing moves."""
        while not lock.acquire(True, self._guard.timeout):
            self._guard.look()

    def patiently(self, queue: SimpleQueue[Any]) -> Any:
        """Take what comes through a queue, and warn if nothing moves."""
        while True:
            try:
                return queue.get(timeout=self._guard.after)
            except Empty:
                self._guard.look()
