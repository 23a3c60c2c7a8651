"""`Telling`: what a run knows about its own work."""

from __future__ import annotations

import threading

from torchpipe.engine.context import DeadLetter
from torchpipe.engine.core import Core
from torchpipe.engine.gil import GilWatch, Samples, looking
from torchpipe.engine.period import between
from torchpipe.engine.report import Report
from torchpipe.engine.snapshot import statistics
from torchpipe.engine.statistics import Statistics


class Telling:
    """The part of a `Run` that tells what it has done."""

    _core: Core

    def __init__(self) -> None:
        self._reported: tuple[Statistics | None, Samples] = None, Samples()
        self._gil: GilWatch | None = None
        self._reporting = threading.Lock()

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

    def statistics(self) -> Statistics:
        """What each clone, each cell and each path has done so far; to iterate gives the clones.

        It may be called at any time, by any thread.
        """
        return statistics(self._core)

    def report(self) -> Report:
        """What happened since the last report, or since the start: print it.

        It tells which cell limits the pipeline, and why, and what one more clone of it would give.
        The first report also lets a thread look at the GIL from then on, while the run is at work;
        so what the GIL limits is known from the second report on.
        """
        with self._reporting:
            self._gil = looking(self._core, self._gil)
            samples = Samples() if self._gil is None else self._gil.samples
            (before, seen), now = self._reported, self.statistics()
            self._reported = now, samples
        return Report(between(before, now, samples.since(seen)))
