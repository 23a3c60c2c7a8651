"""`Scalars`: what a run tells of itself, written to TensorBoard while it goes on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol, Self

from torchpipe.engine.planning.period import Period, between
from torchpipe.engine.telemetry.onlooker import Onlooker
from torchpipe.engine.telemetry.snapshot import statistics
from torchpipe.engine.telemetry.statistics import CellStatistics, PathStatistics, Statistics
from torchpipe.engine.threads import StageThread
from torchpipe.errors import RunError

if TYPE_CHECKING:
    from torchpipe.engine.core import Core

STATES = ("busy", "starved", "blocked")


class Writer(Protocol):
    """A `SummaryWriter`: that of torch, of tensorboardX, or anything like it."""

    def add_scalar(self, tag: str, value: float, step: int) -> Any:
        """Write a number."""


class Scalars(Onlooker):
    """Writes figures while a `with` block lasts: see `Run.scalars`.

    Args:
        core: The run.
        writer: Where they go; it is called in a thread of its own.
        every: Seconds from one time to the next.
    """

    def __init__(self, core: Core, writer: Writer, every: float):
        super().__init__(core)
        if every <= 0:
            raise RunError(f"cannot write scalars every {every} seconds: give more than 0.")
        self.writer, self.every = writer, every
        self._before: Statistics | None = None
        self._thread: StageThread | None = None

    def __enter__(self) -> Self:
        self._before = statistics(self.core)
        self._thread = self.start("scalars", self._run)
        return self

    def __exit__(self, *_: object) -> None:
        """The last figures are those up to here."""
        self.over.set()
        assert self._thread is not None
        self._thread.thread.join()
        self.write()

    def _run(self) -> None:
        while not self.over.wait(self.every):
            self.write()

    def write(self) -> None:
        """Write what has happened since the last time."""
        before, self._before = self._before, statistics(self.core)
        for tag, value in scalars(between(before, self._before)).items():
            self.writer.add_scalar(tag, value, self._before.items)


def scalars(period: Period) -> dict[str, float]:
    """The figures of a period, by tag: the quantity first, by which TensorBoard groups them."""
    found: dict[str, float | None] = {"rate/results": period.rate}
    for path in period.paths:
        found |= of_path(path)
    for cell in period.cells:
        found |= of_cell(cell, period.seconds)
    return {tagged(name): value for name, value in found.items() if value is not None}


def of_path(path: PathStatistics) -> dict[str, float | None]:
    """How long items took on a way, in seconds, and how many are on it."""
    name = f"{path.source}-{path.sink}"
    return {
        f"in_flight/{name}": path.in_flight,
        f"latency_p50/{name}": path.latency.percentile(0.5),
        f"latency_p99/{name}": path.latency.percentile(0.99),
    }


def of_cell(cell: CellStatistics, seconds: float) -> dict[str, float | None]:
    """How much a cell did, in which state it was, and how many items wait for it."""
    life = sum(getattr(cell, state) for state in STATES)
    shares = {f"{s}/{cell.path}": getattr(cell, s) / life if life else None for s in STATES}
    return shares | {
        f"rate/{cell.path}": cell.items / seconds if seconds else None,
        f"clones/{cell.path}": cell.clones if cell.scaled else None,
        f"queue/{cell.path}": cell.queue,
        f"service_p50/{cell.path}": cell.service.percentile(0.5),
        f"service_p99/{cell.path}": cell.service.percentile(0.99),
    }


def tagged(name: str) -> str:
    """A tag that TensorBoard takes as it is."""
    return "torchpipe_" + re.sub(r"[^-/\w.]+", "_", name)
