"""`Autoscaler`: a thread that scales cells with `clones="auto"`, by what snapshots tell.

While the run is idle it sleeps, without a timeout: the next item that enters a ring wakes it.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from torchpipe.engine.planning.period import Period, between
from torchpipe.engine.planning.scaler import Scaler
from torchpipe.engine.scaling import rescale
from torchpipe.engine.telemetry.gil import GilWatch, Samples, looking
from torchpipe.engine.telemetry.idleness import Idleness
from torchpipe.engine.telemetry.onlooker import Onlooker
from torchpipe.engine.telemetry.snapshot import statistics
from torchpipe.engine.telemetry.statistics import Statistics
from torchpipe.errors import Stopped

if TYPE_CHECKING:
    from torchpipe.engine.core import Core

EVERY = 1.0
"""Seconds from one look to the next."""

ENOUGH = 20
"""Results that it takes to judge; until they are there, the period goes on."""

IDLE = 2.0
"""Seconds without any progress after which it sleeps."""


class Autoscaler(Onlooker):
    """Scales while the run is at work.

    Args:
        core: The run.
        most: The cells to scale, and the most clones of each.
    """

    def __init__(self, core: Core, most: dict[str, int]):
        super().__init__(core)
        self.scaler = Scaler(most)
        self._woken = threading.Event()
        self._idle = Idleness(core)
        self._gil: GilWatch | None = None
        self.start("autoscaler", self._run)

    def leave(self, path: str) -> None:
        """Somebody else says from now on how many clones this cell has."""
        most = self.scaler.most.items()
        self.scaler.most = {other: count for other, count in most if other != path}

    def interrupt(self) -> list[BaseException]:
        """The run stops: it must not fall asleep again."""
        errors = super().interrupt()
        self._woken.set()
        return errors

    def _run(self) -> None:
        with suppress(Stopped):
            while not self.over.is_set():
                self._sleep()
                self._work()

    def _sleep(self) -> None:
        """Wait until an item enters a ring."""
        self._woken.clear()
        for part in self.core.rings:
            part.probes.wake(self._woken.set)
        if not self.over.is_set():
            self._woken.wait()

    def _work(self) -> None:
        """Look at the run now and then, and scale, until it is idle."""
        before, seen = self._seen()
        while not self.over.wait(EVERY) and not self._idle.lasts(IDLE):
            now, samples = self._seen()
            period = between(before, now, samples.since(seen))
            if period.results >= ENOUGH:
                self._scale(period)
                before, seen = self._seen()

    def _seen(self) -> tuple[Statistics, Samples]:
        """What the run has done up to now, and how long the GIL was held."""
        self._gil = looking(self.core, self._gil)
        return statistics(self.core), Samples() if self._gil is None else self._gil.samples

    def _scale(self, period: Period) -> None:
        for path, count in self.scaler.decide(period).items():
            if path in self.scaler.most:  # nobody took it over meanwhile
                rescale(self.core, path, count)
            self.over.wait(EVERY / 2)  # what is between two numbers of clones tells of neither


def autoscaler(core: Core) -> Autoscaler | None:
    """What scales the cells of a run by itself; None if there are none."""
    nodes = [stage.node for part in core.rings for stage in part.plan.parallel]
    most = {node.path: node.most for node in nodes if node.most is not None and node.most > 1}
    return Autoscaler(core, most) if most else None
