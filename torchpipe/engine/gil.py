"""`GilWatch`: which part of the time the GIL is held, found out by asking for it now and then.

No interface of Python tells. A thread that wakes up needs the GIL: if that is held, it goes on
late. The share of late ones is the share of time, by as many samples as there were. This is how
gilknocker does it, a tool of Dask. One sample takes a few microseconds, every 10 ms or so.
"""

from __future__ import annotations

import random
import sys
import threading
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from torchpipe.engine.context import Context
from torchpipe.engine.process import NoState
from torchpipe.engine.threads import Cells
from torchpipe.graph.clone import ThreadClone

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


class GilWatch(Cells):
    """Looks at the GIL until the run ends, or is idle; for its thread it stands for cells.

    Attributes:
        samples: How many there were.
        held: How many found it held.
    """

    def __init__(self, core: Core):
        super().__init__([], Context(core.shared, ThreadClone()))
        self.core = core
        self.samples = self.held = 0
        self._over = threading.Event()
        self._progress: tuple[object, float] = (None, perf_counter())
        self.thread = core.start("GIL", self, self._run, NoState())

    @property
    def works(self) -> bool:
        """Whether it still looks."""
        return self.thread.thread.is_alive()

    def interrupt(self) -> list[BaseException]:
        """The run stops."""
        self._over.set()
        return []

    def share(self) -> float | None:
        """The share of time in which the GIL was held since this was asked last, if it is known."""
        samples, held = self.samples, self.held
        self.samples = self.held = 0
        noticed = 1 - LATE / max(sys.getswitchinterval(), 2 * LATE)  # others give it up just then
        return min(1.0, held / samples / noticed) if samples >= ENOUGH else None

    def _run(self) -> None:
        while not self._is_idle():
            pause = PAUSE * random.uniform(0.5, 1.5)
            began, delayed = perf_counter(), run_delay()
            if self._over.wait(pause):
                return
            late = perf_counter() - began - pause - (run_delay() - delayed)
            self.samples += 1
            self.held += late > LATE

    def _is_idle(self) -> bool:
        """Whether nothing has moved for a while, and nobody is in a call."""
        progress = [(context.count, context.number) for context in self.core.contexts]
        before, since = self._progress
        if progress != before or not all(context.rests for context in self.core.contexts):
            self._progress = progress, perf_counter()
            return False
        return perf_counter() - since > IDLE


def run_delay() -> float:
    """Seconds for which this thread waited for a CPU so far, where Linux tells."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    return 0.0
