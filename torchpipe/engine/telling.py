"""`Telling`: what a run knows about its own work."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import cached_property
from os import PathLike
from typing import Any, TypeVar

from torchpipe.engine.core import Core
from torchpipe.engine.planning.report import Report
from torchpipe.engine.planning.reporter import Reporter
from torchpipe.engine.shared import DeadLetter
from torchpipe.engine.telemetry.recording import Recording, begin, end
from torchpipe.engine.telemetry.scalars import Scalars, Writer
from torchpipe.engine.telemetry.snapshot import statistics
from torchpipe.engine.telemetry.statistics import Statistics
from torchpipe.engine.telemetry.trace import MOST, Trace
from torchpipe.graph.pipeline import Pipeline

T = TypeVar("T")


class Telling:
    """The part of a `Run` that tells what it has done."""

    _core: Core

    @cached_property
    def _reporter(self) -> Reporter:
        return Reporter(self._core)

    @property
    def pipeline(self) -> Pipeline:
        """What runs."""
        return self._core.graph.pipeline

    @property
    def stopped(self) -> bool:
        """Whether it has ended."""
        return self._core.stopped

    @property
    def epoch(self) -> int:
        """The number of the current epoch, from 0."""
        return self._core.shared.epoch

    @property
    def window(self) -> int:
        """Most items alive in each region."""
        return self._core.window

    @property
    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """The items that were skipped because a cell failed on them: the last 1,000."""
        return tuple(self._core.shared.dead_letters)

    @property
    def skipped(self) -> int:
        """How many items were skipped so far because a cell failed on them."""
        return sum(tuple(self._core.shared.skipped.values()))

    def statistics(self) -> Statistics:
        """What each clone, each cell and each path has done so far; to iterate gives the clones.

        It may be called at any time, by any thread.
        """
        return statistics(self._core)

    def tap(self, path: str, see: Callable[[Any], T]) -> Future[T]:
        """Look at the next output of a cell, in passing: nothing is copied or kept.

        Outputs of cells inside a scaled-up pipeline cannot be seen, only its own.

        Args:
            path: The cell's dotted path.
            see: Called once with the output (several as a tuple), in the thread that got it from
                the cell, before any other cell has it; the item waits. It must not change or keep
                it. A value that one process made for another on another machine stays there: it is
                seen as a `torchpipe.engine.remote.held.Stored`.

        Returns:
            A future of what `see` returns or raises. `cancel` it to look no more. When the run
            ends, it gets `Stopped`.

        Raises:
            RunError: There is no such cell, or it has no outputs.
            Stopped: The run has ended.
        """
        self._core.refuse_stopped()
        return self._core.taps.look(path, see)

    def report(self) -> Report:
        """What happened since the last report, or since the start: print it.

        It tells which cell limits the pipeline, and why, and what one more clone of it would give.
        The first report also lets a thread look at the GIL from then on, while the run is at work;
        so what the GIL limits is known from the second report on.
        """
        return self._reporter.report()

    def trace(self, path: str | PathLike[str] | None = None, *, most: int = MOST) -> Trace:
        """Record what each clone does when: `with run.trace("trace.json"): ...`.

        The file is in the Chrome trace format: open it in Perfetto (ui.perfetto.dev), speedscope or
        chrome://tracing. There is a track for each clone, with all its calls; arrows follow each
        item from track to track. It begins with the items that enter from then on, at any time,
        and costs nothing before and after.

        Args:
            path: Where to write it at the end of the `with` block, also after an error; without,
                use `save`.
            most: Calls that are kept, the last ones: 100,000 take some 30 MB.

        Raises:
            RunError: The folder of the file is not there.
        """
        return Trace(self._core, path, most)

    def scalars(self, writer: Writer, *, every: float = 5.0) -> Scalars:
        """Write what cells do to TensorBoard: `with run.scalars(SummaryWriter("logs")): ...`.

        Rates in items per second, the share of time in each state, percentiles of service times and
        latencies in seconds, numbers of clones, items that wait. The step is the number of results.

        Args:
            writer: What has `add_scalar(tag, value, step)`: it is called in a thread of its own,
                and at the end of the block.
            every: Seconds from one time to the next.

        Raises:
            RunError: `every` is not more than 0; in the block, the run has ended.
        """
        return Scalars(self._core, writer, every)

    def record(self, recording: Recording) -> None:
        """Tell it of each call on items that enter from now on: for exporters."""
        begin(self._core, recording)

    def record_no_more(self, recording: Recording) -> None:
        """Tell it no more."""
        end(self._core, recording)

    def reporter(self) -> Reporter:
        """Reports to another reader, such as a live page: they leave those of `report` alone."""
        return Reporter(self._core)
