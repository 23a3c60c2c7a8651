"""`Period`: what happened between two snapshots, and what one result asks of whom."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from torchpipe.engine.telemetry.statistics import CellStatistics, PathStatistics, Statistics

CONSUMER = "the consumer"


@dataclass(frozen=True)
class Station:
    """What can do one thing at a time for each of its clones: a scaled-up cell, or a thread.

    Attributes:
        path: The cell; of a thread, what it spent most of its time on.
        thread: "clones", or the name of the thread.
        work: Seconds of work in the period, of all clones together.
        each: Seconds of work for one result.
        clones: How many there were, on average.
        seconds: How long the period was.
    """

    path: str
    thread: str
    work: float
    each: float
    clones: float
    seconds: float

    @property
    def scaled(self) -> bool:
        """Whether it is a scaled-up cell."""
        return self.thread == "clones"

    @property
    def utilisation(self) -> float:
        """Which part of its time it worked: U = busy / (c T)."""
        return self.work / (self.clones * self.seconds) if self.clones and self.seconds else 0.0


@dataclass(frozen=True)
class Period:
    """What happened between two snapshots.

    Attributes:
        seconds: How long it was.
        results: How many results there were.
        cells: What each cell did in it; clones and queue are those at its end.
        paths: How long items took; those in flight are those at its end.
        consumer: Seconds in which nobody asked for a result; None if items are submitted.
        cpu: Seconds of CPU time of this process.
        window: Most items alive in each region.
        gil: Which part of the time the GIL was held; None if nobody looked.
        cores: The CPUs that this process may use.
        gpus: Seconds for which each GPU was at work, by its name.
    """

    seconds: float
    results: int
    cells: tuple[CellStatistics, ...]
    paths: tuple[PathStatistics, ...]
    consumer: float | None
    cpu: float
    window: int
    gil: float | None = None
    cores: int = 1
    gpus: Mapping[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Results per second."""
        return self.results / self.seconds if self.seconds else 0.0

    @cached_property
    def stations(self) -> list[Station]:
        """All who work: each scaled-up cell, each thread."""
        scaled = [self._scaled(cell) for cell in self.cells if cell.scaled]
        threads = dict.fromkeys(cell.thread for cell in self.cells if not cell.scaled)
        if self.consumer is not None:
            threads["consumer"] = None
        return [*scaled, *(self._thread(name) for name in threads)]

    def _scaled(self, cell: CellStatistics) -> Station:
        life = cell.busy + cell.starved + cell.blocked
        clones = life / self.seconds if self.seconds else cell.clones
        return Station(cell.path, "clones", cell.busy, self._each(cell), clones, self.seconds)

    def _thread(self, name: str) -> Station:
        cells = [cell for cell in self.cells if cell.thread == name and not cell.scaled]
        works, each = {cell.path: cell.busy for cell in cells}, sum(map(self._each, cells))
        if name == "consumer" and self.consumer is not None:
            works[CONSUMER] = self.consumer
            each += self.consumer / self.results if self.results else 0.0
        path = max(works, key=works.__getitem__)
        return Station(path, name, sum(works.values()), each, 1, self.seconds)

    def _each(self, cell: CellStatistics) -> float:
        """Seconds of work of a cell for one result: V S, visits times service time.

        Visits are those of its region: a cell may be ahead of the results by a window.
        """
        if not cell.items or not self.results:
            return 0.0
        ended = next(path.items for path in self.paths if path.source == cell.source)
        return ended / self.results * cell.busy / cell.items


def cores() -> int:
    """The CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def between(before: Statistics | None, after: Statistics, gil: float | None = None) -> Period:
    """What happened between two snapshots of a run; without the first, since it was ready."""
    cells = {(cell.path, cell.scaled): cell for cell in before.cells} if before is not None else {}
    paths = {path.source: path for path in before.paths} if before is not None else {}
    worked = {gpu.device: gpu.busy for gpu in before.gpus} if before is not None else {}
    consumer = after.consumer
    if before is not None and before.consumer is not None and consumer is not None:
        consumer -= before.consumer
    return Period(
        seconds=after.time - (before.time if before is not None else 0.0),
        results=after.items - (before.items if before is not None else 0),
        cells=tuple(cell_since(cells.get((c.path, c.scaled)), c) for c in after.cells),
        paths=tuple(path_since(paths.get(path.source), path) for path in after.paths),
        consumer=consumer,
        cpu=after.cpu - (before.cpu if before is not None else 0.0),
        window=after.window,
        gil=gil,
        cores=cores(),
        gpus={gpu.device: gpu.busy - worked.get(gpu.device, 0.0) for gpu in after.gpus},
    )


def cell_since(before: CellStatistics | None, after: CellStatistics) -> CellStatistics:
    """What a cell did after a snapshot."""
    if before is None:
        return after
    cpu = None if after.cpu is None else after.cpu - (before.cpu or 0.0)
    gpu = None if after.gpu is None else after.gpu - (before.gpu or 0.0)
    return replace(
        after,
        items=after.items - before.items,
        busy=after.busy - before.busy,
        starved=after.starved - before.starved,
        blocked=after.blocked - before.blocked,
        cpu=cpu,
        gpu=gpu,
        service=after.service - before.service,
    )


def path_since(before: PathStatistics | None, after: PathStatistics) -> PathStatistics:
    """What came through a region after a snapshot."""
    if before is None:
        return after
    latency = after.latency - before.latency
    return replace(after, items=after.items - before.items, latency=latency)
