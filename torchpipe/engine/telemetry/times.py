"""`Times`: how long a thread has worked and waited; read from outside, while it goes on.

Each time is one number, so that another thread reads it whole: seconds so far; and while an
interval is open, less by the clock at its beginning: then it is negative. Floats, as Python adds
them faster than integers of the size of nanoseconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from time import perf_counter
from typing import Any

from torchpipe.engine.telemetry.distribution import Histogram

EVERY = 0.001
"""Seconds from one item that is timed to the next, about."""


class Times:
    """The times of one thread: see the top of this file.

    Attributes:
        busy: At work.
        waited: In a wait that others count as work: the consumer's, or a caller's.
        began: When it was ready to work, by `perf_counter`; None before that.
        ended: When it was over; None while it is not.
        service: How long items took, some of them.
        due: When an item shall be timed again, by `perf_counter`.
    """

    __slots__ = ("_clock", "_spent", "began", "busy", "due", "ended", "service", "waited")

    def __init__(self) -> None:
        self.busy, self.waited = 0.0, 0.0
        self.began: float | None = None
        self.ended: float | None = None
        self.service, self.due = Histogram(), 0.0
        self._clock: int | None = None
        self._spent: float | None = None

    def start(self, *, own: bool = False) -> None:
        """It is ready to work.

        Args:
            own: Whether the thread that calls this has nothing else to do.
        """
        if own and hasattr(time, "pthread_getcpuclockid"):
            self._clock = time.pthread_getcpuclockid(threading.get_ident())
        self.began = perf_counter()

    def end(self) -> None:
        """It is over."""
        self._spent, self._clock = self.cpu, None
        self.pause()
        self.ended = perf_counter()

    def work(self) -> None:
        """The thread starts to work: from here on it is busy."""
        self.busy -= perf_counter()

    def rest(self) -> None:
        """The thread starts to wait."""
        self.busy += perf_counter()

    def pause(self) -> None:
        """The thread works no longer, if it did."""
        if self.busy < 0:
            self.rest()

    def wait(self, acquire: Callable[..., Any], *lock: Any) -> None:
        """A wait that others count as work: `acquire(*lock)`."""
        self.waited -= perf_counter()
        try:
            acquire(*lock)
        finally:
            self.waited += perf_counter()

    @property
    def rests(self) -> bool:
        """Whether the thread waits, or is about to."""
        return self.busy >= 0

    def busy_until(self, now: float) -> float:
        """Seconds at work, the open interval included."""
        return until(self.busy, now)

    def waited_until(self, now: float) -> float:
        """Seconds of waits that others count as work, the open one included."""
        return until(self.waited, now)

    def life_until(self, now: float) -> float:
        """Seconds since it was ready."""
        ended = now if self.ended is None else min(now, self.ended)
        return 0.0 if self.began is None else max(0.0, ended - self.began)

    @property
    def cpu(self) -> float | None:
        """Seconds of CPU time of the thread; None where nobody tells."""
        clock = self._clock
        if clock is None:
            return self._spent
        try:
            return time.clock_gettime(clock)
        except OSError:  # it has ended just now
            return self._spent


def until(time: float, now: float) -> float:
    """A time with its open interval, if there is one."""
    return time if time >= 0 else max(0.0, time + now)
