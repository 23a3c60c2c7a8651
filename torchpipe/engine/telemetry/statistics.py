"""What a run has done so far, as frozen objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torchpipe.engine.telemetry.distribution import Distribution


@dataclass(frozen=True)
class CloneStatistics:
    """The work of one clone of a scaled-up cell, or of the fused cells of one serial stage.

    It is in one of three states: starved, busy or blocked. What it spent in each adds up to the
    time since it was ready; the interval that is still open counts.

    Attributes:
        path: The path of the cell, or of all cells of the stage, joined by " + ".
        clone: The clone, as text.
        scaled: Whether it is a clone of a scaled-up cell.
        items: Items done so far, in all epochs.
        busy: Seconds spent in the cells so far.
        sent: Bytes that were sent to the clone, if it is in another process.
        received: Bytes that came from it. Results that clones elsewhere need are not counted: they
            stay where they are.
        starved: Seconds without an item to work on.
        blocked: Seconds without room for another item, or until the consumer asked for the next.
        cpu: Seconds of CPU time of its thread or process; None where nobody tells, as in the
            consumer's thread. Work on a GPU takes none, waiting for the GIL neither.
        gpu: Seconds for which it waited for its GPU; None without one.
        memory: Bytes that it holds in the memory of its GPU; None without one.
    """

    path: str
    clone: str
    scaled: bool
    items: int
    busy: float
    sent: int = 0
    received: int = 0
    starved: float = 0.0
    blocked: float = 0.0
    cpu: float | None = None
    gpu: float | None = None
    memory: int | None = None


@dataclass(frozen=True)
class CellStatistics:
    """The work of a scaled-up cell, or of the fused cells of one serial stage.

    Its numbers only grow: those of clones that were called back are kept.

    Attributes:
        path: The path of the cell, or of all cells of the stage, joined by " + ".
        source: What numbers its items: the `source` of its path.
        scaled: Whether it is a scaled-up cell.
        thread: What runs it: "clones"; the name of a thread that several stages may share, such as
            "source"; or "consumer", the thread that takes the results.
        clones: How many clones there are now; 1 for a serial stage.
        items: Items done so far.
        busy, starved, blocked: Seconds in each state, of all clones together.
        cpu: Seconds of CPU time of all clones together; None where nobody tells.
        queue: Items that wait for it now.
        service: How long an item took, of some of its items: for a cell with batching a batch, for
            a Ray clone the mean of a call.
        gpu: Seconds for which its clones waited for GPUs, together; None without one.
    """

    path: str
    source: str
    scaled: bool
    thread: str
    clones: int
    items: int
    busy: float
    starved: float
    blocked: float
    cpu: float | None
    queue: int
    service: Distribution
    gpu: float | None = None


@dataclass(frozen=True)
class PathStatistics:
    """The way from where items are numbered to the last stage that keeps these numbers.

    Attributes:
        source: The sources or the cell that numbers the items.
        sink: The last cells, or "results".
        items: Items that reached the end, in all epochs.
        in_flight: Items that are on the way now.
        latency: How long items took, some of them.
    """

    source: str
    sink: str
    items: int
    in_flight: int
    latency: Distribution


@dataclass(frozen=True)
class GpuStatistics:
    """A GPU that thread clones of the run work on.

    Attributes:
        device: Its name, such as "cuda:0".
        busy: Seconds for which at least one clone waited for it: so long it was at work.
        used: Bytes of its memory that are in use, by whomever.
        capacity: All bytes of its memory.
    """

    device: str
    busy: float
    used: int = 0
    capacity: int = 0


@dataclass(frozen=True)
class Statistics:
    """What a run has done up to one moment; to iterate over it gives its clones.

    Attributes:
        time: Seconds since the run was ready.
        clones: Each clone and each serial stage.
        cells: Each scaled-up cell and each serial stage.
        paths: Each region; the last that leads to the results comes first.
        items: Results so far, in all epochs.
        consumer: Seconds in which nobody asked for the next result; None if items are submitted.
        cpu: Seconds of CPU time of this process since the run was ready.
        window: Most items alive in each region.
        gpus: The GPUs that its thread clones work on.
    """

    time: float
    clones: tuple[CloneStatistics, ...]
    cells: tuple[CellStatistics, ...]
    paths: tuple[PathStatistics, ...]
    items: int
    consumer: float | None
    cpu: float
    window: int
    gpus: tuple[GpuStatistics, ...] = ()

    def __iter__(self) -> Iterator[CloneStatistics]:
        return iter(self.clones)

    def __len__(self) -> int:
        return len(self.clones)
