"""`Telling`: what a run knows about its own work."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import cached_property
from typing import Any, TypeVar

from torchpipe.engine.context import DeadLetter
from torchpipe.engine.core import Core
from torchpipe.engine.report import Report
from torchpipe.engine.reporter import Reporter
from torchpipe.engine.snapshot import statistics
from torchpipe.engine.statistics import Statistics
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
                seen as a `torchpipe.engine.held.Stored`.

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

    def reporter(self) -> Reporter:
        """Reports to another reader, such as a live page: they leave those of `report` alone."""
        return Reporter(self._core)
