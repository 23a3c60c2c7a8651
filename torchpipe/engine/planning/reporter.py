"""`Reporter`: reports of a run, each from where the last one ended."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from torchpipe.engine.planning.period import between
from torchpipe.engine.planning.report import Report
from torchpipe.engine.telemetry.gil import GilWatch, Samples, looking
from torchpipe.engine.telemetry.snapshot import statistics
from torchpipe.engine.telemetry.statistics import Statistics

if TYPE_CHECKING:
    from torchpipe.engine.core import Core


class Reporter:
    """Reports to one reader; those of others do not end where its own do.

    The first report lets a thread look at the GIL from then on, while the run is at work; so what
    the GIL limits is known from the second report on.

    Attributes:
        core: The run's.
    """

    def __init__(self, core: Core):
        self.core = core
        self._reported: tuple[Statistics | None, Samples] = None, Samples()
        self._gil: GilWatch | None = None
        self._lock = threading.Lock()

    def report(self) -> Report:
        """What happened since the last report, or since the start of the run."""
        with self._lock:
            self._gil = looking(self.core, self._gil)
            samples = Samples() if self._gil is None else self._gil.samples
            (before, seen), now = self._reported, statistics(self.core)
            self._reported = now, samples
        return Report(between(before, now, samples.since(seen)))

    def close(self) -> None:
        """Look at the GIL no more."""
        with self._lock:
            if self._gil is not None:
                self._gil.interrupt()
