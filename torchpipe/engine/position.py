"""`Position`: where a run is in its stream; and `Start`: where an epoch starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torchpipe.errors import RunError


class Position(NamedTuple):
    """What the consumer of a run gets next: `run.seek(*position)` goes there.

    Attributes:
        epoch: The epoch, from 0.
        item: The number of the next item of the sources, or of those that `map` was given.
        result: The number of the next result. It is that of the item, unless a cell that yields
            numbers the results anew.
    """

    epoch: int = 0
    item: int = 0
    result: int = 0


@dataclass(frozen=True)
class Start:
    """Where an epoch starts.

    Attributes:
        epoch: The epoch, from 0.
        step: How far the numbers of the items are apart: of those that the sources give, only
            every so many-th is used.
        numbers: The first number of each region, by the path of the cell that starts it, "" for the
            first region; regions that are left out start at 0.
        sought: Whether the sources must be told.
        position: What the consumer gets next; what comes before is run, and thrown away.
        ended: The regions whose stream had ended before.
        pending: For each region, what the cell that starts it gave, and was not taken.
        resets: Whether all cells are reset there, after they were given what they remembered.
    """

    epoch: int = 0
    step: int = 1
    numbers: Mapping[str, int] = field(default_factory=dict)
    sought: bool = False
    position: Position = field(default_factory=Position)
    ended: frozenset[str] = frozenset()
    pending: Mapping[str, list[Any]] = field(default_factory=dict)
    resets: bool = False

    @classmethod
    def of(cls, epoch: int) -> Start:
        """The start of a whole epoch."""
        return cls(epoch, position=Position(epoch))

    @property
    def item(self) -> int:
        """The number of the first item."""
        return self.numbers.get("", 0)


def start_at(position: Position, step: int, last: str) -> Start:
    """Where an epoch starts, if it does at this position.

    Args:
        position: What the consumer gets next.
        step: How far the numbers of the items are apart.
        last: The region that the results come from.

    Raises:
        RunError: A number is negative, or the step is not at least 1.
    """
    epoch, item, result = position
    if min(position) < 0 or step < 1:
        raise RunError(
            f"cannot seek epoch {epoch}, item {item}, result {result} with step={step}: numbers "
            f"are counted from 0, and a step is at least 1."
        )
    numbers = {last: result, "": item}
    return Start(epoch, step, numbers, True, Position(epoch, item, numbers[last]))


def taking() -> RunError:
    """What those get who want the position to be another while it changes."""
    return RunError(
        "cannot do this now: a result is being taken, by another thread or by the caller of this "
        "cell. Do it in the thread that takes the results, between two of them."
    )
