"""`GilWatch`: which part of the time the GIL is held, found out by asking for it now and then.

No interface of Python tells. A thread that wakes up needs the GIL: if that is held, it goes on
late. The share of late ones is the share of time, by as many samples as there were. This is how
gilknocker does it, a tool of Dask. One sample takes a few microseconds, every 10 ms or so.
"""

from __future__ import annotations

import os
import random
import sys
from contextlib import closing, suppress
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from torchpipe.engine.telemetry.idleness import Idleness
from torchpipe.engine.telemetry.onlooker import Onlooker
from torchpipe.errors import Stopped

if TYPE_CHECKING:
    from torchpipe.engine.core import Core

PAUSE = 0.01
"""Seconds between two samples, on average; of random length, to be in step with nothing."""

LATE = 0.0003
"""Seconds late from which on the GIL was held: an idle machine takes a third of that."""

IDLE = 1.0
"""Seconds without any progress after which nobody looks any more: idle costs no CPU."""

ENOUGH = 20
"""Samples that it takes to say anything."""


class Samples(NamedTuple):
    """How many there were, and how many found the GIL held."""

    all: int = 0
    held: int = 0

    def since(self, before: Samples) -> float | None:
        """The share of time in which the GIL was held, if it is known."""
        count, held = self.all - before.all, self.held - before.held
        noticed = 1 - LATE / max(sys.getswitchinterval(), 2 * LATE)  # others give it up just then
        return min(1.0, held / count / noticed) if count >= ENOUGH else None


class GilWatch(Onlooker):
    """Looks at the GIL until the run ends, or is idle.

    Attributes:
        samples: Those that it has taken, and those of the watch before it.
    """

    def __init__(self, core: Core, samples: Samples):
        super().__init__(core)
        self.samples, self._idle = samples, Idleness(core)
        self.thread = self.start("GIL", self._run)

    @property
    def works(self) -> bool:
        """Whether it still looks."""
        return self.thread.thread.is_alive()

    def _run(self) -> None:
        with closing(RunDelay()) as delay:
            while not self._idle.lasts(IDLE):
                pause = PAUSE * random.uniform(0.5, 1.5)
                began, delayed = perf_counter(), delay.seconds()
                if self.over.wait(pause):
                    return
                late = perf_counter() - began - pause - (delay.seconds() - delayed)
                self.samples = Samples(self.samples.all + 1, self.samples.held + (late > LATE))


def looking(core: Core, watch: GilWatch | None) -> GilWatch | None:
    """A watch that looks, if the run has clones that could want the GIL; this one, if it does."""
    if not core.rings or (watch is not None and watch.works):
        return watch
    with suppress(Stopped):
        return GilWatch(core, Samples() if watch is None else watch.samples)
    return watch


class RunDelay:
    """For how long the thread that makes this has waited for a CPU, where Linux tells.

    The file stays open: to open it a hundred times a second took two percent of a core.
    """

    def __init__(self) -> None:
        self._file: int | None = None
        with suppress(OSError):
            self._file = os.open("/proc/thread-self/schedstat", os.O_RDONLY)

    def seconds(self) -> float:
        """So far."""
        if self._file is None:
            return 0.0
        with suppress(OSError, ValueError, IndexError):
            return int(os.pread(self._file, 100, 0).split()[1]) / 1e9
        return 0.0

    def close(self) -> None:
        """Ask no more."""
        if self._file is not None:
            os.close(self._file)
