"""`Run`: a pipeline in motion, as users hold it."""

from __future__ import annotations

import threading
import traceback
import weakref
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

from torchpipe.engine.core import Core
from torchpipe.engine.entry import Entry
from torchpipe.engine.notes import note
from torchpipe.engine.options import Options, refuse_impossible
from torchpipe.engine.planning.autoscaling import autoscaler
from torchpipe.engine.results import Several
from torchpipe.engine.saving.resuming import Resuming
from torchpipe.engine.session import Session
from torchpipe.engine.steering import Steering
from torchpipe.engine.telling import Telling
from torchpipe.errors import RunError, Stopped
from torchpipe.graph.flat import leaves
from torchpipe.graph.pipeline import Pipeline
from torchpipe.graph.plan import Plan

FORGOTTEN = 5.0
"""Longest time in seconds to wait for the threads of a run that nobody holds any more."""


class Run(Steering, Resuming, Telling, Several):
    """A pipeline in motion: iterate over it, pull, submit, map; scale and set while it runs.

    Use it in a `with` block. At the end of the block, and on any error, everything stops: threads
    end when the call that they are in returns, and cells are torn down.

    Args:
        pipeline: What to run; it is checked first.
        window: Most items alive in each region. More lets scaled-up cells run further ahead of a
            slow item; fewer hold less memory. Default: the pipeline's own `window` if it has one;
            else 8 for each clone, and at least 64, or 128 if there are Ray clones.
        items: End each epoch after so many items of the sources, as if they had no more.
        seed: What the randomness of all cells comes from, any integer: see `Cell.seed`.
        stream: Take the items of an open pipeline as a stream, by `map` only, instead of each as a
            request of its own: every `map` is an epoch, and an error in a cell ends the run. By
            default so where a cell on the way to the results yields; with False, `results` gives
            all that each item becomes there.
        stall_after: Seconds without any progress, while the consumer waits, after which a
            `StallWarning` names who is stuck; None never warns.
        stop_after: Longest time in seconds that the end of the `with` block waits for a call that
            does not return; then a `StallWarning` names it, and its thread is left behind.
        ray_address: The Ray cluster that `tp.RayClone`s run in, such as "first-machine:6379";
            "local" starts one on this machine, which ends with the last run that needs it. Default:
            the cluster that this process is in already; else the one that `RAY_ADDRESS` names; else
            a local one. Without such clones nothing is joined.
        sessions: Most sessions of an open pipeline at a time: see `session`. Without any, all items
            are one stream to the cells that are stateful.

    Raises:
        CheckError: The pipeline cannot run; the error lists all findings.
        ClusterError: There is no such Ray cluster, or it has not what a clone asks for.
        RunError: `window` or `items` is too small, or the pipeline cannot have sessions.

    >>> import torchpipe as tp
    >>> class Sum(tp.Pipeline):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.add = tp.cell(lambda a, b: a + b)
    ...     def build(self, a, b):
    ...         return self.add(a, b)
    >>> with Sum().run() as run:
    ...     run(a=1, b=2), run.submit(3, 4).result(), list(run.map([(5, 6), (7, 8)]))
    (3, 7, [11, 15])
    """

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        window: int | None = None,
        items: int | None = None,
        seed: int = 0,
        stream: bool | None = None,
        stall_after: float | None = 30.0,
        stop_after: float | None = 10.0,
        ray_address: str | None = None,
        sessions: int = 0,
    ):
        pipeline.check()
        plan = Plan(pipeline)
        window = plan.default_window if window is None else window
        options = Options(
            window, items, seed, stream, stall_after, stop_after, ray_address, sessions
        )
        refuse_impossible(plan, options)
        self._definitions = {cell.path: cell for cell in leaves(pipeline)}
        self._core = Core(plan, options)
        self._finalizer = weakref.finalize(self, self._core.stop, FORGOTTEN)
        self._entry = Entry(self._core)
        self._pulling = threading.RLock()
        self._autoscaler = autoscaler(self._core)

    def __repr__(self) -> str:
        state = "stopped" if self._core.stopped else f"at {tuple(self.position)}"
        return f"<Run of {type(self._core.graph.pipeline).__name__}, {state}>"

    # -- results

    def __iter__(self) -> Iterator[Any]:
        """The results, in order. After the end of the stream, the next loop starts a new epoch.

        A loop that was left goes on where it stopped. All iterators of a run are one.
        """
        self._refuse_open()
        return self._core.epochs.results(self)

    def pull(self) -> Any:
        """The next result.

        Raises:
            StopIteration: The epoch has ended; the next call starts another.
        """
        with self._pulling:
            return next(iter(self))

    def _refuse_open(self) -> None:
        entry = self._core.graph.entry
        if entry is not None:
            names = ", ".join(entry.outputs)
            raise RunError(
                f"cannot iterate over the run: the pipeline waits for its inputs ({names}). "
                f"Use run.map(items), run.submit(...) or run(...)."
            )

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
        """Give an open pipeline one item; waits for room in the window.

        Args:
            *args: The inputs, in order.
            **kwargs: The inputs, by name.

        Returns:
            A future of the outputs; or of the error of this item, which affects no other one. After
            `future.cancel()` no stage takes the item any more: a call that is under way returns.
        """
        return self._entry.submit(args, kwargs)

    def submit_nowait(self, *args: Any, **kwargs: Any) -> Future[Any] | None:
        """The same from an event loop: None, and nothing has happened, where `submit` would block.

        It would where there is no room, or a cell that is not scaled up comes first.
        """
        return self._entry.submit_nowait(args, kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run an open pipeline on one item and return its outputs; or the list of its `results`."""
        if self._core.replying:
            return list(self.results(*args, **kwargs))
        return self.submit(*args, **kwargs).result()

    def session(self) -> Session:
        """Open a session: a stream of its own, for which stateful cells remember what is its own.

        Raises:
            RunError: The run was started without sessions; or as many are open as there may be.
        """
        self._core.refuse_stopped()
        return Session(self, self._entry)

    def map(self, items: Iterable[Any]) -> Iterator[Any]:
        """The outputs for each item, in order; reads `items` no further ahead than the window.

        Args:
            items: For a pipeline with one input, its values; with several, tuples or mappings.
        """
        return self._entry.map(self, items)

    # -- the end

    def drain(self) -> None:
        """Wait until all submitted items have left."""
        self._entry.drain()

    def stop(self) -> None:
        """Drop what is inside and end everything; returns when it has ended.

        Raises:
            BaseException: The first error that nobody got yet, such as one of a `teardown`.
        """
        self._end()

    def _end(self, error: BaseException | None = None) -> None:
        """End everything; what nobody got yet is raised, or noted on the error that is raised."""
        self._finalizer.detach()
        self._core.stop(self._core.stop_after)
        found = self._core.take_errors()
        if found and isinstance(error, Stopped):
            error = None  # it only says that there is a reason
        errors = [*([] if error is None else [error]), *found]
        for other in errors[1:]:
            if other is not errors[0]:
                text = "".join(traceback.format_exception_only(other)).strip()
                note(errors[0], f"and while the run stopped: {text}")
        if error is None and errors:
            raise errors[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None and not self._core.stopped:
                self.drain()
        except BaseException as raised:
            self._end(raised)
            raise
        self._end(error)
