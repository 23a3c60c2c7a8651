"""`Recording`: who is told of each call of a cell, while somebody wants to know.

Nothing is measured for it that is not measured anyway: some items are timed always, call by call;
while anybody records, all that enter from then on are (see `Timing`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from torchpipe.graph.clone import Clone, ThreadClone
from torchpipe.graph.plan import RegionPlan, Serial

if TYPE_CHECKING:
    from torchpipe.engine.core import Core


class Track:
    """Whose calls come one after the other: those of a clone, or of a serial stage.

    Attributes:
        name: The path of the cell, and the number of the clone; or the paths of all cells.
        region: What numbers its items: the key of the region's plan.
        clone: The clone.
    """

    def __init__(self, name: str, region: str, clone: Clone):
        self.name, self.region, self.clone = name, region, clone


def serial_track(plan: RegionPlan, stage: Serial) -> Track:
    """That of a serial stage."""
    names = [node.path for node in stage.nodes if node.cell is not None]
    return Track(" + ".join(names or ["inputs"]), plan.key, ThreadClone())


class Called(NamedTuple):
    """A call of a cell has returned.

    A cell that yields has one for each value that it gave, and one for the rest of its call.

    Attributes:
        track: Who called it.
        path: The path of the cell.
        epoch: The epoch, from 0.
        items: The number of the item; several, for a batch.
        began: When, by `perf_counter` of this process.
        ended: When.
    """

    track: Track
    path: str
    epoch: int
    items: tuple[int, ...]
    began: float
    ended: float


class Failed(NamedTuple):
    """A cell has raised an error; told before the call is.

    Attributes:
        track: Who called it.
        path: The path of the cell.
        epoch: The epoch, from 0.
        item: The number of the item.
        when: When that was known, by `perf_counter`.
        error: The error.
        skipped: Whether the item was skipped, and all others go on.
    """

    track: Track
    path: str
    epoch: int
    item: int
    when: float
    error: BaseException
    skipped: bool


class Passed(NamedTuple):
    """An item has entered a region, or left it.

    Attributes:
        region: The key of the region's plan.
        epoch: The epoch, from 0.
        item: Its number.
        when: When, by `perf_counter`.
    """

    region: str
    epoch: int
    item: int
    when: float


class Recording(Protocol):
    """What is told; by many threads at once, of items that entered after it began."""

    def entered(self, passed: Passed) -> None:
        """An item has entered a region with clones; told in the thread that put it in."""

    def called(self, called: Called) -> None:
        """A call has returned."""

    def failed(self, failed: Failed) -> None:
        """A cell has raised an error."""

    def left(self, passed: Passed) -> None:
        """An item has left its region, or went wrong there."""


class Silent:
    """Is told, and does nothing with it: as long as it is, all items are timed."""

    def entered(self, passed: Passed) -> None:
        """Nothing."""

    def called(self, called: Called) -> None:
        """Nothing."""

    def failed(self, failed: Failed) -> None:
        """Nothing."""

    def left(self, passed: Passed) -> None:
        """Nothing."""


def begin(core: Core, recording: Recording) -> None:
    """Tell it of all items that enter from now on."""
    shared = core.shared
    with shared.lock:
        shared.recordings = (*shared.recordings, recording)
    for part in core.parts.values():
        part.time_all()


def end(core: Core, recording: Recording) -> None:
    """Tell it no more."""
    shared = core.shared
    with shared.lock:
        shared.recordings = tuple(other for other in shared.recordings if other is not recording)
