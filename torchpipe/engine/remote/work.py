"""What goes to a clone in another process, and what comes back: `Definition`, `Work`, `Report`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torchpipe.engine.remote.failure import Failure
from torchpipe.engine.remote.held import Holds
from torchpipe.engine.saving.cut import Cut
from torchpipe.engine.shared import DeadLetter
from torchpipe.engine.torch_state import TorchState
from torchpipe.graph.cell import Cell
from torchpipe.graph.policy import Skip

Parameters = list[dict[str, Any]]
TimedCall = tuple[tuple[int, ...], float, float]


@dataclass(frozen=True)
class Definition:
    """All that makes a clone.

    Attributes:
        owner: What is scaled up; a `ScaleUp`, so that the paths inside it are right.
        path: The path of the cell.
        bundled: Whether all that a generator yields for an item is to be returned as one list.
        names: The names of the arguments that are passed by name; they come last.
        holds: The outputs that clones elsewhere need, or None.
        state: The torch state to set.
        seed: The seed of the run.
    """

    owner: Any
    path: str
    bundled: bool
    names: tuple[str, ...]
    holds: Holds | None
    state: TorchState
    seed: int

    @property
    def cell(self) -> Cell:
        """The cell, or the pipeline that is scaled up as a whole."""
        cell: Cell = self.owner.cell
        return cell


class Work(NamedTuple):
    """The items of one call.

    Attributes:
        numbers: Their numbers.
        rows: Their arguments.
        parameters: The values of all live parameters, if they changed.
        cuts: Those before which the states are to be told, and whether each is a hole.
        timed: Whether each call of the cell is to be timed.
    """

    numbers: list[int]
    rows: list[tuple[Any, ...]]
    parameters: Parameters | None = None
    cuts: dict[int, bool] | None = None
    timed: bool = False

    def between(self, first: int, last: int) -> Work:
        """Some of the items."""
        return self._replace(numbers=self.numbers[first:last], rows=self.rows[first:last])


@dataclass
class Report:
    """What came of a call.

    Attributes:
        results: For each item its result, or a `Failure`.
        busy: Nanoseconds spent in the cells.
        seen: How many items each cell with an error policy has seen.
        letters: What was skipped: the letters, their errors, and the policies.
        size: Bytes of the items on their way there, or back, whichever are more.
        sent: Bytes that the process which sent the items copied for that.
        received: Bytes of the results on their way back.
        parcel: What the cluster knows the results by that it stores, or None.
        cuts: What the cells remembered at each cut.
        cpu: Nanoseconds of CPU time that its process spent meanwhile.
        gpu: Seconds for which it waited for its GPU meanwhile; None without one.
        memory: Bytes that it holds there.
        calls: The calls of the cell, if they were to be timed: their items, and when they began and
            ended, by the clock of its process.
    """

    results: list[Any]
    busy: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    letters: list[tuple[DeadLetter, Failure, Skip]] = field(default_factory=list)
    size: int = 0
    sent: int = 0
    received: int = 0
    parcel: Any = None
    cuts: list[Cut] = field(default_factory=list)
    cpu: int = 0
    calls: list[TimedCall] = field(default_factory=list)
    gpu: float | None = None
    memory: int | None = None
